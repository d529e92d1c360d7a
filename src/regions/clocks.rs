//! The clocks of the regions: that of the world, each some milliseconds ahead of it or behind.

use crate::clock::Clock;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// The clock of a region.
#[derive(Clone, Debug)]
pub(super) struct RegionClock {
    /// What its database reads. It follows the world's by itself, also where a program moves that directly.
    pub clock: Clock,
    ahead_millis: Arc<AtomicI64>,
}

impl RegionClock {
    /// A clock that goes as the world's does.
    pub fn of(world: &Clock) -> Self {
        let ahead_millis = Arc::default();
        Self { clock: world.shifted(&ahead_millis), ahead_millis }
    }
    /// Sets it ahead of the world's clock, or behind it; only one that is moved by hand can be.
    pub fn set_ahead(&self, millis: i64) {
        self.ahead_millis.store(millis, Ordering::SeqCst);
    }
    /// The time of the world at which this clock showed that time.
    pub fn to_world(&self, at_millis: u64) -> u64 {
        at_millis.saturating_add_signed(self.ahead_millis.load(Ordering::SeqCst).saturating_neg())
    }
}
