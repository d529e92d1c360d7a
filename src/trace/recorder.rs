//! A hook that records what requests access.

use super::format::{Access, BLOCK_BYTES, MAGIC, RecordedIndex, RecordedTable, put_access, put_attribute, put_table};
use crate::{
    capacity::Consumed,
    clock::Clock,
    error::{Error, ErrorKind, Result},
    item::{AttributeValue, Item, ItemRef, size::item_size},
    request::{
        Call, Completion, Hook, RequestKey, RequestRef, ResponseRef, TableRef, TransactWriteItem, WriteRequest,
        key_text,
    },
    schema::{BillingMode, IndexKind, ProvisionedThroughput, TableDefinition},
};
use parking_lot::Mutex;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::{fmt, hash::Hasher, io::Write, sync::Arc};

/// What is recorded, and how much.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// Secret under which keys and values are hashed, so that a trace shows none. Default: they are recorded as they are.
    pub hash_secret: Option<[u8; 16]>,
    /// Attributes whose values are recorded with items that are put, so that designs can use them as keys. Those of keys of
    /// tables and indexes are recorded anyway. Default: none.
    pub attributes: Vec<String>,
    /// Bytes after which nothing more is recorded. Default 1 GiB.
    pub max_bytes: u64,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self { hash_secret: None, attributes: Vec::new(), max_bytes: 1 << 30 }
    }
}

/// Records requests as a [`Hook`]: what they accessed, when, and the units. A request that is throttled is recorded too.
///
/// Blocks of 64 KiB are written as they fill, and what there is at most a second later if there are more requests; the rest by
/// [`finish`](Self::finish). A failure to write ends the recording and no request.
///
/// ```
/// use hashrange::{Clock, Database, Item, key::S, trace::{Access, RecordOptions, Recorder, TraceReader}};
/// use std::sync::{Arc, Mutex};
///
/// # #[derive(Clone, Default)] struct Shared(Arc<Mutex<Vec<u8>>>);
/// # impl std::io::Write for Shared {
/// #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { self.0.lock().unwrap().write(bytes) }
/// #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
/// # }
/// # fn main() -> hashrange::Result<()> {
/// let bytes = Shared::default();                       // usually a file
/// let recorder = Arc::new(Recorder::new(bytes.clone(), Clock::system(), RecordOptions::default())?);
/// let db = Database::options().hook(recorder.clone()).in_memory()?;
/// db.create_table("stock").hash::<S>("sku").create()?.put(&Item::new().with("sku", "bolt"))?;
/// recorder.finish()?;
///
/// let trace = bytes.0.lock().unwrap().clone();
/// let mut reader = TraceReader::new(trace.as_slice())?;
/// let mut access = Access::default();
/// assert!(reader.read(&mut access)? && access.is_write);
/// assert_eq!(access.key.as_deref(), Some(b"bolt".as_slice()));
/// # Ok(())
/// # }
/// ```
pub struct Recorder {
    options: RecordOptions,
    clock: Clock,
    state: Mutex<RecorderState>,
}

struct RecorderState {
    out: Box<dyn Write + Send>,
    block: Vec<u8>,
    /// Tables that were described, by their definitions.
    tables: Vec<(u32, u64)>,
    last_millis: u64,
    written_millis: u64,
    written_bytes: u64,
    recorded: u64,
    dropped: u64,
    failure: Option<Error>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorder({} accesses)", self.state.lock().recorded)
    }
}

impl Recorder {
    /// Records to an output, from which times of a clock are taken. Errors: the beginning cannot be written.
    pub fn new(out: impl Write + Send + 'static, clock: Clock, options: RecordOptions) -> Result<Self> {
        let mut out: Box<dyn Write + Send> = Box::new(out);
        out.write_all(MAGIC).map_err(|error| Error::io("write", "a trace", &error))?;
        let mut block = Vec::with_capacity(BLOCK_BYTES + (BLOCK_BYTES >> 2));
        options.attributes.iter().for_each(|name| put_attribute(name, &mut block));
        let state = RecorderState {
            out,
            block,
            tables: Vec::new(),
            last_millis: 0,
            written_millis: clock.now_millis(),
            written_bytes: MAGIC.len() as u64,
            recorded: 0,
            dropped: 0,
            failure: None,
        };
        Ok(Self { options, clock, state: Mutex::new(state) })
    }
    /// Accesses that were recorded, and those that were not for lack of room or after a failure.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.recorded, state.dropped)
    }
    /// Writes what is left. Errors: it cannot be written, now or before.
    pub fn finish(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.write_block(self.clock.now_millis());
        if state.failure.is_none()
            && let Err(error) = state.out.flush()
        {
            state.failure = Some(Error::io("write", "a trace", &error));
        }
        state.failure.clone().map_or(Ok(()), Err)
    }

    /// A key or value as it is recorded.
    fn text(&self, text: &str) -> Vec<u8> {
        let Some(secret) = &self.options.hash_secret else { return text.as_bytes().to_vec() };
        let mut hasher = SipHasher13::new_with_key(secret);
        hasher.write(text.as_bytes());
        let hash = hasher.finish128();
        [hash.h1.to_le_bytes(), hash.h2.to_le_bytes()].concat()
    }
    fn value(&self, item: &Item, name: &str) -> Option<Vec<u8>> {
        item.get(name).and_then(key_text).map(|text| self.text(&text))
    }

    /// Whether a record of this request is of use: it was carried out, throttled, or failed by its condition.
    fn is_recorded(completion: &Completion<'_>) -> bool {
        match completion.result {
            Ok(_) => true,
            Err(error) => matches!(
                error.kind(),
                ErrorKind::Throttled | ErrorKind::ConditionFailed | ErrorKind::TransactionCanceled
            ),
        }
    }
}

impl RecorderState {
    fn write_block(&mut self, now_millis: u64) {
        self.written_millis = now_millis;
        if self.block.is_empty() || self.failure.is_some() {
            return;
        }
        let length = u32::try_from(self.block.len()).unwrap_or(0);
        let mut head = length.to_le_bytes().to_vec();
        head.extend_from_slice(&crc32fast::hash(&self.block).to_le_bytes());
        let written = self.out.write_all(&head).and_then(|()| self.out.write_all(&self.block));
        if let Err(error) = written {
            self.failure = Some(Error::io("write", "a trace", &error));
        }
        self.written_bytes += (head.len() + self.block.len()) as u64;
        self.block.clear();
    }

    /// The number of a table, which is described when it is met first and after each change.
    fn table(&mut self, definition: &TableDefinition) -> usize {
        let known = (definition.id, definition.changed_seqno);
        if let Some(at) = self.tables.iter().rposition(|table| *table == known) {
            return at;
        }
        put_table(&describe(definition), &mut self.block);
        self.tables.push(known);
        self.tables.len() - 1
    }
}

/// A table as a trace describes it.
fn describe(definition: &TableDefinition) -> RecordedTable {
    let provisioned = |throughput: ProvisionedThroughput| match definition.billing {
        BillingMode::Provisioned => Some((throughput.read_units_per_sec.max(1), throughput.write_units_per_sec.max(1))),
        BillingMode::PayPerRequest => None,
    };
    let indexes = definition.indexes.iter().map(|index| RecordedIndex {
        name: index.name.clone(),
        is_global: index.kind == IndexKind::Global,
        key: index.hash.first().map_or_else(|| definition.key.hash.name.clone(), |key| key.name.clone()),
        provisioned: provisioned(index.throughput.unwrap_or(definition.throughput)),
    });
    RecordedTable {
        name: definition.name.clone(),
        key: definition.key.hash.name.clone(),
        sort: definition.key.range.as_ref().map(|range| range.name.clone()),
        provisioned: provisioned(definition.throughput),
        indexes: indexes.collect(),
    }
}

/// What a request accessed of one table, before its units are known.
struct Touched<'r> {
    table: &'r TableRef<'r>,
    access: Access,
    /// The item that was put, for the keys of its index entries.
    item: Option<&'r Item>,
}

/// Collects the accesses of a request.
struct Collector<'r> {
    recorder: &'r Recorder,
    call: &'r Call<'r>,
    touched: Vec<Touched<'r>>,
}

impl<'r> Collector<'r> {
    fn definition(&self, table: &TableRef<'_>) -> Option<&'r Arc<TableDefinition>> {
        let name = table.name();
        self.call.tables.iter().find(|definition| definition.name == *name)
    }
    fn key(&mut self, table: &'r TableRef<'r>, key: &RequestKey<'_>, is_write: bool, is_consistent: bool) {
        let mut access = Access { is_write, is_consistent, ..Access::default() };
        if let Some(definition) = self.definition(table)
            && let Ok(key) = key.attributes(definition)
        {
            self.name(&mut access, &key, definition);
        }
        self.touched.push(Touched { table, access, item: None });
    }
    fn put(&mut self, table: &'r TableRef<'r>, item: &'r Item) {
        let mut access = Access { is_write: true, bytes: item_size(item) as u64, ..Access::default() };
        if let Some(definition) = self.definition(table) {
            self.name(&mut access, item, definition);
        }
        let names = self.recorder.options.attributes.iter().enumerate();
        access.values = names.filter_map(|(at, name)| Some((at, self.recorder.value(item, name)?))).collect();
        self.touched.push(Touched { table, access, item: Some(item) });
    }
    fn name(&self, access: &mut Access, item: &Item, definition: &TableDefinition) {
        access.key = self.recorder.value(item, &definition.key.hash.name);
        let sort = definition.key.range.as_ref().and_then(|range| self.recorder.value(item, &range.name));
        access.sort = sort.unwrap_or_default();
    }
    fn action(&mut self, action: &'r TransactWriteItem<'r>) {
        match action {
            TransactWriteItem::ConditionCheck(check) => self.key(&check.table, &check.key, true, true),
            TransactWriteItem::Put(put) => self.put(&put.table, &put.item),
            TransactWriteItem::Update(update) => self.key(&update.table, &update.key, true, true),
            TransactWriteItem::Delete(delete) => self.key(&delete.table, &delete.key, true, true),
        }
    }
    fn collect(&mut self) {
        match self.call.request {
            RequestRef::GetItem(get) => self.key(&get.table, &get.key, false, get.consistent_read),
            RequestRef::PutItem(put) => self.put(&put.table, &put.item),
            RequestRef::UpdateItem(update) => self.key(&update.table, &update.key, true, true),
            RequestRef::DeleteItem(delete) => self.key(&delete.table, &delete.key, true, true),
            RequestRef::Query(query) => {
                let index = query.options.index.as_deref();
                let definition = self.definition(&query.table);
                let mut access = Access { is_consistent: query.options.consistent_read, ..Access::default() };
                if let Some(definition) = definition {
                    let of_index = index.and_then(|name| definition.index(name));
                    access.index = index.and_then(|name| definition.indexes.iter().position(|one| one.name == name));
                    let hash = match of_index {
                        Some(index) if !index.hash.is_empty() => index.hash.as_slice(),
                        _ => std::slice::from_ref(&definition.key.hash),
                    };
                    let sort = of_index.map_or(definition.key.range.as_slice(), |index| &index.range);
                    let values: Vec<AttributeValue> = query.key.partition_values(hash, sort).unwrap_or_default();
                    access.key = values.first().and_then(key_text).map(|text| self.recorder.text(&text));
                }
                self.touched.push(Touched { table: &query.table, access, item: None });
            }
            RequestRef::Scan(scan) => {
                let mut access = Access { is_consistent: scan.options.consistent_read, ..Access::default() };
                access.index = self.definition(&scan.table).and_then(|definition| {
                    let name = scan.options.index.as_deref()?;
                    definition.indexes.iter().position(|index| index.name == name)
                });
                self.touched.push(Touched { table: &scan.table, access, item: None });
            }
            RequestRef::BatchGetItem(batch) => {
                for entry in &batch.tables {
                    entry.keys.iter().for_each(|key| self.key(&entry.table, key, false, entry.consistent_read));
                }
            }
            RequestRef::BatchWriteItem(batch) => batch.writes.iter().for_each(|(table, write)| match write {
                WriteRequest::Put(item) => self.put(table, item),
                WriteRequest::Delete(key) => self.key(table, key, true, true),
            }),
            RequestRef::TransactGetItems(transaction) => {
                transaction.gets.iter().for_each(|get| self.key(&get.table, &get.key, false, true));
            }
            RequestRef::TransactWriteItems(transaction) => {
                transaction.actions.iter().for_each(|action| self.action(action));
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "units of a request are some thousand at most"
)]
fn halves(units: f64) -> u64 {
    (units * 2.0).ceil().max(0.0) as u64
}

/// Half units of one of several accesses: an equal part of what all of them cost.
fn part(units: f64, count: u64) -> u64 {
    halves(units).div_ceil(count.max(1))
}

impl Hook for Recorder {
    fn after(&self, call: &Call<'_>, completion: &Completion<'_>) {
        if !Self::is_recorded(completion) {
            return;
        }
        let mut collector = Collector { recorder: self, call, touched: Vec::new() };
        collector.collect();
        let now_millis = self.clock.now_millis();
        let counts: Vec<u64> = collector
            .touched
            .iter()
            .map(|touched| {
                collector.touched.iter().filter(|other| other.table.name() == touched.table.name()).count() as u64
            })
            .collect();
        let mut state = self.state.lock();
        if state.failure.is_some() || state.written_bytes + state.block.len() as u64 >= self.options.max_bytes {
            state.dropped += collector.touched.len() as u64;
            return;
        }
        let mut is_first = true;
        for (Touched { table, mut access, item }, count) in collector.touched.into_iter().zip(counts) {
            let name = table.name();
            let Some(definition) = call.tables.iter().find(|definition| definition.name == *name) else { continue };
            let consumed =
                completion.consumed.iter().find(|(table, _)| **table == *name).map(|(_, consumed)| *consumed);
            self.charge(&mut access, definition, consumed, item, count);
            if access.bytes == 0
                && let Ok(ResponseRef::Get(found)) = completion.result
            {
                access.bytes = found.item.as_ref().map_or(0, |item: &ItemRef| item.size_bytes() as u64);
            }
            access.table = state.table(definition);
            access.continues = !is_first;
            access.at_millis = now_millis.max(state.last_millis);
            let before_millis = std::mem::replace(&mut state.last_millis, access.at_millis);
            put_access(&access, before_millis, &mut state.block);
            state.recorded += 1;
            is_first = false;
        }
        if state.block.len() >= BLOCK_BYTES || now_millis >= state.written_millis.saturating_add(1_000) {
            state.write_block(now_millis);
        }
    }
}

impl Recorder {
    /// Fills in the units of an access. What failed is taken to cost one unit.
    fn charge(
        &self,
        access: &mut Access,
        definition: &TableDefinition,
        consumed: Option<&Consumed>,
        item: Option<&Item>,
        count: u64,
    ) {
        let Some(consumed) = consumed else {
            access.half_units = 2;
            return;
        };
        let position = |name: &str| definition.indexes.iter().position(|index| index.name == name);
        let of_locals: f64 = consumed.local_indexes.iter().map(|(_, units)| units).sum();
        access.half_units = part(consumed.table + of_locals, count);
        for (name, units) in &consumed.global_indexes {
            let Some(at) = position(name) else { continue };
            if access.index == Some(at) {
                access.half_units = part(*units, count);
                continue;
            }
            let key = definition.indexes[at].hash.first();
            let key = key.and_then(|key| item.and_then(|item| self.value(item, &key.name)));
            access.entries.push((at, part(*units, count), key.unwrap_or_default()));
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A program that wants to learn of a failure calls `finish` itself.
        let _ = self.finish();
    }
}
