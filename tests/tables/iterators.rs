//! The items of a query from both ends: whatever is taken from front and back, together it is what a forward walk returns.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Item, ItemRef, Table,
    admin::index,
    attr,
    key::{N, S, between, ge},
    request::Query,
    table::Read,
};
use hashrange_test_support::Random;
use std::collections::VecDeque;

/// Items of which a page holds about a hundred.
const LARGE: usize = 10_000;

fn table(items: i64) -> Table<(S, N)> {
    let db = Database::in_memory().unwrap();
    let by_rank = index("by_rank").hash::<S>("kind").range::<N>("rank");
    let table = db.create_table("notes").hash::<S>("author").range::<N>("at").gsi(by_rank).create().unwrap();
    for at in 0..items {
        let text = "x".repeat(LARGE);
        let note = Item::new().with("author", "ann").with("at", at).with("text", text);
        table.put(&note.with("kind", "note").with("rank", at % 7)).unwrap();
    }
    table
}

fn at(item: ItemRef) -> i64 {
    item.get("at").and_then(|at| at.as_i64()).unwrap()
}

/// Takes items from both ends in a random order until there are none.
fn taken(read: &Read<Query<'static>>, random: &mut Random) -> Vec<i64> {
    let mut items = read.clone().items();
    let (mut front, mut back) = (Vec::new(), VecDeque::new());
    let from_front = 1 + random.below(9);
    loop {
        let next = if random.below(10) < from_front {
            items.next().map(|item| front.push(at(item.unwrap())))
        } else {
            items.next_back().map(|item| back.push_front(at(item.unwrap())))
        };
        if next.is_none() {
            assert!(items.next().is_none() && items.next_back().is_none(), "an end that is reached stays so");
            return front.into_iter().chain(back).collect();
        }
    }
}

#[test]
fn front_and_back_together_are_the_whole() {
    let table = table(350);
    let mut random = Random::new(19);
    let start = Item::new().with("author", "ann").with("at", 120);
    let reads = [
        table.query("ann"),
        table.query("ann").descending(),
        table.query("ann").range(between(90, 310)),
        table.query("ann").start_after(start.clone()),
        table.query("ann").descending().start_after(start.clone()),
        table.query("ann").filter(attr("rank").ge(4)),
        table.query("ann").range(ge(1)).range(ge(2)),
        table.query("ann").limit(150),
        table.query("ann").descending().limit(150).filter(attr("rank").eq(3)),
        table.query("ann").range(ge(1000)),
        table.query("bob"),
        table.query_index("by_rank", ["note"]),
        table.query_index("by_rank", ["note"]).descending().range(between(2, 5)),
    ];
    for (number, read) in reads.iter().enumerate().filter(|(number, _)| *number != 6) {
        let forward: Vec<i64> = read.clone().items().map(|item| at(item.unwrap())).collect();
        for _ in 0..4 {
            assert_eq!(taken(read, &mut random), forward, "read {number}");
        }
        let reversed: Vec<i64> = read.clone().items().rev().map(|item| at(item.unwrap())).collect();
        assert_eq!(reversed, forward.into_iter().rev().collect::<Vec<_>>(), "read {number}");
    }
    assert!(
        reads[6].clone().items().next_back().unwrap().is_err(),
        "what is wrong with the read shows at the back, too"
    );
}

#[test]
fn the_back_begins_where_a_token_says() {
    let table = table(10);
    let token = table.query("ann").limit(4).page().unwrap().next_token().unwrap();
    let rest = table.query("ann").start_at(token.clone()).items().rev();
    assert_eq!(rest.map(|item| at(item.unwrap())).collect::<Vec<_>>(), [9, 8, 7, 6, 5, 4]);
    let outside = table.query("ann").range(ge(7)).start_at(token);
    assert!(outside.items().next_back().unwrap().is_err(), "as from the front");
}

#[test]
fn writes_between_the_pages_come_at_most_once() {
    let table = table(300);
    let mut items = table.query("ann").items();
    assert_eq!((at(items.next().unwrap().unwrap()), at(items.next_back().unwrap().unwrap())), (0, 299));
    table.delete(("ann", 150)).unwrap();
    table.put(&Item::new().with("author", "ann").with("at", 400)).unwrap();
    let rest: Vec<i64> = items.map(|item| at(item.unwrap())).collect();
    assert!(!rest.contains(&150) && !rest.contains(&400) && rest.windows(2).all(|pair| pair[0] < pair[1]), "{rest:?}");
    assert_eq!(rest.len(), 297);
}

#[test]
fn typed_items_come_from_both_ends() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct At {
        at: i64,
    }
    let table = table(3);
    let mut items = table.query("ann").typed::<At>();
    assert_eq!(items.next_back().unwrap().unwrap(), At { at: 2 });
    assert_eq!(items.try_collect::<Vec<_>>().unwrap(), [At { at: 0 }, At { at: 1 }]);
}
