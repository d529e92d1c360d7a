//! A sealed run, opened for reading.
//!
//! Opening a run opens its file and reads nothing: what a reader decides by is in the manifest. The first access
//! reads the footer and the checksums, and from then on a look-up goes through the directory to the collection's
//! record, through its nodes if it has any, to a leaf.

use super::{
    cursor::RunCursor,
    directory::Candidates,
    format::Identity,
    lookup::{Found, Opened, Root},
    one_leaf::{Lookup, OneLeaf},
    page_cache::PageCache,
    page_protection::footer_bytes,
    source::Source,
};
use crate::{
    config::ReadMode,
    error::Result,
    file::{Disk, ReadableFile},
    format::protection::Protection,
    manifest::RunMeta,
    partition::key::{CollectionRange, KeyRef, TakeItem, Version},
};
use std::{
    ops::Bound,
    sync::{Arc, OnceLock},
};

/// Keys whose records are fetched at a time.
const FETCHED_AHEAD: usize = 128;
/// A line of the processor's cache.
const LINE_BYTES: u64 = 64;

/// A sealed run. Shared by reference count; files that are removed meanwhile stay readable through it.
#[derive(Debug)]
pub struct Run {
    facts: RunMeta,
    identity: Identity,
    protection: Protection,
    file: Arc<dyn ReadableFile>,
    cache: Arc<PageCache>,
    opened: OnceLock<Opened>,
}

impl Run {
    /// Opens a run that the manifest knows. Only the length of the file is checked here; the first access reads the
    /// footer. `cache` serves runs that are not mapped, be it that `mode` says so, that the disk cannot map, or that they are
    /// encrypted.
    pub fn open(
        disk: &dyn Disk,
        facts: &RunMeta,
        protection: &Protection,
        mode: ReadMode,
        cache: &Arc<PageCache>,
    ) -> Result<Self> {
        let identity = Identity { database_id: protection.database_id(), file: facts.file };
        let is_encrypted = facts.generation != 0;
        let file = disk.open(identity.name(), mode == ReadMode::Mapped && !is_encrypted)?;
        if file.len() != facts.bytes || facts.footer.checked_add(footer_bytes(is_encrypted)) != Some(facts.bytes) {
            let text = format!("it has {} bytes instead of {}", file.len(), facts.bytes);
            return Err(identity.corrupt(file.len().min(facts.bytes), text));
        }
        Ok(Self {
            facts: facts.clone(),
            identity,
            protection: protection.clone(),
            file: Arc::from(file),
            cache: Arc::clone(cache),
            opened: OnceLock::new(),
        })
    }
    /// What the manifest says about it.
    pub fn facts(&self) -> &RunMeta {
        &self.facts
    }
    #[inline]
    pub(super) fn opened(&self) -> Result<&Opened> {
        match self.opened.get() {
            Some(opened) => Ok(opened),
            None => self.open_now().map(|opened| self.opened.get_or_init(|| opened)),
        }
    }
    /// Reads header, footer and checksums, whether or not that was done before.
    #[cold]
    pub(super) fn open_now(&self) -> Result<Opened> {
        let (file, cache) = (Arc::clone(&self.file), Arc::clone(&self.cache));
        let (source, footer) = Source::open(self.identity, &self.protection, file, cache, &self.facts)?;
        let (said, is) = (&self.facts, &footer);
        let same = (said.entries, said.tombstones, said.logical_bytes) == (is.entries, is.tombstones, is.logical_bytes)
            && (said.min_token, said.max_token) == (is.min_token, is.max_token)
            && (said.min_seqno, said.max_seqno) == (is.min_seqno, is.max_seqno);
        if !same {
            return Err(self.identity.corrupt(self.facts.footer, "the footer says otherwise than the manifest"));
        }
        Opened::new(self.identity, source, footer)
    }
    /// Whether a token is in the run's range and its directory does not exclude it. Damage counts as a yes, so that
    /// the read that follows reports it.
    #[cfg(test)]
    pub fn may_hold(&self, token: u64) -> bool {
        if token < self.facts.min_token || token > self.facts.max_token {
            return false;
        }
        let candidates = self.opened().and_then(|opened| opened.directory.candidates(&opened.source, token));
        candidates.map_or(true, |candidates| candidates.start < candidates.end)
    }
    /// Whether the run is known not to hold a key, by its range of tokens or its hash index. What cannot be read excludes
    /// nothing.
    pub fn excludes(&self, key: KeyRef<'_>) -> bool {
        if key.token < self.facts.min_token || key.token > self.facts.max_token {
            return true;
        }
        let held = self.opened().and_then(|opened| {
            Ok(opened.filter.may_hold(&opened.source, key)? && opened.hashes.may_hold(&opened.source, key)?)
        });
        held.is_ok_and(|may_hold| !may_hold)
    }
    /// The version under a key, `None` if the run has none.
    #[inline]
    pub fn get(&self, key: KeyRef<'_>) -> Result<Option<Version>> {
        if key.token < self.facts.min_token || key.token > self.facts.max_token {
            return Ok(None);
        }
        let opened = self.opened()?;
        match opened.source.whole() {
            Some(whole) => opened.get(whole, key),
            None => opened.get(&opened.source, key),
        }
    }
    /// Touches what leads to the entries of some keys, stage by stage: a load of one look-up does not wait for that of
    /// another, so that the processor has several under way at once. Damage is left to the look-ups that follow.
    pub fn fetch_ahead<'k>(&self, keys: impl Iterator<Item = KeyRef<'k>> + Clone) {
        let Ok(opened) = self.opened() else { return };
        let mut keys = keys.filter(|key| (self.facts.min_token..=self.facts.max_token).contains(&key.token)).peekable();
        let (mut routes, mut offsets) = ([0; FETCHED_AHEAD], [0; FETCHED_AHEAD]);
        while keys.peek().is_some() {
            let (mut count, mut touched) = (0, 0);
            for (route, key) in routes.iter_mut().zip(&mut keys) {
                let (own, at) = opened.route(key);
                *route = own;
                touched ^= opened.source.touch(at);
                count += 1;
            }
            for (offset, route) in offsets.iter_mut().zip(&routes[..count]) {
                *offset = opened.record_of(*route);
                touched ^= opened.source.touch(*offset);
            }
            for offset in &offsets[..count] {
                touched ^= opened.source.touch(offset + LINE_BYTES);
            }
            std::hint::black_box(touched);
        }
    }
    /// The entries of one collection between two sort keys, in ascending or descending order. `None` if the run does
    /// not have the collection.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn query<'r>(
        &'r self,
        token: u64,
        collection: &'r [u8],
        lower: Bound<&'r [u8]>,
        upper: Bound<&'r [u8]>,
        descending: bool,
    ) -> Result<Option<RunCursor<'r>>> {
        let range = CollectionRange { token, collection, lower, upper, descending };
        self.locate(token)?.map_or(Ok(None), |located| located.query(&range))
    }
    /// Touches where the search for a token begins, so that memory brings it while other sources are looked at.
    #[inline]
    pub fn touch_directory(&self, token: u64) -> u64 {
        self.opened.get().map_or(0, |opened| opened.source.touch(opened.directory.bucket_at(token)))
    }
    /// Where the run may have collections with a token.
    pub fn locate(&self, token: u64) -> Result<Option<Located<'_>>> {
        if token < self.facts.min_token || token > self.facts.max_token {
            return Ok(None);
        }
        let opened = self.opened()?;
        let candidates = opened.candidates(token)?;
        Ok((candidates.start < candidates.end).then_some(Located { opened, candidates }))
    }
    /// Gives `take` the items of one collection between two sort keys, until it has enough; returns the number of tombstones
    /// that were stepped over.
    pub fn query_each(&self, range: &CollectionRange<'_>, take: &mut impl TakeItem) -> Result<u64> {
        let CollectionRange { token, collection, lower, upper, descending } = *range;
        let Some((opened, root)) = self.root_of(token, collection)? else { return Ok(0) };
        let root = match OneLeaf::of(opened, root) {
            Ok(leaf) => {
                let mut stepped_over = 0;
                leaf.each_item(leaf.within(lower, upper)?, descending, &mut stepped_over, take)?;
                return Ok(stepped_over);
            }
            Err(root) => root,
        };
        let mut cursor = RunCursor::over(opened, lower, upper, descending);
        cursor.begin(root, lower, upper)?;
        let mut stepped_over = 0;
        cursor.each_item(None, &mut stepped_over, take)?;
        Ok(stepped_over)
    }
    /// The record that stands for a collection, if the run has it.
    #[inline(always)]
    fn root_of(&self, token: u64, collection: &[u8]) -> Result<Option<(&Opened, Root<'_>)>> {
        if token < self.facts.min_token || token > self.facts.max_token {
            return Ok(None);
        }
        let opened = self.opened()?;
        Ok(match opened.find(token, collection)? {
            Found::At(root, _) => Some((opened, root)),
            Found::Before(_) => None,
        })
    }
    /// All entries with tokens from `first_token` to `last_token`, both inclusive, in key order, behind `after` if
    /// given.
    pub fn scan(&self, first_token: u64, last_token: u64, after: Option<KeyRef<'_>>) -> Result<RunCursor<'_>> {
        let opened = self.opened()?;
        let after = after.filter(|after| after.token >= first_token);
        let (token, collection) = after.map_or((first_token, &[][..]), |after| (after.token, after.collection));
        let start = match (opened.find(token, collection)?, after) {
            (Found::At(root, _), Some(after)) => {
                let at = opened.descend(root, |node, bytes| node.find(bytes, after.sort))?;
                Some((at, Bound::Excluded(after.sort)))
            }
            (Found::At(root, _), None) => Some((opened.leftmost(root)?, Bound::Unbounded)),
            (Found::Before(index), _) if index < opened.directory.len() => {
                let root = opened.root(opened.directory.offset(&opened.source, index)?)?;
                Some((opened.leftmost(root)?, Bound::Unbounded))
            }
            (Found::Before(_), _) => None,
        };
        RunCursor::scan(opened, start, last_token)
    }
}

/// Where a run may have the collections of a token.
#[derive(Clone, Copy, Debug)]
pub struct Located<'r> {
    opened: &'r Opened,
    candidates: Candidates,
}

impl<'r> Located<'r> {
    /// Touches the begin of the first collection.
    #[inline]
    pub fn touch(&self) -> u64 {
        let Self { opened, candidates: Candidates { offset, .. } } = self;
        opened.source.touch(*offset) ^ opened.source.touch(offset + LINE_BYTES)
    }
    /// What the run has of a collection.
    #[inline]
    pub fn look_up(&self, token: u64, collection: &[u8]) -> Result<Lookup<'r>> {
        Ok(match self.opened.find_candidate(self.candidates, token, collection)? {
            Found::At(root, _) => OneLeaf::of(self.opened, root).map_or(Lookup::Larger, Lookup::Leaf),
            Found::Before(_) => Lookup::Absent,
        })
    }
    /// The entries of one collection between two sort keys, in ascending or descending order. `None` if the run does
    /// not have the collection; a cursor that is not valid if it has nothing within the bounds.
    pub fn query(&self, range: &CollectionRange<'r>) -> Result<Option<RunCursor<'r>>> {
        let CollectionRange { token, collection, lower, upper, descending } = *range;
        let Found::At(root, _) = self.opened.find_candidate(self.candidates, token, collection)? else {
            return Ok(None);
        };
        let mut cursor = RunCursor::over(self.opened, lower, upper, descending);
        cursor.begin(root, lower, upper)?;
        Ok(Some(cursor))
    }
}
