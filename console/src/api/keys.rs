//! Keys: what each consumed, and when.

use super::{
    costs::{Pricing, units, weight},
    over_time::{Collector, OverTime},
    value,
};
use hashrange::{
    Database, Item,
    ledger::{KeyHeat, Ledger},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Tables whose keys are ranked together, at most: those that consumed most.
const MAX_TABLES: usize = 10;
/// Keys of a list, at most.
pub(crate) const MAX_KEYS: usize = 20;

/// A key, and how hot it is.
#[derive(Debug, Serialize)]
pub(crate) struct Key {
    /// Its attributes in DynamoDB's JSON.
    #[serde(serialize_with = "as_json")]
    pub(crate) key: Item,
    /// Its weight: three for a write unit, one for a read unit, in thousandths; for throttled keys their number.
    pub(crate) weight: u64,
    /// How much of the weight may have been another key's.
    pub(crate) error: u64,
    /// Its part of all weight, 0 to 1.
    pub(crate) share: f64,
    /// Its highest minute as a part of what one item can do for a minute, 0 to 1 and more.
    pub(crate) peak_of_ceiling: f64,
    /// Read units that are certainly its own; 0 for throttled keys.
    pub(crate) read_units: f64,
    /// Write units, likewise.
    pub(crate) write_units: f64,
    /// What those cost on demand, in billionths of the currency.
    pub(crate) nanos: u64,
}

/// Weight of a minute at which one item is at its ceiling: 1,000 write units a second, or 3,000 read units.
const CEILING_MINUTE_WEIGHT: f64 = 180_000_000.0;

fn as_json<S: serde::Serializer>(item: &Item, serializer: S) -> Result<S::Ok, S::Error> {
    value::item_json(item).serialize(serializer)
}

/// The first keys of a ranking of a table, whose weights have a sum.
pub(crate) fn ranked(heat: &[KeyHeat], total: u64, table: &str, pricing: &Pricing<'_>) -> Vec<Key> {
    let key = |heat: &KeyHeat| Key {
        key: heat.key.clone(),
        weight: heat.weight,
        error: heat.error,
        share: if total == 0 { 0.0 } else { heat.weight.saturating_sub(heat.error) as f64 / total as f64 },
        peak_of_ceiling: heat.peak_minute_weight as f64 / CEILING_MINUTE_WEIGHT,
        read_units: units(heat.read_milliunits),
        write_units: units(heat.write_milliunits),
        nanos: pricing.nanos(table, heat.read_milliunits, heat.write_milliunits),
    };
    heat.iter().take(MAX_KEYS).map(key).collect()
}

/// The same keys minute by minute.
pub(crate) fn over_time(heat: &[KeyHeat], table: &str, pricing: &Pricing<'_>) -> OverTime {
    let mut collector = Collector::new(pricing);
    for key in heat.iter().take(MAX_KEYS) {
        add(&mut collector, &[], key, table);
    }
    collector.finish()
}

fn add(collector: &mut Collector<'_>, before: &[&str], heat: &KeyHeat, table: &str) {
    for minute in &heat.minutes {
        let names = before.iter().map(|name| (*name).to_owned()).chain([heat.key.to_json()]);
        let milliunits = (minute.read_milliunits, minute.write_milliunits);
        collector.add(names.collect(), minute.minute_millis, table, milliunits);
    }
}

/// The partition keys that consumed most.
#[derive(Debug, Serialize)]
pub(crate) struct CostlyKeys {
    /// Dearest first.
    pub(crate) keys: Vec<CostlyKey>,
    /// The same minute by minute; names are table, index or `-`, and key.
    pub(crate) over_time: OverTime,
}

/// A partition key of a table or index.
#[derive(Debug, Serialize)]
pub(crate) struct CostlyKey {
    /// Name of the table.
    pub(crate) table: String,
    /// Name of the index; absent for the table.
    pub(crate) index: Option<String>,
    /// The key.
    #[serde(flatten)]
    pub(crate) key: Key,
}

/// The partition keys that consumed most, of the tables that consumed most.
pub(crate) fn costly(db: &Database, ledger: &Ledger, pricing: &Pricing<'_>) -> CostlyKeys {
    let mut tables: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &ledger.usage {
        let usage = &row.usage;
        *tables.entry(&row.table).or_default() += weight(units(usage.write_milliunits), units(usage.read_milliunits));
    }
    let mut tables: Vec<(&str, f64)> = tables.into_iter().collect();
    tables.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut found = Vec::new();
    for (table, _) in tables.into_iter().take(MAX_TABLES) {
        // A table that is gone has no keys any more.
        let Ok(report) = db.heat(table) else { continue };
        for resource in report.resources {
            let keys = ranked(&resource.accessed_partition_keys, resource.total_weight, table, pricing);
            let named = |(key, heat)| (CostlyKey { table: table.to_owned(), index: resource.index.clone(), key }, heat);
            found.extend(keys.into_iter().zip(resource.accessed_partition_keys).map(named));
        }
    }
    found.sort_by_key(|(key, _)| std::cmp::Reverse((key.key.nanos, key.key.weight)));
    found.truncate(MAX_KEYS);
    let mut collector = Collector::new(pricing);
    for (key, heat) in &found {
        add(&mut collector, &[&key.table, key.index.as_deref().unwrap_or("-")], heat, &key.table);
    }
    CostlyKeys { keys: found.into_iter().map(|(key, _)| key).collect(), over_time: collector.finish() }
}
