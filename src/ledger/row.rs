//! What is added up of accesses.

use crate::error::ThrottledLimit;
use serde::{Deserialize, Serialize};

/// Accesses, what they consumed, and what was throttled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Usage {
    /// Accesses that were carried out: items read or written, index entries changed, pages.
    pub accesses: u64,
    /// Thousandths of read units.
    pub read_milliunits: u64,
    /// Thousandths of write units.
    pub write_milliunits: u64,
    /// Thousandths of units of the cheapest access.
    pub least_milliunits: u64,
    /// Thousandths of units of the dearest access.
    pub most_milliunits: u64,
    /// Reads that provisioned throughput, a partition, the owner's limit on demand, and the account's quota had no capacity
    /// for, in this order.
    pub throttled_reads: [u64; 4],
    /// Writes, likewise.
    pub throttled_writes: [u64; 4],
}

/// Position of a limit in the lists of throttled accesses.
pub fn position(limit: ThrottledLimit) -> usize {
    match limit {
        ThrottledLimit::ProvisionedThroughput => 0,
        ThrottledLimit::KeyRangeThroughput => 1,
        ThrottledLimit::MaxOnDemandThroughput => 2,
        ThrottledLimit::AccountLimit => 3,
    }
}

impl Usage {
    /// One access that was carried out.
    pub(super) fn note(&mut self, is_write: bool, milliunits: u64) {
        self.least_milliunits = if self.accesses == 0 { milliunits } else { self.least_milliunits.min(milliunits) };
        self.most_milliunits = self.most_milliunits.max(milliunits);
        self.accesses += 1;
        *(if is_write { &mut self.write_milliunits } else { &mut self.read_milliunits }) += milliunits;
    }
    /// One access that was throttled.
    pub(super) fn note_throttled(&mut self, is_write: bool, limit: ThrottledLimit) {
        let counts = if is_write { &mut self.throttled_writes } else { &mut self.throttled_reads };
        counts[position(limit)] += 1;
    }
    /// Adds other accesses.
    pub fn add(&mut self, other: &Self) {
        if other.accesses > 0 {
            let least = other.least_milliunits;
            self.least_milliunits = if self.accesses == 0 { least } else { self.least_milliunits.min(least) };
        }
        self.most_milliunits = self.most_milliunits.max(other.most_milliunits);
        self.accesses += other.accesses;
        self.read_milliunits += other.read_milliunits;
        self.write_milliunits += other.write_milliunits;
        for at in 0..4 {
            self.throttled_reads[at] += other.throttled_reads[at];
            self.throttled_writes[at] += other.throttled_writes[at];
        }
    }
    /// Accesses that were throttled.
    pub fn throttled(&self) -> u64 {
        self.throttled_reads.iter().chain(&self.throttled_writes).sum()
    }
}
