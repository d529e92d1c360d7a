//! What every disk must do, run against each of them.

use super::{Disk, FileName};
use crate::error::ErrorKind;
use bytes::Bytes;

const LOG: FileName = FileName::Log(1);
const FORMER: FileName = FileName::Log(2);
const RUN: FileName = FileName::Run(7);

/// Runs all checks on an empty folder.
pub(super) fn check(disk: &dyn Disk) {
    assert!(!disk.describe().is_empty());
    assert_eq!(disk.list().unwrap(), []);
    writes_and_reads(disk);
    windows(disk);
    cuts(disk);
    files_that_are_set_aside(disk);
    empty_files(disk);
    readers_and_a_writer(disk);
    reads_past_the_end_fail(disk);
    names(disk);
    missing_files(disk);
    locks(disk);
    assert!(!disk.has_foreign_files().unwrap());
}

fn contents(disk: &dyn Disk, name: FileName) -> Bytes {
    let by_position = disk.open(name, false).unwrap();
    assert!(by_position.mapped().is_none());
    let len = usize::try_from(by_position.len()).unwrap();
    let bytes = by_position.read_at(0, len).unwrap();
    let maybe_mapped = disk.open(name, true).unwrap();
    assert_eq!(maybe_mapped.len(), by_position.len());
    assert_eq!(maybe_mapped.read_at(0, len).unwrap(), bytes);
    assert!(maybe_mapped.mapped().is_none_or(|mapped| mapped == bytes));
    bytes
}

fn put(disk: &dyn Disk, name: FileName, bytes: &[u8]) {
    let mut file = disk.create(name).unwrap();
    file.append(bytes).unwrap();
    file.write_back();
    file.sync().unwrap();
}

/// Whether a disk has windows or not, the bytes of a file are those that were written.
fn windows(disk: &dyn Disk) {
    let mut model = vec![1; 70_000];
    let mut file = disk.create(RUN).unwrap();
    file.append(&model).unwrap();
    for (round, len) in [200_000, 150_000, 400_000].into_iter().enumerate() {
        let _ = file.open_window(len).unwrap();
        for (at, bytes) in [(5, 9), (69_995, 10), (65_530, 700), (149_990, 20_000), (150_100, 3_000), (199_990, 20)] {
            let (offset, bytes) = (at + round * 30_000, vec![at as u8 + round as u8; bytes]);
            file.write_at(offset as u64, &bytes).unwrap();
            model.resize(model.len().max(offset + bytes.len()), 0);
            model[offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
        file.write_back();
        file.sync().unwrap();
        if round == 1 {
            file.close_window();
        }
        assert_eq!(contents(disk, RUN)[..model.len()], model);
    }
    disk.remove(RUN).unwrap();
}

/// What was reserved and not written can be given back, and the file goes on from there.
fn cuts(disk: &dyn Disk) {
    let mut file = disk.create(RUN).unwrap();
    file.append(b"written").unwrap();
    let _ = file.open_window(200_000).unwrap();
    file.reserve(200_000).unwrap();
    file.write_at(7, b" once").unwrap();
    file.truncate(12).unwrap();
    assert_eq!(contents(disk, RUN), "written once");
    file.append(b" more").unwrap();
    file.sync().unwrap();
    assert_eq!(contents(disk, RUN), "written once more");
    disk.remove(RUN).unwrap();
}

/// What is set aside is gone, and where its space is kept, another file is written over it.
fn files_that_are_set_aside(disk: &dyn Disk) {
    let spare = FileName::Spare(1);
    put(disk, FORMER, b"former");
    let kept = disk.set_aside(FORMER, spare).unwrap();
    assert!(disk.set_aside(FORMER, spare).is_err() && disk.open(FORMER, false).is_err());
    for map in [false, true] {
        put(disk, LOG, b"a reader has it");
        let reader = disk.open(LOG, map).unwrap();
        assert!(!disk.set_aside(LOG, FileName::Spare(2)).unwrap());
        assert_eq!(reader.read_at(2, 6).unwrap(), "reader");
        assert_eq!(disk.list().unwrap().len(), usize::from(kept));
    }
    if !kept {
        assert!(disk.reopen(spare).is_err());
        return;
    }
    disk.rename(spare, FORMER).unwrap();
    disk.sync_directory().unwrap();
    let (mut file, len) = disk.reopen(FORMER).unwrap();
    assert_eq!((len, contents(disk, FORMER)), (6, "former".into()));
    file.write_at(0, b"now").unwrap();
    file.reserve(5).unwrap();
    assert_eq!(contents(disk, FORMER), "nowmer");
    file.reserve(8).unwrap();
    assert_eq!(contents(disk, FORMER), "nowmer\0\0");
    file.write_at(3, b"!").unwrap();
    file.truncate(4).unwrap();
    file.sync().unwrap();
    assert_eq!(contents(disk, FORMER), "now!");
    drop(file);
    disk.remove(FORMER).unwrap();
}

fn writes_and_reads(disk: &dyn Disk) {
    let mut file = disk.create(LOG).unwrap();
    file.append(b"one").unwrap();
    file.append(b"").unwrap();
    file.append(b"two").unwrap();
    assert_eq!(contents(disk, LOG), "onetwo");
    file.write_at(2, b"E TW").unwrap();
    file.write_at(8, b"!").unwrap();
    assert_eq!(contents(disk, LOG), &b"onE TW\0\0!"[..]);
    file.reserve(600_000).unwrap();
    file.reserve(20).unwrap();
    file.write_at(9, b"?").unwrap();
    file.append(b"end").unwrap();
    file.sync().unwrap();
    file.write_back();
    file.append(b"and on").unwrap();
    drop(file);
    let bytes = contents(disk, LOG);
    assert_eq!((bytes.len(), &bytes[..11]), (600_009, &b"onE TW\0\0!?\0"[..]));
    assert!(bytes[11..600_000].iter().all(|byte| *byte == 0));
    assert_eq!(&bytes[600_000..], b"endand on");
    disk.remove(LOG).unwrap();
    disk.sync_directory().unwrap();
}

fn empty_files(disk: &dyn Disk) {
    put(disk, RUN, b"");
    assert_eq!(contents(disk, RUN), "");
    assert!(disk.open(RUN, true).unwrap().is_empty());
    assert!(disk.open(RUN, true).unwrap().read_at(0, 1).is_err());
    disk.remove(RUN).unwrap();
}

fn readers_and_a_writer(disk: &dyn Disk) {
    let mut file = disk.create(LOG).unwrap();
    file.append(b"abc").unwrap();
    let reader = disk.open(LOG, false).unwrap();
    file.append(b"def").unwrap();
    assert_eq!((reader.len(), reader.read_at(1, 2).unwrap()), (3, Bytes::from("bc")));
    assert!(reader.read_at(1, 3).is_err());
    assert_eq!(contents(disk, LOG), "abcdef");
    drop(file);
    let kept = disk.open(LOG, false).unwrap();
    disk.remove(LOG).unwrap();
    assert_eq!(kept.read_at(0, 6).unwrap(), "abcdef");
    assert_eq!(disk.list().unwrap(), []);
}

fn reads_past_the_end_fail(disk: &dyn Disk) {
    put(disk, RUN, b"12345");
    for map in [false, true] {
        let file = disk.open(RUN, map).unwrap();
        assert_eq!(file.read_at(5, 0).unwrap(), "");
        for (offset, len) in [(0, 6), (5, 1), (6, 0), (u64::MAX, 1), (1, usize::MAX), (u64::MAX, usize::MAX)] {
            let error = file.read_at(offset, len).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.message().contains("0000000007.run"), "{error}");
        }
    }
    disk.remove(RUN).unwrap();
}

fn names(disk: &dyn Disk) {
    put(disk, FileName::Current, b"old");
    put(disk, FileName::CurrentNext, b"new");
    put(disk, RUN, b"run");
    put(disk, LOG, b"log");
    assert!(disk.create(RUN).is_err_and(|e| e.kind() == ErrorKind::Io));
    assert_eq!(contents(disk, RUN), "run");
    assert_eq!(disk.list().unwrap(), [FileName::Current, FileName::CurrentNext, LOG, RUN]);
    disk.rename(FileName::CurrentNext, FileName::Current).unwrap();
    disk.sync_directory().unwrap();
    assert_eq!(contents(disk, FileName::Current), "new");
    assert_eq!(disk.list().unwrap(), [FileName::Current, LOG, RUN]);
    disk.remove(RUN).unwrap();
    put(disk, RUN, b"again");
    assert_eq!(contents(disk, RUN), "again");
    for name in disk.list().unwrap() {
        disk.remove(name).unwrap();
    }
    assert_eq!(disk.list().unwrap(), []);
}

fn missing_files(disk: &dyn Disk) {
    for (error, kind) in [
        (disk.open(RUN, true).unwrap_err(), ErrorKind::Corrupt),
        (disk.open(RUN, false).unwrap_err(), ErrorKind::Corrupt),
        (disk.remove(RUN).unwrap_err(), ErrorKind::Io),
        (disk.rename(RUN, LOG).unwrap_err(), ErrorKind::Io),
    ] {
        assert_eq!(error.kind(), kind);
        assert!(error.message().contains("0000000007.run"), "{error}");
    }
}

fn locks(disk: &dyn Disk) {
    let guard = disk.lock().unwrap();
    let second = disk.lock().map(drop).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Locked);
    drop(guard);
    drop(disk.lock().unwrap());
}
