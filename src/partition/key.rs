//! Keys as a partition sees them, and what lies under a key.

use crate::item::ItemRef;

/// The whole key of an entry. Entries are ordered by token, then collection, then sort key, each compared as unsigned
/// bytes; that order is the order of every memtable, run and merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyRef<'a> {
    /// Hash of the partition key: where on the token ring the collection lies. Given by the caller, never computed
    /// here.
    pub token: u64,
    /// Key space (one byte: 0 for items, then one per local index) and the encoded partition key.
    pub collection: &'a [u8],
    /// The encoded sort key; empty in tables without one.
    pub sort: &'a [u8],
}

/// The state of a key as of one change.
#[derive(Clone, Debug)]
pub struct Version {
    /// Sequence number of the change; the highest one is the newest.
    pub seqno: u64,
    /// The item, or `None` for a tombstone: the change was a delete.
    pub item: Option<ItemRef>,
}

impl Version {
    /// Whether the change was a delete.
    #[cfg(test)]
    pub fn is_tombstone(&self) -> bool {
        self.item.is_none()
    }
}

/// Which versions a read sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadPoint {
    /// The newest version, durable or not: what conditions of writers are evaluated on.
    Newest,
    /// The newest version that is durable in the mode it was written in: what readers see.
    Visible,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_token_then_collection_then_sort_key() {
        let key = |token, collection, sort| KeyRef { token, collection, sort };
        let ordered =
            [key(1, b"b", b"z"), key(2, b"", b""), key(2, b"a", b""), key(2, b"a", b"\0"), key(2, b"a\0", b"")];
        assert!(ordered.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
