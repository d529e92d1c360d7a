//! Secondary indexes as a pure function of their table: what an index holds follows from an item before and after a
//! change, and from nothing else. This room computes; `engine` writes.
//!
//! Imports: canary, item, schema.

use crate::{
    canary::canary,
    item::ItemRef,
    schema::{EncodedKey, IndexDefinition, IndexKind, IndexStatus, Projection, TableDefinition},
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

/// The changes of all indexes that follow from an item's change. Indexes whose entry stays the same are left out.
pub fn changes(
    table: &TableDefinition,
    derives: impl Fn(&IndexDefinition) -> bool,
    old: Option<&ItemRef>,
    new: Option<&ItemRef>,
) -> Vec<IndexChange> {
    let mut all = Vec::new();
    for (position, index) in table.indexes.iter().enumerate() {
        if index.status != IndexStatus::Deleting && derives(index) {
            all.extend(change_of(table, position, index, old, new));
        }
    }
    all
}

fn change_of(
    table: &TableDefinition,
    position: usize,
    index: &IndexDefinition,
    old: Option<&ItemRef>,
    new: Option<&ItemRef>,
) -> Option<IndexChange> {
    if index.kind == IndexKind::Expiry
        && let (Some(old), Some(new)) = (old, new)
        && table.expiry_second(old) == table.expiry_second(new)
    {
        return None;
    }
    let old = old.and_then(|item| match index.kind {
        // Its place changes or it goes: what it carried does not matter.
        IndexKind::Expiry => table.index_key(index, item).map(|key| Entry { key, bytes: Bytes::new(), size_bytes: 0 }),
        _ => entry(table, index, item),
    });
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

/// An entry of an index: where it lies and what it carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the entry lies.
    pub key: EncodedKey,
    /// The projected item, encoded with inline names.
    pub bytes: Bytes,
    /// Size of the projected item by DynamoDB's rule, in bytes.
    pub size_bytes: usize,
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
