//! Manifests: what was committed is read back; after harm it is a beginning of that, or an error; and a database
//! opens, or does not, on any edits.

use crate::{
    disk::{Files, disk_of, files_of, harm},
    open::open_and_use,
    schema, value,
};
use arbitrary::{Result, Unstructured};
use hashrange::{
    file::{Disk, FileName, MemoryDisk},
    fuzzing::{
        Counters, Edit, FILE_HEADER_BYTES, FileHeader, FileMagic, FrameKind, FrameSeed, Manifest, ManifestState,
        PartitionMeta, Protection, RunMeta, frame,
    },
};
use std::sync::Arc;

const DATABASE: u64 = 0x5eed;

fn run(u: &mut Unstructured<'_>) -> Result<RunMeta> {
    Ok(RunMeta {
        file: schema::count(u)?,
        bytes: schema::count(u)?,
        entries: schema::count(u)?,
        tombstones: schema::count(u)?,
        logical_bytes: schema::count(u)?,
        min_token: schema::count(u)?,
        max_token: schema::count(u)?,
        min_seqno: schema::count(u)?,
        max_seqno: schema::count(u)?,
        bottom: u.arbitrary()?,
        footer: schema::count(u)?,
        generation: if u.ratio(7, 8)? { 0 } else { u.arbitrary()? },
        mark: 0,
    })
}

fn partition(u: &mut Unstructured<'_>) -> Result<PartitionMeta> {
    let whole = u.ratio(2, 3)?;
    Ok(PartitionMeta {
        id: schema::count(u)?,
        keyspace: schema::id(u)?,
        first_token: if whole { 0 } else { schema::count(u)? },
        last_token: if whole { u64::MAX } else { schema::count(u)? },
        flushed_seqno: schema::count(u)?,
        runs: if u.ratio(1, 4)? { vec![run(u)?] } else { Vec::new() },
    })
}

fn edit(u: &mut Unstructured<'_>) -> Result<Edit> {
    Ok(match u.int_in_range(0..=9u8)? {
        0..=2 => Edit::PutTable(Box::new(schema::table(u)?)),
        3 => Edit::DropTable(schema::id(u)?),
        4..=5 => Edit::PutPartition(partition(u)?),
        6 => Edit::DropPartition(schema::count(u)?),
        7 => Edit::PutLogEnd { segment: schema::count(u)?, valid_end: schema::count(u)? },
        8 => Edit::PutCounters(Counters {
            next_file: schema::count(u)?,
            next_table: schema::id(u)?,
            next_partition: schema::count(u)?,
            ..Counters::default()
        }),
        _ => Edit::PutNote { key: value::text(u)?, value: serde_json::Value::from(schema::count(u)?) },
    })
}

/// Edits for which a database opens at times: each table has the partitions that its number asks for.
fn edits(u: &mut Unstructured<'_>) -> Result<Vec<Edit>> {
    let mut edits = Vec::new();
    for _ in 0..u.int_in_range(0..=4)? {
        let edit = edit(u)?;
        if let Edit::PutTable(table) = &edit
            && u.ratio(3, 4)?
        {
            for keyspace in table.indexes.iter().map(|index| index.id).chain([table.id]) {
                edits.push(Edit::PutPartition(PartitionMeta {
                    id: schema::count(u)?,
                    keyspace,
                    last_token: u64::MAX,
                    flushed_seqno: u.int_in_range(0..=3)?,
                    ..PartitionMeta::default()
                }));
            }
        }
        edits.push(edit);
    }
    Ok(edits)
}

/// A manifest in good order, then harmed, then opened as a manifest and as a database.
fn check_committed(u: &mut Unstructured<'_>) -> Result<()> {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let mut manifest =
        Manifest::create(disk.clone(), Protection::plain(DATABASE)).expect("a disk in memory takes a manifest");
    let mut states: Vec<ManifestState> = vec![manifest.state().clone()];
    for _ in 0..u.int_in_range(0..=5)? {
        // Senseless numbers are refused, and nothing is written then.
        if manifest.commit(&edits(u)?).is_ok() {
            states.push(manifest.state().clone());
        }
    }
    drop(manifest);
    let mut files = files_of(&*disk);
    let is_harmed = harm(u, &mut files, 2)?;
    let disk = disk_of(&files);
    match Manifest::open_read_only(disk.clone(), None, false) {
        Ok(found) => {
            let position = states.iter().rposition(|state| state == found.state());
            let position = position.expect("a state that was committed");
            assert!(is_harmed || position + 1 == states.len(), "edits are missing");
        }
        Err(error) => assert!(is_harmed, "{error}"),
    }
    open_and_use(disk);
    Ok(())
}

/// Any bytes as edits, under right checksums.
fn check_forged(u: &mut Unstructured<'_>) -> Result<()> {
    let seed = FrameSeed::new(FileMagic::Manifest, DATABASE, 1);
    let header = |magic, detail| FileHeader {
        magic,
        database_id: DATABASE,
        number: 1,
        detail,
        takes_over: false,
        is_reused: false,
        mark: 0,
    };
    let first = schema::count(u)?;
    let mut bytes = header(FileMagic::Manifest, first).encode().to_vec();
    for number in 0..u.int_in_range(0..=3u64)? {
        let payload = match u.int_in_range(0..=2u8)? {
            0 => u.arbitrary::<Vec<u8>>()?,
            1 => u.arbitrary::<String>()?.into_bytes(),
            _ => serde_json::to_vec(&edits(u)?).unwrap_or_default(),
        };
        let mut one = Vec::new();
        frame::begin(&mut one, first.wrapping_add(number), FrameKind::Data);
        one.extend(payload);
        if frame::end(&mut one, 0, 0).is_ok() {
            frame::stamp(&mut one, seed, bytes.len() as u64, 0);
            bytes.extend(one);
        }
    }
    let current = header(FileMagic::Current, u.int_in_range(0..=FILE_HEADER_BYTES as u64)?).encode().to_vec();
    let mut files = Files::from([(FileName::Manifest(1), bytes), (FileName::Current, current)]);
    harm(u, &mut files, 1)?;
    open_and_use(disk_of(&files));
    Ok(())
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    if u.arbitrary()? { check_committed(u) } else { check_forged(u) }
}

pub fn manifest(data: &[u8]) {
    let _ = check(&mut Unstructured::new(data));
}
