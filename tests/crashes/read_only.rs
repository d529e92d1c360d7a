//! Opening for reading, and what keeps two processes from writing to one folder.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "these tests change the files of a database from outside")]

use hashrange::{Database, ErrorKind, Item, key::S};
use std::{collections::BTreeMap, fs, path::Path};

/// A database with an item in a run, one in the log, and no seal.
fn database(folder: &Path) -> Database {
    let db = Database::options().background(false).open(folder).unwrap();
    let table = db.create_table("stock").hash::<S>("sku").open_or_create().unwrap();
    table.put(&Item::new().with("sku", "bolt")).unwrap();
    db.flush().unwrap();
    table.put(&Item::new().with("sku", "nut")).unwrap();
    db
}

/// All files with their contents.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn only(folder: &Path, extension: &str) -> std::path::PathBuf {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(extension));
    paths.sort();
    paths.pop().unwrap()
}

#[test]
fn readers_share_a_database_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drop(database(folder.path()));
    let before = contents(folder.path());
    let open = || Database::options().open_read_only(folder.path()).unwrap();
    let readers = [open(), open()];
    for db in &readers {
        let table = db.table::<S>("stock").unwrap();
        assert!(["bolt", "nut"].iter().all(|sku| table.get(*sku).unwrap().is_some()));
        assert_eq!(table.put(&Item::new().with("sku", "rod")).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(db.delete_table("stock").unwrap_err().kind(), ErrorKind::Unsupported);
        db.verify().unwrap();
    }
    assert_eq!(Database::open(folder.path()).unwrap_err().kind(), ErrorKind::Locked);
    drop(readers);
    assert!(contents(folder.path()) == before, "something was changed");

    let writer = Database::open(folder.path()).unwrap();
    assert_eq!(Database::options().open_read_only(folder.path()).unwrap_err().kind(), ErrorKind::Locked);
    drop(writer);
}

#[test]
fn where_there_is_nothing_to_read_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for place in [folder.path(), &missing] {
        assert_eq!(Database::options().open_read_only(place).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(Database::options().open_existing(place).unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert!(!missing.exists() && contents(folder.path()).is_empty());
}

#[test]
fn a_file_that_is_missing_is_damage_whatever_its_kind() {
    for kind in [".run", ".log", "CURRENT", ".manifest"] {
        let folder = tempfile::tempdir().unwrap();
        drop(database(folder.path()));
        fs::remove_file(only(folder.path(), kind)).unwrap();
        let options = Database::options();
        assert_eq!(options.clone().open_read_only(folder.path()).unwrap_err().kind(), ErrorKind::Corrupt, "{kind}");
        assert_eq!(options.clone().open_existing(folder.path()).unwrap_err().kind(), ErrorKind::Corrupt, "{kind}");
        assert_eq!(options.open(folder.path()).unwrap_err().kind(), ErrorKind::Corrupt, "{kind}");
    }
}

/// A folder that holds files cannot be removed, so its lock holds where the lock file's is lost.
#[cfg(unix)]
#[test]
fn a_lock_file_that_is_removed_lets_no_second_writer_in() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path());
    fs::remove_file(folder.path().join("LOCK")).unwrap();
    assert_eq!(Database::open(folder.path()).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(Database::options().open_read_only(folder.path()).unwrap_err().kind(), ErrorKind::Locked);
    let table = db.table::<S>("stock").unwrap();
    table.put(&Item::new().with("sku", "rod")).unwrap();
    db.flush().unwrap();
    drop((db, table));
    assert_eq!(Database::open(folder.path()).unwrap().table::<S>("stock").unwrap().scan().items().count(), 3);
}

/// Versions before this one, and other file systems, have the lock file only.
#[cfg(unix)]
#[test]
fn a_writer_whose_lock_file_was_replaced_changes_the_folder_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path());
    fs::remove_file(folder.path().join("LOCK")).unwrap();
    fs::write(folder.path().join("LOCK"), "").unwrap();
    let before = contents(folder.path());
    let error = db.flush().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Locked, "DatabaseLocked"));
    assert!(contents(folder.path()).keys().eq(before.keys()), "a file was made or removed");
}

/// Reading twenty gibibytes of zeros would take minutes; the file system knows that there is nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_log_that_was_made_long_by_a_hole_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path());
    let log = only(folder.path(), ".log");
    drop(db);
    fs::OpenOptions::new().write(true).open(log).unwrap().set_len(20 << 30).unwrap();
    for _ in 0..2 {
        let db = Database::options().open_existing(folder.path()).unwrap();
        assert_eq!(db.table::<S>("stock").unwrap().scan().items().count(), 2);
    }
}
