//! Attribute names by number, so that a run stores each name once and not in every item.
//!
//! Items of a table mostly share their attribute names. A run collects the names of its items in one dictionary;
//! an item then holds a one- or two-byte id in the place of a name, and a reader that looks for an attribute compares
//! numbers. Not every name earns an id: maps keyed by user names or UUIDs have as many names as items. An id is
//! therefore given only to a name that comes a second time within short, and the dictionary is bounded; any other name
//! stays written out in its item.
//!
//! ```text
//! dictionary := varint count, count x (varint length, UTF-8 bytes)        the ids are 0, 1, 2, ... in this order
//! ```

use super::codec::{Cursor, write_bytes, write_varint};
use hashbrown::HashTable;
use std::fmt;
use xxhash_rust::xxh3::xxh3_64;

/// Names that one dictionary holds at most.
const MAX_NAMES: usize = 4096;
/// Bytes that the names of one dictionary have together at most.
const MAX_NAMES_BYTES: usize = 64 * 1024;
/// A longer name is always written out; it would take the room of many others.
const MAX_NAME_BYTES: usize = 255;

/// Attribute names and their ids.
#[derive(Default)]
pub struct Dictionary {
    /// The names, by id.
    names: Vec<Box<str>>,
    /// Bytes of all names.
    names_bytes: usize,
    /// Ids by the hash of their name.
    ids: HashTable<u32>,
}

impl Dictionary {
    /// The name that has an id.
    #[inline]
    pub fn name(&self, id: u32) -> Option<&str> {
        self.names.get(id as usize).map(|name| &**name)
    }
    /// The id of a name.
    #[inline]
    pub fn id(&self, name: &str) -> Option<u32> {
        self.id_of_hash(name, xxh3_64(name.as_bytes()))
    }
    #[inline]
    fn id_of_hash(&self, name: &str, hash: u64) -> Option<u32> {
        self.ids.find(hash, |&id| self.name(id) == Some(name)).copied()
    }
    /// How many names there are; ids are below it.
    pub fn len(&self) -> usize {
        self.names.len()
    }
    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
    /// All names, in the order of their ids.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
    /// Adds a name that is absent and for which there is room.
    fn insert(&mut self, name: &str, hash: u64) -> u32 {
        let id = self.names.len() as u32;
        self.names_bytes += name.len();
        self.names.push(name.into());
        let Self { names, ids, .. } = self;
        ids.insert_unique(hash, id, |&id| xxh3_64(names[id as usize].as_bytes()));
        id
    }
    fn has_room_for(&self, name: &str) -> bool {
        self.len() < MAX_NAMES && self.names_bytes + name.len() <= MAX_NAMES_BYTES
    }
    /// Appends the dictionary's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_varint(out, self.len());
        self.names().for_each(|name| write_bytes(out, name.as_bytes()));
    }
    /// A dictionary from its bytes; none if they are not exactly one dictionary within the bounds, without duplicates.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.varint()?;
        let mut dictionary = Self::default();
        for _ in 0..count {
            let name = std::str::from_utf8(cursor.bytes()?).ok()?;
            let hash = xxh3_64(name.as_bytes());
            if !dictionary.has_room_for(name) || dictionary.id_of_hash(name, hash).is_some() {
                return None;
            }
            dictionary.insert(name, hash);
        }
        cursor.rest().is_empty().then_some(dictionary)
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// How many names are remembered as seen once.
const SIGHTINGS: usize = 4096;

/// Collects the names of a run while its items are written.
pub struct DictionaryBuilder {
    names: Dictionary,
    /// Part of the hash of names seen once, in a slot chosen by the hash. A later name takes the slot over, so names
    /// that do not come again are forgotten by themselves.
    seen: Box<[u32]>,
}

impl DictionaryBuilder {
    /// An empty dictionary to be filled.
    pub fn new() -> Self {
        Self { names: Dictionary::default(), seen: vec![0; SIGHTINGS].into_boxed_slice() }
    }
    /// The id to write for a name. None if the name is to be written out: on its first sighting, if it is longer than
    /// 255 bytes, or if the dictionary is full (4096 names or 64 KiB).
    pub fn id_for(&mut self, name: &str) -> Option<u32> {
        let hash = xxh3_64(name.as_bytes());
        if let Some(id) = self.names.id_of_hash(name, hash) {
            return Some(id);
        }
        if name.len() > MAX_NAME_BYTES || !self.names.has_room_for(name) {
            return None;
        }
        let slot = self.seen.get_mut((hash >> 32) as usize % SIGHTINGS)?;
        let mark = hash as u32 | 1;
        if *slot != mark {
            *slot = mark;
            return None;
        }
        Some(self.names.insert(name, hash))
    }
    /// The finished dictionary.
    pub fn finish(self) -> Dictionary {
        self.names
    }
}

impl Default for DictionaryBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DictionaryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder_with(names: &[&str]) -> DictionaryBuilder {
        let mut builder = DictionaryBuilder::new();
        for name in names {
            builder.id_for(name);
            builder.id_for(name);
        }
        builder
    }

    #[test]
    fn a_name_gets_its_id_when_it_comes_again() {
        let mut builder = DictionaryBuilder::new();
        assert_eq!(builder.id_for("color"), None);
        assert_eq!(builder.id_for("color"), Some(0));
        assert_eq!(builder.id_for("size"), None);
        assert_eq!(builder.id_for("color"), Some(0));
        assert_eq!(builder.id_for("size"), Some(1));
        let names = builder.finish();
        assert_eq!(names.name(1), Some("size"));
        assert_eq!(names.name(2), None);
        assert_eq!(names.id("color"), Some(0));
        assert_eq!(names.id("weight"), None);
    }

    #[test]
    fn golden_bytes() {
        let mut out = Vec::new();
        builder_with(&["id", "ü", ""]).finish().encode(&mut out);
        assert_eq!(out, b"\x03\x02id\x02\xc3\xbc\x00");
        let names = Dictionary::decode(&out).unwrap();
        assert_eq!(names.names().collect::<Vec<_>>(), ["id", "ü", ""]);
        assert_eq!(names.id("ü"), Some(1));
    }

    #[test]
    fn bounded_in_names_and_in_bytes() {
        let mut builder = DictionaryBuilder::new();
        for i in 0..MAX_NAMES + 10 {
            let name = i.to_string();
            builder.id_for(&name);
            assert_eq!(builder.id_for(&name).is_some(), i < MAX_NAMES);
        }
        assert_eq!(builder.id_for("17"), Some(17));
        let mut builder = DictionaryBuilder::new();
        for i in 0..1000 {
            let name = format!("{i:0255}");
            builder.id_for(&name);
            builder.id_for(&name);
        }
        assert_eq!(builder.names.len(), MAX_NAMES_BYTES / 255);
        let mut out = Vec::new();
        builder.names.encode(&mut out);
        assert!(Dictionary::decode(&out).is_some());
        let mut builder = builder_with(&[&"x".repeat(256)]);
        assert_eq!(builder.id_for("y"), None);
        assert!(builder.names.is_empty());
    }

    #[test]
    fn names_that_do_not_come_again_take_no_room() {
        let mut builder = DictionaryBuilder::new();
        for i in 0..100_000 {
            builder.id_for(&format!("order-{i}"));
            builder.id_for("total");
        }
        assert_eq!(builder.names.id("total"), Some(0));
        assert!(builder.names.len() < 5, "{}", builder.names.len());
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for bytes in [&b""[..], b"\x01", b"\x01\x05id", b"\x01\x02id!", b"\x02\x02id\x02id", b"\x01\x01\xff"] {
            assert!(Dictionary::decode(bytes).is_none(), "{bytes:?}");
        }
        assert!(Dictionary::decode(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").is_none());
    }
}
