//! How many instructions each hot operation takes, and how many it may: `cargo bench -p hashrange --bench instructions`.
//!
//! Times drift with the machine; instructions are the same in every run, so a change that makes an operation slower
//! fails here, where it is made. The program runs itself once under `valgrind --tool=callgrind`, which counts what
//! happens inside [`measured`] and writes one profile for each operation. Profiles stay in the folder it names with
//! `--keep`, for `callgrind_annotate`. Without valgrind nothing is checked, and it says so.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that reports and fails by panicking")]

use hashrange::accelerator::AcceleratorOptions;
use hashrange::access::{Action, ArnScope, Ask, Policy, Principal};
use hashrange::capacity::{CapacityModel, Quotas};
use hashrange::expression::ExpressionKind;
use hashrange::{
    Clock, Database, Durability, Item, ItemRef, OpenOptions, Table, admin::index, attr, key::S, ledger::LedgerOptions,
    schema::StreamView, streams::IteratorStart, values,
};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs, hint::black_box, time::Duration};

/// Operations in the order in which [`run_all`] does them, with the most instructions each may take.
///
/// A budget is what was counted, and up to 5 % for what differs between compilers and C libraries.
const BUDGETS: [(&str, u64); 30] = [
    ("get from the memtable", 995),
    ("get from a run", 1_335),
    ("get of an absent key", 745),
    ("SELECT by key from a run", 2_375),
    ("the same, prepared", 1_560),
    ("the same, values bound one by one", 3_270),
    ("query of 10 items", 3_835),
    ("query of 10 with a limit", 4_160),
    ("batch get of 100 items", 193_560),
    ("query of 10 by a global index", 5_640),
    ("the same by an expression", 7_180),
    ("filter of one test", 610),
    ("put, buffered", 11_750),
    ("put with a condition, buffered", 12_650),
    ("update by expression, buffered", 15_540),
    ("put with two global indexes, buffered", 32_600),
    ("query of 10 after updates", 6_160),
    ("put whose old image is logged", 18_560),
    ("put with a stream of keys", 19_010),
    ("put with a stream of new images", 17_240),
    ("put with a stream of both images", 17_580),
    ("read of 100 records of a stream", 52_000),
    ("sweep, an item", 11_860),
    ("check of a policy of 5 statements", 3_000),
    ("get as a principal of 5 statements", 9_500),
    ("get, throughput modelled", 1_220),
    ("put, buffered, throughput modelled", 13_800),
    ("get, with a ledger", 4_260),
    ("put, buffered, with a ledger", 16_200),
    ("get, from the cache of an accelerator", 630),
];

const ITEMS: usize = 5_000;
const ROUNDS: usize = 1_000;
const MARKER: &str = "HASHRANGE_COUNTED";

fn main() -> ExitCode {
    if env::var_os(MARKER).is_some() {
        run_all();
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("SKIPPED: valgrind is not installed, no instruction was counted");
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().unwrap();
    let valgrind = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "-q",
            "--toggle-collect=instructions::measured",
            "--dump-after=instructions::measured",
        ])
        .arg(format!("--callgrind-out-file={}", folder.path().join("profile").display()))
        .arg(env::current_exe().unwrap())
        .env(MARKER, "1")
        .status()
        .unwrap();
    assert!(valgrind.success(), "the counted program failed");
    let mut over = false;
    println!("{:<40}{:>14}{:>10}", "instructions for one operation", "counted", "budget");
    for (at, (name, budget)) in BUDGETS.into_iter().enumerate() {
        let counted = total(&folder.path().join(format!("profile.{}", at + 1))) / ROUNDS as u64;
        let verdict = if counted > budget { "  OVER" } else { "" };
        over |= counted > budget;
        println!("{name:<40}{counted:>14}{budget:>10}{verdict}");
    }
    if env::args().any(|arg| arg == "--keep") {
        println!("profiles: {}", folder.keep().display());
    }
    if over { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The sum of a profile.
fn total(profile: &Path) -> u64 {
    let text = fs::read_to_string(profile).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    line.unwrap().trim().parse().unwrap()
}

/// What callgrind counts: one call is one profile.
#[inline(never)]
fn measured(operation: &mut dyn FnMut(usize)) {
    for round in 0..ROUNDS {
        operation(round * 2_654_435_761 % ITEMS);
    }
}

/// Once apart, so that what is done only the first time is not counted.
fn count<R>(mut operation: impl FnMut(usize) -> R) {
    let mut operation = |i| drop(black_box(operation(i)));
    operation(0);
    operation(1);
    measured(&mut operation);
}

fn run_all() {
    let (keys, items): (Vec<_>, Vec<_>) = (0..ITEMS).map(|i| (key(i), item(i))).unzip();
    let folder = tempfile::tempdir().unwrap();
    let db = Database::options().durability(Durability::Buffered).open(folder.path()).unwrap();
    let table = db.create_table("orders").hash::<S>("pk").range::<S>("sk").create().unwrap();
    load(&table, &items);
    count(|i| table.get((&keys[i].0, &keys[i].1)).unwrap().unwrap());
    db.compact().unwrap();
    assert_eq!(table.scan().items().count(), ITEMS, "which also verifies each page of the run");
    count(|i| table.get((&keys[i].0, &keys[i].1)).unwrap().unwrap());
    count(|i| assert!(table.get((&keys[i].0, "absent")).unwrap().is_none()));
    statements(&db, &keys);
    count(|i| assert_eq!(table.query(&keys[i].0).page().unwrap().count, 10));
    count(|i| assert_eq!(table.query(&keys[i].0).limit(10).page().unwrap().count, 10));
    let of_batch = |i| (0..100).map(move |at| (i + at * 37) % ITEMS);
    count(|i| {
        let found = table.batch_get(of_batch(i).map(|i| (&keys[i].0, &keys[i].1))).unwrap();
        assert_eq!(found.items.len(), 100);
    });

    let indexed = db
        .create_table("indexed")
        .hash::<S>("pk")
        .range::<S>("sk")
        .gsi(index("by_customer").hash::<S>("customer"))
        .gsi(index("by_pk").hash::<S>("pk").range::<S>("status"))
        .create()
        .unwrap();
    load(&indexed, &items);
    db.compact().unwrap();
    let dynamic = db.dynamic_table("indexed").unwrap();
    count(|i| assert_eq!(dynamic.query(keys[i].0.as_str()).index("by_pk").page().unwrap().count, 10));
    count(|i| {
        let query = dynamic.query_expr("pk = :pk", values! {":pk" => keys[i].0.as_str()});
        assert_eq!(query.index("by_pk").limit(10).page().unwrap().count, 10);
    });

    let encoded = ItemRef::from(&items[7]);
    let filter = attr("status").eq("SHIPPED").build(ExpressionKind::Filter).unwrap();
    count(|_| black_box(&filter).matches(Some(black_box(&encoded))));

    count(|i| table.put(&items[i]).unwrap());
    count(|i| table.put_with(&items[i]).when(attr("version").eq(1)).send().unwrap());
    count(|i| table.update((&keys[i].0, &keys[i].1)).add("visits", 1).send().unwrap());
    let changed: Vec<Item> = items.iter().map(|item| item.clone().with("version", 2)).collect();
    count(|i| indexed.put(&changed[i]).unwrap());

    db.compact().unwrap();
    items.iter().step_by(10).for_each(|item| drop(table.put(&item.clone().with("version", 3)).unwrap()));
    count(|i| assert_eq!(table.query(&keys[i].0).page().unwrap().count, 10));

    let stream = |name: &str, view| {
        let table = db.create_table(name).hash::<S>("pk").range::<S>("sk").stream(view).create().unwrap();
        load(&table, &items);
        db.compact().unwrap();
        count(|i| table.put(&changed[i]).unwrap());
    };
    let logged = db.create_table("logged").hash::<S>("pk").range::<S>("sk").gsi(index("none").hash::<S>("none"));
    let logged = logged.create().unwrap();
    load(&logged, &items);
    db.compact().unwrap();
    count(|i| logged.put(&changed[i]).unwrap());
    stream("keys", StreamView::KeysOnly);
    stream("new", StreamView::NewImage);
    stream("both", StreamView::NewAndOld);
    read_stream(&db);
    sweep(&items);
    checked(&db, &keys, &items);
}

/// A statement that reads one item: from its text each time, prepared once, and with its values bound one by one.
fn statements(db: &Database, keys: &[(String, String)]) {
    let select = "SELECT * FROM orders WHERE pk = ? AND sk = ?";
    count(|i| db.prepare(select).unwrap().item((&keys[i].0, &keys[i].1)).unwrap().unwrap());
    let prepared = db.prepare(select).unwrap();
    count(|i| prepared.item((&keys[i].0, &keys[i].1)).unwrap().unwrap());
    count(|i| {
        let output = db.statement(select).bind(&keys[i].0).bind(&keys[i].1).send().unwrap();
        assert_eq!(output.items.len(), 1);
    });
}

/// A page of the oldest records, which lie in a segment.
fn read_stream(db: &Database) {
    db.compact().unwrap();
    let stream = db.list_streams(Some("new")).pop().unwrap();
    let start = IteratorStart::TrimHorizon;
    let first = db.shard_iterator("new", &stream.label, &stream.shards[0].id, &start).unwrap();
    // The first read looks for the place at which the second one begins.
    let next = db.stream_records(&first, Some(1)).unwrap().next.unwrap();
    count(|_| assert_eq!(db.stream_records(&next, Some(100)).unwrap().records.len(), 100));
}

/// Each round is an item of one sweep.
fn sweep(items: &[Item]) {
    let clock = Clock::manual(1_800_000_000_000);
    let folder = tempfile::tempdir().unwrap();
    let db = Database::options().durability(Durability::Buffered).background(false).clock(clock.clone());
    let db = db.open(folder.path()).unwrap();
    let table = db.create_table("sessions").hash::<S>("pk").range::<S>("sk").ttl("ends").create().unwrap();
    for item in &items[..ROUNDS] {
        table.put(&item.clone().with("ends", 1_800_000_001)).unwrap();
    }
    db.compact().unwrap();
    clock.advance(Duration::from_secs(10));
    let mut swept = None;
    measured(&mut |_| _ = swept.get_or_insert_with(|| db.sweep_now().unwrap()));
    assert_eq!(swept, Some(ROUNDS as u64));
}

/// The same reads and writes where policies check them, where throughput is modelled, and where a ledger is kept.
fn checked(db: &Database, keys: &[(String, String)], items: &[Item]) {
    access(db, keys);
    metered(keys, items, Database::options().capacity(high_ceilings()));
    metered(keys, items, Database::options().ledger(LedgerOptions::new()));
    let cached = db.accelerator(AcceleratorOptions::default()).unwrap().database().table::<(S, S)>("orders").unwrap();
    keys.iter().for_each(|(pk, sk)| drop(cached.get((pk, sk)).unwrap()));
    count(|i| cached.get((&keys[i].0, &keys[i].1)).unwrap().unwrap());
}

/// A model of throughput whose limits are not met: what is counted is the admission of what passes.
fn high_ceilings() -> CapacityModel {
    let service = CapacityModel::service();
    let units = 1_000_000_000;
    let quotas = Quotas { table_read_units: units, table_write_units: units, ..service.quotas };
    let quotas = Quotas { account_read_units: units, account_write_units: units, ..quotas };
    let (partition_read_units, partition_write_units, eventual_read_units) = (1_000_000, 1_000_000, 1_000_000);
    CapacityModel { partition_read_units, partition_write_units, eventual_read_units, quotas, ..service }
}

/// What it costs to ask for throughput, or to note what is consumed.
fn metered(keys: &[(String, String)], items: &[Item], options: OpenOptions) {
    let folder = tempfile::tempdir().unwrap();
    let db = options.durability(Durability::Buffered).open(folder.path()).unwrap();
    let table = db.create_table("orders").hash::<S>("pk").range::<S>("sk").provisioned(4_000_000, 4_000_000);
    let table = table.create().unwrap();
    load(&table, items);
    count(|i| table.get((&keys[i].0, &keys[i].1)).unwrap().unwrap());
    db.compact().unwrap();
    count(|i| table.put(&items[i]).unwrap());
}

/// The policy of a tenant: its own keys of one table and of an index, no other way, nothing without encryption.
const TENANT: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    {"Effect": "Deny", "Action": ["dynamodb:Delete*", "dynamodb:UpdateTable"], "Resource": "arn:aws:dynamodb:*:*:table/*"},
    {"Effect": "Allow", "Action": "dynamodb:ListTables", "Resource": "*"},
    {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "arn:aws:dynamodb:*:*:table/orders/index/*",
     "Condition": {"StringEquals": {"dynamodb:Select": "COUNT"}}},
    {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"],
     "Resource": "arn:aws:dynamodb:*:*:table/orders",
     "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "${aws:PrincipalTag/tenant}#*"},
                   "Null": {"dynamodb:LeadingKeys": "false"}}}]}"#;

/// What policies cost: the check alone, and with a read, which has to make what is checked.
fn access(db: &Database, keys: &[(String, String)]) {
    let policy = Policy::parse(TENANT).unwrap();
    let tenant = db.as_principal(Principal::new("tenant").tag("tenant", "USER").policy(policy));
    let resource = ArnScope::default().table("orders");
    let ask = |i: usize| Ask::new(Action::GetItem, resource.clone()).partition_keys([keys[i].0.as_str()]);
    let asks: Vec<Ask<'_>> = (0..keys.len()).map(ask).collect();
    count(|i| tenant.authorize(&asks[i]).unwrap());
    let orders = tenant.table::<(S, S)>("orders").unwrap();
    count(|i| orders.get((&keys[i].0, &keys[i].1)).unwrap().unwrap());
}

fn load(table: &Table<(S, S)>, items: &[Item]) {
    items.iter().for_each(|item| drop(table.put(item).unwrap()));
}

fn key(i: usize) -> (String, String) {
    (format!("USER#{:08}", i / 10), format!("ORDER#2026-{:02}-11T10:{:02}#{:04}", i % 10 + 1, i * 7 % 60, i % 10))
}

/// 8 attributes, about 300 bytes.
fn item(i: usize) -> Item {
    let (pk, sk) = key(i);
    let address = Item::new().with("street", format!("{} stone street", i % 900)).with("city", "Springfield");
    Item::new()
        .with("pk", pk)
        .with("sk", sk)
        .with("version", 1)
        .with("status", ["PENDING", "SHIPPED", "CLOSED_"][i % 3])
        .with("total", (i * 7919 % 1_000_000) as u64)
        .with("customer", format!("cust-{:016x}", (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .with(
            "note",
            "parcel blue river stone quick amber delta lamp gift order fragile north south window paper cloud",
        )
        .with("address", address.with("zip", (i % 99_999) as u64))
}
