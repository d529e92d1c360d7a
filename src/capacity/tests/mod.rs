//! Tests of the model by itself, under a time that the test moves.
//!
//! The names of tests say which behaviour of the service they hold the model to; numbers in parentheses are units.

mod buckets;
mod leases;
mod on_demand;
mod partitions;
mod random;

use super::{CapacityModel, KeyPosition, Resource, ResourceLimits, ThroughputMode, Use, bucket::TOKENS_PER_UNIT};
use crate::error::ThrottledLimit;
use std::sync::Arc;

const BEGIN_MILLIS: u64 = 1_800_000_000_000;

/// A table or index whose time a test moves.
struct World {
    resource: Resource,
    now_millis: u64,
}

fn provisioned(read_units: u64, write_units: u64) -> ResourceLimits {
    ResourceLimits {
        mode: ThroughputMode::Provisioned { read_units, write_units },
        warm_read_units: read_units,
        warm_write_units: write_units,
        size_bytes: 0,
        keeps_collections: false,
    }
}

fn on_demand() -> ResourceLimits {
    ResourceLimits {
        mode: ThroughputMode::OnDemand { max_read_units: None, max_write_units: None },
        warm_read_units: 12_000,
        warm_write_units: 4_000,
        size_bytes: 0,
        keeps_collections: false,
    }
}

fn full() -> CapacityModel {
    CapacityModel { starts_full: true, ..CapacityModel::service() }
}

impl World {
    fn new(model: CapacityModel, limits: ResourceLimits) -> Self {
        model.check().unwrap();
        let resource = Resource::new(Arc::new(model), limits, model.seed, BEGIN_MILLIS);
        Self { resource, now_millis: BEGIN_MILLIS }
    }
    fn service(limits: ResourceLimits) -> Self {
        Self::new(CapacityModel::service(), limits)
    }
    fn advance(&mut self, millis: u64) {
        self.now_millis += millis;
    }
    /// An access of so many thousandths of a unit at a place.
    fn access_at(&self, of: Use, place: KeyPosition<'_>, cost: i64) -> Result<(), ThrottledLimit> {
        let admitted = self.resource.admit(of, place, cost, self.now_millis);
        admitted.map(|ticket| ticket.debit(cost, place)).map_err(|rejected| rejected.limit)
    }
    fn access(&self, of: Use, token: u64, units: i64) -> Result<(), ThrottledLimit> {
        self.access_at(of, KeyPosition { token, ..KeyPosition::default() }, units * TOKENS_PER_UNIT)
    }
    fn read(&self, units: i64) -> Result<(), ThrottledLimit> {
        self.access(Use::StrongRead, 1, units)
    }
    fn write(&self, units: i64) -> Result<(), ThrottledLimit> {
        self.access(Use::Write, 1, units)
    }
    /// How many accesses of one unit pass before the first that is rejected, and why that is.
    fn passing(&self, of: Use, token: u64) -> (u64, ThrottledLimit) {
        let mut passed = 0;
        loop {
            match self.access(of, token, 1) {
                Ok(()) => passed += 1,
                Err(limit) => return (passed, limit),
            }
        }
    }
    fn tokens_left(&self, writes: bool) -> f64 {
        let report = self.resource.report(None, self.now_millis);
        if writes { report.writes.units_left.unwrap() } else { report.reads.units_left.unwrap() }
    }
    fn partitions(&self) -> usize {
        self.resource.report(None, self.now_millis).partitions.len()
    }
}
