//! Secondary indexes as a pure function of their table: what an index holds follows from an item before and after a
//! change, and from nothing else. This room computes; `engine` writes.
//!
//! Imports: canary, item, schema.

use crate::{
    canary::canary,
    item::{ItemRef, size::MAX_ITEM_BYTES},
    schema::{EncodedKey, IndexDefinition, IndexKind, IndexStatus, Projection, TableDefinition, expiry_place},
};
use bytes::Bytes;

/// What one change of an item means for one index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexChange {
    /// Position of the index in the table's definition.
    pub index: usize,
    /// Entry that disappears.
    pub remove: Option<EncodedKey>,
    /// Entry that appears or changes, with its encoded projection.
    pub put: Option<(EncodedKey, Bytes)>,
    /// Write units that the change costs.
    pub units: u32,
    /// Those of them that the entry costs which disappears.
    pub removed_units: u32,
}

/// The changes of all indexes that follow from a change of the item with a key. Indexes whose entry stays the same are left out.
pub fn changes(
    table: &TableDefinition,
    key: &EncodedKey,
    derives: impl Fn(&IndexDefinition) -> bool,
    old: Option<&ItemRef>,
    new: Option<&ItemRef>,
) -> Vec<IndexChange> {
    let mut all = Vec::new();
    for (position, index) in table.indexes.iter().enumerate() {
        if index.status != IndexStatus::Deleting && derives(index) {
            all.extend(match index.kind {
                IndexKind::Expiry => expiry_change(table, key, position, old, new),
                _ => change_of(table, position, index, old, new),
            });
        }
    }
    all
}

/// An entry of an expiry index is made of the item's key and its end, and goes only when the end changes.
fn expiry_change(
    table: &TableDefinition,
    key: &EncodedKey,
    position: usize,
    old: Option<&ItemRef>,
    new: Option<&ItemRef>,
) -> Option<IndexChange> {
    let before = old.and_then(|item| table.expiry_second(item));
    let after = new.and_then(|item| table.expiry_second(item));
    if before == after {
        return None;
    }
    let remove =
        before.and_then(|second| expiry_place(key, second)).filter(|_| after.is_none() || !canary!(StaleIndexEntry));
    let place = after.and_then(|second| expiry_place(key, second));
    let put = place.zip(new).map(|(place, item)| (place, table.key.project(item).into()));
    let units = |entry: bool| u32::from(entry);
    let removed_units = units(remove.is_some());
    Some(IndexChange { index: position, units: removed_units + units(put.is_some()), removed_units, remove, put })
}

fn change_of(
    table: &TableDefinition,
    position: usize,
    index: &IndexDefinition,
    old: Option<&ItemRef>,
    new: Option<&ItemRef>,
) -> Option<IndexChange> {
    let old = old.and_then(|item| entry(table, index, item));
    let new = new.and_then(|item| entry(table, index, item));
    let units = |entry: &Entry| u32::try_from(entry.size_bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX);
    let change = match (old, new) {
        (None, None) => return None,
        (None, Some(new)) => IndexChange {
            index: position,
            remove: None,
            units: units(&new),
            removed_units: 0,
            put: Some((new.key, new.bytes)),
        },
        (Some(old), None) => IndexChange {
            index: position,
            units: units(&old),
            removed_units: units(&old),
            remove: Some(old.key),
            put: None,
        },
        (Some(old), Some(new)) if old.key == new.key => {
            if old.bytes == new.bytes {
                return None;
            }
            let units = units(&old).max(units(&new));
            IndexChange { index: position, remove: None, units, removed_units: 0, put: Some((new.key, new.bytes)) }
        }
        (Some(old), Some(new)) => IndexChange {
            index: position,
            units: units(&old) + units(&new),
            removed_units: units(&old),
            remove: Some(old.key).filter(|_| !canary!(StaleIndexEntry)),
            put: Some((new.key, new.bytes)),
        },
    };
    Some(change)
}

/// An entry of an index: where it is and what it carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the entry is.
    pub key: EncodedKey,
    /// The projected item, encoded with inline names.
    pub bytes: Bytes,
    /// Size of the projected item by DynamoDB's rule, in bytes.
    pub size_bytes: usize,
}

/// Bytes of an encoded item of `size_bytes` together with its entries in local indexes, which may have as many as one item.
/// Where they cannot be too many they are not counted, and the item's own bytes are returned.
pub fn bytes_with_local_entries(table: &TableDefinition, item: &Bytes, size_bytes: usize) -> usize {
    let locals = || table.indexes.iter().filter(|index| index.kind == IndexKind::Local);
    if size_bytes * (1 + locals().count()) <= MAX_ITEM_BYTES {
        return size_bytes;
    }
    let item = ItemRef::from_bytes(item.clone());
    let entries = locals().filter_map(|index| entry(table, index, &item));
    size_bytes + entries.map(|entry| entry.size_bytes).sum::<usize>()
}

/// The entry of an item in an index; `None` where the item is not indexed.
pub fn entry(table: &TableDefinition, index: &IndexDefinition, item: &ItemRef) -> Option<Entry> {
    let key = table.index_key(index, item)?;
    if index.kind == IndexKind::Expiry {
        let bytes = table.key.project(item).into();
        return Some(Entry { key, bytes, size_bytes: 0 });
    }
    if index.projection == Projection::All {
        let bytes = item.to_inline_bytes();
        return Some(Entry { key, bytes, size_bytes: item.size_bytes() });
    }
    let projected = item.project(|name| index.projects(&table.key, name));
    Some(Entry { key, bytes: projected.to_inline_bytes(), size_bytes: projected.size_bytes() })
}
