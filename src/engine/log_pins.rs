//! Who needs the log, and from where on.
//!
//! A segment is removed when nothing needs a record in it or before it. Each holder that needs the log is one pin: the first
//! record that it needs, and with that the segment that it keeps, along with all later ones.

use super::engine::Engine;
use crate::{observe::Subject, wal::SegmentStats};
use serde::Serialize;

/// What needs records of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "holder", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogHolder {
    /// A memtable that no run has yet: its flush releases the log.
    Memtable {
        /// The partition.
        subject: Subject,
    },
    /// Records of a change stream that are not in a stream segment yet.
    Stream {
        /// The shard.
        subject: Subject,
    },
    /// A commit that is logged, and not in all of its memtables yet.
    Commit,
    /// A base of history or of an archive, log that waits for an archive, a backup, or a reader of an earlier moment.
    History,
}

/// One holder of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogPin {
    /// What needs the log.
    #[serde(flatten)]
    pub holder: LogHolder,
    /// Number of the first commit that it needs; 0 where it needs whole segments.
    pub from_commit: u64,
    /// Number of the first segment that it keeps. It keeps all later ones too.
    pub from_segment: u64,
}

/// A segment that is no part of the log any more, and stays for history, backups or readers of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KeptSegment {
    /// Number of the segment.
    pub number: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Engine {
    /// All holders of the log, the one that needs the oldest record first.
    pub(super) fn log_pins(&self, segments: &[SegmentStats]) -> Vec<LogPin> {
        let last = segments.last().map_or(0, |segment| segment.number);
        let segment_of = |commit: u64| {
            segments.iter().find(|segment| segment.last_seqno >= commit).map_or(last, |segment| segment.number)
        };
        let pin = |holder, from_commit| LogPin { holder, from_commit, from_segment: segment_of(from_commit) };
        let mut pins = Vec::new();
        let unapplied = self.wal.lowest_unapplied();
        if unapplied <= self.wal.last_seqno() {
            pins.push(pin(LogHolder::Commit, unapplied));
        }
        for ring in self.tables.rings() {
            for partition in ring.all().iter() {
                let Some(oldest) = partition.oldest_logged_seqno() else { continue };
                pins.push(pin(LogHolder::Memtable { subject: self.subject_of(&ring, partition) }, oldest));
            }
        }
        for shard in self.streams.shards() {
            let Some(oldest) = shard.oldest_uncut_seqno() else { continue };
            pins.push(pin(LogHolder::Stream { subject: self.subject_of_shard(&shard) }, oldest));
        }
        if let Some(from_segment) = self.files.kept.first_segment() {
            pins.push(LogPin { holder: LogHolder::History, from_commit: 0, from_segment });
        }
        pins.sort_by_key(|pin| (pin.from_segment, pin.from_commit));
        pins
    }

    /// Segments that only history, backups and readers of the past need.
    pub(super) fn kept_segments(&self) -> Vec<KeptSegment> {
        self.files.kept.segments().into_iter().map(|(number, bytes)| KeptSegment { number, bytes }).collect()
    }
}
