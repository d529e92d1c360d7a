//! Conflicts as the service has them: what a test holds, what overlaps, and what chance refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{Database, Durability, Error, ErrorKind, Item, Table, attr, key::S, service::ConflictModel};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

fn stock(db: &Database) -> Table<S> {
    db.create_table("stock").hash::<S>("sku").open_or_create().unwrap()
}

fn item(sku: &str) -> Item {
    Item::new().with("sku", sku).with("count", 1)
}

fn reasons(error: &Error) -> Vec<(&str, Option<&str>)> {
    assert_eq!(error.kind(), ErrorKind::TransactionCanceled, "{error}");
    error.cancellation_reasons().iter().map(|reason| (reason.code(), reason.message())).collect()
}

#[test]
fn what_a_test_holds_is_refused_to_writers_and_transactions_and_shown_to_readers() {
    let db = Database::in_memory().unwrap();
    let stock = stock(&db);
    stock.put(&item("bolt")).unwrap();
    let held = stock.simulate_conflict("bolt").unwrap();

    for refusal in [
        stock.put(&item("bolt")).unwrap_err(),
        stock.update("bolt").add("count", 1).send().unwrap_err(),
        // The conflict is found before the condition is looked at.
        stock.delete_with("bolt").when(attr("count").eq(7)).send().unwrap_err(),
    ] {
        assert_eq!((refusal.kind(), refusal.code()), (ErrorKind::Conflict, "TransactionConflictException"));
        assert_eq!(refusal.message(), "Transaction is ongoing for the item");
    }
    let transaction = db.transact_write().put(&stock, &item("nut")).put(&stock, &item("bolt"));
    let conflict = ("TransactionConflict", Some("Transaction is ongoing for the item."));
    assert_eq!(reasons(&transaction.send().unwrap_err()), [("None", None), conflict]);
    assert!(stock.get("nut").unwrap().is_none(), "nothing of a refused transaction is written");
    let together = db.transact_get().get(&stock, "bolt").get(&stock, "nut").send().unwrap_err();
    assert_eq!(reasons(&together), [conflict, ("None", None)]);
    let closure = db.transaction(|tx| tx.put(&stock, &item("bolt"))).unwrap_err();
    assert_eq!(closure.kind(), ErrorKind::Conflict);
    let batch = db.batch_write().put(&stock, &item("bolt")).put(&stock, &item("screw"));
    let output = batch.send().unwrap();
    assert_eq!(output.unprocessed, [0]);
    let rest = batch.rest(&output).unwrap();
    assert_eq!(rest.send().unwrap().unprocessed, [0], "the item of the transaction is left, and nothing else");
    assert!(stock.get("screw").unwrap().is_some());

    assert!(stock.get("bolt").unwrap().is_some());
    assert_eq!(stock.query("bolt").items().count() + stock.scan().items().count(), 3);
    drop(held);
    transaction.clone().send().unwrap();
    assert!(stock.get("nut").unwrap().is_some(), "what was rejected is sent again as it was described");
    stock.put(&item("bolt")).unwrap();
    db.transact_write().delete_with(&stock, "bolt", |delete| delete.when(attr("count").eq(1))).send().unwrap();
}

#[test]
fn a_held_token_is_in_progress() {
    let db = Database::in_memory().unwrap();
    let stock = stock(&db);
    let send = || db.transact_write().token("once").put(&stock, &item("bolt")).send();
    let held = db.simulate_token_conflict("once");
    assert_eq!(send().unwrap_err().code(), "TransactionInProgressException");
    assert!(stock.get("bolt").unwrap().is_none());
    drop(held);
    assert!(!send().unwrap().replayed);
    assert!(send().unwrap().replayed);
}

#[test]
fn chance_refuses_the_same_operations_for_the_same_seed() {
    let refused = |seed: u64| -> Vec<usize> {
        let conflicts = ConflictModel { refused_per_thousand: 200, seed };
        let db = Database::options().conflicts(conflicts).in_memory().unwrap();
        let stock = stock(&db);
        (0..1000).filter(|_| stock.put(&item("bolt")).is_err()).collect()
    };
    let first = refused(1);
    assert!((150..250).contains(&first.len()), "{}", first.len());
    assert_eq!(first, refused(1));
    assert_ne!(first, refused(2));
}

/// A program that retries what is refused must come to the same end as one that never is.
#[test]
fn retries_end_well_when_transactions_really_overlap() {
    let conflicts = ConflictModel { refused_per_thousand: 20, seed: 7 };
    let db = Database::options().conflicts(conflicts).durability(Durability::Buffered).in_memory().unwrap();
    let stock = stock(&db);
    let (met, running) = (AtomicUsize::new(0), AtomicBool::new(true));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| move_many(&db, &stock, &met))).collect();
        scope.spawn(|| {
            // Both counters are written by the same transactions: whoever sees one of them sees the other.
            while running.load(Ordering::Relaxed) {
                let Ok(output) = db.transact_get().get(&stock, "a").get(&stock, "b").send() else { continue };
                let counts = output.items.iter().map(|item| item.as_ref()?.get("count")?.as_i64());
                assert_eq!(counts.map(Option::unwrap_or_default).sum::<i64>(), 0);
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        running.store(false, Ordering::Relaxed);
    });
    let count = |sku: &str| stock.get(sku).unwrap().unwrap().get("count").unwrap().as_i64();
    assert_eq!((count("a"), count("b")), (Some(-1000), Some(1000)));
    assert!(met.load(Ordering::Relaxed) > 10, "some were refused");
}

fn move_many(db: &Database, stock: &Table<S>, met: &AtomicUsize) {
    for _ in 0..250 {
        loop {
            let transaction = db.transact_write().update(stock, "a", |update| update.add("count", -1));
            match transaction.update(stock, "b", |update| update.add("count", 1)).send() {
                Ok(_) => break,
                Err(error) => {
                    assert!(reasons(&error).iter().any(|(code, _)| *code == "TransactionConflict"), "{error}");
                    met.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                }
            }
        }
    }
}
