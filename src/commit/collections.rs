//! Sizes of item collections that are remembered: all items of one partition key with their entries in local indexes.

use parking_lot::Mutex;
use std::collections::HashMap;

/// Collections whose size is remembered at most; one more, and all are forgotten and counted anew when they are needed.
const MOST_REMEMBERED: usize = 100_000;

/// A collection: its table and its key with the key space of items in front.
pub type Place = (u32, Vec<u8>);

/// Sizes of the collections that were written to since the database was opened.
#[derive(Debug, Default)]
pub struct Collections(Mutex<HashMap<Place, u64>>);

impl Collections {
    /// The size of a collection, if it is remembered.
    pub fn known(&self, place: &Place) -> Option<u64> {
        self.0.lock().get(place).copied()
    }
    /// Remembers the size of a collection.
    pub fn remember(&self, place: Place, bytes: u64) {
        let mut sizes = self.0.lock();
        if sizes.len() >= MOST_REMEMBERED && !sizes.contains_key(&place) {
            sizes.clear();
        }
        sizes.insert(place, bytes);
    }
}

/// The collections that a commit is about to change, with their sizes after it.
#[derive(Debug, Default)]
pub struct Growth(Vec<(Place, u64)>);

impl Growth {
    /// The size that a collection will have, if the commit changes it.
    pub fn known(&self, place: &Place) -> Option<u64> {
        self.0.iter().find(|(known, _)| known == place).map(|(_, bytes)| *bytes)
    }
    /// A collection will have this size.
    pub fn set(&mut self, place: Place, bytes: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == place) {
            Some((_, known)) => *known = bytes,
            None => self.0.push((place, bytes)),
        }
    }
    /// All collections with their sizes.
    pub fn into_sizes(self) -> impl Iterator<Item = (Place, u64)> {
        self.0.into_iter()
    }
}
