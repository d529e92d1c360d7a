//! Files that another program removes while the database is open.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "another program removes files of the folder")]

use hashrange::{Database, ErrorKind, Item, key::S};
use std::{fs, path::Path, time::Duration};

/// Whether something is so within a minute.
fn comes_true(what: impl Fn() -> bool) -> bool {
    (0..12_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        what()
    })
}

fn remove(folder: &Path, end_of_name: &str) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().ends_with(end_of_name) {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
fn writing_ends_where_the_next_opening_would_not_find_what_is_written() {
    for end_of_name in [".log", ".manifest", "CURRENT"] {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(folder.path()).unwrap();
        let table = db.create_table("stock").hash::<S>("sku").create().unwrap();
        table.put(&Item::new().with("sku", "bolt")).unwrap();
        std::thread::sleep(Duration::from_millis(1_100)); // it was looked at, and is good
        assert!(db.health().is_writable());
        remove(folder.path(), end_of_name);
        assert!(comes_true(|| !db.health().is_writable()), "{end_of_name}");
        let failure = db.health().writing_ended.unwrap();
        assert_eq!(failure.error.kind(), ErrorKind::Corrupt);
        assert!(failure.error.to_string().contains("removed from an open database"), "{failure}");
        assert_eq!(table.put(&Item::new().with("sku", "nut")).unwrap_err().kind(), ErrorKind::Poisoned);
        assert!(table.get("bolt").unwrap().is_some(), "reads go on");
    }
}

/// Segments and manifests come and go all the time by the database's own hand.
#[test]
fn files_that_the_database_removes_itself_are_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let options = Database::options().memtable_bytes(50_000).log_segment_bytes(4_096).log_bytes(16_384);
    let db = options.open(folder.path()).unwrap();
    let table = db.create_table("stock").hash::<S>("sku").create().unwrap();
    for round in 0..30 {
        for number in 0..100 {
            table.put(&Item::new().with("sku", format!("{number}")).with("v", "x".repeat(200 + round))).unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(db.health().is_good(), "{:?}", db.health());
}
