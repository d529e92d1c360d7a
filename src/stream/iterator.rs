//! Shard iterators: where a reader is, as a text that means nothing to any other program.
//!
//! ```text
//! iterator := "hr1-", hexadecimal of
//!             stream u64, shard u64, kind u8 (0 oldest, 1 at), seqno u64, place u16, issued_millis u64, crc32 u32
//! ```
//! Numbers are big-endian. The checksum begins from the number of the database, so that another database's iterators
//! are rejected.

use super::{retention::is_void, sequence::Sequence, shard::ReadFrom};
use crate::error::{Error, ErrorKind, Result};
use data_encoding::HEXLOWER_PERMISSIVE;

const PREFIX: &str = "hr1-";
const PAYLOAD_BYTES: usize = 35;

/// Where a shard iterator begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IteratorStart {
    /// At the oldest record that is left.
    TrimHorizon,
    /// Behind the newest record.
    Latest,
    /// At the record with this sequence number.
    AtSequenceNumber(String),
    /// Behind the record with this sequence number.
    AfterSequenceNumber(String),
    /// At the first record that is not older than this time, in milliseconds since 1970.
    AtTimestamp(u64),
}

/// Where a reader of a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardIterator {
    /// Number of the stream.
    pub stream: u64,
    /// Number of the shard.
    pub shard: u64,
    /// What it reads next.
    pub from: ReadFrom,
    /// Milliseconds since 1970 at which it was given out.
    pub issued_millis: u64,
}

impl ShardIterator {
    /// The text that a reader keeps.
    pub fn encode(&self, database_id: u64) -> String {
        let (kind, sequence) = match self.from {
            ReadFrom::Oldest => (0, Sequence::default()),
            ReadFrom::At(sequence) => (1, sequence),
        };
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES + 4);
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.shard.to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&sequence.seqno.to_be_bytes());
        bytes.extend_from_slice(&sequence.ordinal.to_be_bytes());
        bytes.extend_from_slice(&self.issued_millis.to_be_bytes());
        bytes.extend_from_slice(&checksum(database_id, &bytes).to_be_bytes());
        let mut text = String::with_capacity(PREFIX.len() + 2 * bytes.len());
        text.push_str(PREFIX);
        HEXLOWER_PERMISSIVE.encode_append(&bytes, &mut text);
        text
    }

    /// Reads a text back.
    ///
    /// # Errors
    /// `Validation` for what is no iterator of this database, `Expired` for one older than 15 minutes.
    pub fn decode(text: &str, database_id: u64, now_millis: u64) -> Result<Self> {
        let iterator = Self::parse(text, database_id).ok_or_else(|| Error::validation("Invalid ShardIterator"))?;
        if is_void(iterator.issued_millis, now_millis) {
            return Err(Error::new(
                ErrorKind::Expired,
                "ExpiredIteratorException",
                "Iterator expired. The provided iterator exceeds the maximum age allowed.",
            ));
        }
        Ok(iterator)
    }

    fn parse(text: &str, database_id: u64) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        if digits.len() != 2 * (PAYLOAD_BYTES + 4) {
            return None;
        }
        let bytes = HEXLOWER_PERMISSIVE.decode(digits).ok()?;
        let (payload, crc) = bytes.split_at_checked(PAYLOAD_BYTES)?;
        if checksum(database_id, payload).to_be_bytes() != *crc {
            return None;
        }
        let number = |at: usize| Some(u64::from_be_bytes(*payload.get(at..)?.first_chunk()?));
        let sequence = Sequence { seqno: number(17)?, ordinal: u16::from_be_bytes(*payload.get(25..)?.first_chunk()?) };
        let from = match payload[16] {
            0 => ReadFrom::Oldest,
            1 => ReadFrom::At(sequence),
            _ => return None,
        };
        Some(Self { stream: number(0)?, shard: number(8)?, from, issued_millis: number(27)? })
    }
}

fn checksum(database_id: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&database_id.to_be_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iterator_is_good_for_its_database_and_a_while() {
        let from = ReadFrom::At(Sequence::new(77, 3));
        let iterator = ShardIterator { stream: 1, shard: 2, from, issued_millis: 1000 };
        let text = iterator.encode(9);
        assert_eq!(ShardIterator::decode(&text, 9, 1000).unwrap(), iterator);
        assert_eq!(ShardIterator::decode(&text, 9, 1000 + 15 * 60_000).unwrap(), iterator);
        let late = ShardIterator::decode(&text, 9, 1001 + 15 * 60_000).unwrap_err();
        assert_eq!((late.kind(), late.code()), (ErrorKind::Expired, "ExpiredIteratorException"));
        assert_eq!(ShardIterator::decode(&text, 8, 1000).unwrap_err().kind(), ErrorKind::Validation);
        for cut in 0..text.len() {
            assert!(ShardIterator::decode(&text[..cut], 9, 1000).is_err());
        }
    }
}
