//! The clocks of the regions: that of the world, each some milliseconds ahead of it or behind.

use crate::clock::Clock;

/// The clock of a region.
#[derive(Clone, Debug)]
pub(super) struct RegionClock {
    pub clock: Clock,
    /// Milliseconds that it is ahead of the world's; only one that is moved by hand can be.
    pub ahead_millis: i64,
}

impl RegionClock {
    /// A clock that goes as the world's does.
    pub fn of(world: &Clock) -> Self {
        let clock = if world.is_manual() { Clock::manual(world.now_millis()) } else { Clock::system() };
        Self { clock, ahead_millis: 0 }
    }
    /// Sets it to the time of the world.
    pub fn follow(&self, now_millis: u64) {
        self.clock.set_millis(now_millis.saturating_add_signed(self.ahead_millis));
    }
    /// The time of the world at which this clock showed that time.
    pub fn to_world(&self, at_millis: u64) -> u64 {
        at_millis.saturating_add_signed(self.ahead_millis.saturating_neg())
    }
}
