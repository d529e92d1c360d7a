//! Sizes of item collections that are remembered: all items of one partition key with their entries in local indexes.

use parking_lot::Mutex;
use std::collections::HashMap;

/// Collections whose size is remembered at most; one more, and all are forgotten and counted anew when they are needed.
const MOST_REMEMBERED: usize = 100_000;

/// A collection: its table and its key with the key space of items in front.
pub type CollectionKey = (u32, Vec<u8>);

/// Sizes of the collections that were written to since the database was opened.
#[derive(Debug, Default)]
pub struct ItemCollectionSizes(Mutex<HashMap<CollectionKey, u64>>);

impl ItemCollectionSizes {
    /// The size of a collection, if it is remembered.
    pub fn known(&self, place: &CollectionKey) -> Option<u64> {
        self.0.lock().get(place).copied()
    }
    /// Remembers the size of a collection.
    pub fn remember(&self, place: CollectionKey, bytes: u64) {
        let mut sizes = self.0.lock();
        if sizes.len() >= MOST_REMEMBERED && !sizes.contains_key(&place) {
            sizes.clear();
        }
        sizes.insert(place, bytes);
    }
}

/// The collections that a commit is about to change, with their sizes after it.
#[derive(Debug, Default)]
pub struct CollectionDelta(Vec<(CollectionKey, u64)>);

impl CollectionDelta {
    /// The size that a collection will have, if the commit changes it.
    pub fn known(&self, place: &CollectionKey) -> Option<u64> {
        self.0.iter().find(|(known, _)| known == place).map(|(_, bytes)| *bytes)
    }
    /// A collection will have this size.
    pub fn set(&mut self, place: CollectionKey, bytes: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == place) {
            Some((_, known)) => *known = bytes,
            None => self.0.push((place, bytes)),
        }
    }
    /// All collections with their sizes.
    pub fn into_sizes(self) -> impl Iterator<Item = (CollectionKey, u64)> {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: usize) -> CollectionKey {
        (1, number.to_le_bytes().to_vec())
    }

    #[test]
    fn sizes_are_remembered_until_there_are_too_many() {
        let collections = ItemCollectionSizes::default();
        (0..MOST_REMEMBERED).for_each(|number| collections.remember(place(number), number as u64));
        collections.remember(place(7), 700);
        let known = [0, 7, MOST_REMEMBERED - 1, MOST_REMEMBERED].map(|number| collections.known(&place(number)));
        assert_eq!(known, [Some(0), Some(700), Some(MOST_REMEMBERED as u64 - 1), None]);
        collections.remember(place(MOST_REMEMBERED), 5);
        let known = [0, 7, MOST_REMEMBERED].map(|number| collections.known(&place(number)));
        assert_eq!(known, [None, None, Some(5)], "one more, and the others are forgotten");
    }

    #[test]
    fn a_commit_leaves_each_collection_with_its_last_size() {
        let mut growth = CollectionDelta::default();
        growth.set(place(1), 10);
        growth.set(place(2), 20);
        growth.set(place(1), 30);
        assert_eq!([1, 2, 3].map(|number| growth.known(&place(number))), [Some(30), Some(20), None]);
        assert!(growth.into_sizes().eq([(place(1), 30), (place(2), 20)]));
    }
}
