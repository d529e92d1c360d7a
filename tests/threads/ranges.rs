//! Transactions that read ranges, on several threads: there is one order in which each of them saw all before it, and
//! nothing after it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Error, Item, Table,
    key::{N, S, ge},
};
use hashrange_test_support::Random;
use std::{collections::BTreeSet, thread};

const THREADS: u64 = 4;
const TRANSACTIONS: usize = 60;

fn database() -> (Database, Table<(S, N)>) {
    let options = Database::options().durability(Durability::Buffered).initial_partitions(2).memtable_bytes(16 << 10);
    let db = options.in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("name").range::<N>("number").create().unwrap();
    (db, table)
}

fn numbers(items: &[hashrange::ItemRef]) -> BTreeSet<u64> {
    items.iter().map(|item| item.get("number").and_then(|number| number.as_u64()).unwrap()).collect()
}

/// What a transaction saw of the range, and what it put there.
struct Seen {
    before: BTreeSet<u64>,
    own: u64,
}

#[test]
fn ranges_are_read_as_if_transactions_came_one_after_the_other() {
    let (db, table) = database();
    let text = "x".repeat(100);
    let work = |thread: u64| {
        let mut random = Random::new(thread);
        let mut history = Vec::new();
        for round in 0..TRANSACTIONS {
            let own = random.next_u64() >> 24;
            let item = Item::new().with("name", "a").with("number", own).with("text", text.as_str());
            if round % 5 == 4 {
                table.put(&item).unwrap(); // a write that no transaction makes
                continue;
            }
            let before = db
                .transaction(|tx| {
                    let before = numbers(&tx.query(&table, "a", |query| query)?);
                    thread::yield_now();
                    tx.put(&table, &item)?;
                    Ok::<_, Error>(before)
                })
                .unwrap();
            history.push(Seen { before, own });
        }
        history
    };
    let mut all: Vec<Seen> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    all.sort_by_key(|seen| seen.before.len());
    for pair in all.windows(2) {
        let [earlier, later] = pair else { continue };
        assert!(earlier.before.is_subset(&later.before), "two transactions saw what no one order explains");
        assert!(!earlier.before.contains(&earlier.own), "a transaction saw its own item before it put it");
        assert!(later.before.contains(&earlier.own), "a transaction missed an item that came before it: a phantom");
    }
    let end = numbers(&table.query("a").items().try_collect::<Vec<_>>().unwrap());
    assert_eq!(end.len(), TRANSACTIONS * THREADS as usize);
}

/// Two ranges, and each transaction reads both and puts into one: write skew would break the rule.
#[test]
fn a_rule_over_two_ranges_holds() {
    const ROOM: usize = 3;
    let (db, table) = database();
    let work = |thread: u64| {
        let mut random = Random::new(100 + thread);
        for round in 0..TRANSACTIONS as u64 {
            let into = *random.pick(&["left", "right"]);
            // A run of the closure may see the two ranges at two moments: then it is not the one that is committed.
            let committed = db.transaction(|tx| {
                let left = tx.query(&table, "left", |query| query.range(ge(0)))?;
                let right = tx.query(&table, "right", |query| query)?;
                let seen = (left.len(), right.len());
                if left.len() + right.len() < ROOM {
                    let number = thread * 1_000 + round;
                    tx.put(&table, &Item::new().with("name", into).with("number", number))?;
                    return Ok::<_, hashrange::Error>(seen);
                }
                for number in numbers(&left) {
                    tx.delete(&table, ("left", number))?;
                }
                numbers(&right).into_iter().try_for_each(|number| tx.delete(&table, ("right", number)))?;
                Ok(seen)
            });
            let (left, right) = committed.unwrap();
            assert!(left + right <= ROOM, "{left} and {right}");
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|thread| drop(scope.spawn(move || work(thread)))));
    assert!(table.scan().items().count() <= ROOM);
}
