//! Scan: every item, in the order of tokens, in one piece or in parallel segments.

use super::{KeyShape, Table, read::Read};
use crate::request::Scan;

impl<K: KeyShape> Table<K> {
    /// Every item of the table.
    pub fn scan(&self) -> Read<Scan<'static>> {
        Read::new(Scan::new(self.owned_ref()), self.hooks.clone())
    }
    /// Every entry of an index, with what the index projects.
    pub fn scan_index(&self, name: impl Into<String>) -> Read<Scan<'static>> {
        self.scan().index(name)
    }
}

impl Read<Scan<'static>> {
    /// Reads one of `total` segments: disjoint ranges of tokens that together are the table.
    pub fn segment(mut self, segment: u32, total: u32) -> Self {
        self.request.segment = Some((segment, total));
        self
    }
}
