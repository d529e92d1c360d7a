//! All streams of a database: which shard takes a partition's changes, which shards there are, and who waits for news.
//!
//! Streams and shards change under the manifest's mutex: a change first asks for a [`Plan`], commits its
//! edits together with whatever else happens at that moment, and then applies it. Commits only look up the open shard
//! of their partition, without a lock.

use super::{
    record::Change,
    retention::{Horizon, Retention, is_gone},
    segment::{Segment, SegmentContext},
    shard::{Shard, closed_millis},
    tail::BlockPool,
};
use crate::{
    date,
    manifest::{Edit, ManifestState, ShardMeta, StreamMeta},
    schema::{KeySchema, StreamPurpose, TableDefinition, WantedStream},
    sync::{Condvar, Mutex, OrderedMutex, OrderedRwLock, Rank},
};
use arc_swap::ArcSwap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Longest sleep of a reader before it looks again, should news be missed.
const RECHECK: Duration = Duration::from_millis(5);

/// A range of tokens and the partition that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Number of the partition.
    pub partition: u64,
    /// Lowest token.
    pub first_token: u64,
    /// Highest token, inclusive.
    pub last_token: u64,
}

/// A change of streams and shards: edits to commit, then to be applied.
#[derive(Debug, Default)]
pub struct Plan {
    /// What the manifest must learn.
    edits: Vec<Edit>,
    streams: Vec<StreamMeta>,
    closed: Vec<(Arc<Shard>, u64, u64)>,
    opened: Vec<ShardMeta>,
}

impl Plan {
    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.closed.is_empty() && self.opened.is_empty()
    }
    /// The edits, once.
    pub fn take_edits(&mut self) -> Vec<Edit> {
        std::mem::take(&mut self.edits)
    }
    fn put_stream(&mut self, record: StreamMeta) {
        self.edits.push(Edit::PutStream(Box::new(record.clone())));
        self.streams.push(record);
    }
    fn close(&mut self, shard: &Arc<Shard>, end_seqno: u64, now_millis: u64) {
        self.edits.push(Edit::PutShard(shard.closed_record(end_seqno, now_millis)));
        self.closed.push((shard.clone(), end_seqno, now_millis));
    }
    fn open(&mut self, record: ShardMeta) {
        self.edits.push(Edit::PutShard(record.clone()));
        self.opened.push(record);
    }
}

#[derive(Debug, Default)]
struct Registry {
    streams: BTreeMap<u64, Arc<StreamMeta>>,
    shards: BTreeMap<u64, Arc<Shard>>,
}

/// Shards by the partition whose changes they take and by their purpose, in this order.
type OpenShards = Vec<((u64, StreamPurpose), Arc<Shard>)>;

/// The streams of a database.
#[derive(Debug)]
pub struct Streams {
    registry: OrderedRwLock<Registry>,
    /// The shards that take changes.
    open: ArcSwap<OpenShards>,
    next_id: AtomicU64,
    tail_bytes: AtomicUsize,
    spares: Arc<BlockPool>,
    /// One cut or trim at a time.
    pub cutting: OrderedMutex<()>,
    waiters: AtomicUsize,
    news: Mutex<u64>,
    told: Condvar,
    /// A number that is higher each time the database is opened, and that of the next reader within it.
    session: AtomicU64,
    next_reader: AtomicU64,
}

impl Streams {
    /// The streams that a manifest knows; no segment is read.
    pub fn load(state: &ManifestState, context: &SegmentContext) -> Self {
        let mut segments: BTreeMap<u64, Vec<Arc<Segment>>> = BTreeMap::new();
        let mut facts: Vec<_> = state.stream_segments.values().collect();
        facts.sort_by_key(|facts| facts.first_seqno);
        for facts in facts {
            segments.entry(facts.shard).or_default().push(Arc::new(Segment::new(facts.clone(), context.clone())));
        }
        let spares = Arc::<BlockPool>::default();
        let by_id = state.streams.iter().map(|(id, record)| (*id, Arc::new(record.clone())));
        let mut registry = Registry { streams: by_id.collect(), ..Registry::default() };
        for record in state.shards.values() {
            let own = segments.remove(&record.id).unwrap_or_default();
            registry.shards.insert(record.id, Arc::new(Shard::new(record.clone(), own, spares.clone())));
        }
        let highest = state.streams.keys().chain(state.shards.keys()).max().map_or(0, |id| id + 1);
        let streams = Self {
            registry: OrderedRwLock::new(Rank::StreamRegistry, registry),
            open: ArcSwap::default(),
            next_id: AtomicU64::new(highest.max(state.counters.next_shard)),
            tail_bytes: AtomicUsize::new(0),
            spares,
            cutting: OrderedMutex::new(Rank::StreamCut, ()),
            waiters: AtomicUsize::new(0),
            news: Mutex::new(0),
            told: Condvar::new(),
            session: AtomicU64::new(0),
            next_reader: AtomicU64::new(1),
        };
        streams.refresh_open();
        streams
    }

    fn refresh_open(&self) {
        let registry = self.registry.read();
        let open = registry.shards.values().filter(|shard| shard.is_open());
        let of_stream = |shard: &Arc<Shard>| {
            let purpose = registry.streams.get(&shard.stream)?.purpose();
            Some(((shard.record().partition, purpose), shard.clone()))
        };
        let mut open: Vec<_> = open.filter_map(of_stream).collect();
        open.sort_unstable_by_key(|(place, _)| *place);
        self.open.store(Arc::new(open));
    }

    /// Does something with the shard that takes a partition's changes for a purpose, if there is one.
    fn with_open<T>(&self, partition: u64, purpose: StreamPurpose, work: impl FnOnce(&Arc<Shard>) -> T) -> Option<T> {
        let open = self.open.load();
        let at = open.binary_search_by_key(&(partition, purpose), |(place, _)| *place).ok()?;
        open.get(at).map(|(_, shard)| work(shard))
    }

    /// Whether a shard takes the changes of a partition.
    pub fn has_open(&self, partition: u64) -> bool {
        StreamPurpose::ALL.into_iter().any(|purpose| self.with_open(partition, purpose, |_| ()).is_some())
    }

    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
    /// The next number of a stream or shard, for the manifest's counters.
    pub fn next_id(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed)
    }

    // Plans -----------------------------------------------------------------------------------------------------------

    /// What follows for streams from a table's new definition, which the log record `seqno` carries.
    pub fn plan_definition(&self, table: &TableDefinition, ranges: &[Range], seqno: u64, now_millis: u64) -> Plan {
        let mut plan = Plan::default();
        for purpose in StreamPurpose::ALL {
            self.plan_stream(table, purpose, ranges, seqno, now_millis, &mut plan);
        }
        plan
    }

    fn plan_stream(
        &self,
        table: &TableDefinition,
        purpose: StreamPurpose,
        ranges: &[Range],
        seqno: u64,
        now_millis: u64,
        plan: &mut Plan,
    ) {
        let (enabled, wanted) = (self.enabled(table.id, purpose), table.wanted_stream(purpose));
        if enabled.as_ref().map(|stream| stream.label_millis) == wanted.as_ref().map(|stream| stream.label_millis) {
            if let (Some(stream), Some(WantedStream { kinesis, .. })) = (enabled, wanted)
                && stream.kinesis != kinesis
            {
                plan.put_stream(StreamMeta { kinesis, ..(*stream).clone() });
            }
            return;
        }
        if let Some(stream) = enabled {
            self.disable(&stream, seqno, now_millis, plan);
        }
        // A log that is read again may tell of streams that were disabled since.
        let is_known = |label| self.all_for(purpose).iter().any(|s| s.table == table.id && s.label_millis == label);
        let Some(wanted) = wanted.filter(|wanted| !is_known(wanted.label_millis)) else { return };
        let id = self.new_id();
        plan.put_stream(StreamMeta {
            id,
            table: table.id,
            table_name: table.name.clone(),
            key: table.key.clone(),
            view: wanted.view,
            label_millis: wanted.label_millis,
            disabled_millis: None,
            kinesis: wanted.kinesis,
        });
        for range in ranges {
            plan.open(self.shard_record(id, *range, None, seqno, wanted.label_millis));
        }
    }

    /// What follows for streams from the end of a table, which the log record `seqno` tells.
    pub fn plan_drop(&self, table: u32, seqno: u64, now_millis: u64) -> Plan {
        let mut plan = Plan::default();
        for stream in StreamPurpose::ALL.into_iter().filter_map(|purpose| self.enabled(table, purpose)) {
            self.disable(&stream, seqno, now_millis, &mut plan);
        }
        plan
    }

    /// The shards of a partition are closed behind the commit `end_seqno`, and others continue them. The caller holds the
    /// partition's lock.
    pub fn plan_succession(&self, partition: u64, children: &[Range], end_seqno: u64, now_millis: u64) -> Plan {
        let mut plan = Plan::default();
        for shard in StreamPurpose::ALL.into_iter().filter_map(|purpose| self.with_open(partition, purpose, Arc::clone))
        {
            plan.close(&shard, end_seqno, now_millis);
            for range in children {
                plan.open(self.shard_record(shard.stream, *range, Some(shard.id), end_seqno, now_millis));
            }
        }
        plan
    }

    fn disable(&self, stream: &StreamMeta, seqno: u64, now_millis: u64, plan: &mut Plan) {
        plan.put_stream(StreamMeta { disabled_millis: Some(now_millis), ..stream.clone() });
        for shard in self.shards_of(stream.id).iter().filter(|shard| shard.is_open()) {
            plan.close(shard, seqno, now_millis);
        }
    }

    fn shard_record(
        &self,
        stream: u64,
        range: Range,
        parent: Option<u64>,
        start_seqno: u64,
        now_millis: u64,
    ) -> ShardMeta {
        ShardMeta {
            id: self.new_id(),
            stream,
            partition: range.partition,
            first_token: range.first_token,
            last_token: range.last_token,
            parent,
            start_seqno,
            opened_millis: now_millis,
            ..ShardMeta::default()
        }
    }

    /// Carries out what was planned.
    pub fn apply(&self, plan: Plan) {
        if plan.is_empty() {
            return;
        }
        let mut registry = self.registry.write();
        for stream in plan.streams {
            registry.streams.insert(stream.id, Arc::new(stream));
        }
        for (shard, end_seqno, at_millis) in plan.closed {
            shard.close(end_seqno, at_millis);
        }
        for record in plan.opened {
            registry.shards.insert(record.id, Arc::new(Shard::new(record, Vec::new(), self.spares.clone())));
        }
        drop(registry);
        self.refresh_open();
        self.announce();
    }

    /// Streams and closed shards that are gone by now: their numbers. A shard that `is_unread` is kept for longer, and its stream
    /// with it.
    pub fn gone(
        &self,
        now_millis: u64,
        retention: &Retention,
        is_unread: impl Fn(&Shard) -> bool,
    ) -> (Vec<u64>, Vec<Arc<Shard>>) {
        let registry = self.registry.read();
        let longest = |is_unread: bool| if is_unread { retention.longest_millis() } else { retention.millis };
        let unread: BTreeSet<u64> =
            registry.shards.values().filter(|shard| is_unread(shard)).map(|s| s.stream).collect();
        let is_past = |closed: u64, is_unread: bool| is_gone(closed, now_millis, longest(is_unread));
        let disabled =
            |stream: &StreamMeta| stream.disabled_millis.is_some_and(|at| is_past(at, unread.contains(&stream.id)));
        let streams: Vec<u64> =
            registry.streams.values().filter(|stream| disabled(stream)).map(|stream| stream.id).collect();
        let closed = closed_millis(&registry.shards, now_millis);
        let shards = registry.shards.values().filter(|shard| {
            let is_closed = |at: &u64| is_past(*at, is_unread(shard));
            streams.contains(&shard.stream) || closed.get(&shard.id).is_some_and(is_closed)
        });
        (streams.clone(), shards.cloned().collect())
    }

    /// Forgets streams and shards.
    pub fn forget(&self, streams: &[u64], shards: &[Arc<Shard>]) {
        let mut registry = self.registry.write();
        registry.streams.retain(|id, _| !streams.contains(id));
        for shard in shards {
            registry.shards.remove(&shard.id);
            self.tail_bytes.fetch_sub(shard.drop_all(), Ordering::Relaxed);
        }
    }

    // Changes ---------------------------------------------------------------------------------------------------------

    /// Takes a change of a partition for a purpose; the caller holds its lock. Returns the memory that it takes, in bytes.
    pub fn push(
        &self,
        partition: u64,
        purpose: StreamPurpose,
        change: &Change,
        key: &KeySchema,
        buffered: bool,
    ) -> usize {
        let bytes = self.with_open(partition, purpose, |shard| shard.push(change, key, buffered)).unwrap_or(0);
        self.tail_bytes.fetch_add(bytes, Ordering::Relaxed);
        bytes
    }

    /// Takes a change that the log brought back.
    pub fn push_replayed(&self, shard: &Shard, change: &Change, key: &KeySchema) {
        self.tail_bytes.fetch_add(shard.push_replayed(change, key), Ordering::Relaxed);
    }

    /// The shards that hold the change of a table at a token in a commit, one of each of its streams, and these.
    pub fn find(&self, table: u32, token: u64, seqno: u64) -> Vec<(Arc<Shard>, Arc<StreamMeta>)> {
        let registry = self.registry.read();
        let of_table = |shard: &Arc<Shard>| registry.streams.get(&shard.stream).filter(|stream| stream.table == table);
        let found = registry.shards.values().filter_map(|shard| {
            let stream = of_table(shard).filter(|_| shard.covers(token, seqno))?;
            Some((shard.clone(), stream.clone()))
        });
        found.collect()
    }

    /// Memory of all tails, in bytes.
    pub fn tail_bytes(&self) -> usize {
        self.tail_bytes.load(Ordering::Relaxed)
    }
    /// A part of a tail left the memory.
    pub fn give_back(&self, bytes: usize) {
        self.tail_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
    /// Lowest commit that only the log has besides memory.
    pub fn oldest_uncut_seqno(&self) -> Option<u64> {
        self.registry.read().shards.values().filter_map(|shard| shard.oldest_uncut_seqno()).min()
    }
    /// Forgets what is too old in tails. True if there was something.
    pub fn trim_tails(&self, horizon: impl Fn(&Shard) -> Horizon, visible: u64) -> bool {
        let freed: usize = self.shards().iter().map(|shard| shard.trim_tail(&horizon(shard), visible)).sum();
        self.give_back(freed);
        freed > 0
    }

    // What there is ---------------------------------------------------------------------------------------------------

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.registry.read().streams.is_empty()
    }
    /// All streams for a purpose, in the order in which they were enabled.
    pub fn all_for(&self, purpose: StreamPurpose) -> Vec<Arc<StreamMeta>> {
        self.registry.read().streams.values().filter(|stream| stream.purpose() == purpose).cloned().collect()
    }
    /// A stream by its number.
    pub fn stream(&self, id: u64) -> Option<Arc<StreamMeta>> {
        self.registry.read().streams.get(&id).cloned()
    }
    /// The enabled stream of a table for a purpose.
    pub fn enabled(&self, table: u32, purpose: StreamPurpose) -> Option<Arc<StreamMeta>> {
        let registry = self.registry.read();
        let mut of_table = registry.streams.values().filter(|s| s.table == table && s.purpose() == purpose);
        of_table.find(|stream| stream.disabled_millis.is_none()).cloned()
    }
    /// A stream that programs read, by the name of its table and its label.
    pub fn named(&self, table_name: &str, label: &str) -> Option<Arc<StreamMeta>> {
        let of_table = self.all_for(StreamPurpose::Readers).into_iter();
        let mut of_table = of_table.filter(|stream| stream.table_name == table_name);
        of_table.find(|stream| date::label(stream.label_millis) == label)
    }
    /// A label for a new stream of a table of that name: the time, or a little later if that is taken.
    pub fn fresh_label(&self, table_name: &str, now_millis: u64) -> u64 {
        let registry = self.registry.read();
        let of_table = registry.streams.values().filter(|stream| stream.table_name == table_name);
        let of_table = of_table.filter(|stream| stream.purpose() == StreamPurpose::Readers);
        of_table.map(|stream| stream.label_millis.saturating_add(1)).fold(now_millis, u64::max)
    }
    /// All shards.
    pub fn shards(&self) -> Vec<Arc<Shard>> {
        self.registry.read().shards.values().cloned().collect()
    }
    /// The shards of a stream, in the order in which they were opened: parents before children.
    pub fn shards_of(&self, stream: u64) -> Vec<Arc<Shard>> {
        self.registry.read().shards.values().filter(|shard| shard.stream == stream).cloned().collect()
    }
    /// A shard by its number.
    pub fn shard(&self, id: u64) -> Option<Arc<Shard>> {
        self.registry.read().shards.get(&id).cloned()
    }

    // Readers ---------------------------------------------------------------------------------------------------------

    /// Readers of this opening of the database bear this number in their names.
    pub fn begin_session(&self, number: u64) {
        self.session.store(number, Ordering::Relaxed);
    }
    /// A name that no other reader has or had.
    pub fn reader_name(&self) -> String {
        format!("{}{}", self.session_prefix(), self.next_reader.fetch_add(1, Ordering::Relaxed))
    }
    /// How the names of readers begin that can be alive: only one process has the database open.
    pub fn session_prefix(&self) -> String {
        format!("{:x}.", self.session.load(Ordering::Relaxed))
    }

    // News ------------------------------------------------------------------------------------------------------------

    /// Whether any reader waits; one load on the path of a commit.
    #[inline]
    pub fn has_waiters(&self) -> bool {
        self.waiters.load(Ordering::SeqCst) > 0
    }
    /// Changes may have become readable.
    pub fn announce(&self) {
        if self.has_waiters() {
            *self.news.lock() += 1;
            self.told.notify_all();
        }
    }
    /// Where the news stand. Ask before reading, and give it to [`Streams::wait`] if there was nothing to read.
    pub fn news(&self) -> Waiting<'_> {
        self.waiters.fetch_add(1, Ordering::SeqCst);
        Waiting { streams: self, since: *self.news.lock() }
    }
}

/// A reader that is going to wait for news; keeps commits announcing them.
#[derive(Debug)]
pub struct Waiting<'a> {
    streams: &'a Streams,
    since: u64,
}

impl Waiting<'_> {
    /// Waits until there are news since this value was made, at most `longest` and never longer than a few milliseconds.
    pub fn wait(self, longest: Duration) {
        let mut news = self.streams.news.lock();
        if *news == self.since {
            self.streams.told.wait_for(&mut news, longest.min(RECHECK));
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.streams.waiters.fetch_sub(1, Ordering::SeqCst);
    }
}
