//! The log gives back segments that nothing needs any more: no memtable, no stream, no client request token.

use super::engine::Engine;
use crate::{
    canary::canary,
    error::Result,
    manifest::Edit,
    observe::{EventKind, Job, Subject},
    wal::{
        SegmentStats,
        record::{CommitHeader, encode_commit},
    },
};

impl Engine {
    /// The lowest record that a memtable or a stream needs the log for.
    pub(super) fn log_needed_from(&self) -> u64 {
        // The log's own bound is read first: a commit that is applied meanwhile is in a memtable when they are asked.
        let mut needed_from = self.wal.lowest_unapplied();
        let rings = if canary!(LogTrimmedEarly) { Vec::new() } else { self.tables.rings() };
        for ring in rings {
            for partition in ring.all().iter() {
                needed_from = needed_from.min(partition.oldest_logged_seqno().unwrap_or(u64::MAX));
            }
        }
        needed_from.min(self.log_needed_by_streams())
    }

    /// Trims the log, unless that failed a moment ago. Only a failure that ends writing is one of the caller's work too.
    pub(super) fn trim_log_if_due(&self) -> Result<()> {
        if !self.observe.is_due(Job::LogTrim, 0) {
            return Ok(());
        }
        match self.attempt(Job::LogTrim, 0, || Subject::Database, || self.trim_log()) {
            Err(error) if self.wal.is_poisoned() => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the log segments that are not needed any more; returns the bytes given back.
    pub fn trim_log(&self) -> Result<u64> {
        let _work = self.gate.enter()?;
        if !self.session.has_begun() {
            return self.begin_session().map(|()| 0); // which trims the log
        }
        let needed_from = self.log_needed_from();
        // One look at the segments decides which go. One that is finished meanwhile stays: its tokens were not looked at, and the
        // manifest may say that the log begins with it.
        let segments = self.wal.segments();
        self.log_tokens_again(needed_from, &segments)?;
        let first = segments.iter().find(|segment| segment.last_seqno >= needed_from).or(segments.last());
        let first = first.map_or(0, |segment| segment.number);
        let mut manifest = self.files.manifest();
        if first > manifest.state().log.first_segment {
            self.files.kept.note_ends(&manifest.state().log.ends);
            let history = self.history_of_trimmed(manifest.state());
            let edits: Vec<Edit> = [Edit::PutLogStart(first)].into_iter().chain(history).collect();
            self.commit_manifest_or_retry(&mut manifest, &edits)?;
        }
        drop(manifest);
        let kept = &self.files.kept;
        let bytes = self.wal.trim_before(first, &|segment| kept.gives_up_segment(segment.number, segment.bytes))?;
        if bytes > 0 {
            self.observe.counters().log_bytes_trimmed.add(bytes);
            self.observe.event(EventKind::LogTrimmed { bytes });
        }
        Ok(bytes)
    }

    /// Takes the client request tokens that still count out of the segments that hold nothing else below a number.
    fn log_tokens_again(&self, needed_from: u64, segments: &[SegmentStats]) -> Result<()> {
        let finished = segments.split_last().map_or(segments, |(_, finished)| finished); // the one that is written to stays
        let removable = finished.iter().take_while(|segment| segment.last_seqno < needed_from);
        let Some(last) = removable.last().filter(|_| !canary!(TokenGoneWithSegment)) else { return Ok(()) };
        self.admission.tokens.below(last.last_seqno + 1, self.options.clock.now_millis(), &mut |token, used| {
            let token = Some((token, used.fingerprint));
            let header = CommitHeader { at_millis: used.at_millis, token, ..CommitHeader::default() };
            let logged = self.wal.append_with(|_, out| encode_commit(&header, 0, [], out))?;
            self.wal.applied(logged);
            Ok(logged)
        })?;
        // Also what an earlier call logged, whose sync may have failed: then the segments stay.
        self.wal.sync(self.wal.last_seqno())
    }
}
