//! Segments of the log that are written over former ones, under a database whose machine loses power at any moment.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Item, Result,
    file::{Disk, FileName},
    key::S,
    testing::SimulatedDisk,
};
use std::{collections::BTreeMap, sync::Arc};

/// What was acknowledged.
type Model = BTreeMap<String, usize>;

fn open(disk: &SimulatedDisk) -> Result<Database> {
    let options = Database::options().background(false).initial_partitions(1).log_segment_bytes(4096).seed(1);
    options.durability(Durability::Sync).open_on(Arc::new(disk.clone()))
}

/// Fills segments, flushes what they hold, and fills more; the item whose put got no answer.
fn live(disk: &SimulatedDisk, model: &mut Model, under_way: &mut Option<(String, usize)>) -> Result<()> {
    let db = open(disk)?;
    let table = db.create_table("stock").hash::<S>("sku").create()?;
    for round in 0..4 {
        for number in 0..24 {
            let (sku, len) = (format!("{}", (number * 5 + round) % 30), 200 + number * 17 + round);
            *under_way = Some((sku.clone(), len));
            table.put(&Item::new().with("sku", sku.clone()).with("v", "x".repeat(len)))?;
            model.insert(sku, len);
            *under_way = None;
        }
        db.flush()?;
    }
    db.close()
}

/// Whether the file of a segment was one before, as bit 1 of the features in its header says.
fn is_reused(disk: &SimulatedDisk, name: FileName) -> bool {
    disk.contents(name).is_some_and(|bytes| bytes.get(12).is_some_and(|features| features & 2 != 0))
}

fn check(disk: &SimulatedDisk, model: &Model, under_way: Option<&(String, usize)>) -> Result<usize> {
    let logs = disk.list()?.into_iter().filter(|name| matches!(name, FileName::Log(_)));
    let reused = logs.filter(|name| is_reused(disk, *name)).count();
    let db = open(disk)?;
    assert!(!disk.list()?.iter().any(|name| matches!(name, FileName::Spare(_))), "an opening removes spares");
    if let Ok(table) = db.table::<S>("stock") {
        for (sku, len) in model {
            let found = table.get(sku.as_str())?.unwrap().get("v").unwrap().as_str().unwrap().len();
            assert!(found == *len || under_way.is_some_and(|(other, len)| other == sku && found == *len));
        }
    } else {
        assert!(model.is_empty());
    }
    Ok(reused)
}

#[test]
pub(crate) fn what_was_acknowledged_outlives_a_power_failure_while_segments_are_written_over() {
    let disk = SimulatedDisk::new(0);
    live(&disk, &mut Model::new(), &mut None).unwrap();
    let (operations, mut reused) = (disk.operations(), 0);
    assert!(operations > 300, "{operations}");
    for at in (40..operations).step_by(3) {
        let disk = SimulatedDisk::new(at);
        disk.crash_at(at);
        let (mut model, mut under_way) = (Model::new(), None);
        live(&disk, &mut model, &mut under_way).unwrap_err();
        for image in 0..2 {
            let after = disk.crash(at * 10 + image);
            let found = check(&after, &model, under_way.as_ref());
            reused += found.unwrap_or_else(|error| panic!("power cut at {at}, image {image}: {error}"));
        }
    }
    assert!(reused > 50, "{reused} segments were written over former ones");
}
