//! What a database tells of itself: events, counters, and the failures of its background work.
//!
//! Everything that happens without a caller (flush, compaction, split, filling of an index, expiry, recovery) is
//! reported to one `Observe`, in one vocabulary. From there it goes four ways:
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
//! The same place decides when background work that failed is attempted again (`Observe::is_due`): what is shown as
//! failing and what is retried cannot differ.
//!
//! Imports: error, clock.

mod counters;
mod event;
mod health;
mod report;
mod subscription;
#[cfg(test)]
mod tests;
mod write_point;

pub use counters::Statistics;
pub use event::{Event, EventKind, Job, Subject};
pub use health::{Failure, Health, UnreadRecords};
pub(crate) use report::Observe;
pub use subscription::{Observer, Subscription};
pub(crate) use write_point::Follower;
pub use write_point::WritePoint;
