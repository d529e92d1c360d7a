//! Folders that older versions wrote open with all their data, take writes, and open again.
//!
//! `tests/fixtures/README.md` says what such a folder holds and how a new one is made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    AttributeValue, Clock, Database, Durability, Item, ItemRef, ReadMode,
    admin::{TableSpec, index},
    encryption::RootKey,
    inspect::Work,
    key::{KeyType, N, S},
    schema::{KeyAttribute, KeySchema, StreamView},
    streams::IteratorStart,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// When the folders were written, by their own clock.
const WRITTEN_AT_MILLIS: u64 = 1_795_000_000_000;

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut folders: Vec<PathBuf> = entries(&root).into_iter().filter(|path| path.join("database").is_dir()).collect();
    folders.sort();
    folders
}

#[expect(clippy::disallowed_methods, reason = "the test copies a folder, as a user would")]
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn copy_of(fixture: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in entries(&fixture.join("database")) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    copy
}

fn open(folder: &Path, read_mode: ReadMode) -> Database {
    let clock = Clock::manual(WRITTEN_AT_MILLIS + 2 * 3_600_000);
    let options = Database::options().clock(clock).background(false);
    match folder.join("KEYS").exists() {
        true => options.encryption(key()).open(folder).unwrap(),
        false => options.read_mode(read_mode).open(folder).unwrap(),
    }
}

/// The root key of the encrypted folders.
fn key() -> RootKey {
    RootKey::from_bytes(*b"a key that all people may read..")
}

/// Everything that tables and indexes hold, a line an item; large items are left out.
fn items(db: &Database) -> Vec<String> {
    let mut lines = Vec::new();
    for name in db.list_tables().iter().filter(|name| *name != "large") {
        let table = db.dynamic_table(name).unwrap();
        let line = |of: &str, item: ItemRef| format!("{of}\t{}", item.to_dynamodb_json());
        lines.extend(table.scan().items().map(|item| line(name, item.unwrap())));
        for index in &db.describe_table(name).unwrap().definition.indexes {
            let of = format!("{name}/{}", index.name);
            lines.extend(table.scan().index(&index.name).items().map(|item| line(&of, item.unwrap())));
        }
    }
    lines.sort();
    lines
}

/// Everything that the streams hold, a line a change.
fn changes(db: &Database) -> Vec<String> {
    let mut lines = Vec::new();
    for stream in db.list_streams(None) {
        for shard in &stream.shards {
            let start = IteratorStart::TrimHorizon;
            let mut at = Some(db.shard_iterator(&stream.table_name, &stream.label, &shard.id, &start).unwrap());
            while let Some(now) = at {
                let page = db.stream_records(&now, None).unwrap();
                let image = |item: &Option<ItemRef>| item.as_ref().map_or("-".to_owned(), ItemRef::to_dynamodb_json);
                for record in &page.records {
                    let (old, new) = (image(&record.old), image(&record.new));
                    lines.push(format!("{}\t{:?}\t{}\t{old}\t{new}", stream.table_name, record.event, record.sequence));
                }
                at = page.next.filter(|_| !page.records.is_empty());
            }
        }
    }
    lines.sort();
    lines
}

pub(crate) fn expected(fixture: &Path, file: &str) -> Vec<String> {
    fs::read_to_string(fixture.join(file)).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn folders_of_every_version_open_with_all_their_data() {
    let all = fixtures();
    assert!(!all.is_empty());
    for fixture in all {
        for read_mode in [ReadMode::Mapped, ReadMode::Buffered] {
            if read_mode == ReadMode::Buffered && fixture.join("database/KEYS").exists() {
                continue; // what is encrypted is read in one way only
            }
            let folder = copy_of(&fixture);
            let db = open(folder.path(), read_mode);
            assert_eq!(items(&db), expected(&fixture, "items.tsv"), "{fixture:?}");
            assert_eq!(changes(&db), expected(&fixture, "changes.tsv"), "{fixture:?}");
            let large = db.table::<S>("large").unwrap();
            let blob = |id: &str| large.get(id).unwrap().map(|item| item.get("blob").unwrap().as_str().unwrap().len());
            assert_eq!(
                [blob("l0"), blob("m1"), blob("l3"), blob("torn")],
                [Some(300_000), Some(20_000), Some(300_000), None]
            );
            assert_eq!(db.describe_ttl("sessions").unwrap().attribute.as_deref(), Some("ends"));
            assert!(db.delete_table("sessions").is_err(), "it is protected");
            db.verify().unwrap();

            // The folder is an ordinary one from now on: it takes writes, moves its files, and opens again.
            load(&db, 90, 100);
            let swept = db.sweep_now().unwrap();
            assert!(swept > 0, "an hour has passed");
            db.flush().unwrap();
            db.compact().unwrap();
            while db.step().unwrap() != Work::Idle {}
            let before = items(&db);
            db.verify().unwrap();
            drop(large);
            db.close().unwrap();
            let db = open(folder.path(), read_mode);
            assert_eq!(items(&db), before);
            db.verify().unwrap();
        }
    }
}

const KEY_TYPES: [KeyType; 3] = [KeyType::S, KeyType::N, KeyType::B];

/// The tables whose keys have all pairs of types: name, partition key, sort key.
fn key_tables() -> Vec<(String, KeyType, Option<KeyType>)> {
    let mut tables = Vec::new();
    for hash in KEY_TYPES {
        tables.push((format!("keys-{hash:?}"), hash, None));
        tables.extend(KEY_TYPES.map(|range| (format!("keys-{hash:?}-{range:?}"), hash, Some(range))));
    }
    tables
}

fn key_value(kind: KeyType, n: u64) -> AttributeValue {
    match kind {
        KeyType::S => format!("k{n:03}").into(),
        KeyType::N => AttributeValue::N((n as f64 * 2.5 - 30.0).to_string().parse().unwrap()),
        KeyType::B => AttributeValue::B(vec![(n * 7 % 256) as u8, 0, n as u8].into()),
    }
}

/// An item with every type of attribute.
fn every_type(n: u64) -> Item {
    let text = r#"{"text":{"S":"text % \u00e4\u0000"},"number":{"N":"%.00000000000000000000000000000000001"},
        "binary":{"B":"AAEC"},"yes":{"BOOL":true},"nothing":{"NULL":true},"list":{"L":[{"N":"%"},{"S":""}]},
        "map":{"M":{"a":{"L":[]},"b":{"M":{}}}},"ss":{"SS":["x","y%"]},"ns":{"NS":["1","-%.5"]},"bs":{"BS":["AA==","AQ=="]}}"#;
    Item::from_dynamodb_json(&text.replace('%', &n.to_string())).unwrap()
}

/// Writes items with the numbers from `from` to `to`, changes some and deletes some.
fn load(db: &Database, from: u64, to: u64) {
    for (name, hash, range) in key_tables() {
        let table = db.dynamic_table(&name).unwrap();
        for n in from..to {
            let mut item = every_type(n).with("h", key_value(hash, if range.is_some() { n % 5 } else { n }));
            if let Some(range) = range {
                item = item.with("r", key_value(range, n));
            }
            table.put_with(&item).durability(Durability::Buffered).send().unwrap();
        }
    }
    let orders = db.table::<(S, S)>("orders").unwrap();
    let key = |n: u64| (format!("c#{}", n % 6), format!("o#{n:03}"));
    for n in from..to {
        let (customer, order) = key(n);
        let item = Item::new().with("customer", customer).with("order", order).with("note", "n".repeat(n as usize));
        let item = item.with("status", if n % 3 == 0 { "OPEN" } else { "PAID" }).with("region", format!("r{}", n % 2));
        orders.put(&item.with("total", n as i64 * 10)).unwrap();
    }
    for n in (from..to).step_by(4) {
        let (customer, order) = key(n);
        orders.update((&*customer, &*order)).set("status", "SHIPPED").add("version", 1).send().unwrap();
    }
    for n in (from + 1..to).step_by(7) {
        let (customer, order) = key(n);
        orders.delete((&*customer, &*order)).unwrap();
    }
    let sessions = db.table::<S>("sessions").unwrap();
    for n in from..to {
        let ends = (WRITTEN_AT_MILLIS / 1000) as i64 + (n as i64 - 20) * 60;
        sessions.put(&Item::new().with("id", format!("s{n}")).with("ends", ends)).unwrap();
    }
    let large = db.table::<S>("large").unwrap();
    for n in from / 20..to / 20 {
        large.put(&Item::new().with("id", format!("l{n}")).with("blob", "0123456789".repeat(30_000))).unwrap();
        large.put(&Item::new().with("id", format!("m{n}")).with("blob", "abcdefghij".repeat(2_000))).unwrap();
    }
}

fn create_tables(db: &Database) {
    for (name, hash, range) in key_tables() {
        let range = range.map(|range| KeyAttribute::new("r", range));
        let mut spec = TableSpec::new(name, KeySchema { hash: KeyAttribute::new("h", hash), range });
        spec.tags = vec![("made".into(), "for a test".into())];
        db.create_table_from(spec).unwrap();
    }
    let orders = db.create_table("orders").hash::<S>("customer").range::<S>("order");
    let orders = orders.lsi(index("by_total").range::<N>("total"));
    let orders = orders.gsi(index("by_status").hash::<S>("status").range::<N>("total").include(["customer"]));
    let regions = index("by_region").hash::<S>("region").hash::<S>("status").range::<N>("total").keys_only();
    orders.gsi(regions).stream(StreamView::NewAndOld).provisioned(5, 6).create().unwrap();
    let sessions = db.create_table("sessions").hash::<S>("id").ttl("ends").stream(StreamView::KeysOnly);
    sessions.deletion_protection().create().unwrap();
    db.create_table("large").hash::<S>("id").create().unwrap();
}

/// Writes a folder for `tests/fixtures/`, in the version that is being tested.
#[test]
#[ignore = "makes a fixture: HASHRANGE_FIXTURE names its folder"]
#[expect(clippy::disallowed_methods, reason = "the fixture is an ordinary folder")]
fn write_fixture() {
    let target = PathBuf::from(std::env::var_os("HASHRANGE_FIXTURE").unwrap());
    fs::create_dir_all(target.join("database")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(WRITTEN_AT_MILLIS);
    let options = Database::options().clock(clock.clone()).seed(7).background(false).initial_partitions(2);
    let mut options = options.memtable_bytes(4 << 20).log_segment_bytes(1 << 20).log_bytes(8 << 20);
    if std::env::var_os("HASHRANGE_FIXTURE_ENCRYPTED").is_some() {
        options = options.encryption(key());
    }
    let db = options.open(folder.path()).unwrap();
    create_tables(&db);
    load(&db, 0, 40);
    db.flush().unwrap();
    load(&db, 20, 60);
    clock.advance(Duration::from_secs(3600));
    db.compact().unwrap();
    db.sweep_now().unwrap();
    while db.step().unwrap() != Work::Idle {}
    load(&db, 60, 80);
    db.flush().unwrap();
    load(&db, 80, 90);
    db.sync().unwrap();
    fs::write(target.join("items.tsv"), items(&db).join("\n") + "\n").unwrap();
    fs::write(target.join("changes.tsv"), changes(&db).join("\n") + "\n").unwrap();

    // The last commit is cut in its middle, as by a power failure.
    let logs = entries(folder.path()).into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "log"));
    let last = logs.max().unwrap();
    let used = || fs::read(&last).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let before = used();
    let torn = Item::new().with("id", "torn").with("blob", "t".repeat(5000));
    db.table::<S>("large").unwrap().put(&torn).unwrap();
    let after = used();
    assert!(after > before + 4000, "{before} to {after}");
    for path in entries(folder.path()) {
        let mut bytes = fs::read(&path).unwrap();
        if path == last {
            bytes[(before + after) / 2..].fill(0);
            bytes.truncate(after + 4096);
        }
        fs::write(target.join("database").join(path.file_name().unwrap()), bytes).unwrap();
    }
}
