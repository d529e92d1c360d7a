//! What replication needs of a database: the changes that its log has, their application elsewhere, and tables that come and
//! go as replicas.

use super::{
    archiving::DurableLog,
    catalog::{TableSlot, TableState},
    engine::Engine,
    kept::Hold,
    ring::{TokenRing, key_ref},
    schema_change::{TableSpec, TableUpdate},
    write::{WriteAction, WriteOp, WriteOptions},
    write_charge::Charge,
};
use crate::{
    canary::canary,
    error::{Error, Result},
    item::ItemRef,
    ledger::RequestLabel,
    partition::ReadPoint,
    schema::{
        Consistency, EncodedKey, ITEM_SPACE, Replication, STAMP_SPACE, Stamp, StreamView, TableDefinition, TableStatus,
    },
    wal::{
        DurablePart, LogCursor,
        record::{CommitRef, Origin},
    },
};
use bytes::Bytes;
use std::{collections::VecDeque, sync::Arc};

/// What writes of other regions are noted as where there is a ledger.
const REPLICATED_WRITE: &str = "ReplicatedWrite";

/// A change of an item in a table with replicas.
#[derive(Clone, Debug)]
pub struct StampedChange {
    /// Number of the table in the database where the change was read.
    pub table: u32,
    /// The item.
    pub key: EncodedKey,
    /// The encoded item after the change; `None` if it was deleted.
    pub new: Option<Bytes>,
    /// The item's stamp.
    pub stamp: Stamp,
    /// Number of the commit; 0 for an item that was read from its table.
    pub commit: u64,
    /// When it was committed, in milliseconds since 1970; 0 for an item that was read from its table.
    pub at_millis: u64,
}

/// Follows the log of a database, which stays from the first commit on that the reader may want again.
#[derive(Debug)]
pub struct ChangeCursor {
    log: LogCursor,
    /// Each keeps the log from its commit on, in ascending order.
    holds: VecDeque<(u64, Hold)>,
}

impl ChangeCursor {
    /// Goes back to before the commit with this number.
    pub fn rewind(&mut self, commit: u64) {
        self.log = LogCursor::before(commit);
    }
    /// Whether a part of the log goes once the commits before this one are not wanted again.
    pub fn keeps_before(&self, commit: u64) -> bool {
        self.holds.get(1).is_some_and(|(first, _)| *first <= commit)
    }
    /// Commits before this one are not wanted again.
    pub fn release_before(&mut self, commit: u64) {
        while self.keeps_before(commit) {
            self.holds.pop_front();
        }
    }
    /// Number of the next commit.
    pub fn next(&self) -> u64 {
        self.log.next()
    }
}

impl Engine {
    /// A cursor before the commit with this number. What the log has now stays until the cursor has read it.
    pub fn cursor_before(&self, commit: u64) -> ChangeCursor {
        ChangeCursor { log: LogCursor::before(commit), holds: VecDeque::from([(commit, self.hold_log(0))]) }
    }

    /// A cursor behind what readers see: a commit that a read begun after this call does not see is behind the cursor. Errors: log.
    pub fn cursor_behind_visible(&self) -> Result<ChangeCursor> {
        let hold = self.hold_log(0);
        // A commit that is logged is seen only once it is applied and durable.
        let next = match canary!(CompareFromLastLogged) {
            true => self.wal.last_seqno() + 1,
            false => self.wal.lowest_unapplied(),
        };
        if !canary!(CompareFromLastLogged) {
            self.wal.sync(next.saturating_sub(1))?;
        }
        Ok(ChangeCursor { log: LogCursor::before(next), holds: VecDeque::from([(next, hold)]) })
    }

    /// Hands out the stamped changes of the commits that are behind the cursor, after making them durable, and stops after a
    /// commit after which `take` wants no more. Returns the number of the last commit that was durable.
    ///
    /// # Errors
    /// `NotFound` if the log does not have the next commit any more; log or disk.
    pub fn read_changes(&self, cursor: &mut ChangeCursor, take: &mut dyn FnMut(StampedChange) -> bool) -> Result<()> {
        if self.wal.last_seqno() < cursor.next() {
            return Ok(());
        }
        let DurableLog { commit: last, segments, bounds, .. } = self.durable_log(true)?;
        let (disk, protection) = (self.files.disk.as_ref(), self.protection());
        let part = DurablePart { disk, protection, bounds: &bounds, segments: &segments, last };
        cursor.log.read(&part, &mut |commit, payload| {
            let Some(record) = CommitRef::decode(payload)? else { return Ok(true) };
            let mut goes_on = true;
            for change in record.changes() {
                let Some((micros, region)) = change.stamp else { continue };
                goes_on = take(StampedChange {
                    table: change.table,
                    key: EncodedKey::from_parts(change.collection, change.sort),
                    new: change.new.map(|new| payload.slice_ref(new)),
                    stamp: Stamp::new(micros, region),
                    commit,
                    at_millis: record.header.at_millis,
                });
            }
            Ok(goes_on)
        })?;
        if let Some(segment) = cursor.log.segment()
            && cursor.holds.back().is_none_or(|(_, hold)| hold.first_segment() < segment)
        {
            cursor.holds.push_back((cursor.next(), self.hold_log(segment)));
        }
        Ok(())
    }

    /// Applies a change that was made in another region, if its stamp is greater than that of the item here; whether it was. It
    /// pays for a write either way. The caller waits until it is durable. Errors: throttled, where the charge asks for capacity;
    /// log, disk.
    pub fn apply_replicated(&self, slot: &TableSlot, change: &StampedChange, charge: Charge) -> Result<bool> {
        let mut decide = |definition: &TableDefinition, _: Option<&ItemRef>| {
            // It has no replicas any more.
            if definition.replication.is_none() {
                return Ok(WriteAction::Keep);
            }
            Ok(change.new.clone().map_or(WriteAction::Delete, WriteAction::Put))
        };
        let options = WriteOptions {
            origin: Origin::User,
            skip_wait: true,
            charge,
            label: RequestLabel { operation: REPLICATED_WRITE, tag: 0 },
            replicated: Some(Box::new(change.stamp.clone())),
            ..WriteOptions::default()
        };
        let result = self.write_one(WriteOp { slot, key: &change.key, decide: &mut decide }, &options)?;
        Ok(result.is_logged)
    }

    /// The stamp of an item as readers see it; `None` if it has none.
    pub fn stamp_of(&self, state: &TableState, key: &EncodedKey) -> Result<Option<Stamp>> {
        self.stamp_in(&state.ring.find(key.token()), key, ReadPoint::Visible)
    }

    /// Creates a table that requests do not find before [`Engine::activate_replica`].
    pub fn create_replica(&self, spec: TableSpec, replication: Replication) -> Result<Arc<TableSlot>> {
        self.create_table_as(spec, TableStatus::Creating, Some(Box::new(replication)))
    }

    /// Makes a replica that has all items a table in use, whose stream begins now.
    pub fn activate_replica(&self, slot: &Arc<TableSlot>, stream: Option<StreamView>) -> Result<Arc<TableSlot>> {
        self.activate_table(slot, stream)
    }

    /// Drops a replica, or a table of a copy, with its items, in use or not.
    pub fn drop_replica(&self, slot: &Arc<TableSlot>) -> Result<()> {
        let _work = self.gate.enter()?;
        let _gate = self.tables.schema_gate.write();
        self.drop_table(slot).map(drop)
    }

    /// Changes what a table knows of its replicas. A table that gets some gets a stream, if it has none.
    pub fn set_replication(&self, name: &str, replication: Option<Replication>) -> Result<Arc<TableSlot>> {
        let _work = self.gate.enter()?;
        let _gate = self.tables.schema_gate.write();
        // A witness is never active.
        let slot = self.table(name).ok_or_else(|| Error::no_table_named(name))?;
        let mut definition = (*slot.state().definition).clone();
        let is_eventual = |replication: &Replication| replication.consistency == Consistency::Eventual;
        if definition.stream.is_none() && replication.as_ref().is_some_and(is_eventual) {
            self.change_stream(&mut definition, Some(StreamView::NewAndOld), self.options.clock.now_millis())?;
        }
        definition.has_stamps |= replication.is_some();
        definition.replication = replication.map(Box::new);
        self.put_definition(definition, Some(&slot))
    }
}

/// A replica keeps its stream, and one that is strongly consistent has no time to live.
pub(super) fn check_replica_update(definition: &TableDefinition, update: &TableUpdate) -> Result<()> {
    let Some(replication) = &definition.replication else { return Ok(()) };
    if update.stream == Some(None) {
        return Err(Error::invalid_parameter("Disabling Stream is not allowed for a Global Table replica."));
    }
    if replication.consistency == Consistency::Strong && matches!(update.ttl_attribute, Some(Some(_))) {
        let text = "TimeToLive is not supported for global tables with MultiRegionConsistency set to STRONG.";
        return Err(Error::validation(text));
    }
    Ok(())
}

/// A replica with strong consistency goes together with another one.
pub(super) fn check_replica_deletion(definition: &TableDefinition) -> Result<()> {
    match &definition.replication {
        Some(replication) if replication.consistency == Consistency::Strong => Err(Error::validation(
            "Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to STRONG.",
        )),
        _ => Ok(()),
    }
}

/// Whether a table that is being created stays so beyond the end of the process: one that no request ever finds.
pub(super) fn is_witness(definition: &TableDefinition) -> bool {
    let replication = definition.replication.as_deref();
    replication.is_some_and(|replication| replication.witness.as_deref() == Some(&*replication.region))
}

/// Keys that are read at a time.
const KEYS_PER_READ: usize = 500;

/// A walk through all items of a table with their stamps, those of deleted items among them.
#[derive(Debug)]
pub struct StampedWalk {
    table: u32,
    ring: Arc<TokenRing>,
    /// Where the next read begins; `None` at the end.
    token: Option<u64>,
    after: Option<EncodedKey>,
}

impl StampedWalk {
    /// Through a table.
    pub fn new(state: &TableState) -> Self {
        Self { table: state.definition.id, ring: state.ring.clone(), token: Some(0), after: None }
    }

    /// The next items; empty at the end. They are durable. Errors: damage, log, disk.
    pub fn next_items(&mut self, engine: &Engine) -> Result<Vec<StampedChange>> {
        let mut items = Vec::new();
        while let (true, Some(token)) = (items.is_empty(), self.token) {
            for key in self.read_keys(engine, token)? {
                items.extend(self.read_item(engine, key)?);
            }
        }
        engine.wal.sync(engine.wal.last_seqno())?;
        Ok(items)
    }

    fn read_keys(&mut self, engine: &Engine, token: u64) -> Result<Vec<EncodedKey>> {
        let partition = Arc::clone(&self.ring.find(token));
        let view = partition.view();
        let after = self.after.as_ref().map(key_ref);
        let mut cursor = view.scan(token, partition.last_token, after, engine.wal.visible())?;
        let (mut keys, mut last) = (Vec::new(), None);
        for _ in 0..KEYS_PER_READ {
            if !cursor.valid() {
                (self.token, self.after) = (partition.last_token.checked_add(1), None);
                return Ok(keys);
            }
            let key = cursor.key();
            let place = EncodedKey::at_token(key.token, key.collection, key.sort);
            match key.collection.first() {
                Some(&ITEM_SPACE) => keys.push(place.clone()),
                Some(&STAMP_SPACE) => keys.push(place.of_stamped_item()),
                _ => {}
            }
            last = Some(place);
            cursor.advance()?;
        }
        self.token = last.as_ref().map(EncodedKey::token);
        self.after = last;
        Ok(keys)
    }

    /// An item with a stamp that is not newer than it: the stamp is read first.
    fn read_item(&self, engine: &Engine, key: EncodedKey) -> Result<Option<StampedChange>> {
        let partition = self.ring.find(key.token());
        let stamp = engine.stamp_in(&partition, &key, ReadPoint::Visible)?;
        let found = partition.get(key_ref(&key), ReadPoint::Visible, engine.wal.visible())?;
        let new = found.and_then(|version| version.item).map(|item| item.to_inline_bytes());
        if stamp.is_none() && new.is_none() {
            return Ok(None);
        }
        let stamp = stamp.unwrap_or_else(Stamp::oldest);
        Ok(Some(StampedChange { table: self.table, key, new, stamp, commit: 0, at_millis: 0 }))
    }
}
