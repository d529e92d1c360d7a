//! A sealed run, opened for reading.
//!
//! Opening a run opens its file and reads nothing: what a reader decides by stands in the manifest. The first access
//! reads the footer and the checksums, and from then on a look-up goes through the directory to the collection's record,
//! through its nodes if it has any, to a leaf.

use super::{
    cursor::RunCursor,
    directory::Directory,
    format::{FLAG_NODE, FOOTER_BYTES, Footer, HEAD_BYTES, HEADER_BYTES, Identity, u32_at},
    leaf::Leaf,
    node::{MAX_LEVEL, Node},
    page_cache::PageCache,
    source::{LINE_BYTES, Source, Span},
};
use crate::{
    config::ReadMode,
    error::{Error, Result},
    file::{Disk, ReadableFile},
    item::{Dictionary, ItemRef},
    manifest::RunFacts,
    partition::key::{KeyRef, Version},
};
use std::{
    cmp::Ordering,
    ops::{Bound, Range},
    sync::{Arc, OnceLock},
};

const HEAD_LINES: u64 = 2;
const ITEM_LINES: u64 = 5;

/// A sealed run. Shared by reference count; files that are removed meanwhile stay readable through it.
#[derive(Debug)]
pub struct Run {
    facts: RunFacts,
    identity: Identity,
    file: Arc<dyn ReadableFile>,
    cache: Arc<PageCache>,
    opened: OnceLock<Opened>,
    names: OnceLock<Arc<Dictionary>>,
}

/// What the first access finds.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) footer: Footer,
    pub(super) directory: Directory,
    identity: Identity,
}

/// A leaf, its bytes and where they begin in the file.
#[derive(Clone, Debug)]
pub(super) struct LeafAt {
    pub(super) leaf: Leaf,
    pub(super) span: Span,
    pub(super) offset: u64,
}

/// The record that stands for a collection.
pub(super) enum Root {
    Leaf(LeafAt),
    Node(Node, Span, u64),
}

/// Where a collection was looked for.
pub(super) enum Found {
    /// With its position in the directory.
    At(Root, u64),
    /// Not in this run; the position in the directory at which it would stand.
    Before(u64),
}

/// What `inspect` tells about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDescription {
    /// Collections, one per key space and partition key.
    pub collections: u64,
    /// Leaves: parts of collections that are searched and read as one.
    pub leaves: u64,
    /// Nodes above the leaves of large collections.
    pub nodes: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// DynamoDB size of the items in bytes.
    pub logical_bytes: u64,
    /// Bytes of leaves and nodes.
    pub record_bytes: u64,
    /// Bytes of the attribute names.
    pub dictionary_bytes: u64,
    /// Bytes of the directory.
    pub directory_bytes: u64,
    /// Bytes of the page checksums.
    pub checksum_bytes: u64,
    /// Attribute names that have an id.
    pub attribute_names: usize,
    /// Whether the file is mapped rather than read through the cache.
    pub mapped: bool,
}

impl Run {
    /// Opens a run that the manifest knows. Only the length of the file is checked here; the first access reads the
    /// footer. `cache` serves runs that are not mapped, be it that `mode` says so or that the disk cannot map.
    pub fn open(
        disk: &dyn Disk,
        facts: &RunFacts,
        database_id: u64,
        mode: ReadMode,
        cache: &Arc<PageCache>,
    ) -> Result<Self> {
        let identity = Identity { database_id, file: facts.file };
        let file = disk.open(identity.name(), mode == ReadMode::Mapped)?;
        if file.len() != facts.bytes || facts.footer.checked_add(FOOTER_BYTES as u64) != Some(facts.bytes) {
            let text = format!("it has {} bytes instead of {}", file.len(), facts.bytes);
            return Err(identity.corrupt(file.len().min(facts.bytes), text));
        }
        Ok(Self {
            facts: facts.clone(),
            identity,
            file: Arc::from(file),
            cache: Arc::clone(cache),
            opened: OnceLock::new(),
            names: OnceLock::new(),
        })
    }
    /// What the manifest says about it.
    pub fn facts(&self) -> &RunFacts {
        &self.facts
    }
    #[inline]
    pub(super) fn opened(&self) -> Result<&Opened> {
        match self.opened.get() {
            Some(opened) => Ok(opened),
            None => self.open_now().map(|opened| self.opened.get_or_init(|| opened)),
        }
    }
    /// After a cursor was made: what it was made from.
    #[inline]
    pub(super) fn opened_before(&self) -> Option<&Opened> {
        self.opened.get()
    }
    /// Reads header, footer and checksums, whether or not that was done before.
    #[cold]
    pub(super) fn open_now(&self) -> Result<Opened> {
        let (file, cache) = (Arc::clone(&self.file), Arc::clone(&self.cache));
        let (source, footer) = Source::open(self.identity, file, cache, self.facts.footer)?;
        let (said, is) = (&self.facts, &footer);
        let same = (said.entries, said.tombstones, said.logical_bytes) == (is.entries, is.tombstones, is.logical_bytes)
            && (said.min_token, said.max_token) == (is.min_token, is.max_token)
            && (said.min_seqno, said.max_seqno) == (is.min_seqno, is.max_seqno);
        if !same {
            return Err(self.identity.corrupt(self.facts.footer, "the footer says otherwise than the manifest"));
        }
        let directory = Directory::open(self.identity, &footer)?;
        Ok(Opened { source, footer, directory, identity: self.identity })
    }
    /// The attribute names of this run.
    #[inline]
    pub(super) fn names(&self) -> Result<&Arc<Dictionary>> {
        match self.names.get() {
            Some(names) => Ok(names),
            None => {
                let names = self.opened()?.dictionary()?;
                Ok(self.names.get_or_init(|| Arc::new(names)))
            }
        }
    }
    /// Whether a token lies in the run's range and its directory does not exclude it. Damage counts as a yes, so that
    /// the read that follows reports it.
    pub fn may_hold(&self, token: u64) -> bool {
        if token < self.facts.min_token || token > self.facts.max_token {
            return false;
        }
        let candidates = self.opened().and_then(|opened| opened.directory.candidates(&opened.source, token));
        candidates.map_or(true, |candidates| candidates.start < candidates.end)
    }
    /// The version under a key, `None` if the run has none.
    pub fn get(&self, key: KeyRef<'_>) -> Result<Option<Version>> {
        if key.token < self.facts.min_token || key.token > self.facts.max_token {
            return Ok(None);
        }
        let opened = self.opened()?;
        let Found::At(root, _) = opened.find(key.token, key.collection)? else {
            return Ok(None);
        };
        let at = opened.descend(root, |node, bytes| node.find(bytes, key.sort))?;
        let bytes = opened.source.bytes(&at.span);
        let Ok(index) = at.leaf.search(bytes, key.sort).ok_or_else(|| opened.damaged(at.offset))? else {
            return Ok(None);
        };
        let (seqno, item) = at.leaf.version(bytes, index).ok_or_else(|| opened.damaged(at.offset))?;
        let item = match item {
            Some(place) => {
                let bytes = opened.source.share(&at.span, place).ok_or_else(|| opened.damaged(at.offset))?;
                Some(item_of(bytes, self.names()?))
            }
            None => None,
        };
        Ok(Some(Version { seqno, item }))
    }
    /// The entries of one collection between two sort keys, in ascending or descending order. `None` if the run does not
    /// have the collection; a cursor that is not valid if it has nothing within the bounds.
    pub fn query(
        self: &Arc<Self>,
        token: u64,
        collection: &[u8],
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        descending: bool,
    ) -> Result<Option<RunCursor>> {
        if token < self.facts.min_token || token > self.facts.max_token {
            return Ok(None);
        }
        let opened = self.opened()?;
        match opened.find(token, collection)? {
            Found::At(root, _) if descending => RunCursor::descend(self, root, lower, upper).map(Some),
            Found::At(root, _) => RunCursor::ascend(self, root, lower, upper).map(Some),
            Found::Before(_) => Ok(None),
        }
    }
    /// All entries with tokens from `first_token` to `last_token`, both inclusive, in key order, behind `after` if given.
    pub fn scan(self: &Arc<Self>, first_token: u64, last_token: u64, after: Option<KeyRef<'_>>) -> Result<RunCursor> {
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
        RunCursor::scan(self, start, last_token)
    }
    /// A token at which the run falls into two halves of about the same size: lower tokens left of it, the token itself
    /// and higher ones right. `None` if it holds fewer than two tokens, or cannot be read.
    pub fn split_token(&self) -> Option<u64> {
        self.split_token_within(0, u64::MAX).ok().flatten()
    }
    /// As [`Run::split_token`], for the part of the run that lies between two tokens, both inclusive.
    pub fn split_token_within(&self, first_token: u64, last_token: u64) -> Result<Option<u64>> {
        let opened = self.opened()?;
        let (start, end) = (opened.position(first_token)?, opened.position_behind(last_token)?);
        if end.saturating_sub(start) < 2 {
            return Ok(None);
        }
        let offset = |index| opened.directory.offset(&opened.source, index);
        let from = if start == 0 { HEADER_BYTES as u64 } else { offset(start - 1)? };
        let half = from + offset(end - 1)?.saturating_sub(from) / 2;
        let (mut low, mut high) = (start, end - 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if offset(middle)? < half { low = middle + 1 } else { high = middle }
        }
        let lowest = opened.root(offset(start)?)?.token();
        let token = opened.root(offset(low)?)?.token();
        if token > lowest {
            return Ok(Some(token));
        }
        // The first token alone takes more than half: the next one begins the right side, if there is one.
        let next = match lowest.checked_add(1) {
            Some(next) => opened.position(next)?,
            None => end,
        };
        if next < end { Ok(Some(opened.root(offset(next)?)?.token())) } else { Ok(None) }
    }
    /// About how many bytes of the run belong to tokens from `first_token` to `last_token`, both inclusive.
    pub fn bytes_within(&self, first_token: u64, last_token: u64) -> Result<u64> {
        if first_token <= self.facts.min_token && last_token >= self.facts.max_token {
            return Ok(self.facts.bytes);
        }
        let opened = self.opened()?;
        let (start, end) = (opened.position(first_token)?, opened.position_behind(last_token)?);
        let place = |index: u64| match index {
            index if index >= opened.directory.len() => Ok(opened.footer.records_end),
            0 => Ok(HEADER_BYTES as u64),
            index => opened.directory.offset(&opened.source, index),
        };
        Ok(if start < end { place(end)?.saturating_sub(place(start)?) } else { 0 })
    }
    /// What the run is made of.
    pub fn describe(&self) -> Result<RunDescription> {
        let opened = self.opened()?;
        let footer = &opened.footer;
        Ok(RunDescription {
            collections: footer.collections,
            leaves: footer.leaves,
            nodes: footer.nodes,
            entries: footer.entries,
            tombstones: footer.tombstones,
            logical_bytes: footer.logical_bytes,
            record_bytes: footer.records_end - HEADER_BYTES as u64,
            dictionary_bytes: footer.dictionary_end - footer.records_end,
            directory_bytes: footer.directory_end - footer.dictionary_end,
            checksum_bytes: self.facts.footer - footer.directory_end,
            attribute_names: self.names()?.len(),
            mapped: opened.source.is_mapped(),
        })
    }
}

/// An item of a run; without a dictionary where that is empty, which saves counting references to it.
#[inline]
pub(super) fn item_of(bytes: bytes::Bytes, names: &Arc<Dictionary>) -> ItemRef {
    if names.is_empty() { ItemRef::from_bytes(bytes) } else { ItemRef::with_names(bytes, Arc::clone(names)) }
}

impl Root {
    fn token(&self) -> u64 {
        match self {
            Self::Leaf(at) => at.leaf.token,
            Self::Node(node, ..) => node.token,
        }
    }
}

impl Opened {
    pub(super) fn damaged(&self, offset: u64) -> Error {
        self.identity.corrupt(offset, "a record contradicts itself")
    }
    /// The bytes of the record at an offset, and its flags.
    #[inline]
    pub(super) fn record(&self, offset: u64) -> Result<(Span, u8)> {
        if offset < HEADER_BYTES as u64 || offset >= self.footer.records_end {
            return Err(self.identity.corrupt(offset, "no record can lie here"));
        }
        self.source.touch(offset + LINE_BYTES, HEAD_LINES);
        let head = self.source.span(offset, HEAD_BYTES)?;
        let bytes = self.source.bytes(&head);
        let len = u32_at(bytes, HEAD_BYTES - 5).unwrap_or(0) as usize;
        let flags = bytes.last().copied().unwrap_or(0);
        if len < HEAD_BYTES || len as u64 > self.footer.records_end - offset {
            return Err(self.damaged(offset));
        }
        Ok((self.source.span(offset, len)?, flags))
    }
    #[inline]
    pub(super) fn root(&self, offset: u64) -> Result<Root> {
        let (span, flags) = self.record(offset)?;
        let bytes = self.source.bytes(&span);
        if flags & FLAG_NODE == 0 {
            let leaf = Leaf::parse(bytes).ok_or_else(|| self.damaged(offset))?;
            Ok(Root::Leaf(LeafAt { leaf, span, offset }))
        } else {
            let node = Node::parse(bytes).ok_or_else(|| self.damaged(offset))?;
            Ok(Root::Node(node, span, offset))
        }
    }
    #[inline]
    pub(super) fn leaf(&self, offset: u64) -> Result<LeafAt> {
        match self.root(offset)? {
            Root::Leaf(at) => Ok(at),
            Root::Node(..) => Err(self.damaged(offset)),
        }
    }
    /// Looks a collection up.
    #[inline]
    pub(super) fn find(&self, token: u64, collection: &[u8]) -> Result<Found> {
        let candidates = self.directory.candidates(&self.source, token)?;
        let (mut low, mut high) = (candidates.start, candidates.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let only = candidates.end - candidates.start == 1;
            let offset = if only { candidates.offset } else { self.directory.offset(&self.source, middle)? };
            let root = self.root(offset)?;
            let (its_token, its_collection) = match &root {
                Root::Leaf(at) => (at.leaf.token, at.leaf.collection(self.source.bytes(&at.span))),
                Root::Node(node, span, _) => (node.token, node.collection(self.source.bytes(span))),
            };
            let its_collection = its_collection.ok_or_else(|| self.damaged(offset))?;
            match (its_token, its_collection).cmp(&(token, collection)) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(Found::At(root, middle)),
                Ordering::Greater => high = middle,
            }
        }
        Ok(Found::Before(low))
    }
    /// The leaf that is reached from a root by choosing a child of each node on the way.
    #[inline]
    pub(super) fn descend(&self, root: Root, choose: impl Fn(&Node, &[u8]) -> Option<usize>) -> Result<LeafAt> {
        let (mut root, mut above) = (root, MAX_LEVEL + 1);
        loop {
            match root {
                Root::Leaf(at) => return Ok(at),
                Root::Node(node, span, offset) => {
                    let bytes = self.source.bytes(&span);
                    let child = choose(&node, bytes).and_then(|index| node.child(bytes, index));
                    let child = child.filter(|child| *child < offset && node.level < above);
                    above = node.level;
                    root = self.root(child.ok_or_else(|| self.damaged(offset))?)?;
                }
            }
        }
    }
    pub(super) fn leftmost(&self, root: Root) -> Result<LeafAt> {
        self.descend(root, |_, _| Some(0))
    }
    /// The leaf that follows in the file, whichever collection it belongs to.
    pub(super) fn leaf_behind(&self, at: &LeafAt) -> Result<Option<LeafAt>> {
        let mut offset = at.offset + self.source.bytes(&at.span).len() as u64;
        while offset < self.footer.records_end {
            match self.root(offset)? {
                Root::Leaf(at) => return Ok(Some(at)),
                Root::Node(_, span, _) => offset += self.source.bytes(&span).len() as u64,
            }
        }
        Ok(None)
    }
    /// Position in the directory of the first collection whose token is not below `token`.
    fn position(&self, token: u64) -> Result<u64> {
        match self.find(token, &[])? {
            Found::Before(index) | Found::At(_, index) => Ok(index),
        }
    }
    /// Position in the directory of the first collection whose token is above `token`.
    fn position_behind(&self, token: u64) -> Result<u64> {
        token.checked_add(1).map_or(Ok(self.directory.len()), |next| self.position(next))
    }
    /// The bytes of the attribute names.
    pub(super) fn dictionary(&self) -> Result<Dictionary> {
        let Range { start, end } = self.footer.records_end..self.footer.dictionary_end;
        let len = usize::try_from(end - start).map_err(|_| self.damaged(start))?;
        let span = self.source.span(start, len)?;
        Dictionary::decode(self.source.bytes(&span)).ok_or_else(|| self.identity.corrupt(start, "no attribute names"))
    }
}
