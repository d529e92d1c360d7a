//! One range of tokens of a table or global index: where its writes go and how it is read.
//!
//! A partition is the unit of serialisation: a writer holds its lock, so that a condition and the write that
//! depends on it see the same state. Readers hold no lock; they take the current [`View`]. What maintenance does to a
//! partition (freeze, flush, compact, split) is in the modules of those names, and always in three steps: write a file,
//! let the caller make the change durable in the manifest, publish the new view.

use super::{
    compaction::MIN_DENSE_TOMBSTONES,
    key::{KeyRef, NewVersion, ReadPoint, Version},
    memtable::Memtable,
    merge::MergeCursor,
    run::Run,
    view::{View, lies_within},
};
use crate::{
    error::Result,
    manifest::{PartitionMeta, RunMeta},
    sync::{Held, Mutex, MutexGuard, Rank},
    visible::Visible,
};
use arc_swap::{ArcSwap, Guard};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Tombstones in memory for which a flush out of turn is worth its file: a read steps over them in less than a
/// millisecond.
const MIN_FLUSHED_TOMBSTONES: u64 = 4_096;

/// What would spare reads the tombstones that they step over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relief {
    /// A flush: tombstones in memory hide nothing that is in runs, or will be close to it.
    pub flush: bool,
    /// A merge of the runs.
    pub merge: bool,
}

/// Whether tombstones, of which one was just added, are many in a memtable and among its keys. True only now and then, and
/// later the more there are: a flush that cannot leave them out is not repeated for each of them.
fn is_dense(memtable: &Memtable) -> bool {
    let tombstones = memtable.tombstones() as u64;
    tombstones.is_multiple_of(MIN_FLUSHED_TOMBSTONES) && tombstones > 0 && tombstones >= memtable.len() as u64 / 2
}

/// One range of tokens of one table or global index.
#[derive(Debug)]
pub struct Partition {
    /// Number within the database, never reused.
    pub id: u64,
    /// The table or global index that it belongs to.
    pub keyspace: u32,
    /// Lowest token.
    pub first_token: u64,
    /// Highest token, inclusive.
    pub last_token: u64,
    writer: Mutex<WriterState>,
    view: ArcSwap<View>,
    stepped_over: AtomicU64,
    /// Files of runs that a merge found damaged.
    damaged: parking_lot::Mutex<BTreeSet<u64>>,
}

/// What the lock of a partition guards, besides the right to write to its active memtable.
#[derive(Debug, Default)]
struct WriterState {
    retired: bool,
}

/// The lock of a partition, and the proof of holding it.
#[derive(Debug)]
#[must_use]
pub struct WriteGuard<'a> {
    state: MutexGuard<'a, WriterState>,
    _held: Held,
}

impl WriteGuard<'_> {
    /// Whether the partition was split: its children take the writes, so let go and look the partition up again.
    pub fn retired(&self) -> bool {
        self.state.retired
    }
    pub(super) fn retire(&mut self) {
        self.state.retired = true;
    }
}

impl Partition {
    /// A partition with an empty memtable for the tokens from `first_token` to `last_token`, both included, of which
    /// every change up to `flushed_seqno` is in `runs` (newest first).
    pub fn new(
        id: u64,
        keyspace: u32,
        first_token: u64,
        last_token: u64,
        flushed_seqno: u64,
        runs: Vec<Arc<Run>>,
    ) -> Self {
        Self::with_frozen(id, keyspace, (first_token, last_token), flushed_seqno, Vec::new(), runs)
    }

    /// The same with memtables that wait for their flush. Runs that are outside of the range are left out.
    pub(super) fn with_frozen(
        id: u64,
        keyspace: u32,
        (first_token, last_token): (u64, u64),
        flushed_seqno: u64,
        frozen: Vec<Arc<Memtable>>,
        mut runs: Vec<Arc<Run>>,
    ) -> Self {
        runs.retain(|run| lies_within(run, first_token, last_token));
        let active = Arc::new(Memtable::new(first_token, last_token));
        let view = View::new(active, frozen, runs, flushed_seqno);
        let (writer, view) = (Mutex::default(), ArcSwap::from_pointee(view));
        Self {
            id,
            keyspace,
            first_token,
            last_token,
            writer,
            view,
            stepped_over: AtomicU64::new(0),
            damaged: Default::default(),
        }
    }

    /// Waits for the lock that writers hold. Check [`WriteGuard::retired`] before writing.
    pub fn lock(&self) -> WriteGuard<'_> {
        let _held = Held::take(Rank::Partition);
        WriteGuard { state: self.writer.lock(), _held }
    }

    /// The current view. Take it once for reads that must agree with each other.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Puts a changed view in place. `change` may run more than once.
    pub(super) fn change_view(&self, change: impl Fn(&View) -> View) {
        self.view.rcu(|view| change(view));
    }

    pub(super) fn owns(&self, guard: &WriteGuard<'_>) -> bool {
        std::ptr::eq(MutexGuard::mutex(&guard.state), &raw const self.writer)
    }

    /// Adds a version. Sequence numbers may come in any order, and the same one again changes nothing. Says whether a flush is
    /// worthwhile because tombstones have become dense in memory.
    pub fn insert(&self, guard: &WriteGuard<'_>, key: KeyRef<'_>, version: NewVersion<'_>, visible: &Visible) -> bool {
        debug_assert!(self.owns(guard) && !guard.retired(), "a write needs the lock of a living partition");
        debug_assert!((self.first_token..=self.last_token).contains(&key.token), "a write outside of the partition");
        let view = self.view.load();
        let active = view.active();
        active.insert(key, version.seqno, version.value, version.buffered, visible);
        version.value.is_none() && is_dense(active)
    }

    /// Adds a version of which the log does not tell, so that it does not keep the log: after a crash its maker makes it again.
    pub fn insert_unlogged(
        &self,
        guard: &WriteGuard<'_>,
        key: KeyRef<'_>,
        version: NewVersion<'_>,
        visible: &Visible,
    ) -> bool {
        debug_assert!(self.owns(guard) && !guard.retired(), "a write needs the lock of a living partition");
        let view = self.view.load();
        let active = view.active();
        active.insert_unlogged(key, version.seqno, version.value, version.buffered, visible);
        version.value.is_none() && is_dense(active)
    }

    /// The newest version of a key that the read may see; a tombstone is a version too.
    #[inline]
    pub fn get(&self, key: KeyRef<'_>, read: ReadPoint, visible: &Visible) -> Result<Option<Version>> {
        self.view.load().get(key, read, visible)
    }

    /// The current view, borrowed, for a read of one page: cheaper than [`Partition::view`], and the cursors of a read
    /// borrow from it.
    #[inline]
    pub fn pin(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// All visible items of the partition in a view of it with tokens from `first_token` to `last_token`, both included,
    /// in key order, strictly behind `after`, if given.
    pub fn scan<'v>(
        &self,
        view: &'v View,
        first_token: u64,
        last_token: u64,
        after: Option<KeyRef<'_>>,
        visible: &'v Visible,
    ) -> Result<MergeCursor<'v>> {
        view.scan(first_token.max(self.first_token), last_token.min(self.last_token), after, visible)
    }

    /// Tombstones that reads stepped over since the last flush or merge that was due to them.
    pub(super) fn stepped_over(&self) -> u64 {
        self.stepped_over.load(Ordering::Relaxed)
    }

    /// A read stepped over tombstones; says what that makes worthwhile. Getting rid of them costs about as much for each
    /// entry that is written anew as stepping over one, so it is due once reads have stepped over as many as there are
    /// entries to write: then reads never cost more than twice of what they would with the best choice.
    pub fn note_stepped_over(&self, tombstones: u64) -> Relief {
        let stepped_over = self.stepped_over.fetch_add(tombstones, Ordering::Relaxed) + tombstones;
        if stepped_over < MIN_DENSE_TOMBSTONES {
            return Relief::default();
        }
        let view = self.view.load();
        let count = |of: fn(&Memtable) -> usize| view.memtables().map(|memtable| of(memtable) as u64).sum::<u64>();
        let in_runs = |of: fn(&RunMeta) -> u64| view.runs().iter().map(|run| of(run.facts())).sum::<u64>();
        let (keys, tombstones) = (count(Memtable::len), count(Memtable::tombstones));
        let (run_entries, run_tombstones) = (in_runs(|run| run.entries), in_runs(|run| run.tombstones));
        Relief {
            // What is in memory is written anew sooner or later in any case.
            flush: tombstones >= MIN_FLUSHED_TOMBSTONES && stepped_over >= keys / 2,
            merge: run_tombstones >= MIN_DENSE_TOMBSTONES && stepped_over >= run_entries,
        }
    }

    /// Whether merges leave runs out because they are damaged.
    pub fn has_damage(&self) -> bool {
        !self.damaged.lock().is_empty()
    }

    /// Merges leave the damaged ones among these runs, and all older ones, out from now on. Reads all of them.
    pub fn leave_out_damaged(&self, files: &[u64]) {
        let view = self.view();
        let chosen = view.runs().iter().filter(|run| files.contains(&run.facts().file));
        let damaged = chosen.filter(|run| run.verify().is_err()).map(|run| run.facts().file);
        self.damaged.lock().extend(damaged);
    }

    /// Merges take all runs again: a file may have been restored.
    pub fn forget_damage(&self) {
        self.damaged.lock().clear();
    }

    /// The number of runs, newest first, that are newer than any damaged one.
    pub(super) fn sound_runs(&self, view: &View) -> usize {
        let damaged = self.damaged.lock();
        view.runs().iter().position(|run| damaged.contains(&run.facts().file)).unwrap_or(view.runs().len())
    }

    /// What was due to tombstones that reads stepped over is done.
    pub fn forget_stepped_over(&self) {
        self.stepped_over.store(0, Ordering::Relaxed);
    }

    /// Memory of all memtables, in bytes. Memtables that a split left to two partitions count in both.
    pub fn memtable_bytes(&self) -> usize {
        self.view.load().memtables().map(|memtable| memtable.bytes()).sum()
    }

    /// The lowest sequence number for whose version in a memtable the log is needed; `None` if there is none.
    pub fn oldest_logged_seqno(&self) -> Option<u64> {
        let view = self.view.load();
        view.memtables().map(|memtable| memtable.min_logged_seqno()).min().filter(|oldest| *oldest < u64::MAX)
    }

    /// The lowest sequence number that is in a memtable. `None` if all memtables are empty.
    pub fn oldest_unflushed_seqno(&self) -> Option<u64> {
        let view = self.view.load();
        view.memtables().filter(|memtable| !memtable.is_empty()).map(|memtable| memtable.min_seqno()).min()
    }

    /// Every change up to this sequence number is in a run: replay begins above it.
    pub fn flushed_seqno(&self) -> u64 {
        self.view.load().flushed_seqno()
    }

    /// Size of the runs on disk, in bytes; of a run that is shared since a split, the part that is in the range.
    pub fn disk_bytes(&self) -> u64 {
        self.view.load().runs().iter().map(|run| self.bytes_of(run)).sum()
    }

    /// Whether a run has entries of other partitions, which were split off.
    pub(super) fn is_shared(&self, facts: &RunMeta) -> bool {
        facts.min_token < self.first_token || facts.max_token > self.last_token
    }

    /// An estimate of what of a run is in the range, in bytes.
    pub(super) fn bytes_of(&self, run: &Run) -> u64 {
        let all = run.facts().bytes;
        if self.is_shared(run.facts()) {
            // A run that cannot be read is found out by its readers; for a figure its whole size will do.
            run.bytes_within(self.first_token, self.last_token).unwrap_or(all)
        } else {
            all
        }
    }

    /// What the manifest keeps of the partition as it is.
    pub fn record(&self) -> PartitionMeta {
        let view = self.view.load();
        self.record_of(view.flushed_seqno(), view.runs().iter().map(|run| run.facts().clone()).collect())
    }

    pub(super) fn record_of(&self, flushed_seqno: u64, runs: Vec<RunMeta>) -> PartitionMeta {
        PartitionMeta {
            id: self.id,
            keyspace: self.keyspace,
            first_token: self.first_token,
            last_token: self.last_token,
            flushed_seqno,
            runs,
        }
    }
}
