//! From memory to disk: a memtable is frozen, written as a run, and forgotten.
//!
//! ```text
//! freeze   (lock held)  the active memtable takes no more writes, an empty one takes its place
//! flush                 the oldest frozen memtable's slice of this partition becomes a run; nothing changes yet
//! (caller)              the manifest edit with the new record is synced
//! publish               the view loses the memtable and gains the run
//! ```
//!
//! A memtable is written once all its versions are visible: a run holds one version of each key, and what is not
//! durable in the log must not become durable here.

use super::{
    key::ReadPoint,
    memtable::Memtable,
    partition::{Partition, WriteGuard},
    run::{PageCache, Run, RunWriter},
    view::View,
};
use crate::{
    config::ReadMode,
    error::Result,
    file::{Disk, FileName},
    format::protection::Protection,
    manifest::{PartitionMeta, RunMeta},
    visible::Visible,
};
use std::{fmt, sync::Arc};

/// What writing and opening a run takes.
#[derive(Clone)]
pub struct RunContext<'a> {
    /// Where runs are.
    pub disk: Arc<dyn Disk>,
    /// The database, and its keys if it is encrypted.
    pub protection: Protection,
    /// Gives out file numbers that were never used.
    pub next_file: &'a (dyn Fn() -> u64 + Sync),
    /// How runs are read.
    pub read_mode: ReadMode,
    /// Pages of runs that are not mapped.
    pub cache: Arc<PageCache>,
}

impl fmt::Debug for RunContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunContext").field("disk", &self.disk).finish_non_exhaustive()
    }
}

impl RunContext<'_> {
    /// Opens a run that this context wrote or the manifest knows.
    pub fn open(&self, facts: &RunMeta) -> Result<Arc<Run>> {
        Run::open(&*self.disk, facts, &self.protection, self.read_mode, &self.cache).map(Arc::new)
    }

    /// Writes a run. `fill` adds its entries; a run without any leaves no file, and neither does a failure.
    pub(super) fn write(
        &self,
        expected: usize,
        fill: impl FnOnce(&mut RunWriter) -> Result<()>,
    ) -> Result<Option<RunMeta>> {
        let file = (self.next_file)();
        let mut writer = RunWriter::create(&self.disk, file, &self.protection, expected)?;
        match fill(&mut writer) {
            Ok(()) if writer.entries() > 0 => writer.finish().map(Some).inspect_err(|_| self.discard(file)),
            Ok(()) => writer.abandon().map(|()| None),
            Err(error) => {
                drop(writer);
                self.discard(file);
                Err(error)
            }
        }
    }

    /// Removes a file that counts for nothing; if that fails, it is garbage that the next open finds.
    fn discard(&self, file: u64) {
        _ = self.disk.remove(FileName::Run(file));
    }
}

/// A memtable that was written, until it is published.
#[derive(Debug)]
pub struct FlushOutcome {
    /// The new run; `None` if nothing of the memtable is in the partition.
    pub facts: Option<RunMeta>,
    /// With this run, every change of the partition up to this sequence number is in a run.
    pub covered_seqno: u64,
    memtable: Arc<Memtable>,
}

impl Partition {
    /// Freezes the active memtable; false if it is empty. `covered_seqno` is a sequence number up to which every commit
    /// has reached its memtables (the lowest one in flight, less one). The caller holds the lock.
    pub fn freeze(&self, guard: &WriteGuard<'_>, covered_seqno: u64) -> bool {
        debug_assert!(self.owns(guard), "freezing needs the lock of the partition");
        let view = self.view();
        if view.active().is_empty() {
            return false;
        }
        view.active().set_covered_seqno(covered_seqno);
        let fresh = Arc::new(Memtable::new(self.first_token, self.last_token));
        self.change_view(|view| {
            let frozen = view.memtables().cloned().collect();
            View::new(fresh.clone(), frozen, view.runs().to_vec(), view.flushed_seqno())
        });
        true
    }

    /// Writes the oldest frozen memtable, clipped to the partition's tokens, as a run, and changes nothing. `None` if
    /// there is no frozen memtable, or if it has versions that are not visible yet (sync the log first).
    ///
    /// A tombstone that hides nothing is left out: no run can hold its key, and nothing older can arrive any more.
    /// `drop_tombstones_below` must be read before the call: every sequence number that can still arrive is at least this.
    pub fn flush(
        &self,
        ctx: &RunContext<'_>,
        visible: &Arc<Visible>,
        drop_tombstones_below: u64,
    ) -> Result<Option<FlushOutcome>> {
        let view = self.view();
        let Some(memtable) = view.frozen().last().filter(|memtable| memtable.max_seqno() <= visible.load()) else {
            return Ok(None);
        };
        let mut cursor = memtable.scan(self.first_token, self.last_token, None, ReadPoint::Newest, visible);
        let others = view.memtables().filter(|other| !Arc::ptr_eq(other, memtable));
        let droppable_below =
            others.map(|other| other.min_seqno()).min().unwrap_or(u64::MAX).min(drop_tombstones_below);
        let mut facts = None;
        if cursor.valid() {
            facts = ctx.write(memtable.len(), |writer| {
                while cursor.valid() {
                    let item = cursor.item();
                    let may_go = item.is_none() && cursor.seqno() < droppable_below;
                    if !(may_go && view.runs().iter().all(|run| run.excludes(cursor.key()))) {
                        writer.add(cursor.key(), cursor.seqno(), item.as_ref())?;
                    }
                    cursor.advance();
                }
                Ok(())
            })?;
        }
        if let Some(facts) = &mut facts {
            facts.bottom = view.runs().is_empty();
        }
        Ok(Some(FlushOutcome { facts, covered_seqno: memtable.covered_seqno(), memtable: memtable.clone() }))
    }

    /// What the manifest has to keep before [`Partition::publish_flush`].
    pub fn record_with_flush(&self, outcome: &FlushOutcome) -> PartitionMeta {
        let mut record = self.record();
        record.flushed_seqno = record.flushed_seqno.max(outcome.covered_seqno);
        record.runs.splice(0..0, outcome.facts.clone());
        record
    }

    /// Puts the run, opened, in the memtable's place. False, and nothing changes, if the partition was split meanwhile
    /// or does not have the memtable any more: the run is garbage then. The caller must not hold the lock.
    pub fn publish_flush(&self, outcome: &FlushOutcome, run: Option<Arc<Run>>) -> bool {
        let guard = self.lock();
        let is_it = |memtable: &Arc<Memtable>| Arc::ptr_eq(memtable, &outcome.memtable);
        if guard.retired() || !self.view().frozen().iter().any(is_it) {
            return false;
        }
        self.change_view(|view| {
            let frozen = view.frozen().iter().filter(|memtable| !is_it(memtable)).cloned().collect();
            let runs = run.iter().chain(view.runs()).cloned().collect();
            View::new(view.active().clone(), frozen, runs, view.flushed_seqno().max(outcome.covered_seqno))
        });
        true
    }
}
