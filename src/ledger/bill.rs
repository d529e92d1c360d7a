//! What the ledger's time cost, and what it would have cost if the tables were paid for in other ways.

use super::{
    prices::{ClassPrices, MILLION_MILLIUNITS, Prices, UnitPrices, cost, sum},
    rates::HOUR_MILLIS,
    report::{HourRow, Ledger, ResourceRow},
};
use crate::error::{Result, check_option};
use serde::Serialize;
use std::collections::BTreeMap;

/// Bytes of a GB as the service bills it.
const GB: u128 = 1 << 30;

/// What a bill assumes besides the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BillOptions {
    /// Replicas in other regions, each with a copy of every table. Default 0.
    pub replicas: u64,
    /// Share of provisioned throughput that the highest minute may use where a plan chooses what to provision, in percent.
    /// 20 to 100; default 70, as auto scaling has it.
    pub utilization_percent: u64,
}

impl Default for BillOptions {
    fn default() -> Self {
        Self { replicas: 0, utilization_percent: 70 }
    }
}

impl BillOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BillItem {
    /// Read units on demand.
    OnDemandReads,
    /// Write units on demand.
    OnDemandWrites,
    /// Provisioned read units, by the hour.
    ProvisionedReads,
    /// Provisioned write units, by the hour.
    ProvisionedWrites,
    /// Writes of replicas.
    ReplicatedWrites,
    /// Items and index entries, at the size that they have at the end.
    Storage,
    /// Copies of them in replicas.
    ReplicatedStorage,
    /// Point-in-time recovery of tables that have it.
    PointInTimeRecovery,
    /// Reads of change streams.
    StreamReads,
}

impl BillItem {
    /// What it is called, with the unit of its quantity.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnDemandReads => "reads on demand, units",
            Self::OnDemandWrites => "writes on demand, units",
            Self::ProvisionedReads => "provisioned reads, unit-hours",
            Self::ProvisionedWrites => "provisioned writes, unit-hours",
            Self::ReplicatedWrites => "replicated writes, units or unit-hours",
            Self::Storage => "storage, bytes",
            Self::ReplicatedStorage => "storage of replicas, bytes",
            Self::PointInTimeRecovery => "point-in-time recovery, bytes",
            Self::StreamReads => "stream reads",
        }
    }
}

/// One position of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BillLine {
    /// Name of the table.
    pub table: String,
    /// Name of the index; `None` for the table.
    pub index: Option<String>,
    /// What is paid for.
    pub item: BillItem,
    /// How much of it, in thousandths for units and unit-hours.
    pub quantity: u64,
    /// What it costs, in billionths of the currency.
    pub nanos: u64,
}

/// A way to pay for throughput.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingPlan {
    /// Per request.
    OnDemand,
    /// What the highest minute needed, all the time.
    Provisioned,
    /// What the highest minute of each hour needed, in that hour.
    AutoScaled,
    /// As provisioned, reserved for so many years.
    Reserved(u64),
}

/// What a table with its indexes would have cost in a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanCost {
    /// Name of the table.
    pub table: String,
    /// How throughput is paid for.
    pub plan: BillingPlan,
    /// Whether the table is of class Standard-Infrequent Access.
    pub is_infrequent_access: bool,
    /// Throughput, in billionths of the currency.
    pub throughput_nanos: u64,
    /// Storage, in billionths of the currency.
    pub storage_nanos: u64,
    /// Both, for a month like that time. What is billed by the hour is taken by the hours that were billed, begun ones
    /// included; the rest by the time that passed. `None` where no time passed, or where the amount is too large.
    pub month_nanos: Option<u64>,
}

impl PlanCost {
    /// Throughput and storage, in billionths of the currency.
    pub fn nanos(&self) -> u64 {
        sum(self.throughput_nanos, self.storage_nanos)
    }
}

/// What the time of a ledger cost, and what it would have cost otherwise. No free tier is taken off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Bill {
    /// Region of the prices.
    pub region: String,
    /// When the prices were looked up.
    pub date: String,
    /// Where the prices are from.
    pub source: String,
    /// Currency of the amounts.
    pub currency: String,
    /// Milliseconds that it covers.
    pub millis: u64,
    /// What was paid for.
    pub lines: Vec<BillLine>,
    /// What each table would have cost in other ways; the cheapest first.
    pub plans: Vec<PlanCost>,
}

impl Bill {
    /// All lines together, in billionths of the currency.
    pub fn nanos(&self) -> u64 {
        self.lines.iter().fold(0, |total, line| sum(total, line.nanos))
    }
}

impl Ledger {
    /// Prices the ledger. Errors: an option out of range.
    pub fn bill(&self, prices: &Prices, options: &BillOptions) -> Result<Bill> {
        check_option("bill.replicas", options.replicas, 0..=100)?;
        check_option("bill.utilization_percent", options.utilization_percent, 20..=100)?;
        let pricing = Pricing { ledger: self, prices, options };
        let mut lines = Vec::new();
        self.resources.iter().for_each(|resource| pricing.add_lines(resource, &mut lines));
        lines.retain(|line| line.quantity > 0);
        Ok(Bill {
            region: prices.region.clone(),
            date: prices.date.clone(),
            source: prices.source.clone(),
            currency: prices.currency.clone(),
            millis: pricing.millis(),
            lines,
            plans: pricing.plans(),
        })
    }
}

struct Pricing<'a> {
    ledger: &'a Ledger,
    prices: &'a Prices,
    options: &'a BillOptions,
}

/// Read and write units a second, in thousandths a minute.
type Peak = (u64, u64);

impl Pricing<'_> {
    fn millis(&self) -> u64 {
        self.ledger.ended_millis - self.ledger.began_millis
    }

    fn hours_of<'s>(&'s self, resource: &'s ResourceRow) -> impl Iterator<Item = &'s HourRow> {
        let is_its_own = |hour: &&HourRow| hour.table == resource.table && hour.index == resource.index;
        self.ledger.hours.iter().filter(is_its_own)
    }

    /// What bytes cost that are kept for the ledger's time.
    fn kept(&self, bytes: u64, gb_month_nanos: u64) -> u64 {
        let month_millis = u128::from(self.prices.hours_per_month) * u128::from(HOUR_MILLIS);
        let byte_millis = u128::from(bytes) * u128::from(self.millis());
        let nanos = byte_millis.saturating_mul(u128::from(gb_month_nanos)) / (GB * month_millis);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    fn add_lines(&self, resource: &ResourceRow, lines: &mut Vec<BillLine>) {
        let class = self.prices.of_class(resource.is_infrequent_access);
        let mut add = |item: BillItem, quantity: u64, nanos: u64| {
            let (table, index) = (resource.table.clone(), resource.index.clone());
            lines.push(BillLine { table, index, item, quantity, nanos });
        };
        let mut on_demand = (0, 0);
        for hour in self.hours_of(resource).filter(|_| self.is_first_of_its_name(resource)) {
            on_demand.0 += hour.on_demand_read_milliunits;
            on_demand.1 += hour.on_demand_write_milliunits;
        }
        let prices = class.on_demand_million;
        add(BillItem::OnDemandReads, on_demand.0, cost(on_demand.0, prices.read_nanos, MILLION_MILLIUNITS));
        add(BillItem::OnDemandWrites, on_demand.1, cost(on_demand.1, prices.write_nanos, MILLION_MILLIUNITS));
        let (reads, writes) = (resource.read_unit_hours, resource.write_unit_hours);
        let prices = class.provisioned_hour;
        add(BillItem::ProvisionedReads, reads.saturating_mul(1_000), cost(reads, prices.read_nanos, 1));
        add(BillItem::ProvisionedWrites, writes.saturating_mul(1_000), cost(writes, prices.write_nanos, 1));
        let replicas = self.options.replicas;
        let by_request = cost(on_demand.1, class.replicated_write_million_nanos, MILLION_MILLIUNITS);
        let by_hour = cost(writes, class.replicated_write_hour_nanos, 1);
        let replicated = on_demand.1.saturating_add(writes.saturating_mul(1_000)).saturating_mul(replicas);
        add(BillItem::ReplicatedWrites, replicated, sum(by_request, by_hour).saturating_mul(replicas));
        let storage = self.kept(resource.billed_bytes, class.storage_gb_month_nanos);
        add(BillItem::Storage, resource.billed_bytes, storage);
        let copies = resource.billed_bytes.saturating_mul(replicas);
        add(BillItem::ReplicatedStorage, copies, storage.saturating_mul(replicas));
        if resource.has_point_in_time_recovery && resource.index.is_none() {
            let nanos = self.kept(resource.billed_bytes, self.prices.point_in_time_recovery_gb_month_nanos);
            add(BillItem::PointInTimeRecovery, resource.billed_bytes, nanos);
        }
        let reads = resource.stream_reads;
        add(BillItem::StreamReads, reads, cost(reads, self.prices.stream_reads_million_nanos, 1_000_000));
    }

    /// A table that was deleted and created again has two resources, and the hours of both by one name. They count for the
    /// first resource alone, which is the living one where there is one.
    fn is_first_of_its_name(&self, resource: &ResourceRow) -> bool {
        let same = |other: &&ResourceRow| other.table == resource.table && other.index == resource.index;
        self.ledger.resources.iter().find(same).is_some_and(|first| std::ptr::eq(first, resource))
    }

    fn plans(&self) -> Vec<PlanCost> {
        let mut plans = Vec::new();
        let tables = self.ledger.resources.iter().filter(|resource| resource.index.is_none() && !resource.is_deleted);
        for table in tables {
            let mut of_table = Vec::new();
            for is_infrequent_access in [false, true] {
                self.add_plans(&table.table, is_infrequent_access, &mut of_table);
            }
            of_table.sort_by_key(|plan: &PlanCost| (plan.nanos(), plan.plan, plan.is_infrequent_access));
            plans.extend(of_table);
        }
        plans
    }

    fn add_plans(&self, table: &str, is_infrequent_access: bool, plans: &mut Vec<PlanCost>) {
        let class = *self.prices.of_class(is_infrequent_access);
        let resources = self.ledger.resources.iter().filter(|row| row.table == table && !row.is_deleted);
        let bytes = resources.clone().map(|row| row.billed_bytes).sum();
        let storage_nanos = self.kept(bytes, class.storage_gb_month_nanos);
        let mut throughput: BTreeMap<BillingPlan, u64> = BTreeMap::new();
        let mut add = |plan: BillingPlan, nanos: u64| {
            let total = throughput.entry(plan).or_default();
            *total = sum(*total, nanos);
        };
        for resource in resources {
            let (mut used, mut peak) = ((0, 0), (0, 0));
            let (mut scaled, mut used_hours) = (0, 0);
            for hour in self.hours_of(resource) {
                used = (used.0 + hour.read_milliunits, used.1 + hour.write_milliunits);
                let of_hour = (hour.peak_read_milliunits, hour.peak_write_milliunits);
                peak = (peak.0.max(of_hour.0), peak.1.max(of_hour.1));
                let hours = hour.hours.max(1);
                let peaks = (hour.read_peaks_milliunits.max(of_hour.0), hour.write_peaks_milliunits.max(of_hour.1));
                scaled = sum(scaled, self.of_hours(peaks, hours, resource, class.provisioned_hour));
                used_hours += hours;
            }
            add(BillingPlan::OnDemand, class.on_demand_nanos(used.0, used.1));
            let hourly = self.hourly(peak, resource, class.provisioned_hour);
            add(BillingPlan::Provisioned, self.times_hours(hourly));
            add(BillingPlan::AutoScaled, sum(scaled, self.idle_hours(used_hours, resource, &class)));
            for reserved in self.prices.reserved.iter().filter(|_| !is_infrequent_access) {
                let years_hours = reserved.years * 12 * self.prices.hours_per_month;
                let per_hour = |upfront: u64, hour: u64| sum(upfront.div_ceil(years_hours.max(1)), hour);
                let block = UnitPrices {
                    read_nanos: per_hour(reserved.upfront.read_nanos, reserved.hour.read_nanos),
                    write_nanos: per_hour(reserved.upfront.write_nanos, reserved.hour.write_nanos),
                };
                let (read, write) = self.rate(peak, resource);
                let blocks = |units: u64| units.div_ceil(reserved.block_units);
                let nanos = sum(cost(blocks(read), block.read_nanos, 1), cost(blocks(write), block.write_nanos, 1));
                add(BillingPlan::Reserved(reserved.years), self.times_hours(nanos));
            }
        }
        plans.extend(throughput.into_iter().map(|(plan, throughput_nanos)| PlanCost {
            table: table.to_owned(),
            plan,
            is_infrequent_access,
            throughput_nanos,
            storage_nanos,
            month_nanos: self.of_month(plan, throughput_nanos, storage_nanos),
        }));
    }

    /// What a month like the ledger's time costs.
    fn of_month(&self, plan: BillingPlan, throughput_nanos: u64, storage_nanos: u64) -> Option<u64> {
        let month_millis = u128::from(self.prices.hours_per_month) * u128::from(HOUR_MILLIS);
        let times = |nanos: u64, month: u128, part: u64| {
            u128::from(nanos)
                .saturating_mul(month)
                .checked_div(u128::from(part))
                .and_then(|nanos| u64::try_from(nanos).ok())
        };
        let throughput = match plan {
            BillingPlan::OnDemand => times(throughput_nanos, month_millis, self.millis()),
            _ => times(throughput_nanos, u128::from(self.prices.hours_per_month), self.clock_hours()),
        };
        throughput?.checked_add(times(storage_nanos, month_millis, self.millis())?)
    }

    /// Units a second that are provisioned for a peak: at least one of each, except for local indexes, which have none.
    fn rate(&self, peak: Peak, resource: &ResourceRow) -> (u64, u64) {
        self.rate_of_hours(peak, 1, resource)
    }
    /// The same for the sum of so many hours' peaks. Hours that were added up are rounded together, not each by itself.
    fn rate_of_hours(&self, peak: Peak, hours: u64, resource: &ResourceRow) -> (u64, u64) {
        let least = if resource.is_local { 0 } else { hours };
        // Milliunits a minute, over 60,000, over the share that may be used.
        let per_sec =
            |milliunits: u64| milliunits.saturating_mul(100).div_ceil(60_000 * self.options.utilization_percent);
        (per_sec(peak.0).max(least), per_sec(peak.1).max(least))
    }
    fn hourly(&self, peak: Peak, resource: &ResourceRow, prices: UnitPrices) -> u64 {
        self.of_hours(peak, 1, resource, prices)
    }
    fn of_hours(&self, peaks: Peak, hours: u64, resource: &ResourceRow, prices: UnitPrices) -> u64 {
        let (read, write) = self.rate_of_hours(peaks, hours, resource);
        sum(cost(read, prices.read_nanos, 1), cost(write, prices.write_nanos, 1))
    }
    /// An amount for an hour, for the whole time.
    fn times_hours(&self, nanos: u64) -> u64 {
        nanos.saturating_mul(self.clock_hours())
    }
    /// Clock hours of the whole time, begun ones included, as they are billed.
    fn clock_hours(&self) -> u64 {
        self.ledger.ended_millis / HOUR_MILLIS - self.ledger.began_millis / HOUR_MILLIS + 1
    }
    /// What hours without use cost where throughput follows use: the least that can be provisioned.
    fn idle_hours(&self, used: u64, resource: &ResourceRow, class: &ClassPrices) -> u64 {
        self.hourly((0, 0), resource, class.provisioned_hour).saturating_mul(self.clock_hours().saturating_sub(used))
    }
}
