//! Partitions that split, across openings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{Database, Durability, Item, key::S};
use std::path::Path;

const ITEMS_PER_LIFE: u32 = 400;

fn open(folder: &Path) -> Database {
    let options = Database::options().background(false).durability(Durability::Buffered);
    options.split_bytes(8 << 10).initial_partitions(1).open(folder).unwrap()
}

#[test]
fn partitions_split_in_every_life_of_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let mut partitions = 1;
    for life in 0..4 {
        let db = open(folder.path());
        let table = db.create_table("items").hash::<S>("id").open_or_create().unwrap();
        for i in 0..ITEMS_PER_LIFE {
            table.put(&Item::new().with("id", format!("{life}-{i}")).with("text", "x".repeat(60))).unwrap();
        }
        db.compact().unwrap();
        let facts = db.facts();
        assert!(facts.partitions.len() > partitions, "nothing was split in life {life}");
        partitions = facts.partitions.len();
        assert_eq!(table.scan().items().count() as u32, (life + 1) * ITEMS_PER_LIFE);
        db.verify().unwrap();
    }
    let db = open(folder.path());
    let table = db.table::<S>("items").unwrap();
    assert_eq!(table.scan().items().count() as u32, 4 * ITEMS_PER_LIFE);
    assert_eq!(db.facts().partitions.len(), partitions);
    db.verify().unwrap();
}

/// The files of all runs, and whether each lies within its partition.
fn runs(db: &Database) -> (Vec<u64>, bool) {
    let facts = db.facts();
    let all =
        || facts.partitions.iter().flat_map(|part| part.partition.runs.iter().map(|run| (&part.partition, &run.facts)));
    let within = all().all(|(part, run)| part.first_token <= run.min_token && run.max_token <= part.last_token);
    (all().map(|(_, run)| run.file).collect(), within)
}

#[test]
fn compaction_parts_what_halves_share_and_leaves_alone_what_is_clean() {
    let db = Database::options().background(false).durability(Durability::Buffered).initial_partitions(1);
    let db = db.split_bytes(8 << 10).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("id").create().unwrap();
    for i in 0..ITEMS_PER_LIFE {
        table.put(&Item::new().with("id", i.to_string()).with("text", "x".repeat(60))).unwrap();
    }
    db.compact().unwrap();
    let (clean, within) = runs(&db);
    assert!(within && clean.len() > 4, "{clean:?}");
    db.compact().unwrap();
    assert_eq!(runs(&db).0, clean, "nothing was there to be done");
    db.verify().unwrap();
}
