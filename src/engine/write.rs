//! One commit: lock, read, decide, log, insert, unlock, wait.
//!
//! The old item is always read: what a write costs, whether it changes anything, and what its indexes and streams see
//! all depend on it, and a table that was asked once is asked again under the same lock for nothing.

use super::{
    apply::{AppliedChange, ApplyTarget, WriteStamp, apply},
    catalog::{TableSlot, TableState},
    engine::Engine,
    held::{HeldTables, TableStateGuard},
    lock_set::{LockSet, PerItem, partitions_of},
    ring::{TokenRing, key_ref},
    staged_write::{StagedWrite, in_order, plan},
    write_charge::{Charge, WriteCharge},
    write_points::checked,
};
use crate::{
    admission::CollectionDelta,
    canary::canary,
    capacity::IndexUnits,
    config::Durability,
    error::{Error, ErrorKind, Result},
    index,
    item::ItemRef,
    ledger::RequestLabel,
    observe::WritePoint,
    partition::{NewVersion, Partition, ReadPoint, WriteGuard},
    schema::{EncodedKey, Stamp, StreamPurpose, StreamView, TableDefinition},
    service::in_progress,
    stream::Change,
    wal::record::{ChangeRef, ClientToken, CommitHeader, Origin, encode_commit},
};
use bytes::Bytes;
use std::sync::Arc;

/// What became of each item of a commit, in the order of the operations.
pub type ItemResults = PerItem<Result<ItemResult>>;

/// What an operation wants to become of an item, after it has seen the newest one.
#[derive(Clone, Debug)]
pub enum WriteAction {
    /// The item becomes this encoded one.
    Put(Bytes),
    /// The item goes.
    Delete,
    /// The item stays as it is (a condition check, or a change that changes nothing).
    Keep,
}

/// Looks at the newest item and decides; an error rejects the whole commit.
pub type Decide<'a> = dyn FnMut(&TableDefinition, Option<&ItemRef>) -> Result<WriteAction> + 'a;

/// One item of a commit.
pub struct WriteOp<'a> {
    /// The table.
    pub slot: &'a TableSlot,
    /// The item's place in it.
    pub key: &'a EncodedKey,
    /// What to do.
    pub decide: &'a mut Decide<'a>,
}

/// What applies to a commit as a whole.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// When to answer; the database's default if absent.
    pub durability: Option<Durability>,
    /// Who asks: a user, the TTL sweeper.
    pub origin: Origin,
    /// Token that makes a transaction repeatable.
    pub token: Option<ClientToken>,
    /// Answers before the commit is durable: for a batch, which settles once after its last commit.
    pub skip_wait: bool,
    /// How the items are paid for, where throughput is modelled.
    pub charge: Charge,
    /// Whose request it is part of, where what it consumes is noted.
    pub label: RequestLabel,
    /// Decides on everything, and then neither writes nor pays.
    pub is_dry_run: bool,
    /// The stamp of a write that was made in another region. It is carried out if the stamp is greater than that of the item here.
    pub replicated: Option<Box<Stamp>>,
    /// Tells of a conflict at once, before what it rests on is durable: for a caller that tries again without showing the conflict.
    pub report_conflict_early: bool,
}

/// What a commit did to one item.
#[derive(Clone, Debug)]
pub struct ItemResult {
    /// The item before.
    pub old: Option<ItemRef>,
    /// The item after.
    pub new: Option<ItemRef>,
    /// Write units by index.
    pub index_units: Vec<IndexUnits>,
    /// The table as it was when the commit was logged.
    pub definition: Arc<TableDefinition>,
    /// Whether the log has it.
    pub is_logged: bool,
}

/// An entry of a global index that is applied after the locks of the items are released.
struct GlobalEntry {
    ring: Arc<TokenRing>,
    key: EncodedKey,
    value: Option<Bytes>,
}

impl Engine {
    /// Commits one item.
    pub fn write_one(&self, op: WriteOp<'_>, options: &WriteOptions) -> Result<ItemResult> {
        let mut outcomes = self.write(&mut [op], options)?;
        outcomes.pop().unwrap_or_else(|| Err(Error::validation("a commit needs at least one item")))
    }

    /// Commits several items as one: all or, if any decision is an error, none. The outer error is one of the log or
    /// the disk; the inner results are the decisions', in the order of the operations.
    pub fn write(&self, ops: &mut [WriteOp<'_>], options: &WriteOptions) -> Result<ItemResults> {
        let held = self.hold_tables(ops.iter().map(|op| op.slot))?;
        self.write_held(held, ops, options)
    }

    /// The same for tables that are held already: those of the operations, in their order.
    pub fn write_held(
        &self,
        held: HeldTables<'_>,
        ops: &mut [WriteOp<'_>],
        options: &WriteOptions,
    ) -> Result<ItemResults> {
        let HeldTables { gate, states } = held;
        let mut written = loop {
            let (partitions, of_op) = partitions_of(ops.iter().map(|op| op.key.token()).zip(&states));
            let mut guards: PerItem<WriteGuard<'_>> = PerItem::with_capacity(partitions.len());
            partitions.iter().for_each(|partition| guards.push(partition.lock()));
            if guards.iter().any(WriteGuard::retired) {
                continue; // split meanwhile: the ring has the children by now, or will in a moment
            }
            self.observe.reached(|| self.locked(&partitions));
            let places = LockSet { partitions: &partitions, guards: &guards, of_op: &of_op };
            break self.write_locked(ops, &states, &places, options)?;
        };
        self.observe.reached(|| WritePoint::Unlocked);
        self.finish_applying(&mut written, options);
        drop(gate);
        self.await_written(ops, &states, &written, options)?;
        Ok(written.results)
    }

    fn write_locked(
        &self,
        ops: &mut [WriteOp<'_>],
        states: &[TableStateGuard],
        places: &LockSet<'_>,
        options: &WriteOptions,
    ) -> Result<CommitResult> {
        // Its twin was logged since the caller looked, or is about to be: the caller asks again and gets the twin's answer.
        let token = options.token.as_ref();
        let _claim = token.map(|token| self.claim_token(&token.token).ok_or_else(in_progress)).transpose()?;
        let mut newest_read = 0;
        let mut growth = CollectionDelta::default();
        let mut charge = WriteCharge::begin(self, options);
        let mut staged: PerItem<StagedWrite> = PerItem::with_capacity(ops.len());
        let mut refused = Vec::new();
        for (position, (op, state)) in ops.iter_mut().zip(states).enumerate() {
            if let Some(Err(throttled)) = charge.as_mut().map(|charge| charge.admit(op, state)) {
                refused.push((position, throttled));
                continue;
            }
            let (partition, _) = places.of(position);
            let old = partition.get(key_ref(op.key), ReadPoint::Newest, self.wal.visible())?;
            newest_read = newest_read.max(old.as_ref().map_or(0, |version| version.seqno));
            let old = old.and_then(|version| version.item);
            let decision = (op.decide)(&state.definition, old.as_ref());
            let seen = charge.as_ref().and(old.clone());
            let mut planned = decision.and_then(|decision| plan(position, state, op.key, old, decision));
            if let (Some(replication), Ok(item)) = (&state.definition.replication, &mut planned) {
                self.stamp_write(replication, op.key, partition, options.replicated.as_deref(), item)?;
            }
            if let Some(charge) = &mut charge {
                planned = charge.admit_planned(op, state, seen.as_ref(), planned);
            }
            if self.options.collection_limit_bytes.is_some() {
                planned = self.admit_growth(&mut growth, state, op.key, planned, options)?;
            }
            match planned {
                Ok(item) => staged.push(item),
                Err(error) => refused.push((position, error)),
            }
        }
        self.observe.reached(|| checked(&staged, &refused));
        let idle = !staged.iter().any(|item| item.changed);
        if !refused.is_empty() || options.is_dry_run || (idle && options.token.is_none()) {
            let results = in_order(staged, refused);
            if let Some(charge) = &charge {
                charge.pay_for_nothing(ops, states, &results);
            }
            let outcomes = results.into_iter().zip(states);
            let results = outcomes.map(|(result, state)| Ok(result?.into_outcome(state))).collect();
            return Ok(CommitResult { results, seqno: None, newest_read, bytes: 0, global: Vec::new() });
        }
        let at_millis = self.options.clock.now_millis();
        let seqno = self.log(ops, states, &staged, options, at_millis)?;
        if let Some(charge) = &charge {
            charge.pay(ops, states);
        }
        self.record_sizes(growth);
        let stamp = WriteStamp { seqno, at_millis, buffered: self.durability(options) == Durability::Buffered };
        let (bytes, global) = self.apply_staged(ops, states, &staged, places, stamp, options.origin);
        if let Some(token) = &options.token {
            let now_millis = self.options.clock.now_millis();
            self.admission.tokens.expire(now_millis);
            self.admission.tokens.remember(token, now_millis, seqno);
        }
        let mut results = PerItem::with_capacity(staged.len());
        staged.into_iter().zip(states).for_each(|(item, state)| results.push(Ok(item.into_outcome(state))));
        Ok(CommitResult { results, seqno: Some(seqno), newest_read, bytes, global })
    }

    /// Rejects a write by which an item collection would become larger than it may. One that another region has acknowledged is
    /// counted, and never rejected.
    fn admit_growth(
        &self,
        growth: &mut CollectionDelta,
        state: &TableState,
        key: &EncodedKey,
        planned: Result<StagedWrite>,
        options: &WriteOptions,
    ) -> Result<Result<StagedWrite>> {
        let Some(item) = planned.as_ref().ok().filter(|item| item.changed) else { return Ok(planned) };
        let new = item.new.clone().map(ItemRef::from_bytes);
        let is_limited = options.replicated.is_none();
        match self.check_limit(growth, state, key, (item.old.as_ref(), new.as_ref()), is_limited) {
            Err(error) if error.kind() == ErrorKind::LimitExceeded => Ok(Err(error)),
            admitted => admitted.map(|()| planned),
        }
    }

    /// Puts a logged commit into the memtables of its partitions and into its streams; returns the bytes of memory that
    /// takes, and the entries of global indexes, which other partitions hold.
    fn apply_staged(
        &self,
        ops: &[WriteOp<'_>],
        states: &[TableStateGuard],
        staged: &[StagedWrite],
        locks: &LockSet<'_>,
        stamp: WriteStamp,
        origin: Origin,
    ) -> (usize, Vec<GlobalEntry>) {
        let (mut bytes, mut global) = (0, Vec::new());
        for (ordinal, item) in staged.iter().filter(|item| item.changed).enumerate() {
            let (partition, guard) = locks.of(item.position);
            let (key, state) = (ops[item.position].key, &*states[item.position]);
            self.delay_propagation(&state.definition, key, item);
            let (old, new, event) = (item.old.as_ref(), item.new.as_ref(), item.event);
            let (indexes, item_stamp) = (&*item.indexes, item.stamp.as_deref());
            let change =
                AppliedChange { ordinal, key, state: Some(state), old, new, event, indexes, stamp: item_stamp };
            let mut target =
                LockedTarget { engine: self, state, partition, guard, stamp, bytes: 0, global: &mut global };
            apply(&change, stamp, origin, &mut target);
            bytes += target.bytes;
        }
        (bytes, global)
    }

    /// What is left of a logged commit once the locks of its items are released: entries of global indexes.
    fn finish_applying(&self, written: &mut CommitResult, options: &WriteOptions) {
        let Some(seqno) = written.seqno else { return };
        let buffered = self.durability(options) == Durability::Buffered;
        _ = canary!(AppliedEarly).then(|| self.wal.applied(seqno));
        let mut rest = &written.global[..];
        while let Some(first) = rest.first() {
            let (here, bytes) = self.insert_entries(first, rest, seqno, buffered);
            written.bytes += bytes;
            rest = rest.get(here..).unwrap_or_default();
        }
        self.wal.applied(seqno);
        self.admission.write_budget.add(written.bytes);
    }

    /// Where the lag of an index is modelled, its reads go on showing the entry that the item had.
    fn delay_propagation(&self, definition: &TableDefinition, key: &EncodedKey, item: &StagedWrite) {
        if item.indexes.is_empty() {
            return;
        }
        for change in &item.indexes {
            let index = &definition.indexes[change.index];
            let Some(pending_propagation) = self.pending_propagation(index.id) else { continue };
            let before = item.old.as_ref().and_then(|old| index::entry(definition, index, old));
            pending_propagation.record(key, before.map(|entry| (entry.key, entry.bytes)), &self.options.clock);
        }
    }

    fn log(
        &self,
        ops: &[WriteOp<'_>],
        states: &[TableStateGuard],
        planned: &[StagedWrite],
        options: &WriteOptions,
        at_millis: u64,
    ) -> Result<u64> {
        let header = CommitHeader {
            at_millis,
            token: options.token.as_ref().map(|token| (token.token.as_str(), token.fingerprint)),
            origin: options.origin,
        };
        let count = planned.iter().filter(|item| item.changed).count();
        let changes = planned.iter().filter(|item| item.changed).map(|item| {
            let (key, definition) = (ops[item.position].key, &states[item.position].definition);
            let (collection, sort) = (key.collection(), key.sort());
            let stamp = item.stamp.as_deref().map(|stamp| (stamp.micros(), stamp.region()));
            let (table, old, new) = (definition.id, item.before(definition), item.new.as_deref());
            ChangeRef { table, collection, sort, old, new, new_shared: item.new.as_ref(), stamp }
        });
        let mut bytes = 0;
        let commit = self.wal.append_with(|_seqno, out| {
            self.history.note(at_millis);
            encode_commit(&header, count, changes, out);
            bytes = out.record_bytes();
        })?;
        self.observe.reached(|| WritePoint::Logged { commit, bytes });
        Ok(commit)
    }

    /// Inserts the first of some entries of global indexes, and those behind it that belong to the same partition; returns how
    /// many, and the memory they took. There is always one.
    fn insert_entries(&self, first: &GlobalEntry, rest: &[GlobalEntry], seqno: u64, buffered: bool) -> (usize, usize) {
        loop {
            let partition = first.ring.find(first.key.token());
            let guard = partition.lock();
            if guard.retired() {
                continue;
            }
            let tokens = partition.first_token..=partition.last_token;
            let is_here = |entry: &&GlobalEntry| {
                let is_in_ring = || Arc::ptr_eq(&entry.ring, &first.ring) && tokens.contains(&entry.key.token());
                std::ptr::eq(*entry, first) || is_in_ring()
            };
            let (mut here, mut bytes) = (0, 0);
            for GlobalEntry { ring, key, value } in rest.iter().take_while(is_here) {
                let version = NewVersion { seqno, value: value.as_ref(), buffered };
                bytes += self.insert_locked(ring, &partition, &guard, key, version);
                here += 1;
            }
            return (here, bytes);
        }
    }

    fn insert_locked(
        &self,
        ring: &Arc<TokenRing>,
        partition: &Arc<Partition>,
        guard: &WriteGuard<'_>,
        key: &EncodedKey,
        version: NewVersion<'_>,
    ) -> usize {
        if partition.insert(guard, key_ref(key), version, self.wal.visible()) {
            self.flush_tombstones(ring, partition);
        }
        self.observe.reached(|| self.index_inserted(partition, version.value.is_none()));
        entry_bytes(key, version.value)
    }

    /// Inserts an item or entry that has no record in the log, into the partition that holds its key now; returns the memory
    /// that it takes, in bytes.
    pub(super) fn insert_unlogged(
        &self,
        ring: &Arc<TokenRing>,
        key: &EncodedKey,
        seqno: u64,
        value: Option<&Bytes>,
        buffered: bool,
    ) -> usize {
        loop {
            let partition = ring.find(key.token());
            let guard = partition.lock();
            if guard.retired() {
                continue;
            }
            let version = NewVersion { seqno, value, buffered };
            if partition.insert_unlogged(&guard, key_ref(key), version, self.wal.visible()) {
                self.flush_tombstones(ring, &partition);
            }
            return entry_bytes(key, value);
        }
    }

    /// Waits until what the answer rests on is durable: the commit itself, or, where nothing was written, what was read.
    fn await_written(
        &self,
        ops: &[WriteOp<'_>],
        states: &[TableStateGuard],
        written: &CommitResult,
        options: &WriteOptions,
    ) -> Result<()> {
        let Some(seqno) = written.seqno else {
            let is_conflict =
                |result: &Result<ItemResult>| matches!(result, Err(error) if error.kind() == ErrorKind::Conflict);
            if options.report_conflict_early && written.results.iter().any(is_conflict) {
                return Ok(());
            }
            return self.await_read(ops.iter().map(|op| op.key).zip(states), written.newest_read);
        };
        if options.skip_wait { Ok(()) } else { self.wait_durable(seqno, self.durability(options)) }
    }

    /// Waits until a commit, and with it all before it, is as durable as was asked for.
    fn wait_durable(&self, seqno: u64, durability: Durability) -> Result<()> {
        match durability {
            Durability::Sync => self.wal.sync(seqno)?,
            Durability::Buffered => {
                self.wal.flush_to_os(seqno)?;
                if self.wal.is_sync_due() {
                    self.background.signal.log.notify();
                }
            }
        }
        self.history.commit_gates.pass(seqno, durability)?;
        self.streams.announce();
        Ok(())
    }

    /// Waits until everything that was committed until now is durable.
    pub fn wait_all_durable(&self, durability: Option<Durability>) -> Result<()> {
        self.wait_durable(self.wal.last_seqno(), durability.unwrap_or(self.options.durability))
    }

    fn durability(&self, options: &WriteOptions) -> Durability {
        options.durability.unwrap_or(self.options.durability)
    }
}

/// What `write_locked` leaves for the time after the locks.
struct CommitResult {
    results: ItemResults,
    /// The log record; none if nothing was written.
    seqno: Option<u64>,
    newest_read: u64,
    /// Memory that memtables grew by.
    bytes: usize,
    /// Entries of global indexes that are not applied yet.
    global: Vec<GlobalEntry>,
}

/// The writer's way of applying: into the item's partition, which it has locked. Entries of global indexes wait until that
/// lock is released.
struct LockedTarget<'a> {
    engine: &'a Engine,
    state: &'a TableState,
    partition: &'a Partition,
    guard: &'a WriteGuard<'a>,
    stamp: WriteStamp,
    /// Memory that was taken.
    bytes: usize,
    global: &'a mut Vec<GlobalEntry>,
}

impl ApplyTarget for LockedTarget<'_> {
    #[inline]
    fn insert(&mut self, ring: &Arc<TokenRing>, key: &EncodedKey, value: Option<&Bytes>) {
        if ring.keyspace != self.partition.keyspace {
            self.global.push(GlobalEntry { ring: ring.clone(), key: key.clone(), value: value.cloned() });
            return;
        }
        let WriteStamp { seqno, buffered, .. } = self.stamp;
        let version = NewVersion { seqno, value, buffered };
        if self.partition.insert(self.guard, key_ref(key), version, self.engine.wal.visible()) {
            self.engine.flush_tombstones(ring, self.partition);
        }
        self.engine.observe.reached(|| self.engine.inserted(self.partition, key, value.is_none()));
        self.bytes += entry_bytes(key, value);
    }
    #[inline]
    fn push(&mut self, _: &EncodedKey, record: impl Fn(StreamView) -> Change) {
        let (definition, streams) = (&*self.state.definition, &self.engine.streams);
        for purpose in StreamPurpose::ALL {
            let Some(view) = definition.stream_view(purpose) else { continue };
            let (change, buffered) = (record(view), self.stamp.buffered);
            let pushed = streams.push(self.partition.id, purpose, &change, &definition.key, buffered);
            self.engine.observe.reached(|| self.engine.streamed(self.state));
            self.bytes += pushed.min(self.engine.stream_tail_overrun_bytes());
        }
    }
}

/// Memory that a memtable takes for an entry besides its key and value.
const ENTRY_OVERHEAD_BYTES: usize = 96;

fn entry_bytes(key: &EncodedKey, value: Option<&Bytes>) -> usize {
    ENTRY_OVERHEAD_BYTES + key.collection().len() + key.sort().len() + value.map_or(0, Bytes::len)
}
