//! A shard: the changes of one range of tokens during one range of sequence numbers.
//!
//! Its older changes are in segments, its newer ones in its tail, and a reader passes from the ones to the other without
//! noticing: cutting a segment off the tail is one step under the shard's lock. A shard follows a partition; when the
//! partition splits, or when the shard is old, it is closed and others continue it. A reader that reads a shard after its
//! parent sees the changes of each item in the order in which they were committed.

use super::{
    record::Change,
    retention::Horizon,
    segment::Segment,
    sequence::Sequence,
    shard_page::{PageFill, ShardPage},
    tail::{Block, BlockPool, Tail},
};
use crate::{
    canary::canary,
    error::{Error, ErrorKind, Result},
    item::NamedBytes,
    manifest::ShardMeta,
    schema::KeySchema,
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// A shard of a change stream.
#[derive(Debug)]
pub struct Shard {
    /// Number within the database.
    pub id: u64,
    /// Number of the stream.
    pub stream: u64,
    state: Mutex<ShardState>,
}

#[derive(Debug)]
struct ShardState {
    record: ShardMeta,
    /// Oldest first.
    segments: Vec<Arc<Segment>>,
    tail: Tail,
    /// Commits up to this number are in segments, or were.
    cut_seqno: u64,
    dropped: bool,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// At the oldest record that is left.
    Oldest,
    /// At this sequence number or the next higher one; an error if records from there on are gone.
    At(Sequence),
}

/// What a reader may see, and what is too old.
#[derive(Clone, Copy, Debug)]
pub struct ReadHorizon {
    /// Commits up to this number are durable.
    pub visible: u64,
    /// Records of this time and before are gone.
    pub horizon_millis: u64,
}

impl Shard {
    /// A shard as the manifest knows it, with its segments, oldest first.
    pub fn new(record: ShardMeta, segments: Vec<Arc<Segment>>, spares: Arc<BlockPool>) -> Self {
        let cut = segments.last().map_or(0, |segment| segment.facts().last_seqno);
        let cut_seqno = cut.max(record.trimmed_seqno);
        let (id, stream) = (record.id, record.stream);
        let state = ShardState { record, segments, tail: Tail::new(spares), cut_seqno, dropped: false };
        Self { id, stream, state: Mutex::new(state) }
    }

    /// What the manifest keeps of it.
    pub fn record(&self) -> ShardMeta {
        self.state.lock().record.clone()
    }
    /// Whether a change belongs here.
    pub fn covers(&self, token: u64, seqno: u64) -> bool {
        let record = &self.state.lock().record;
        (record.first_token..=record.last_token).contains(&token)
            && seqno > record.start_seqno
            && record.end_seqno.is_none_or(|end| seqno <= end)
    }

    /// Appends a change; the caller holds the lock of the partition. Returns the memory that it takes, in bytes.
    pub fn push(&self, change: &Change, key: &KeySchema, buffered: bool) -> usize {
        self.state.lock().tail.push(change, key, buffered)
    }
    /// Appends a change that the log brought back, unless a segment has it.
    pub fn push_replayed(&self, change: &Change, key: &KeySchema) -> usize {
        let mut state = self.state.lock();
        let known = state.tail.last().is_some_and(|last| last >= change.sequence);
        let is_cut = change.sequence.seqno <= state.cut_seqno && !canary!(DoubleStreamRecord);
        if is_cut || known { 0 } else { state.tail.push(change, key, true) }
    }

    /// No commit above this number enters any more.
    pub fn close(&self, end_seqno: u64, at_millis: u64) {
        let mut state = self.state.lock();
        state.record.end_seqno = Some(end_seqno);
        state.record.closed_millis = Some(at_millis);
    }
    /// The record that the manifest gets when the shard is closed.
    pub fn closed_record(&self, end_seqno: u64, at_millis: u64) -> ShardMeta {
        ShardMeta { end_seqno: Some(end_seqno), closed_millis: Some(at_millis), ..self.record() }
    }
    /// Whether it still takes changes.
    pub fn is_open(&self) -> bool {
        self.state.lock().record.end_seqno.is_none()
    }
    /// Whether it is gone.
    pub fn is_dropped(&self) -> bool {
        self.state.lock().dropped
    }
    /// Whether a change ever entered it.
    pub fn has_records(&self) -> bool {
        let state = self.state.lock();
        state.cut_seqno > 0 || state.tail.first_seqno().is_some()
    }

    /// Memory of the tail, in bytes.
    pub fn tail_bytes(&self) -> usize {
        self.state.lock().tail.memory_bytes()
    }
    /// Lowest commit that only the log has besides the tail.
    pub fn oldest_uncut_seqno(&self) -> Option<u64> {
        self.state.lock().tail.first_seqno()
    }
    /// The blocks of commits up to `seqno`, which are durable and all of whose changes are in the tail.
    pub fn settled_blocks(&self, seqno: u64) -> Vec<Arc<Block>> {
        self.state.lock().tail.blocks_through(seqno)
    }
    /// A segment of the tail's first changes is published: they leave the memory. Returns the bytes given back.
    pub fn publish(&self, segment: Arc<Segment>) -> usize {
        let mut state = self.state.lock();
        let last = segment.facts().last_seqno;
        state.segments.push(segment);
        state.cut_seqno = state.cut_seqno.max(last);
        state.tail.drop_through(last)
    }

    /// Segments all of whose records are too old, oldest first.
    pub fn expired_segments(&self, horizon: &Horizon) -> Vec<Arc<Segment>> {
        let state = self.state.lock();
        let is_old = |segment: &&Arc<Segment>| {
            let facts = segment.facts();
            // An older version did not note the place of the last record within its commit.
            let last = Sequence::new(facts.last_seqno, facts.last_ordinal.map_or(usize::MAX, usize::from));
            horizon.is_passed(last, facts.last_millis)
        };
        state.segments.iter().take_while(is_old).cloned().collect()
    }
    /// Records from a place on that are of `aged_millis` or before; of a segment all, if one is.
    pub fn aged_records(&self, from: Sequence, aged_millis: u64) -> u64 {
        let state = self.state.lock();
        let is_aged = |segment: &&Arc<Segment>| {
            segment.facts().last_millis <= aged_millis && segment.facts().last_seqno >= from.seqno
        };
        let in_segments: u64 = state.segments.iter().filter(is_aged).map(|segment| segment.facts().records).sum();
        in_segments + state.tail.aged_records(from, aged_millis)
    }
    /// Whether it has this segment.
    #[cfg(feature = "encryption")]
    pub fn has_segment(&self, segment: &Arc<Segment>) -> bool {
        self.state.lock().segments.iter().any(|own| Arc::ptr_eq(own, segment))
    }
    /// Puts another segment with the same changes in the place of one.
    #[cfg(feature = "encryption")]
    pub fn replace_segment(&self, old: &Arc<Segment>, new: Arc<Segment>) {
        old.succeed(new.clone());
        self.state.lock().segments.iter_mut().filter(|own| Arc::ptr_eq(own, old)).for_each(|own| *own = new.clone());
    }
    /// All segments.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        self.state.lock().segments.clone()
    }
    /// The record that the manifest gets when a segment is removed, the last of those that are.
    pub fn trimmed_record(&self, last: &Segment) -> ShardMeta {
        let mut record = self.record();
        note_trimmed(&mut record, last.facts().last_seqno, last.facts().last_ordinal);
        record
    }
    /// The segments up to this one, the last of those that are removed, are forgotten.
    pub fn trim(&self, last: &Segment) {
        let mut state = self.state.lock();
        let through_seqno = last.facts().last_seqno;
        note_trimmed(&mut state.record, through_seqno, last.facts().last_ordinal);
        state.segments.retain(|segment| segment.facts().last_seqno > through_seqno);
    }
    /// Forgets what is too old in the tail; returns the memory given back. Replay forgets it again.
    pub fn trim_tail(&self, horizon: &Horizon, visible: u64) -> usize {
        let mut state = self.state.lock();
        if !state.segments.is_empty() {
            return 0; // what is older than the tail goes first
        }
        let Some(through) = state.tail.expired_through(horizon, visible) else { return 0 };
        note_trimmed(&mut state.record, through.seqno, Some(through.ordinal));
        state.cut_seqno = state.cut_seqno.max(through.seqno);
        state.tail.drop_through(through.seqno)
    }
    /// The shard is gone; returns the memory given back.
    pub fn drop_all(&self) -> usize {
        let mut state = self.state.lock();
        state.dropped = true;
        state.segments.clear();
        std::mem::take(&mut state.tail).memory_bytes()
    }

    /// Reads at most `limit` changes, each of which `make` makes what the reader wants of it.
    ///
    /// # Errors
    /// `Expired` if records where the read begins are gone; errors of the disk.
    pub fn read<T>(
        &self,
        from: ReadFrom,
        limit: usize,
        sight: ReadHorizon,
        make: impl FnMut(Change) -> T,
    ) -> Result<ShardPage<T>> {
        let start = match from {
            ReadFrom::Oldest => self.first_since(0, sight)?,
            ReadFrom::At(sequence) => sequence,
        };
        let mut page = PageFill::new(start, limit, sight.horizon_millis, make);
        let ends = loop {
            let (segments, cut_seqno) = self.segments_from(from, start)?;
            let mut complete = true;
            for segment in segments {
                complete = complete && segment.read(&mut page).map_err(|error| self.explain(error, &segment))?;
            }
            if !complete {
                break false;
            }
            let state = self.state.lock();
            if state.cut_seqno == cut_seqno {
                let (found, count) = state.tail.read(start, sight.visible, page.left());
                let (last, is_closed) = (state.tail.last(), state.record.end_seqno.is_some());
                drop(state);
                page.expect(count);
                for bytes in found {
                    let place = 0..bytes.len();
                    page.take(&Arc::new(NamedBytes::plain(bytes)), place);
                }
                let read_all = last.is_none_or(|last| last < start || page.last() == Some(last));
                break read_all && is_closed;
            }
            // What was the tail has become a segment meanwhile: its changes are for the next read, or for this one if
            // there is nothing else.
            if page.last().is_some() {
                break false;
            }
        };
        match from {
            ReadFrom::At(_) if page.expired() > 0 => Err(trimmed()),
            _ => Ok(page.finish(ends)),
        }
    }

    /// The segments with changes from `start` on, and up to which commit there are any.
    fn segments_from(&self, from: ReadFrom, start: Sequence) -> Result<(Vec<Arc<Segment>>, u64)> {
        let state = self.state.lock();
        if state.dropped || from != ReadFrom::Oldest && is_trimmed(&state.record, start) {
            return Err(trimmed());
        }
        let has = |segment: &&Arc<Segment>| segment.facts().last_seqno >= start.seqno;
        Ok((state.segments.iter().filter(has).cloned().collect(), state.cut_seqno))
    }

    /// A segment that was trimmed while it was read is no failure of the disk.
    fn explain(&self, error: Error, segment: &Segment) -> Error {
        let state = self.state.lock();
        let is_gone = state.dropped || state.record.trimmed_seqno >= segment.facts().last_seqno;
        if is_gone { trimmed() } else { error }
    }

    /// The first record that is not older than a time; the place behind the last one if there is none.
    pub fn first_since(&self, since_millis: u64, sight: ReadHorizon) -> Result<Sequence> {
        let since = since_millis.max(sight.horizon_millis.saturating_add(1));
        let (segments, in_tail) = {
            let state = self.state.lock();
            let found = state.tail.first_since(since, sight.visible);
            let behind = || match state.tail.last_readable(sight.visible) {
                Some(last) => last.next(),
                None => Sequence::first_of(state.record.start_seqno.max(state.cut_seqno) + 1),
            };
            (state.segments.clone(), found.unwrap_or_else(behind))
        };
        for segment in segments.iter().filter(|segment| segment.facts().last_millis >= since) {
            let found = segment.first_since(since);
            if let Some(sequence) = found.map_err(|error| self.explain(error, segment))? {
                return Ok(sequence);
            }
        }
        Ok(in_tail)
    }
}

/// When each closed shard was closed, in milliseconds since 1970. If the clock was ahead at that time, the time is still in the future;
/// then the time of a shard that continues it counts, if that is earlier.
pub fn closed_millis(shards: &BTreeMap<u64, Arc<Shard>>, now_millis: u64) -> BTreeMap<u64, u64> {
    let (mut closed, mut continued) = (BTreeMap::new(), BTreeMap::<u64, u64>::new());
    // A shard that continues another one has a higher number.
    for shard in shards.values().rev() {
        let record = shard.record();
        let Some(own) = record.closed_millis else { continue };
        let later = continued.get(&shard.id).copied().filter(|_| own > now_millis);
        let at = later.map_or(own, |later| later.min(own));
        closed.insert(shard.id, at);
        if let Some(parent) = record.parent {
            continued.entry(parent).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }
    closed
}

fn note_trimmed(record: &mut ShardMeta, seqno: u64, ordinal: Option<u16>) {
    if seqno >= record.trimmed_seqno {
        (record.trimmed_seqno, record.trimmed_ordinal) = (seqno, ordinal);
    }
}

/// Whether a change at this place or behind it was removed. Where only the commit of the last one that was removed is known,
/// who asks for the rest of that commit has read all of it.
fn is_trimmed(record: &ShardMeta, start: Sequence) -> bool {
    let is_last =
        || start.seqno == record.trimmed_seqno && record.trimmed_ordinal.is_some_and(|last| start.ordinal <= last);
    start.seqno < record.trimmed_seqno || is_last()
}

/// What is asked for is older than records are kept.
pub fn trimmed() -> Error {
    Error::new(
        ErrorKind::Expired,
        "TrimmedDataAccessException",
        "The operation attempted to read past the oldest stream record in a shard.",
    )
}
