//! The shards that one worker of a consumer reads: taking and losing them, reading them in turn, and handing on to their
//! children.

use super::{
    checkpoints::{CheckpointSnapshot, Checkpoints},
    delivery::{Acknowledgement, Batch, Hold},
    gap::{Gap, Gaps},
};
use crate::{
    clock::Deadline,
    engine::Engine,
    error::{ErrorKind, Result},
    manifest::StreamMeta,
    stream::{ChangeRecord, ReadFrom, Sequence, Shard, checkpoint::Row},
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How often a worker looks whether shards have come, gone or changed hands.
const REFRESH: Duration = Duration::from_millis(100);

/// A shard that this worker reads: one batch at a time, and the next one when that is acknowledged.
struct ShardReader {
    shard: Arc<Shard>,
    /// Where the next read begins.
    from: Sequence,
    /// The batch that was handed out and is not known to be acknowledged.
    out: Option<Out>,
    at_end: bool,
    receipt: Arc<Acknowledgement>,
}

/// A batch in the hands of the program.
struct Out {
    hold: Arc<Hold>,
    /// The place behind its last record.
    next: Sequence,
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
    refresh_at: Deadline,
    pub gaps: Gaps,
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
        let CheckpointSnapshot { rows, begun, .. } = checkpoints.ledger()?;
        if !begun {
            let (latest, behind) = (from_latest && rows.is_empty(), Sequence::first_of(engine.wal().last_seqno() + 1));
            for shard in engine.streams().shards_of(stream.id) {
                let next = if latest { behind } else { shard.first_since(0, engine.read_horizon())? };
                checkpoints.begin(shard.id, next, latest && !shard.is_open())?;
            }
            checkpoints.mark_begun()?;
        }
        Ok(Self {
            gaps: Gaps::new(name, engine.retention().longest_millis()),
            engine: engine.clone(),
            stream: stream.clone(),
            checkpoints,
            lanes: Vec::new(),
            next_lane: 0,
            refresh_at: Deadline::after(Duration::ZERO),
        })
    }

    /// Whether it has no shard.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// From time to time: takes shards that no worker reads, gives up what is more than a fair share, keeps the leases.
    pub fn refresh_if_due(&mut self) -> Result<()> {
        if self.refresh_at.is_over() {
            self.refresh()?;
            self.refresh_at = Deadline::after(REFRESH);
        }
        Ok(())
    }

    fn refresh(&mut self) -> Result<()> {
        // The rows are read before the list of shards. So a shard that has a row and is not in the list was removed. In the other
        // order, a shard that was opened between the two reads would look removed.
        let CheckpointSnapshot { mut rows, others, announced_until_millis, .. } = self.checkpoints.ledger()?;
        let shards = self.engine.streams().shards_of(self.stream.id);
        let is_mine = |id: u64| rows.get(&id).is_some_and(|row| self.checkpoints.is_mine(row));
        self.lanes.retain(|lane| is_among(&shards, lane.shard.id) && is_mine(lane.shard.id));
        self.forget_gone(&shards, &rows)?;
        for lane in &self.lanes {
            // What was acknowledged in a transaction is known from the row alone.
            if let Some(next) = rows.get(&lane.shard.id).and_then(|row| row.next) {
                lane.receipt.note(next);
            }
        }
        let is_done = |id: u64| rows.get(&id).is_some_and(|row| row.done);
        let is_left = |id: u64| is_among(&shards, id) && !is_done(id);
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

    /// Removes the rows of shards that are gone, and finds what was in shards that went unread.
    fn forget_gone(&mut self, shards: &[Arc<Shard>], rows: &BTreeMap<u64, Row>) -> Result<()> {
        // The children's rows come first: a shard without one, whose parent has none, went unread.
        let begin_children = |parent: u64| {
            let mut children = shards.iter().filter(|shard| shard.record().parent == Some(parent));
            children.try_for_each(|child| self.checkpoints.begin(child.id, start_of(child), false))
        };
        for row in rows.values().filter(|row| !is_among(shards, row.shard)) {
            if !row.done {
                self.gaps.note(Gap { shard: row.shard, from: row.next, to: None })?;
            }
            begin_children(row.shard)?;
            self.checkpoints.forget(row.shard)?;
        }
        for shard in shards.iter().filter(|shard| !rows.contains_key(&shard.id)) {
            let parent = shard.record().parent;
            if let Some(parent) = parent.filter(|parent| !rows.contains_key(parent) && !is_among(shards, *parent)) {
                self.gaps.note(Gap { shard: parent, from: None, to: None })?;
                begin_children(parent)?;
            }
        }
        Ok(())
    }

    fn lane(&self, shard: Arc<Shard>, next: Option<Sequence>) -> ShardReader {
        let receipt =
            Acknowledgement { checkpoints: self.checkpoints.clone(), shard: shard.id, acknowledged: Mutex::new(next) };
        let from = next.unwrap_or_else(|| start_of(&shard));
        ShardReader { shard, from, out: None, at_end: false, receipt: Arc::new(receipt) }
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
            let sight = self.engine.unread_horizon();
            let count = |lane: &ShardReader| {
                lane.shard.read(ReadFrom::At(lane.from), records, sight, drop).map_or(0, |page| page.changes.len())
            };
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
            if !lane.may_read()? || lane.at_end {
                continue;
            }
            let before = lane.from;
            let batch = lane.read(&self.engine, &self.stream, wanted, &mut self.gaps)?;
            if batch.is_some() {
                return Ok(batch);
            }
            if lane.from != before {
                empty = 0; // records were passed over, and there may be more
            }
        }
        Ok(None)
    }

    /// Closes the books on lanes that are read to their end and acknowledged, so that their children can be taken; false
    /// if there is none.
    pub fn finish_shards(&mut self) -> Result<bool> {
        let finished = |lane: &ShardReader| lane.at_end && lane.is_acknowledged();
        let shards: Vec<u64> = self.lanes.iter().filter(|lane| finished(lane)).map(|lane| lane.shard.id).collect();
        for shard in &shards {
            self.checkpoints.finish(*shard)?;
            self.refresh_at = Deadline::after(Duration::ZERO);
        }
        self.lanes.retain(|lane| !finished(lane));
        Ok(!shards.is_empty())
    }
}

fn is_among(shards: &[Arc<Shard>], id: u64) -> bool {
    shards.iter().any(|shard| shard.id == id)
}

/// The place before the first record of a shard.
fn start_of(shard: &Shard) -> Sequence {
    Sequence::first_of(shard.record().start_seqno + 1)
}

impl ShardReader {
    /// Whether all that was handed out is known to be acknowledged.
    fn is_acknowledged(&self) -> bool {
        self.out.as_ref().is_none_or(|out| self.receipt.is_known_to_cover(out.next))
    }

    /// Whether no batch is in the hands of the program. One that was dropped without being acknowledged is read again from
    /// where it is not acknowledged.
    fn may_read(&mut self) -> Result<bool> {
        let Some(out) = &self.out else { return Ok(true) };
        if !self.receipt.covers(out.next)? {
            if Arc::strong_count(&out.hold) > 1 {
                return Ok(false);
            }
            self.from = self.receipt.position().unwrap_or_else(|| start_of(&self.shard));
            self.at_end = false;
        }
        self.out = None;
        Ok(true)
    }

    fn read(
        &mut self,
        engine: &Engine,
        stream: &Arc<StreamMeta>,
        wanted: &Wanted<'_>,
        gaps: &mut Gaps,
    ) -> Result<Option<Batch>> {
        let sight = engine.unread_horizon();
        let record = |change| ChangeRecord::new(change, stream, engine.database_id());
        let page = match self.shard.read(ReadFrom::At(self.from), wanted.records, sight, record) {
            // The next refresh finds what that means.
            Err(error) if error.kind() == ErrorKind::Expired && self.shard.is_dropped() => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Expired => {
                let (position, oldest) = (self.receipt.position(), self.shard.first_since(0, sight)?);
                gaps.note(Gap { shard: self.shard.id, from: position, to: Some(oldest) })?;
                self.receipt.acknowledge(position, oldest)?;
                self.from = oldest;
                return Ok(None);
            }
            page => page?,
        };
        let mut at_end = page.next.is_none();
        let mut records = Vec::with_capacity(page.changes.len());
        let (mut bytes, mut next) = (0, None);
        for record in page.changes {
            let sequence = record.sequence;
            let is_wanted = wanted.filter.is_none_or(|filter| filter(&record));
            let size = record.size_bytes();
            if is_wanted && bytes + size > wanted.bytes && !records.is_empty() {
                at_end = false;
                break;
            }
            next = Some(sequence.next());
            if is_wanted {
                bytes += size;
                records.push(record);
            }
        }
        // Behind the filter of the program: where it panics, the reader stays at the records that it has not handed out.
        self.at_end = at_end;
        let Some(next) = next else { return Ok(None) };
        let begin = self.receipt.position();
        self.from = next;
        if records.is_empty() {
            self.receipt.acknowledge(begin, next)?; // the program cannot: nothing was handed to it
            return Ok(None);
        }
        let hold = Arc::new(Hold);
        self.out = Some(Out { hold: hold.clone(), next });
        Ok(Some(Batch { records, receipt: self.receipt.clone(), begin, next, hold, skipped: gaps.take_unreported() }))
    }
}
