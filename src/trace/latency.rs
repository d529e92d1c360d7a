//! How long requests take by the model: the service's own time by chance, and the waits of a client between attempts.

use crate::{faults::Delay, random::mix};

/// Median and 99th percentile of the service's own time, in milliseconds.
const READ: Delay = Delay::LogNormal(3, 10);
const WRITE: Delay = Delay::LogNormal(5, 15);
/// Longest wait between two attempts, in milliseconds.
const LONGEST_WAIT_MILLIS: u64 = 20_000;
/// Latencies are counted by the millisecond up to this one.
const MOST_MILLIS: usize = 120_000;

/// The service's own time of the request of a number.
pub fn own_millis(is_write: bool, number: u64) -> u64 {
    let random = mix(number ^ 0x1A7E_11C7);
    (if is_write { WRITE } else { READ }).draw(random)
}

/// The wait before an attempt, counted from 1 for the second one.
pub fn wait_millis(base_millis: u64, attempt: u32, number: u64) -> u64 {
    let most = base_millis.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX).min(LONGEST_WAIT_MILLIS);
    let random = mix(mix(number) ^ u64::from(attempt));
    random % (most + 1)
}

/// Latencies by the millisecond.
#[derive(Debug)]
pub struct Latencies {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; MOST_MILLIS + 1], total: 0 }
    }
}

impl Latencies {
    pub fn add(&mut self, millis: u64) {
        let at = usize::try_from(millis).unwrap_or(MOST_MILLIS).min(MOST_MILLIS);
        self.counts[at] += 1;
        self.total += 1;
    }
    /// The latency that so many of a thousand do not exceed.
    pub fn percentile(&self, per_thousand: u64) -> u64 {
        let wanted = (self.total * per_thousand).div_ceil(1_000);
        let mut seen = 0;
        for (millis, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return millis as u64;
            }
        }
        0
    }
}
