//! The file `KEYS`: the keys of an encrypted database, wrapped by its root key.
//!
//! It is written whole beside the old one, synced, and put in its place. A folder that lost it is lost.
//!
//! ```text
//! keys       := header (64 bytes, see `header`, number 0), salt 32, varint count, generation *, tag 16, crc u32
//! generation := varint number, bytes name of the root key, bytes wrapped key      ascending by number
//! bytes      := varint len, bytes
//! ```
//! The checksum covers all before it, and tells damage. The tag, under a key that is derived from that of the newest
//! generation and from the salt, proves all before it, above all which manifests were replaced: a manifest that is put back
//! is noticed.

#[cfg(feature = "encryption")]
use super::{header::FILE_HEADER_BYTES, varint};
use super::{
    header::{FileHeader, FileMagic, HeaderFault},
    protection::MAX_HEADER_BYTES,
};
#[cfg(feature = "encryption")]
use crate::cipher::{Generation, SALT_BYTES, TAG_BYTES, Tag, WrappedKey, random};
use crate::{
    cipher::{Encryption, Keyring},
    error::{Error, Result},
    file::{Disk, FileName},
};
use bytes::Bytes;
use std::sync::Arc;

/// Longest file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// The bytes of `KEYS`, if there is one.
pub fn read(disk: &dyn Disk) -> Result<Option<Bytes>> {
    if !disk.list()?.contains(&FileName::Keys) {
        return Ok(None);
    }
    let file = disk.open(FileName::Keys, false)?;
    if file.len() > MAX_BYTES {
        return Err(corrupt("it is longer than any that was written"));
    }
    file.read_at(0, usize::try_from(file.len()).unwrap_or_default()).map(Some)
}

/// The keys of the database in a folder whose `KEYS` are `stored`; `None` if it is not encrypted, or if there is none yet.
/// Reads, and changes nothing.
///
/// # Errors
/// `Key` if key and folder do not fit together; `Corrupt` for damage; `Incompatible` if this program has no encryption.
pub fn open(disk: &dyn Disk, stored: Option<&Bytes>, encryption: Option<&Encryption>) -> Result<Option<Arc<Keyring>>> {
    match (stored, encryption) {
        (Some(stored), Some(encryption)) => unwrap(stored, encryption).map(|keyring| Some(Arc::new(keyring))),
        (Some(_), None) if cfg!(feature = "encryption") => Err(Error::key_missing(disk.describe())),
        (Some(_), None) => {
            let folder = disk.describe();
            let text = format!("the database in {folder} is encrypted, and this program was built without encryption");
            Err(Error::incompatible(text))
        }
        (None, encryption) => check_plain(disk, encryption.is_none_or(Encryption::encrypts_existing)).map(|()| None),
    }
}

/// The keys of a database whose `KEYS` were `stored` one after the other, newest first; `None` if it never was encrypted. Of
/// several, those count that the root key opens.
///
/// # Errors
/// As [`open`], for the newest.
pub fn open_all(place: &str, stored: &[Bytes], encryption: Option<&Encryption>) -> Result<Option<Arc<Keyring>>> {
    match (stored.is_empty(), encryption) {
        (true, _) => Ok(None),
        (false, Some(encryption)) => unwrap_all(stored, encryption).map(|keyring| Some(Arc::new(keyring))),
        (false, None) if cfg!(feature = "encryption") => Err(Error::key_missing(place.to_owned())),
        (false, None) => {
            let text = format!("the database in {place} is encrypted, and this program was built without encryption");
            Err(Error::incompatible(text))
        }
    }
}

#[cfg(feature = "encryption")]
fn unwrap_all(stored: &[Bytes], encryption: &Encryption) -> Result<Keyring> {
    let (mut newest, mut failure): (Option<Keyring>, Option<Error>) = (None, None);
    for stored in stored {
        match (unwrap(stored, encryption), &newest) {
            (Err(error), _) => drop(failure.get_or_insert(error)),
            (Ok(keyring), None) => newest = Some(keyring),
            (Ok(older), Some(newest)) => {
                let mut all = newest.generations().to_vec();
                let is_known = |number| all.iter().any(|known| known.number == number);
                let missing: Vec<Generation> =
                    older.generations().iter().filter(|older| !is_known(older.number)).cloned().collect();
                all.extend(missing);
                all.sort_by_key(|generation| generation.number);
                newest.adopt(all, newest.least_manifest());
            }
        }
    }
    newest.ok_or_else(|| failure.unwrap_or_else(|| corrupt("there is none")))
}
#[cfg(not(feature = "encryption"))]
fn unwrap_all(_stored: &[Bytes], encryption: &Encryption) -> Result<Keyring> {
    match *encryption {}
}

/// Errors: a folder without `KEYS` holds an encrypted database, or, unless `takes_plain`, one that is not.
fn check_plain(disk: &dyn Disk, takes_plain: bool) -> Result<()> {
    if !disk.list()?.contains(&FileName::Current) {
        return Ok(());
    }
    let file = disk.open(FileName::Current, false)?;
    let len = usize::try_from(file.len()).map_or(MAX_HEADER_BYTES, |len| len.min(MAX_HEADER_BYTES));
    match FileHeader::decode(FileMagic::Current, &file.read_at(0, len)?) {
        Err(HeaderFault::Locked) => Err(corrupt("the file is missing, and nothing can be decrypted without it")),
        Ok(_) if !takes_plain => {
            let text = format!("the database in {} is not encrypted, but a key was given", disk.describe());
            Err(Error::not_encrypted(text))
        }
        _ => Ok(()),
    }
}

fn corrupt(what: &str) -> Error {
    Error::corrupt(FileName::Keys, 0, what)
}

/// Makes keys for a database and stores them, durably. Errors: what the key provider returns, disk.
#[cfg(feature = "encryption")]
pub fn create(disk: &dyn Disk, database_id: u64, encryption: &Encryption) -> Result<Arc<Keyring>> {
    let keyring = Keyring::create(database_id, encryption.provider())?;
    replace(disk, &keyring, keyring.generations().to_vec(), 0)?;
    Ok(Arc::new(keyring))
}
#[cfg(not(feature = "encryption"))]
pub fn create(_disk: &dyn Disk, _database_id: u64, encryption: &Encryption) -> Result<Arc<Keyring>> {
    match *encryption {}
}

/// Stores that manifests with lower numbers than this one were replaced, durably.
#[cfg(feature = "encryption")]
pub fn note_manifest(disk: &dyn Disk, keyring: &Keyring, number: u64) -> Result<()> {
    replace(disk, keyring, keyring.generations().to_vec(), number)
}
#[cfg(not(feature = "encryption"))]
pub fn note_manifest(_disk: &dyn Disk, keyring: &Keyring, _number: u64) -> Result<()> {
    match *keyring {}
}

#[cfg(not(feature = "encryption"))]
fn unwrap(_stored: &[u8], encryption: &Encryption) -> Result<Keyring> {
    match *encryption {}
}

/// Stores generations of keys, durably, and takes them over.
#[cfg(feature = "encryption")]
pub fn replace(disk: &dyn Disk, keyring: &Keyring, generations: Vec<Generation>, least_manifest: u64) -> Result<()> {
    if disk.list()?.contains(&FileName::KeysNext) {
        disk.remove(FileName::KeysNext)?;
    }
    let mut next = disk.create(FileName::KeysNext)?;
    next.append(&encode(keyring, &generations, least_manifest)?)?;
    next.sync()?;
    drop(next);
    disk.rename(FileName::KeysNext, FileName::Keys)?;
    disk.sync_directory()?;
    keyring.adopt(generations, least_manifest);
    Ok(())
}

/// Writes the keys to a disk that has none, durably once its folder is synced: for a copy of the database, whose first
/// manifest has this number.
#[cfg(feature = "encryption")]
pub fn write_copy(disk: &dyn Disk, keyring: &Keyring, manifest: u64) -> Result<()> {
    let mut copy = disk.create(FileName::Keys)?;
    copy.append(&encode(keyring, &keyring.generations(), manifest)?)?;
    copy.sync()
}
#[cfg(not(feature = "encryption"))]
pub fn write_copy(_disk: &dyn Disk, keyring: &Keyring, _manifest: u64) -> Result<()> {
    match *keyring {}
}

#[cfg(feature = "encryption")]
fn encode(keyring: &Keyring, generations: &[Generation], least_manifest: u64) -> Result<Vec<u8>> {
    let header = FileHeader {
        magic: FileMagic::Keys,
        database_id: keyring.database_id(),
        number: 0,
        detail: least_manifest,
        takes_over: false,
        is_reused: false,
        mark: 0,
    };
    let (mut out, salt) = (header.encode().to_vec(), random()?);
    out.extend_from_slice(&salt);
    varint::put(generations.len() as u64, &mut out);
    for generation in generations {
        varint::put(generation.number.into(), &mut out);
        for bytes in [generation.wrapped.key_id.as_bytes(), &generation.wrapped.bytes] {
            varint::put(bytes.len() as u64, &mut out);
            out.extend_from_slice(bytes);
        }
    }
    let tag = keyring.prove(generations, salt, &out)?;
    out.extend_from_slice(&tag);
    out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
    Ok(out)
}

/// What `KEYS` holds.
#[cfg(feature = "encryption")]
struct Stored<'a> {
    header: FileHeader,
    salt: [u8; SALT_BYTES],
    generations: Vec<(u32, WrappedKey)>,
    content: &'a [u8],
    tag: &'a Tag,
}

#[cfg(feature = "encryption")]
fn unwrap(stored: &[u8], encryption: &Encryption) -> Result<Keyring> {
    let stored = parse(stored)?;
    let FileHeader { database_id, detail: least_manifest, .. } = stored.header;
    let keyring = Keyring::unwrap(database_id, stored.generations, least_manifest, encryption.provider())?;
    if keyring.is_proven(stored.salt, stored.content, stored.tag) {
        Ok(keyring)
    } else {
        Err(corrupt("it was written without the key of the database"))
    }
}

#[cfg(feature = "encryption")]
fn parse(bytes: &[u8]) -> Result<Stored<'_>> {
    let damaged = || corrupt("it is not what was written");
    let (checked, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
    let header = FileHeader::decode(FileMagic::Keys, bytes).map_err(|fault| match fault {
        HeaderFault::Newer => {
            let text = "cannot read file KEYS: it was written by a newer version of this crate";
            Error::incompatible(text)
        }
        _ => damaged(),
    })?;
    let (content, tag) = checked.split_last_chunk::<TAG_BYTES>().ok_or_else(damaged)?;
    let is_whole = *crc == crc32fast::hash(checked).to_le_bytes();
    let rest = content.get(FILE_HEADER_BYTES..).filter(|_| is_whole).and_then(|rest| rest.split_first_chunk());
    let (salt, mut rest) = rest.ok_or_else(damaged)?;
    let generations = take_generations(&mut rest).filter(|generations| !generations.is_empty() && rest.is_empty());
    Ok(Stored { header, salt: *salt, generations: generations.ok_or_else(damaged)?, content, tag })
}

#[cfg(feature = "encryption")]
fn take_generations(rest: &mut &[u8]) -> Option<Vec<(u32, WrappedKey)>> {
    let mut generations: Vec<(u32, WrappedKey)> = Vec::new();
    for _ in 0..varint::take(rest)? {
        let number = u32::try_from(varint::take(rest)?).ok()?;
        if generations.last().map_or(0, |last| last.0) >= number {
            return None;
        }
        let key_id = String::from_utf8(take_bytes(rest)?.to_vec()).ok()?;
        generations.push((number, WrappedKey { key_id, bytes: take_bytes(rest)?.to_vec() }));
    }
    Some(generations)
}

#[cfg(feature = "encryption")]
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(varint::take(rest)?).ok()?;
    let (bytes, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(bytes)
}
