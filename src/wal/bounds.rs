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
    /// The first segment that history needs, where it needs any. Those below `first_segment` are no part of the log any more,
    /// and recovery does not read them; their ends are kept for readers of the past.
    pub kept_from: Option<u64>,
    /// In an encrypted database, the first segment that must be encrypted; the ones before are from the time before.
    pub encrypted_from: u64,
    /// In an encrypted database, a segment and the begin of its salt. (0, 0) before one is known.
    pub mark: (u64, u64),
}

impl LogBounds {
    /// A log that begins with its first segment.
    #[cfg(test)]
    pub fn of(reach: (u64, u64), ends: BTreeMap<u64, u64>) -> Self {
        Self { first_segment: 1, reach, ends, ..Self::default() }
    }
    /// Takes over a new end of a segment.
    pub fn put_end(&mut self, segment: u64, end: u64) {
        self.ends.insert(segment, end);
    }
    /// Takes over that segments below a number are gone.
    pub fn begin_at(&mut self, segment: u64) {
        self.first_segment = self.first_segment.max(segment);
        self.forget_ends();
    }
    /// Takes over which segments history needs.
    pub fn keep_from(&mut self, segment: Option<u64>) {
        self.kept_from = segment;
        self.forget_ends();
    }
    fn forget_ends(&mut self) {
        let first = self.kept_from.map_or(self.first_segment, |kept_from| kept_from.min(self.first_segment));
        self.ends = self.ends.split_off(&first);
    }
    /// Takes over the mark of a segment, unless that of a later one is known.
    pub fn put_mark(&mut self, segment: u64, mark: u64) {
        if segment >= self.mark.0 {
            self.mark = (segment, mark);
        }
    }
    /// Takes over that segments from this number on are encrypted.
    pub fn encrypt_from(&mut self, segment: u64) {
        self.encrypted_from = self.encrypted_from.max(segment);
    }
    /// Takes over that the log reaches further.
    pub fn reach_to(&mut self, segment: u64, offset: u64) {
        self.reach = self.reach.max((segment, offset));
    }
}
