//! The log after harm: what is recovered is a beginning of what was written, whatever happened to the bytes; frames
//! that were forged with right checksums are taken or refused; and a database opens, or does not, on any records.

use crate::{
    disk::{Files, disk_of, files_of, harm},
    open::{open_and_use, options},
    schema, value,
};
use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use hashrange::{
    file::{Disk, FileName, MemoryDisk},
    fuzzing::{
        Before, ChangeRef, CommitHeader, FILE_HEADER_BYTES, FileHeader, FileMagic, FrameKind, LogBounds, Protection,
        Record, Wal, WalOptions, encode_commit, encode_item, frame, recover,
    },
};
use std::sync::Arc;

const DATABASE: u64 = 0x5eed;

fn log(disk: &Arc<dyn Disk>, first_segment: u64, next_seqno: u64, database_id: u64) -> hashrange::Result<Wal> {
    Wal::create(disk.clone(), options_of(first_segment, next_seqno, database_id))
}

fn options_of(first_segment: u64, next_seqno: u64, database_id: u64) -> WalOptions {
    let older_segments = Vec::new();
    let (segment_bytes, windows, taken_over) = (4096, false, None);
    let observe = Arc::default();
    let protection = Protection::plain(database_id);
    WalOptions {
        segment_bytes,
        windows,
        protection,
        mark_before: 0,
        first_segment,
        next_seqno,
        older_segments,
        taken_over,
        observe,
    }
}

/// A log that was written in good order, then harmed.
fn check_harmed(u: &mut Unstructured<'_>) -> Result<()> {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let wal = log(&disk, 1, 1, DATABASE).expect("a disk in memory takes a log");
    let mut written: Vec<Vec<u8>> = Vec::new();
    for _ in 0..u.int_in_range(0..=30)? {
        let mut payload: Vec<u8> = u.arbitrary()?;
        if u.ratio(1, 4)? {
            payload.resize(u.int_in_range(0..=5000)?, 7);
        }
        let seqno = wal.append(&payload).expect("a healthy log takes a record");
        written.push(payload);
        wal.applied(seqno);
        if u.arbitrary()? {
            wal.sync(seqno).expect("a disk in memory syncs");
        }
    }
    let is_closed = u.arbitrary()?;
    let last = wal.last_seqno();
    if is_closed { wal.close().map(drop) } else { wal.sync(last) }.expect("a disk in memory syncs");
    drop(wal);
    let mut files = files_of(&*disk);
    let is_harmed = harm(u, &mut files, 3)?;
    if !files.contains_key(&FileName::Log(1)) {
        return Ok(()); // as after trimming: a log may begin anywhere
    }
    let mut found: Vec<Bytes> = Vec::new();
    let disk = disk_of(&files);
    let recovered = recover(&*disk, &Protection::plain(DATABASE), &LogBounds::default(), &mut |seqno, payload| {
        assert_eq!(seqno, found.len() as u64 + 1, "numbers grow by one");
        found.push(payload.clone());
        Ok(())
    });
    assert!(found.len() <= written.len() && found.iter().zip(&written).all(|(is, was)| *is == *was), "another log");
    let Ok(recovered) = recovered else {
        assert!(is_harmed, "a log in good order was refused");
        return Ok(());
    };
    assert!(is_harmed || found.len() == written.len(), "records are missing");
    assert_eq!(recovered.next_seqno, found.len() as u64 + 1);
    // What was found, and nothing else, is found again once the next segment exists and the end is recorded.
    let mut options = options_of(recovered.next_segment, recovered.next_seqno, DATABASE);
    options.taken_over = Some(recovered.taken_over);
    let wal = Wal::create(disk.clone(), options).expect("the next segment is free");
    let ends = recovered.ends.into_iter().collect();
    let bounds = LogBounds { first_segment: 1, reach: wal.durable_end(), ends, ..LogBounds::default() };
    let seqno = wal.append(b"next").expect("a healthy log takes a record");
    wal.sync(seqno).expect("a disk in memory syncs");
    let mut again = 0;
    let second = recover(&*disk, &Protection::plain(DATABASE), &bounds, &mut |_, _| {
        again += 1;
        Ok(())
    });
    second.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again, found.len() + 1);
    Ok(())
}

/// Segments of frames that say anything, under right checksums.
fn check_forged(u: &mut Unstructured<'_>) -> Result<()> {
    let mut files = Files::new();
    let mut seqno = u.int_in_range(0..=3u64)?;
    for number in 1..=u.int_in_range(1..=3u64)? {
        let header = FileHeader {
            magic: FileMagic::Log,
            database_id: DATABASE,
            number,
            detail: seqno,
            takes_over: u.ratio(1, 4)?,
            is_reused: u.ratio(1, 3)?,
            mark: 0,
        };
        let (mut bytes, mut frames) = Protection::plain(DATABASE).begin(&header).expect("a header needs no randomness");
        for _ in 0..u.int_in_range(0..=8)? {
            let kind = if u.ratio(1, 6)? { FrameKind::Seal } else { FrameKind::Data };
            let start = bytes.len();
            if u.ratio(1, 8)? {
                bytes.extend(std::iter::repeat_n(0, u.int_in_range(0..=64)?));
                continue;
            }
            let mut one = Vec::new();
            frame::begin(&mut one, seqno, kind);
            one.extend_from_slice(&record(u)?);
            if frame::end(&mut one, 0, 0).is_err() {
                continue;
            }
            let synced_to = schema::count(u)?.min(1 << 33);
            frames.stamp(&mut one, start as u64, synced_to).expect("frames are stamped upwards");
            bytes.extend(one);
            if kind == FrameKind::Data && !u.ratio(1, 16)? {
                seqno = seqno.saturating_add(1);
            }
        }
        // What the former segment had behind the end of this one.
        if header.is_reused
            && let Some(rest) =
                files.get(&FileName::Log(number - 1)).and_then(|former: &Vec<u8>| former.get(bytes.len()..))
        {
            bytes.extend_from_slice(rest);
        }
        files.insert(FileName::Log(number), bytes);
    }
    harm(u, &mut files, 1)?;
    let mut bounds = LogBounds { first_segment: u.int_in_range(0..=2)?, ..LogBounds::default() };
    let mut place = || Ok((u.int_in_range(0..=4)?, schema::count(u)?.min(FILE_HEADER_BYTES as u64 + 200)));
    bounds.reach = place()?;
    bounds.ends.extend([place()?]);
    let disk = disk_of(&files);
    let _ = recover(&*disk, &Protection::plain(DATABASE), &bounds, &mut |_, payload| {
        let _ = Record::decode(payload);
        Ok(())
    });
    Ok(())
}

/// The payload of a record: any bytes, a commit, or a change of the schema.
fn record(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    match u.int_in_range(0..=5u8)? {
        0 => u.arbitrary(),
        1 => {
            let table = serde_json::to_string(&schema::table(u)?).unwrap_or_default();
            Ok(format!("\u{2}{{\"Put\":{table}}}").into_bytes())
        }
        2 if u.ratio(1, 4)? => Ok(format!("\u{2}{{\"Drop\":{}}}", schema::id(u)?).into_bytes()),
        _ => {
            let mut images = Vec::new();
            for _ in 0..u.int_in_range(0..=3)? {
                let mut image = || -> Result<Option<Vec<u8>>> {
                    Ok(match u.int_in_range(0..=3u8)? {
                        0 => None,
                        1 => Some(u.arbitrary()?),
                        _ => Some(encode_item(&value::item(u)?)),
                    })
                };
                images.push((image()?, image()?));
            }
            let keys = (0..images.len())
                .map(|_| {
                    Ok((schema::id(u)?, [&[u.int_in_range(0..=1)?], &*value::binary(u)?].concat(), value::binary(u)?))
                })
                .collect::<Result<Vec<_>>>()?;
            let without_old = match u.arbitrary::<u8>()? % 3 {
                0 => Before::Unknown,
                1 => Before::Absent,
                _ => Before::Different,
            };
            let changes: Vec<ChangeRef<'_>> = images
                .iter()
                .zip(&keys)
                .map(|((old, new), (table, collection, sort))| ChangeRef {
                    table: *table,
                    collection,
                    sort,
                    old: old.as_deref().map_or(without_old, Before::Item),
                    new: new.as_deref(),
                    new_shared: None,
                    stamp: (*table % 3 == 0).then_some((u64::from(*table), "eu-west-1")),
                })
                .collect();
            let header = CommitHeader { at_millis: schema::count(u)?, ..CommitHeader::default() };
            let mut payload = Vec::new();
            encode_commit(&header, changes.len(), changes, &mut payload);
            Ok(payload)
        }
    }
}

/// A database whose log goes on with records that it never wrote.
fn check_database(u: &mut Unstructured<'_>) -> Result<()> {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let Ok(db) = options().open_on(disk.clone()) else { return Ok(()) };
    if u.arbitrary()? {
        let _ = db.create_table("table").hash::<hashrange::key::S>("a").create();
    }
    drop(db);
    let files = files_of(&*disk);
    let current = files.get(&FileName::Current).expect("a database has CURRENT");
    let database_id = FileHeader::decode(FileMagic::Current, current).expect("CURRENT is read back").database_id;
    let (mut segment, mut seqno) = (1, 1);
    for name in files.keys() {
        if let FileName::Log(number) = name {
            segment = number + 1;
        }
    }
    let recovered = recover(&*disk, &Protection::plain(database_id), &LogBounds::default(), &mut |last, _| {
        seqno = last + 1;
        Ok(())
    });
    recovered.expect("a log in good order is read");
    let wal = log(&disk, segment, seqno, database_id).expect("the next segment is free");
    for _ in 0..u.int_in_range(1..=8)? {
        if let Ok(seqno) = wal.append(&record(u)?) {
            wal.applied(seqno);
        }
    }
    let _ = wal.close();
    drop(wal);
    open_and_use(disk);
    Ok(())
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    match u.int_in_range(0..=2u8)? {
        0 => check_harmed(u),
        1 => check_forged(u),
        _ => check_database(u),
    }
}

pub fn wal_recover(data: &[u8]) {
    let _ = check(&mut Unstructured::new(data));
}
