//! What requests consumed, by whatever a reader asks for, and what that costs on demand.

use super::{
    keys,
    over_time::{Collector, MINUTE_MILLIS, OverTime},
};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::ledger::{Ledger, Prices, Usage, UsageRow};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What rows can be told apart by.
pub(crate) const BREAKDOWNS: [(&str, &str); 6] = [
    ("operation", "Operation"),
    ("table", "Table"),
    ("index", "Index"),
    ("tag", "Caller"),
    ("partition", "Partition"),
    ("minute", "Minute"),
];
/// Rows of an answer, at most; the cheapest are left out.
const MAX_ROWS: usize = 500;
/// The limits that throttle, in the order of the ledger.
pub(crate) const LIMITS: [&str; 4] = [
    "provisioned throughput",
    "one partition (a hot key or range)",
    "the owner's limit on demand",
    "the account's quota",
];

/// What was consumed, by parts.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    /// When the ledger began, in milliseconds since 1970.
    pub(crate) began_millis: u64,
    /// As of when it is.
    pub(crate) ended_millis: u64,
    /// Currency of the amounts; absent without prices.
    pub(crate) currency: Option<String>,
    /// Everything.
    pub(crate) total: Amount,
    /// Parts, dearest first.
    pub(crate) rows: Vec<Row>,
    /// Parts beyond those.
    pub(crate) unlisted: usize,
}

/// Units and what they cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Amount {
    /// Accesses that were carried out.
    pub(crate) accesses: u64,
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units.
    pub(crate) write_units: f64,
    /// Accesses that were throttled.
    pub(crate) throttled: u64,
    /// What the units cost on demand, in billionths of the currency.
    pub(crate) nanos: u64,
}

/// A part of what was consumed.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its values of what the parts are told apart by, in that order.
    pub(crate) names: Vec<String>,
    /// What it consumed.
    #[serde(flatten)]
    pub(crate) amount: Amount,
}

/// Accesses that were throttled, by what and why.
#[derive(Debug, Serialize)]
pub(crate) struct Throttle {
    /// Name of the table.
    pub(crate) table: String,
    /// Name of the index.
    pub(crate) index: Option<String>,
    /// The operation.
    pub(crate) operation: String,
    /// Whether writes were throttled.
    pub(crate) is_write: bool,
    /// What had no capacity.
    pub(crate) limit: &'static str,
    /// How many.
    pub(crate) count: u64,
}

/// Units of a minute.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Minute {
    /// When it began, in milliseconds since 1970.
    pub(crate) minute_millis: u64,
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units.
    pub(crate) write_units: f64,
    /// Accesses that were throttled.
    pub(crate) throttled: u64,
    /// What the units cost on demand, in billionths of the currency.
    pub(crate) nanos: u64,
}

/// What units cost on demand in each table.
#[derive(Debug)]
pub(crate) struct Pricing<'a> {
    prices: Option<&'a Prices>,
    /// Tables of the class for infrequent access.
    infrequent: BTreeSet<&'a str>,
}

impl<'a> Pricing<'a> {
    /// The prices of the tables of a ledger; without prices everything costs nothing.
    pub(crate) fn new(ledger: &'a Ledger, prices: Option<&'a Prices>) -> Self {
        let infrequent = ledger.resources.iter().filter(|row| row.is_infrequent_access).map(|row| row.table.as_str());
        Self { prices, infrequent: infrequent.collect() }
    }

    /// What units of a table cost, in billionths of the currency.
    pub(crate) fn nanos(&self, table: &str, read_milliunits: u64, write_milliunits: u64) -> u64 {
        let class = self.prices.map(|prices| prices.of_class(self.infrequent.contains(table)));
        class.map_or(0, |class| class.on_demand_nanos(read_milliunits, write_milliunits))
    }

    /// The currency, if there are prices.
    pub(crate) fn currency(&self) -> Option<&'a str> {
        self.prices.map(|prices| prices.currency.as_str())
    }
}

impl Amount {
    fn of(usage: &Usage, nanos: u64) -> Self {
        Self {
            accesses: usage.accesses,
            read_units: units(usage.read_milliunits),
            write_units: units(usage.write_milliunits),
            throttled: usage.throttled(),
            nanos,
        }
    }
}

/// Units of thousandths of them.
pub(crate) fn units(milliunits: u64) -> f64 {
    milliunits as f64 / 1_000.0
}

/// What consumption weighs where reads and writes are compared: a write unit weighs three read units, since a partition gives a
/// third as many of them.
pub(crate) fn weight(write_units: f64, read_units: f64) -> f64 {
    3.0f64.mul_add(write_units, read_units)
}

/// What parts are told apart by: names of [`BREAKDOWNS`], each once. Errors: another name, or one that is there twice.
pub(crate) fn parts_by<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Vec<&'n str>, Refusal> {
    let mut by: Vec<&str> = Vec::new();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        if !BREAKDOWNS.iter().any(|(known, _)| *known == name) || by.contains(&name) {
            let text = "by: it is operation, table, index, tag, partition or minute, or several of them, each once";
            return Err(Refusal::invalid(text));
        }
        by.push(name);
    }
    Ok(by)
}

fn value(by: &str, row: &UsageRow) -> Option<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    Some(match by {
        "table" => row.table.clone(),
        "index" => or_none(row.index.clone()),
        "operation" => row.operation.clone(),
        "tag" => or_none(row.tag.clone()),
        "partition" => or_none(row.partition.map(|token| format!("{token:016x}"))),
        "minute" => or_none(row.minute_millis.map(super::moment::text)),
        _ => return None,
    })
}

/// The names of the part that a row belongs to. Errors: parts are told apart by something else than [`BREAKDOWNS`].
fn names(row: &UsageRow, by: &[&str]) -> Result<Vec<String>, Refusal> {
    let names: Option<Vec<String>> = by.iter().map(|by| value(by, row)).collect();
    names.ok_or_else(|| Refusal::invalid("by: it is operation, table, index, tag, partition or minute"))
}

/// What was consumed minute by minute, by parts that names of [`BREAKDOWNS`] tell apart. Errors: there is no such name.
pub(crate) fn over_time(ledger: &Ledger, pricing: &Pricing<'_>, by: &[&str]) -> Result<OverTime, Refusal> {
    let mut collector = Collector::new(pricing);
    for row in &ledger.usage {
        collector.add_row(names(row, by)?, row);
    }
    Ok(collector.finish())
}

/// What was consumed, by parts that names of [`BREAKDOWNS`] tell apart. Errors: there is no such name.
pub(crate) fn breakdown(ledger: &Ledger, pricing: &Pricing<'_>, by: &[&str]) -> Result<Costs, Refusal> {
    // Each table has its price, so usage is added up by table first and rounded once.
    let mut parts: BTreeMap<Vec<String>, BTreeMap<&str, Usage>> = BTreeMap::new();
    for row in &ledger.usage {
        parts.entry(names(row, by)?).or_default().entry(&row.table).or_default().add(&row.usage);
    }
    let mut all = BTreeMap::new();
    let amount = |by_table: &BTreeMap<&str, Usage>| {
        let mut sum = Usage::default();
        by_table.values().for_each(|usage| sum.add(usage));
        let nanos =
            |(table, usage): (&&str, &Usage)| pricing.nanos(table, usage.read_milliunits, usage.write_milliunits);
        Amount::of(&sum, by_table.iter().map(nanos).sum())
    };
    let mut rows: Vec<Row> = Vec::new();
    for (names, by_table) in parts {
        by_table.iter().for_each(|(table, usage)| all.entry(*table).or_insert_with(Usage::default).add(usage));
        rows.push(Row { names, amount: amount(&by_table) });
    }
    let order = |row: &Row| (row.amount.nanos, weight(row.amount.write_units, row.amount.read_units));
    rows.sort_by(|a, b| order(b).partial_cmp(&order(a)).unwrap_or(std::cmp::Ordering::Equal));
    let unlisted = rows.len().saturating_sub(MAX_ROWS);
    rows.truncate(MAX_ROWS);
    Ok(Costs {
        began_millis: ledger.began_millis,
        ended_millis: ledger.ended_millis,
        currency: pricing.currency().map(str::to_owned),
        total: amount(&all),
        rows,
        unlisted,
    })
}

/// What was throttled, most first.
pub(crate) fn throttles(ledger: &Ledger) -> Vec<Throttle> {
    let mut counts: BTreeMap<(String, Option<String>, String, bool, usize), u64> = BTreeMap::new();
    for row in ledger.usage.iter().filter(|row| row.usage.throttled() > 0) {
        for (is_write, by_limit) in [(false, row.usage.throttled_reads), (true, row.usage.throttled_writes)] {
            for (limit, count) in by_limit.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                let what = (row.table.clone(), row.index.clone(), row.operation.clone(), is_write, limit);
                *counts.entry(what).or_default() += count;
            }
        }
    }
    let throttle = |((table, index, operation, is_write, limit), count): ((_, _, _, _, usize), u64)| {
        let limit = LIMITS.get(limit).copied().unwrap_or("another limit");
        Throttle { table, index, operation, is_write, limit, count }
    };
    let mut throttles: Vec<Throttle> = counts.into_iter().map(throttle).collect();
    throttles.sort_by_key(|throttle| std::cmp::Reverse(throttle.count));
    throttles
}

/// The last minutes that were used, oldest first, without gaps; those of one table, if one is named.
pub(crate) fn minutes(ledger: &Ledger, pricing: &Pricing<'_>, table: Option<&str>, most: usize) -> Vec<Minute> {
    let mut used: BTreeMap<u64, Minute> = BTreeMap::new();
    for row in ledger.usage.iter().filter(|row| table.is_none_or(|table| row.table == table)) {
        let Some(at) = row.minute_millis else { continue };
        let minute = used.entry(at).or_default();
        minute.read_units += units(row.usage.read_milliunits);
        minute.write_units += units(row.usage.write_milliunits);
        minute.throttled += row.usage.throttled();
        minute.nanos += pricing.nanos(&row.table, row.usage.read_milliunits, row.usage.write_milliunits);
    }
    let Some(last) = used.keys().next_back().copied() else { return Vec::new() };
    let begin = last.saturating_sub((most as u64).saturating_sub(1) * MINUTE_MILLIS);
    let first = used.range(begin..).next().map_or(last, |(first, _)| *first);
    let count = (last - first) / MINUTE_MILLIS;
    let minute = |number| {
        let minute_millis = first + number * MINUTE_MILLIS;
        Minute { minute_millis, ..used.get(&minute_millis).copied().unwrap_or_default() }
    };
    (0..=count).map(minute).collect()
}

/// Answers `/console/api/costs?by=`, `costs/over-time?by=`, `costs/keys`, `throttles` and `minutes?table=`.
pub(crate) fn respond(context: &Context, request: &Request, what: &str) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    let ledger = context.db.ledger()?;
    let pricing = Pricing::new(&ledger, context.options.prices.as_ref());
    let by = request.parameter("by").unwrap_or("operation");
    let by = parts_by(by.split(','))?;
    Ok(match what {
        "throttles" => answer::json(&throttles(&ledger)),
        "minutes" => answer::json(&minutes(&ledger, &pricing, request.parameter("table"), 60)),
        "over-time" => answer::json(&over_time(&ledger, &pricing, &by)?),
        "keys" => answer::json(&keys::costly(&context.db, &ledger, &pricing)),
        _ => answer::json(&breakdown(&ledger, &pricing, &by)?),
    })
}
