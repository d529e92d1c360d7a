//! What a database tells of itself: events, counters, and the failures of its background work.
//!
//! Everything that happens without a caller (flush, compaction, split, filling of an index, expiry, recovery) is
//! reported to one [`Observe`], in one vocabulary. From there it goes four ways:
//!
//! ```text
//!   log, commit, maintenance            Counters  ->  Statistics   a value, for metrics
//!            |                         /
//!            v                        /
//!         Observe  ------------------+--  Failures  ->  Health     what fails, where, since when, next attempt
//!                                     \
//!                                      +-  Event    ->  observer (a function), subscriptions (bounded queues),
//!                                                       and `tracing`, if that feature is on
//! ```
//!
//! A counter costs one relaxed addition. An event is made only when something happened that took a file or more, so no
//! read or write of an item pays for it.
//!
//! The same place decides when background work that failed is attempted again ([`Observe::is_due`]): what is shown as
//! failing and what is retried cannot differ.
//!
//! Imports: error, clock.

mod counters;
mod event;
mod health;
mod subscription;
#[cfg(test)]
mod tests;

pub use counters::{Counters, Statistics};
pub use event::{Event, EventKind, Job, Subject};
pub use health::{Failure, Health, UnreadRecords};
pub use subscription::{Observer, Subscription};

use crate::{clock::Clock, error::Error};
use health::Failures;
use std::sync::Arc;
use subscription::Subscribers;

/// The one place that a database reports to.
#[derive(Debug, Default)]
pub struct Observe {
    clock: Clock,
    counters: Counters,
    failures: Failures,
    subscribers: Subscribers,
}

impl Observe {
    /// A place to report to, by this clock. `observer` sees every event.
    pub fn new(clock: Clock, observer: Option<Observer>) -> Arc<Self> {
        let (counters, failures) = (Counters::default(), Failures::default());
        Arc::new(Self { clock, counters, failures, subscribers: Subscribers::new(observer) })
    }
    /// The counters, to add to.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
    /// Reports something that happened.
    pub fn event(&self, kind: EventKind) {
        self.subscribers.publish(Event { at_millis: self.clock.now_millis(), kind });
    }
    /// A queue of the events from now on, which holds at most `capacity` of them.
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.subscribers.subscribe(capacity)
    }

    /// Whether a job on something may be attempted: it did not fail, or the time for the next attempt has come. `id` is
    /// the number of the partition, index or shard.
    pub fn is_due(&self, job: Job, id: u64) -> bool {
        self.failures.are_none() || self.failures.is_due((job, id), self.clock.now_millis())
    }
    /// Reports that an attempt failed, and sets the time of the next one.
    pub fn failed(&self, job: Job, id: u64, subject: impl FnOnce() -> Subject, error: &Error) {
        self.counters.background_failures.add(1);
        let failure = self.failures.note((job, id), subject, error, self.clock.now_millis());
        self.event(EventKind::Failed(failure));
    }
    /// Reports that an attempt succeeded. Costs one load while nothing fails.
    pub fn succeeded(&self, job: Job, id: u64) {
        if let Some(failure) = self.failures.forget((job, id)) {
            self.event(EventKind::Resumed { job, subject: failure.subject });
        }
    }
    /// Forgets the failures of what is gone.
    pub fn forget(&self, is_gone: impl Fn(&Subject) -> bool) {
        self.failures.retain(|failure| !is_gone(&failure.subject));
    }
    /// What the last failed attempt at one of these jobs failed with, if one of them fails now.
    pub fn last_error(&self, jobs: &[Job]) -> Option<Error> {
        self.failures.last_error(jobs)
    }
    /// When the earliest failed job may be attempted again, in milliseconds since 1970; `None` while nothing fails.
    pub fn next_retry_millis(&self) -> Option<u64> {
        self.failures.next_retry_millis()
    }

    /// Reports that a failure of the log or the manifest ended writing. Only the first one counts.
    pub fn writing_ended(&self, job: Job, error: &Error) {
        if let Some(failure) = self.failures.end_writing(job, error, self.clock.now_millis()) {
            self.event(EventKind::WritingEnded(failure));
        }
    }
    /// What fails now.
    pub fn health(&self) -> Health {
        self.failures.health()
    }
}
