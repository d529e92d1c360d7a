//! One item of a commit between decision and log.

use super::{
    catalog::TableState,
    lock_set::PerItem,
    write::{ItemResult, WriteAction},
};
use crate::{
    capacity::IndexUnits,
    error::{Error, Result},
    index::{self, IndexChange},
    item::ItemRef,
    schema::{EncodedKey, IndexKind, Stamp, StreamPurpose, TableDefinition},
    stream::ChangeEvent,
    wal::record::Before,
};
use bytes::Bytes;

/// One item of a commit between decision and log.
pub(super) struct StagedWrite {
    pub(super) position: usize,
    pub(super) old: Option<ItemRef>,
    pub(super) new: Option<Bytes>,
    pub(super) changed: bool,
    /// What its stream tells of it, if it has one and there is something to tell.
    pub(super) event: Option<ChangeEvent>,
    pub(super) indexes: Vec<IndexChange>,
    /// The stamp that the item gets, in a table with replicas.
    pub(super) stamp: Option<Box<Stamp>>,
    /// What the log says of the item before, where that is less than all of it.
    derived_from: Option<Vec<u8>>,
}

/// What becomes of an item by a decision: its images, its index entries, and what its stream tells.
pub(super) fn plan(
    position: usize,
    state: &TableState,
    key: &EncodedKey,
    old: Option<ItemRef>,
    decision: WriteAction,
) -> Result<StagedWrite> {
    let new = match decision {
        WriteAction::Put(bytes) => Some(bytes),
        WriteAction::Delete => None,
        WriteAction::Keep => {
            let new = old.as_ref().map(ItemRef::to_inline_bytes);
            return Ok(StagedWrite {
                position,
                old,
                new,
                changed: false,
                event: None,
                indexes: Vec::new(),
                stamp: None,
                derived_from: None,
            });
        }
    };
    let definition = &*state.definition;
    let changed = old.is_some() || new.is_some();
    let (mut old, mut event, mut indexes, mut derived_from) = (old, None, Vec::new(), None);
    if definition.has_change_stream() || !definition.indexes.is_empty() {
        if derives_expiry_alone(definition) {
            let is_end = |name: &str| definition.ttl_attribute.as_deref() == Some(name);
            derived_from = old.as_ref().map(|old| old.project_bytes(1, is_end));
        } else {
            // Log, indexes and stream want all names of the old item written out, so that bytes are compared with bytes.
            old = old.map(|old| ItemRef::from_bytes(old.to_inline_bytes()));
        }
        let new_item = new.clone().map(ItemRef::from_bytes);
        if definition.has_change_stream() {
            event = ChangeEvent::of(old.as_ref(), new_item.as_ref());
        }
        indexes = index::changes(definition, key, |_| true, old.as_ref(), new_item.as_ref());
    }
    Ok(StagedWrite { position, old, new, changed, event, indexes, stamp: None, derived_from })
}

/// Whether nothing is derived from the changes of a table but its expiry index.
fn derives_expiry_alone(definition: &TableDefinition) -> bool {
    !definition.has_change_stream() && definition.indexes.iter().all(|index| index.kind == IndexKind::Expiry)
}

/// What was decided on each item, in the order of the operations, where some were rejected. Positions ascend.
pub(super) fn in_order(staged: PerItem<StagedWrite>, refused: Vec<(usize, Error)>) -> PerItem<Result<StagedWrite>> {
    let mut all: PerItem<Result<StagedWrite>> = staged.into_iter().map(Ok).collect();
    refused.into_iter().for_each(|(position, error)| all.insert(position, Err(error)));
    all
}

impl StagedWrite {
    /// The item stays what it was.
    pub(super) fn leave_as_is(&mut self) -> Result<()> {
        (self.changed, self.event) = (false, None);
        self.new = self.old.as_ref().map(ItemRef::to_inline_bytes);
        self.indexes.clear();
        Ok(())
    }
    /// What the log says of the item before.
    pub(super) fn before(&self, definition: &TableDefinition) -> Before<&[u8]> {
        match (&self.old, &self.derived_from) {
            (Some(_), Some(part)) => Before::Item(part),
            (Some(old), None) if is_old_shown(definition, self.new.as_ref()) => Before::Item(old.encoded()),
            (Some(_), None) if self.event.is_some() => Before::Different,
            (Some(_), None) => Before::Unknown,
            (None, _) => Before::Absent,
        }
    }
    pub(super) fn into_outcome(self, state: &TableState) -> ItemResult {
        // The bookkeeping of expiry costs no units.
        let costs = |change: &&IndexChange| state.definition.indexes[change.index].kind != IndexKind::Expiry;
        let units = |change: &IndexChange| IndexUnits { index: change.index, units: change.units };
        let index_units = self.indexes.iter().filter(costs).map(units).collect();
        ItemResult {
            old: self.old,
            new: self.new.map(ItemRef::from_bytes),
            index_units,
            definition: state.definition.clone(),
            is_logged: self.changed,
        }
    }
}

/// Whether something is derived from what an item was before a change: entries of indexes, images in a stream, or the
/// keys there of an item that was removed.
fn is_old_shown(definition: &TableDefinition, new: Option<&Bytes>) -> bool {
    let mut views = StreamPurpose::ALL.into_iter().filter_map(|purpose| definition.stream_view(purpose));
    views.any(|view| view.shows_old() || new.is_none()) || !definition.indexes.is_empty()
}
