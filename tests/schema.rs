//! Changes of tables: what is refused, and that nothing of it is left.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    BillingMode, Database, ErrorKind, IndexKind, IndexSpec, Item, IteratorStart, KeyAttribute, KeySchema, KeyType, N,
    Projection, ProvisionedThroughput, Result, S, StreamView, TableSpec, TableUpdate,
    file::{Disk, MemoryDisk},
    index,
};
use std::sync::Arc;

fn index_spec(name: &str, kind: IndexKind) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        kind,
        hash: vec![KeyAttribute::new("group", KeyType::S)],
        range: Vec::new(),
        projection: Projection::KeysOnly,
        throughput: None,
    }
}

fn adding(name: &str, kind: IndexKind) -> TableUpdate {
    TableUpdate { create_index: Some(index_spec(name, kind)), ..TableUpdate::default() }
}

fn dropping(name: &str) -> TableUpdate {
    TableUpdate { delete_index: Some(name.to_owned()), ..TableUpdate::default() }
}

/// A table with a local index and two global ones.
fn database() -> Database {
    let db = Database::options().background(false).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("id").range::<N>("n").provisioned(5, 5);
    let table = table.lsi(index("by_size").range::<N>("size")).gsi(index("by_group").hash::<S>("group"));
    table.gsi(index("by_size_alone").hash::<N>("size")).create().unwrap();
    db
}

fn refusal<T>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.map(drop).unwrap_err();
    (error.kind(), error.message().to_owned())
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let db = database();
    let before = db.describe_table("items").unwrap();
    let of_nothing =
        || TableUpdate { index_throughput: vec![("by_nothing".to_owned(), units(1))], ..TableUpdate::default() };
    let ttl = |name: String| TableUpdate { ttl_attribute: Some(Some(name)), ..TableUpdate::default() };
    let refused = [
        (dropping("by_nothing"), ErrorKind::NotFound, "Index: by_nothing not found"),
        (dropping("by_size"), ErrorKind::NotFound, "Index: by_size not found"),
        (of_nothing(), ErrorKind::NotFound, "Index: by_nothing not found"),
        (adding("late", IndexKind::Local), ErrorKind::Validation, "only be created together with their table"),
        (adding("late", IndexKind::Expiry), ErrorKind::Validation, "only be created together with their table"),
        (adding("by_group", IndexKind::Global), ErrorKind::Validation, "already exists"),
        (ttl(String::new()), ErrorKind::Validation, "between 1 and 255"),
        (ttl("x".repeat(256)), ErrorKind::Validation, "between 1 and 255"),
    ];
    for (update, kind, text) in refused {
        let asked = format!("{update:?}");
        let (found, message) = refusal(db.update_table("items", update));
        assert!(found == kind && message.contains(text), "{asked}: {message}");
    }
    assert_eq!(refusal(db.update_table("nothing", dropping("by_group"))).0, ErrorKind::NotFound);
    assert_eq!(refusal(db.delete_table("nothing")).0, ErrorKind::NotFound);
    let again = refusal(db.create_table("items").hash::<S>("id").create());
    assert_eq!(again, (ErrorKind::InUse, "Table already exists: items".to_owned()));
    let key = KeySchema { hash: KeyAttribute::new("id", KeyType::S), range: None };
    let indexes = vec![index_spec("expiring", IndexKind::Expiry)];
    let by_hand = db.create_table_from(TableSpec { indexes, ..TableSpec::new("others", key) });
    assert_eq!(refusal(by_hand).0, ErrorKind::Validation);
    assert_eq!(db.list_tables(), ["items"]);
    let after = db.describe_table("items").unwrap();
    assert_eq!(format!("{:?}", after.definition), format!("{:?}", before.definition));
    db.update_table("items", ttl("x".repeat(255))).unwrap();
}

fn units(number: u64) -> ProvisionedThroughput {
    ProvisionedThroughput { read_units_per_sec: number, write_units_per_sec: number }
}

#[test]
fn what_an_update_does_not_name_stays() {
    let db = database();
    let tags = vec![("team".to_owned(), "a".to_owned())];
    let update = TableUpdate {
        index_throughput: vec![("by_group".to_owned(), units(7))],
        throughput: Some(units(9)),
        put_tags: tags.clone(),
        ..TableUpdate::default()
    };
    db.update_table("items", update).unwrap();
    db.update_table("items", TableUpdate::default()).unwrap();
    for db in [&db, &db.fork().unwrap()] {
        let definition = db.describe_table("items").unwrap().definition.clone();
        let throughput = |name: &str| definition.index(name).unwrap().throughput;
        assert_eq!((throughput("by_group"), throughput("by_size_alone")), (Some(units(7)), None));
        assert_eq!((definition.throughput, definition.billing), (units(9), BillingMode::Provisioned));
        assert_eq!(definition.tags, tags);
    }
    let on_demand = TableUpdate { billing: Some(BillingMode::PayPerRequest), ..TableUpdate::default() };
    db.update_table("items", on_demand).unwrap();
    let definition = db.describe_table("items").unwrap().definition.clone();
    assert_eq!(
        (definition.billing, definition.throughput, &definition.tags),
        (BillingMode::PayPerRequest, units(9), &tags)
    );
}

#[test]
fn tags_are_put_in_place_of_those_with_the_same_key_and_removed_before() {
    let db = database();
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let change = |put_tags: Vec<(String, String)>, removed: &[&str]| {
        let remove_tags = removed.iter().map(|key| (*key).to_owned()).collect();
        db.update_table("items", TableUpdate { put_tags, remove_tags, ..TableUpdate::default() })
    };
    change(vec![tag("a", "1"), tag("b", "1"), tag("c", "1")], &[]).unwrap();
    let changed = change(vec![tag("b", "2"), tag("d", "2")], &["a", "d", "none"]).unwrap();
    assert_eq!(changed.definition.tags, [tag("c", "1"), tag("b", "2"), tag("d", "2")]);
    let many = (0..48).map(|n| tag(&n.to_string(), "")).collect();
    assert!(refusal(change(many, &[])).1.contains("Number of tags exceed the current limit"));
}

#[test]
fn one_index_is_filled_at_a_time_and_its_table_stays_meanwhile() {
    let db = database();
    let table = db.table::<(S, N)>("items").unwrap();
    table.put(&Item::new().with("id", "a").with("n", 1).with("group", "g")).unwrap();
    db.update_table("items", adding("first", IndexKind::Global)).unwrap();
    let (kind, message) = refusal(db.update_table("items", adding("second", IndexKind::Global)));
    assert!(kind == ErrorKind::LimitExceeded && message.contains("Only 1 online index"), "{message}");
    let (kind, message) = refusal(db.delete_table("items"));
    assert!(kind == ErrorKind::InUse && message.contains("Cannot delete table"), "{message}");
    // TTL brings an index of its own, which is filled as well and is nobody's business.
    let ttl = TableUpdate { ttl_attribute: Some(Some("ends".to_owned())), ..TableUpdate::default() };
    db.update_table("items", ttl).unwrap();
    while db.step().unwrap() != hashrange::Work::Idle {}
    db.update_table("items", adding("second", IndexKind::Global)).unwrap();
    while db.step().unwrap() != hashrange::Work::Idle {}
    assert_eq!(db.verify().unwrap().index_entries, 3);
    db.delete_table("items").unwrap();
}

#[test]
fn a_protected_table_is_not_deleted() {
    let db = Database::options().background(false).in_memory().unwrap();
    db.create_table("items").hash::<S>("id").deletion_protection().create().unwrap();
    let (kind, message) = refusal(db.delete_table("items"));
    assert!(kind == ErrorKind::Validation && message.contains("protected against deletion"), "{message}");
    let update = TableUpdate { deletion_protection: Some(false), ..TableUpdate::default() };
    db.update_table("items", update).unwrap();
    db.delete_table("items").unwrap();
    assert!(db.list_tables().is_empty());
}

/// Replay takes from a log record what its table had then, and the table may have changed since.
#[test]
fn what_was_written_before_a_change_is_in_index_and_stream_after_a_reopening() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let open = || Database::options().background(false).open_on(disk.clone()).unwrap();
    let db = open();
    let table = db.create_table("items").hash::<S>("id").gsi(index("by_group").hash::<S>("group"));
    let table = table.stream(StreamView::KeysOnly).create().unwrap();
    for id in ["a", "b"] {
        table.put(&Item::new().with("id", id).with("group", "g")).unwrap();
        db.update_table("items", TableUpdate::default()).unwrap();
    }
    drop((table, db));
    let db = open();
    assert_eq!(db.verify().unwrap().index_entries, 2);
    let stream = db.list_streams(Some("items")).remove(0);
    let records = stream.shards.iter().map(|shard| {
        let start = IteratorStart::TrimHorizon;
        let iterator = db.shard_iterator("items", &stream.label, &shard.id, &start).unwrap();
        db.stream_records(&iterator, None).unwrap().records.len()
    });
    assert_eq!(records.sum::<usize>(), 2);
}
