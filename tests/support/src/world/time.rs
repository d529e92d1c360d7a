//! What happens because time passes: items expire, and changes arrive late in an index.

use super::{
    judge::{Done, check, is_of_the_disk},
    shape::{END, shapes},
    state::{State, Table},
    step::Read,
};
use hashrange::{
    Database,
    service::{Delay, IndexLag, StaleReplica},
};
use std::{sync::Arc, time::Duration};

/// Items that expired longer ago are left alone: five years of 365 days.
const FORGOTTEN_SECS: u64 = 5 * 365 * 24 * 60 * 60;
/// How long changes take to arrive while an index lags.
const LAG_MILLIS: u64 = 1_000;
/// The table and the index of it that lags.
const LAGGING: (usize, usize) = (1, 2);

/// A table and the key of an item.
pub type Place = (usize, (usize, usize));

impl State {
    /// The items whose time to live has ended.
    pub fn expired(&self, now_secs: u64) -> Vec<Place> {
        let ends = (now_secs.saturating_sub(FORGOTTEN_SECS) + 1)..now_secs;
        let mut places = Vec::new();
        for (position, table) in self.tables.iter().enumerate() {
            for (key, item) in table.iter().filter(|table| table.ttl).flat_map(|table| &table.items) {
                let end = item.get(END).and_then(|end| end.as_number()?.to_i64());
                if end.is_some_and(|end| u64::try_from(end).is_ok_and(|end| ends.contains(&end))) {
                    places.push((position, *key));
                }
            }
        }
        places
    }

    /// The state without some items.
    pub fn without(mut self, places: impl IntoIterator<Item = Place>) -> Self {
        for (table, key) in places {
            if let Some(table) = &mut self.tables[table] {
                Arc::<Table>::make_mut(table).items.remove(&key);
            }
        }
        self
    }
}

/// Takes the items out of the model that have expired and that the database has swept.
pub fn lose_swept(db: &Database, state: &mut State) -> hashrange::Result<()> {
    for (table, key) in state.expired(db.clock().now_secs()) {
        let shape = &shapes()[table];
        if db.dynamic_table(shape.name)?.get(shape.key_item(key))?.is_none() {
            *state = std::mem::take(state).without([(table, key)]);
        }
    }
    Ok(())
}

/// Deletes what has expired, and all of it.
pub fn sweep(db: &Database, state: &mut State) -> Result<Done, String> {
    let expired = state.expired(db.clock().now_secs());
    match db.sweep_now() {
        Ok(swept) if swept == expired.len() as u64 => {
            *state = std::mem::take(state).without(expired);
            Ok(Done::AsExpected)
        }
        Ok(swept) => Err(format!("{swept} items were swept, and {} had expired", expired.len())),
        Err(error) if is_of_the_disk(&error) => Ok(Done::Failed),
        Err(error) => Err(format!("sweep: {error}")),
    }
}

/// Writes while an index lags: it shows what was there before, and once the time has passed what is there then. `write`
/// returns the state that it leads to, unless it failed.
pub fn lag(
    db: &Database,
    before: &State,
    write: impl FnOnce() -> Result<Option<State>, String>,
) -> Result<Done, String> {
    let (table, index) = LAGGING;
    let (name, index_name) = (shapes()[table].name, &shapes()[table].indexes[index].name);
    let set = |lag| db.set_index_lag(name, index_name, lag).map_err(|error| format!("lag: {error}"));
    let is_there = before.table(table).is_some();
    if is_there {
        set(Some(IndexLag { delay: Delay::Fixed(LAG_MILLIS), stale: StaleReplica::default(), seed: 1 }))?;
    }
    let read = Read::Scan { table, index: Some(index), segments: 1, limit: None };
    let look = || -> Result<Done, String> {
        let Some(after) = write()? else { return Ok(Done::Failed) };
        if is_there {
            if let Done::Failed = check(db, &read, std::slice::from_ref(before))? {
                return Ok(Done::Failed);
            }
            db.clock().advance(Duration::from_millis(LAG_MILLIS));
            return check(db, &read, std::slice::from_ref(&after));
        }
        Ok(Done::AsExpected)
    };
    let done = look()?;
    // Also after a failure: what comes next shows the index as it is.
    if is_there {
        set(None)?;
    }
    Ok(done)
}
