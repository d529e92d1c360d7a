//! How entries of the catalog and other small objects of an archive are written.
//!
//! ```text
//! hashrange archive 1 <sum of the next line>
//! <JSON>
//! <bytes>                 of an entry: the parts of the log that it holds itself, one behind the other
//! ```
//! The JSON of an entry has the lengths and sums of the parts. So every byte is under a sum.

use super::{
    catalog::{Entry, sum_of},
    place::ArchivePlace,
};
use crate::error::{Error, Result};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

const HEAD: &str = "hashrange archive ";
const VERSION: &str = "1 ";

/// The bytes of a small object.
pub(super) fn sealed<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let json = serde_json::to_string(value)
        .map_err(|error| Error::validation(format!("an object of an archive cannot be written: {error}")))?;
    Ok(format!("{HEAD}{VERSION}{}\n{json}\n", sum_of(json.as_bytes())).into_bytes())
}

/// A small object, checked.
pub(super) fn unsealed<T: DeserializeOwned>(place: &ArchivePlace, name: &str, bytes: &[u8]) -> Result<T> {
    let (value, rest) = split(place, name, bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(place.damaged(name, "there are bytes behind its end")) }
}

/// The bytes of an entry that holds these parts of the log itself.
pub(super) fn encode(entry: &Entry, parts: &[Bytes]) -> Result<Vec<u8>> {
    let mut bytes = sealed(entry)?;
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Ok(bytes)
}

/// An entry and the parts that it holds itself, checked.
pub(super) fn decode(place: &ArchivePlace, name: &str, bytes: &Bytes) -> Result<(Entry, Vec<Bytes>)> {
    let (entry, mut rest): (Entry, &[u8]) = split(place, name, bytes)?;
    if entry.parts.iter().any(|part| part.to < part.from) {
        return Err(place.damaged(name, "a part of the log ends before it begins"));
    }
    let mut parts = Vec::new();
    for part in entry.parts.iter().filter(|part| part.object.is_none()) {
        let len = usize::try_from(part.bytes()).ok();
        let split = len.and_then(|len| rest.split_at_checked(len));
        let (own, behind) = split.ok_or_else(|| place.damaged(name, "it is too short"))?;
        if sum_of(own) != part.sum {
            return Err(place.damaged(name, "the sum of its part of the log is another one"));
        }
        parts.push(bytes.slice_ref(own));
        rest = behind;
    }
    if rest.is_empty() { Ok((entry, parts)) } else { Err(place.damaged(name, "there are bytes behind its end")) }
}

fn split<'a, T: DeserializeOwned>(place: &ArchivePlace, name: &str, bytes: &'a [u8]) -> Result<(T, &'a [u8])> {
    let damaged = |what: &str| place.damaged(name, what);
    let rest = bytes.strip_prefix(HEAD.as_bytes()).ok_or_else(|| damaged("it is no object of an archive"))?;
    let newer = || Error::incompatible(format!("object {name} of the archive {place} was written by a newer version"));
    let Some(rest) = rest.strip_prefix(VERSION.as_bytes()) else {
        // A digit or two and a blank are another version; anything else is none.
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_version = digits > 0 && rest.get(digits) == Some(&b' ');
        return Err(if is_version { newer() } else { damaged("it has no version") });
    };
    let mut lines = rest.splitn(3, |byte| *byte == b'\n');
    let (Some(sum), Some(json), Some(rest)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(damaged("it is too short"));
    };
    if sum_of(json).as_bytes() != sum {
        return Err(damaged("its sum is another one"));
    }
    let value = serde_json::from_slice(json).map_err(|_| newer())?;
    Ok((value, rest))
}
