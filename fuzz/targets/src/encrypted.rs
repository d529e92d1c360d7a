//! An encrypted folder after harm: a reader with the key reads a beginning of what was written, or an error. What was made
//! without the key, with right checksums, is an error: keys, frames of the log, and files that are not encrypted.

use crate::{
    disk::{Files, disk_of, files_of, harm},
    open::options,
};
use arbitrary::{Result, Unstructured};
use hashrange::{
    Database, Error, ErrorKind, Item,
    encryption::RootKey,
    file::{Disk, FileName, MemoryDisk},
    fuzzing::{FILE_HEADER_BYTES, FileHeader, FileMagic, FrameSeed, frame},
    key::{N, S},
    schema::StreamView,
};
use std::sync::{Arc, OnceLock};

/// Bytes of the header of an encrypted file behind its own.
const ENCRYPTION_HEADER_BYTES: usize = 64;
const ITEMS: i64 = 160;

fn open(disk: Arc<dyn Disk>) -> hashrange::Result<Database> {
    options().encryption(RootKey::from_bytes([7; 32])).open_on(disk)
}

fn item(n: i64) -> Item {
    Item::new().with("id", format!("id {}", n % 5)).with("n", n).with("text", "some text ".repeat(n as usize % 40))
}

/// Runs, log segments and segments of a stream. Salts are new in each process; what harm leads to does not depend on them.
fn written() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let db = open(disk.clone()).expect("an empty disk takes a database");
        let table = db.create_table("items").hash::<S>("id").range::<N>("n").stream(StreamView::KeysOnly);
        let table = table.create().expect("the table is new");
        for n in 0..ITEMS {
            table.put(&item(n)).expect("a disk in memory takes items");
            if n % 50 == 49 {
                db.flush().expect("a disk in memory takes runs");
            }
        }
        drop(table);
        db.close().expect("a disk in memory syncs");
        files_of(&*disk)
    })
}

/// Reads everything; how many items there are, which must be the first ones.
fn read(files: &Files) -> hashrange::Result<i64> {
    let db = open(disk_of(files))?;
    let mut found = Vec::new();
    if let Ok(table) = db.table::<(S, N)>("items") {
        for read in table.scan().items() {
            let read = read?.to_item();
            let n = read.get("n").and_then(|n| n.as_number()).and_then(|n| n.to_i64()).expect("a key of ours");
            assert_eq!(read, item(n), "another item");
            found.push(n);
        }
    }
    db.verify()?;
    found.sort_unstable();
    assert!(found.iter().copied().eq(0..found.len() as i64), "items are missing in between: {found:?}");
    Ok(found.len() as i64)
}

fn is_about_files(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Key | ErrorKind::Incompatible | ErrorKind::Io)
}

fn check_harmed(u: &mut Unstructured<'_>) -> Result<()> {
    let mut files = written().clone();
    let is_harmed = harm(u, &mut files, 3)?;
    match read(&files) {
        Ok(found) => assert!(is_harmed || found == ITEMS, "{found} items of a folder that was not harmed"),
        Err(error) => assert!(is_harmed && is_about_files(&error), "{error}"),
    }
    Ok(())
}

/// `KEYS` with a right checksum and any content.
fn check_forged_keys(u: &mut Unstructured<'_>) -> Result<()> {
    let mut files = written().clone();
    let keys = files.get_mut(&FileName::Keys).expect("an encrypted database has KEYS");
    let good = keys.clone();
    keys.truncate(keys.len() - 4);
    match u.int_in_range(0..=2u8)? {
        0 => {
            let mut one = Files::from([(FileName::Keys, keys.clone())]);
            harm(u, &mut one, 3)?;
            *keys = one.remove(&FileName::Keys).unwrap_or_default();
        }
        1 => {
            keys.truncate(FILE_HEADER_BYTES);
            keys.extend(u.arbitrary::<Vec<u8>>()?);
        }
        _ => {
            let mut header = FileHeader::decode(FileMagic::Keys, keys).expect("KEYS is read back");
            header.detail = u.arbitrary()?;
            keys.truncate(FILE_HEADER_BYTES);
            keys[..].copy_from_slice(&header.encode());
            keys.extend(u.arbitrary::<[u8; 32]>()?);
            let generations = u.int_in_range(0..=3u8)?;
            keys.push(generations);
            for number in 1..=generations {
                keys.push(if u.ratio(1, 8)? { u.arbitrary()? } else { number });
                for most in [12, 120] {
                    let bytes: Vec<u8> =
                        (0..u.int_in_range(0..=most)?).map(|_| u.arbitrary()).collect::<Result<_>>()?;
                    keys.push(if u.ratio(1, 8)? { u.arbitrary()? } else { bytes.len() as u8 });
                    keys.extend(bytes);
                }
            }
            keys.extend(u.arbitrary::<[u8; 16]>()?);
        }
    }
    let crc = crc32fast::hash(keys);
    keys.extend(crc.to_le_bytes());
    let is_good = *keys == good;
    match read(&files) {
        Ok(_) => assert!(is_good, "keys were taken that nobody with the key made"),
        Err(error) => assert!(!is_good && is_about_files(&error), "{error}"),
    }
    Ok(())
}

/// Frames of the log with another payload or at another place, and right checksums.
fn check_forged_frames(u: &mut Unstructured<'_>) -> Result<()> {
    let mut files = written().clone();
    let logs: Vec<FileName> = files.keys().copied().filter(|name| matches!(name, FileName::Log(_))).collect();
    let name = *u.choose(&logs)?;
    let FileName::Log(number) = name else { return Ok(()) };
    let bytes = files.get_mut(&name).expect("it is there");
    let good = bytes.clone();
    let keys = FileHeader::decode(FileMagic::Keys, &written()[&FileName::Keys]);
    let database_id = keys.expect("KEYS is read back").database_id;
    let seed = FrameSeed::new(FileMagic::Log, database_id, number);
    let mut at = FILE_HEADER_BYTES + ENCRYPTION_HEADER_BYTES;
    let mut frames = Vec::new();
    while let Some(len) = frame::frame_bytes(&bytes[at..]).filter(|len| *len > 0 && at + len <= bytes.len()) {
        frames.push(at..at + len);
        at += len;
    }
    if frames.is_empty() {
        return Ok(());
    }
    let (place, other) = (u.choose(&frames)?.clone(), u.choose(&frames)?.clone());
    if place.len() == other.len() && u.arbitrary()? {
        let moved = bytes[other].to_vec();
        bytes[place.clone()].copy_from_slice(&moved);
    } else {
        // Behind the checksum and the length.
        for _ in 0..u.int_in_range(1..=4)? {
            let at = u.int_in_range(place.start + 8..=place.end - 1)?;
            bytes[at] ^= u.arbitrary::<u8>()?;
        }
    }
    let synced_to = u.int_in_range(0..=place.end as u64)?;
    frame::stamp(&mut bytes[place.clone()], seed, place.start as u64, synced_to);
    let is_good = bytes[place.start + 4..] == good[place.start + 4..];
    match read(&files) {
        // A segment that no table needs is not read.
        Ok(found) => assert!(is_good || found == ITEMS, "a frame was taken that nobody with the key made"),
        Err(error) => assert!(!is_good && is_about_files(&error), "{error}"),
    }
    Ok(())
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    match u.int_in_range(0..=3u8)? {
        0 | 1 => check_harmed(u),
        2 => check_forged_keys(u),
        _ => check_forged_frames(u),
    }
}

pub fn encrypted(data: &[u8]) {
    let _ = check(&mut Unstructured::new(data));
}
