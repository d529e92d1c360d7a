//! What is known about the log from elsewhere: from the manifest, which outlives every segment.

use std::collections::BTreeMap;

/// Where the log begins and how far it is known to reach. Without it a log that lost its first or its last file, or
/// the end of its last file, would look like a shorter one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBounds {
    /// The first segment that counts; files with lower numbers are garbage. 0 if none was ever removed.
    pub first_segment: u64,
    /// A segment and an offset in it: all bytes before were on stable storage. (0, 0) before the first opening is over.
    pub reach: (u64, u64),
    /// Where segments end that others took over, by number; 0 for one that does not count, because it
    /// never did or because it holds nothing. Its file may be gone.
    pub ends: BTreeMap<u64, u64>,
}

impl LogBounds {
    /// Takes over a new end of a segment.
    pub fn put_end(&mut self, segment: u64, end: u64) {
        self.ends.insert(segment, end);
    }
    /// Takes over that segments below a number are gone.
    pub fn begin_at(&mut self, segment: u64) {
        self.first_segment = self.first_segment.max(segment);
        self.ends = self.ends.split_off(&self.first_segment);
    }
    /// Takes over that the log reaches further.
    pub fn reach_to(&mut self, segment: u64, offset: u64) {
        self.reach = self.reach.max((segment, offset));
    }
}
