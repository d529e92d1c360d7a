//! The one place to which everything is reported.

use super::{
    counters::Counters,
    event::{Event, EventKind, Job, Subject},
    health::{Failures, Health},
    subscription::{Observer, Subscribers, Subscription},
    write_point::{Follower, WritePoint},
};
use crate::{clock::Clock, error::Error};
use std::sync::Arc;

/// The one place that a database reports to.
#[derive(Debug, Default)]
pub struct Observe {
    clock: Clock,
    counters: Counters,
    failures: Failures,
    subscribers: Subscribers,
    follower: Option<Follower>,
}

impl Observe {
    /// A place to report to, by this clock. `observer` sees every event.
    #[cfg(test)]
    pub fn new(clock: Clock, observer: Option<Observer>) -> Arc<Self> {
        Self::followed(clock, observer, None)
    }
    /// A place to report to, by this clock. `observer` sees every event, `follower` the points of writes.
    pub fn followed(clock: Clock, observer: Option<Observer>, follower: Option<Follower>) -> Arc<Self> {
        let (counters, failures) = (Counters::default(), Failures::default());
        Arc::new(Self { clock, counters, failures, subscribers: Subscribers::new(observer), follower })
    }
    /// A write has reached a point. Costs a load and a branch where it is not followed.
    #[inline]
    pub fn reached(&self, point: impl FnOnce() -> WritePoint) {
        if let Some(follower) = &self.follower {
            show(follower, point);
        }
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

#[cold]
fn show(follower: &Follower, point: impl FnOnce() -> WritePoint) {
    follower.show(point());
}
