//! Changes of tables: what is refused, and that nothing of it is left.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Error, ErrorKind, Item, Result,
    admin::{IndexSpec, TableSpec, TableUpdate, index},
    file::{Disk, MemoryDisk},
    key::{KeyType, N, S},
    schema::{
        BillingMode, IndexKind, IndexSettings, Insights, InsightsMode, KeyAttribute, KeySchema, KinesisDestination,
        PointInTimeRecovery, Projection, ProvisionedThroughput, RecordPrecision, ResourcePolicy, Since, StreamView,
        TableClass, TableDefinition, TableSettings, ThroughputChanges, UnitPair,
    },
    streams::IteratorStart,
};
use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

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
    assert!(refusal(change(many, &[])).1.contains("Number of Tags exceed the current limit"));
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
    while db.step().unwrap() != hashrange::inspect::Work::Idle {}
    db.update_table("items", adding("second", IndexKind::Global)).unwrap();
    while db.step().unwrap() != hashrange::inspect::Work::Idle {}
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

/// Every setting that the engine keeps and does not act on, each at something else than its default.
fn settings() -> TableSettings {
    let pair = |read| UnitPair { read_units_per_sec: Some(read), write_units_per_sec: None };
    TableSettings {
        table_class: Some(Since { value: TableClass::InfrequentAccess, at_millis: 1 }),
        table_class_override: Some(Since { value: TableClass::Standard, at_millis: 2 }),
        table_class_changes_millis: vec![1, 2],
        encryption_key: Some(Since { value: "arn:aws:kms:us-east-1:000000000000:key/k".into(), at_millis: 2 }),
        previous_encryption_key: Some("arn:aws:kms:us-east-1:000000000000:key/j".into()),
        encryption_changes_millis: vec![1, 2],
        on_demand_limit: pair(3),
        warm_throughput: pair(4),
        warm_before: Some(Since { value: pair(20), at_millis: 21 }),
        throughput_changes: ThroughputChanges {
            last_increase_millis: Some(5),
            last_decrease_millis: Some(6),
            decreases_that_day: 7,
        },
        last_on_demand_millis: Some(8),
        on_demand_switches_millis: vec![1, 2],
        last_provisioned_millis: Some(3),
        last_stream_label_millis: Some(9),
        ttl_changed_millis: Some(10),
        point_in_time_recovery: Some(PointInTimeRecovery { enabled_millis: 11, period_days: 12 }),
        insights: vec![Insights {
            index: Some("by_group".into()),
            is_enabled: true,
            mode: InsightsMode::ThrottledKeys,
            enabled_millis: 13,
            changed_millis: 14,
            has_failed: true,
        }],
        policy: Some(ResourcePolicy { document: "{}".into(), revision_millis: 15 }),
        stream_policy: Some(ResourcePolicy { document: "[]".into(), revision_millis: 16 }),
        kinesis_destinations: vec![KinesisDestination {
            stream_arn: "arn:aws:kinesis:us-east-1:000000000000:stream/s".into(),
            is_enabled: false,
            precision: Some(RecordPrecision::Microsecond),
            switched_millis: 17,
            updated_millis: Some(18),
            label_millis: Some(17),
            failure: Some("there is no such stream".into()),
        }],
        indexes: [("by_group".to_owned(), IndexSettings { on_demand_limit: pair(19), ..IndexSettings::default() })]
            .into(),
    }
}

#[test]
fn settings_are_kept_through_a_crash_and_a_reopening_and_go_with_their_index_and_table() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let open = || Database::options().background(false).open_on(disk.clone()).unwrap();
    let db = open();
    let table = db.create_table("items").hash::<S>("id").provisioned(5, 5);
    table.gsi(index("by_group").hash::<S>("group")).create().unwrap();
    let update = TableUpdate { settings: Some(Box::new(settings())), ..TableUpdate::default() };
    db.update_table("items", update).unwrap();
    drop(db);

    let db = open();
    let now = |db: &Database| db.describe_table("items").unwrap().definition.settings.clone();
    assert_eq!(now(&db), settings());
    // Once more without the log, from the manifest alone.
    db.flush().unwrap();
    drop(db);
    let db = open();
    assert_eq!(now(&db), settings());

    db.update_table("items", dropping("by_group")).unwrap();
    assert_eq!((now(&db).indexes.len(), now(&db).insights.len()), (0, 0));
    db.delete_table("items").unwrap();
    db.create_table("items").hash::<S>("id").create().unwrap();
    assert_eq!(now(&db), TableSettings::default());
}

#[test]
fn changes_of_billing_throughput_stream_and_expiry_leave_their_times() {
    let clock = Clock::manual(1_767_225_600_000);
    let db = Database::options().clock(clock.clone()).background(false).in_memory().unwrap();
    db.create_table("items").hash::<S>("id").create().unwrap();
    let now = || db.describe_table("items").unwrap().definition;
    let change = |update: TableUpdate| {
        clock.advance(Duration::from_secs(60));
        db.update_table("items", update).unwrap();
        clock.now_millis()
    };
    let created = now().created_millis;
    assert_eq!(now().last_on_demand_millis(), Some(created));
    let provisioned = |read, write| TableUpdate {
        billing: Some(BillingMode::Provisioned),
        throughput: Some(ProvisionedThroughput { read_units_per_sec: read, write_units_per_sec: write }),
        ..TableUpdate::default()
    };
    change(provisioned(5, 5));
    assert_eq!(now().last_on_demand_millis(), Some(created));
    assert_eq!(now().settings.throughput_changes, ThroughputChanges::default());

    let raised = change(provisioned(6, 5));
    let both = change(provisioned(5, 9));
    let changes = now().settings.throughput_changes;
    assert_eq!((changes.last_increase_millis, changes.last_decrease_millis), (Some(both), Some(both)));
    assert!(raised < both);
    assert_eq!((changes.decreases_on_day_of(both), changes.decreases_on_day_of(both + 86_400_000)), (1, 0));
    let on_demand = change(TableUpdate { billing: Some(BillingMode::PayPerRequest), ..TableUpdate::default() });
    assert_eq!(now().last_on_demand_millis(), Some(on_demand));

    let stream = |view| TableUpdate { stream: Some(view), ..TableUpdate::default() };
    assert_eq!(now().latest_stream_millis(), None);
    let first = change(stream(Some(StreamView::KeysOnly)));
    change(stream(None));
    assert_eq!((now().latest_stream_millis(), now().stream.is_some()), (Some(first), false));
    let second = change(stream(Some(StreamView::NewImage)));
    assert_eq!(now().latest_stream_millis(), Some(second));
    let ttl = change(TableUpdate { ttl_attribute: Some(Some("end".into())), ..TableUpdate::default() });
    change(TableUpdate { deletion_protection: Some(true), ..TableUpdate::default() });
    assert_eq!(now().settings.ttl_changed_millis, Some(ttl));
}

#[test]
fn a_change_that_depends_on_the_table_misses_no_other_change() {
    let db = Database::options().background(false).in_memory().unwrap();
    db.create_table("items").hash::<S>("id").create().unwrap();
    let count = |table: &TableDefinition| table.tags.first().map_or(0, |(_, value)| value.parse::<u32>().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let raise = |table: &TableDefinition| {
                        let put_tags = vec![("count".to_owned(), (count(table) + 1).to_string())];
                        Ok::<_, Error>(TableUpdate { put_tags, ..TableUpdate::default() })
                    };
                    db.update_table_with("items", raise).unwrap();
                }
            });
        }
    });
    assert_eq!(count(&db.describe_table("items").unwrap().definition), 100);
    let refused = db.update_table_with("items", |_| Err::<TableUpdate, _>(Error::validation("no")));
    assert_eq!(refusal(refused), (ErrorKind::Validation, "no".to_owned()));
}

#[test]
fn a_key_that_is_text_is_no_time_to_live() {
    let db = database();
    let described = || db.create_table("sessions").hash::<S>("id").range::<N>("until");
    let text = "a time to live is a number of seconds, and key attribute id is of type S".to_owned();
    assert_eq!(refusal(described().ttl("id").create()), (ErrorKind::Validation, text.clone()));
    assert_eq!(refusal(described().ttl("id").open_or_create()).1, text);
    assert!(db.list_tables().iter().all(|table| table != "sessions"), "nothing was created");
    described().open_or_create().unwrap();
    assert_eq!(refusal(described().ttl("id").open_or_update()).1, text);
    described().ttl("until").open_or_update().unwrap();
}

#[test]
fn threads_that_open_or_create_a_table_at_once_all_get_it() {
    let db = Database::options().background(false).in_memory().unwrap();
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for by_update in [false, true] {
            let (db, barrier) = (&db, &barrier);
            scope.spawn(move || {
                for number in 0..500 {
                    let table = db.create_table(format!("t{number:03}")).hash::<S>("id");
                    barrier.wait();
                    let opened = if by_update { table.open_or_update() } else { table.open_or_create() };
                    opened.map(drop).unwrap_or_else(|error| panic!("{number}: {error}"));
                }
            });
        }
    });
    assert_eq!(db.list_tables().len(), 500);
}

#[test]
fn an_update_that_breaks_a_rule_changes_nothing() {
    let db = Database::options().background(false).in_memory().unwrap();
    db.create_table("users").hash::<S>("id").create().unwrap();
    let users = || db.create_table("users").hash::<S>("id").gsi(index("by_mail").hash::<S>("mail"));
    let many = |n: usize| (0..n).fold(users(), |table, n| table.gsi(index(format!("index_{n}")).hash::<S>("group")));
    let rejected = [
        (users().gsi(index("x").hash::<S>("y")), "at 'indexName'"),
        (users().gsi(index("by_id").hash::<N>("id")), "defined with two types"),
        (users().gsi(index("by_name").hash::<S>("name").include(Vec::<String>::new())), "NonKeyAttributes"),
        (users().ttl("x".repeat(256)), "between 1 and 255"),
        (many(20), "per-table limit of 20"),
    ];
    for (described, text) in rejected {
        let (_, message) = refusal(described.clone().open_or_update());
        assert!(message.contains(text), "{described:?}: {message}");
        assert!(db.describe_table("users").unwrap().definition.indexes.is_empty(), "{message}");
    }
    many(3).ttl("until").open_or_update().unwrap();
    db.wait_active("users", Duration::from_secs(60)).unwrap();
    assert_eq!(many(3).ttl("until").differences(), []);
}
