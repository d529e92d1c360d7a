//! Walking through a memtable in order while others write to it.
//!
//! A cursor copies the next entries (counted views, no bytes) under the lock of a shard, lets go of the lock, and hands
//! them out one by one; when they are used up it looks for the key it copied last and goes on behind it. So no lock is
//! held between steps, an entry that was there all the time comes exactly once, and one that is added meanwhile comes
//! at most once.

use super::{
    super::key::{KeyRef, ReadPoint},
    Memtable,
    shard::{Chain, Shard},
    versions::{Point, Stored},
};
use crate::{item::ItemRef, visible::Visible};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::ops::Bound;

/// Entries of the first batch; most queries want few.
const FIRST_BATCH: usize = 16;
/// Entries that batches grow to by doubling twice each time: how long a writer may have to wait for one reader.
const LARGEST_BATCH: usize = 256;

/// Entries that are fetched from memory side by side.
const GROUP: usize = 16;

/// A collection of a memtable.
#[derive(Clone, Copy, Debug)]
pub(super) struct CollectionRef {
    pub(super) shard: usize,
    pub(super) number: u32,
    pub(super) token: u64,
}

/// What is walked through.
#[derive(Clone, Copy, Debug)]
enum Walk<'m> {
    Collection { place: CollectionRef, lower: Bound<&'m [u8]>, upper: Bound<&'m [u8]>, descending: bool },
    Tokens { shard: usize, first_token: u64, last_token: u64 },
}

/// Positioned on an entry, or exhausted.
#[derive(Debug)]
pub struct MemtableCursor<'m> {
    memtable: &'m Memtable,
    visible: &'m Visible,
    read: ReadPoint,
    walk: Walk<'m>,
    /// The last key that was looked at, readable or not: where the next batch resumes.
    resume: Option<(u64, Stored)>,
    batch: Batch,
}

/// Entries that are copied but not handed out yet.
#[derive(Debug)]
struct Batch {
    entries: Vec<(u64, Stored)>,
    at: usize,
    /// How many entries the next batch may look at.
    limit: usize,
    is_last: bool,
}

impl Batch {
    fn new() -> Self {
        Self { entries: Vec::new(), at: 0, limit: FIRST_BATCH, is_last: false }
    }
}

impl<'m> MemtableCursor<'m> {
    pub(super) fn collection(
        memtable: &'m Memtable,
        place: CollectionRef,
        (lower, upper): (Bound<&'m [u8]>, Bound<&'m [u8]>),
        descending: bool,
        read: ReadPoint,
        visible: &'m Visible,
    ) -> Self {
        let walk = Walk::Collection { place, lower, upper, descending };
        let mut cursor = Self::new(memtable, walk, read, visible);
        cursor.fill();
        cursor
    }

    pub(super) fn tokens(
        memtable: &'m Memtable,
        first_token: u64,
        last_token: u64,
        after: Option<KeyRef<'_>>,
        read: ReadPoint,
        visible: &'m Visible,
    ) -> Self {
        let after = after.filter(|key| key.token >= first_token);
        let start = after.map_or(first_token, |key| key.token);
        let walk = Walk::Tokens { shard: memtable.shard_number(start), first_token, last_token };
        let mut cursor = Self::new(memtable, walk, read, visible);
        cursor.resume = after.map(|key| (key.token, Stored::of_key(key)));
        cursor.batch.is_last = memtable.is_empty() || start > last_token;
        cursor.fill();
        cursor
    }

    fn new(memtable: &'m Memtable, walk: Walk<'m>, read: ReadPoint, visible: &'m Visible) -> Self {
        Self { memtable, visible, read, walk, resume: None, batch: Batch::new() }
    }

    /// Whether the cursor is on an entry.
    pub fn valid(&self) -> bool {
        self.batch.at < self.batch.entries.len()
    }
    fn current(&self) -> Option<&(u64, Stored)> {
        self.batch.entries.get(self.batch.at)
    }
    /// The key of the entry; empty if the cursor is exhausted.
    pub fn key(&self) -> KeyRef<'_> {
        match self.current() {
            Some((token, entry)) => KeyRef { token: *token, collection: entry.collection(), sort: entry.sort() },
            None => KeyRef { token: 0, collection: &[], sort: &[] },
        }
    }
    /// Sequence number of the version that the cursor is on.
    pub fn seqno(&self) -> u64 {
        self.current().map_or(0, |(_, entry)| entry.seqno())
    }
    /// Whether that version is a delete.
    pub fn is_tombstone(&self) -> bool {
        self.current().is_some_and(|(_, entry)| entry.is_tombstone())
    }
    /// The item, without a copy; `None` for a tombstone.
    pub fn item(&self) -> Option<ItemRef> {
        self.current().and_then(|(_, entry)| entry.item())
    }
    /// Goes to the next entry.
    pub fn advance(&mut self) {
        self.batch.at += 1;
        self.fill();
    }

    /// Copies further batches until there is a current entry, or none left.
    fn fill(&mut self) {
        while !self.valid() && !self.batch.is_last {
            match self.walk {
                Walk::Collection { place, lower, upper, descending } => {
                    self.fill_from_collection(place, lower, upper, descending);
                }
                Walk::Tokens { .. } => self.fill_from_tokens(),
            }
        }
    }

    fn start_batch(&mut self) -> usize {
        self.batch.entries.clear();
        self.batch.at = 0;
        let limit = self.batch.limit;
        self.batch.limit = (limit * 4).min(LARGEST_BATCH);
        limit
    }

    fn fill_from_collection(
        &mut self,
        place: CollectionRef,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        descending: bool,
    ) {
        let limit = self.start_batch();
        let resume = self.resume.take();
        let behind = resume.as_ref().map(|(_, entry)| Bound::Excluded(entry.sort()));
        let Self { memtable, visible, read, batch, .. } = self;
        let Some(lock) = memtable.shard(place.shard) else {
            batch.is_last = true;
            return;
        };
        let shard = settled(lock, |shard| shard.is_settled(place.number), |shard| _ = shard.settle(place.number));
        let point = Point::new(*read, visible);
        let last = if descending {
            let entries = shard.descending(place.number, is_within_upper(behind.unwrap_or(upper)));
            batch.take(entries.take_while(|entry| !is_below(lower, entry.sort())), limit, place.token, point)
        } else {
            let lower = behind.unwrap_or(lower);
            let entries = shard.ascending(place.number, |sort| is_below(lower, sort));
            let is_within = is_within_upper(upper);
            batch.take(entries.take_while(|entry| is_within(entry.sort())), limit, place.token, point)
        };
        batch.is_last = last.is_none();
        self.resume = last.map(|entry| (place.token, entry.clone()));
    }

    fn fill_from_tokens(&mut self) {
        let mut limit = self.start_batch();
        let Self { memtable, visible, read, walk, batch, resume } = self;
        let Walk::Tokens { shard: number, first_token, last_token } = walk else { return };
        while limit > 0 {
            let span = match &*resume {
                Some((token, entry)) => (*token, entry.collection(), Some(entry.sort())),
                None => (*first_token, &[][..], None),
            };
            let Some(lock) = memtable.shard(*number).filter(|_| *number <= memtable.shard_number(*last_token)) else {
                batch.is_last = true;
                return;
            };
            let from = (span.0, span.1);
            let shard =
                settled(lock, |shard| shard.is_span_settled(from, limit), |shard| shard.settle_span(from, limit));
            let (looked_at, last) = batch.take_span(&shard, span, *last_token, limit, Point::new(*read, visible));
            limit -= looked_at.min(limit);
            let last = last.map(|(token, entry)| (token, entry.clone()));
            if limit > 0 {
                *number += 1;
            }
            drop(shard);
            if last.is_some() {
                *resume = last;
            }
        }
    }
}

impl Batch {
    /// Copies what is readable of the first `limit` entries; returns the last of them if there may be more behind it.
    fn take<'a>(
        &mut self,
        entries: impl Iterator<Item = Chain<'a>>,
        limit: usize,
        token: u64,
        point: Point,
    ) -> Option<&'a Stored> {
        let mut last = None;
        let mut looked_at = 0;
        let mut entries = entries.take(limit);
        self.entries.reserve(FIRST_BATCH);
        loop {
            let mut group = [None; GROUP];
            let mut count = 0;
            for (place, entry) in group.iter_mut().zip(&mut entries) {
                *place = entry.readable(point);
                last = Some(entry.any());
                count += 1;
            }
            looked_at += count;
            // Counting a view up is a barrier; touching all records first lets the processor fetch them side by side.
            let found = || group[..count].iter().flatten();
            std::hint::black_box(found().map(|version| version.touch()).fold(0, u8::wrapping_add));
            self.entries.extend(found().map(|version| (token, (*version).clone())));
            if count < GROUP {
                break;
            }
        }
        last.filter(|_| looked_at == limit)
    }

    /// Copies what is readable of the first `limit` entries behind a key; returns how many entries there were and the
    /// last of them. Fewer than `limit` means that the shard has no more up to `last_token`.
    fn take_span<'a>(
        &mut self,
        shard: &'a Shard,
        (token, collection, sort): (u64, &[u8], Option<&[u8]>),
        last_token: u64,
        limit: usize,
        point: Point,
    ) -> (usize, Option<(u64, &'a Stored)>) {
        let mut last = None;
        let mut looked_at = 0;
        for (at, number) in shard.collections_from(token, collection) {
            if at > last_token || looked_at >= limit {
                break;
            }
            let resumes_here = at == token && shard.name(number) == collection;
            let is_behind = |other: &[u8]| resumes_here && sort.is_some_and(|sort| other <= sort);
            for entry in shard.ascending(number, is_behind).take(limit - looked_at) {
                looked_at += 1;
                last = Some((at, entry.any()));
                if let Some(version) = entry.readable(point) {
                    self.entries.push((at, version.clone()));
                }
            }
        }
        (looked_at, last)
    }
}

/// Locks a shard for reading, after having put in order what is to be read.
fn settled<'a>(
    lock: &'a RwLock<Shard>,
    is_settled: impl Fn(&Shard) -> bool,
    settle: impl Fn(&mut Shard),
) -> RwLockReadGuard<'a, Shard> {
    let shard = lock.read();
    if is_settled(&shard) {
        return shard;
    }
    drop(shard);
    settled_anew(lock, settle)
}

/// The same for a collection of a shard that is locked for reading already.
pub(super) fn settled_behind<'a>(
    lock: &'a RwLock<Shard>,
    shard: RwLockReadGuard<'a, Shard>,
    number: u32,
) -> RwLockReadGuard<'a, Shard> {
    if shard.is_settled(number) {
        return shard;
    }
    drop(shard);
    settled_anew(lock, |shard| _ = shard.settle(number))
}

#[cold]
fn settled_anew<'a>(lock: &'a RwLock<Shard>, settle: impl Fn(&mut Shard)) -> RwLockReadGuard<'a, Shard> {
    let mut shard = lock.write();
    settle(&mut shard);
    RwLockWriteGuard::downgrade(shard)
}

fn is_below(lower: Bound<&[u8]>, sort: &[u8]) -> bool {
    match lower {
        Bound::Included(bound) => sort < bound,
        Bound::Excluded(bound) => sort <= bound,
        Bound::Unbounded => false,
    }
}

fn is_within_upper(upper: Bound<&[u8]>) -> impl Fn(&[u8]) -> bool {
    move |sort| match upper {
        Bound::Included(bound) => sort <= bound,
        Bound::Excluded(bound) => sort < bound,
        Bound::Unbounded => true,
    }
}
