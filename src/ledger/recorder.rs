//! Where accesses are noted while the database runs. The engine and the door of requests hold it; nothing here waits or fails.

use super::{
    book::{Book, MINUTE_MILLIS, Noted, RowKey},
    calls::{Calls, Ending},
    label::RequestLabel,
    rates::{Rate, Rates},
};
use crate::{
    capacity::KeyPosition,
    config::LedgerOptions,
    error::ThrottledLimit,
    schema::{BillingMode, IndexDefinition, IndexKind, TableClass, TableDefinition},
    sync::Mutex,
};
use arc_swap::ArcSwap;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Tags that are told apart; further ones are noted as one.
const MAX_TAGS: usize = 100;
/// What those are noted as.
const OTHER_TAGS: &str = "(other)";
/// Tables and indexes that are gone and still shown.
const MAX_ENDED: usize = 1_000;
/// Minutes of requests that are kept by themselves: a day.
const MAX_CALL_MINUTES: usize = 24 * 60;
/// Readings of the clock may overtake each other by so much.
const JITTER_MILLIS: u64 = MINUTE_MILLIS;
/// Requests that name no table are noted under this number.
const NO_TABLE: u32 = 0;

/// An access to a table or index.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// Number of the table or index.
    pub resource: u32,
    /// Where it is.
    pub place: KeyPosition<'a>,
    /// First token of the partition that the place is in.
    pub partition: u64,
    /// Whether the place is that of one item or entry, and not of a range.
    pub is_whole_key: bool,
    /// Whether it writes.
    pub is_write: bool,
}

/// What is known of a table or index besides what was consumed.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Number of the table.
    pub table_number: u32,
    pub table: String,
    pub index: Option<String>,
    /// Whether it is a local index, which draws on its table.
    pub is_local: bool,
    pub billing: BillingMode,
    pub class: TableClass,
    pub has_stream: bool,
    pub has_point_in_time_recovery: bool,
    pub max_on_demand: (Option<u64>, Option<u64>),
    pub rates: Rates,
}

/// A table or index.
#[derive(Debug)]
pub struct Entry {
    pub facts: Mutex<Facts>,
    is_on_demand: AtomicBool,
    pub book: Mutex<Book>,
}

/// Requests by minute since 1970 and by operation.
#[derive(Debug, Default)]
pub struct CallBook {
    pub minutes: BTreeMap<u64, BTreeMap<&'static str, Calls>>,
    /// Minutes before.
    pub earlier: BTreeMap<&'static str, Calls>,
    /// Calls of `GetRecords`.
    pub stream_reads: u64,
}

impl CallBook {
    fn calls(&mut self, operation: &'static str, now_millis: u64) -> &mut Calls {
        let minute = now_millis / MINUTE_MILLIS;
        if !self.minutes.contains_key(&minute)
            && self.minutes.len() >= MAX_CALL_MINUTES
            && let Some((_, oldest)) = self.minutes.pop_first()
        {
            oldest.iter().for_each(|(operation, calls)| self.earlier.entry(operation).or_default().add(calls));
        }
        self.minutes.entry(minute).or_default().entry(operation).or_default()
    }
}

/// Items and bytes of a table or index, by its number.
pub type SizedTable = HashMap<u32, (u64, u64)>;

/// Where accesses are noted.
#[derive(Debug)]
pub struct Recorder {
    options: LedgerOptions,
    /// When the ledger began. Where the clock was set back to before that time, the lowest that it was set back to.
    pub(super) began_millis: AtomicU64,
    pub(super) entries: ArcSwap<BTreeMap<u32, Arc<Entry>>>,
    /// By number of the table.
    pub(super) calls: ArcSwap<BTreeMap<u32, Arc<Mutex<CallBook>>>>,
    /// Tags by number, less one.
    tags: Mutex<Vec<String>>,
    changing: Mutex<()>,
    latest_millis: AtomicU64,
}

impl Recorder {
    /// Nothing noted yet.
    pub fn new(options: LedgerOptions, now_millis: u64) -> Self {
        let without_table = BTreeMap::from([(NO_TABLE, Arc::default())]);
        Self {
            options,
            began_millis: AtomicU64::new(now_millis),
            entries: ArcSwap::default(),
            calls: ArcSwap::from_pointee(without_table),
            tags: Mutex::new(Vec::new()),
            changing: Mutex::new(()),
            latest_millis: AtomicU64::new(now_millis),
        }
    }

    /// The time. It does not go back where threads read the clock one before the other, and follows a clock that was set back.
    pub(super) fn at(&self, now_millis: u64) -> u64 {
        let latest_millis = self.latest_millis.load(Ordering::Relaxed);
        if now_millis > latest_millis {
            return self.latest_millis.fetch_max(now_millis, Ordering::Relaxed).max(now_millis);
        }
        if latest_millis - now_millis <= JITTER_MILLIS {
            return latest_millis;
        }
        self.latest_millis.store(now_millis, Ordering::Relaxed);
        self.began_millis.fetch_min(now_millis, Ordering::Relaxed);
        now_millis
    }

    /// The number of a tag.
    pub fn tag(&self, tag: &str) -> u32 {
        let mut tags = self.tags.lock();
        let at = match tags.iter().position(|known| known == tag) {
            Some(at) => at,
            None if tags.len() < MAX_TAGS => {
                tags.push(tag.to_owned());
                tags.len() - 1
            }
            None => {
                if tags.len() == MAX_TAGS {
                    tags.push(OTHER_TAGS.to_owned());
                }
                MAX_TAGS
            }
        };
        u32::try_from(at + 1).unwrap_or(0)
    }

    /// The tag with a number.
    pub fn tag_name(&self, number: u32) -> Option<String> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.tags.lock().get(at).cloned()
    }

    /// An access was carried out, and consumed so many thousandths of a unit.
    pub fn used(&self, label: RequestLabel, access: &Access<'_>, milliunits: u64, now_millis: u64) {
        let entries = self.entries.load();
        let Some(entry) = entries.get(&access.resource) else { return };
        let is_on_demand = entry.is_on_demand.load(Ordering::Relaxed);
        entry.book.lock().used(&noted(label, access), milliunits, is_on_demand, self.at(now_millis));
    }

    /// An access was throttled. `counts_for_key` if its key was asked for, and not only derived from an item.
    pub fn throttled(
        &self,
        label: RequestLabel,
        access: &Access<'_>,
        limit: ThrottledLimit,
        counts_for_key: bool,
        now_millis: u64,
    ) {
        if let Some(entry) = self.entries.load().get(&access.resource) {
            entry.book.lock().throttled(&noted(label, access), limit, counts_for_key, self.at(now_millis));
        }
    }

    /// A request on tables has ended.
    pub fn ended(&self, tables: &[u32], operation: &'static str, ending: Ending, micros: u64, now_millis: u64) {
        let now_millis = self.at(now_millis);
        let calls = self.calls.load();
        let note = |table: u32| {
            if let Some(book) = calls.get(&table) {
                book.lock().calls(operation, now_millis).note(ending, micros);
            }
        };
        match tables {
            [] => note(NO_TABLE),
            // A mistake of the caller is one, however many tables the request names. It counts for the first of them.
            [first, ..] if ending == Ending::UserError => note(*first),
            tables => tables.iter().for_each(|table| note(*table)),
        }
    }

    /// The sweeper deleted an item.
    pub fn expired(&self, table: u32, now_millis: u64) {
        if let Some(book) = self.calls.load().get(&table) {
            book.lock().calls("TimeToLive", self.at(now_millis)).items_expired += 1;
        }
    }

    /// Records of a table's stream were asked for, and so many came, in so many bytes.
    pub fn stream_read(&self, table: u32) {
        if let Some(book) = self.calls.load().get(&table) {
            book.lock().stream_reads += 1;
        }
    }

    /// A table has been created or changed, or was there already when the ledger began.
    pub fn follow(&self, table: &TableDefinition, now_millis: u64) {
        if table.is_internal() {
            return;
        }
        let now_millis = self.at(now_millis);
        let _one_at_a_time = self.changing.lock();
        let mut entries = (**self.entries.load()).clone();
        self.follow_resource(&mut entries, table, None, now_millis);
        let indexes = table.indexes.iter().filter(|index| index.kind != IndexKind::Expiry);
        indexes.for_each(|index| self.follow_resource(&mut entries, table, Some(index), now_millis));
        let is_there = |number: u32| number == table.id || table.indexes.iter().any(|index| index.id == number);
        end_all(&entries, table.id, is_there, now_millis);
        self.entries.store(Arc::new(entries));
        let mut calls = (**self.calls.load()).clone();
        calls.entry(table.id).or_default();
        self.calls.store(Arc::new(calls));
    }

    /// A table is gone.
    pub fn forget(&self, table: u32, now_millis: u64) {
        let now_millis = self.at(now_millis);
        let _one_at_a_time = self.changing.lock();
        let mut entries = (**self.entries.load()).clone();
        end_all(&entries, table, |_| false, now_millis);
        let mut ended: Vec<u32> = Vec::new();
        for (number, entry) in &entries {
            if entry.facts.lock().rates.has_ended() {
                ended.push(*number);
            }
        }
        if ended.len() > MAX_ENDED {
            ended.sort_unstable();
            let mut calls = (**self.calls.load()).clone();
            for number in &ended[..ended.len() - MAX_ENDED] {
                entries.remove(number);
                calls.remove(number);
            }
            self.calls.store(Arc::new(calls));
        }
        self.entries.store(Arc::new(entries));
    }

    fn follow_resource(
        &self,
        entries: &mut BTreeMap<u32, Arc<Entry>>,
        table: &TableDefinition,
        index: Option<&IndexDefinition>,
        now_millis: u64,
    ) {
        let is_local = index.is_some_and(|index| index.kind == IndexKind::Local);
        let throughput = index.and_then(|index| index.throughput).unwrap_or(table.throughput);
        let rate = match table.billing {
            BillingMode::Provisioned if !is_local => {
                Rate { read_units: throughput.read_units_per_sec, write_units: throughput.write_units_per_sec }
            }
            _ => Rate::default(),
        };
        let limit = match index {
            None => table.settings.on_demand_limit,
            Some(index) => table.settings.index(&index.name).on_demand_limit,
        };
        let facts = |rates: Rates| Facts {
            table_number: table.id,
            table: table.name.clone(),
            index: index.map(|index| index.name.clone()),
            is_local,
            billing: table.billing,
            class: table.settings.class().map(|class| class.value).unwrap_or_default(),
            has_stream: table.stream.is_some(),
            has_point_in_time_recovery: table.settings.point_in_time_recovery.is_some(),
            max_on_demand: (limit.read_units_per_sec, limit.write_units_per_sec),
            rates,
        };
        let is_on_demand = table.billing == BillingMode::PayPerRequest;
        match entries.get(&index.map_or(table.id, |index| index.id)) {
            Some(entry) => {
                let mut known = entry.facts.lock();
                let mut rates = known.rates;
                rates.change(rate, now_millis);
                *known = facts(rates);
                entry.is_on_demand.store(is_on_demand, Ordering::Relaxed);
            }
            None => {
                let entry = Entry {
                    facts: Mutex::new(facts(Rates::new(rate, now_millis))),
                    is_on_demand: AtomicBool::new(is_on_demand),
                    book: Mutex::new(Book::new(&self.options)),
                };
                entries.insert(index.map_or(table.id, |index| index.id), Arc::new(entry));
            }
        }
    }
}

/// Ends the resources of a table that are not there any more.
fn end_all(entries: &BTreeMap<u32, Arc<Entry>>, table: u32, is_there: impl Fn(u32) -> bool, now_millis: u64) {
    for (number, entry) in entries {
        let mut facts = entry.facts.lock();
        if facts.table_number == table && !is_there(*number) && !facts.rates.has_ended() {
            facts.rates.end(now_millis);
        }
    }
}

fn noted<'a>(label: RequestLabel, access: &Access<'a>) -> Noted<'a> {
    Noted {
        key: RowKey { label, partition: access.partition },
        place: access.place,
        is_whole_key: access.is_whole_key,
        is_write: access.is_write,
    }
}
