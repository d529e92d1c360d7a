//! Transactions as closures: own writes are seen, stale reads are noticed, contention ends well.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Error, ErrorKind, Item, ItemRef, Table, Transaction,
    key::{N, S},
};
use std::{sync::Barrier, thread};

fn database() -> (Database, Table<(S, N)>) {
    let db = Database::options().durability(Durability::Buffered).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("name").range::<N>("number").create().unwrap();
    (db, table)
}

fn item(name: &str, number: i64, value: i64) -> Item {
    Item::new().with("name", name).with("number", number).with("value", value)
}

fn value(item: Option<ItemRef>) -> Option<i64> {
    item.and_then(|item| item.get("value").and_then(|value| value.as_i64()))
}

#[test]
fn a_transaction_sees_its_own_writes_and_others_do_not() {
    let (db, table) = database();
    table.put(&item("a", 1, 5)).unwrap();
    let answer = db.transaction(|tx| {
        tx.put(&table, &item("b", 1, 7))?;
        assert_eq!(value(tx.get(&table, ("b", 1))?), Some(7));
        tx.update(&table, ("b", 1), |update| update.add("value", 1))?;
        tx.update(&table, ("a", 1), |update| update.add("value", 1))?;
        assert_eq!((value(tx.get(&table, ("b", 1))?), value(tx.get(&table, ("a", 1))?)), (Some(8), Some(6)));
        tx.delete(&table, ("a", 1))?;
        assert!(tx.get(&table, ("a", 1))?.is_none());
        assert_eq!((value(table.get(("b", 1))?), value(table.get(("a", 1))?)), (None, Some(5)));
        Ok::<_, Error>("done")
    });
    assert_eq!(answer.unwrap(), "done");
    assert_eq!((value(table.get(("b", 1)).unwrap()), value(table.get(("a", 1)).unwrap())), (Some(8), None));
}

#[test]
fn an_error_of_the_closure_writes_nothing() {
    let (db, table) = database();
    let error = db.transaction(|tx| {
        tx.put(&table, &item("a", 1, 5))?;
        Err::<(), _>(Error::validation("changed my mind"))
    });
    assert_eq!(error.unwrap_err().message(), "changed my mind");
    assert!(table.get(("a", 1)).unwrap().is_none());
    let other = database().1;
    assert_eq!(db.transaction(|tx| tx.get(&other, ("a", 1))).unwrap_err().kind(), ErrorKind::Validation);
    let many = db.transaction(|tx| (0..101).try_for_each(|number| tx.put(&table, &item("a", number, 0))));
    assert_eq!(many.unwrap_err().kind(), ErrorKind::Validation);
    assert_eq!(table.scan().items().count(), 0);
}

#[test]
fn a_stale_read_runs_the_closure_again() {
    let (db, table) = database();
    table.put(&item("a", 1, 1)).unwrap();
    let mut runs = 0;
    db.transaction(|tx| {
        runs += 1;
        let seen = value(tx.get(&table, ("a", 1))?).unwrap();
        if runs == 1 {
            table.put(&item("a", 1, 10))?; // somebody else, in between
        }
        tx.put(&table, &item("b", 1, seen))
    })
    .unwrap();
    assert_eq!((runs, value(table.get(("b", 1)).unwrap())), (2, Some(10)));

    // A closure that fails because of what is no longer true runs again as well.
    let mut runs = 0;
    let seen = db.transaction(|tx| {
        runs += 1;
        let item = tx.get(&table, ("c", 1))?;
        if runs == 1 {
            table.put(&self::item("c", 1, 3))?;
        }
        value(item).ok_or_else(|| Error::not_found("no such item"))
    });
    assert_eq!((runs, seen.unwrap()), (2, 3));
}

#[test]
fn an_item_that_was_flushed_meanwhile_is_the_same_item() {
    let (db, table) = database();
    table.put(&item("a", 1, 1)).unwrap();
    let mut runs = 0;
    db.transaction(|tx| {
        runs += 1;
        let seen = value(tx.get(&table, ("a", 1))?).unwrap();
        db.flush()?;
        tx.put(&table, &item("b", 1, seen))
    })
    .unwrap();
    assert_eq!(runs, 1);
}

#[test]
fn endless_contention_is_an_error_in_the_end() {
    let (db, table) = database();
    table.put(&item("a", 1, 0)).unwrap();
    let mut runs = 0;
    let error = db.transaction(|tx| {
        runs += 1;
        tx.get(&table, ("a", 1))?;
        table.put(&item("a", 1, runs))?;
        tx.put(&table, &item("b", 1, 1))
    });
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.code(), runs), (ErrorKind::Conflict, "TransactionConflictException", 100));
    assert!(table.get(("b", 1)).unwrap().is_none());
}

#[test]
fn neither_lost_updates_nor_write_skew() {
    let (db, table) = database();
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (db, table, start) = (&db, &table, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..300 {
                    // Whoever finds neither of two items puts one, so the two are never there together.
                    db.transaction(|tx| {
                        let count = value(tx.get(table, ("count", 0))?).unwrap_or(0);
                        tx.put(table, &item("count", 0, count + 1))?;
                        let mine = if thread % 2 == 0 { "x" } else { "y" };
                        let found = [tx.get(table, ("x", 1))?.is_some(), tx.get(table, ("y", 1))?.is_some()];
                        match found {
                            [false, false] => tx.put(table, &item(mine, 1, 1)),
                            _ => tx.delete(table, (mine, 1)),
                        }
                    })
                    .unwrap();
                    let together = db.transact_get().get(table, ("x", 1)).get(table, ("y", 1)).send().unwrap();
                    assert!(together.items.iter().flatten().count() <= 1);
                }
            });
        }
    });
    assert_eq!(value(table.get(("count", 0)).unwrap()), Some(1200));
}

#[test]
fn a_transaction_may_wait_for_less_than_its_database_does() {
    let db = Database::options().background(false).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("name").range::<N>("number").create().unwrap();
    let syncs = |durability: Option<Durability>| {
        let before = db.statistics().log_syncs;
        let write = |tx: &mut Transaction| {
            durability.into_iter().for_each(|durability| tx.durability(durability));
            tx.put(&table, &item("a", 1, 1))
        };
        db.transaction(write).unwrap();
        db.statistics().log_syncs - before
    };
    assert_eq!((syncs(None), syncs(Some(Durability::Buffered)), syncs(Some(Durability::Sync))), (1, 0, 1));
}
