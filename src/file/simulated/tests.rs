use super::*;
use crate::error::ErrorKind;
use std::collections::BTreeSet;

const LOG: FileName = FileName::Log(1);
const RUN: FileName = FileName::Run(1);
const SEEDS: u64 = 400;

/// A disk with a durable log that holds 600 bytes `s`.
fn with_synced_log() -> (SimulatedDisk, Box<dyn WritableFile>) {
    let disk = SimulatedDisk::new(1);
    let mut file = disk.create(LOG).unwrap();
    file.append(&[b's'; 600]).unwrap();
    file.sync().unwrap();
    disk.sync_directory().unwrap();
    (disk, file)
}

fn after_crashes(disk: &SimulatedDisk, name: FileName) -> BTreeSet<Option<Bytes>> {
    (0..SEEDS).map(|seed| disk.crash(seed).contents(name)).collect()
}

#[test]
fn conforms() {
    super::super::conformance::check(&SimulatedDisk::new(0));
    super::super::conformance::check(&SimulatedDisk::new(0).crash(1));
    super::super::conformance::check(&SimulatedDisk::new(0).kill());
}

#[test]
fn synced_bytes_survive_every_crash() {
    let (disk, mut file) = with_synced_log();
    assert_eq!(after_crashes(&disk, LOG), BTreeSet::from([Some(Bytes::from(vec![b's'; 600]))]));
    file.append(&[b'u'; 3000]).unwrap();
    file.reserve(8000).unwrap();
    for image in after_crashes(&disk, LOG) {
        assert_eq!(image.unwrap()[..600], [b's'; 600]);
    }
}

#[test]
fn unsynced_bytes_may_be_lost_kept_torn_garbled_and_reordered() {
    let (disk, mut file) = with_synced_log();
    file.append(&[b'a'; 1500]).unwrap();
    file.append(&[b'b'; 100]).unwrap();
    let images: Vec<_> = after_crashes(&disk, LOG).into_iter().flatten().collect();
    let seen = |what: &str, test: &dyn Fn(&[u8]) -> bool| assert!(images.iter().any(|i| test(&i[600..])), "{what}");
    let all = |bytes: &[u8], byte: u8| bytes.iter().all(|b| *b == byte);
    seen("lost", &|tail| tail.is_empty());
    seen("kept", &|tail| tail.len() == 1600 && all(&tail[..1500], b'a') && all(&tail[1500..], b'b'));
    seen("only the second", &|tail| tail.len() == 1600 && all(&tail[..1500], 0) && all(&tail[1500..], b'b'));
    // Sectors of the file begin at 1024, 1536 and 2048, which are 424, 936 and 1448 in the tail.
    seen("first sectors", &|tail| tail.len() == 936 && all(tail, b'a'));
    seen("other sectors", &|tail| tail.len() > 936 && all(&tail[..424], 0) && all(&tail[424..936], b'a'));
    seen("grown only", &|tail| !tail.is_empty() && all(tail, 0));
    seen("noise", &|tail| tail.iter().any(|b| ![0, 0xFF, b'a', b'b'].contains(b)));
}

#[test]
fn an_overwritten_write_may_have_the_last_word() {
    let (disk, mut file) = with_synced_log();
    file.write_at(0, b"1").unwrap();
    file.write_at(0, b"2").unwrap();
    let first: BTreeSet<_> = after_crashes(&disk, LOG).into_iter().flatten().map(|image| image[0]).collect();
    assert!(first.is_superset(&BTreeSet::from([b's', b'1', b'2'])));
}

#[test]
fn names_are_durable_only_after_a_directory_sync() {
    let (disk, _log) = with_synced_log();
    let mut run = disk.create(RUN).unwrap();
    run.append(b"run").unwrap();
    run.sync().unwrap();
    disk.rename(LOG, FileName::Log(2)).unwrap();
    let states: BTreeSet<_> = (0..SEEDS).map(|seed| disk.crash(seed).list().unwrap()).collect();
    let renamed = FileName::Log(2);
    assert_eq!(states, BTreeSet::from([vec![LOG], vec![LOG, RUN], vec![renamed], vec![renamed, RUN]]));
    assert_eq!(after_crashes(&disk, RUN), BTreeSet::from([None, Some(Bytes::from("run"))]));
    disk.sync_directory().unwrap();
    let states: BTreeSet<_> = (0..SEEDS).map(|seed| disk.crash(seed).list().unwrap()).collect();
    assert_eq!(states, BTreeSet::from([vec![renamed, RUN]]));
}

#[test]
fn a_removed_file_comes_back_whole_until_the_directory_is_synced() {
    let (disk, log) = with_synced_log();
    drop(log);
    disk.remove(LOG).unwrap();
    disk.create(LOG).unwrap().append(b"next").unwrap();
    let images = after_crashes(&disk, LOG);
    assert!(images.contains(&None) && images.contains(&Some(Bytes::from(vec![b's'; 600]))));
    assert!(images.contains(&Some(Bytes::from("next"))));
    disk.sync_directory().unwrap();
    assert!(after_crashes(&disk, LOG).iter().all(|image| image.as_ref().is_some_and(|i| i.len() <= 4)));
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_one() {
    let disk = SimulatedDisk::new(5);
    for (name, bytes) in [(FileName::Current, "old"), (FileName::CurrentNext, "new")] {
        let mut file = disk.create(name).unwrap();
        file.append(bytes.as_bytes()).unwrap();
        file.sync().unwrap();
        disk.sync_directory().unwrap();
    }
    disk.rename(FileName::CurrentNext, FileName::Current).unwrap();
    let images = after_crashes(&disk, FileName::Current);
    assert_eq!(images, BTreeSet::from([Some(Bytes::from("old")), Some(Bytes::from("new"))]));
}

#[test]
fn the_power_goes_in_the_middle_of_an_operation() {
    for n in 1..=4 {
        let disk = SimulatedDisk::new(9);
        disk.crash_at(n);
        let work = || -> Result<()> {
            let mut file = disk.create(LOG)?;
            file.append(b"x")?;
            file.sync()?;
            disk.sync_directory()
        };
        let error = work().unwrap_err();
        assert!(error.message().contains(CRASHED), "{error}");
        assert!(disk.has_crashed() && disk.operations() == n);
        assert!(disk.list().is_err() && disk.lock().is_err() && disk.create(RUN).is_err());
        let seen = after_crashes(&disk, LOG);
        assert!(seen.contains(&None), "nothing was durable before operation {n}");
        assert_eq!(seen.contains(&Some(Bytes::from("x"))), n > 1);
    }
}

#[test]
fn a_crash_during_recovery_is_a_crash_like_any_other() {
    let (disk, _log) = with_synced_log();
    disk.create(RUN).unwrap();
    let up = disk.crash(3);
    up.crash_at(1);
    assert!(up.remove(LOG).is_err());
    let seen = after_crashes(&up, LOG);
    assert!(seen.contains(&None) && seen.contains(&Some(Bytes::from(vec![b's'; 600]))));
}

#[test]
fn a_failed_sync_drops_what_waited() {
    let mut survived = BTreeSet::new();
    let mut shown = BTreeSet::new();
    for seed in 0..100 {
        let disk = SimulatedDisk::new(seed);
        let mut file = disk.create(LOG).unwrap();
        disk.sync_directory().unwrap();
        file.append(b"a").unwrap();
        disk.fail(FaultPlan::new(Operation::Sync, 1, Fault::InputOutput));
        assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Io);
        shown.insert(disk.contents(LOG).unwrap());
        file.append(b"b").unwrap();
        file.sync().unwrap();
        let after = disk.crash(seed).contents(LOG).unwrap();
        assert_eq!(after[1], b'b', "a later sync holds for later writes");
        survived.insert(after[0]);
    }
    assert!(survived.contains(&0) && survived.contains(&b'a'), "{survived:?}");
    assert!(shown.contains(&b"\0"[..]) && shown.contains(&b"a"[..]), "{shown:?}");
}

#[test]
fn a_failed_directory_sync_is_latched_per_handle() {
    let disk = SimulatedDisk::new(0);
    disk.create(LOG).unwrap();
    disk.fail(FaultPlan::new(Operation::SyncDirectory, 1, Fault::InputOutput));
    assert!(disk.sync_directory().is_err());
    assert!(disk.sync_directory().is_err());
    assert!(after_crashes(&disk, LOG).contains(&None));
    disk.clone().sync_directory().unwrap();
    assert!(!after_crashes(&disk, LOG).contains(&None));
}

#[test]
fn faults_hit_the_operation_that_was_planned() {
    let disk = SimulatedDisk::new(4);
    disk.fail(FaultPlan::new(Operation::Append, 2, Fault::NoSpace));
    let mut file = disk.create(LOG).unwrap();
    file.append(b"1").unwrap();
    file.append(b"2").unwrap_err();
    file.append(b"3").unwrap();
    assert_eq!(disk.contents(LOG).unwrap(), "13");
    disk.fail(FaultPlan::new(Operation::Create, 1, Fault::InputOutput).for_good());
    disk.fail(FaultPlan::new(Operation::Read, 1, Fault::InputOutput));
    disk.create(RUN).unwrap_err();
    disk.create(RUN).unwrap_err();
    let reader = disk.open(LOG, false).unwrap();
    reader.read_at(0, 1).unwrap_err();
    assert_eq!(reader.read_at(0, 1).unwrap(), "1");
    disk.stop_failing();
    disk.create(RUN).unwrap();
    disk.fail(FaultPlan::any_change(2, Fault::InputOutput).for_good());
    disk.remove(RUN).unwrap();
    disk.rename(LOG, RUN).unwrap_err();
    file.sync().unwrap_err();
    assert_eq!((disk.list().unwrap(), disk.count(Operation::Append)), (vec![LOG], 3));
}

#[test]
fn a_short_write_leaves_a_part() {
    let mut parts = BTreeSet::new();
    for seed in 0..50 {
        let disk = SimulatedDisk::new(seed);
        let mut file = disk.create(LOG).unwrap();
        disk.fail(FaultPlan::new(Operation::Append, 1, Fault::ShortWrite));
        file.append(b"abc").unwrap_err();
        parts.insert(disk.contents(LOG).unwrap());
    }
    assert_eq!(parts, BTreeSet::from(["", "a", "ab"].map(Bytes::from)));
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = SimulatedDisk::new(0);
    disk.set_capacity(Some(10));
    let mut file = disk.create(LOG).unwrap();
    file.append(b"12345678").unwrap();
    assert_eq!(disk.available_bytes(), Some(2));
    assert!(file.append(b"9abc").unwrap_err().message().contains("no space"));
    assert_eq!(disk.contents(LOG).unwrap(), "123456789a");
    file.write_at(0, b"in place").unwrap();
    assert!(file.reserve(11).is_err());
    disk.remove(LOG).unwrap();
    drop(file);
    disk.sync_directory().unwrap();
    assert_eq!(disk.available_bytes(), Some(10));
}

#[test]
fn the_lock_holds_between_handles_and_is_gone_with_its_holder() {
    let disk = SimulatedDisk::new(0);
    let guard = disk.lock().unwrap();
    assert_eq!(disk.clone().lock().map(drop).unwrap_err().kind(), ErrorKind::Locked);
    drop(disk.crash(0).lock().unwrap());
    let next = disk.kill();
    let second = next.lock().unwrap();
    drop(guard);
    assert_eq!(next.lock().map(drop).unwrap_err().kind(), ErrorKind::Locked);
    drop(second);
    next.lock().unwrap();
}

#[test]
fn a_kill_loses_nothing_but_the_handles() {
    let (disk, mut file) = with_synced_log();
    file.append(b"unsynced").unwrap();
    let next = disk.kill();
    assert!(file.append(b"late").is_err() && disk.create(RUN).is_err());
    assert_eq!(next.contents(LOG).unwrap().len(), 608);
    assert!(after_crashes(&next, LOG).len() > 2);
}

#[test]
fn what_a_killed_process_left_can_be_made_durable() {
    let (disk, mut file) = with_synced_log();
    file.append(b"unsynced").unwrap();
    let next = disk.kill();
    next.sync_file(LOG).unwrap();
    assert_eq!(after_crashes(&next, LOG).len(), 1);
    assert!(next.sync_file(RUN).is_err());
}

#[test]
fn damage_can_be_planted() {
    let (disk, _log) = with_synced_log();
    disk.set_contents(LOG, "other");
    disk.set_contents(RUN, "new");
    let up = disk.crash(8);
    assert_eq!((up.contents(LOG), up.contents(RUN)), (Some("other".into()), Some("new".into())));
}

#[test]
fn one_seed_decides_everything() {
    let run = |seed: u64, bytes: &[u8]| {
        let disk = SimulatedDisk::new(seed);
        disk.fail(FaultPlan::new(Operation::Append, 2, Fault::ShortWrite));
        let mut file = disk.create(LOG).unwrap();
        for _ in 0..3 {
            let _ = file.append(bytes);
        }
        let up = disk.crash(seed);
        (disk.trace(), up.contents(LOG), up.crash(seed).contents(LOG))
    };
    for seed in 0..50 {
        assert_eq!(run(seed, b"some bytes"), run(seed, b"some bytes"));
    }
    assert_ne!(run(1, b"some bytes").0, run(1, b"some bytez").0);
    assert_eq!(SimulatedDisk::new(1).trace(), SimulatedDisk::new(2).trace());
}
