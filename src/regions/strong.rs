//! Strong consistency between three regions, or two and a witness: what is acknowledged is in two of them.
//!
//! A request that has to see the latest waits for its turn, which a world gives to one request at a time. In its turn it takes
//! over everything that one other region has: of three regions, that one and its own have among them whatever is in two. What
//! only its own region has, since a write ended before it was brought over, it brings to that other one. A write is then decided
//! and committed in its own region, and brought to another one before it is acknowledged. Until the acknowledgement would have come
//! back from there, a write of the same item in another region is a conflict.

use super::{
    coordinator::out_of_service,
    link::Link,
    world::{Inner, WorldState},
};
use crate::{
    error::{Error, ErrorKind, Result},
    random::mix,
    request::{Call, Coordinated, RequestRef, TableRef, WriteRequest},
    schema::{Consistency, EncodedKey, Replication, TableDefinition},
};
use parking_lot::MutexGuard;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// The two other regions of a table with strong consistency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrongPeers {
    /// Both serve requests.
    Replicas(String, String),
    /// One serves requests, the other one keeps what was written.
    ReplicaAndWitness {
        /// The region that serves requests.
        replica: String,
        /// The region that does not.
        witness: String,
    },
}

impl StrongPeers {
    /// Both regions.
    pub(super) fn regions(&self) -> [&str; 2] {
        match self {
            Self::Replicas(one, other) => [one, other],
            Self::ReplicaAndWitness { replica, witness } => [replica, witness],
        }
    }
    pub(super) fn witness(&self) -> Option<&str> {
        match self {
            Self::Replicas(..) => None,
            Self::ReplicaAndWitness { witness, .. } => Some(witness),
        }
    }
}

/// Writes whose acknowledgement is on its way.
#[derive(Debug, Default)]
pub(super) struct Strong {
    in_flight: HashMap<(String, EncodedKey), (usize, u64)>,
    drawn: u64,
}

impl Strong {
    fn check(&self, item: &(String, EncodedKey), region: usize, now_millis: u64) -> Result<()> {
        match self.in_flight.get(item) {
            Some((other, until)) if *other != region && *until > now_millis => Err(conflict()),
            _ => Ok(()),
        }
    }
    fn note(&mut self, items: Vec<(String, EncodedKey)>, region: usize, until: u64, now_millis: u64) {
        self.in_flight.retain(|_, (_, until)| *until > now_millis);
        if until > now_millis {
            self.in_flight.extend(items.into_iter().map(|item| (item, (region, until))));
        }
    }
}

/// A request whose turn it is.
pub(super) struct Turn<'a> {
    world: &'a Arc<Inner>,
    region: usize,
    state: MutexGuard<'a, WorldState>,
    /// The tables, and for each the region that agrees.
    tables: Vec<(String, usize)>,
    /// The items that are written.
    items: Vec<(String, EncodedKey)>,
    /// Whether it writes.
    writes: bool,
    /// How long it takes to hear from the slowest region that agrees.
    round_trip_millis: u64,
}

impl<'a> Turn<'a> {
    /// Waits until it is the turn of a request; `None` if it needs none. Errors: no second region can be reached, the item is
    /// being changed in another one, the request is none that tables with strong consistency take.
    pub fn begin(
        world: &'a Arc<Inner>,
        region: usize,
        call: &Call<'_>,
        is_in_transaction: bool,
    ) -> Result<Option<Self>> {
        let is_strong = |table: &&Arc<TableDefinition>| {
            table.replication.as_ref().is_some_and(|replication| replication.consistency == Consistency::Strong)
        };
        let strong: Vec<&Arc<TableDefinition>> = call.tables.iter().filter(is_strong).collect();
        if strong.is_empty() {
            return Ok(None);
        }
        if is_in_transaction {
            return Err(no_transactions());
        }
        if !needs_latest(&call.request, &strong)? {
            return Ok(None);
        }
        let items = written_items(&call.request, &strong)?;
        let writes = call.request.is_write();
        let mut state = world.lock();
        let now_millis = world.now_millis();
        items.iter().try_for_each(|item| state.strong.check(item, region, now_millis))?;
        let (mut tables, mut round_trip_millis) = (Vec::new(), 0);
        for table in strong {
            let Some(replication) = &table.replication else { continue };
            world.catch_up(&mut state, &table.name, region)?;
            let (peer, millis) = nearest(world, &mut state, region, (&table.name, replication))?;
            round_trip_millis = round_trip_millis.max(millis);
            let own = std::slice::from_ref(&table.name);
            world.bring_over(&mut state, (peer, region), own)?;
            // What this region has alone, since an earlier write ended in between, is answered from now on: a second one has to have it.
            world.bring_over(&mut state, (region, peer), own)?;
            tables.push((table.name.clone(), peer));
        }
        Ok(Some(Self { world, region, state, tables, items, writes, round_trip_millis }))
    }
}

impl Coordinated for Turn<'_> {
    fn finish(mut self: Box<Self>, has_succeeded: bool) -> Result<()> {
        let now_millis = self.world.now_millis();
        if self.writes && has_succeeded {
            for (table, peer) in &self.tables {
                self.world.bring_over(&mut self.state, (self.region, *peer), std::slice::from_ref(table))?;
            }
            let items = std::mem::take(&mut self.items);
            let until = now_millis.saturating_add(self.round_trip_millis);
            self.state.strong.note(items, self.region, until, now_millis);
        }
        let Self { world, state, round_trip_millis, .. } = *self;
        drop(state);
        if !world.clock.is_manual() && round_trip_millis > 0 {
            std::thread::sleep(Duration::from_millis(round_trip_millis));
        }
        Ok(())
    }
}

impl Inner {
    /// Whether two regions have replicas of a table that know each other.
    pub fn share(&self, table: &str, (one, other): (usize, usize)) -> bool {
        let knows = |at: usize, other: usize| {
            let known = self.regions[at].replicated(table);
            known.is_some_and(|(_, known)| known.regions().any(|name| name == self.regions[other].name))
        };
        knows(one, other) && knows(other, one)
    }
    /// Compares what a region has of a table with the others, where that has to be done before it counts: its database was put
    /// back, or is a new one. Errors: a region that it has to be compared with cannot be reached; log, disk.
    pub fn catch_up(&self, state: &mut WorldState, table: &str, region: usize) -> Result<()> {
        let has_to =
            |link: &&Link| link.to == region && link.has_to_compare() && self.share(table, (link.from, region));
        let others: Vec<usize> = state.links().iter().filter(has_to).map(|link| link.from).collect();
        for from in others {
            if !state.topology.is_connected(from, region) {
                return Err(out_of_service(&format!("region {} is not reached", self.regions[from].name)));
            }
            self.bring_over(state, (from, region), &[table.to_owned()])?;
        }
        Ok(())
    }
}

/// The region that can be reached, has the table with all that it ever agreed to, and answers first; and how long that takes.
fn nearest(
    world: &Inner,
    state: &mut WorldState,
    region: usize,
    (table, replication): (&str, &Replication),
) -> Result<(usize, u64)> {
    state.strong.drawn += 1;
    let random = mix(state.strong.drawn);
    let peers = replication.regions().filter_map(|name| world.number_of(name).ok()).filter(|peer| *peer != region);
    let reached = peers.filter(|peer| state.topology.can_agree(region, *peer) && world.share(table, (region, *peer)));
    let answer = |peer: usize| {
        let there = Inner::lag_millis(state, (region, peer), random);
        (there.saturating_add(Inner::lag_millis(state, (peer, region), mix(random))), peer)
    };
    let mut answers: Vec<(u64, usize)> = reached.map(answer).collect();
    answers.sort_unstable();
    for (millis, peer) in answers {
        if world.catch_up(state, table, peer).is_ok() {
            return Ok((peer, millis));
        }
    }
    Err(out_of_service(&format!("region {} reaches no second region of the table", replication.region)))
}

/// Whether a request has to see the latest. Errors: it is a transaction.
fn needs_latest(request: &RequestRef<'_>, strong: &[&Arc<TableDefinition>]) -> Result<bool> {
    let is_strong = |table: &TableRef<'_>| strong.iter().any(|known| known.name == table.name());
    Ok(match request {
        RequestRef::GetItem(get) => get.consistent_read,
        RequestRef::Query(query) => query.options.consistent_read,
        RequestRef::Scan(scan) => scan.options.consistent_read,
        RequestRef::BatchGetItem(batch) => {
            batch.tables.iter().any(|keys| keys.consistent_read && is_strong(&keys.table))
        }
        RequestRef::TransactGetItems(_) | RequestRef::TransactWriteItems(_) => {
            return Err(no_transactions());
        }
        RequestRef::PutItem(_)
        | RequestRef::UpdateItem(_)
        | RequestRef::DeleteItem(_)
        | RequestRef::BatchWriteItem(_) => true,
    })
}

/// The items that a request writes in tables with strong consistency. Errors: a key that is none.
fn written_items(request: &RequestRef<'_>, strong: &[&Arc<TableDefinition>]) -> Result<Vec<(String, EncodedKey)>> {
    let definition = |table: &TableRef<'_>| strong.iter().find(|known| known.name == table.name()).copied();
    let mut items = Vec::new();
    match request {
        RequestRef::PutItem(put) => {
            if let Some(table) = definition(&put.table) {
                items.push((table.name.clone(), table.key_of_item(&put.item)?));
            }
        }
        RequestRef::UpdateItem(update) => {
            if let Some(table) = definition(&update.table) {
                items.push((table.name.clone(), update.key.encode(table)?));
            }
        }
        RequestRef::DeleteItem(delete) => {
            if let Some(table) = definition(&delete.table) {
                items.push((table.name.clone(), delete.key.encode(table)?));
            }
        }
        RequestRef::BatchWriteItem(batch) => {
            for (table, write) in &batch.writes {
                let Some(table) = definition(table) else { continue };
                let key = match write {
                    WriteRequest::Put(item) => table.key_of_item(item)?,
                    WriteRequest::Delete(key) => key.encode(table)?,
                };
                items.push((table.name.clone(), key));
            }
        }
        _ => {}
    }
    Ok(items)
}

#[cold]
fn no_transactions() -> Error {
    Error::validation("Transactions are not supported for global tables with MultiRegionConsistency set to STRONG")
}

#[cold]
fn conflict() -> Error {
    let text = "One or more items in this request are being modified by a request in another Region.";
    Error::new(ErrorKind::Conflict, "ReplicatedWriteConflictException", text)
}
