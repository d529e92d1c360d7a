//! What the payload of a frame means: a commit with its changes, or a change of the schema.
//!
//! A change is logged once, as the item's key and its images; index entries and stream records are derived from it. Of
//! the item before the change it says as much as a reader of the log needs. A commit is written straight into the log's buffer from
//! borrowed parts ([`encode_commit`]) and read back as a view ([`CommitRef`]) or as a value whose bytes share the
//! payload ([`Record::decode`]).
//!
//! ```text
//! record := 1 commit | 2 schema
//! commit := varint at_millis, flags u8, [token], varint count, count x change
//!           flags: bits 0-1 origin (0 user, 1 time to live), bit 2 token follows, bit 3 its
//!                  fingerprint is of version 1 (else it is of a version that cannot be compared)
//! token  := varint len, utf-8, fingerprint u64 little-endian
//! change := varint table, flags u8, bytes collection, bytes sort, [stamp], [bytes old], [bytes new]
//!           flags: bit 0 old is known (and absent unless bit 1 or 3), bit 1 old follows, bit 2 new follows (else
//!                  delete), bit 3 old was another one and is not shown, bit 4 stamp follows
//! stamp  := varint micros, bytes region; of an item of a table with replicas
//! bytes  := varint len, bytes
//! schema := JSON to the end
//! ```

use super::record_sink::RecordSink;
use crate::{
    error::{Error, Result},
    format::varint,
    schema::{Stamp, TableDefinition, is_keyspace},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

const COMMIT: u8 = 1;
const SCHEMA: u8 = 2;

const ORIGIN_MASK: u8 = 0b011;
const HAS_TOKEN: u8 = 0b100;
const FINGERPRINT_V1: u8 = 0b1000;

const OLD_KNOWN: u8 = 0b001;
const HAS_OLD: u8 = 0b010;
const HAS_NEW: u8 = 0b100;
const OLD_DIFFERS: u8 = 0b1000;
const HAS_STAMP: u8 = 0b1_0000;

/// Bytes of the smallest change, for bounding what a count can ask for.
const MIN_CHANGE_BYTES: usize = 4;

/// The caller that asked for a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// A request.
    #[default]
    User,
    /// The item's time to live ended.
    TimeToLive,
}

/// What all changes of a commit share, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitHeader<'a> {
    /// Milliseconds since 1970.
    pub at_millis: u64,
    /// The caller that asked.
    pub origin: Origin,
    /// A transaction's client request token and the fingerprint of its request, if it can be compared.
    pub token: Option<(&'a str, Option<u64>)>,
}

/// What a change says of the item before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Before<I> {
    /// Nothing, because nothing is derived from the change.
    #[default]
    Unknown,
    /// There was none.
    Absent,
    /// There was one, other than the item after it; no reader needs more.
    Different,
    /// The encoded item.
    Item(I),
}

impl<I> Before<I> {
    /// The encoded item, if the change has it.
    pub fn item(&self) -> Option<&I> {
        if let Self::Item(item) = self { Some(item) } else { None }
    }
    fn map<J>(self, change: impl FnOnce(I) -> J) -> Before<J> {
        match self {
            Self::Unknown => Before::Unknown,
            Self::Absent => Before::Absent,
            Self::Different => Before::Different,
            Self::Item(item) => Before::Item(change(item)),
        }
    }
}

/// A change, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeRef<'a> {
    /// Number of the table.
    pub table: u32,
    /// Partition key bytes.
    pub collection: &'a [u8],
    /// Sort key bytes; empty for tables without.
    pub sort: &'a [u8],
    /// The item before.
    pub old: Before<&'a [u8]>,
    /// The encoded item after; `None` if it was deleted.
    pub new: Option<&'a [u8]>,
    /// The memory that all of `new` is in, if it may be kept instead of a copy.
    pub new_shared: Option<&'a Bytes>,
    /// Microseconds and region of the item's stamp, in a table with replicas.
    pub stamp: Option<(u64, &'a str)>,
}

/// A commit, as a view over its payload.
#[derive(Clone, Copy, Debug)]
pub struct CommitRef<'a> {
    /// What all changes share.
    pub header: CommitHeader<'a>,
    count: usize,
    changes: &'a [u8],
}

/// A transaction's client request token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientToken {
    /// The token, 1 to 36 characters.
    pub token: String,
    /// Hash of the request that it stands for; `None` if it was logged by a program whose hashes cannot be compared, before
    /// the encoding that is hashed had a version.
    pub fingerprint: Option<u64>,
}

/// A change; its bytes share the payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Number of the table.
    pub table: u32,
    /// Partition key bytes.
    pub collection: Bytes,
    /// Sort key bytes; empty for tables without.
    pub sort: Bytes,
    /// The item before.
    pub old: Before<Bytes>,
    /// The encoded item after; `None` if it was deleted.
    pub new: Option<Bytes>,
    /// The item's stamp, in a table with replicas.
    pub stamp: Option<Stamp>,
}

/// Everything that became durable together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Milliseconds since 1970.
    pub at_millis: u64,
    /// A transaction's client request token.
    pub token: Option<ClientToken>,
    /// The caller that asked.
    pub origin: Origin,
    /// The changes, in the order of the request.
    pub changes: Vec<Change>,
}

/// A change of the schema. Records behind it are read under the new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchemaChange {
    /// The table is now this, whether it existed or not.
    Put(Box<TableDefinition>),
    /// The table with this number is gone.
    Drop(u32),
}

impl SchemaChange {
    fn has_sound_numbers(&self) -> bool {
        match self {
            Self::Put(table) => table.has_sound_numbers(),
            Self::Drop(table) => is_keyspace(*table),
        }
    }
}

/// The payload of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Changes of items.
    Commit(Commit),
    /// A change of the schema.
    Schema(SchemaChange),
}

/// Writes a commit to the end of `sink`. `changes` yields as many as `count` says and is gone through once.
pub fn encode_commit<'c>(
    header: &CommitHeader<'_>,
    count: usize,
    changes: impl IntoIterator<Item = ChangeRef<'c>>,
    sink: &mut impl RecordSink,
) {
    let out = sink.bytes();
    out.push(COMMIT);
    varint::put(header.at_millis, out);
    let origin = match header.origin {
        Origin::User => 0,
        Origin::TimeToLive => 1,
    };
    let token = match header.token {
        None => 0,
        Some((_, None)) => HAS_TOKEN,
        Some((_, Some(_))) => HAS_TOKEN | FINGERPRINT_V1,
    };
    out.push(origin | token);
    if let Some((token, fingerprint)) = header.token {
        put_bytes(token.as_bytes(), out);
        out.extend_from_slice(&fingerprint.unwrap_or_default().to_le_bytes());
    }
    varint::put(count as u64, out);
    for change in changes {
        change.encode(sink);
    }
}

/// The payload that records a change of the schema.
pub fn encode_schema(change: &SchemaChange) -> Result<Vec<u8>> {
    let mut out = vec![SCHEMA];
    serde_json::to_writer(&mut out, change)
        .map_err(|error| Error::validation(format!("the definition cannot be written: {error}")))?;
    Ok(out)
}

impl<'a> ChangeRef<'a> {
    fn encode(&self, sink: &mut impl RecordSink) {
        let out = sink.bytes();
        varint::put(u64::from(self.table), out);
        let (old_flags, old) = match self.old {
            Before::Unknown => (0, None),
            Before::Absent => (OLD_KNOWN, None),
            Before::Different => (OLD_KNOWN | OLD_DIFFERS, None),
            Before::Item(item) => (OLD_KNOWN | HAS_OLD, Some(item)),
        };
        let stamp_flag = if self.stamp.is_some() { HAS_STAMP } else { 0 };
        out.push(old_flags | stamp_flag | if self.new.is_some() { HAS_NEW } else { 0 });
        put_bytes(self.collection, out);
        put_bytes(self.sort, out);
        if let Some((micros, region)) = self.stamp {
            varint::put(micros, out);
            put_bytes(region.as_bytes(), out);
        }
        if let Some(old) = old {
            put_bytes(old, out);
        }
        match (self.new, self.new_shared) {
            (Some(_), Some(shared)) => {
                varint::put(shared.len() as u64, out);
                sink.put_shared(shared);
            }
            (Some(new), None) => put_bytes(new, out),
            (None, _) => {}
        }
    }

    fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let table = u32::try_from(varint::take(bytes)?).ok()?;
        let flags = take_byte(bytes)?;
        let (collection, sort) = (take_bytes(bytes)?, take_bytes(bytes)?);
        let stamp = if flags & HAS_STAMP != 0 { Some(take_stamp(bytes)?) } else { None };
        const OLD_FOLLOWS: u8 = OLD_KNOWN | HAS_OLD;
        const OLD_IS_OTHER: u8 = OLD_KNOWN | OLD_DIFFERS;
        let old = match flags & !(HAS_NEW | HAS_STAMP) {
            0 => Before::Unknown,
            OLD_KNOWN => Before::Absent,
            OLD_FOLLOWS => Before::Item(take_bytes(bytes)?),
            OLD_IS_OTHER if flags & HAS_NEW != 0 => Before::Different,
            _ => return None,
        };
        let new = if flags & HAS_NEW != 0 { Some(take_bytes(bytes)?) } else { None };
        Some(Self { table, collection, sort, old, new, new_shared: None, stamp })
    }

    /// The change as a value that shares `payload`, which it must have been read from.
    fn to_change(self, payload: &Bytes) -> Change {
        Change {
            table: self.table,
            collection: payload.slice_ref(self.collection),
            sort: payload.slice_ref(self.sort),
            old: self.old.map(|old| payload.slice_ref(old)),
            new: self.new.map(|new| payload.slice_ref(new)),
            stamp: self.stamp.map(|(micros, region)| Stamp::new(micros, region)),
        }
    }
}

impl<'a> CommitRef<'a> {
    /// Reads a payload as a commit; `None` if it is a record of another kind. Checks every length, so that
    /// [`CommitRef::changes`] cannot end early.
    pub fn decode(payload: &'a [u8]) -> Result<Option<Self>> {
        match payload.split_first() {
            Some((&COMMIT, commit)) => Self::parse(commit).map(Some).ok_or_else(malformed),
            _ => Ok(None),
        }
    }

    fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let at_millis = varint::take(&mut bytes)?;
        let flags = take_byte(&mut bytes)?;
        let has_version = flags & FINGERPRINT_V1 != 0;
        if flags & !(ORIGIN_MASK | HAS_TOKEN | FINGERPRINT_V1) != 0 || (has_version && flags & HAS_TOKEN == 0) {
            return None;
        }
        let origin = match flags & ORIGIN_MASK {
            0 => Origin::User,
            1 => Origin::TimeToLive,
            _ => return None,
        };
        let token = if flags & HAS_TOKEN != 0 {
            let token = std::str::from_utf8(take_bytes(&mut bytes)?).ok()?;
            let (fingerprint, rest) = bytes.split_first_chunk()?;
            bytes = rest;
            Some((token, has_version.then_some(u64::from_le_bytes(*fingerprint))))
        } else {
            None
        };
        let count = usize::try_from(varint::take(&mut bytes)?).ok()?;
        let changes = bytes;
        if count > changes.len() / MIN_CHANGE_BYTES {
            return None;
        }
        for _ in 0..count {
            ChangeRef::take(&mut bytes)?;
        }
        let header = CommitHeader { at_millis, origin, token };
        bytes.is_empty().then_some(Self { header, count, changes })
    }

    /// The changes, in the order of the request.
    pub fn changes(&self) -> impl Iterator<Item = ChangeRef<'a>> + use<'a> {
        let mut bytes = self.changes;
        (0..self.count).map_while(move |_| ChangeRef::take(&mut bytes))
    }
}

impl Record {
    /// Reads a payload. The bytes of changes share it.
    ///
    /// # Errors
    /// `Corrupt` for a malformed record, `Incompatible` for a kind that is not known here.
    pub fn decode(payload: &Bytes) -> Result<Self> {
        if let Some(commit) = CommitRef::decode(payload)? {
            let token = commit.header.token;
            return Ok(Self::Commit(Commit {
                at_millis: commit.header.at_millis,
                token: token.map(|(token, fingerprint)| ClientToken { token: token.to_owned(), fingerprint }),
                origin: commit.header.origin,
                changes: commit.changes().map(|change| change.to_change(payload)).collect(),
            }));
        }
        match payload.split_first() {
            Some((&SCHEMA, json)) => {
                let change: SchemaChange = serde_json::from_slice(json).map_err(|error| {
                    Error::incompatible(format!("a schema change in the log has an unknown form: {error}"))
                })?;
                if change.has_sound_numbers() { Ok(Self::Schema(change)) } else { Err(malformed()) }
            }
            Some((kind, _)) => Err(Error::incompatible(format!("the log holds a record of unknown kind {kind}"))),
            None => Err(malformed()),
        }
    }
}

fn malformed() -> Error {
    Error::damaged("a record of the log is malformed; restore the file from a copy")
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    varint::put(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*byte)
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(varint::take(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

fn take_stamp<'a>(bytes: &mut &'a [u8]) -> Option<(u64, &'a str)> {
    let micros = varint::take(bytes)?;
    Some((micros, std::str::from_utf8(take_bytes(bytes)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn sample() -> Vec<u8> {
        let header = CommitHeader { at_millis: 1000, origin: Origin::TimeToLive, token: Some(("t1", Some(0x0102))) };
        let changes = [
            ChangeRef { table: 300, collection: b"pk", sort: b"s", old: Before::Item(b"old"), ..ChangeRef::default() },
            ChangeRef { table: 2, collection: b"p", sort: b"", new: Some(b"new"), ..ChangeRef::default() },
            ChangeRef { table: 3, collection: b"p", old: Before::Different, new: Some(b"n"), ..ChangeRef::default() },
            ChangeRef {
                table: 4,
                collection: b"p",
                old: Before::Absent,
                stamp: Some((300, "eu")),
                ..ChangeRef::default()
            },
        ];
        let mut out = Vec::new();
        encode_commit(&header, changes.len(), changes, &mut out);
        out
    }

    #[test]
    fn golden_bytes() {
        let golden: &[u8] = b"\x01\xe8\x07\x0d\x02t1\x02\x01\0\0\0\0\0\0\x04\
            \xac\x02\x03\x02pk\x01s\x03old\
            \x02\x04\x01p\0\x03new\
            \x03\x0d\x01p\0\x01n\
            \x04\x11\x01p\0\xac\x02\x02eu";
        assert_eq!(sample(), golden);
    }

    /// As it was written before fingerprints had a version: the token counts, its fingerprint does not.
    #[test]
    fn a_fingerprint_without_a_version_cannot_be_compared() {
        let mut old = sample();
        old[3] &= !FINGERPRINT_V1;
        let token = CommitRef::decode(&old).unwrap().unwrap().header.token;
        assert_eq!(token, Some(("t1", None)));
        old[3] = FINGERPRINT_V1;
        assert!(CommitRef::decode(&old).is_err(), "a version of a fingerprint that is not there");
    }

    #[test]
    fn a_commit_comes_back() {
        let payload = Bytes::from(sample());
        let Record::Commit(commit) = Record::decode(&payload).unwrap() else { panic!("not a commit") };
        assert_eq!((commit.at_millis, commit.origin), (1000, Origin::TimeToLive));
        assert_eq!(commit.token, Some(ClientToken { token: "t1".into(), fingerprint: Some(0x0102) }));
        let old: Vec<_> = commit.changes.iter().map(|change| change.old.clone()).collect();
        let item = Before::Item(Bytes::from_static(b"old"));
        assert_eq!(old, [item, Before::Unknown, Before::Different, Before::Absent]);
        let new: Vec<_> = commit.changes.iter().map(|change| change.new.as_deref()).collect();
        assert_eq!(new, [None, Some(&b"new"[..]), Some(&b"n"[..]), None]);
        assert_eq!(commit.changes[3].stamp, Some(Stamp::new(300, "eu")));
        assert_eq!(CommitRef::decode(&payload).unwrap().unwrap().changes().count(), 4);
    }

    #[test]
    fn what_is_said_of_the_old_item_must_make_sense() {
        let (old, new) = (Before::Different, Some(&b"n"[..]));
        let change = ChangeRef { table: 1, collection: b"p", sort: b"", old, new, ..ChangeRef::default() };
        let mut bytes = Vec::new();
        change.encode(&mut bytes);
        assert!(ChangeRef::take(&mut &bytes[..]).is_some());
        let senseless = [HAS_OLD, OLD_DIFFERS, OLD_KNOWN | OLD_DIFFERS, OLD_KNOWN | OLD_DIFFERS | HAS_OLD, 0x20];
        for flags in senseless {
            bytes[1] = flags;
            assert_eq!(ChangeRef::take(&mut &bytes[..]), None, "{flags:b}");
        }
    }

    #[test]
    fn cut_or_changed_records_never_panic() {
        let whole = sample();
        for len in 0..whole.len() {
            assert!(Record::decode(&Bytes::copy_from_slice(&whole[..len])).is_err(), "{len} bytes");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = Record::decode(&Bytes::from(changed));
            }
        }
    }

    #[test]
    fn schema_changes_are_json() {
        let payload = encode_schema(&SchemaChange::Drop(7)).unwrap();
        assert_eq!(payload, b"\x02{\"Drop\":7}");
        assert_eq!(Record::decode(&Bytes::from(payload)).unwrap(), Record::Schema(SchemaChange::Drop(7)));
        let senseless = Record::decode(&Bytes::from_static(b"\x02{\"Drop\":4294967295}")).unwrap_err();
        assert_eq!(senseless.kind(), ErrorKind::Corrupt, "no database counts so far");
        let unknown = Record::decode(&Bytes::from_static(b"\x02{\"Split\":7}")).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::Incompatible);
        assert_eq!(Record::decode(&Bytes::from_static(b"\x09")).unwrap_err().kind(), ErrorKind::Incompatible);
    }
}
