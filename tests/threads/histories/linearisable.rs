//! A checker of linearisability for one item, after Wing and Gong, with Lowe's memory of what was tried before.
//!
//! A history is a set of operations with the moments at which they were called and answered. It is linearisable if the
//! operations can be put in an order that a single item explains, in which no operation stands before one that was
//! answered before it was called. Items are independent of each other, so each item's history is checked alone.
//!
//! Crashes make it *durably* linearisable: an operation that was never answered because the power went may have
//! happened, wholly, before the crash, or never.

use std::collections::HashSet;

/// What was asked of an item, with the answer. The item is its number, or absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Put(i64),
    Delete,
    Get(Option<i64>),
    /// Adds to the number (an absent item counts as 0); the number afterwards, if it was answered.
    Add(i64, Option<i64>),
    /// Puts if the item is as expected; whether it was, if it was answered.
    PutIf {
        expected: Option<i64>,
        new: i64,
        held: Option<bool>,
    },
}

/// One operation of a history.
#[derive(Clone, Debug)]
pub struct Operation {
    pub called: u64,
    /// When it was answered; for one that was not, when the power went.
    pub ended: u64,
    pub answered: bool,
    pub kind: Kind,
}

/// The item after the operation; `None` if the answer cannot have come from this item.
fn step(item: Option<i64>, kind: &Kind) -> Option<Option<i64>> {
    match kind {
        Kind::Put(new) => Some(Some(*new)),
        Kind::Delete => Some(None),
        Kind::Get(seen) => (*seen == item).then_some(item),
        Kind::Add(by, seen) => {
            let sum = item.unwrap_or(0) + by;
            seen.is_none_or(|seen| seen == sum).then_some(Some(sum))
        }
        Kind::PutIf { expected, new, held } => {
            let holds = *expected == item;
            held.is_none_or(|held| held == holds).then_some(if holds { Some(*new) } else { item })
        }
    }
}

/// Whether the history of one item, absent at first, is linearisable. At most 128 operations.
pub fn is_linearisable(history: &[Operation]) -> bool {
    assert!(history.len() <= 128, "the checker keeps one bit for each of 128 operations");
    search(history, 0, None, &mut HashSet::new())
}

fn search(history: &[Operation], done: u128, item: Option<i64>, tried: &mut HashSet<(u128, Option<i64>)>) -> bool {
    let is_done = |at: usize| done >> at & 1 == 1;
    let open = || history.iter().enumerate().filter(|(at, _)| !is_done(*at));
    let Some(horizon) = open().filter(|(_, operation)| operation.answered).map(|(_, operation)| operation.ended).min()
    else {
        return true;
    };
    if !tried.insert((done, item)) {
        return false;
    }
    let latest_call = history.iter().enumerate().filter(|(at, _)| is_done(*at)).map(|(_, done)| done.called).max();
    open()
        // Whatever was called after an open operation had been answered must wait for it ...
        .filter(|(_, operation)| operation.called < horizon)
        // ... and what the power took with it cannot happen after the crash.
        .filter(|(_, operation)| latest_call.is_none_or(|call| call < operation.ended))
        .any(|(at, operation)| {
            step(item, &operation.kind).is_some_and(|next| search(history, done | 1 << at, next, tried))
        })
}

fn answered(called: u64, ended: u64, kind: Kind) -> Operation {
    Operation { called, ended, answered: true, kind }
}

fn lost(called: u64, ended: u64, kind: Kind) -> Operation {
    Operation { called, ended, answered: false, kind }
}

#[test]
fn an_order_that_one_item_explains_is_accepted() {
    assert!(is_linearisable(&[]));
    // Two puts overlap, and two later gets agree on which was last.
    let puts = [answered(1, 6, Kind::Put(1)), answered(2, 5, Kind::Put(2))];
    for last in [1, 2] {
        let gets = [answered(7, 8, Kind::Get(Some(last))), answered(9, 10, Kind::Get(Some(last)))];
        assert!(is_linearisable(&[puts.as_slice(), &gets].concat()));
    }
    let held = Kind::PutIf { expected: Some(1), new: 3, held: Some(true) };
    let history = [answered(1, 4, held), answered(2, 3, Kind::Put(1)), answered(5, 6, Kind::Add(2, Some(5)))];
    assert!(is_linearisable(&history));
}

#[test]
fn stale_reads_are_refused() {
    let history = [answered(1, 2, Kind::Put(1)), answered(3, 4, Kind::Put(2)), answered(5, 6, Kind::Get(Some(1)))];
    assert!(!is_linearisable(&history));
    // New, then old, while the put is still going on.
    let history = [answered(1, 9, Kind::Put(1)), answered(2, 3, Kind::Get(Some(1))), answered(4, 5, Kind::Get(None))];
    assert!(!is_linearisable(&history));
}

#[test]
fn lost_updates_are_refused() {
    let history = [answered(1, 4, Kind::Add(1, Some(1))), answered(2, 3, Kind::Add(1, Some(1)))];
    assert!(!is_linearisable(&history));
    let put_if = |new| Kind::PutIf { expected: None, new, held: Some(true) };
    assert!(!is_linearisable(&[answered(1, 4, put_if(1)), answered(2, 3, put_if(2))]));
}

#[test]
fn a_crash_may_take_what_was_not_answered_and_nothing_else() {
    // Power goes at 10.
    for after in [None, Some(1)] {
        assert!(is_linearisable(&[lost(1, 10, Kind::Put(1)), answered(11, 12, Kind::Get(after))]));
    }
    assert!(!is_linearisable(&[answered(1, 9, Kind::Put(1)), answered(11, 12, Kind::Get(None))]));
    // What was not there after the crash does not come back.
    let history = [lost(1, 10, Kind::Put(1)), answered(11, 12, Kind::Get(None)), answered(13, 14, Kind::Get(Some(1)))];
    assert!(!is_linearisable(&history));
    // What a reader was shown stays.
    let history = [lost(1, 10, Kind::Put(1)), answered(2, 3, Kind::Get(Some(1))), answered(11, 12, Kind::Get(None))];
    assert!(!is_linearisable(&history));
}
