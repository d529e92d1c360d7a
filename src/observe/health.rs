//! Failures of background work: which there are, and when each is attempted again.
//!
//! A failure stays with what failed: one partition, one index, one table. Each attempt that fails doubles the time until
//! the next one, so that work which fails late and costs much (a merge of gigabytes) is not repeated in a loop. Damage
//! of a file begins with a minute, since the files concerned never change and only an operator can help; everything else
//! (a full disk, no descriptors) begins with a quarter of a second, since it often passes.

use super::event::{Job, Subject};
use crate::error::{Error, ErrorKind};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Failures that [`Health`] lists at most.
const LISTED_FAILURES: usize = 256;
/// Time between the first and the second attempt, in milliseconds, where the cause may pass by itself.
const FIRST_RETRY_MILLIS: u64 = 250;
/// Longest time between two attempts then, in milliseconds.
const LAST_RETRY_MILLIS: u64 = 60_000;
/// Time between the first and the second attempt where a file is damaged, in milliseconds.
const FIRST_DAMAGE_RETRY_MILLIS: u64 = 60_000;
/// Longest time between two attempts then, in milliseconds.
const LAST_DAMAGE_RETRY_MILLIS: u64 = 3_600_000;

/// Background work that fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The work.
    pub job: Job,
    /// What it works on.
    pub subject: Subject,
    /// What the last attempt failed with.
    pub error: Error,
    /// When the first attempt failed, in milliseconds since 1970.
    pub since_millis: u64,
    /// When the last attempt failed, in milliseconds since 1970.
    pub last_millis: u64,
    /// Attempts that failed since the last one that succeeded.
    pub attempts: u64,
    /// When the next attempt is made, in milliseconds since 1970; `None` if there is none before the database is opened
    /// again.
    pub retry_at_millis: Option<u64>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, subject, error, attempts, .. } = self;
        write!(f, "{job} of {subject} failed (attempt {attempts}): {error}")
    }
}

/// What fails in a database; see [`Database::health`](crate::Database::health).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Health {
    /// The failure that ended writing, if one did. Reads go on; writes are rejected until the database is opened again.
    pub writing_ended: Option<Failure>,
    /// Background work that fails and is attempted again, the oldest failure first; at most 256.
    pub failures: Vec<Failure>,
    /// Failures beyond those.
    pub unlisted_failures: usize,
    /// Consumers for which records of streams are kept that are older than records are kept for other readers. That is no
    /// failure, but a consumer that never comes back costs disk space:
    /// [`OpenOptions::keep_unread`](crate::OpenOptions::keep_unread).
    pub unread: Vec<UnreadRecords>,
}

/// Old records of a stream that are kept because a consumer has still to process them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadRecords {
    /// Name of the stream's table.
    pub table: String,
    /// Name of the consumer.
    pub consumer: String,
    /// How many there are; records that are in one file with them count too.
    pub records: u64,
}

impl Health {
    /// Whether nothing fails.
    pub fn is_good(&self) -> bool {
        self.writing_ended.is_none() && self.failures.is_empty()
    }
    /// Whether the database takes writes.
    pub fn is_writable(&self) -> bool {
        self.writing_ended.is_none()
    }
}

/// A job, and the number of the partition, index or shard that it works on.
type Key = (Job, u64);

/// All failures at present.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Entries of `by_key`, for those who only want to know that there are none.
    count: AtomicUsize,
    by_key: Mutex<BTreeMap<Key, Failure>>,
    writing_ended: Mutex<Option<Failure>>,
}

impl Failures {
    pub(super) fn are_none(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(super) fn is_due(&self, key: Key, now_millis: u64) -> bool {
        let by_key = self.by_key.lock();
        // A clock that was set back makes everything due: better early than never.
        by_key.get(&key).is_none_or(|failure| {
            now_millis < failure.last_millis || failure.retry_at_millis.is_none_or(|at| now_millis >= at)
        })
    }

    pub(super) fn note(&self, key: Key, subject: impl FnOnce() -> Subject, error: &Error, now_millis: u64) -> Failure {
        let mut by_key = self.by_key.lock();
        let failure = by_key.entry(key).or_insert_with(|| Failure {
            job: key.0,
            subject: subject(),
            error: error.clone(),
            since_millis: now_millis,
            last_millis: now_millis,
            attempts: 0,
            retry_at_millis: None,
        });
        failure.attempts += 1;
        (failure.error, failure.last_millis) = (error.clone(), now_millis);
        let wait_millis = retry_after_millis(error.kind(), failure.attempts);
        failure.retry_at_millis = Some(now_millis.saturating_add(wait_millis));
        let failure = failure.clone();
        self.count.store(by_key.len(), Ordering::Release);
        failure
    }

    pub(super) fn forget(&self, key: Key) -> Option<Failure> {
        if self.are_none() {
            return None;
        }
        let mut by_key = self.by_key.lock();
        let failure = by_key.remove(&key);
        self.count.store(by_key.len(), Ordering::Release);
        failure
    }

    pub(super) fn retain(&self, keeps: impl Fn(&Failure) -> bool) {
        if !self.are_none() {
            let mut by_key = self.by_key.lock();
            by_key.retain(|_, failure| keeps(failure));
            self.count.store(by_key.len(), Ordering::Release);
        }
    }

    pub(super) fn last_error(&self, jobs: &[Job]) -> Option<Error> {
        if self.are_none() {
            return None;
        }
        let by_key = self.by_key.lock();
        let of_jobs = by_key.values().filter(|failure| jobs.contains(&failure.job));
        of_jobs.max_by_key(|failure| failure.last_millis).map(|failure| failure.error.clone())
    }

    /// Keeps the failure, if it is the first that ends writing, and returns it.
    pub(super) fn end_writing(&self, job: Job, error: &Error, now_millis: u64) -> Option<Failure> {
        let mut ended = self.writing_ended.lock();
        if ended.is_some() {
            return None;
        }
        let failure = Failure {
            job,
            subject: Subject::Database,
            error: error.clone(),
            since_millis: now_millis,
            last_millis: now_millis,
            attempts: 1,
            retry_at_millis: None,
        };
        Some(ended.insert(failure).clone())
    }

    pub(super) fn health(&self) -> Health {
        let mut failures: Vec<Failure> = self.by_key.lock().values().cloned().collect();
        failures.sort_by_key(|failure| failure.since_millis);
        let unlisted_failures = failures.len().saturating_sub(LISTED_FAILURES);
        failures.truncate(LISTED_FAILURES);
        Health { writing_ended: self.writing_ended.lock().clone(), failures, unlisted_failures, unread: Vec::new() }
    }
}

/// How long after so many failed attempts the next one is made, in milliseconds.
fn retry_after_millis(kind: ErrorKind, attempts: u64) -> u64 {
    let (first, last) = match kind {
        ErrorKind::Corrupt | ErrorKind::Incompatible => (FIRST_DAMAGE_RETRY_MILLIS, LAST_DAMAGE_RETRY_MILLIS),
        _ => (FIRST_RETRY_MILLIS, LAST_RETRY_MILLIS),
    };
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(32);
    (first << doublings).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_attempts_doubles_up_to_a_limit() {
        let times = |kind| [1, 2, 3, 9, 10, 1_000, u64::MAX].map(|attempts| retry_after_millis(kind, attempts));
        assert_eq!(times(ErrorKind::Io), [250, 500, 1_000, 60_000, 60_000, 60_000, 60_000]);
        let damage = [60_000, 120_000, 240_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000];
        assert_eq!(times(ErrorKind::Corrupt), damage);
    }
}
