//! Durations that are shown to people. Nothing is decided by them.

use std::{fmt, time::Duration};

/// Measures from its creation on.
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "a duration to be read by a person; no logic depends on it")]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }
    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Elapsed {
        Elapsed(self.0.elapsed())
    }
}

/// A duration, shown in the unit that suits it.
#[derive(Clone, Copy)]
pub(crate) struct Elapsed(pub(crate) Duration);

impl Elapsed {
    /// The share of one of `count` equal steps.
    pub(crate) fn each(self, count: u32) -> Self {
        Self(self.0 / count.max(1))
    }
    /// How many of `count` steps fit into a second.
    pub(crate) fn per_second(self, count: u64) -> u64 {
        let nanos = self.0.as_nanos().max(1);
        u64::try_from(u128::from(count) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_secs_f64() * 1e6;
        match micros {
            m if m < 1.0 => write!(f, "{:.0} ns", m * 1e3),
            m if m < 1e3 => write!(f, "{m:.1} µs"),
            m if m < 1e6 => write!(f, "{:.1} ms", m / 1e3),
            m => write!(f, "{:.1} s", m / 1e6),
        }
    }
}
