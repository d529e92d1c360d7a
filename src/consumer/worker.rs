//! Reading a whole stream: every shard after its parent, from where the last run left off.
//!
//! A [`Consumer`] is one worker of the consumer that its name stands for. Workers of the same name, in any threads of the
//! process, share the shards between them by leases that they keep in the database; when one ends or falls silent, the
//! others take its shards over. What was acknowledged does not come again; what was handed out and not acknowledged does:
//! at least once, and the records of a shard in their order. Where the effect is a write to the same database, acknowledge
//! in the transaction that writes it ([`Batch::ack_in`]), and it happens exactly once.

use super::{
    delivery::Batch,
    gap::Gap,
    shard_assignment::{ShardAssignment, Wanted},
};
use crate::{
    access::{Action, Ask},
    clock::Deadline,
    date,
    engine::Engine,
    error::{Detail, Error, Result},
    expression::{ExpressionKind, IntoCondition},
    item::ItemRef,
    manifest::StreamMeta,
    request::{Hooks, MAX_TRANSACTION_ACTIONS},
    schema::StreamPurpose,
    stream::ChangeRecord,
    table::{Dynamic, KeyShape, MAX_PAGE_RECORDS, Table},
};
use std::{fmt, sync::Arc, time::Duration};

/// One action a record and the acknowledgement fit into a transaction.
const DEFAULT_BATCH_RECORDS: usize = MAX_TRANSACTION_ACTIONS - 1;
const DEFAULT_BATCH_BYTES: usize = 1 << 20;
const DEFAULT_RETRIES: usize = 2;

/// A change stream of a table.
#[derive(Clone)]
pub struct TableStream {
    engine: Arc<Engine>,
    hooks: Hooks,
    stream: Arc<StreamMeta>,
}

impl fmt::Debug for TableStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableStream({}/{})", self.stream.table_name, self.label())
    }
}

impl<K: KeyShape> Table<K> {
    /// The table's change stream: the enabled one, or else the last one, which stays readable as long as records are kept.
    /// Errors: not found; a policy does not allow `DescribeStream`, `GetShardIterator` and `GetRecords`.
    pub fn stream(&self) -> Result<TableStream> {
        let definition = self.definition();
        let streams = self.engine().streams();
        let all = || streams.all_for(StreamPurpose::Readers).into_iter();
        let of_table = || all().rfind(|stream| stream.table == definition.id);
        let stream = streams.enabled(definition.id, StreamPurpose::Readers).or_else(of_table).ok_or_else(|| {
            let table = definition.name.clone();
            let text = format!("Requested resource not found: table {table} has no stream");
            Error::not_found(text).with_detail(Detail::NoStream { table })
        })?;
        if let Some(caller) = self.hooks().caller() {
            let arn = caller.scope.stream(&definition.name, &date::label(stream.label_millis));
            for action in [Action::DescribeStream, Action::GetShardIterator, Action::GetRecords] {
                caller.decide(self.engine(), &Ask::new(action, arn.clone()), Some(&definition))?;
            }
        }
        // From here on the worker is the system's.
        Ok(TableStream { engine: self.engine().clone(), hooks: self.hooks().decided(), stream })
    }
}

impl TableStream {
    /// A stream that the database itself reads.
    pub(crate) fn internal(engine: &Arc<Engine>, stream: Arc<StreamMeta>) -> Self {
        Self { engine: engine.clone(), hooks: Hooks::default(), stream }
    }

    /// The stream's label; with the name of its table it is unique.
    pub fn label(&self) -> String {
        date::label(self.stream.label_millis)
    }

    /// A worker of the consumer of that name, which begins where the consumer was when it last acknowledged something,
    /// or else at the oldest record.
    pub fn checkpoint(&self, name: impl Into<String>) -> Consumer {
        Consumer {
            engine: self.engine.clone(),
            hooks: self.hooks.clone(),
            stream: self.stream.clone(),
            name: name.into(),
            from_latest: false,
            batch_records: DEFAULT_BATCH_RECORDS,
            batch_bytes: DEFAULT_BATCH_BYTES,
            window: Duration::ZERO,
            retries: DEFAULT_RETRIES,
            skip_expired: false,
            filter: None,
            fault: None,
            dead_letters: None,
            lanes: None,
        }
    }
}

/// Whether a record is wanted.
type Filter = Box<dyn Fn(&ChangeRecord) -> bool + Send>;

/// A worker that reads a stream. Describe it, then take records ([`Consumer::follow`]), batches
/// ([`Consumer::next_batch`]) or let it call you ([`Consumer::process`]).
pub struct Consumer {
    pub(super) engine: Arc<Engine>,
    pub(super) hooks: Hooks,
    stream: Arc<StreamMeta>,
    pub(super) name: String,
    from_latest: bool,
    batch_records: usize,
    batch_bytes: usize,
    window: Duration,
    pub(super) retries: usize,
    skip_expired: bool,
    filter: Option<Filter>,
    /// What is wrong with the description of this worker; the first batch tells.
    fault: Option<Error>,
    pub(super) dead_letters: Option<Table<Dynamic>>,
    lanes: Option<ShardAssignment>,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumer({} of {})", self.name, self.stream.table_name)
    }
}

impl Consumer {
    /// Begins behind the newest record if the consumer has never read the stream.
    #[must_use]
    pub fn from_latest(mut self) -> Self {
        self.from_latest = true;
        self
    }
    /// Most records of a batch. Default 99, so that one action a record and the acknowledgement fit into a transaction
    /// ([`Batch::ack_in`]); 1 to 1,000.
    #[must_use]
    pub fn batch_records(mut self, records: usize) -> Self {
        self.batch_records = records.clamp(1, MAX_PAGE_RECORDS);
        self
    }
    /// Bytes of keys and images after which a batch ends, by DynamoDB's size rule. Default 1 MiB.
    #[must_use]
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }
    /// How long to wait for a batch to fill up once there is a record for it. Default 0.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }
    /// Passes over records that are not wanted. Several filters must all want a record.
    #[must_use]
    pub fn filter(mut self, wanted: impl Fn(&ChangeRecord) -> bool + Send + 'static) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(before) => Box::new(move |record| before(record) && wanted(record)),
            None => Box::new(wanted),
        });
        self
    }
    /// Passes over records that do not fulfil a condition in DynamoDB's expression language, made by [`attr`], parsed, or
    /// given as a text with its placeholders. It sees a record as [`ChangeRecord::to_item`] does:
    /// `attr("NewImage.status").eq("PAID")`. Each record is copied for it; [`Consumer::filter`] copies nothing. A faulty
    /// condition is the error of the first batch.
    ///
    /// [`attr`]: crate::attr
    #[must_use]
    pub fn filter_expression(mut self, condition: impl IntoCondition) -> Self {
        match condition.into_condition(ExpressionKind::Filter) {
            Ok(condition) => self.filter(move |record| condition.matches(Some(&ItemRef::from(&record.to_item())))),
            Err(error) => {
                self.fault = Some(error);
                self
            }
        }
    }
    /// Goes on with what is left where records are gone because of their age ([`OpenOptions::stream_retention`]) before this
    /// consumer processed them; [`Batch::skipped`] tells. Without it, that is an error, which comes again until a worker
    /// of this consumer skips them.
    ///
    /// [`OpenOptions::stream_retention`]: crate::OpenOptions::stream_retention
    #[must_use]
    pub fn skip_expired(mut self) -> Self {
        self.skip_expired = true;
        self
    }
    /// How often [`Consumer::process`] tries again before it halves a batch. Default 2.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }
    /// Where [`Consumer::process`] puts a record that cannot be processed: as [`ChangeRecord::to_item`] with `id` (S, its
    /// event id), `consumer`, `sequence` and `failure`. Where that is larger or nested deeper than an item may be, it has no
    /// images, the first thousand characters of `failure`, and `truncated` (true). Without such a table it stops at the record.
    #[must_use]
    pub fn dead_letters(mut self, table: Table<Dynamic>) -> Self {
        self.dead_letters = Some(table);
        self
    }

    /// The next records, all of one shard; `None` if none has come for `patience`.
    ///
    /// A batch comes again until it is acknowledged: at once if it was dropped. While it is held, its shard waits, and other
    /// shards are read.
    ///
    /// # Errors
    /// `Expired` if records are gone that this consumer had not processed, because it was away for longer than they are
    /// kept; see [`Consumer::skip_expired`] and [`Consumer::gaps`]. Errors of the disk; `Closed`; what is wrong with the description
    /// of this worker.
    pub fn next_batch(&mut self, patience: Duration) -> Result<Option<Batch>> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let engine = self.engine.clone();
        let deadline = Deadline::after(patience);
        if self.lanes.is_none() {
            self.lanes = Some(ShardAssignment::open(&self.engine, &self.stream, &self.name, self.from_latest)?);
        }
        let Some(lanes) = &mut self.lanes else { return Ok(None) };
        lanes.gaps.skip = self.skip_expired;
        let wanted = Wanted { records: self.batch_records, bytes: self.batch_bytes, filter: self.filter.as_deref() };
        loop {
            engine.check_open()?;
            let news = engine.streams().news();
            lanes.refresh_if_due()?;
            if !self.window.is_zero() {
                lanes.gather(self.batch_records, self.window);
            }
            if let Some(batch) = lanes.read(&wanted)? {
                return Ok(Some(batch));
            }
            if lanes.finish_shards()? {
                continue;
            }
            if deadline.is_over() {
                return Ok(None);
            }
            news.wait(deadline.remaining());
        }
    }

    /// Whether the stream takes no more records and all of them are processed; known once a batch was asked for and none was
    /// there.
    pub(crate) fn is_finished(&self) -> bool {
        let stream = self.engine.streams().stream(self.stream.id);
        stream.is_none_or(|stream| stream.disabled_millis.is_some())
            && self.lanes.as_ref().is_some_and(ShardAssignment::is_empty)
    }
    /// Keeps the database open no more: for workers that the database runs itself.
    pub(crate) fn without_keeper(mut self) -> Self {
        self.hooks = self.hooks.without_keeper();
        self.dead_letters = self.dead_letters.map(Table::without_keeper);
        self
    }
    /// Its name and that of the table whose stream it reads.
    pub(crate) fn names(&self) -> (&str, &str) {
        (&self.name, &self.stream.table_name)
    }

    /// Where this worker found that records are gone that the consumer had not processed.
    pub fn gaps(&self) -> &[Gap] {
        self.lanes.as_ref().map_or(&[], |lanes| &lanes.gaps.found)
    }
}
