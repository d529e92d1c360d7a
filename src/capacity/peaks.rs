//! What an on-demand table or index may use by its past: twice the highest minute that is old enough to count.

use super::bucket::TOKENS_PER_UNIT;
use std::collections::VecDeque;

const MINUTE_MILLIS: u64 = 60_000;

/// Highest one-minute means of reads and writes.
#[derive(Debug, Default)]
pub struct Peaks {
    /// The minute that is going on, since 1970, and tokens in it.
    minute: u64,
    tokens: [u64; 2],
    /// Means of minutes that are too young to count, each higher than those before it, by direction.
    young: [VecDeque<(u64, u64)>; 2],
    /// The highest mean that counts.
    counted: [u64; 2],
}

impl Peaks {
    /// A second has ended in which so many tokens were used.
    pub fn add(&mut self, sec: u64, tokens: [u64; 2]) {
        self.turn(sec / 60);
        self.tokens.iter_mut().zip(tokens).for_each(|(sum, more)| *sum += more);
    }

    /// Another minute has begun, or the same goes on.
    fn turn(&mut self, minute: u64) {
        if minute <= self.minute {
            return;
        }
        for ((young, tokens), counted) in self.young.iter_mut().zip(&mut self.tokens).zip(self.counted) {
            let mean = std::mem::take(tokens) / (60 * TOKENS_PER_UNIT.unsigned_abs());
            // What is no higher than an older one changes nothing when its time comes.
            if mean > young.back().map_or(counted, |(_, before)| *before) {
                young.push_back((self.minute, mean));
            }
        }
        self.minute = minute;
    }

    /// Units a second of reads and writes that the past allows, if peaks count after so many minutes.
    pub fn allowed(&mut self, now_millis: u64, after_minutes: u32) -> [u64; 2] {
        let minute = now_millis / MINUTE_MILLIS;
        self.turn(minute);
        for (young, counted) in self.young.iter_mut().zip(&mut self.counted) {
            let is_old = |at: u64| at + 1 + u64::from(after_minutes) <= minute;
            while let Some((_, mean)) = young.front().copied().filter(|(at, _)| is_old(*at)) {
                *counted = (*counted).max(mean);
                young.pop_front();
            }
        }
        self.counted.map(|peak| peak.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_counts_when_it_is_half_an_hour_old() {
        let mut peaks = Peaks::default();
        for sec in 600..660 {
            peaks.add(sec, [0, 500_000]);
        }
        for sec in 660..720 {
            peaks.add(sec, [7_000, 20_000]);
        }
        let at = |minute: u64| minute * MINUTE_MILLIS;
        assert_eq!(peaks.allowed(at(11 + 30) - 1, 30), [0, 0]);
        assert_eq!(peaks.allowed(at(11 + 30), 30), [0, 1_000]);
        assert_eq!(peaks.allowed(at(500), 30), [14, 1_000], "a peak is kept, and a lower one changes nothing");
    }
}
