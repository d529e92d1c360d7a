//! How hot a virtual partition was, second by second, and what is to become of it.

use super::{
    model::HeatModel,
    partition::VirtualPartition,
    sampler::{CutRefusal, Sampler},
};

/// Memory of one partition's last seconds.
#[derive(Debug)]
pub struct Heat {
    /// The last 128 seconds, the latest in the lowest bit: whether the partition was hot.
    seconds: u128,
    /// The second of the lowest bit, since 1970.
    latest_sec: u64,
    /// What the counters of its sides said when they were last looked at.
    used: [i64; 2],
    done: [i64; 2],
    refused: [u64; 2],
    /// Samples of its accesses while it is warm.
    pub sampler: Sampler,
    /// Whether a cut is decided and not done yet.
    pub is_cut_decided: bool,
    /// Why the partition stays whole although it is hot.
    pub cut_refusal: Option<CutRefusal>,
}

/// What a partition used in the second that ended.
pub struct Second {
    /// Tokens of the table, by reads and writes.
    pub done: [i64; 2],
    /// Whether so many seconds were hot that it is to be cut.
    pub is_too_hot: bool,
}

impl Heat {
    /// Of a partition that was not used yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seconds: 0,
            latest_sec: 0,
            used: [0; 2],
            done: [0; 2],
            refused: [0; 2],
            sampler: Sampler::new(seed),
            is_cut_decided: false,
            cut_refusal: None,
        }
    }

    /// A second has ended. What the counters of the partition gained since the last call is counted to this second.
    pub fn end_second(&mut self, sec: u64, partition: &VirtualPartition, model: Option<&HeatModel>) -> Second {
        let mut is_hot = false;
        let mut second = Second { done: [0; 2], is_too_hot: false };
        let mut gained = [0; 2];
        let percent = i64::from(model.map_or(100, |model| model.percent));
        for (at, side) in partition.sides.iter().enumerate() {
            let (used, done, refused) = (side.used(), side.done(), side.refused());
            (gained[at], second.done[at]) = (used - self.used[at], done - self.done[at]);
            is_hot |= refused > self.refused[at];
            (self.used[at], self.done[at], self.refused[at]) = (used, done, refused);
        }
        for (at, side) in partition.sides.iter().enumerate() {
            // Of a ceiling that both share, both together have used that much.
            let used = if partition.shares_ceiling() { gained[0] + gained[1] } else { gained[at] };
            is_hot |= used.saturating_mul(100) >= side.ceiling().most().saturating_mul(percent);
        }
        let Some(model) = model else { return second };
        let passed = u32::try_from(sec.saturating_sub(self.latest_sec)).unwrap_or(u32::MAX);
        self.seconds = self.seconds.checked_shl(passed).unwrap_or(0) | u128::from(is_hot);
        self.latest_sec = sec;
        let window = u128::MAX >> (128 - model.of_secs.clamp(1, 128));
        let hot_secs = (self.seconds & window).count_ones();
        if hot_secs == 0 {
            self.sampler.forget();
            self.cut_refusal = None;
        }
        partition.set_warm(hot_secs > 0);
        second.is_too_hot = hot_secs >= model.hot_secs && is_hot && !self.is_cut_decided;
        second
    }

    /// Hot seconds among the last ones.
    pub fn hot_secs(&self, of_secs: u32) -> u32 {
        (self.seconds & (u128::MAX >> (128 - of_secs.clamp(1, 128)))).count_ones()
    }
}
