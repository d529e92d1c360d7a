//! Where the bytes of a memtable are: records are copied one after the other into shared chunks.
//!
//! A record is handed out as [`Bytes`], a counted view of its chunk. An item that a reader holds is such a view, so
//! reading copies nothing and needs no lock; in exchange a held item keeps its whole chunk alive. Chunks are therefore
//! small. A large value is not copied at all: it stays in the buffer that it came in, and only its key is a record.

use bytes::{Bytes, BytesMut};

/// Size of the first chunk, in bytes: a memtable with a handful of small items stays small.
const FIRST_CHUNK_BYTES: usize = 4 << 10;
/// Size that chunks grow to by doubling, in bytes: what one held item keeps alive at most.
const CHUNK_BYTES: usize = 64 << 10;

/// Values of at least so many bytes are not copied.
pub const LARGE_VALUE_BYTES: usize = CHUNK_BYTES / 8;

/// Copies records into chunks.
#[derive(Debug)]
pub(super) struct Arena {
    chunk: BytesMut,
    next_chunk_bytes: usize,
}

impl Arena {
    pub(super) fn new() -> Self {
        Self { chunk: BytesMut::new(), next_chunk_bytes: FIRST_CHUNK_BYTES }
    }

    /// Copies the parts, one behind the other, into one record.
    pub(super) fn record(&mut self, parts: [&[u8]; 3]) -> Bytes {
        let len = parts.iter().map(|part| part.len()).sum();
        // The chunk is always handed out to its end, so its capacity is what is left of it.
        if self.chunk.capacity() < len {
            self.chunk = BytesMut::with_capacity(self.next_chunk_bytes.max(len));
            self.next_chunk_bytes = (self.next_chunk_bytes * 2).min(CHUNK_BYTES);
        }
        for part in parts {
            self.chunk.extend_from_slice(part);
        }
        self.chunk.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_their_bytes_across_chunks() {
        let mut arena = Arena::new();
        let value = |n: usize| vec![n as u8; n * 37 % 9_000];
        let records: Vec<Bytes> = (0..500).map(|n| arena.record([&[n as u8], b"sort", &value(n)])).collect();
        for (n, record) in records.iter().enumerate() {
            assert_eq!(record[..], [&[n as u8][..], b"sort", &value(n)].concat());
        }
    }
}
