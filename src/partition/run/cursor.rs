//! Walks over the entries of a run: one collection in either direction, or everything in a range of tokens upwards.

use super::{
    lookup::{LeafAt, Opened, Root},
    node::Node,
    reader::{Run, item_of},
};
use crate::{
    error::{Error, Result},
    item::{Dictionary, ItemRef},
    partition::key::KeyRef,
};
use std::{
    ops::{Bound, Range},
    sync::Arc,
};

/// A position in a run: on an entry, or exhausted. An error exhausts it.
#[derive(Clone, Debug)]
pub struct RunCursor {
    run: Arc<Run>,
    names: Arc<Dictionary>,
    position: Position,
}

/// Where a cursor stands, apart from the run, so that it can be moved while the run is borrowed.
#[derive(Clone, Debug)]
struct Position {
    way: Way,
    /// The leaf that the position lies in; `None` once exhausted.
    at: Option<LeafAt>,
    index: usize,
    /// Entries of the leaf within the bounds.
    within: Range<usize>,
    /// The entry's sort key; its begin is the leaf's prefix.
    sort: Vec<u8>,
    prefix_len: usize,
    seqno: u64,
    /// Where the entry's item lies in the leaf; `None` for a tombstone.
    item: Option<Range<usize>>,
}

/// Where a cursor goes and where it stops.
#[derive(Clone, Debug)]
enum Way {
    Up { upper: Bound<Vec<u8>> },
    Down { lower: Bound<Vec<u8>> },
    Scan { last_token: u64 },
}

fn as_slices(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// The child in which a bound lies, `open` if there is none.
fn child_for(node: &Node, bytes: &[u8], bound: Bound<&[u8]>, open: usize) -> Option<usize> {
    match bound {
        Bound::Unbounded => Some(open),
        Bound::Included(sort) | Bound::Excluded(sort) => node.find(bytes, sort),
    }
}

impl RunCursor {
    fn new(run: &Arc<Run>, position: Position) -> Result<Self> {
        Ok(Self { run: Arc::clone(run), names: Arc::clone(run.names()?), position })
    }
    /// On the first entry of a collection within the bounds.
    pub(super) fn ascend(run: &Arc<Run>, root: Root, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Result<Self> {
        let opened = run.opened()?;
        let at = opened.descend(root, |node, bytes| child_for(node, bytes, lower, 0))?;
        let mut position = Position::new(Way::Up { upper: upper.map(<[u8]>::to_vec) });
        position.enter_upwards(opened, at, lower)?;
        Self::new(run, position)
    }
    /// On the last entry of a collection within the bounds.
    pub(super) fn descend(run: &Arc<Run>, root: Root, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Result<Self> {
        let opened = run.opened()?;
        let at = opened.descend(root, |node, bytes| child_for(node, bytes, upper, node.children - 1))?;
        let mut position = Position::new(Way::Down { lower: lower.map(<[u8]>::to_vec) });
        position.enter_downwards(opened, at, upper)?;
        Self::new(run, position)
    }
    /// On the first entry from `start` on whose token is not above `last_token`; exhausted without `start`.
    pub(super) fn scan(run: &Arc<Run>, start: Option<(LeafAt, Bound<&[u8]>)>, last_token: u64) -> Result<Self> {
        let mut position = Position::new(Way::Scan { last_token });
        if let Some((at, lower)) = start {
            position.enter_upwards(run.opened()?, at, lower)?;
        }
        Self::new(run, position)
    }
    /// Whether the cursor is on an entry.
    pub fn valid(&self) -> bool {
        self.position.at.is_some()
    }
    /// The key of the entry; of an exhausted cursor an empty key.
    pub fn key(&self) -> KeyRef<'_> {
        let Some((at, opened)) = self.position.at.as_ref().zip(self.run.opened_before()) else {
            return KeyRef { token: 0, collection: &[], sort: &[] };
        };
        let collection = at.leaf.collection(opened.source.bytes(&at.span)).unwrap_or_default();
        KeyRef { token: at.leaf.token, collection, sort: &self.position.sort }
    }
    /// Sequence number of the entry.
    pub fn seqno(&self) -> u64 {
        self.position.seqno
    }
    /// Whether the entry is a tombstone.
    pub fn is_tombstone(&self) -> bool {
        self.valid() && self.position.item.is_none()
    }
    /// The item of the entry, in place; `None` for a tombstone.
    pub fn item(&self) -> Option<ItemRef> {
        let (at, opened) = self.position.at.as_ref().zip(self.run.opened_before())?;
        let bytes = opened.source.share(&at.span, self.position.item.clone()?)?;
        Some(item_of(bytes, &self.names))
    }
    /// Moves to the next entry in the cursor's direction; an exhausted cursor stays so.
    pub fn advance(&mut self) -> Result<()> {
        match self.run.opened_before() {
            Some(opened) => self.position.advance(opened),
            None => Ok(()),
        }
    }
}

/// Parts of a collection that refer to each other must belong together.
fn check_same_collection(opened: &Opened, a: &LeafAt, b: &LeafAt) -> Result<()> {
    let key = |at: &LeafAt| (at.leaf.token, at.leaf.collection(opened.source.bytes(&at.span)).map(<[u8]>::len));
    if key(a) == key(b) { Ok(()) } else { Err(opened.damaged(b.offset)) }
}

impl Position {
    fn new(way: Way) -> Self {
        let (sort, within) = (Vec::new(), 0..0);
        Self { way, at: None, index: 0, within, sort, prefix_len: 0, seqno: 0, item: None }
    }
    fn advance(&mut self, opened: &Opened) -> Result<()> {
        let down = matches!(self.way, Way::Down { .. });
        let next = if down { self.index.checked_sub(1) } else { Some(self.index + 1) };
        if let Some(next) = next.filter(|next| self.within.contains(next)) {
            return self.place(opened, next);
        }
        let Some(at) = self.at.take() else {
            return Ok(());
        };
        let bounded = if down { self.within.start > 0 } else { self.within.end < at.leaf.len };
        if bounded { Ok(()) } else { self.leave(opened, &at) }
    }
    /// Goes from a leaf, all of whose entries lie behind the cursor, to the neighbour in its direction.
    fn leave(&mut self, opened: &Opened, at: &LeafAt) -> Result<()> {
        self.at = None;
        match &self.way {
            Way::Up { .. } if !at.leaf.later => Ok(()),
            Way::Down { .. } => {
                let Some(back) = at.leaf.back else {
                    return Ok(());
                };
                let before = at.offset.checked_sub(back).filter(|before| *before < at.offset);
                let before = opened.leaf(before.ok_or_else(|| opened.damaged(at.offset))?)?;
                check_same_collection(opened, at, &before)?;
                self.enter_downwards(opened, before, Bound::Unbounded)
            }
            way => match opened.leaf_behind(at)? {
                Some(next) => {
                    if matches!(way, Way::Up { .. }) || at.leaf.later {
                        check_same_collection(opened, at, &next)?;
                    }
                    self.enter_upwards(opened, next, Bound::Unbounded)
                }
                None if at.leaf.later => Err(opened.damaged(at.offset)),
                None => Ok(()),
            },
        }
    }
    /// Takes the first entry of a leaf that is not below `lower`, or looks further up.
    fn enter_upwards(&mut self, opened: &Opened, at: LeafAt, lower: Bound<&[u8]>) -> Result<()> {
        let bytes = opened.source.bytes(&at.span);
        let start = at.leaf.first_within(bytes, lower);
        let end = match &self.way {
            Way::Scan { last_token } if at.leaf.token > *last_token => return Ok(()),
            Way::Up { upper } => at.leaf.end_within(bytes, as_slices(upper)),
            _ => Some(at.leaf.len),
        };
        let (start, end) = start.zip(end).ok_or_else(|| opened.damaged(at.offset))?;
        if start == at.leaf.len && end == start {
            return self.leave(opened, &at);
        }
        if start < end {
            self.enter(opened, at, start..end, start)?;
        }
        Ok(())
    }
    /// Takes the last entry of a leaf that is not above `upper`, or looks further down.
    fn enter_downwards(&mut self, opened: &Opened, at: LeafAt, upper: Bound<&[u8]>) -> Result<()> {
        let bytes = opened.source.bytes(&at.span);
        let start = match &self.way {
            Way::Down { lower } => at.leaf.first_within(bytes, as_slices(lower)),
            _ => Some(0),
        };
        let (start, end) = start.zip(at.leaf.end_within(bytes, upper)).ok_or_else(|| opened.damaged(at.offset))?;
        if end == 0 && start == 0 {
            return self.leave(opened, &at);
        }
        if start < end {
            self.enter(opened, at, start..end, end - 1)?;
        }
        Ok(())
    }
    fn enter(&mut self, opened: &Opened, at: LeafAt, within: Range<usize>, index: usize) -> Result<()> {
        let prefix = at.leaf.prefix(opened.source.bytes(&at.span)).ok_or_else(|| opened.damaged(at.offset))?;
        self.sort.clear();
        self.sort.extend_from_slice(prefix);
        self.prefix_len = prefix.len();
        self.within = within;
        self.at = Some(at);
        self.place(opened, index)
    }
    /// Takes an entry of the leaf.
    #[inline]
    fn place(&mut self, opened: &Opened, index: usize) -> Result<()> {
        let Some(at) = &self.at else { return Ok(()) };
        let bytes = opened.source.bytes(&at.span);
        let Some((suffix, (seqno, item))) = at.leaf.suffix(bytes, index).zip(at.leaf.version(bytes, index)) else {
            return Err(self.fail(opened));
        };
        self.sort.truncate(self.prefix_len);
        self.sort.extend_from_slice(suffix);
        (self.index, self.seqno, self.item) = (index, seqno, item);
        Ok(())
    }
    #[cold]
    fn fail(&mut self, opened: &Opened) -> Error {
        opened.damaged(self.at.take().map_or(0, |at| at.offset))
    }
}
