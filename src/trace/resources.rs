//! The tables and global indexes of a design on the model of capacity, and the keys that do most.

use super::{
    design::{Design, TableDesign},
    format::RecordedTable,
    report::{HotKey, ResourceTotals},
};
use crate::{
    capacity::{CapacityModel, KeyPosition, Resource, ResourceLimits, TOKENS_PER_UNIT, ThroughputMode, Ticket, Use},
    item::key::token,
};
use hashbrown::HashTable;
use std::{hash::BuildHasher, sync::Arc};
use xxhash_rust::xxh3::{Xxh3DefaultBuilder, xxh3_64};

/// What a table or index on demand is ready for from its beginning.
const ON_DEMAND_READY: (u64, u64) = (12_000, 4_000);
/// Keys that are counted at once.
const MOST_KEYS: usize = 200_000;

/// A table or global index, and what it did.
#[derive(Debug)]
pub struct Modelled {
    resource: Resource,
    pub totals: ResourceTotals,
}

impl Modelled {
    fn new(
        model: &Arc<CapacityModel>,
        (table, index): (&str, Option<&str>),
        provisioned: Option<(u64, u64)>,
        keeps_collections: bool,
        now_millis: u64,
    ) -> Self {
        let limits = limits(provisioned, keeps_collections);
        let seed = xxh3_64(table.as_bytes()) ^ index.map_or(0, |index| xxh3_64(index.as_bytes()));
        let totals = ResourceTotals {
            table: table.to_owned(),
            index: index.map(str::to_owned),
            provisioned,
            ..ResourceTotals::default()
        };
        Self { resource: Resource::new(model.clone(), limits, seed, now_millis), totals }
    }

    /// From a moment on it has other throughput. What it has saved up and how it was cut stays.
    fn set_limits(&mut self, provisioned: Option<(u64, u64)>, keeps_collections: bool, now_millis: u64) {
        self.resource.set_limits(limits(provisioned, keeps_collections), now_millis, now_millis);
        self.totals.provisioned = provisioned;
    }

    /// Admits an access at a place, which has not paid then; `None` if it is throttled.
    pub fn admit(&mut self, of: Use, place: KeyPosition<'_>, half_units: u64, now_millis: u64) -> Option<Ticket> {
        let admitted = self.resource.admit(of, place, tokens(half_units), now_millis).ok();
        self.totals.throttled += u64::from(admitted.is_none());
        admitted
    }
    /// An access that was admitted pays.
    pub fn pay(&mut self, ticket: &Ticket, place: KeyPosition<'_>, half_units: u64) {
        #[expect(clippy::cast_precision_loss, reason = "units of a trace are far below 2^53")]
        let units = half_units as f64 / 2.0;
        *(if ticket.of == Use::Write { &mut self.totals.write_units } else { &mut self.totals.read_units }) += units;
        ticket.debit(tokens(half_units), place);
    }
    /// What it did, at the end.
    pub fn totals(mut self, now_millis: u64) -> ResourceTotals {
        self.totals.partitions = self.resource.report(None, now_millis).partitions.len();
        self.totals
    }
}

fn limits(provisioned: Option<(u64, u64)>, keeps_collections: bool) -> ResourceLimits {
    let (mode, (warm_read_units, warm_write_units)) = match provisioned {
        Some((read_units, write_units)) => {
            (ThroughputMode::Provisioned { read_units, write_units }, (read_units, write_units))
        }
        None => (ThroughputMode::OnDemand { max_read_units: None, max_write_units: None }, ON_DEMAND_READY),
    };
    ResourceLimits { mode, warm_read_units, warm_write_units, size_bytes: 0, keeps_collections }
}

fn tokens(half_units: u64) -> i64 {
    i64::try_from(half_units).unwrap_or(i64::MAX / TOKENS_PER_UNIT).saturating_mul(TOKENS_PER_UNIT / 2)
}

/// The place of a key.
pub fn place<'k>(key: &'k [u8], sort: &'k [u8]) -> KeyPosition<'k> {
    KeyPosition { token: token(key), collection: key, sort }
}

/// A table of a design.
#[derive(Debug)]
pub struct ModelledTable {
    pub design: TableDesign,
    pub table: Modelled,
    /// Global indexes that were recorded, but for those that the design drops.
    pub indexes: Vec<Modelled>,
    /// Global indexes that the design adds.
    pub added: Vec<Modelled>,
}

impl ModelledTable {
    pub fn new(model: &Arc<CapacityModel>, recorded: &RecordedTable, design: &Design, now_millis: u64) -> Self {
        let design = design.tables.get(&recorded.name).cloned().unwrap_or_default();
        let name = recorded.name.as_str();
        let of_table = design.billing.unwrap_or(recorded.provisioned);
        let table = Modelled::new(model, (name, None), of_table, keeps_collections(recorded), now_millis);
        let added = design.add_indexes.iter().map(|index| {
            let units = index.provisioned.or(of_table).filter(|_| of_table.is_some());
            Modelled::new(model, (name, Some(&index.name)), units, false, now_millis)
        });
        let added = added.collect();
        let mut modelled = Self { table, indexes: Vec::new(), added, design };
        modelled.follow_indexes(model, recorded, now_millis);
        modelled
    }

    /// The table was changed: it is described anew. Its indexes that are gone are asked nothing any more.
    pub fn follow(&mut self, model: &Arc<CapacityModel>, recorded: &RecordedTable, now_millis: u64) {
        let of_table = self.design.billing.unwrap_or(recorded.provisioned);
        self.table.set_limits(of_table, keeps_collections(recorded), now_millis);
        for (added, index) in self.added.iter_mut().zip(&self.design.add_indexes) {
            added.set_limits(index.provisioned.or(of_table).filter(|_| of_table.is_some()), false, now_millis);
        }
        self.follow_indexes(model, recorded, now_millis);
    }

    fn follow_indexes(&mut self, model: &Arc<CapacityModel>, recorded: &RecordedTable, now_millis: u64) {
        for index in recorded.indexes.iter().filter(|index| index.is_global) {
            if self.design.drop_indexes.contains(&index.name) {
                continue;
            }
            let provisioned = match self.design.billing {
                None => index.provisioned,
                Some(None) => None,
                // Indexes keep what they were provisioned with; an index on demand gets what its table has.
                Some(Some(units)) => index.provisioned.or(Some(units)),
            };
            match self.index_named(&index.name) {
                Some(known) => known.set_limits(provisioned, false, now_millis),
                None => {
                    let of = (recorded.name.as_str(), Some(index.name.as_str()));
                    self.indexes.push(Modelled::new(model, of, provisioned, false, now_millis));
                }
            }
        }
    }

    fn index_named(&mut self, name: &str) -> Option<&mut Modelled> {
        self.indexes.iter_mut().find(|known| known.totals.index.as_deref() == Some(name))
    }

    /// What a read by the index at a position of a description draws on: the table, if it is by none or by a local one.
    pub fn read_by(&mut self, recorded: &RecordedTable, index: Option<usize>) -> &mut Modelled {
        let name = index.and_then(|at| recorded.indexes.get(at)).filter(|index| index.is_global);
        let name = name.map(|index| index.name.as_str());
        let at = self.indexes.iter().position(|known| name.is_some() && known.totals.index.as_deref() == name);
        match at {
            Some(at) => &mut self.indexes[at],
            None => &mut self.table,
        }
    }

    /// The global index at a position of a description of the table; `None` for a local one and one that the design drops.
    pub fn index(&mut self, recorded: &RecordedTable, at: usize) -> Option<&mut Modelled> {
        let index = recorded.indexes.get(at).filter(|index| index.is_global)?;
        self.index_named(&index.name)
    }
}

/// Whether a table's collections stay whole: local indexes keep a collection together.
fn keeps_collections(recorded: &RecordedTable) -> bool {
    recorded.indexes.iter().any(|index| !index.is_global)
}

/// Units by key: exact for as many keys as are counted at once, and within a stated error beyond.
#[derive(Debug, Default)]
pub struct KeyCounts {
    counts: HashTable<(Box<[u8]>, u32, u64)>,
    /// Half units that a key may have had when it was forgotten.
    floor: u64,
}

impl KeyCounts {
    pub fn add(&mut self, table: usize, key: &[u8], half_units: u64) {
        let table = u32::try_from(table).unwrap_or(u32::MAX);
        let hasher = Xxh3DefaultBuilder::new();
        let hash = |table: u32, key: &[u8]| hasher.hash_one((table, key));
        let is_it = |(known, of, _): &(Box<[u8]>, u32, u64)| *of == table && **known == *key;
        if let Some((_, _, units)) = self.counts.find_mut(hash(table, key), is_it) {
            *units += half_units;
            return;
        }
        if self.counts.len() >= MOST_KEYS {
            self.forget();
        }
        let entry = (key.into(), table, half_units);
        self.counts.insert_unique(hash(table, key), entry, |(key, table, _)| hash(*table, key));
    }

    /// Forgets the lower half.
    fn forget(&mut self) {
        let mut units: Vec<u64> = self.counts.iter().map(|(.., units)| *units).collect();
        let middle = units.len() / 2;
        let (_, median, _) = units.select_nth_unstable(middle);
        let median = *median;
        self.floor += median;
        self.counts.retain(|(.., units)| *units > median);
    }

    /// The keys with the most units; `name` gives the names of tables.
    #[expect(clippy::cast_precision_loss, reason = "units of a trace are far below 2^53")]
    pub fn hottest(&self, most: usize, name: impl Fn(usize) -> String) -> Vec<HotKey> {
        let mut keys: Vec<_> = self.counts.iter().collect();
        keys.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| (a.1, &a.0).cmp(&(b.1, &b.0))));
        let hot = keys.into_iter().take(most).map(|(key, table, half_units)| HotKey {
            table: name(*table as usize),
            key: match std::str::from_utf8(key) {
                Ok(text) if !text.contains(char::is_control) => text.to_owned(),
                _ => key.iter().map(|byte| format!("{byte:02x}")).collect(),
            },
            units: *half_units as f64 / 2.0,
            error: self.floor as f64 / 2.0,
        });
        hot.collect()
    }
}
