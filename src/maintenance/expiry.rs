//! Time to live: items whose second has passed are deleted in the background.
//!
//! The sweeper does not search tables. A table with TTL has an expiry index, ordered by time: whatever has expired is
//! at its beginning, and reading stops at the present second. What an item costs is its index entry: about a hundred
//! bytes of memory and disk, inserted when the item appears or its second changes, and nothing in the log, which has
//! the item already. A sweep that finds nothing costs eight short reads per table.
//!
//! What was deleted leaves tombstones at the beginning of the index until compaction; so that they are not read again
//! each time, a sweep goes on where the last one ended, and only every ten minutes from the beginning, for items that
//! were put with a second that had passed already.
//!
//! A delete is part of a commit like any other: indexes and streams see it, and it is made under the item's lock on the
//! condition that the item still ends in the second that the index said. So an item whose end was moved in time stays. Up to
//! sixteen items go in one commit; where that fails, each of them goes by itself, so that only what is damaged stays.

use crate::sync::{OrderedMutex, Rank};
use crate::{
    canary::canary,
    clock::Deadline,
    config::{Durability, ReadMode},
    engine::{Engine, TableSlot, TokenRing, WriteAction, WriteOp, WriteOptions, key_ref},
    error::{Error, ErrorKind, Result},
    item::ItemRef,
    observe::{EventKind, Job, Subject},
    schema::{
        EXPIRY_LANES, EncodedKey, ExpiryPlace, IndexKind, IndexStatus, TableDefinition, TableStatus, expiry_token,
    },
    wal::record::Origin,
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Items that one step deletes at most, and one commit: less than a tenth of a millisecond of work, so that a foreground write
/// that comes meanwhile hardly waits for the processor or for the lock. With 64 to a step, and four times the pause, its 99th
/// percentile was twice as high.
const ITEMS_PER_STEP: usize = 16;
/// Entries that a sweep with a waiting caller reads at a time.
const ITEMS_PER_READ: usize = 64;
/// Items after which a step waits until what was deleted is durable, unless it is the last for now: foreground writes
/// that are synced meanwhile make it so besides, and have the disk to themselves most of the time.
const ITEMS_PER_SYNC: usize = 1024;
/// How often a sweep begins at the beginning.
const WHOLE_SWEEP_MILLIS: u64 = 10 * 60 * 1000;

/// The state of TTL on a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TtlStatus {
    /// The items that were there before are being looked at; others expire already.
    Enabling,
    /// Items expire.
    Enabled,
    /// They do not.
    Disabled,
}

/// TTL of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtlDescription {
    /// Whether items expire.
    pub status: TtlStatus,
    /// The attribute that holds the end in epoch seconds, unless TTL is off.
    pub attribute: Option<String>,
}

impl TtlDescription {
    /// TTL of a table as it is.
    pub fn of(table: &TableDefinition) -> Self {
        let index = table.indexes.iter().find(|index| index.kind == IndexKind::Expiry);
        let status = match index.map(|index| index.status) {
            None => TtlStatus::Disabled,
            Some(IndexStatus::Active) => TtlStatus::Enabled,
            Some(_) => TtlStatus::Enabling,
        };
        Self { status, attribute: table.ttl_attribute.clone() }
    }
}

/// Longest rest of the sweeper's thread behind a sweep that found nothing. Ends of items are whole seconds, so that it
/// rests until the next one.
const REST: Duration = Duration::from_secs(1);

/// How far the lanes of an expiry index were swept.
#[derive(Clone, Debug, Default)]
struct Progress {
    whole_since_millis: u64,
    lanes: [Lane; EXPIRY_LANES as usize],
    /// Something could not be deleted or read since the sweep began at the beginning.
    failed: bool,
}

/// How far a lane was swept.
#[derive(Clone, Debug, Default)]
struct Lane {
    after: Option<EncodedKey>,
    /// What comes next could not be read: the lane waits until the sweep begins at the beginning.
    blocked: bool,
}

/// Deletes expired items.
#[derive(Debug)]
pub struct Sweeper {
    /// By number of the expiry index.
    progress: Mutex<BTreeMap<u32, Progress>>,
    turn: OrderedMutex<Turn>,
    /// The second in which a sweep found nothing, and until when there is no need for another one in that second.
    rest: Mutex<Option<(u64, Deadline)>>,
}

impl Default for Sweeper {
    fn default() -> Self {
        let turn = OrderedMutex::new(Rank::Expiry, Turn::default());
        Self { progress: Mutex::default(), turn, rest: Mutex::default() }
    }
}

/// Where a step goes on.
#[derive(Debug, Default)]
struct Turn {
    /// The table that the last step ended with: the next one begins behind it, so that no table waits for another one
    /// in which something expires all the time.
    last_table: String,
    /// Entries looked at since the last sync.
    unsynced: usize,
}

/// An expiry index to be swept.
struct Sweep<'a> {
    engine: &'a Engine,
    slot: &'a TableSlot,
    table: Arc<TableDefinition>,
    ring: Arc<TokenRing>,
    now_secs: u64,
}

/// What a part of a sweep did.
#[derive(Default)]
struct Swept {
    seen: usize,
    deleted: u64,
    /// The first failure, if the sweep went on behind it.
    failure: Option<Error>,
}

impl Sweeper {
    /// Deletes some expired items; returns how many entries were looked at. What fails in a table is reported, attempted
    /// again later, and stops no other table; the error is the first one.
    pub fn step(&self, engine: &Engine) -> Result<usize> {
        let mut turn = self.turn.lock();
        let mut names = engine.table_names();
        let next = names.partition_point(|name| *name <= turn.last_table);
        names.rotate_left(next);
        let (mut seen, mut failure) = (0, None);
        for name in names {
            let Some(slot) = engine.table(&name) else { continue };
            let Some((index, sweep)) = Sweep::of(engine, &slot) else { continue };
            let mut progress = self.progress_of(engine, index);
            let swept = sweep.lanes(&mut progress, ITEMS_PER_STEP - seen)?;
            sweep.report(&swept, &mut progress, index, swept.seen < ITEMS_PER_STEP - seen);
            self.progress.lock().insert(index, progress);
            seen += swept.seen;
            failure = failure.or(swept.failure);
            if seen >= ITEMS_PER_STEP {
                turn.last_table = name;
                break;
            }
        }
        turn.unsynced += seen;
        let is_last = seen < ITEMS_PER_STEP;
        if turn.unsynced > 0 && (is_last || turn.unsynced >= ITEMS_PER_SYNC) {
            engine.wait_all_durable(Some(Durability::Sync))?;
            turn.unsynced = 0;
        }
        *self.rest.lock() = (seen == 0).then(|| (engine.options().clock.now_secs(), Deadline::after(REST)));
        failure.map_or(Ok(seen), Err)
    }

    /// Whether the last sweep found nothing and the next second has not begun.
    pub fn rests(&self, engine: &Engine) -> bool {
        let rest = *self.rest.lock();
        rest.is_some_and(|(second, until)| second == engine.options().clock.now_secs() && !until.is_over())
    }

    /// Deletes everything that has expired by now; returns how many items that were. A table in which something fails stops
    /// no other; the error is the first one.
    pub fn sweep_now(&self, engine: &Engine) -> Result<u64> {
        while engine.backfill_step()? {}
        let (mut deleted, mut failure) = (0, None);
        for name in engine.table_names() {
            let Some(slot) = engine.table(&name) else { continue };
            let Some((index, sweep)) = Sweep::of(engine, &slot) else { continue };
            let mut progress = Progress::default();
            loop {
                let swept = sweep.lanes(&mut progress, ITEMS_PER_READ)?;
                sweep.report(&swept, &mut progress, index, swept.seen < ITEMS_PER_READ);
                deleted += swept.deleted;
                failure = failure.or(swept.failure);
                if swept.seen < ITEMS_PER_READ {
                    break;
                }
            }
        }
        engine.wait_all_durable(Some(Durability::Sync))?;
        failure.map_or(Ok(deleted), Err)
    }

    fn progress_of(&self, engine: &Engine, index: u32) -> Progress {
        let now_millis = engine.options().clock.now_millis();
        let known = self.progress.lock().get(&index).cloned();
        let is_fresh = |progress: &Progress| {
            // A clock that was set back makes a sweep begin anew as well, and so does the next attempt at what failed.
            let retries = progress.failed && engine.observe().is_due(Job::Expiry, u64::from(index));
            let since = progress.whole_since_millis;
            !retries && (since..since.saturating_add(WHOLE_SWEEP_MILLIS)).contains(&now_millis)
        };
        let fresh = Progress { whole_since_millis: now_millis, ..Progress::default() };
        known.filter(is_fresh).unwrap_or(fresh)
    }
}

impl<'a> Sweep<'a> {
    /// The expiry index of a table, if it has one, and its number. A table that is being loaded is passed over: it can be neither
    /// read nor written.
    fn of(engine: &'a Engine, slot: &'a TableSlot) -> Option<(u32, Self)> {
        let state = slot.state();
        if state.definition.status == TableStatus::Creating {
            return None;
        }
        let position = state.definition.indexes.iter().position(|index| index.kind == IndexKind::Expiry)?;
        let sweep = Self {
            engine,
            slot,
            table: state.definition.clone(),
            ring: state.index_rings[position].clone(),
            now_secs: engine.options().clock.now_secs(),
        };
        Some((state.definition.indexes[position].id, sweep))
    }

    /// Reports what a part of a sweep did; `is_all` if nothing is left that is due.
    fn report(&self, swept: &Swept, progress: &mut Progress, index: u32, is_all: bool) {
        let (observe, id) = (self.engine.observe(), u64::from(index));
        let subject = || Subject::Table { table: self.table.name.clone() };
        if swept.deleted > 0 {
            observe.counters().items_expired.add(swept.deleted);
            observe.event(EventKind::Expired { subject: subject(), items: swept.deleted });
        }
        if let Some(error) = &swept.failure {
            progress.failed = true;
            observe.failed(Job::Expiry, id, subject, error);
        } else if is_all && !progress.failed {
            observe.succeeded(Job::Expiry, id);
        }
    }

    /// Deletes up to `limit` expired items, lane by lane. Fails only where nothing can be written any more.
    fn lanes(&self, progress: &mut Progress, limit: usize) -> Result<Swept> {
        let mut swept = Swept::default();
        for (lane, place) in (0..EXPIRY_LANES).zip(&mut progress.lanes).filter(|(_, place)| !place.blocked) {
            if let Err(error) = self.lane(lane, &mut place.after, limit, &mut swept) {
                if self.engine.wal().is_poisoned() || error.kind() == ErrorKind::Closed {
                    return Err(error);
                }
                place.blocked = true;
                swept.failure.get_or_insert(error);
            }
        }
        Ok(swept)
    }

    /// Deletes expired items of a lane behind `after`, which moves on, until `swept` has seen `limit` entries.
    fn lane(&self, lane: u64, after: &mut Option<EncodedKey>, limit: usize, swept: &mut Swept) -> Result<()> {
        if swept.seen >= limit {
            return Ok(());
        }
        let due = self.expired(lane, after.as_ref(), limit - swept.seen)?;
        // Where files are not mapped, a commit may wait for the disk at each of its items, with all of their partitions locked.
        let is_mapped = self.engine.options().read_mode == ReadMode::Mapped;
        let of_a_commit = if is_mapped { ITEMS_PER_STEP } else { 1 };
        due.chunks(of_a_commit).try_for_each(|due| self.delete_or_pass_over(due, after, swept))
    }

    /// Deletes items in one commit, or, if that fails, each by itself, and passes over those of damaged files.
    fn delete_or_pass_over(&self, due: &[Due], after: &mut Option<EncodedKey>, swept: &mut Swept) -> Result<()> {
        match self.delete(due) {
            Ok(deleted) => swept.deleted += deleted,
            Err(_) if due.len() > 1 => {
                return due.chunks(1).try_for_each(|due| self.delete_or_pass_over(due, after, swept));
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => _ = swept.failure.get_or_insert(error),
            Err(error) => return Err(error),
        }
        swept.seen += due.len();
        *after = due.last().map(|due| due.place.clone());
        Ok(())
    }

    /// The first entries of a lane behind `after` whose second has passed.
    fn expired(&self, lane: u64, after: Option<&EncodedKey>, limit: usize) -> Result<Vec<Due>> {
        let (first_second, end_second) = TableDefinition::expired_seconds(self.now_secs);
        let end_token = expiry_token(lane, end_second);
        let mut token = expiry_token(lane, first_second).max(after.map_or(0, EncodedKey::token));
        let mut found = Vec::new();
        while token < end_token {
            let partition = self.ring.find(token);
            let last_token = partition.last_token.min(end_token - 1);
            let after = after.filter(|after| after.token() >= token).map(key_ref);
            let view = partition.view();
            let mut cursor = view.scan(token, last_token, after, self.engine.wal().visible())?;
            while cursor.valid() {
                let key = cursor.key();
                let place = EncodedKey::at_token(key.token, key.collection, key.sort);
                found.extend(ExpiryPlace::of(&place).map(|of| Due { place, second: of.second, item: of.item }));
                if found.len() >= limit {
                    return Ok(found);
                }
                cursor.advance()?;
            }
            token = last_token.saturating_add(1);
        }
        Ok(found)
    }

    /// Deletes, in one commit, the items of entries that still end in the entries' seconds; returns how many did.
    fn delete(&self, due: &[Due]) -> Result<u64> {
        self.fetch_ahead(due);
        let decide = |due: &Due| {
            let (second, now_secs) = (due.second, self.now_secs);
            move |table: &TableDefinition, old: Option<&ItemRef>| {
                let is_over = |item: &ItemRef| table.is_expired_since(item, second, now_secs);
                let is_deleted = old.is_some_and(|item| canary!(ExpiryBelievesIndex) || is_over(item));
                Ok(if is_deleted { WriteAction::Delete } else { WriteAction::Keep })
            }
        };
        let mut decisions: Vec<_> = due.iter().map(decide).collect();
        let ops = due.iter().zip(&mut decisions);
        let mut ops: Vec<WriteOp<'_>> =
            ops.map(|(due, decide)| WriteOp { slot: self.slot, key: &due.item, decide }).collect();
        let options = WriteOptions {
            durability: Some(Durability::Sync),
            origin: Origin::TimeToLive,
            skip_wait: true,
            ..WriteOptions::default()
        };
        let written = self.engine.write(&mut ops, &options).and_then(|results| {
            results.into_iter().try_fold(0, |deleted, result| Ok(deleted + u64::from(result?.is_logged)))
        });
        match written {
            Ok(deleted) => {
                (0..deleted).for_each(|_| self.engine.note_expired(self.table.id));
                Ok(deleted)
            }
            // The table was deleted meanwhile.
            Err(_) if self.slot.is_dropped() => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Has memory bring what the deletes are going to look at. The items of a second are in no order of their tokens.
    fn fetch_ahead(&self, due: &[Due]) {
        let state = self.slot.state();
        let mut keys: Vec<_> = due.iter().map(|due| key_ref(&due.item)).collect();
        keys.sort_unstable_by_key(|key| key.token);
        let mut rest = &keys[..];
        while let Some(first) = rest.first() {
            let partition = state.ring.find(first.token);
            let here = rest.partition_point(|key| key.token <= partition.last_token).max(1);
            let (here, others) = rest.split_at(here);
            partition.pin().fetch_ahead(here.iter().copied());
            rest = others;
        }
    }
}

/// An entry of the expiry index whose second has passed.
struct Due {
    /// Where the entry is.
    place: EncodedKey,
    second: u64,
    /// The item that it stands for.
    item: EncodedKey,
}
