//! What writers are to each other: one leads, the others follow.
//!
//! Followers sleep each by itself and not on a condition variable, which would hand the lock from one to the next, each
//! time with a switch of threads.

use crate::sync::{self, Thread};
use std::sync::atomic::{AtomicBool, Ordering};

/// How far a caller wants its record to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncGoal {
    Written,
    Synced,
}

/// What the leader of a sync is doing, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncPhase {
    Nobody,
    /// Lets others gather, or writes: nothing is being synced yet but what a writer syncs that finishes a segment.
    Preparing,
    /// Syncs what was written before. It needs nothing but the file for that.
    UnderWay,
}

/// A thread that sleeps until its record is durable, or until it has to lead.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) goal: SyncGoal,
    pub(super) seqno: u64,
    thread: Thread,
    woken: AtomicBool,
}

impl Waiter {
    /// The calling thread, which wants the record `seqno` to have come so far.
    pub(super) fn new(goal: SyncGoal, seqno: u64) -> Self {
        Self { goal, seqno, thread: sync::current(), woken: AtomicBool::new(false) }
    }
    /// Sleeps until it is woken.
    pub(super) fn sleep(&self) {
        while !self.woken.load(Ordering::Acquire) {
            sync::park();
        }
    }
    /// Wakes it.
    pub(super) fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
