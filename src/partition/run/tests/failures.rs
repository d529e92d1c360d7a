//! A disk that fails while a run is written, and a machine that loses power after.

use super::*;
use crate::file::{Fault, FaultPlan, SimulatedDisk};

/// Enough for several appends.
fn model() -> Model {
    let keys = (0..300u64).map(|number| (number / 40, b"\0c".to_vec(), number.to_be_bytes().to_vec()));
    keys.map(|key| (key, (5, Some(item("failing", 4000))))).collect()
}

/// Writes as far as the disk lets it; goes on after a failure, as no caller should.
fn try_to_write(disk: &SimulatedDisk) -> Result<RunMeta> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut writer = RunWriter::create(&disk, 7, &Protection::plain(DATABASE), 0)?;
    let mut failed = None;
    for (key, (seqno, item)) in &model() {
        let item = item.as_ref().map(ItemRef::from);
        failed = writer.add(key_ref(key), *seqno, item.as_ref()).err().or(failed);
    }
    let finished = writer.finish();
    assert!(failed.is_none() || finished.is_err(), "a run that could not be written is not finished");
    finished
}

#[test]
fn a_failed_write_is_not_forgotten() {
    let disk = SimulatedDisk::new(1);
    try_to_write(&disk).unwrap();
    let operations = disk.operations();
    assert!(operations > 6, "{operations}");
    for number in 1..=operations {
        for fault in [Fault::InputOutput, Fault::ShortWrite] {
            let disk = SimulatedDisk::new(number);
            disk.fail(FaultPlan::any_change(number, fault));
            assert!(try_to_write(&disk).is_err(), "operation {number}");
        }
    }
}

#[test]
fn a_finished_run_survives() {
    for seed in 0..8 {
        let disk = SimulatedDisk::new(seed);
        let facts = try_to_write(&disk).unwrap();
        let disk: Arc<dyn Disk> = Arc::new(disk.crash(seed));
        for mode in [ReadMode::Mapped, ReadMode::Buffered] {
            let run = open(&disk, &facts, mode).unwrap();
            run.verify().unwrap();
            assert_eq!(drain(run.scan(0, u64::MAX, None).unwrap()).unwrap().len(), 300);
        }
    }
}
