//! Look-ups in a run that has been opened: from a token to the record of a collection, and from there to a leaf.

use super::{
    directory::Directory,
    filter::Filter,
    format::{FLAG_NODE, Footer, HEAD_BYTES, HEADER_BYTES, Identity, u32_at},
    leaf::Leaf,
    node::{MAX_LEVEL, Node},
    source::{Source, Span},
};
use crate::{
    error::{Error, Result},
    item::Dictionary,
};
use std::cmp::Ordering;

/// What the first access finds.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) footer: Footer,
    pub(super) directory: Directory,
    pub(super) filter: Filter,
    pub(super) identity: Identity,
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

impl Root {
    pub(super) fn token(&self) -> u64 {
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
    pub(super) fn position(&self, token: u64) -> Result<u64> {
        match self.find(token, &[])? {
            Found::Before(index) | Found::At(_, index) => Ok(index),
        }
    }
    /// Position in the directory of the first collection whose token is above `token`.
    pub(super) fn position_behind(&self, token: u64) -> Result<u64> {
        token.checked_add(1).map_or(Ok(self.directory.len()), |next| self.position(next))
    }
    /// The bytes of the attribute names.
    pub(super) fn dictionary(&self) -> Result<Dictionary> {
        let (start, end) = (self.footer.records_end, self.footer.dictionary_end);
        let len = usize::try_from(end - start).map_err(|_| self.damaged(start))?;
        let span = self.source.span(start, len)?;
        Dictionary::decode(self.source.bytes(&span)).ok_or_else(|| self.identity.corrupt(start, "no attribute names"))
    }
}
