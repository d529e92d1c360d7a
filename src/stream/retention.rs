//! How long things live, as pure functions of the time: records and closed shards as long as the database is told, an open
//! shard 4 hours before another one continues it, an iterator 15 minutes.

/// Age at which an open shard that has records is closed and continued by another one.
pub const SHARD_MILLIS: u64 = 4 * 60 * 60 * 1000;
/// How long an iterator may be used.
pub const ITERATOR_MILLIS: u64 = 15 * 60 * 1000;

/// Records of this time and before are gone.
pub fn horizon_millis(now_millis: u64, retention_millis: u64) -> u64 {
    now_millis.saturating_sub(retention_millis)
}
/// Whether a shard or stream that was closed then is gone.
pub fn is_gone(closed_millis: u64, now_millis: u64, retention_millis: u64) -> bool {
    closed_millis.saturating_add(retention_millis) <= now_millis
}
/// Whether a shard that was opened then is to be closed.
pub fn is_old(opened_millis: u64, now_millis: u64) -> bool {
    opened_millis.saturating_add(SHARD_MILLIS) <= now_millis
}
/// Whether an iterator that was given out then is void.
pub fn is_void(issued_millis: u64, now_millis: u64) -> bool {
    issued_millis.saturating_add(ITERATOR_MILLIS) < now_millis
}
