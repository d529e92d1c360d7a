//! Accesses of a trace ask the model of capacity under each design, at their times.

use super::{
    design::{Design, Designs, Retries},
    format::{Access, RecordedTable},
    latency::{Latencies, own_millis, wait_millis},
    reader::TraceReader,
    report::{DesignReport, ReplayReport},
    resources::{KeyCounts, ModelledTable, place},
    template::{Template, random_shard},
};
use crate::{
    capacity::{CapacityModel, Use},
    error::Result,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io::Read,
    sync::Arc,
};

/// Keys that a report names.
const HOT_KEYS: usize = 10;
/// Accesses that wait for their next attempt, at most: with more the rest fail.
const MOST_WAITING: usize = 1_000_000;

/// Replays a trace under designs. Errors: the input is no trace or fails; a model that is out of range.
///
/// A design whose read has a sharded key reads each shard. What is throttled is attempted again as the designs say.
pub fn replay(input: impl Read, designs: &Designs, model: &CapacityModel) -> Result<ReplayReport> {
    model.check()?;
    let model = Arc::new(*model);
    let mut reader = TraceReader::new(input)?;
    let mut runs: Vec<Run<'_>> =
        designs.designs.iter().map(|design| Run::new(design, designs.retries, model.clone())).collect();
    let mut access = Access::default();
    let (mut count, mut first_millis) = (0, None);
    while reader.read(&mut access)? {
        first_millis.get_or_insert(access.at_millis);
        let now = Moment { access: &access, tables: reader.tables(), attributes: reader.attributes(), number: count };
        runs.iter_mut().for_each(|run| run.take(&now));
        count += 1;
    }
    let millis = access.at_millis.saturating_sub(first_millis.unwrap_or(access.at_millis));
    let designs = runs.into_iter().map(|run| run.finish(reader.tables(), reader.attributes())).collect();
    Ok(ReplayReport { accesses: count, millis, is_cut_off: reader.is_cut_off(), designs })
}

/// An access, with what it means.
struct Moment<'m> {
    access: &'m Access,
    tables: &'m [RecordedTable],
    attributes: &'m [String],
    number: u64,
}

/// An access that waits for its next attempt.
#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    due_millis: u64,
    number: u64,
    attempt: u32,
    began_millis: u64,
    shard: u64,
    access: Box<Access>,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due_millis, self.number, self.shard).cmp(&(other.due_millis, other.number, other.shard))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A design under way.
struct Run<'d> {
    design: &'d Design,
    retries: Retries,
    model: Arc<CapacityModel>,
    /// By the number of their first description.
    tables: BTreeMap<usize, ModelledTable>,
    /// Descriptions that were seen, each with the first one of its table: one that was changed is described again.
    described: BTreeMap<usize, usize>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    keys: KeyCounts,
    latencies: Latencies,
    accesses: u64,
    throttled: u64,
    failed: u64,
    latest_millis: u64,
    key: Vec<u8>,
    sort: Vec<u8>,
    entry: Vec<u8>,
}

impl<'d> Run<'d> {
    fn new(design: &'d Design, retries: Retries, model: Arc<CapacityModel>) -> Self {
        Self {
            design,
            retries,
            model,
            tables: BTreeMap::new(),
            described: BTreeMap::new(),
            waiting: BinaryHeap::new(),
            keys: KeyCounts::default(),
            latencies: Latencies::default(),
            accesses: 0,
            throttled: 0,
            failed: 0,
            latest_millis: 0,
            key: Vec::new(),
            sort: Vec::new(),
            entry: Vec::new(),
        }
    }

    /// The next access of the trace, behind the attempts that are due before it.
    fn take(&mut self, now: &Moment<'_>) {
        self.attempt_due(now.access.at_millis, now.tables, now.attributes);
        let shards = self.shards_read(now);
        let chosen = if now.access.is_write { now.number } else { 0 };
        for shard in 0..shards {
            self.accesses += 1;
            let shard = if now.access.is_write { random_shard(chosen, self.shards_of(now)) } else { shard };
            self.attempt(now, shard, 0, now.access.at_millis, now.access.at_millis);
        }
    }

    fn shards_of(&self, now: &Moment<'_>) -> u64 {
        let name = now.tables.get(now.access.table).map(|table| &table.name);
        let design = name.and_then(|name| self.design.tables.get(name));
        design.and_then(|design| design.partition_key.as_ref()).map_or(1, Template::shards)
    }

    /// How many keys an access is at: a read of a sharded key reads each shard, a write writes one.
    fn shards_read(&self, now: &Moment<'_>) -> u64 {
        let reads_key = !now.access.is_write && now.access.index.is_none() && now.access.key.is_some();
        if reads_key { self.shards_of(now) } else { 1 }
    }

    fn attempt_due(&mut self, until_millis: u64, tables: &[RecordedTable], attributes: &[String]) {
        while self.waiting.peek().is_some_and(|Reverse(first)| first.due_millis <= until_millis) {
            let Some(Reverse(waiting)) = self.waiting.pop() else { break };
            let Waiting { due_millis, number, attempt, began_millis, shard, access } = waiting;
            let now = Moment { access: &access, tables, attributes, number };
            self.attempt(&now, shard, attempt, began_millis, due_millis);
        }
    }

    /// One attempt at an access. What is throttled waits for another one, or has failed.
    fn attempt(&mut self, now: &Moment<'_>, shard: u64, attempt: u32, began_millis: u64, at_millis: u64) {
        self.latest_millis = self.latest_millis.max(at_millis);
        let number = now.number;
        if self.is_admitted(now, shard, at_millis) {
            let own = own_millis(now.access.is_write, number ^ (shard << 40));
            self.latencies.add(at_millis.saturating_sub(began_millis) + own);
            return;
        }
        self.throttled += 1;
        let attempt = attempt + 1;
        if attempt >= self.retries.attempts || self.waiting.len() >= MOST_WAITING {
            self.failed += 1;
            return;
        }
        let wait = wait_millis(self.retries.base_millis, attempt, number ^ (shard << 40));
        let due_millis = at_millis.saturating_add(wait);
        let access = Box::new(now.access.clone());
        self.waiting.push(Reverse(Waiting { due_millis, number, attempt, began_millis, shard, access }));
    }

    /// A table is described for the first time, or anew since it was changed; the number of its first description. A trace does
    /// not say that a table was deleted: one of the same name and keys is taken for the same table.
    fn describe(&mut self, now: &Moment<'_>, recorded: &RecordedTable, at_millis: u64) -> usize {
        let number = now.access.table;
        let is_it =
            |(known, _): &(&usize, &usize)| now.tables.get(**known).is_some_and(|one| recorded.is_the_same(one));
        let first = self.described.iter().find(is_it).map_or(number, |(_, first)| *first);
        self.described.insert(number, first);
        match self.tables.get_mut(&first) {
            Some(known) => known.follow(&self.model, recorded, at_millis),
            None => drop(self.tables.insert(first, ModelledTable::new(&self.model, recorded, self.design, at_millis))),
        }
        first
    }

    /// Whether an access passes; it has paid then.
    fn is_admitted(&mut self, now: &Moment<'_>, shard: u64, at_millis: u64) -> bool {
        let access = now.access;
        let Some(recorded) = now.tables.get(access.table) else { return true };
        let first = match self.described.get(&access.table) {
            Some(first) => *first,
            None => self.describe(now, recorded, at_millis),
        };
        let Some(table) = self.tables.get_mut(&first) else { return true };
        self.key.clear();
        self.sort.clear();
        match (&table.design.partition_key, &access.key) {
            (Some(template), Some(_)) if access.index.is_none() => {
                template.key(access, recorded, now.attributes, shard, &mut self.key);
            }
            (_, Some(key)) => self.key.extend_from_slice(key),
            // A scan walks from partition to partition.
            (_, None) => self.key.extend_from_slice(&now.number.to_le_bytes()),
        }
        match &table.design.sort_key {
            Some(template) if access.index.is_none() => {
                template.key(access, recorded, now.attributes, 0, &mut self.sort);
            }
            _ => self.sort.extend_from_slice(&access.sort),
        }
        let of = match (access.is_write, access.is_consistent) {
            (true, _) => Use::Write,
            (false, true) => Use::StrongRead,
            (false, false) => Use::EventualRead,
        };
        let at = place(&self.key, &self.sort);
        let half_units = access.half_units;
        let target = table.read_by(recorded, access.index);
        let Some(ticket) = target.admit(of, at, half_units, at_millis) else { return false };
        if access.is_write && !admit_entries(table, now, &mut self.entry, at_millis) {
            return false;
        }
        table.read_by(recorded, access.index).pay(&ticket, at, half_units);
        if access.key.is_some() {
            self.keys.add(first, &self.key, half_units);
        }
        true
    }

    fn finish(mut self, recorded: &[RecordedTable], attributes: &[String]) -> DesignReport {
        self.attempt_due(u64::MAX, recorded, attributes);
        let latest_millis = self.latest_millis;
        let modelled = self
            .tables
            .into_values()
            .flat_map(|table| std::iter::once(table.table).chain(table.indexes).chain(table.added));
        let resources = modelled.map(|modelled| modelled.totals(latest_millis)).collect();
        let name = |at: usize| recorded.get(at).map(|table| table.name.clone()).unwrap_or_default();
        DesignReport {
            name: self.design.name.clone(),
            accesses: self.accesses,
            throttled: self.throttled,
            failed: self.failed,
            p50_millis: self.latencies.percentile(500),
            p99_millis: self.latencies.percentile(990),
            resources,
            hot_keys: self.keys.hottest(HOT_KEYS, name),
        }
    }
}

/// Whether the global indexes whose entries a write changes admit it; they have been paid for then.
fn admit_entries(table: &mut ModelledTable, now: &Moment<'_>, key: &mut Vec<u8>, at_millis: u64) -> bool {
    let access = now.access;
    let Some(recorded_table) = now.tables.get(access.table) else { return true };
    // An entry whose key is not known is where its item is, among the entries.
    let fallback = access.key.as_deref().unwrap_or_default();
    let mut charges: Vec<(Option<usize>, usize, u64, Vec<u8>)> = Vec::new();
    for (index, half_units, entry) in &access.entries {
        let entry = if entry.is_empty() { fallback } else { entry };
        charges.push((Some(*index), 0, *half_units, entry.to_vec()));
    }
    for (at, added) in table.design.add_indexes.iter().enumerate() {
        key.clear();
        added.key.key(access, recorded_table, now.attributes, 0, key);
        let bytes = added.entry_bytes.unwrap_or_else(|| access.bytes.max(access.half_units / 2 * 1024));
        // An item without the attributes of the key is not in the index.
        if !key.is_empty() {
            charges.push((None, at, bytes.div_ceil(1024).max(1) * 2, key.clone()));
        }
    }
    let mut tickets = Vec::new();
    let mut is_admitted = true;
    for (recorded, added, half_units, key) in &charges {
        let modelled = match recorded {
            Some(index) => table.index(recorded_table, *index),
            None => table.added.get_mut(*added),
        };
        let at = place(key, &access.sort);
        let admitted = modelled.map(|modelled| modelled.admit(Use::Write, at, *half_units, at_millis));
        is_admitted &= !matches!(admitted, Some(None));
        tickets.push(admitted.flatten());
    }
    if !is_admitted {
        return false;
    }
    for ((recorded, added, half_units, key), ticket) in charges.iter().zip(&tickets) {
        let modelled = match recorded {
            Some(index) => table.index(recorded_table, *index),
            None => table.added.get_mut(*added),
        };
        if let (Some(modelled), Some(ticket)) = (modelled, ticket) {
            modelled.pay(ticket, place(key, &access.sort), *half_units);
        }
    }
    true
}
