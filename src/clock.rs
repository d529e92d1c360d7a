//! Where all time comes from: the system, or a test that moves it by hand.
//!
//! Wall-clock time stamps tables, streams and TTL decisions; it never orders the writes of one database (sequence
//! numbers do). The stamps of replicas are made of it, see `schema/stamp.rs`.
//!
//! Imports: nothing.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// A source of wall-clock time. Cheap to clone; clones of a manual clock share their hand.
#[derive(Clone, Default)]
pub struct Clock(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicU64>),
    /// As a manual clock, so many milliseconds ahead of it.
    Shifted(Arc<AtomicU64>, Arc<AtomicI64>),
}

impl Clock {
    /// The operating system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }
    /// A clock that is at `epoch_millis` (milliseconds since 1970) until it is moved.
    pub fn manual(epoch_millis: u64) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(epoch_millis))))
    }
    /// A clock that goes as this one does, so many milliseconds ahead of it, or behind; the system clock is ahead of itself by
    /// nothing.
    pub(crate) fn shifted(&self, millis: &Arc<AtomicI64>) -> Self {
        match &self.0 {
            Source::System => Self::system(),
            Source::Manual(hand) | Source::Shifted(hand, _) => Self(Source::Shifted(hand.clone(), millis.clone())),
        }
    }
    /// Milliseconds since 1970-01-01 UTC.
    #[expect(clippy::disallowed_methods, reason = "this is the room that time comes from")]
    pub fn now_millis(&self) -> u64 {
        match &self.0 {
            Source::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
            }
            Source::Manual(hand) => hand.load(Ordering::SeqCst),
            Source::Shifted(hand, ahead) => shift(hand.load(Ordering::SeqCst), ahead),
        }
    }
    /// Milliseconds since 1970-01-01 UTC, a few of them late at most, for a fraction of what the exact time costs. A manual
    /// clock is exact.
    #[inline]
    pub(crate) fn coarse_millis(&self) -> u64 {
        match &self.0 {
            Source::System => coarse_system_millis(),
            Source::Manual(hand) => hand.load(Ordering::Relaxed),
            Source::Shifted(hand, ahead) => shift(hand.load(Ordering::Relaxed), ahead),
        }
    }
    /// Begins to measure how long something takes.
    #[expect(clippy::disallowed_methods, reason = "this is the room that time comes from")]
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        match &self.0 {
            Source::System => Stopwatch::Steady(std::time::Instant::now()),
            Source::Manual(_) | Source::Shifted(..) => Stopwatch::Manual(self.coarse_millis()),
        }
    }
    /// Seconds since 1970-01-01 UTC.
    pub fn now_secs(&self) -> u64 {
        self.now_millis() / 1000
    }
    /// Moves a manual clock forward, to the end of time at most; the system clock ignores it.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(hand) | Source::Shifted(hand, _) = &self.0 {
            let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            let _ = hand.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(millis)));
        }
    }
    /// Sets a manual clock, also backwards; the system clock ignores it.
    pub fn set_millis(&self, epoch_millis: u64) {
        match &self.0 {
            Source::System => {}
            Source::Manual(hand) => hand.store(epoch_millis, Ordering::SeqCst),
            Source::Shifted(hand, ahead) => {
                let millis = ahead.load(Ordering::SeqCst).saturating_neg();
                hand.store(epoch_millis.saturating_add_signed(millis), Ordering::SeqCst);
            }
        }
    }
    /// Whether this clock is moved by hand.
    pub fn is_manual(&self) -> bool {
        !matches!(self.0, Source::System)
    }
}

fn shift(millis: u64, ahead: &AtomicI64) -> u64 {
    millis.saturating_add_signed(ahead.load(Ordering::Relaxed))
}

/// The time of the last tick of the operating system, which it keeps where programs can read it.
#[cfg(target_os = "linux")]
fn coarse_system_millis() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    let (secs, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    secs.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}
#[cfg(not(target_os = "linux"))]
fn coarse_system_millis() -> u64 {
    Clock::system().now_millis()
}

/// When something began: by the machine's steady clock, or by the hand of a manual one, so that a test sees the same times in
/// every run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stopwatch {
    Steady(std::time::Instant),
    Manual(u64),
}

impl Stopwatch {
    /// Microseconds since then.
    pub(crate) fn micros(&self, clock: &Clock) -> u64 {
        match self {
            Self::Steady(began) => u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            Self::Manual(began) => clock.coarse_millis().saturating_sub(*began).saturating_mul(1_000),
        }
    }
}

/// A deadline, measured by the machine's steady clock: waiting is not a matter of the date, and
/// a manual clock does not stop it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<std::time::Instant>);

impl Deadline {
    /// A moment from now.
    #[expect(clippy::disallowed_methods, reason = "this is the room that time comes from")]
    pub fn after(wait: Duration) -> Self {
        Self(std::time::Instant::now().checked_add(wait))
    }
    /// How long it is until then; zero once it has passed.
    #[expect(clippy::disallowed_methods, reason = "this is the room that time comes from")]
    pub fn remaining(&self) -> Duration {
        self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(std::time::Instant::now()))
    }
    /// Whether it has passed.
    pub fn is_over(&self) -> bool {
        self.remaining().is_zero()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_manual() { "manual" } else { "system" };
        write!(f, "Clock({name}, {} ms)", self.now_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stops_at_the_end_of_time() {
        let clock = Clock::manual(5);
        clock.advance(Duration::from_millis(2));
        assert_eq!(clock.now_millis(), 7);
        clock.advance(Duration::MAX);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now_millis(), u64::MAX);
    }
}
