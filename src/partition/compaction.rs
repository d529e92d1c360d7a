//! Merging runs: choosing which is a pure function of a few figures, doing it is apart.
//!
//! Each flush adds a run, and each run is one more place to look. So when there are too many, the newest are merged,
//! together with every next older one that is at most twice as large as what is merged already (tiers). The bottom run
//! is rewritten when what is above has grown to half of its size, so a byte is rewritten a few times in its life and
//! not once per flush. Computed for flushes of equal size without overwrites and a limit of four runs: a byte is
//! rewritten 0.8 times on average until the fifth flush, 1.8 times until the sixteenth and 3.9 times until the 64th.
//!
//! Where entries are large, looking costs little beside what is found, and rewriting costs much. There runs are left side by
//! side for longer, as long as the largest of them has at least half of all bytes, so that old values of the size of the new ones
//! never take more space than these. Computed as above, a byte is then rewritten 0.8 times until the sixteenth flush and 2.1
//! times until the 64th.
//!
//! Two more reasons: runs that were shared in a split keep the other half's bytes alive, and tombstones make every read step
//! over them, or, where they are few, keep many bytes of what they hide.
//!
//! # When a tombstone may go
//!
//! A tombstone hides older versions of its key. It goes when there can be none outside of the merge: when its sequence
//! number is below that of every entry of every source that is not merged, memtables included, and below every one that
//! is still on its way here (global index entries arrive late). This implies that the bottom run takes part.

use super::{
    flush::RunContext,
    memtable::Memtable,
    merge::{Direction, MergeCursor, Source, Sources},
    partition::Partition,
    run::Run,
    view::{View, lies_within},
};
use crate::{
    canary::canary,
    error::{Error, ErrorKind, Result},
    manifest::{PartitionMeta, RunMeta},
};
use std::sync::Arc;

/// The next older run joins a merge if it is at most this many times as large as what is merged already.
const TIER_RATIO: u64 = 2;
/// Entries are large when they have so many bytes on average...
const LARGE_ENTRY_BYTES: u64 = 8 << 10;
/// ... and then there may be so many times as many runs...
const LARGE_ENTRY_RUNS: usize = 3;
/// ... with so many times the bytes of the largest.
const LARGE_ENTRY_SPACE: u64 = 2;
/// Tombstones are dense when they are at least one of so many entries...
const DENSE_TOMBSTONES: u64 = 4;
/// ... and at least so many: below, a scan steps over all of them within a millisecond.
pub(super) const MIN_DENSE_TOMBSTONES: u64 = 1_024;
/// ... or hide so many bytes, if what they hide is as large as the other entries.
const MIN_HIDDEN_BYTES: u64 = 1 << 20;

/// What the choice depends on besides the runs.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Runs of a partition at which they are merged; at least 2.
    pub runs_per_partition: usize,
    /// Every sequence number that can still arrive is at least this: tombstones below it may go.
    pub drop_tombstones_below: u64,
}

/// Why runs are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There are too many places to look.
    TooManyRuns,
    /// They hold entries of other partitions since a split.
    Shared,
    /// They hold many tombstones that may go.
    Tombstones,
    /// A caller wants one run.
    Requested,
}

impl Reason {
    /// The reason in one word, for events.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooManyRuns => "too_many_runs",
            Self::Shared => "shared",
            Self::Tombstones => "tombstones",
            Self::Requested => "requested",
        }
    }
}

/// Which runs to merge into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// File numbers, newest first.
    pub inputs: Vec<u64>,
    /// Why.
    pub reason: Reason,
}

/// The figures of a run that the choice depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) file: u64,
    /// Bytes within the partition.
    pub(super) bytes: u64,
    pub(super) entries: u64,
    pub(super) tombstones: u64,
    pub(super) max_seqno: u64,
    /// Whether other partitions have entries in it.
    pub(super) shared: bool,
}

/// Chooses among runs, newest first. `droppable_below` is what tombstones must be below to go if all runs are merged.
/// `stepped_over` counts the tombstones that reads met lately.
pub(super) fn choose(
    runs: &[Shape],
    runs_per_partition: usize,
    droppable_below: u64,
    stepped_over: u64,
) -> Option<Choice> {
    let choice =
        |inputs: &[Shape], reason| Some(Choice { inputs: inputs.iter().map(|run| run.file).collect(), reason });
    if runs.len() >= runs_per_partition.max(2) && !may_stay(runs, runs_per_partition.max(2)) {
        let mut merged = 0;
        let mut count = 0;
        for run in runs {
            if count >= 2 && run.bytes > merged * TIER_RATIO {
                break;
            }
            merged += run.bytes;
            count += 1;
        }
        return choice(&runs[..count], Reason::TooManyRuns);
    }
    // Shared runs are the oldest ones: whatever came later was written by this partition alone.
    if let Some(newest_shared) = runs.iter().position(|run| run.shared) {
        return choice(&runs[newest_shared..], Reason::Shared);
    }
    let sum = |of: fn(&Shape) -> u64| runs.iter().map(of).sum::<u64>();
    let (bytes, entries, all_tombstones) = (sum(|run| run.bytes), sum(|run| run.entries), sum(|run| run.tombstones));
    let droppable = runs.iter().filter(|run| run.max_seqno < droppable_below);
    let tombstones: u64 = droppable.map(|run| run.tombstones).sum();
    let dense = tombstones >= entries / DENSE_TOMBSTONES || stepped_over >= entries;
    let hidden_bytes = tombstones.saturating_mul(bytes / entries.saturating_sub(all_tombstones).max(1));
    if dense && (tombstones >= MIN_DENSE_TOMBSTONES || hidden_bytes >= MIN_HIDDEN_BYTES) {
        return choice(runs, Reason::Tombstones);
    }
    None
}

/// Whether runs whose number alone would be too many stay, because their entries are large.
fn may_stay(runs: &[Shape], runs_per_partition: usize) -> bool {
    let sum = |of: fn(&Shape) -> u64| runs.iter().map(of).sum::<u64>();
    let (bytes, entries) = (sum(|run| run.bytes), sum(|run| run.entries));
    let largest = runs.iter().map(|run| run.bytes).max().unwrap_or(0);
    runs.len() < runs_per_partition.saturating_mul(LARGE_ENTRY_RUNS)
        && bytes / entries.max(1) >= LARGE_ENTRY_BYTES
        && bytes <= largest.saturating_mul(LARGE_ENTRY_SPACE)
}

impl Partition {
    /// The runs that should be merged next, if any.
    pub fn pick_compaction(&self, policy: &Policy) -> Option<Choice> {
        let view = self.view();
        let shape = |run: &Arc<Run>| {
            let facts = run.facts();
            Shape {
                file: facts.file,
                bytes: self.bytes_of(run),
                entries: facts.entries,
                tombstones: facts.tombstones,
                max_seqno: facts.max_seqno,
                shared: self.is_shared(facts),
            }
        };
        let (sound, left_out) = view.runs().split_at(self.sound_runs(&view));
        let shapes: Vec<Shape> = sound.iter().map(shape).collect();
        let left_out: Vec<&Arc<Run>> = left_out.iter().collect();
        let droppable_below = lowest_seqno(view.memtables(), &left_out).min(policy.drop_tombstones_below);
        choose(&shapes, policy.runs_per_partition, droppable_below, self.stepped_over())
    }

    /// Merges the chosen runs, clipped to the partition's tokens, into one; changes nothing. `drop_tombstones_below`
    /// must be read before the call: every sequence number that can still arrive is at least this. Returns no run if
    /// nothing is left. Fails with [`ErrorKind::Conflict`] if the partition does not have the runs any more.
    pub fn compact(&self, ctx: &RunContext<'_>, choice: &Choice, drop_tombstones_below: u64) -> Result<Vec<RunMeta>> {
        let view = self.view();
        let is_chosen = |run: &&Arc<Run>| choice.inputs.contains(&run.facts().file);
        let (inputs, others): (Vec<_>, Vec<_>) = view.runs().iter().partition(is_chosen);
        if inputs.len() != choice.inputs.len() {
            let text = "The runs that were chosen for merging are not there any more";
            return Err(Error::new(ErrorKind::Conflict, "InternalServerError", text));
        }
        // Whatever enters the active memtable from here on is not below `drop_tombstones_below`.
        let droppable_below = if canary!(LostTombstone) {
            u64::MAX
        } else {
            lowest_seqno(view.memtables(), &others).min(drop_tombstones_below)
        };
        let first_token = self.first_token + u64::from(self.first_token > 0 && canary!(LostBoundaryToken));
        let mut sources = Sources::default();
        for run in inputs.iter().filter(|run| lies_within(run, self.first_token, self.last_token)) {
            sources.push(Source::Run(run.scan(first_token, self.last_token, None)?));
        }
        let mut merge = MergeCursor::new(sources, Direction::Scan, true)?;
        let expected = inputs.iter().map(|run| run.facts().entries).sum::<u64>();
        let facts = ctx.write(usize::try_from(expected).unwrap_or(usize::MAX), |writer| {
            while merge.valid() {
                if !(merge.is_tombstone() && merge.seqno() < droppable_below) {
                    let (seqno, item) = (merge.seqno(), merge.item());
                    writer.add(merge.key(), seqno, item.as_ref())?;
                }
                merge.advance()?;
            }
            Ok(())
        })?;
        let reaches_bottom = view.runs().last().is_some_and(|run| is_chosen(&run));
        Ok(facts.into_iter().map(|facts| RunMeta { bottom: reaches_bottom, ..facts }).collect())
    }

    /// What the manifest has to keep before [`Partition::publish_compaction`].
    pub fn record_with_compaction(&self, choice: &Choice, merged: &[RunMeta]) -> PartitionMeta {
        let mut record = self.record();
        record.runs = replace(&record.runs, |facts| choice.inputs.contains(&facts.file), merged);
        record
    }

    /// Puts the merged runs, opened, in the place of those they came from. False, and nothing changes, if the partition
    /// was split meanwhile or does not have them any more: the new runs are garbage then. The caller must not hold the
    /// lock.
    pub fn publish_compaction(&self, choice: &Choice, merged: &[Arc<Run>]) -> bool {
        let guard = self.lock();
        let is_chosen = |run: &Arc<Run>| choice.inputs.contains(&run.facts().file);
        let found = self.view().runs().iter().filter(|run| is_chosen(run)).count();
        if guard.retired() || found != choice.inputs.len() {
            return false;
        }
        self.change_view(|view| {
            let runs = replace(view.runs(), is_chosen, merged);
            View::new(view.active().clone(), view.frozen().to_vec(), runs, view.flushed_seqno())
        });
        true
    }
}

/// The list with `merged` in the place of the oldest entry that is replaced.
fn replace<T: Clone>(list: &[T], is_replaced: impl Fn(&T) -> bool, merged: &[T]) -> Vec<T> {
    let last = list.iter().rposition(&is_replaced).map_or(0, |last| last + 1);
    let (before, behind) = list.split_at(last);
    before.iter().filter(|entry| !is_replaced(entry)).chain(merged).chain(behind).cloned().collect()
}

/// The lowest sequence number of some sources; `u64::MAX` if they are empty.
fn lowest_seqno<'a>(memtables: impl Iterator<Item = &'a Arc<Memtable>>, runs: &[&Arc<Run>]) -> u64 {
    let memtables = memtables.map(|memtable| memtable.min_seqno());
    memtables.chain(runs.iter().map(|run| run.facts().min_seqno)).min().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(file: u64, bytes: u64) -> Shape {
        Shape { file, bytes, entries: bytes, tombstones: 0, max_seqno: 100, shared: false }
    }
    fn chosen(runs: &[Shape]) -> Option<(Vec<u64>, Reason)> {
        choose(runs, 4, 1_000, 0).map(|choice| (choice.inputs, choice.reason))
    }

    #[test]
    fn few_runs_stay() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[run(3, 10), run(2, 10), run(1, 10)]), None);
    }

    #[test]
    fn too_many_runs_merge_from_the_newest_on() {
        let equal = [run(4, 10), run(3, 10), run(2, 10), run(1, 10)];
        assert_eq!(chosen(&equal), Some((vec![4, 3, 2, 1], Reason::TooManyRuns)));
        let large_bottom = [run(4, 10), run(3, 10), run(2, 10), run(1, 61)];
        assert_eq!(chosen(&large_bottom), Some((vec![4, 3, 2], Reason::TooManyRuns)));
        let large_both = [run(4, 10), run(3, 10), run(2, 41), run(1, 10_000)];
        assert_eq!(chosen(&large_both), Some((vec![4, 3], Reason::TooManyRuns)));
        let large_second = [run(4, 1), run(3, 500), run(2, 10), run(1, 10_000)];
        assert_eq!(chosen(&large_second), Some((vec![4, 3, 2], Reason::TooManyRuns)));
    }

    #[test]
    fn runs_of_large_entries_stay_longer_but_not_for_ever() {
        let large = |file, bytes| Shape { entries: 1 + bytes / (LARGE_ENTRY_BYTES + 1), ..run(file, bytes) };
        let mib = |files: u64| (0..files).map(|file| large(file + 2, 1 << 20));
        let above = |files, bottom| mib(files).chain([large(1, bottom)]).collect::<Vec<_>>();
        assert_eq!(chosen(&above(7, 7 << 20)), None);
        assert!(chosen(&above(8, 7 << 20)).is_some(), "half of the space could be garbage");
        assert!(chosen(&above(3, 1 << 20)).is_some(), "three quarters of the space could be");
        assert_eq!(chosen(&above(10, 1 << 30)), None);
        assert!(chosen(&above(11, 1 << 30)).is_some(), "there are too many places to look");
        let small = |files, bottom| above(files, bottom).iter().map(|one| run(one.file, one.bytes)).collect::<Vec<_>>();
        assert!(chosen(&small(3, 7 << 20)).is_some());
    }

    #[test]
    fn a_byte_of_large_entries_is_rewritten_less_often() {
        let (mut runs, mut rewritten, mut most): (Vec<Shape>, u64, u64) = (Vec::new(), 0, 0);
        for file in 1..=64 {
            runs.insert(0, Shape { entries: 1, ..run(file, 1 << 20) });
            while let Some((inputs, _)) = chosen(&runs) {
                let merged = runs.drain(..inputs.len()).map(|run| run.bytes).sum();
                runs.insert(0, Shape { entries: merged >> 20, ..run(file + 1_000, merged) });
                rewritten += merged;
            }
            most = most.max(runs.len() as u64);
        }
        assert!(rewritten < 160 << 20 && most < 12, "{} MiB, {most} runs", rewritten >> 20);
    }

    #[test]
    fn choosing_again_comes_to_rest() {
        for bottom in [1, 7, 100, 100_000] {
            let mut runs = vec![run(0, bottom)];
            let mut file = 1;
            for _ in 0..200 {
                runs.insert(0, run(file, 1 + file % 5));
                file += 1;
                while let Some((inputs, _)) = chosen(&runs) {
                    let merged = runs.drain(..inputs.len()).map(|run| run.bytes).sum();
                    runs.insert(0, run(file, merged));
                    file += 1;
                }
                assert!(runs.len() < 4);
            }
        }
    }

    #[test]
    fn shared_runs_are_rewritten() {
        let shared = |file| Shape { shared: true, ..run(file, 10) };
        assert_eq!(chosen(&[run(3, 10), shared(2), shared(1)]), Some((vec![2, 1], Reason::Shared)));
    }

    #[test]
    fn dense_tombstones_go_when_they_may() {
        let dense = Shape { tombstones: 3_000, ..run(2, 10_000) };
        assert_eq!(chosen(&[dense, run(1, 1_500)]), Some((vec![2, 1], Reason::Tombstones)));
        assert_eq!(chosen(&[dense, run(1, 90_000)]), None, "few among many");
        assert_eq!(choose(&[dense], 4, 100, 0), None, "something older may still arrive");
        let among_many = [dense, run(1, 90_000)];
        assert_eq!(choose(&among_many, 4, 1_000, 99_999), None, "reads meet them seldom");
        assert!(choose(&among_many, 4, 1_000, 100_000).is_some(), "reads meet them all the time");
        let few_of_large =
            [Shape { entries: 50, tombstones: 50, ..run(2, 2_000) }, Shape { entries: 60, ..run(1, 18 << 20) }];
        assert_eq!(chosen(&few_of_large), Some((vec![2, 1], Reason::Tombstones)));
        let few_of_small = [few_of_large[0], Shape { entries: 60, ..run(1, 60_000) }];
        assert_eq!(chosen(&few_of_small), None, "they hide next to nothing");
        let few = Shape { tombstones: 10, ..run(2, 10) };
        assert_eq!(chosen(&[few]), None);
    }

    #[test]
    fn merged_runs_take_the_place_of_the_oldest() {
        assert_eq!(replace(&[5, 4, 3, 2, 1], |n| *n == 4 || *n == 3, &[9]), [5, 9, 2, 1]);
        assert_eq!(replace(&[5, 4, 3], |n| *n != 4, &[9]), [4, 9]);
        assert_eq!(replace(&[2, 1], |_| true, &[]), [0; 0]);
    }
}
