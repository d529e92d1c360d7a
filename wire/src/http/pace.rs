//! How fast a client has to be.
//!
//! A fixed time for a whole transfer is either too short for a large one over a slow line, or long enough for a client that
//! sends a byte now and then to hold memory for minutes. So a transfer has a deadline that moves on with its bytes, and
//! that is never further away than a head start: a burst buys no time to do nothing for long.

use std::time::{Duration, Instant};

/// The head start of a transfer where others wait for its memory or its connection.
const HEAD_START_UNDER_PRESSURE: Duration = Duration::from_secs(2);

/// The present. Deadlines of sockets are real time, also where the database has a manual clock.
#[expect(clippy::disallowed_methods, reason = "deadlines of sockets; the database's time comes from its Clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The slowest allowed transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The longest time without bytes.
    pub(crate) head_start: Duration,
    /// Bytes a second, on average.
    pub(crate) bytes_per_sec: u32,
}

/// Bytes that move in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    pace: Pace,
    /// When the transfer is too slow, if no more bytes move until then; `None` if that is never.
    pub(crate) deadline: Option<Instant>,
    /// The same, while others wait for its memory or its connection.
    pub(crate) deadline_under_pressure: Instant,
}

impl Transfer {
    /// A transfer that begins now.
    pub(crate) fn begin(pace: Pace) -> Self {
        Self::begin_at(pace, now())
    }

    fn begin_at(pace: Pace, now: Instant) -> Self {
        let deadline = now.checked_add(pace.head_start);
        Self { pace, deadline, deadline_under_pressure: now + HEAD_START_UNDER_PRESSURE }
    }

    /// Bytes have moved.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.advance_at(bytes, now());
    }

    fn advance_at(&mut self, bytes: usize, now: Instant) {
        let micros = (bytes as u64).saturating_mul(1_000_000) / u64::from(self.pace.bytes_per_sec.max(1));
        let bought = Duration::from_micros(micros);
        let furthest = Self::begin_at(self.pace, now);
        let moved =
            |deadline: Instant, furthest: Instant| deadline.checked_add(bought).unwrap_or(furthest).min(furthest);
        self.deadline = self.deadline.zip(furthest.deadline).map(|(deadline, furthest)| moved(deadline, furthest));
        self.deadline_under_pressure = moved(self.deadline_under_pressure, furthest.deadline_under_pressure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_move_the_deadline_up_to_a_head_start() {
        let pace = Pace { head_start: Duration::from_secs(4), bytes_per_sec: 1_000 };
        let begun = now();
        let after = |millis| begun + Duration::from_millis(millis);
        let mut transfer = Transfer::begin_at(pace, begun);
        assert_eq!((transfer.deadline, transfer.deadline_under_pressure), (Some(after(4_000)), after(2_000)));
        transfer.advance_at(500, after(2_000));
        assert_eq!((transfer.deadline, transfer.deadline_under_pressure), (Some(after(4_500)), after(2_500)));
        transfer.advance_at(1_000_000, after(3_000));
        assert_eq!((transfer.deadline, transfer.deadline_under_pressure), (Some(after(7_000)), after(5_000)));
    }

    #[test]
    fn a_head_start_may_be_endless() {
        let mut transfer = Transfer::begin(Pace { head_start: Duration::MAX, bytes_per_sec: 0 });
        transfer.advance(usize::MAX);
        assert_eq!(transfer.deadline, None);
    }
}
