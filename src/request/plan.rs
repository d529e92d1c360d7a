//! What a request would do, as a value: which index and partitions, how many items, how many units, and what limits it.
//!
//! A plan is made by a dry run: the request is carried out up to where it would write, ask for throughput or pay. So the numbers
//! are exact for the items that are there, and not estimates.

use crate::{
    capacity::{Consumed, ResourceLimits, ThroughputMode},
    error::{Error, ThrottledLimit, ThrottlingReason},
    ledger::Prices,
};
use std::fmt::{self, Display, Formatter};

/// What a request would do; see [`Database::explain`](crate::Database::explain). Printed, it has a line for each part:
///
/// ```text
/// Query   orders by index by_city
/// keys    city = "Bern" AND total >= 5
/// parts   1 of 4 4000000000000000
/// items   17, exactly
/// units   2.5 read units of by_city
/// at most 1200 a second at these keys
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestPlan {
    /// DynamoDB's name of the operation.
    pub operation: &'static str,
    /// What it reads or writes, in the order of the request.
    pub accesses: Vec<PlannedAccess>,
    /// Items that are evaluated: read, written, or tested by a condition. Of a query or scan those of one page.
    pub items: u64,
    /// Whether there is another page behind it.
    pub has_more: bool,
    /// Units that it consumes of each table and index.
    pub resources: Vec<PlannedResource>,
    /// Why it would be rejected, if it would.
    pub refusal: Option<Error>,
}

/// A part of a request: a key, or a range of keys.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PlannedAccess {
    /// Name of the table.
    pub table: String,
    /// Name of the index that is read.
    pub index: Option<String>,
    /// Which keys, as a text.
    pub keys: String,
    /// First tokens of the partitions that hold them: virtual ones where capacity is modelled.
    pub partitions: Vec<u64>,
    /// Partitions that the table or index has.
    pub of_partitions: usize,
}

/// What a request consumes of a table or index, and what that has.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PlannedResource {
    /// Name of the table.
    pub table: String,
    /// Name of the index; `None` for the table.
    pub index: Option<String>,
    /// Whether the index is a local one, which draws on its table's throughput.
    pub is_local: bool,
    /// Whether the units are of writing.
    pub is_write: bool,
    /// Units of the request.
    pub units: f64,
    /// The most of them that one partition has to do.
    pub units_of_one_partition: f64,
    /// What the table or index may use.
    pub limits: ResourceLimits,
    /// Units a second that one partition does.
    pub partition_units: u64,
    /// The account's quota, for a table or index on demand.
    pub quota_units: u64,
    /// Whether its table is of class Standard-Infrequent Access.
    pub is_infrequent_access: bool,
}

impl PlannedResource {
    /// The limits that hold for it, each with the units a second that it allows, and the units of a request that count.
    fn ceilings(&self) -> Vec<(ThrottledLimit, u64, f64)> {
        let mut ceilings = Vec::new();
        match self.limits.mode {
            ThroughputMode::Provisioned { read_units, write_units } => {
                let units = if self.is_write { write_units } else { read_units };
                ceilings.push((ThrottledLimit::ProvisionedThroughput, units, self.units));
            }
            ThroughputMode::OnDemand { max_read_units, max_write_units } => {
                ceilings.push((ThrottledLimit::AccountLimit, self.quota_units, self.units));
                if let Some(units) = if self.is_write { max_write_units } else { max_read_units } {
                    ceilings.push((ThrottledLimit::MaxOnDemandThroughput, units, self.units));
                }
            }
        }
        ceilings.push((ThrottledLimit::KeyRangeThroughput, self.partition_units, self.units_of_one_partition));
        ceilings
    }
}

impl RequestPlan {
    /// The tables and global indexes that are drawn on. What a local index costs its table pays, together with its own part.
    fn drawn_on(&self) -> Vec<PlannedResource> {
        let mut drawn_on: Vec<PlannedResource> = Vec::new();
        for resource in &self.resources {
            let index = resource.index.clone().filter(|_| !resource.is_local);
            let is_it = |known: &&mut PlannedResource| {
                (&known.table, &known.index, known.is_write) == (&resource.table, &index, resource.is_write)
            };
            match drawn_on.iter_mut().find(is_it) {
                Some(known) => {
                    known.units += resource.units;
                    known.units_of_one_partition += resource.units_of_one_partition;
                }
                None => drawn_on.push(PlannedResource { index, is_local: false, ..resource.clone() }),
            }
        }
        drawn_on
    }

    /// What has no capacity for so many requests a second like this one, at the same keys, once what was saved up is used: each
    /// table and index with the first of its limits. Empty if all of them would pass.
    pub fn throttles_at(&self, requests_per_sec: u64) -> Vec<ThrottlingReason> {
        let mut reasons = Vec::new();
        for resource in self.drawn_on() {
            let exceeded =
                |(_, allowed, units): &(ThrottledLimit, u64, f64)| units * float(requests_per_sec) > float(*allowed);
            if let Some((limit, ..)) = resource.ceilings().into_iter().find(exceeded) {
                reasons.push(ThrottlingReason::new(resource.table, resource.index, resource.is_write, limit));
            }
        }
        reasons
    }

    /// How many requests a second like this one, at the same keys, can go on for ever; `None` if nothing limits it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some million units over at least half a one"
    )]
    pub fn most_per_sec(&self) -> Option<u64> {
        let drawn_on = self.drawn_on();
        let ceilings = drawn_on.iter().flat_map(PlannedResource::ceilings);
        let most =
            ceilings.filter(|(.., units)| *units > 0.0).map(|(_, allowed, units)| (float(allowed) / units) as u64);
        most.min()
    }

    /// What the units cost on demand, in billionths of the currency of the prices.
    pub fn on_demand_nanos(&self, prices: &Prices) -> u64 {
        self.on_demand_nanos_of(prices, 1)
    }

    /// What so many requests like this one cost on demand, in billionths of the currency of the prices. It is rounded once, behind
    /// the multiplication.
    pub fn on_demand_nanos_of(&self, prices: &Prices, requests: u64) -> u64 {
        let cost = |resource: &PlannedResource| {
            let milliunits = milliunits(resource.units).saturating_mul(requests);
            let (reads, writes) = if resource.is_write { (0, milliunits) } else { (milliunits, 0) };
            prices.of_class(resource.is_infrequent_access).on_demand_nanos(reads, writes)
        };
        self.resources.iter().map(cost).fold(0, u64::saturating_add)
    }

    /// All units together.
    pub fn units(&self) -> f64 {
        self.resources.iter().map(|resource| resource.units).sum()
    }
}

#[expect(clippy::cast_precision_loss, reason = "units a second stay far below 2^53")]
fn float(units: u64) -> f64 {
    units as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an operation costs some thousand units at most"
)]
fn milliunits(units: f64) -> u64 {
    (units * 1_000.0) as u64
}

/// Units of the parts of a table: itself, then its indexes, with whether they are local.
pub(super) fn parts(consumed: &Consumed) -> Vec<(Option<&str>, bool, f64)> {
    let mut parts = Vec::new();
    if consumed.table > 0.0 {
        parts.push((None, false, consumed.table));
    }
    parts.extend(consumed.local_indexes.iter().map(|(name, units)| (Some(name.as_str()), true, *units)));
    parts.extend(consumed.global_indexes.iter().map(|(name, units)| (Some(name.as_str()), false, *units)));
    parts
}

impl Display for RequestPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, access) in self.accesses.iter().enumerate() {
            let operation = if at == 0 { self.operation } else { "" };
            write!(f, "{operation:<8}{}{}", if operation.len() < 8 { "" } else { " " }, access.table)?;
            if let Some(index) = &access.index {
                write!(f, " by index {index}")?;
            }
            writeln!(f, "\n{:<8}{}", "keys", access.keys)?;
            let (some, all) = (access.partitions.len(), access.of_partitions);
            write!(f, "{:<8}{some} of {all}", "parts")?;
            for token in access.partitions.iter().take(SHOWN_PARTITIONS) {
                write!(f, " {token:016x}")?;
            }
            writeln!(f, "{}", if some > SHOWN_PARTITIONS { " ..." } else { "" })?;
        }
        let more = if self.has_more { ", and there are more pages" } else { "" };
        write!(f, "{:<8}{}, exactly{more}", "items", self.items)?;
        for resource in &self.resources {
            let kind = if resource.is_write { "write" } else { "read" };
            let name = resource.index.as_ref().unwrap_or(&resource.table);
            let noun = if resource.units == 1.0 { "unit" } else { "units" };
            write!(f, "\n{:<8}{} {kind} {noun} of {name}", "units", resource.units)?;
        }
        if let Some(most) = self.most_per_sec() {
            write!(f, "\n{:<8}{most} a second at these keys", "at most")?;
        }
        self.refusal.as_ref().map_or(Ok(()), |error| write!(f, "\n{:<8}{error}", "rejected"))
    }
}

/// Partitions that are printed by their tokens.
const SHOWN_PARTITIONS: usize = 4;
