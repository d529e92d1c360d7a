//! The locks of the rooms whose threads meet: the log, partitions, commit and streams.
//!
//! They are `parking_lot`'s. The flag `--cfg hashrange_shuttle` puts in their place locks on which a scheduler decides who goes on:
//! one thread runs at a time, so that a test explores schedules one by one (`tests/schedules.rs`). Locks that are only
//! ever held for a moment in which nothing of this kind happens stay what they are, and so do atomic numbers.
//!
//! Imports: nothing.

mod order;
#[cfg(hashrange_shuttle)]
mod scheduled;

pub(crate) use order::{Held, OrderedMutex, OrderedReadGuard, OrderedRwLock, Rank};

#[cfg(not(hashrange_shuttle))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(hashrange_shuttle))]
use parking_lot::{RwLock, RwLockReadGuard};
#[cfg(hashrange_shuttle)]
use scheduled::RwLock;
#[cfg(hashrange_shuttle)]
pub(crate) use scheduled::{Condvar, Mutex, MutexGuard};
#[cfg(hashrange_shuttle)]
use shuttle::sync::RwLockReadGuard;
#[cfg(hashrange_shuttle)]
pub(crate) use shuttle::thread::{Thread, current, park, yield_now};
#[cfg(not(hashrange_shuttle))]
pub(crate) use std::thread::{Thread, current, park, yield_now};
