//! The second version of a program: its tables are there already, and not as it describes them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, ErrorKind, Item,
    admin::{TableBuilder, TableDifference, index},
    error::Detail,
    inspect::Work,
    key::{N, S},
    schema::{BillingMode, IndexKind, StreamView},
};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn database() -> Database {
    Database::options().background(false).in_memory().unwrap()
}

fn version_1(db: &Database) -> TableBuilder<S> {
    db.create_table("users").hash::<S>("id").gsi(index("by_mail").hash::<S>("mail"))
}

fn version_2(db: &Database) -> TableBuilder<S> {
    version_1(db)
        .gsi(index("by_age").hash::<N>("age").include(["b", "a"]))
        .gsi(index("by_name").hash::<S>("name"))
        .stream(StreamView::NewImage)
        .ttl("ends")
        .provisioned(5, 7)
        .deletion_protection()
}

fn fill(db: &Database) {
    let users = version_1(db).open_or_create().unwrap();
    for n in 0..200 {
        let user = Item::new().with("id", format!("u{n}")).with("age", n % 10).with("name", "Ann").with("ends", 1);
        users.put(&user).unwrap();
    }
}

#[test]
fn a_description_that_differs_is_refused_and_says_how() {
    let db = database();
    fill(&db);
    assert!(version_1(&db).differences().is_empty());
    let error = version_2(&db).open_or_create().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    let Some(Detail::TableDiffers { table, differences }) = error.detail() else { panic!("{error:?}") };
    assert_eq!((table.as_str(), differences.len()), ("users", 6));
    for part in ["no index by_age", "no stream", "do not expire", "billed by request", "not protected"] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    let differences = version_2(&db).differences();
    assert!(differences.iter().all(TableDifference::can_be_changed), "{differences:?}");
    assert!(differences.contains(&TableDifference::Stream { existing: None }));
    let missing = TableDifference::IndexMissing { index: "by_age".into(), kind: IndexKind::Global };
    assert!(differences.contains(&missing));
}

#[test]
fn open_or_update_makes_the_table_what_is_described() {
    let db = database();
    fill(&db);
    let users = version_2(&db).open_or_update().unwrap();
    db.wait_active("users", LONG).unwrap();
    assert_eq!(users.query_index("by_age", [3]).items().count(), 20);
    assert_eq!(users.query_index("by_name", ["Ann"]).items().count(), 200);
    let definition = users.definition();
    assert_eq!((definition.billing, definition.deletion_protection), (BillingMode::Provisioned, true));
    assert_eq!(definition.ttl_attribute.as_deref(), Some("ends"));
    assert!(users.stream().is_ok());
    assert!(version_2(&db).differences().is_empty());
    assert!(version_2(&db).open_or_create().is_ok() && version_2(&db).open_or_update().is_ok());
    // The first version still opens it: what it does not describe may be there.
    assert!(version_1(&db).open_or_create().is_ok());
    let other = version_1(&db).ttl("until").provisioned(5, 8).open_or_update().unwrap();
    db.wait_active("users", LONG).unwrap();
    assert_eq!(other.definition().ttl_attribute.as_deref(), Some("until"));
    assert_eq!(other.definition().throughput.write_units_per_sec, 8);
}

#[test]
fn what_cannot_be_changed_is_refused_before_anything_is() {
    let db = database();
    fill(&db);
    let users = || db.create_table("users").hash::<S>("id");
    let with_stream = users().stream(StreamView::KeysOnly).open_or_update().unwrap();
    let cases = [
        db.create_table("users").hash::<S>("name").ttl("ends").open_or_update().map(drop),
        users().ttl("ends").gsi(index("by_mail").hash::<N>("mail")).open_or_update().map(drop),
        users().ttl("ends").gsi(index("by_mail").hash::<S>("mail").keys_only()).open_or_update().map(drop),
        users().ttl("ends").stream(StreamView::NewImage).open_or_update().map(drop),
    ];
    for case in cases {
        assert!(
            matches!(case.unwrap_err().detail(), Some(Detail::TableDiffers { differences, .. }) if differences.len() == 1)
        );
    }
    let pairs = db.create_table("pairs").hash::<S>("h").range::<S>("r");
    pairs.open_or_create().unwrap();
    let pairs = db.create_table("pairs").hash::<S>("h").range::<S>("r").lsi(index("local").range::<N>("n"));
    assert!(pairs.open_or_update().unwrap_err().message().contains("local index"));
    assert_eq!(with_stream.definition().ttl_attribute, None);
}

#[test]
fn an_index_that_is_being_filled_is_in_use_and_can_be_waited_for() {
    let db = database();
    fill(&db);
    let users = version_1(&db).gsi(index("by_age").hash::<N>("age")).open_or_update().unwrap();
    let error = users.query_index("by_age", [3]).items().next().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InUse, "ValidationException"));
    let error = db.wait_active("users", Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(error.message().contains("by_age"), "{error}");
    db.wait_active("users", LONG).unwrap();
    assert_eq!(users.query_index("by_age", [3]).items().count(), 20);
    assert_eq!(db.wait_active("nothere", LONG).unwrap_err().kind(), ErrorKind::NotFound);
    let db = Database::in_memory().unwrap();
    fill(&db);
    let users = version_1(&db).gsi(index("by_age").hash::<N>("age")).open_or_update().unwrap();
    db.wait_active("users", LONG).unwrap();
    assert_eq!(users.query_index("by_age", [3]).items().count(), 20, "with threads too");
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let options = Database::options;
    let faulty = [
        ("initial_partitions", options().initial_partitions(0)),
        ("initial_partitions", options().initial_partitions(1025)),
        ("runs_per_partition", options().runs_per_partition(1)),
        ("memtable_bytes", options().memtable_bytes(0)),
        ("split_bytes", options().split_bytes(0)),
        ("log_bytes", options().log_bytes(0)),
        ("log_segment_bytes", options().log_segment_bytes(1000)),
        ("log_segment_bytes", options().log_segment_bytes(2 << 30)),
        ("stream_retention_millis", options().stream_retention(Duration::ZERO)),
    ];
    for (name, options) in faulty {
        let error = options.in_memory().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert!(error.message().contains(name), "{error}");
    }
    let db = options().initial_partitions(1024).runs_per_partition(2).background(false).in_memory().unwrap();
    let table = db.create_table("things").hash::<S>("id").create().unwrap();
    assert_eq!(table.name(), "things");
    let partition = table.partition_of("a").unwrap();
    assert!(db.facts().partitions.iter().any(|known| known.partition.id == partition), "{partition}");
    assert_eq!(db.step().unwrap(), Work::Idle);
}
