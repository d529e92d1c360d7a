//! How far the filling of an index has come: in memory, and between two openings as a note of the manifest.

use crate::schema::EncodedKey;

/// How the names of the notes begin; the number of the index follows.
const NOTE_PREFIX: &str = "backfill.";

/// How far the filling of an index has come.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// All items up to this one have been read; none yet if absent.
    pub after: Option<EncodedKey>,
    /// A partition of the table has just been read to its end: once the memtables of the index are flushed, nothing of
    /// what was filled is in memory.
    pub is_partition_end: bool,
}

impl Progress {
    /// All items up to one have been read.
    pub fn after(item: Option<EncodedKey>) -> Self {
        Self { after: item, is_partition_end: false }
    }
    /// All items with tokens below this one have been read.
    pub fn before_token(token: u64) -> Self {
        Self { after: Some(EncodedKey::before_token(token)), is_partition_end: true }
    }
}

/// The name of the note that says how far an index is filled.
pub fn note_of(index: u32) -> String {
    format!("{NOTE_PREFIX}{index}")
}

/// The number of the index that a note of this name is about.
pub fn index_of_note(key: &str) -> Option<u32> {
    key.strip_prefix(NOTE_PREFIX)?.parse().ok()
}
