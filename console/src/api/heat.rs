//! Which keys and partitions of a table are hot, and what to make of it.

use super::{
    costs::{units, weight},
    tables, value,
};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::{
    Item,
    ledger::{KeyHeat, Ledger},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Keys of a list, at most.
const MAX_KEYS: usize = 20;
/// Minutes of a map, at most.
const MAX_MINUTES: usize = 30;
/// Rows of a map, at most: the partitions with the most.
const MAX_PARTITIONS: usize = 32;
/// Shares of everything between which a key is called hot: it has twice its even share, and at least and at most these decide.
const HOT_SHARES: (f64, f64) = (0.1, 0.6);
/// Weight of a minute at which one item is at its ceiling: 1,000 write units a second, or 3,000 read units.
const CEILING_MINUTE_WEIGHT: f64 = 180_000_000.0;

/// A table, or one of its indexes.
#[derive(Debug, Serialize)]
pub(crate) struct Resource {
    /// The index; absent for the table.
    pub(crate) index: Option<String>,
    /// Partition keys by what they consumed.
    pub(crate) partition_keys: Vec<Key>,
    /// Whole keys by what they consumed.
    pub(crate) keys: Vec<Key>,
    /// Partition keys by how often they were throttled.
    pub(crate) throttled_partition_keys: Vec<Key>,
    /// Partitions, in the order of their tokens.
    pub(crate) partitions: Vec<Partition>,
    /// Partitions over the last minutes.
    pub(crate) map: Map,
    /// What stands out, in words.
    pub(crate) remark: Option<String>,
}

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
}

/// A partition, and what it did in the minutes that are kept.
#[derive(Debug, Serialize)]
pub(crate) struct Partition {
    /// First token, 16 hexadecimal digits.
    pub(crate) first_token: String,
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units.
    pub(crate) write_units: f64,
    /// Accesses that were throttled.
    pub(crate) throttled: u64,
}

/// Partitions over minutes.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Map {
    /// When the minutes begin, in milliseconds since 1970, oldest first.
    pub(crate) minutes: Vec<u64>,
    /// The partitions with the most, in the order of their tokens.
    pub(crate) rows: Vec<MapRow>,
}

/// A partition over minutes.
#[derive(Debug, Serialize)]
pub(crate) struct MapRow {
    /// First token, 16 hexadecimal digits.
    pub(crate) first_token: String,
    /// Weight of each minute, in units: three for a write unit, one for a read unit.
    pub(crate) weights: Vec<f64>,
}

fn as_json<S: serde::Serializer>(item: &Item, serializer: S) -> Result<S::Ok, S::Error> {
    value::item_json(item).serialize(serializer)
}

fn keys(heat: &[KeyHeat], total: u64) -> Vec<Key> {
    let key = |heat: &KeyHeat| Key {
        key: heat.key.clone(),
        weight: heat.weight,
        error: heat.error,
        share: if total == 0 { 0.0 } else { heat.weight.saturating_sub(heat.error) as f64 / total as f64 },
        peak_of_ceiling: heat.peak_minute_weight as f64 / CEILING_MINUTE_WEIGHT,
    };
    heat.iter().take(MAX_KEYS).map(key).collect()
}

/// The heat of a table and its indexes.
pub(crate) fn of_table(context: &Context, table: &str) -> Result<Vec<Resource>, Refusal> {
    let description = tables::describe(&context.db, table)?;
    let ledger = context.db.ledger()?;
    let resources = context.db.heat(&description.definition.name)?.resources.into_iter().map(|heat| {
        let partitions = heat.partitions.iter().map(|partition| Partition {
            first_token: format!("{:016x}", partition.first_token),
            read_units: units(partition.read_milliunits),
            write_units: units(partition.write_milliunits),
            throttled: partition.throttled,
        });
        let partition_keys = keys(&heat.accessed_partition_keys, heat.total_weight);
        let throttles = heat.throttled_partition_keys.iter().map(|key| key.weight).sum();
        Resource {
            map: map(&ledger, table, heat.index.as_deref()),
            remark: remark(&partition_keys, heat.accessed_partition_keys.len()),
            keys: keys(&heat.accessed_keys, heat.total_weight),
            throttled_partition_keys: keys(&heat.throttled_partition_keys, throttles),
            partitions: partitions.collect(),
            partition_keys,
            index: heat.index,
        }
    });
    Ok(resources.collect())
}

/// What stands out among partition keys.
fn remark(keys: &[Key], known: usize) -> Option<String> {
    let first = keys.first()?;
    let is_hot = known > 1 && first.share >= (2.0 / known as f64).clamp(HOT_SHARES.0, HOT_SHARES.1);
    let percent = first.share * 100.0;
    let ceiling = first.peak_of_ceiling * 100.0;
    Some(match is_hot {
        true => format!(
            "One partition key is hot: {} takes {percent:.0} % of all consumption. In its highest minute it used {ceiling:.1} % \
             of what one item can do (1,000 write units or 3,000 read units a second). Spread its items over several \
             partition keys, for example with a suffix, or cache what is read.",
            first.key.to_json()
        ),
        false => format!("No partition key stands out: the first one takes {percent:.0} % of all consumption."),
    })
}

fn map(ledger: &Ledger, table: &str, index: Option<&str>) -> Map {
    let mut cells: BTreeMap<u64, BTreeMap<u64, f64>> = BTreeMap::new();
    for row in ledger.usage.iter().filter(|row| row.table == table && row.index.as_deref() == index) {
        let (Some(minute), Some(partition)) = (row.minute_millis, row.partition) else { continue };
        let weighed = weight(units(row.usage.write_milliunits), units(row.usage.read_milliunits));
        *cells.entry(partition).or_default().entry(minute).or_default() += weighed;
    }
    let mut minutes: Vec<u64> = cells.values().flat_map(|row| row.keys().copied()).collect();
    minutes.sort_unstable();
    minutes.dedup();
    let minutes = minutes.split_off(minutes.len().saturating_sub(MAX_MINUTES));
    let mut rows: Vec<(u64, BTreeMap<u64, f64>)> = cells.into_iter().collect();
    let sum = |row: &BTreeMap<u64, f64>| -> f64 { row.values().sum() };
    rows.sort_by(|a, b| sum(&b.1).total_cmp(&sum(&a.1)));
    rows.truncate(MAX_PARTITIONS);
    rows.sort_by_key(|(token, _)| *token);
    let row = |(token, row): (u64, BTreeMap<u64, f64>)| MapRow {
        first_token: format!("{token:016x}"),
        weights: minutes.iter().map(|minute| row.get(minute).copied().unwrap_or(0.0)).collect(),
    };
    let rows = rows.into_iter().map(row).collect();
    Map { minutes, rows }
}

/// Answers `/console/api/heat/TABLE`.
pub(crate) fn respond(context: &Context, request: &Request, table: &str) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    Ok(answer::json(&of_table(context, table)?))
}
