//! Units consumed by minute, for as many minutes as alarms look at.

use std::collections::VecDeque;

/// Minutes that are kept: those of the longest alarm, the one that goes on, and one that is being evaluated.
const MINUTES: usize = 17;

/// Units of the last minutes.
#[derive(Clone, Debug)]
pub struct MinuteSeries {
    /// The first minute since 1970 of which anything is known.
    since: u64,
    minutes: VecDeque<(u64, f64)>,
}

impl MinuteSeries {
    /// Nothing was consumed yet; minutes before this one are unknown.
    pub fn since(minute: u64) -> Self {
        Self { since: minute, minutes: VecDeque::new() }
    }
    /// Units were consumed in a minute.
    pub fn add(&mut self, minute: u64, units: f64) {
        match self.minutes.back_mut() {
            // A clock that was set back counts to the latest minute.
            Some((last, sum)) if *last >= minute => *sum += units,
            _ => self.minutes.push_back((minute, units)),
        }
        if self.minutes.len() > MINUTES {
            self.minutes.pop_front();
        }
    }
    /// Units of a minute that has ended; `None` if they are not known. A minute without requests has none.
    pub fn of(&self, minute: u64) -> Option<f64> {
        if minute < self.since {
            return None;
        }
        Some(self.minutes.iter().find(|(at, _)| *at == minute).map_or(0.0, |(_, units)| *units))
    }
    /// Whether so many minutes, up to and with this one, are all known and like that.
    pub fn all(&self, minute: u64, minutes: u64, is_like: impl Fn(f64) -> bool) -> bool {
        let Some(first) = (minute + 1).checked_sub(minutes) else { return false };
        (first..=minute).all(|at| self.of(at).is_some_and(&is_like))
    }
}
