//! Look-ups in a run that has been opened: from a token to the record of a collection, and from there to a leaf.

use super::{
    directory::{Candidates, Directory},
    filter::{Filter, key_hash},
    format::{FLAG_NODE, Footer, HEAD_BYTES, Identity, u32_at},
    hash_index::{HashIndex, Place},
    leaf::{Leaf, Slot},
    node::{MAX_LEVEL, Node},
    source::{Access, Piece, Source},
    window::Window,
};
use crate::{
    error::{Error, Result},
    item::{Dictionary, ItemRef, NamedBytes, load_ahead},
    partition::key::{KeyRef, Version},
};
use std::{
    cmp::Ordering,
    sync::{Arc, OnceLock},
};

/// Handles on the bytes of a run, and how the offset of a leaf chooses one: stretches of 4 KiB take turns.
const HANDLES: usize = 16;
const HANDLE_SHIFT: u32 = 12;

/// What the first access finds.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) footer: Footer,
    pub(super) directory: Directory,
    /// Of a run of format version 1.
    pub(super) filter: Filter,
    pub(super) hashes: HashIndex,
    /// The attribute names.
    pub(super) names: Arc<Dictionary>,
    /// The names and the whole file, once it is in one piece: what items refer to. There are several, each with a count of its
    /// references, so that threads that read different items seldom wait for each other's count.
    named: OnceLock<[Arc<NamedBytes>; HANDLES]>,
    pub(super) identity: Identity,
}

/// A leaf, its bytes and where they begin in the file.
#[derive(Clone, Debug)]
pub(super) struct LeafAt<'a> {
    pub(super) leaf: Leaf,
    pub(super) bytes: Piece<'a>,
    pub(super) offset: u64,
}

/// A node, its bytes and where they begin in the file.
#[derive(Debug)]
pub(super) struct NodeAt<'a> {
    pub(super) node: Node,
    pub(super) bytes: Piece<'a>,
    pub(super) offset: u64,
}

/// The record that stands for a collection.
pub(super) enum Root<'a> {
    Leaf(LeafAt<'a>),
    Node(NodeAt<'a>),
}

/// Where a collection was looked for.
pub(super) enum Found<'a> {
    /// With its position in the directory.
    At(Root<'a>, u64),
    /// Not in this run; the position in the directory at which it would be.
    Before(u64),
}

impl Root<'_> {
    pub(super) fn token(&self) -> u64 {
        match self {
            Self::Leaf(at) => at.leaf.token,
            Self::Node(at) => at.node.token,
        }
    }
    #[inline]
    fn collection(&self) -> Option<&[u8]> {
        match self {
            Self::Leaf(at) => at.leaf.collection(&at.bytes),
            Self::Node(at) => at.node.collection(&at.bytes),
        }
    }
    /// Length of the record.
    pub(super) fn bytes_len(&self) -> u64 {
        match self {
            Self::Leaf(at) => at.bytes.len() as u64,
            Self::Node(at) => at.bytes.len() as u64,
        }
    }
}

impl Opened {
    pub(super) fn new(identity: Identity, source: Source, footer: Footer) -> Result<Self> {
        let directory = Directory::open(identity, &footer)?;
        let (filter, hashes) = (Filter::open(&footer), HashIndex::open(&footer));
        let (start, end) = (footer.records_end, footer.dictionary_end);
        let no_names = || identity.corrupt(start, "no attribute names");
        let names = source.piece(start, usize::try_from(end - start).map_err(|_| no_names())?)?;
        let names = Dictionary::decode(&names).ok_or_else(no_names)?;
        let (names, named) = (Arc::new(names), OnceLock::new());
        Ok(Self { source, footer, directory, filter, hashes, names, named, identity })
    }
    #[cold]
    fn handles(&self) -> [Arc<NamedBytes>; HANDLES] {
        let bytes = self.source.in_one_piece().cloned().unwrap_or_default();
        std::array::from_fn(|_| Arc::new(NamedBytes::new(bytes.clone(), self.names.clone())))
    }
    #[cold]
    pub(super) fn damaged(&self, offset: u64) -> Error {
        self.identity.corrupt(offset, "a record contradicts itself")
    }
    /// The bytes of the record at an offset, and its flags.
    #[inline]
    fn record<'a>(&self, source: impl Access<'a>, offset: u64) -> Result<(Piece<'a>, u8)> {
        if offset < self.footer.plan.records_at || offset >= self.footer.records_end {
            return Err(self.identity.corrupt(offset, "no record can lie here"));
        }
        let head = source.piece(offset, HEAD_BYTES)?;
        let len = u32_at(&head, HEAD_BYTES - 5).unwrap_or(0) as usize;
        let flags = head.last().copied().unwrap_or(0);
        if len < HEAD_BYTES || len as u64 > self.footer.records_end - offset {
            return Err(self.damaged(offset));
        }
        Ok((source.piece(offset, len)?.into(), flags))
    }
    pub(super) fn root(&self, offset: u64) -> Result<Root<'_>> {
        self.root_in(&self.source, offset)
    }
    #[inline]
    fn root_in<'a>(&self, source: impl Access<'a>, offset: u64) -> Result<Root<'a>> {
        let (bytes, flags) = self.record(source, offset)?;
        self.root_of(bytes, flags, offset)
    }
    #[inline(always)]
    fn root_of<'a>(&self, bytes: Piece<'a>, flags: u8, offset: u64) -> Result<Root<'a>> {
        if flags & FLAG_NODE == 0 {
            let leaf = Leaf::parse(&bytes).ok_or_else(|| self.damaged(offset))?;
            Ok(Root::Leaf(LeafAt { leaf, bytes, offset }))
        } else {
            let node = Node::parse(&bytes).ok_or_else(|| self.damaged(offset))?;
            Ok(Root::Node(NodeAt { node, bytes, offset }))
        }
    }
    pub(super) fn leaf(&self, offset: u64) -> Result<LeafAt<'_>> {
        match self.root(offset)? {
            Root::Leaf(at) => Ok(at),
            Root::Node(_) => Err(self.damaged(offset)),
        }
    }
    /// Looks a collection up.
    #[inline]
    pub(super) fn find(&self, token: u64, collection: &[u8]) -> Result<Found<'_>> {
        match self.source.whole() {
            Some(whole) => self.find_in(whole, token, collection),
            None => self.find_in(&self.source, token, collection),
        }
    }
    #[inline]
    pub(super) fn find_in<'a>(&self, source: impl Access<'a>, token: u64, collection: &[u8]) -> Result<Found<'a>> {
        let candidates = self.directory.candidates(source, token)?;
        self.find_among(source, candidates, token, collection)
    }
    /// The collections that may have a token.
    #[inline]
    pub(super) fn candidates(&self, token: u64) -> Result<Candidates> {
        match self.source.whole() {
            Some(whole) => self.directory.candidates(whole, token),
            None => self.directory.candidates(&self.source, token),
        }
    }
    /// Looks a collection up among those that may have its token.
    #[inline]
    pub(super) fn find_candidate(&self, among: Candidates, token: u64, collection: &[u8]) -> Result<Found<'_>> {
        match self.source.whole() {
            Some(whole) => self.find_among(whole, among, token, collection),
            None => self.find_among(&self.source, among, token, collection),
        }
    }
    #[inline]
    fn find_among<'a>(
        &self,
        source: impl Access<'a>,
        candidates: Candidates,
        token: u64,
        collection: &[u8],
    ) -> Result<Found<'a>> {
        let (mut low, mut high) = (candidates.start, candidates.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let only = candidates.end - candidates.start == 1;
            let offset = if only { candidates.offset } else { self.directory.offset(source, middle)? };
            let root = self.root_in(source, offset)?;
            let its_collection = root.collection().ok_or_else(|| self.damaged(offset))?;
            match (root.token(), its_collection).cmp(&(token, collection)) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(Found::At(root, middle)),
                Ordering::Greater => high = middle,
            }
        }
        Ok(Found::Before(low))
    }
    /// The version under a key.
    #[inline]
    pub(super) fn get<'a>(&'a self, source: impl Access<'a>, key: KeyRef<'_>) -> Result<Option<Version>> {
        if self.hashes.exists() {
            return self.hashes.find(source, key_hash(key), |place| self.version_at(source, place, key));
        }
        self.get_by_directory(source, key)
    }
    /// The version at a place, if it is that of a key.
    #[inline(always)]
    fn version_at<'a>(&'a self, source: impl Access<'a>, place: Place, key: KeyRef<'_>) -> Result<Option<Version>> {
        let Root::Leaf(at) = self.root_in(source, place.leaf)? else { return Err(self.damaged(place.leaf)) };
        let (leaf, bytes) = (&at.leaf, &at.bytes[..]);
        let damaged = || self.damaged(at.offset);
        if leaf.token != key.token || leaf.collection(bytes).ok_or_else(damaged)? != key.collection {
            return Ok(None);
        }
        let index = match place.index {
            Some(index) => index,
            None => match leaf.search(bytes, key.sort).ok_or_else(damaged)? {
                Ok(index) => index,
                Err(_) => return Ok(None),
            },
        };
        let Some(slot) = leaf.entry_if(bytes, index, key.sort).ok_or_else(damaged)? else { return Ok(None) };
        let encoded = bytes.get(slot.start as usize..slot.end as usize).unwrap_or_default();
        std::hint::black_box(load_ahead(encoded));
        Ok(Some(Version { seqno: slot.seqno, item: self.item(&at, slot) }))
    }
    fn get_by_directory<'a>(&'a self, source: impl Access<'a>, key: KeyRef<'_>) -> Result<Option<Version>> {
        if !self.filter.may_hold(source, key)? {
            return Ok(None);
        }
        let Found::At(root, _) = self.find_in(source, key.token, key.collection)? else {
            return Ok(None);
        };
        let at = match root {
            Root::Leaf(at) => at,
            Root::Node(_) => self.descend(root, |node, bytes| node.find(bytes, key.sort))?,
        };
        let Ok(index) = at.leaf.search(&at.bytes, key.sort).ok_or_else(|| self.damaged(at.offset))? else {
            return Ok(None);
        };
        let slot = at.leaf.slot(&at.bytes, index).ok_or_else(|| self.damaged(at.offset))?;
        Ok(Some(Version { seqno: slot.seqno, item: self.item(&at, slot) }))
    }
    /// What a look-up of a key goes by, and the offset of the first thing that it reads: the hash of the key and its bucket in
    /// the hash index, or the token and its bucket in the directory.
    #[inline]
    pub(super) fn route(&self, key: KeyRef<'_>) -> (u64, u64) {
        if self.hashes.exists() {
            let hash = key_hash(key);
            (hash, self.hashes.bucket_at(hash))
        } else {
            (key.token, self.directory.bucket_at(key.token))
        }
    }
    /// Offset of the record that a route leads to; 0 if there is none, or if it cannot be told.
    #[inline]
    pub(super) fn record_of(&self, route: u64) -> u64 {
        match (self.hashes.exists(), self.source.whole()) {
            (true, Some(whole)) => self.hashes.find(whole, route, |place| Ok(Some(place.leaf))).ok().flatten(),
            (true, None) => self.hashes.find(&self.source, route, |place| Ok(Some(place.leaf))).ok().flatten(),
            (false, Some(whole)) => self.directory.candidates(whole, route).ok().map(|found| found.offset),
            (false, None) => self.directory.candidates(&self.source, route).ok().map(|found| found.offset),
        }
        .unwrap_or(0)
    }
    /// The leaf that is reached from a root by choosing a child of each node on the way.
    #[inline]
    pub(super) fn descend<'a>(
        &'a self,
        root: Root<'a>,
        choose: impl Fn(&Node, &[u8]) -> Option<usize>,
    ) -> Result<LeafAt<'a>> {
        let (mut root, mut above) = (root, MAX_LEVEL + 1);
        loop {
            match root {
                Root::Leaf(at) => return Ok(at),
                Root::Node(NodeAt { node, bytes, offset }) => {
                    let child = choose(&node, &bytes).and_then(|index| node.child(&bytes, index));
                    let child = child.filter(|child| *child < offset && node.level < above);
                    above = node.level;
                    root = self.root(child.ok_or_else(|| self.damaged(offset))?)?;
                }
            }
        }
    }
    pub(super) fn leftmost<'a>(&'a self, root: Root<'a>) -> Result<LeafAt<'a>> {
        self.descend(root, |_, _| Some(0))
    }
    /// The leaf that follows in the file, whichever collection it belongs to.
    pub(super) fn leaf_behind<'a>(&'a self, at: &LeafAt<'_>) -> Result<Option<LeafAt<'a>>> {
        let mut offset = at.offset + at.bytes.len() as u64;
        while offset < self.footer.records_end {
            match self.root(offset)? {
                Root::Leaf(at) => return Ok(Some(at)),
                Root::Node(at) => offset += at.bytes.len() as u64,
            }
        }
        Ok(None)
    }
    /// The same, in memory that goes along with the walk: for a leaf that is not in place.
    #[inline(never)]
    pub(super) fn leaf_behind_through<'a>(
        &'a self,
        at: &LeafAt<'_>,
        window: &mut Option<Box<Window>>,
    ) -> Result<Option<LeafAt<'a>>> {
        let (mut offset, end) = (at.offset + at.bytes.len() as u64, self.footer.records_end);
        if self.source.in_one_piece().is_some() {
            *window = None;
            return self.leaf_behind(at);
        }
        while offset < end {
            let present = Window::at(&self.source, &self.names, window.take(), offset, end)?;
            // What does not fit into a window is read by itself.
            let root = match window.insert(present).record(offset, end) {
                Some((bytes, flags)) => self.root_of(Piece::Own(bytes), flags, offset)?,
                None => self.root(offset)?,
            };
            match root {
                Root::Leaf(at) => return Ok(Some(at)),
                Root::Node(at) => offset += at.bytes.len() as u64,
            }
        }
        Ok(None)
    }
    /// The item of an entry, `None` for a tombstone.
    #[inline]
    pub(super) fn item(&self, at: &LeafAt<'_>, slot: Slot) -> Option<ItemRef> {
        (!slot.is_tombstone).then(|| self.item_at(at, slot.start as usize, slot.end as usize))
    }
    /// The item at a place in a leaf.
    #[inline(always)]
    pub(super) fn item_at(&self, at: &LeafAt<'_>, start: usize, end: usize) -> ItemRef {
        self.item_from(self.handle(at), at, start, end)
    }
    /// What items of a leaf refer to, and where the leaf begins in that, if it is in the file as a whole.
    #[inline(always)]
    pub(super) fn handle(&self, at: &LeafAt<'_>) -> Option<(&Arc<NamedBytes>, usize)> {
        match &at.bytes {
            Piece::InPlace(_) => {
                let named = self.named.get_or_init(|| self.handles());
                Some((&named[(at.offset >> HANDLE_SHIFT) as usize % HANDLES], at.offset as usize))
            }
            Piece::Own(_) => None,
        }
    }
    /// The item at a place in a leaf whose [`handle`](Self::handle) is at hand.
    #[inline(always)]
    pub(super) fn item_from(
        &self,
        handle: Option<(&Arc<NamedBytes>, usize)>,
        at: &LeafAt<'_>,
        start: usize,
        end: usize,
    ) -> ItemRef {
        match (handle, &at.bytes) {
            (Some((named, leaf_at)), _) => ItemRef::within(named, leaf_at + start..leaf_at + end),
            (None, Piece::Own(bytes)) => ItemRef::with_names(bytes.slice(start..end), Arc::clone(&self.names)),
            (None, Piece::InPlace(bytes)) => {
                ItemRef::with_names(bytes::Bytes::copy_from_slice(&bytes[start..end]), Arc::clone(&self.names))
            }
        }
    }
    /// Position in the directory of the first collection whose token is not below `token`.
    pub(super) fn position(&self, token: u64) -> Result<u64> {
        match self.find(token, &[])? {
            Found::Before(index) | Found::At(_, index) => Ok(index),
        }
    }
    /// Position in the directory of the first collection whose token is above `token`.
    pub(super) fn position_behind(&self, token: u64) -> Result<u64> {
        token.checked_add(1).map_or(Ok(self.directory.len()), |next| self.position(next))
    }
}
