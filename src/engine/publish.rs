//! Making new files count, in the one order that a crash cannot hurt: file and folder are synced already, then the
//! manifest edit, then the view that readers take, and only then are the files removed that nothing refers to.

use super::{engine::Engine, ring::TokenRing, stream::range_of};
use crate::{
    canary::canary,
    error::{Error, Result},
    manifest::{Edit, Manifest, RunMeta},
    observe::EventKind,
    partition::{Choice, FlushOutcome, Partition, Run, WriteGuard},
};
use std::sync::Arc;

impl Engine {
    /// Commits edits of the manifest that the log or memory has told of already. If that fails, they contradict the manifest, and
    /// all writing ends.
    pub(super) fn commit_manifest(&self, manifest: &mut Manifest, edits: &[Edit]) -> Result<()> {
        self.files.commit(manifest, edits, &self.wal)
    }

    /// Commits edits that nothing but the manifest knows of yet. A failure that came before anything of the manifest was
    /// written (its next file could not be created) changes nothing, and the caller may try again later.
    pub(super) fn commit_manifest_or_retry(&self, manifest: &mut Manifest, edits: &[Edit]) -> Result<()> {
        manifest.commit(edits).inspect_err(|error| {
            if manifest.is_poisoned() {
                self.wal.poison(error);
            }
        })
    }

    /// The number of the last commit, which is durable when this returns. An edit of the manifest, which is synced, takes
    /// no other number from the log: a power failure would take the commit, and another one would get its number.
    pub(super) fn last_durable_commit(&self) -> Result<u64> {
        let commit = self.wal.last_seqno();
        self.wal.sync(commit)?;
        Ok(commit)
    }

    pub(super) fn publish_flush(
        &self,
        ring: &TokenRing,
        partition: &Arc<Partition>,
        outcome: FlushOutcome,
    ) -> Result<()> {
        let mut manifest = self.files.manifest();
        // An edit would bring the partition back into the manifest, and with it runs whose files were removed.
        if !ring.contains(partition.id) {
            outcome.facts.iter().for_each(|facts| self.files.remove_run(facts.file));
            return Ok(());
        }
        // There is no run where every entry belongs to the other half of a split, or is a tombstone that hides nothing.
        let open = |facts| self.files.open_run(facts).inspect_err(|_| self.files.remove_run(facts.file));
        let run = outcome.facts.as_ref().map(open).transpose()?;
        let edits = [Edit::PutPartition(partition.record_with_flush(&outcome))];
        self.commit_manifest_or_retry(&mut manifest, &edits).inspect_err(|_| {
            // After a failure that ended writing the manifest may name the run.
            if let Some(facts) = outcome.facts.as_ref().filter(|_| !manifest.is_poisoned()) {
                self.files.remove_run(facts.file);
            }
        })?;
        partition.publish_flush(&outcome, run);
        drop(manifest);
        let (entries, bytes) = outcome.facts.as_ref().map_or((0, 0), |facts| (facts.entries, facts.bytes));
        self.observe.counters().flushes.add(1);
        self.observe.counters().flushed_bytes.add(bytes);
        self.observe.event(EventKind::Flushed { subject: self.subject_of(ring, partition), entries, bytes });
        Ok(())
    }

    pub(super) fn publish_compaction(
        &self,
        ring: &TokenRing,
        partition: &Arc<Partition>,
        choice: &Choice,
        merged: Vec<RunMeta>,
    ) -> Result<()> {
        let mut manifest = self.files.manifest();
        if !ring.contains(partition.id) {
            merged.iter().for_each(|facts| self.files.remove_run(facts.file));
            return Ok(());
        }
        let give_up = |_: &Error| merged.iter().for_each(|facts| self.files.remove_run(facts.file));
        let runs: Result<Vec<Arc<Run>>> = merged.iter().map(|facts| self.files.open_run(facts)).collect();
        let runs = runs.inspect_err(give_up)?;
        let before: Vec<u64> = partition.record().runs.iter().map(|facts| facts.file).collect();
        let record = partition.record_with_compaction(choice, &merged);
        let kept: Vec<u64> = record.runs.iter().map(|facts| facts.file).collect();
        if canary!(RunsRemovedEarly) {
            choice.inputs.iter().for_each(|file| self.files.remove_run(*file));
        }
        let committed = self.commit_manifest_or_retry(&mut manifest, &[Edit::PutPartition(record)]);
        committed.inspect_err(|error| {
            if !manifest.is_poisoned() {
                give_up(error)
            }
        })?;
        let read = partition.record().runs;
        let bytes_read = read.iter().filter(|facts| choice.inputs.contains(&facts.file)).map(|facts| facts.bytes).sum();
        partition.publish_compaction(choice, &runs);
        let gone = before.into_iter().filter(|file| !kept.contains(file));
        self.files.remove_unreferenced(&manifest, gone);
        drop(manifest);
        let bytes_written = merged.iter().map(|facts| facts.bytes).sum();
        let counters = self.observe.counters();
        counters.compactions.add(1);
        counters.compaction_bytes_read.add(bytes_read);
        counters.compaction_bytes_written.add(bytes_written);
        self.observe.event(EventKind::Compacted {
            subject: self.subject_of(ring, partition),
            reason: choice.reason.name(),
            runs: choice.inputs.len(),
            bytes_read,
            bytes_written,
        });
        Ok(())
    }

    /// Puts two children in the place of a partition, whose lock the caller has taken after the manifest's. False if the
    /// partition is gone by now.
    pub(super) fn publish_split(
        &self,
        ring: &TokenRing,
        partition: &Arc<Partition>,
        manifest: &mut Manifest,
        guard: &mut WriteGuard<'_>,
        at: u64,
    ) -> Result<bool> {
        if !ring.contains(partition.id) {
            return Ok(false);
        }
        let shard_end = self.end_of_shards(partition)?;
        let children = [self.tables.new_partition(), self.tables.new_partition()];
        let Some((low, high)) = partition.split(guard, at, (children[0], children[1])) else { return Ok(false) };
        // The counters go along: after a crash the children's numbers must not be given out again.
        let mut edits = vec![
            Edit::DropPartition(partition.id),
            Edit::PutPartition(low.record()),
            Edit::PutPartition(high.record()),
        ];
        let ranges = [range_of(&low), range_of(&high)];
        let now_millis = self.options.clock.now_millis();
        let mut plan = self.streams.plan_succession(partition.id, &ranges, shard_end, now_millis);
        edits.extend(plan.take_edits());
        edits.push(Edit::PutCounters(self.counters()));
        // The parent takes no writes any more, so that the children take its place even if the manifest cannot be
        // written: then nothing of theirs is published either, and the next opening begins with the parent.
        let committed = self.commit_manifest(manifest, &edits);
        self.streams.apply(plan);
        ring.replace(partition.id, vec![Arc::new(low), Arc::new(high)]);
        committed?;
        self.observe.counters().splits.add(1);
        self.observe.event(EventKind::Split { subject: self.subject_of(ring, partition), children });
        Ok(true)
    }
}
