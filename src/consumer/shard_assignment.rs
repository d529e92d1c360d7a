//! The shards that one worker of a consumer reads: taking and losing them, reading them in turn, and handing on to their
//! children.

use super::{
    checkpoints::{CheckpointSnapshot, Checkpoints, Row},
    delivery::{Acknowledgement, Batch},
};
use crate::{
    clock::Deadline,
    engine::Engine,
    error::{ErrorKind, Result},
    manifest::StreamMeta,
    stream::{ChangeRecord, ReadFrom, Sequence, Shard},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// How often a worker looks whether shards have come, gone or changed hands.
const REFRESH: Duration = Duration::from_millis(100);

/// A shard that this worker reads.
struct ShardReader {
    shard: Arc<Shard>,
    from: ReadFrom,
    /// The place behind the last record that was delivered or passed over.
    reached: Option<Sequence>,
    at_end: bool,
    receipt: Arc<Acknowledgement>,
}

/// What a batch shall be.
pub(super) struct Wanted<'a> {
    pub records: usize,
    pub bytes: usize,
    pub filter: Option<&'a (dyn Fn(&ChangeRecord) -> bool + Send)>,
}

/// The shards of one worker.
pub(super) struct ShardAssignment {
    engine: Arc<Engine>,
    stream: Arc<StreamMeta>,
    checkpoints: Arc<Checkpoints>,
    lanes: Vec<ShardReader>,
    next_lane: usize,
    /// Shards all of whose records were delivered here: their children may follow.
    delivered: BTreeSet<u64>,
    refresh_at: Deadline,
}

impl Drop for ShardAssignment {
    fn drop(&mut self) {
        for lane in &self.lanes {
            // Other workers take over at once; if they cannot be told, they do when the lease ends.
            let _ = self.checkpoints.release(lane.shard.id);
        }
        let _ = self.checkpoints.leave();
    }
}

impl ShardAssignment {
    /// A new worker of a consumer; with `from_latest`, one that has never read the stream begins behind its newest record.
    pub fn open(engine: &Arc<Engine>, stream: &Arc<StreamMeta>, name: &str, from_latest: bool) -> Result<Self> {
        let checkpoints = Arc::new(Checkpoints::open(engine, stream.id, name)?);
        if from_latest && checkpoints.ledger()?.rows.is_empty() {
            let next = Sequence::first_of(engine.wal().last_seqno() + 1);
            for shard in engine.streams().shards_of(stream.id) {
                checkpoints.begin(shard.id, Some(next), !shard.is_open())?;
            }
        }
        Ok(Self {
            engine: engine.clone(),
            stream: stream.clone(),
            checkpoints,
            lanes: Vec::new(),
            next_lane: 0,
            delivered: BTreeSet::new(),
            refresh_at: Deadline::after(Duration::ZERO),
        })
    }

    /// From time to time: takes shards that nobody reads, gives up what is more than a fair share, keeps the leases.
    pub fn refresh_if_due(&mut self) -> Result<()> {
        if self.refresh_at.is_over() {
            self.refresh()?;
            self.refresh_at = Deadline::after(REFRESH);
        }
        Ok(())
    }

    fn refresh(&mut self) -> Result<()> {
        let shards = self.engine.streams().shards_of(self.stream.id);
        let CheckpointSnapshot { mut rows, others, announced_until_millis } = self.checkpoints.ledger()?;
        for gone in rows.keys().filter(|id| !shards.iter().any(|shard| shard.id == **id)) {
            self.checkpoints.forget(*gone)?;
        }
        self.lanes.retain(|lane| rows.get(&lane.shard.id).is_some_and(|row| self.checkpoints.is_mine(row)));
        for lane in &self.lanes {
            // What was acknowledged in a transaction is known from the row alone.
            if let Some(next) = rows.get(&lane.shard.id).and_then(|row| row.next) {
                lane.receipt.note(next);
            }
        }
        let is_done = |id: u64| rows.get(&id).is_some_and(|row| row.done) || self.delivered.contains(&id);
        let is_left = |id: u64| shards.iter().any(|shard| shard.id == id) && !is_done(id);
        let may_start = |shard: &&Arc<Shard>| !is_done(shard.id) && !shard.record().parent.is_some_and(is_left);
        let ready: Vec<Arc<Shard>> = shards.iter().filter(may_start).cloned().collect();
        let fair_share = ready.len().div_ceil(others.len() + 1);
        self.keep_leases(&rows, announced_until_millis)?;
        self.give_up_all_but(fair_share)?;
        for shard in ready {
            let reading = self.lanes.iter().filter(|lane| !lane.at_end).count();
            let mine = self.lanes.iter().any(|lane| lane.shard.id == shard.id);
            if mine || reading >= fair_share {
                continue;
            }
            if let Some(row) = self.checkpoints.acquire(shard.id)? {
                rows.remove(&shard.id);
                self.lanes.push(self.lane(shard, row.next));
            }
        }
        Ok(())
    }

    fn lane(&self, shard: Arc<Shard>, next: Option<Sequence>) -> ShardReader {
        let receipt =
            Acknowledgement { checkpoints: self.checkpoints.clone(), shard: shard.id, acknowledged: Mutex::new(next) };
        let from = next.map_or(ReadFrom::Oldest, ReadFrom::At);
        ShardReader { shard, from, reached: None, at_end: false, receipt: Arc::new(receipt) }
    }

    /// Renews leases, and the announcement, that have come halfway.
    fn keep_leases(&self, rows: &BTreeMap<u64, Row>, announced_until_millis: u64) -> Result<()> {
        let now_millis = self.engine.options().clock.now_millis();
        if announced_until_millis < now_millis.saturating_add(super::checkpoints::LEASE_MILLIS / 2) {
            self.checkpoints.announce()?;
        }
        for lane in &self.lanes {
            let until = rows.get(&lane.shard.id).map_or(0, |row| row.until_millis);
            if until < now_millis.saturating_add(super::checkpoints::LEASE_MILLIS / 2) {
                self.checkpoints.renew(lane.shard.id)?;
            }
        }
        Ok(())
    }

    /// Leaves shards to workers that have fewer, as far as nothing of them waits for its acknowledgement.
    fn give_up_all_but(&mut self, share: usize) -> Result<()> {
        let mut surplus = self.lanes.iter().filter(|lane| !lane.at_end).count().saturating_sub(share);
        let mut given_up = Vec::new();
        self.lanes.retain(|lane| {
            let gives_up = surplus > 0 && !lane.at_end && lane.is_acknowledged();
            if gives_up {
                surplus -= 1;
                given_up.push(lane.shard.id);
            }
            !gives_up
        });
        given_up.into_iter().try_for_each(|shard| self.checkpoints.release(shard))
    }

    /// Waits until a batch is full, but no longer than a while, once there is anything for it.
    pub fn gather(&self, records: usize, longest: Duration) {
        let deadline = Deadline::after(longest);
        loop {
            let news = self.engine.streams().news();
            let sight = self.engine.read_horizon();
            let count =
                |lane: &ShardReader| lane.shard.read(lane.from, records, sight).map_or(0, |page| page.changes.len());
            let most = self.lanes.iter().map(count).max().unwrap_or(0);
            if most == 0 || most >= records || deadline.is_over() {
                return;
            }
            news.wait(deadline.remaining());
        }
    }

    /// The next batch of any lane, each lane in its turn.
    pub fn read(&mut self, wanted: &Wanted<'_>) -> Result<Option<Batch>> {
        let mut empty = 0;
        while empty < self.lanes.len() {
            self.next_lane = (self.next_lane + 1) % self.lanes.len();
            let lane = &mut self.lanes[self.next_lane];
            empty += 1;
            if lane.at_end {
                continue;
            }
            let before = lane.reached;
            let batch = lane.read(&self.engine, &self.stream, wanted)?;
            if lane.reached != before {
                empty = 0; // records were passed over, and there may be more
            }
            if lane.at_end {
                self.delivered.insert(lane.shard.id);
                // Its children can be taken at once.
                self.refresh_at = Deadline::after(Duration::ZERO);
            }
            if batch.is_some() {
                return Ok(batch);
            }
        }
        Ok(None)
    }

    /// Closes the books on lanes that are read to their end and acknowledged; false if there is none.
    pub fn finish_shards(&mut self) -> Result<bool> {
        let finished = |lane: &ShardReader| lane.at_end && lane.is_acknowledged();
        let shards: Vec<u64> = self.lanes.iter().filter(|lane| finished(lane)).map(|lane| lane.shard.id).collect();
        for shard in &shards {
            self.checkpoints.finish(*shard)?;
        }
        self.lanes.retain(|lane| !finished(lane));
        Ok(!shards.is_empty() || self.refresh_at.is_over())
    }

    /// The records of a batch that are not acknowledged come again.
    pub fn rewind(&mut self, batch: &Batch) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.shard.id == batch.receipt.shard) {
            let first = batch.records.first().map_or(batch.next, |record| record.sequence);
            let acknowledged = *lane.receipt.acknowledged.lock();
            lane.from = ReadFrom::At(acknowledged.map_or(first, |acknowledged| acknowledged.max(first)));
            lane.at_end = false;
            self.delivered.remove(&lane.shard.id);
        }
    }
}

impl ShardReader {
    fn is_acknowledged(&self) -> bool {
        self.reached.is_none_or(|reached| self.receipt.covers(reached))
    }

    fn read(&mut self, engine: &Engine, stream: &Arc<StreamMeta>, wanted: &Wanted<'_>) -> Result<Option<Batch>> {
        let sight = engine.read_horizon();
        let page = match self.shard.read(self.from, wanted.records, sight) {
            // The consumer was away for longer than records are kept: it goes on with what is left.
            Err(error) if error.kind() == ErrorKind::Expired => {
                self.from = ReadFrom::Oldest;
                self.shard.read(self.from, wanted.records, sight)?
            }
            page => page?,
        };
        self.at_end = page.next.is_none();
        let mut records = Vec::with_capacity(page.changes.len());
        let (mut bytes, mut next) = (0, None);
        for change in page.changes {
            let sequence = change.sequence;
            let record = ChangeRecord::new(change, stream, engine.database_id());
            let is_wanted = wanted.filter.is_none_or(|filter| filter(&record));
            let size = record.size_bytes();
            if is_wanted && bytes + size > wanted.bytes && !records.is_empty() {
                self.at_end = false;
                break;
            }
            next = Some(sequence.next());
            if is_wanted {
                bytes += size;
                records.push(record);
            }
        }
        let Some(next) = next else { return Ok(None) };
        let was_acknowledged = self.is_acknowledged();
        (self.from, self.reached) = (ReadFrom::At(next), Some(next));
        if records.is_empty() {
            if was_acknowledged {
                self.receipt.acknowledge(next)?; // nobody else will: nothing was delivered
            }
            return Ok(None);
        }
        Ok(Some(Batch { records, receipt: self.receipt.clone(), next }))
    }
}
