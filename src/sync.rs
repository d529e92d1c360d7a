//! The locks of the rooms whose threads meet: the log, partitions, commit and streams.
//!
//! They are `parking_lot`'s. The feature `shuttle` puts in their place locks on which a scheduler decides who goes on:
//! one thread runs at a time, so that a test explores schedules one by one (`tests/schedules.rs`). Locks that are only
//! ever held for a moment in which nothing of this kind happens stay what they are, and so do atomic numbers.

#[cfg(feature = "shuttle")]
mod scheduled;

#[cfg(not(feature = "shuttle"))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard};
#[cfg(feature = "shuttle")]
pub(crate) use scheduled::{Condvar, Mutex, MutexGuard, RwLock};
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::RwLockReadGuard;
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::thread::{Thread, current, park, yield_now};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::thread::{Thread, current, park, yield_now};
