//! How long things live, as pure functions of the time: records and closed shards as long as the database is told, an open
//! shard 4 hours before another one continues it, an iterator 15 minutes.

use super::sequence::Sequence;

/// Age at which an open shard that has records is closed and continued by another one.
pub const SHARD_MILLIS: u64 = 4 * 60 * 60 * 1000;
/// How long an iterator may be used.
pub const ITERATOR_MILLIS: u64 = 15 * 60 * 1000;

/// How long records are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// All of them, in milliseconds.
    pub millis: u64,
    /// Those that a consumer has still to process, in milliseconds, where that is longer.
    pub unread_millis: u64,
}

impl Retention {
    /// How long any record is kept, in milliseconds.
    pub fn longest_millis(&self) -> u64 {
        self.millis.max(self.unread_millis)
    }
    /// Whether records are kept for consumers for longer than others.
    pub fn keeps_unread(&self) -> bool {
        self.unread_millis > self.millis
    }
    /// What is too old now in a shard of which `unread` is the lowest record that a consumer has still to process.
    pub fn horizon(&self, now_millis: u64, unread: Option<Sequence>) -> Horizon {
        let aged_millis = horizon_millis(now_millis, self.millis);
        Horizon { aged_millis, last_millis: horizon_millis(now_millis, self.longest_millis()), unread }
    }
}

/// What is too old in a shard.
#[derive(Clone, Copy, Debug)]
pub struct Horizon {
    /// Records of this time and before are too old, unless a consumer has still to process them.
    pub aged_millis: u64,
    /// Records of this time and before are too old for consumers as well.
    pub last_millis: u64,
    /// The lowest record that a consumer has still to process.
    pub unread: Option<Sequence>,
}

impl Horizon {
    /// Whether a record is too old, by its place and its time.
    pub fn is_passed(&self, place: Sequence, at_millis: u64) -> bool {
        let unread = self.unread.is_some_and(|unread| place >= unread);
        at_millis <= if unread { self.last_millis } else { self.aged_millis }
    }
}

/// Records of this time and before are gone.
pub fn horizon_millis(now_millis: u64, retention_millis: u64) -> u64 {
    now_millis.saturating_sub(retention_millis)
}
/// Whether a shard or stream that was closed then is gone.
pub fn is_gone(closed_millis: u64, now_millis: u64, retention_millis: u64) -> bool {
    closed_millis.saturating_add(retention_millis) <= now_millis
}
/// Whether a shard that was opened then is to be closed: also one that was opened by a clock that was far ahead.
pub fn is_old(opened_millis: u64, now_millis: u64) -> bool {
    opened_millis.saturating_add(SHARD_MILLIS) <= now_millis || now_millis.saturating_add(SHARD_MILLIS) < opened_millis
}
/// Whether an iterator that was given out then is void.
pub fn is_void(issued_millis: u64, now_millis: u64) -> bool {
    issued_millis.saturating_add(ITERATOR_MILLIS) < now_millis
}
