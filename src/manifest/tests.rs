//! The manifest across commits, rewrites, crashes at every byte, damage and failures.

use super::{Edit, Manifest, PartitionMeta, RunMeta, state::ManifestState};
use crate::{
    error::ErrorKind,
    file::{Disk, Fault, FaultPlan, FileName, NUMBER_LIMIT, Operation, RealDisk, SimulatedDisk},
    format::{
        frame::{self, FrameKind, FrameSeed},
        header::{FILE_HEADER_BYTES, FileHeader, FileMagic},
        protection::Protection,
    },
};
use std::sync::Arc;

fn create(disk: &SimulatedDisk) -> Manifest {
    Manifest::create(Arc::new(disk.clone()), Protection::plain(77)).unwrap()
}

fn open(disk: &SimulatedDisk) -> Result<Manifest, ErrorKind> {
    Manifest::open(Arc::new(disk.clone()), None, false).map_err(|error| error.kind())
}

fn put(id: u64, runs: u64) -> Edit {
    let runs = (0..runs).map(|file| RunMeta { file, ..RunMeta::default() }).collect();
    Edit::PutPartition(PartitionMeta { id, runs, ..PartitionMeta::default() })
}

fn contents(disk: &SimulatedDisk, name: FileName) -> Vec<u8> {
    disk.contents(name).unwrap().to_vec()
}

/// The number of the only manifest of a disk.
fn number(disk: &SimulatedDisk) -> u64 {
    let files = disk.list().unwrap();
    let numbers: Vec<_> = files
        .iter()
        .filter_map(|name| if let FileName::Manifest(number) = name { Some(*number) } else { None })
        .collect();
    assert_eq!(numbers.len(), 1, "{files:?}");
    numbers[0]
}

#[test]
fn edits_come_back() {
    let disk = SimulatedDisk::new(0);
    assert!(!Manifest::exists(&disk).unwrap());
    let mut manifest = create(&disk);
    assert!(Manifest::exists(&disk).unwrap());
    manifest.commit(&[put(1, 2), put(2, 0)]).unwrap();
    manifest.commit(&[Edit::DropPartition(2), Edit::PutLogEnd { segment: 1, valid_end: 64 }]).unwrap();
    assert_eq!(number(&disk), 1);
    let mut again = open(&disk).unwrap();
    assert_eq!(again.state(), manifest.state());
    assert_eq!((again.state().database_id, again.state().partitions.len()), (77, 1));
    again.commit(&[put(3, 1)]).unwrap();
    assert_eq!(number(&disk), 2, "an opened file is not written to");
    assert_eq!(open(&disk).unwrap().state(), again.state());
}

/// Commits small edits until a new file is written; returns the lengths of the old one before and after its last commit.
fn fill(disk: &SimulatedDisk, manifest: &mut Manifest) -> (usize, usize) {
    let first = number(disk);
    let (mut before, mut after) = (0, 0);
    while number(disk) == first {
        (before, after) = (after, contents(disk, FileName::Manifest(first)).len());
        manifest.commit(&[put(1, 10)]).unwrap();
    }
    (before, after)
}

#[test]
fn a_file_is_rewritten_once_it_is_large_and_four_times_its_snapshot() {
    let disk = SimulatedDisk::new(0);
    let mut manifest = create(&disk);
    for _ in 0..2 {
        let (before, after) = fill(&disk, &mut manifest);
        assert!(before <= 256 << 10 && after > 256 << 10, "{before} {after}");
    }
    let many: Vec<Edit> = (0..300).map(|id| put(id, 10)).collect();
    manifest.commit(&many).unwrap();
    fill(&disk, &mut manifest);
    let snapshot = contents(&disk, FileName::Manifest(number(&disk))).len();
    assert!(snapshot > 100 << 10, "{snapshot}");
    let (before, after) = fill(&disk, &mut manifest);
    assert!(before <= 4 * snapshot && after > 4 * snapshot, "{before} {after}, snapshot {snapshot}");
    assert_eq!(open(&disk).unwrap().state(), manifest.state());
}

#[test]
fn snapshots_of_many_edits_come_back() {
    let disk = SimulatedDisk::new(0);
    let mut manifest = create(&disk);
    let edits: Vec<_> = (0..1000).map(|id| put(id, 1)).collect();
    manifest.commit(&edits).unwrap();
    let mut again = open(&disk).unwrap();
    again.commit(&[]).unwrap();
    assert_eq!(open(&disk).unwrap().state(), manifest.state());
}

/// Commits three times and returns the states and the file's length after each.
fn history(disk: &SimulatedDisk) -> Vec<(ManifestState, usize)> {
    let mut manifest = create(disk);
    let mut states = vec![(manifest.state().clone(), contents(disk, FileName::Manifest(1)).len())];
    for id in 0..3 {
        manifest.commit(&[put(id, id)]).unwrap();
        states.push((manifest.state().clone(), contents(disk, FileName::Manifest(1)).len()));
    }
    states
}

#[test]
fn a_file_cut_anywhere_gives_the_state_of_its_whole_commits() {
    let disk = SimulatedDisk::new(0);
    let states = history(&disk);
    let whole = contents(&disk, FileName::Manifest(1));
    for len in 0..whole.len() {
        let cut = disk.crash(0);
        cut.set_contents(FileName::Manifest(1), whole[..len].to_vec());
        let expected = states.iter().rfind(|(_, end)| *end <= len);
        match (open(&cut), expected) {
            (Ok(manifest), Some((state, _))) => assert_eq!(manifest.state(), state, "{len} bytes"),
            (Err(ErrorKind::Corrupt), None) => {}
            (opened, _) => panic!("{len} bytes: {opened:?}"),
        }
    }
}

#[test]
fn a_flipped_byte_is_ignored_in_the_last_commit_and_damage_before_it() {
    let disk = SimulatedDisk::new(0);
    let states = history(&disk);
    let whole = contents(&disk, FileName::Manifest(1));
    for at in 0..whole.len() {
        let damaged = disk.crash(0);
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        damaged.set_contents(FileName::Manifest(1), bytes);
        let opened = open(&damaged);
        if at >= states[2].1 {
            assert_eq!(opened.unwrap().state(), &states[2].0, "byte {at}");
        } else {
            assert_eq!(opened.unwrap_err(), ErrorKind::Corrupt, "byte {at}");
        }
    }
    for at in 0..FILE_HEADER_BYTES {
        let damaged = disk.crash(0);
        let mut bytes = contents(&disk, FileName::Current);
        bytes[at] ^= 0x10;
        damaged.set_contents(FileName::Current, bytes);
        assert_eq!(open(&damaged).unwrap_err(), ErrorKind::Corrupt, "byte {at}");
    }
}

#[test]
fn what_was_closed_is_vouched_for_to_its_last_byte() {
    let disk = SimulatedDisk::new(0);
    let mut manifest = create(&disk);
    manifest.commit(&[put(1, 1)]).unwrap();
    manifest.close(&[put(9, 1)]).unwrap();
    let state = manifest.state().clone();
    assert!(state.partitions.contains_key(&9), "closing commits");
    assert_eq!(open(&disk).unwrap().state(), &state);
    let name = FileName::Manifest(number(&disk));
    let whole = contents(&disk, name);
    for len in 0..whole.len() {
        let cut = disk.crash(0);
        cut.set_contents(name, whole[..len].to_vec());
        assert_eq!(open(&cut).unwrap_err(), ErrorKind::Corrupt, "{len} bytes");
    }
}

#[test]
fn a_failure_while_closing_ends_writing() {
    for operation in [Operation::Append, Operation::Rename, Operation::SyncDirectory] {
        let disk = SimulatedDisk::new(0);
        let mut manifest = create(&disk);
        // The first append is the commit's, the second one `CURRENT`'s.
        let nth = if operation == Operation::Append { 2 } else { 1 };
        disk.fail(FaultPlan::new(operation, nth, Fault::InputOutput));
        assert_eq!(manifest.close(&[put(1, 1)]).unwrap_err().kind(), ErrorKind::Io, "{operation:?}");
        assert_eq!(manifest.commit(&[]).unwrap_err().kind(), ErrorKind::Poisoned, "{operation:?}");
    }
}

#[test]
fn an_interrupted_rewrite_leaves_the_old_manifest_in_force() {
    let disk = SimulatedDisk::new(0);
    let states = history(&disk);
    disk.set_contents(FileName::Manifest(2), "half");
    disk.set_contents(FileName::CurrentNext, "half");
    let mut manifest = open(&disk).unwrap();
    assert_eq!((manifest.state(), manifest.number()), (&states[3].0, 1));
    manifest.commit(&[]).unwrap();
    let left = disk.list().unwrap();
    assert_eq!(left, [FileName::Current, FileName::Manifest(3)], "the first commit removes what is left over");
    assert!(manifest.is_leftover(FileName::Manifest(2)) && !manifest.is_leftover(FileName::Manifest(3)));
    assert_eq!(open(&disk).unwrap().state(), &states[3].0);
}

#[test]
fn an_interrupted_creation_can_be_repeated() {
    let disk = SimulatedDisk::new(0);
    disk.set_contents(FileName::Manifest(1), "half");
    create(&disk);
    assert_eq!(number(&disk), 2);
}

#[test]
fn folders_that_are_no_database_are_refused() {
    let disk = SimulatedDisk::new(0);
    assert_eq!(open(&disk).unwrap_err(), ErrorKind::Incompatible);
    let folder = tempfile::tempdir().unwrap();
    let foreign = RealDisk::open(folder.path(), false).unwrap();
    drop(tempfile::NamedTempFile::new_in(folder.path()).unwrap().keep().unwrap());
    assert_eq!(Manifest::create(Arc::new(foreign), Protection::plain(1)).unwrap_err().kind(), ErrorKind::Incompatible);
    let disk = SimulatedDisk::new(0);
    disk.set_contents(FileName::Run(1), Vec::new());
    assert_eq!(open(&disk).unwrap_err(), ErrorKind::Corrupt);
    assert_eq!(Manifest::create(Arc::new(disk.clone()), Protection::plain(1)).unwrap_err().kind(), ErrorKind::Corrupt);
    let disk = SimulatedDisk::new(0);
    create(&disk);
    assert_eq!(
        Manifest::create(Arc::new(disk.clone()), Protection::plain(1)).unwrap_err().kind(),
        ErrorKind::Incompatible
    );
    disk.remove(FileName::Manifest(1)).unwrap();
    assert_eq!(open(&disk).unwrap_err(), ErrorKind::Corrupt);
}

#[test]
fn newer_versions_are_refused() {
    for name in [FileName::Current, FileName::Manifest(1)] {
        let disk = SimulatedDisk::new(0);
        create(&disk);
        let mut bytes = contents(&disk, name);
        bytes[8] = 2;
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        disk.set_contents(name, bytes);
        assert_eq!(open(&disk).unwrap_err(), ErrorKind::Incompatible);
    }
}

#[test]
fn a_manifest_of_another_database_is_refused() {
    let disk = SimulatedDisk::new(0);
    create(&disk);
    let other = SimulatedDisk::new(0);
    Manifest::create(Arc::new(other.clone()), Protection::plain(78)).unwrap();
    disk.set_contents(FileName::Manifest(1), contents(&other, FileName::Manifest(1)));
    assert_eq!(open(&disk).unwrap_err(), ErrorKind::Corrupt);
}

#[test]
fn a_failure_ends_writing() {
    for operation in [Operation::Append, Operation::Sync] {
        let disk = SimulatedDisk::new(0);
        let mut manifest = create(&disk);
        manifest.commit(&[put(1, 1)]).unwrap();
        let before = manifest.state().clone();
        disk.fail(FaultPlan::new(operation, 1, Fault::InputOutput));
        assert_eq!(manifest.commit(&[put(2, 1)]).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(manifest.commit(&[put(2, 1)]).unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(manifest.state(), &before);
        assert!(manifest.poison_cause().is_some());
        disk.fail(FaultPlan::new(Operation::Remove, 1, Fault::InputOutput).for_good());
        let mut again = open(&disk).unwrap();
        again.commit(&[put(3, 1)]).unwrap();
        assert!(again.poison_cause().is_none(), "garbage that stays is no failure");
    }
}

/// The first commit after an opening writes a new file, and until `CURRENT` names it the old one counts.
#[test]
fn a_next_file_that_cannot_be_made_is_made_by_a_later_commit() {
    for operation in [Operation::Create, Operation::Append, Operation::Sync] {
        let disk = SimulatedDisk::new(0);
        create(&disk).commit(&[put(1, 1)]).unwrap();
        let mut manifest = open(&disk).unwrap();
        let before = manifest.state().clone();
        disk.fail(FaultPlan::new(operation, 1, Fault::NoSpace));
        assert_eq!(manifest.commit(&[put(2, 1)]).unwrap_err().kind(), ErrorKind::Io, "{operation:?}");
        assert!(!manifest.is_poisoned(), "{operation:?}");
        assert_eq!((manifest.state(), open(&disk).unwrap().state()), (&before, &before));
        manifest.commit(&[put(3, 1)]).unwrap();
        assert_eq!(open(&disk).unwrap().state(), manifest.state(), "{operation:?}");
    }
}

#[test]
fn read_only_changes_nothing() {
    let disk = SimulatedDisk::new(0);
    history(&disk);
    disk.set_contents(FileName::Manifest(9), Vec::new());
    let mut manifest = Manifest::open_read_only(Arc::new(disk.clone()), None, false).unwrap();
    assert_eq!(manifest.commit(&[put(1, 1)]).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(disk.list().unwrap().contains(&FileName::Manifest(9)));
}

/// Adds a frame that is intact to the first manifest.
fn forge(disk: &SimulatedDisk, seqno: u64, kind: FrameKind, payload: &str) {
    let name = FileName::Manifest(1);
    let (mut bytes, mut forged) = (contents(disk, name), Vec::new());
    frame::begin(&mut forged, seqno, kind);
    forged.extend_from_slice(payload.as_bytes());
    frame::end(&mut forged, 0, 0).unwrap();
    frame::stamp(&mut forged, FrameSeed::new(FileMagic::Manifest, 77, 1), bytes.len() as u64, 0);
    bytes.extend(forged);
    disk.set_contents(name, bytes);
}

/// An edit that is missing between two others, one that is there twice, and the end of a log.
#[test]
fn a_frame_that_is_intact_and_does_not_belong_there_is_damage() {
    for (seqno, kind, belongs) in [
        (2, FrameKind::Data, true),
        (3, FrameKind::Data, false),
        (1, FrameKind::Data, false),
        (2, FrameKind::Seal, false),
    ] {
        let disk = SimulatedDisk::new(0);
        create(&disk);
        forge(&disk, seqno, kind, "[]");
        let opened = open(&disk).map(drop);
        assert_eq!(opened, if belongs { Ok(()) } else { Err(ErrorKind::Corrupt) }, "{seqno}, {kind:?}");
    }
}

#[test]
fn a_manifest_with_a_number_that_nobody_counts_up_to_is_damage() {
    for (number, is_right) in [(NUMBER_LIMIT - 1, true), (NUMBER_LIMIT, false)] {
        let disk = SimulatedDisk::new(0);
        create(&disk);
        for (from, to) in [(FileName::Current, FileName::Current), (FileName::Manifest(1), FileName::Manifest(number))]
        {
            let bytes = contents(&disk, from);
            let magic = if from == FileName::Current { FileMagic::Current } else { FileMagic::Manifest };
            let header = FileHeader::decode(magic, &bytes).unwrap();
            let detail = if from == FileName::Current { FILE_HEADER_BYTES as u64 } else { header.detail };
            disk.set_contents(to, FileHeader { number, detail, ..header }.encode().to_vec());
        }
        let opened = Manifest::open_read_only(Arc::new(disk), None, false);
        assert_eq!(
            opened.map(drop).map_err(|error| error.kind()),
            if is_right { Ok(()) } else { Err(ErrorKind::Corrupt) }
        );
    }
}

/// Checksums were right, but a number was where the next one overflowed: opening the database panicked.
#[test]
fn a_forged_edit_with_numbers_that_nobody_counts_up_to_is_damage() {
    let counters = |file: u64, table: u32, partition: u64| {
        format!(r#"[{{"PutCounters":{{"next_file":{file},"next_table":{table},"next_partition":{partition}}}}}]"#)
    };
    let record = PartitionMeta { id: u64::MAX, ..PartitionMeta::default() };
    let senseless = [Edit::PutPartition(record)];
    let forged = [
        ("[]".to_owned(), true),
        (counters(9, 9, 9), true),
        (counters(u64::MAX, 1, 1), false),
        (counters(1, u32::MAX, 1), false),
        (counters(1, 1, u64::MAX), false),
        (serde_json::to_string(&senseless).unwrap(), false),
    ];
    for (edits, makes_sense) in forged {
        let disk = SimulatedDisk::new(0);
        let mut manifest = create(&disk);
        assert!(manifest.commit(&senseless).is_err(), "what is not read back is not written");
        manifest.commit(&[put(1, 0)]).unwrap();
        drop(manifest);
        forge(&disk, 3, FrameKind::Data, &edits);
        let opened = open(&disk).map(|manifest| manifest.state().partitions.len());
        assert_eq!(opened, if makes_sense { Ok(1) } else { Err(ErrorKind::Corrupt) }, "{edits}");
    }
}
