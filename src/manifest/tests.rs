//! The manifest across commits, rewrites, crashes at every byte, damage and failures.

use super::{Edit, Manifest, PartitionRecord, RunFacts, State};
use crate::{
    error::ErrorKind,
    file::{Disk, FileName},
    wal::{header::FILE_HEADER_BYTES, testing::TestDisk},
};
use std::sync::{Arc, atomic::Ordering};

fn create(disk: &Arc<TestDisk>) -> Manifest {
    Manifest::create(Arc::<TestDisk>::clone(disk), 77).unwrap()
}

fn open(disk: &Arc<TestDisk>) -> Result<Manifest, ErrorKind> {
    Manifest::open(Arc::<TestDisk>::clone(disk)).map_err(|error| error.kind())
}

fn put(id: u64, runs: u64) -> Edit {
    let runs = (0..runs).map(|file| RunFacts { file, ..RunFacts::default() }).collect();
    Edit::PutPartition(PartitionRecord { id, runs, ..PartitionRecord::default() })
}

/// The number of the only manifest of a disk.
fn number(disk: &TestDisk) -> u64 {
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
    let disk = TestDisk::new();
    assert!(!Manifest::exists(&*disk).unwrap());
    let mut manifest = create(&disk);
    assert!(Manifest::exists(&*disk).unwrap());
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

#[test]
fn a_large_file_is_rewritten() {
    let disk = TestDisk::new();
    let mut manifest = create(&disk);
    for turn in 0..400 {
        manifest.commit(&[put(turn % 10, 10)]).unwrap();
    }
    assert!(number(&disk) > 1);
    assert!(disk.bytes(FileName::Manifest(number(&disk))).len() < 300 << 10);
    assert_eq!(open(&disk).unwrap().state(), manifest.state());
}

#[test]
fn snapshots_of_many_edits_come_back() {
    let disk = TestDisk::new();
    let mut manifest = create(&disk);
    let edits: Vec<_> = (0..1000).map(|id| put(id, 1)).collect();
    manifest.commit(&edits).unwrap();
    let mut again = open(&disk).unwrap();
    again.commit(&[]).unwrap();
    assert_eq!(open(&disk).unwrap().state(), manifest.state());
}

/// Commits three times and returns the states and the file's length after each.
fn history(disk: &Arc<TestDisk>) -> Vec<(State, usize)> {
    let mut manifest = create(disk);
    let mut states = vec![(manifest.state().clone(), disk.bytes(FileName::Manifest(1)).len())];
    for id in 0..3 {
        manifest.commit(&[put(id, id)]).unwrap();
        states.push((manifest.state().clone(), disk.bytes(FileName::Manifest(1)).len()));
    }
    states
}

#[test]
fn a_file_cut_anywhere_gives_the_state_of_its_whole_commits() {
    let disk = TestDisk::new();
    let states = history(&disk);
    let whole = disk.bytes(FileName::Manifest(1));
    for len in 0..whole.len() {
        let cut = disk.copy();
        cut.set_bytes(FileName::Manifest(1), whole[..len].to_vec());
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
    let disk = TestDisk::new();
    let states = history(&disk);
    let whole = disk.bytes(FileName::Manifest(1));
    for at in 0..whole.len() {
        let damaged = disk.copy();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        damaged.set_bytes(FileName::Manifest(1), bytes);
        let opened = open(&damaged);
        if at >= states[2].1 {
            assert_eq!(opened.unwrap().state(), &states[2].0, "byte {at}");
        } else {
            let kind = opened.unwrap_err();
            assert!(matches!(kind, ErrorKind::Corrupt | ErrorKind::Incompatible), "byte {at}");
            assert!(kind == ErrorKind::Corrupt || at < FILE_HEADER_BYTES, "byte {at}");
        }
    }
    for at in 0..FILE_HEADER_BYTES {
        let damaged = disk.copy();
        let mut bytes = disk.bytes(FileName::Current);
        bytes[at] ^= 0x10;
        damaged.set_bytes(FileName::Current, bytes);
        assert!(matches!(open(&damaged), Err(ErrorKind::Corrupt | ErrorKind::Incompatible)), "byte {at}");
    }
}

#[test]
fn an_interrupted_rewrite_leaves_the_old_manifest_in_force() {
    let disk = TestDisk::new();
    let states = history(&disk);
    disk.set_bytes(FileName::Manifest(2), b"half".to_vec());
    disk.set_bytes(FileName::CurrentNext, b"half".to_vec());
    let mut manifest = open(&disk).unwrap();
    assert_eq!(manifest.state(), &states[3].0);
    assert_eq!(number(&disk), 1);
    disk.set_bytes(FileName::CurrentNext, b"half".to_vec());
    manifest.commit(&[]).unwrap();
    assert_eq!(open(&disk).unwrap().state(), &states[3].0);
}

#[test]
fn an_interrupted_creation_can_be_repeated() {
    let disk = TestDisk::new();
    disk.set_bytes(FileName::Manifest(1), b"half".to_vec());
    create(&disk);
    assert_eq!(number(&disk), 2);
}

#[test]
fn folders_that_are_no_database_are_refused() {
    let disk = TestDisk::new();
    assert_eq!(open(&disk).unwrap_err(), ErrorKind::Incompatible);
    disk.foreign.store(true, Ordering::SeqCst);
    let refused = Manifest::create(Arc::<TestDisk>::clone(&disk), 1).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Incompatible);
    let disk = TestDisk::new();
    disk.set_bytes(FileName::Run(1), Vec::new());
    assert_eq!(open(&disk).unwrap_err(), ErrorKind::Corrupt);
    assert_eq!(Manifest::create(Arc::<TestDisk>::clone(&disk), 1).unwrap_err().kind(), ErrorKind::Corrupt);
    let disk = TestDisk::new();
    create(&disk);
    assert_eq!(Manifest::create(Arc::<TestDisk>::clone(&disk), 1).unwrap_err().kind(), ErrorKind::Incompatible);
    disk.remove(FileName::Manifest(1)).unwrap();
    assert_eq!(open(&disk).unwrap_err(), ErrorKind::Corrupt);
}

#[test]
fn newer_versions_are_refused() {
    for name in [FileName::Current, FileName::Manifest(1)] {
        let disk = TestDisk::new();
        create(&disk);
        let mut bytes = disk.bytes(name);
        bytes[8] = 2;
        disk.set_bytes(name, bytes);
        assert_eq!(open(&disk).unwrap_err(), ErrorKind::Incompatible);
    }
}

#[test]
fn a_manifest_of_another_database_is_refused() {
    let disk = TestDisk::new();
    create(&disk);
    let other = TestDisk::new();
    Manifest::create(Arc::<TestDisk>::clone(&other), 78).unwrap();
    disk.set_bytes(FileName::Manifest(1), other.bytes(FileName::Manifest(1)));
    assert_eq!(open(&disk).unwrap_err(), ErrorKind::Corrupt);
}

#[test]
fn a_failure_ends_writing() {
    for is_sync in [false, true] {
        let disk = TestDisk::new();
        let mut manifest = create(&disk);
        manifest.commit(&[put(1, 1)]).unwrap();
        let before = manifest.state().clone();
        let switch = if is_sync { &disk.switches.fail_syncs } else { &disk.switches.fail_writes };
        switch.store(true, Ordering::SeqCst);
        assert_eq!(manifest.commit(&[put(2, 1)]).unwrap_err().kind(), ErrorKind::Io);
        switch.store(false, Ordering::SeqCst);
        assert_eq!(manifest.commit(&[put(2, 1)]).unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(manifest.state(), &before);
        assert!(manifest.poison_cause().is_some());
        disk.switches.fail_removes.store(true, Ordering::SeqCst);
        let mut again = open(&disk).unwrap();
        again.commit(&[put(3, 1)]).unwrap();
        assert!(again.poison_cause().is_none(), "garbage that stays is no failure");
    }
}

#[test]
fn read_only_changes_nothing() {
    let disk = TestDisk::new();
    history(&disk);
    disk.set_bytes(FileName::Manifest(9), Vec::new());
    let mut manifest = Manifest::open_read_only(Arc::<TestDisk>::clone(&disk)).unwrap();
    assert_eq!(manifest.commit(&[put(1, 1)]).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(disk.list().unwrap().contains(&FileName::Manifest(9)));
}
