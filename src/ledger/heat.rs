//! Which keys and partitions of a table are hot.

use super::{
    book::{Book, MINUTE_MILLIS, WRITE_WEIGHT, split_key},
    recorder::Recorder,
    sketch::{Counter, Sketch},
};
use crate::{
    item::{
        Item,
        key::{decode_component, decode_last},
    },
    schema::{IndexDefinition, IndexKind, TableDefinition},
};
use std::collections::BTreeMap;

/// Which keys and partitions of a table and its indexes are hot, since the database was opened; see
/// [`Database::heat`](crate::Database::heat).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeatReport {
    /// The table, then its indexes in the order of its definition.
    pub resources: Vec<ResourceHeat>,
}

/// The hot keys of a table or index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResourceHeat {
    /// The index; `None` for the table.
    pub index: Option<String>,
    /// Partition keys by what they consumed, those with the most first. Their weight is three times the write units and once
    /// the read units, in thousandths.
    pub accessed_partition_keys: Vec<KeyHeat>,
    /// Whole keys, likewise; empty where there is no sort key. A query counts for its partition key only.
    pub accessed_keys: Vec<KeyHeat>,
    /// Partition keys by how often they were throttled.
    pub throttled_partition_keys: Vec<KeyHeat>,
    /// Whole keys by how often they were throttled.
    pub throttled_keys: Vec<KeyHeat>,
    /// The most weight that a partition key can have which is not listed.
    pub most_unlisted_weight: u64,
    /// The weight of all accesses together.
    pub total_weight: u64,
    /// Partitions, in the order of their tokens, as far as their minutes are kept.
    pub partitions: Vec<PartitionHeat>,
}

/// A key, and how hot it is: its true weight is at most `weight`, and at least `weight` less `error`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyHeat {
    /// The attributes of the key.
    pub key: Item,
    /// The most that its weight can be.
    pub weight: u64,
    /// How much of it may have been another key's.
    pub error: u64,
    /// The most weight that it was seen to have in one minute. One item at its ceiling has 180,000,000.
    pub peak_minute_weight: u64,
    /// Thousandths of read units that are certainly the key's: with three times the write units, `weight` less `error`. 0 in the
    /// lists of throttled keys.
    pub read_milliunits: u64,
    /// Thousandths of write units, likewise.
    pub write_milliunits: u64,
    /// The last minutes in which it was seen, oldest first: at most 30.
    pub minutes: Vec<KeyMinute>,
}

/// What a key did in a minute, as far as it was counted then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyMinute {
    /// When the minute began, in milliseconds since 1970.
    pub minute_millis: u64,
    /// Its weight.
    pub weight: u64,
    /// Thousandths of read units; 0 in the lists of throttled keys.
    pub read_milliunits: u64,
    /// Thousandths of write units, likewise.
    pub write_milliunits: u64,
}

/// A partition, and how hot it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionHeat {
    /// First token of its range.
    pub first_token: u64,
    /// Thousandths of read units.
    pub read_milliunits: u64,
    /// Thousandths of write units.
    pub write_milliunits: u64,
    /// Accesses that were throttled.
    pub throttled: u64,
}

impl Recorder {
    /// Which keys and partitions of a table are hot.
    pub fn heat(&self, table: &TableDefinition) -> HeatReport {
        let entries = self.entries.load();
        let indexes = table.indexes.iter().filter(|index| index.kind != IndexKind::Expiry).map(Some);
        let resources = std::iter::once(None).chain(indexes).filter_map(|index| {
            let entry = entries.get(&index.map_or(table.id, |index| index.id))?;
            Some(resource_heat(table, index, &entry.book.lock()))
        });
        HeatReport { resources: resources.collect() }
    }
}

fn resource_heat(table: &TableDefinition, index: Option<&IndexDefinition>, book: &Book) -> ResourceHeat {
    let [partition_keys, keys] = &book.rankings.accessed;
    let [throttled_partition_keys, throttled_keys] = &book.rankings.throttled;
    let of_collection = |key: &[u8]| readable_key(table, index, key, None);
    let of_key = |key: &[u8]| {
        let (collection, sort) = split_key(key)?;
        readable_key(table, index, collection, Some(sort))
    };
    let has_sort_key = index.map_or(table.key.range.is_some(), |index| !index.range.is_empty());
    let keys_of = |sketch: &Sketch, counted| if has_sort_key { ranked(sketch, counted, of_key) } else { Vec::new() };
    let mut partitions: BTreeMap<u64, PartitionHeat> = BTreeMap::new();
    for (key, usage) in book.minutes.values().flatten() {
        let heat = partitions.entry(key.partition).or_default();
        heat.first_token = key.partition;
        heat.read_milliunits += usage.read_milliunits;
        heat.write_milliunits += usage.write_milliunits;
        heat.throttled += usage.throttled();
    }
    ResourceHeat {
        index: index.map(|index| index.name.clone()),
        accessed_partition_keys: ranked(partition_keys, Counted::Consumption, of_collection),
        accessed_keys: keys_of(keys, Counted::Consumption),
        throttled_partition_keys: ranked(throttled_partition_keys, Counted::Throttles, of_collection),
        throttled_keys: keys_of(throttled_keys, Counted::Throttles),
        most_unlisted_weight: partition_keys.most_uncounted(),
        total_weight: partition_keys.total(),
        partitions: partitions.into_values().collect(),
    }
}

/// What the weight of a key is.
#[derive(Clone, Copy)]
enum Counted {
    /// Milliunits, those of writes weighed.
    Consumption,
    /// Accesses that were throttled.
    Throttles,
}

impl Counted {
    /// Milliunits of reads and of writes in a weight.
    fn milliunits(self, weight: u64, written: u64) -> (u64, u64) {
        match self {
            Self::Consumption => (weight - WRITE_WEIGHT * written, written),
            Self::Throttles => (0, 0),
        }
    }
}

fn ranked(sketch: &Sketch, counted: Counted, read: impl Fn(&[u8]) -> Option<Item>) -> Vec<KeyHeat> {
    let mut counters: Vec<_> = sketch.counters().iter().collect();
    counters.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.key.cmp(&b.key)));
    counters.into_iter().filter_map(|counter| Some(key_heat(counter, counted, read(&counter.key)?))).collect()
}

fn key_heat(counter: &Counter, counted: Counted, key: Item) -> KeyHeat {
    let (read_milliunits, write_milliunits) = counted.milliunits(counter.weight - counter.error, counter.written);
    let minutes = counter.minutes().map(|minute| {
        let (read_milliunits, write_milliunits) = counted.milliunits(minute.weight, minute.written);
        KeyMinute {
            minute_millis: minute.minute * MINUTE_MILLIS,
            weight: minute.weight,
            read_milliunits,
            write_milliunits,
        }
    });
    KeyHeat {
        key,
        weight: counter.weight,
        error: counter.error,
        peak_minute_weight: counter.peak_minute_weight(),
        read_milliunits,
        write_milliunits,
        minutes: minutes.collect(),
    }
}

/// The attributes of an encoded partition key, and of a sort key if there is one.
pub fn readable_key(
    table: &TableDefinition,
    index: Option<&IndexDefinition>,
    collection: &[u8],
    sort: Option<&[u8]>,
) -> Option<Item> {
    let hash_bytes = collection.get(1..)?; // the first byte is the key space
    let mut key = Item::new();
    let hash = std::slice::from_ref(&table.key.hash);
    match index.filter(|index| index.kind == IndexKind::Global).map_or(hash, |index| &index.hash) {
        [only] => key = key.with(only.name.clone(), decode_last(only.kind, hash_bytes)?),
        several => {
            let mut rest = hash_bytes;
            for attribute in several {
                let (value, length) = decode_component(attribute.kind, rest)?;
                key = key.with(attribute.name.clone(), value);
                rest = rest.get(length..)?;
            }
        }
    }
    let Some(mut rest) = sort else { return Some(key) };
    match index {
        None => {
            let Some(range) = &table.key.range else { return Some(key) };
            key = key.with(range.name.clone(), decode_last(range.kind, rest)?);
        }
        Some(index) => {
            for attribute in &index.range {
                let (value, length) = decode_component(attribute.kind, rest)?;
                key = key.with(attribute.name.clone(), value);
                rest = rest.get(length..)?;
            }
        }
    }
    Some(key)
}
