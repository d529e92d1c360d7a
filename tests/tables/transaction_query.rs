//! Queries of transactions as closures: own writes are in them, and what comes into the range meanwhile is noticed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Error, Item, ItemRef, Table,
    admin::index,
    attr,
    key::{N, S, between, ge, lt},
    values,
};
use hashrange_test_support::Random;
use std::collections::BTreeMap;

fn database() -> (Database, Table<(S, N)>) {
    let db = Database::options().durability(Durability::Buffered).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("name").range::<N>("number");
    let table = table.lsi(index("by_value").range::<N>("value")).gsi(index("by_name").hash::<S>("name"));
    let table = table.lsi(index("by_value_only").range::<N>("value").keys_only()).create().unwrap();
    (db, table)
}

fn item(name: &str, number: i64, value: i64) -> Item {
    Item::new().with("name", name).with("number", number).with("value", value)
}

fn pair(item: &ItemRef) -> (i64, i64) {
    let number = |name| item.get(name).and_then(|value| value.as_i64()).unwrap();
    (number("number"), number("value"))
}

/// How often a closure runs that reads `range` of "a" and writes elsewhere, if `meanwhile` happens during its first run.
fn runs(limit: Option<usize>, meanwhile: impl Fn(&Table<(S, N)>)) -> usize {
    let (db, table) = database();
    (1..=4).for_each(|at| drop(table.put(&item("a", at * 10, 1)).unwrap()));
    let mut runs = 0;
    db.transaction(|tx| {
        runs += 1;
        let seen = tx.query(&table, "a", |query| {
            let query = query.range(between(10, 30));
            limit.map_or(query.clone(), |limit| query.limit(limit))
        })?;
        if runs == 1 {
            meanwhile(&table);
        }
        tx.put(&table, &item("b", 1, seen.len() as i64))
    })
    .unwrap();
    let now = table.query("a").range(between(10, 30)).items().count().min(limit.unwrap_or(usize::MAX));
    assert_eq!(pair(&table.get(("b", 1)).unwrap().unwrap()), (1, now as i64), "the decision rests on what is there");
    runs
}

#[test]
fn a_change_of_the_range_makes_the_closure_run_again() {
    assert_eq!(runs(None, |_| {}), 1);
    assert_eq!(runs(None, |table| drop(table.put(&item("a", 15, 1)).unwrap())), 2, "a phantom");
    assert_eq!(runs(None, |table| drop(table.put(&item("a", 20, 2)).unwrap())), 2, "a changed item");
    assert_eq!(runs(None, |table| drop(table.delete(("a", 30)).unwrap())), 2, "a deleted item");
    assert_eq!(runs(None, |table| drop(table.put(&item("a", 31, 1)).unwrap())), 1, "behind the range");
    assert_eq!(runs(None, |table| drop(table.put(&item("c", 15, 1)).unwrap())), 1, "another partition key");
    assert_eq!(runs(None, |table| drop(table.put(&item("a", 20, 1)).unwrap())), 1, "the same value again");
    assert_eq!(
        runs(Some(2), |table| drop(table.put(&item("a", 25, 1)).unwrap())),
        1,
        "behind what the limit let through"
    );
    assert_eq!(runs(Some(2), |table| drop(table.put(&item("a", 15, 1)).unwrap())), 2, "before it");
    assert_eq!(runs(Some(2), |table| drop(table.delete(("a", 10)).unwrap())), 2, "one comes after");
}

#[test]
fn an_empty_range_is_kept_empty() {
    let (db, table) = database();
    let mut runs = 0;
    let answer = db.transaction(|tx| {
        runs += 1;
        if !tx.query(&table, "a", |query| query)?.is_empty() {
            return Err(Error::validation("taken"));
        }
        if runs == 1 {
            table.put(&item("a", 1, 1))?;
        }
        tx.put(&table, &item("a", 2, 2))
    });
    assert_eq!((runs, answer.unwrap_err().message()), (2, "taken"));
    assert!(table.get(("a", 2)).unwrap().is_none());
}

#[test]
fn queries_show_what_the_transaction_wrote() {
    let mut random = Random::new(7);
    for _ in 0..300 {
        let (db, table) = database();
        let mut model: BTreeMap<i64, i64> = BTreeMap::new();
        for _ in 0..random.below(12) {
            let (number, value) = (random.below(12) as i64, random.below(3) as i64);
            table.put(&item("a", number, value)).unwrap();
            model.insert(number, value);
        }
        db.transaction(|tx| {
            let mut now = model.clone();
            for _ in 0..8 {
                let (number, value) = (random.below(12) as i64, random.below(3) as i64);
                match random.below(3) {
                    0 => {
                        tx.put(&table, &item("a", number, value))?;
                        now.insert(number, value);
                    }
                    1 => {
                        tx.delete(&table, ("a", number))?;
                        now.remove(&number);
                    }
                    _ => compare(tx, &table, &now, &mut random)?,
                }
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    }
}

fn compare(
    tx: &mut hashrange::Transaction,
    table: &Table<(S, N)>,
    model: &BTreeMap<i64, i64>,
    random: &mut Random,
) -> Result<(), Error> {
    let (below, limit) = (random.below(14) as i64, 1 + random.below(6));
    let (descending, filtered, limited) = (random.one_in(2), random.one_in(2), random.one_in(2));
    let by_index = random.one_in(3);
    if by_index {
        return compare_index(tx, table, model, random);
    }
    let seen = tx.query(table, "a", |mut query| {
        query = query.range(lt(below));
        if descending {
            query = query.descending();
        }
        if filtered {
            query = query.filter(attr("value").ge(1));
        }
        if limited { query.limit(limit) } else { query }
    })?;
    let mut expected: Vec<(i64, i64)> = model.range(..below).map(|(number, value)| (*number, *value)).collect();
    if descending {
        expected.reverse();
    }
    expected.retain(|(_, value)| !filtered || *value >= 1);
    expected.truncate(if limited { limit } else { usize::MAX });
    assert_eq!(seen.iter().map(pair).collect::<Vec<_>>(), expected);
    Ok(())
}

/// The same of a local index, whose order is that of the values.
fn compare_index(
    tx: &mut hashrange::Transaction,
    table: &Table<(S, N)>,
    model: &BTreeMap<i64, i64>,
    random: &mut Random,
) -> Result<(), Error> {
    let (from, limit, descending) = (random.below(4) as i64, 1 + random.below(9), random.one_in(2));
    let name = if random.one_in(2) { "by_value" } else { "by_value_only" };
    let seen = tx.query(table, "a", |query| {
        let query = query.index(name).range(ge(from)).limit(limit);
        if descending { query.descending() } else { query }
    })?;
    let mut expected: Vec<(i64, i64)> = model.iter().map(|(number, value)| (*number, *value)).collect();
    expected.retain(|(_, value)| *value >= from);
    expected.sort_by_key(|(number, value)| (*value, *number));
    if descending {
        expected.reverse();
    }
    let whole = expected.len();
    expected.truncate(limit);
    assert_eq!(seen.iter().map(pair).collect::<Vec<_>>(), expected);
    assert_eq!(tx.count(table, "a", |query| query.index(name).range(ge(from)))?, whole);
    Ok(())
}

#[test]
fn a_change_of_what_an_index_shows_makes_the_closure_run_again() {
    type Write<'a> = &'a dyn Fn(&Table<(S, N)>);
    let runs = |meanwhile: Write<'_>| {
        let (db, table) = database();
        (1..=3).for_each(|number| drop(table.put(&item("a", number, number * 10)).unwrap()));
        let mut runs = 0;
        let seen = db.transaction(|tx| {
            runs += 1;
            let seen = tx.count(&table, "a", |query| query.index("by_value").range(between(15, 35)))?;
            if runs == 1 {
                meanwhile(&table);
            }
            tx.put(&table, &item("b", 1, 1))?;
            Ok::<_, Error>(seen)
        });
        (runs, seen.unwrap())
    };
    let put = |number, value| move |table: &Table<(S, N)>| drop(table.put(&item("a", number, value)).unwrap());
    assert_eq!(runs(&|_| {}), (1, 2));
    assert_eq!(runs(&put(7, 20)), (2, 3), "a phantom in the index");
    assert_eq!(runs(&put(1, 30)), (2, 3), "an entry comes into the range");
    assert_eq!(runs(&put(2, 90)), (2, 1), "an entry leaves it");
    assert_eq!(runs(&put(7, 99)), (1, 2), "an entry behind the range");
}

#[test]
fn what_cannot_be_checked_is_rejected() {
    let (db, table) = database();
    let message = |result: Result<Vec<ItemRef>, Error>| result.unwrap_err().message().to_owned();
    let of_index = db.transaction(|tx| tx.query(&table, "a", |query| query.index("by_name")));
    assert!(message(of_index).contains("global secondary index by_name"));
    let counted = db.transaction(|tx| tx.query(&table, "a", |query| query.count_only()));
    assert!(message(counted).contains("Transaction::count"));
    let whole = db.transaction(|tx| tx.query(&table, "a", |query| query.index("by_value_only").all_attributes()));
    assert!(message(whole).contains("what the index projects"));
    let (_other, foreign) = database();
    assert!(message(db.transaction(|tx| tx.query(&foreign, "a", |query| query))).contains("its own database"));
    let faulty = db.transaction(|tx| tx.query(&table, "a", |query| query.range(lt(1)).range(lt(2))));
    assert!(message(faulty).contains("range"));
    let projected = db.transaction(|tx| {
        tx.put(&table, &item("a", 1, 5))?;
        tx.query(&table, "a", |query| query.project(("#v", values! {"#v" => "value"})))
    });
    assert_eq!(projected.unwrap()[0].to_item(), Item::new().with("value", 5));
}
