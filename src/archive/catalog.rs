//! What an archive holds, as numbered entries. An object counts once an entry names it, with its length and its sum.
//!
//! ```text
//! id                                    which database
//! catalog/<number>                      an entry
//! t<timeline>/base/<commit>-<file>      a base
//! t<timeline>/run/<number>-<sum>        a run, shared by the bases that name it
//! t<timeline>/log/<segment>/<from>-<to> bytes of a segment of the log
//! t<timeline>/keys/<sum>                the file KEYS of an encrypted database
//! removed/<number>-<millis>             the entries below a number count no more, and will be removed with these objects
//! ```
//!
//! Entries are numbered without a gap and made only where there is none of that number. So two databases that archive to
//! one place meet at the next entry, and the second is rejected. [`entry_file`](super::entry_file) says how one is written.

use super::{
    entry_file::{decode, encode, sealed, unsealed},
    place::ArchivePlace,
};
use crate::error::{Error, ErrorKind, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The name of the object that says which database is archived.
const ID: &str = "id";
/// Bytes of an object that are in memory at a time.
pub(super) const CHUNK_BYTES: u64 = 1 << 20;

/// Entries that are read at a time; one may hold 64 KiB of the log.
pub(super) const ENTRIES_AT_A_TIME: usize = 128;

/// An object, and how it is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObjectMeta {
    pub name: String,
    pub bytes: u64,
    /// XXH3 (128 bits) of its bytes, in hexadecimal.
    pub sum: String,
}

/// A part of a segment of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogPart {
    pub segment: u64,
    pub from: u64,
    pub to: u64,
    /// XXH3 (128 bits) of its bytes, in hexadecimal.
    pub sum: String,
    /// The object that holds it; the entry itself does, if none is named.
    pub object: Option<String>,
}

impl LogPart {
    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }
}

/// A base, and the runs that it names, by the numbers of their files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BaseEntry {
    pub commit: u64,
    pub at_millis: u64,
    /// The segment that was written to when the base was taken, and the first one whose records it needs.
    pub segment: u64,
    pub first_segment: u64,
    pub file: u64,
    pub object: ObjectMeta,
    pub runs: BTreeMap<u64, ObjectMeta>,
    /// The log of the entries before does not lead on to it.
    pub follows_gap: bool,
    /// Digest and number of items of each table at the commit of the base, where they were counted.
    pub digests: Option<BTreeMap<String, (String, u64)>>,
}

/// An entry of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub number: u64,
    pub timeline: u64,
    /// Drawn at random by the archiver: which entries it wrote itself, though no answer told it so.
    pub session: u64,
    /// The timeline that this one left, and its last commit there.
    pub parent: Option<(u64, u64)>,
    /// With this entry the archive has everything up to this commit.
    pub commit: u64,
    /// A commit up to that one was logged at this time, in milliseconds since 1970, and none of those before it later.
    pub at_millis: u64,
    pub base: Option<BaseEntry>,
    /// Segment and offset of the log at which the parts begin, and at which they end.
    pub log_from: (u64, u64),
    pub log_to: (u64, u64),
    pub parts: Vec<LogPart>,
    /// Where segments of the log end that others took over.
    pub ends: BTreeMap<u64, u64>,
    /// In an encrypted database, the first segment that is encrypted, and the keys.
    pub encrypted_from: u64,
    pub keys: Option<ObjectMeta>,
}

impl Entry {
    pub fn name(number: u64) -> String {
        format!("catalog/{number:010}")
    }
    /// The objects that it names.
    pub fn objects(&self) -> Vec<ObjectMeta> {
        let of_base = self.base.iter().flat_map(|base| base.runs.values().chain([&base.object]));
        let parts = self.parts.iter().filter_map(|part| {
            Some(ObjectMeta { name: part.object.clone()?, bytes: part.bytes(), sum: part.sum.clone() })
        });
        of_base.chain(&self.keys).cloned().chain(parts).collect()
    }
    /// Bytes of the log that it holds itself.
    pub fn inline_bytes(&self) -> u64 {
        self.parts.iter().filter(|part| part.object.is_none()).map(LogPart::bytes).fold(0, u64::saturating_add)
    }
    /// Whether the log begins anew with it.
    pub fn follows_gap(&self) -> bool {
        self.base.as_ref().is_some_and(|base| base.follows_gap)
    }
    /// Writes the entry, with the parts that it holds itself; false if there is one of its number.
    pub fn create(&self, place: &ArchivePlace, parts: &[Bytes]) -> Result<bool> {
        place.create(&Self::name(self.number), &encode(self, parts)?)
    }
    /// Reads an entry, and the parts that it holds itself.
    pub fn read(place: &ArchivePlace, number: u64) -> Result<(Self, Vec<Bytes>)> {
        Self::checked(place, number, place.read(&Self::name(number))?)
    }
    /// Reads several entries, at most [`ENTRIES_AT_A_TIME`], and the parts that they hold themselves.
    pub fn read_many(place: &ArchivePlace, numbers: &[u64]) -> Result<Vec<(Self, Vec<Bytes>)>> {
        let names: Vec<String> = numbers.iter().map(|number| Self::name(*number)).collect();
        let read = place.read_many(&names)?;
        numbers.iter().zip(read).map(|(number, bytes)| Self::checked(place, *number, bytes)).collect()
    }
    fn checked(place: &ArchivePlace, number: u64, bytes: Option<Bytes>) -> Result<(Self, Vec<Bytes>)> {
        let name = Self::name(number);
        let bytes = bytes.ok_or_else(|| place.damaged(&name, "it is missing"))?;
        let (entry, parts): (Self, Vec<Bytes>) = decode(place, &name, &bytes)?;
        if entry.number == number { Ok((entry, parts)) } else { Err(place.damaged(&name, "it has another number")) }
    }
}

/// The sum of bytes.
pub(super) fn sum_of(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// Writes an object durably. One that is there already must be the same.
pub(super) fn put(place: &ArchivePlace, name: String, bytes: &Bytes) -> Result<ObjectMeta> {
    let object = ObjectMeta { name, bytes: bytes.len() as u64, sum: sum_of(bytes) };
    // It is there if an upload was interrupted before its entry, or if another database writes.
    if !place.create(&object.name, bytes)? && place.read(&object.name)?.is_none_or(|there| there != *bytes) {
        return Err(place.damaged(&object.name, "another database wrote it"));
    }
    Ok(object)
}

/// The bytes of an object, checked.
pub(super) fn get(place: &ArchivePlace, object: &ObjectMeta) -> Result<Bytes> {
    let mut all = Vec::new();
    copy(place, object, &mut |bytes| {
        all.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(all.into())
}

/// Hands out an object piece by piece, and checks it: what was handed out counts only once this returns.
pub(super) fn copy(place: &ArchivePlace, object: &ObjectMeta, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let damaged = |what: &str| place.damaged(&object.name, what);
    let mut stored = place.open(&object.name)?.ok_or_else(|| damaged("it is missing"))?;
    let (mut sum, mut bytes, mut buffer) = (Xxh3::new(), 0, Vec::new());
    loop {
        place.fill(&object.name, &mut *stored, &mut buffer, CHUNK_BYTES)?;
        bytes += buffer.len() as u64;
        if buffer.is_empty() || bytes > object.bytes {
            break;
        }
        sum.update(&buffer);
        take(&buffer)?;
    }
    if bytes != object.bytes {
        return Err(damaged("it has another length"));
    }
    if format!("{:032x}", sum.digest128()) == object.sum { Ok(()) } else { Err(damaged("its sum is another one")) }
}

/// Which database is archived; `None` if none is.
pub(super) fn read_id(place: &ArchivePlace) -> Result<Option<u64>> {
    let Some(bytes) = place.read(ID)? else { return Ok(None) };
    unsealed(place, ID, &bytes).map(Some)
}

/// Says which database is archived, if none is yet. Errors: it is another one; the store takes a second object of one name,
/// so that two databases could write to one archive unseen.
pub(super) fn write_id(place: &ArchivePlace, database_id: u64) -> Result<()> {
    let id = sealed(&database_id)?;
    let mut there = read_id(place)?;
    if there.is_none() {
        place.create(ID, &id)?;
        there = read_id(place)?;
    }
    if there != Some(database_id) {
        let text = format!("{place} is the archive of another database; name an empty place");
        return Err(Error::new(ErrorKind::Validation, "ArchiveOfAnotherDatabase", text));
    }
    // Only now: a store that replaces it puts the same bytes in its place.
    if place.create(ID, &id)? {
        let text = format!(
            "{place} cannot be archived to: its store replaces an object that is to be made only where there is none \
             (a PUT with If-None-Match: *); use another store, or a folder"
        );
        return Err(Error::new(ErrorKind::Validation, "ArchiveStoreReplaces", text));
    }
    Ok(())
}

/// What was given up, and will be removed.
#[derive(Serialize, Deserialize)]
pub(super) struct Removed {
    /// When, in milliseconds since 1970.
    pub at_millis: u64,
    /// Entries with lower numbers count no more.
    pub below: u64,
    /// Objects that go with them, if nothing else needs them, and their lengths.
    pub objects: BTreeMap<String, u64>,
}

/// What was given up and is not removed yet, by the name of the object that says so.
pub(super) fn read_removed(place: &ArchivePlace) -> Result<Vec<(String, Removed)>> {
    let mut all = Vec::new();
    for name in place.list("removed/")? {
        // It goes when all is removed.
        if let Some(bytes) = place.read(&name)? {
            all.push((name.clone(), unsealed(place, &name, &bytes)?));
        }
    }
    Ok(all)
}

/// The number of an entry, by its name.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_prefix("catalog/")?.parse::<u64>().ok();
    number.filter(|number| Entry::name(*number) == name)
}

/// Times that the catalog is listed anew because it changed while it was read.
const MOST_LISTINGS: usize = 8;

/// All entries that count, in the order of their numbers.
pub(super) fn read_entries(place: &ArchivePlace) -> Result<Vec<Entry>> {
    let mut listed = place.list("catalog/")?;
    for _ in 0..MOST_LISTINGS {
        let read = read_listed(place, &listed);
        if read.is_ok() {
            return read;
        }
        // The oldest are removed while it is read, perhaps.
        let now = place.list("catalog/")?;
        if now == listed {
            return read;
        }
        listed = now;
    }
    read_listed(place, &listed)
}

fn read_listed(place: &ArchivePlace, listed: &[String]) -> Result<Vec<Entry>> {
    let below = read_removed(place)?.iter().map(|(_, removed)| removed.below).max().unwrap_or(0);
    let mut numbers = Vec::new();
    for name in listed {
        let number = number_of(name).ok_or_else(|| place.damaged(name, "it is no entry of a catalog"))?;
        numbers.extend((number >= below).then_some(number));
    }
    if let Some(pair) = numbers.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        return Err(place.damaged(&Entry::name(pair[0] + 1), "it is missing"));
    }
    let mut entries = Vec::with_capacity(numbers.len());
    for some in numbers.chunks(ENTRIES_AT_A_TIME) {
        entries.extend(Entry::read_many(place, some)?.into_iter().map(|(entry, _)| entry));
    }
    Ok(entries)
}
