//! Where an item or index entry is among all of its table or index.

/// A position in the order of a table's items or of an index's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPosition<'a> {
    /// Hash of the partition key.
    pub token: u64,
    /// The encoded partition key.
    pub collection: &'a [u8],
    /// The encoded sort key.
    pub sort: &'a [u8],
}

impl KeyPosition<'_> {
    /// The same position, kept.
    pub fn to_owned(self) -> OwnedKeyPosition {
        OwnedKeyPosition { token: self.token, collection: self.collection.into(), sort: self.sort.into() }
    }
}

/// A position that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedKeyPosition {
    pub token: u64,
    pub collection: Box<[u8]>,
    pub sort: Box<[u8]>,
}

impl OwnedKeyPosition {
    /// The beginning of the range of a token.
    pub fn of_token(token: u64) -> Self {
        Self { token, ..Self::default() }
    }
    /// The beginning of the collection that the position is in.
    pub fn collection_start(&self) -> Self {
        Self { token: self.token, collection: self.collection.clone(), sort: Box::default() }
    }
    /// The position, borrowed.
    pub fn as_position(&self) -> KeyPosition<'_> {
        KeyPosition { token: self.token, collection: &self.collection, sort: &self.sort }
    }
    /// Whether both are in one collection.
    pub fn is_same_collection(&self, other: &Self) -> bool {
        self.token == other.token && self.collection == other.collection
    }
}
