//! Whether an edit makes sense. A checksum shows that bytes are as they were written, not who wrote them or why: a
//! manifest may be forged, or be the work of a faulty program.
//!
//! All numbers that a database gives out are counted up from 1, so none comes near [`NUMBER_LIMIT`], and what reads the
//! manifest may add to them without fear. An edit that breaks a rule of its own, such as a range that ends before it
//! begins, is rejected here as well, once for all its readers.

use super::{
    edit::Edit,
    facts::{PartitionMeta, RunMeta, ShardMeta},
};
use crate::{file::NUMBER_LIMIT, schema::is_keyspace};

/// What is wrong with an edit; `None` if nothing is.
pub(super) fn fault(edit: &Edit) -> Option<&'static str> {
    let makes_sense = match edit {
        Edit::PutTable(table) => table.has_sound_numbers(),
        Edit::PutPartition(partition) => is_partition(partition),
        Edit::PutLogEnd { segment, valid_end: offset } | Edit::PutLogReach { segment, offset } => {
            are_numbers(&[*segment, *offset])
        }
        Edit::PutLogStart(segment) | Edit::PutLogEncryptedFrom(segment) | Edit::PutLogMark { segment, .. } => {
            are_numbers(&[*segment])
        }
        Edit::PutCounters(counters) => {
            are_numbers(&[counters.next_file, counters.next_partition, counters.next_shard])
                && is_keyspace(counters.next_table)
        }
        Edit::PutStream(stream) => are_numbers(&[stream.id]) && is_keyspace(stream.table),
        Edit::PutShard(shard) => is_shard(shard),
        Edit::PutStreamSegment(segment) => {
            are_numbers(&[segment.file, segment.shard, segment.bytes, segment.records, segment.last_seqno])
                && segment.first_seqno <= segment.last_seqno
                && segment.index_offset <= segment.bytes
        }
        Edit::PutBase(base) => {
            are_numbers(&[base.file, base.seqno, base.segment, base.first_segment]) && are_numbers(&base.runs)
        }
        Edit::PutHistory(_)
        | Edit::DropHistory
        | Edit::DropBase(_)
        | Edit::DropTable(_)
        | Edit::DropPartition(_)
        | Edit::DropStream(_)
        | Edit::DropShard(_)
        | Edit::DropStreamSegment(_)
        | Edit::PutNote { .. }
        | Edit::DropNote(_) => true,
    };
    (!makes_sense).then_some("an edit holds numbers that no database counts up to, or that contradict each other")
}

fn are_numbers(numbers: &[u64]) -> bool {
    numbers.iter().all(|number| *number < NUMBER_LIMIT)
}

fn is_partition(partition: &PartitionMeta) -> bool {
    are_numbers(&[partition.id, partition.flushed_seqno])
        && is_keyspace(partition.keyspace)
        && partition.first_token <= partition.last_token
        && partition.runs.iter().all(is_run)
}

fn is_run(run: &RunMeta) -> bool {
    are_numbers(&[run.file, run.bytes, run.entries, run.logical_bytes, run.max_seqno])
        && run.tombstones <= run.entries
        && run.min_token <= run.max_token
        && run.min_seqno <= run.max_seqno
        && run.footer <= run.bytes
}

fn is_shard(shard: &ShardMeta) -> bool {
    are_numbers(&[shard.id, shard.stream, shard.partition, shard.start_seqno, shard.trimmed_seqno])
        && are_numbers(&[shard.parent.unwrap_or(0), shard.end_seqno.unwrap_or(0)])
        && shard.first_token <= shard.last_token
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Counters, StreamSegmentMeta};

    #[test]
    fn an_edit_is_refused_for_each_number_that_makes_no_sense() {
        let run = |change: fn(&mut RunMeta)| {
            let mut run = RunMeta { file: 1, bytes: 100, entries: 9, tombstones: 9, footer: 100, ..RunMeta::default() };
            change(&mut run);
            Edit::PutPartition(PartitionMeta { id: 1, last_token: u64::MAX, runs: vec![run], ..Default::default() })
        };
        let partition = |change: fn(&mut PartitionMeta)| {
            let mut partition = PartitionMeta { id: 1, last_token: u64::MAX, ..PartitionMeta::default() };
            change(&mut partition);
            Edit::PutPartition(partition)
        };
        let shard = |change: fn(&mut ShardMeta)| {
            let mut shard = ShardMeta { id: 1, last_token: u64::MAX, ..ShardMeta::default() };
            change(&mut shard);
            Edit::PutShard(shard)
        };
        let segment = |change: fn(&mut StreamSegmentMeta)| {
            let mut segment = StreamSegmentMeta { file: 1, bytes: 9, index_offset: 9, ..Default::default() };
            change(&mut segment);
            Edit::PutStreamSegment(segment)
        };
        for sound in [run(|_| ()), partition(|_| ()), shard(|_| ()), segment(|_| ())] {
            assert_eq!(fault(&sound), None, "{sound:?}");
        }
        let senseless = [
            run(|run| run.file = NUMBER_LIMIT),
            run(|run| run.bytes = u64::MAX),
            run(|run| run.entries = u64::MAX),
            run(|run| run.tombstones = 10),
            run(|run| run.logical_bytes = u64::MAX),
            run(|run| run.max_seqno = u64::MAX),
            run(|run| run.min_seqno = 1),
            run(|run| run.min_token = 1),
            run(|run| run.footer = 101),
            partition(|partition| partition.id = NUMBER_LIMIT),
            partition(|partition| partition.keyspace = 1 << 31),
            partition(|partition| partition.flushed_seqno = u64::MAX),
            partition(|partition| (partition.first_token, partition.last_token) = (2, 1)),
            shard(|shard| shard.id = u64::MAX),
            shard(|shard| shard.stream = u64::MAX),
            shard(|shard| shard.partition = u64::MAX),
            shard(|shard| shard.start_seqno = u64::MAX),
            shard(|shard| shard.trimmed_seqno = u64::MAX),
            shard(|shard| shard.parent = Some(u64::MAX)),
            shard(|shard| shard.end_seqno = Some(u64::MAX)),
            shard(|shard| (shard.first_token, shard.last_token) = (2, 1)),
            segment(|segment| segment.file = u64::MAX),
            segment(|segment| segment.shard = u64::MAX),
            segment(|segment| segment.bytes = u64::MAX),
            segment(|segment| segment.records = u64::MAX),
            segment(|segment| segment.last_seqno = u64::MAX),
            segment(|segment| segment.first_seqno = 1),
            segment(|segment| segment.index_offset = 10),
        ];
        for edit in senseless {
            assert!(fault(&edit).is_some(), "{edit:?}");
        }
    }

    #[test]
    fn so_are_counters_and_places_of_the_log() {
        let counters = |change: fn(&mut Counters)| {
            let mut counters = Counters { next_file: NUMBER_LIMIT - 1, next_table: 1, ..Counters::default() };
            change(&mut counters);
            Edit::PutCounters(counters)
        };
        assert_eq!(fault(&counters(|_| ())), None);
        let senseless = [
            counters(|counters| counters.next_file = NUMBER_LIMIT),
            counters(|counters| counters.next_partition = u64::MAX),
            counters(|counters| counters.next_shard = u64::MAX),
            counters(|counters| counters.next_table = u32::MAX),
            Edit::PutLogEnd { segment: u64::MAX, valid_end: 0 },
            Edit::PutLogEnd { segment: 1, valid_end: u64::MAX },
            Edit::PutLogReach { segment: u64::MAX, offset: 0 },
            Edit::PutLogReach { segment: 1, offset: u64::MAX },
            Edit::PutLogStart(u64::MAX),
            Edit::PutLogEncryptedFrom(u64::MAX),
            Edit::PutLogMark { segment: u64::MAX, mark: 1 },
        ];
        for edit in senseless {
            assert!(fault(&edit).is_some(), "{edit:?}");
        }
    }
}
