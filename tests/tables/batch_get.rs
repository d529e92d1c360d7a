//! Batch gets of one table by typed keys: all that is there, in the order of the keys, within the limits.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Item, ItemRef, Table,
    key::{N, S},
};

fn table(db: &Database) -> Table<(S, N)> {
    db.create_table("orders").hash::<S>("cust").range::<N>("order").create().unwrap()
}

fn item(cust: &str, order: u64, note: &str) -> Item {
    Item::new().with("cust", cust).with("order", order).with("note", note)
}

fn orders(items: &[ItemRef]) -> Vec<(String, u64)> {
    let text = |item: &ItemRef| item.get("cust").unwrap().as_str().unwrap().to_owned();
    items.iter().map(|item| (text(item), item.get("order").unwrap().as_u64().unwrap())).collect()
}

#[test]
fn finds_what_is_there_in_the_order_of_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::options().initial_partitions(8).open(folder.path()).unwrap();
    let table = table(&db);
    for customer in 0..40 {
        (0..10).for_each(|order| drop(table.put(&item(&format!("c#{customer}"), order, "in a run")).unwrap()));
    }
    db.compact().unwrap();
    table.put(&item("c#3", 5, "newer")).unwrap();
    table.delete(("c#4", 5)).unwrap();
    let keys: Vec<(String, u64)> = (0..100).map(|n| (format!("c#{}", n * 7 % 50), n * 3 % 11)).collect();
    let found = table.batch_get(keys.clone()).unwrap();
    let is_there = |(cust, order): &(String, u64)| table.get((cust, *order)).unwrap().is_some();
    let expected: Vec<_> = keys.into_iter().filter(is_there).collect();
    assert_eq!(orders(&found.items), expected);
    assert!(expected.len() > 50 && expected.len() < 100 && found.unprocessed.is_empty());
    let both = table.batch_get([("c#3", 5), ("c#4", 5), ("c#3", 4)]).unwrap();
    let notes: Vec<_> = both.items.iter().map(|item| item.get("note").unwrap().as_str().unwrap()).collect();
    assert_eq!(notes, ["newer", "in a run"]);
    assert_eq!(both.consumed.table, 1.5, "half a unit a key, also for what is not there");
}

#[test]
fn leaves_the_rest_where_sixteen_megabytes_end() {
    let db = Database::in_memory().unwrap();
    let table = table(&db);
    let note = "x".repeat(390_000);
    (0..60).for_each(|order| drop(table.put(&item("c", order, &note)).unwrap()));
    let first = table.batch_get((0..60).map(|order| ("c", order))).unwrap();
    assert_eq!(first.items.len(), (16 << 20) / 390_000);
    assert_eq!(first.items.len() + first.unprocessed.len(), 60);
    let second = table.batch_get(first.unprocessed).unwrap();
    let all: Vec<_> = orders(&first.items).into_iter().chain(orders(&second.items)).map(|(_, order)| order).collect();
    assert_eq!(all, (0..60).collect::<Vec<_>>());
}

#[test]
fn refuses_what_the_service_refuses() {
    let db = Database::in_memory().unwrap();
    let table = table(&db);
    let refusal = |keys: Vec<(&str, u64)>| table.batch_get(keys).unwrap_err().message().to_owned();
    assert!(refusal(vec![]).contains("at least one key"));
    assert!(refusal((0..101).map(|n| ("c", n)).collect()).starts_with("Too many items requested"));
    assert_eq!(refusal(vec![("c", 1), ("d", 1), ("c", 1)]), "Provided list of item keys contains duplicates");
    assert!(refusal(vec![("", 1)]).contains("empty string value"));
}
