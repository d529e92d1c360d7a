//! PartiQL through the public API: worked examples of every rule, with the words of refusals.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod grammar;
mod keys;
mod plans;
mod prepared;
mod syntax;
mod together;
mod wheres;
mod writes;

use hashrange::{
    AttributeValue, Database, Item, ItemRef,
    admin::index,
    key::{N, S},
};
use std::collections::{BTreeMap, BTreeSet};

/// What a malformed statement's message begins with.
const MALFORMED: &str = "Statement wasn't well formed, can't be processed: ";

fn strings<const COUNT: usize>(members: [&str; COUNT]) -> AttributeValue {
    AttributeValue::Ss(members.into_iter().map(str::to_owned).collect::<BTreeSet<_>>())
}

fn numbers<const COUNT: usize>(members: [i64; COUNT]) -> AttributeValue {
    AttributeValue::Ns(members.into_iter().map(Into::into).collect())
}

fn binary(bytes: &'static [u8]) -> AttributeValue {
    AttributeValue::B(bytes.into())
}

fn list<const COUNT: usize>(members: [AttributeValue; COUNT]) -> AttributeValue {
    AttributeValue::L(members.into())
}

fn map<const COUNT: usize>(members: [(&str, AttributeValue); COUNT]) -> AttributeValue {
    AttributeValue::M(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>())
}

/// The tables of the examples: one value of each type (`Tee`), one item of many (`Eye`), a collection of numbers (`Arr`) and of
/// strings (`Que`), an item that is changed (`Things`), and a table with indexes (`Gee`).
fn database() -> Database {
    let db = Database::in_memory().unwrap();
    let kinds = db.create_table("Tee").hash::<S>("pk").create().unwrap();
    for (name, value) in [
        ("b", Some(binary(b"ab"))),
        ("bs", Some(AttributeValue::Bs([b"a".as_slice().into()].into()))),
        ("es", Some("".into())),
        ("l", Some(list([1.into()]))),
        ("m", Some(map([("k", 1.into())]))),
        ("n", Some(1.into())),
        ("nd", Some(AttributeValue::N("1.5".parse().unwrap()))),
        ("ns", Some(numbers([1]))),
        ("null", Some(AttributeValue::Null)),
        ("bool", Some(true.into())),
        ("s", Some("a".into())),
        ("ss", Some(strings(["a"]))),
        ("missing", None),
    ] {
        let mut item = Item::new().with("pk", name);
        if let Some(value) = value {
            item = item.with("x", value);
        }
        kinds.put(&item).unwrap();
    }
    let one = db.create_table("Eye").hash::<S>("pk").create().unwrap();
    let item = Item::new()
        .with("pk", "i")
        .with("s", "str")
        .with("u", "h\u{e9}llo")
        .with("e", "\u{1f600}")
        .with("n", 5)
        .with("b", binary(b"abcd"))
        .with("ss", strings(["a", "b", "c"]))
        .with("ns", numbers([1, 2, 3]))
        .with("l", list(["x".into(), "y".into()]))
        .with("m", map([("sub", "x".into()), ("other", 1.into())]))
        .with("flag", true)
        .with("nul", AttributeValue::Null);
    one.put(&item).unwrap();
    let numbered = db.create_table("Arr").hash::<S>("pk").range::<N>("sk").create().unwrap();
    for (pk, sk) in [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)] {
        numbered.put(&Item::new().with("pk", pk).with("sk", sk).with("x", 10 * sk)).unwrap();
    }
    let named = db.create_table("Que").hash::<S>("pk").range::<S>("sk").create().unwrap();
    for sk in ["x", "xy", "y"] {
        named.put(&Item::new().with("pk", "a").with("sk", sk)).unwrap();
    }
    let things = db.create_table("Things").hash::<S>("pk").create().unwrap();
    let thing = Item::new()
        .with("pk", "s0")
        .with("ss", strings(["a", "b", "c"]))
        .with("ns", numbers([1, 2, 3]))
        .with("l", list(["x".into()]))
        .with("s", "str")
        .with("m", map([("sub", strings(["x"]))]));
    things.put(&thing).unwrap();
    let indexed = db
        .create_table("Gee")
        .hash::<S>("pk")
        .range::<N>("sk")
        .gsi(index("gix").hash::<S>("gk").keys_only())
        .lsi(index("lix").range::<S>("lk").keys_only())
        .create()
        .unwrap();
    for sk in 1..4 {
        let item = Item::new().with("pk", "a").with("sk", sk).with("gk", "x").with("lk", format!("k{sk}"));
        indexed.put(&item.with("a", sk)).unwrap();
    }
    db
}

/// The refusal of a statement.
#[track_caller]
fn refusal(db: &Database, text: &str) -> String {
    match db.statement(text).send() {
        Ok(output) => panic!("{text} was not refused: {output:?}"),
        Err(error) => error.message().to_owned(),
    }
}

/// All items of a query.
#[track_caller]
fn all(db: &Database, text: &str) -> Vec<ItemRef> {
    let items: Result<Vec<_>, _> = db.statement(text).items().collect();
    items.unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `pk` and `sk` of what a query returns, such as `a1`.
#[track_caller]
fn keys(db: &Database, text: &str) -> Vec<String> {
    all(db, text).iter().map(key).collect()
}

fn key(item: &ItemRef) -> String {
    let hash = item.get("pk").map(|pk| pk.as_str().unwrap_or_default().to_owned()).unwrap_or_default();
    let sort = item
        .get("sk")
        .map(|sk| sk.as_number().map_or_else(|| sk.as_str().unwrap_or_default().to_owned(), |n| n.to_string()));
    hash + &sort.unwrap_or_default()
}

/// The item with this key of a table of one key attribute.
fn stored(db: &Database, table: &str, pk: &str) -> Option<Item> {
    db.table::<S>(table).unwrap().get(pk).unwrap().map(|item| item.to_item())
}
