//! From a logged change to memtables, index entries and stream records: one way, which the writer takes once its commit is
//! logged, and replay when it reads the commit back.
//!
//! What a change means is decided here. Where its parts go is the caller's affair, as an [`ApplyTarget`]: the writer has the
//! item's partition locked and leaves entries of global indexes for later; replay looks every partition up, and skips
//! what is in its runs already.

use super::{catalog::TableState, ring::TokenRing};
use crate::{
    canary::canary,
    index::IndexChange,
    item::ItemRef,
    schema::{EncodedKey, Stamp, StreamView},
    stream::{Change, ChangeEvent, Occurrence, Sequence},
    wal::record::Origin,
};
use bytes::Bytes;
use std::sync::Arc;

/// What all versions that one commit writes have in common.
#[derive(Clone, Copy, Debug)]
pub struct WriteStamp {
    /// Number of the log record.
    pub seqno: u64,
    /// When it was logged, in milliseconds since 1970.
    pub at_millis: u64,
    /// Whether readers see the versions before they are durable.
    pub buffered: bool,
}

/// A logged change of one item, with what follows from it.
pub(super) struct AppliedChange<'a> {
    /// Position among the changes of the commit.
    pub ordinal: usize,
    /// The item.
    pub key: &'a EncodedKey,
    /// Its table; `None` for one that was deleted later in the log, of which only stream records are left.
    pub state: Option<&'a TableState>,
    /// The item before, where something derives from it.
    pub old: Option<&'a ItemRef>,
    /// The encoded item after; `None` if it was deleted.
    pub new: Option<&'a Bytes>,
    /// What a stream of the table shows; `None` if the change left the item as it was.
    pub event: Option<ChangeEvent>,
    /// What becomes of index entries.
    pub indexes: &'a [IndexChange],
    /// The item's stamp, in a table with replicas.
    pub stamp: Option<&'a Stamp>,
}

/// Where the parts of a change go.
pub(super) trait ApplyTarget {
    /// A version of an item or index entry, for the partition of a ring that holds the key; `None` is a tombstone.
    fn insert(&mut self, ring: &Arc<TokenRing>, key: &EncodedKey, value: Option<&Bytes>);
    /// Records for the streams that the item's table had when the change was logged; `record` makes them.
    fn push(&mut self, key: &EncodedKey, record: impl Fn(StreamView) -> Change);
}

/// Applies one change of a commit.
#[inline]
pub(super) fn apply(change: &AppliedChange<'_>, stamp: WriteStamp, origin: Origin, target: &mut impl ApplyTarget) {
    if let Some(state) = change.state {
        target.insert(&state.ring, change.key, change.new);
        if let Some(stamp) = change.stamp {
            insert_stamp(state, change, stamp, target);
        }
    }
    if let Some(event) = change.event {
        target.push(change.key, |view| {
            let (old, new) = (change.old.cloned(), change.new.cloned().map(ItemRef::from_bytes));
            let sequence = Sequence::new(stamp.seqno, change.ordinal);
            Change::of(view, Occurrence { event, sequence, at_millis: stamp.at_millis, origin }, old, new)
        });
    }
    let Some(state) = change.state else { return };
    for index in change.indexes {
        let ring = &state.index_rings[index.index];
        if let Some(key) = &index.remove {
            target.insert(ring, key, None);
        }
        if let Some((key, entry)) = &index.put {
            target.insert(ring, key, Some(entry));
        }
    }
}

/// The stamp of a deleted item stays.
#[cold]
fn insert_stamp(state: &TableState, change: &AppliedChange<'_>, stamp: &Stamp, target: &mut impl ApplyTarget) {
    let is_kept = change.new.is_some() || !canary!(DeleteForgetsStamp);
    target.insert(&state.ring, &change.key.of_stamp(), Some(&stamp.to_entry()).filter(|_| is_kept));
}
