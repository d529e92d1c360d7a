//! Where the next page of a statement begins.
//!
//! ```text
//! bytes := version u8 (1), fingerprint u64, range u32, has_key u8, [encoded key]
//! ```
//! Numbers are big-endian. The fingerprint is of statement and parameters: a continuation is good for these only.

use super::run::Position;
use crate::{
    error::{Error, Result},
    item::{AttributeValue, ItemRef, encode_item},
};
use std::fmt::Write;
use xxhash_rust::xxh3::Xxh3;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 14;

/// Where the next page of a statement begins: give it to [`Statement::resume`](super::Statement::resume) of the same statement with
/// the same parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Continuation {
    pub(super) fingerprint: u64,
    pub(super) position: Position,
}

impl Continuation {
    /// As bytes, to be kept or sent. They can be read by whom they are given to; who hands them to others signs them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.fingerprint.to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(self.position.range).unwrap_or(u32::MAX).to_be_bytes());
        bytes.push(u8::from(self.position.key.is_some()));
        if let Some(key) = &self.position.key {
            bytes.extend_from_slice(&encode_item(key));
        }
        bytes
    }

    /// What [`Continuation::to_bytes`] wrote.
    ///
    /// # Errors
    /// `Invalid NextToken` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes).ok_or_else(invalid)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, key) = bytes.split_at_checked(HEADER_BYTES)?;
        let fingerprint = u64::from_be_bytes(*header.get(1..)?.first_chunk()?);
        let range = u32::from_be_bytes(*header.get(9..)?.first_chunk()?);
        let key = match (header.first()?, header.last()?, key) {
            (&VERSION, 0, []) => None,
            (&VERSION, 1, bytes) => {
                let item = ItemRef::from_bytes(bytes.to_vec().into());
                item.check().ok()?;
                Some(item.to_item())
            }
            _ => return None,
        };
        Some(Self { fingerprint, position: Position { range: usize::try_from(range).ok()?, key } })
    }
}

/// The error of bytes or a text that is no continuation.
pub(super) fn invalid() -> Error {
    Error::validation("Invalid NextToken")
}

/// The error of the continuation of another statement.
pub(super) fn mismatch() -> Error {
    Error::validation("NextToken does not match request")
}

/// A number that two statements share only if text and parameters are the same.
pub(super) fn fingerprint(text: &str, parameters: &[AttributeValue]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(text.as_bytes());
    // No text of UTF-8 has this byte.
    hasher.update(&[0xFF]);
    let mut values = String::new();
    for parameter in parameters {
        // Writing to a string cannot fail.
        let _ = write!(values, "\n{parameter:?}");
    }
    hasher.update(values.as_bytes());
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Item;

    #[test]
    fn continuations_survive_as_bytes() {
        let key = Item::new().with("pk", "a").with("sk", 7);
        for key in [None, Some(key)] {
            let next = Continuation { fingerprint: 77, position: Position { range: 3, key } };
            let bytes = next.to_bytes();
            assert_eq!(Continuation::from_bytes(&bytes).unwrap(), next);
            for cut in 0..bytes.len() {
                let read = Continuation::from_bytes(&bytes[..cut]);
                assert!(read.is_err(), "{cut}");
            }
        }
        assert_eq!(Continuation::from_bytes(b"junk").unwrap_err().message(), "Invalid NextToken");
    }

    #[test]
    fn fingerprints_tell_statements_apart() {
        let one = fingerprint("SELECT", &["a".into()]);
        assert_eq!(one, fingerprint("SELECT", &["a".into()]));
        assert_ne!(one, fingerprint("SELECT ", &["a".into()]));
        assert_ne!(one, fingerprint("SELECT", &["b".into()]));
        assert_ne!(one, fingerprint("SELECT", &[]));
    }
}
