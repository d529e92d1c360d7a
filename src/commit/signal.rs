//! How writers wake maintenance, and how they learn whether anybody is there to wake.

use parking_lot::{Condvar, Mutex};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

/// A flag that is raised by writers and awaited by maintenance threads.
#[derive(Debug, Default)]
pub struct Signal {
    pending: AtomicBool,
    stopping: AtomicBool,
    servants: AtomicUsize,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Signal {
    /// There is something to do. Cheap while the flag is already up.
    pub fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            let _guard = self.lock.lock();
            self.changed.notify_all();
        }
    }
    /// Maintenance should end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let _guard = self.lock.lock();
        self.changed.notify_all();
    }
    /// Whether maintenance should end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
    /// Waits until woken, stopped, or `longest` has passed.
    pub fn wait(&self, longest: Duration) {
        let mut guard = self.lock.lock();
        if !self.pending.load(Ordering::Acquire) && !self.is_stopping() {
            self.changed.wait_for(&mut guard, longest);
        }
        self.pending.store(false, Ordering::Release);
    }
    /// A maintenance thread begins (+) or ends.
    pub fn serve(&self, begins: bool) {
        if begins {
            self.servants.fetch_add(1, Ordering::AcqRel);
        } else {
            self.servants.fetch_sub(1, Ordering::AcqRel);
        }
    }
    /// Whether a maintenance thread is alive.
    pub fn is_served(&self) -> bool {
        self.servants.load(Ordering::Acquire) > 0 && !self.is_stopping()
    }
}
