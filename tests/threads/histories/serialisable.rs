//! A checker of strict serialisability for histories of list-append transactions.
//!
//! Every transaction reads some lists and appends values to some, and no value is ever appended twice. So a list that
//! was read tells which transactions came before, and in which order. From that follow the edges of a graph:
//!
//! - *ww*: a transaction appended right behind another's value;
//! - *wr*: a transaction read a list that ends with another's value;
//! - *rw*: a transaction read a list to which another then appended;
//! - *real time*: a transaction was answered before another was called.
//!
//! A history is strictly serialisable if the graph has no cycle, every list that was read begins a longest one, and the
//! last lists hold all of each answered transaction and all or nothing of each that a crash left without an answer.

use std::collections::{BTreeMap, HashMap};

/// One transaction: what it read (each list as it was before its own appends) and what it appended.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    pub called: u64,
    /// When it was answered; for one that was not, when the power went.
    pub ended: u64,
    pub answered: bool,
    pub reads: Vec<(usize, Vec<i64>)>,
    pub appends: Vec<(usize, i64)>,
}

/// Checks a history that ended with `last`, the lists as they were when all was over.
pub fn check(history: &[Transaction], last: &BTreeMap<usize, Vec<i64>>) -> Result<(), String> {
    let appends = |(at, transaction): (usize, &Transaction)| {
        transaction.appends.iter().map(|(_, value)| (*value, at)).collect::<Vec<_>>()
    };
    let writer: HashMap<i64, usize> = history.iter().enumerate().flat_map(appends).collect();
    let empty = Vec::new();
    let list = |key: &usize| last.get(key).unwrap_or(&empty);
    let mut place: HashMap<i64, (usize, usize)> = HashMap::new();
    for (key, values) in last {
        for (position, value) in values.iter().enumerate() {
            let by = writer.get(value).ok_or_else(|| format!("list {key} holds {value}, which nobody appended"))?;
            if !history[*by].appends.contains(&(*key, *value)) {
                return Err(format!("list {key} holds {value}, which was appended to another list"));
            }
            if place.insert(*value, (*key, position)).is_some() {
                return Err(format!("list {key} holds {value} twice"));
            }
        }
    }
    let mut happened = vec![true; history.len()];
    for (at, transaction) in history.iter().enumerate() {
        let there = transaction.appends.iter().filter(|(_, value)| place.contains_key(value)).count();
        if transaction.answered && there < transaction.appends.len() {
            return Err(format!("an append of an answered transaction is gone: {transaction:?}"));
        }
        if there != 0 && there < transaction.appends.len() {
            return Err(format!("a transaction is there in part: {transaction:?}"));
        }
        happened[at] = transaction.answered || there > 0;
        for (key, read) in &transaction.reads {
            if !list(key).starts_with(read) {
                return Err(format!("list {key} was read as {read:?} and is {:?}", list(key)));
            }
        }
    }
    let mut edges: Vec<Vec<usize>> = vec![Vec::new(); history.len()];
    let mut edge = |from: usize, to: usize| {
        if from != to && happened[from] && happened[to] {
            edges[from].push(to);
        }
    };
    for values in last.values() {
        for pair in values.windows(2) {
            edge(writer[&pair[0]], writer[&pair[1]]);
        }
    }
    for (at, transaction) in history.iter().enumerate() {
        for (key, read) in &transaction.reads {
            if let Some(value) = read.last() {
                edge(writer[value], at);
            }
            if let Some(next) = list(key).get(read.len()) {
                edge(at, writer[next]);
            }
        }
        for (other, later) in history.iter().enumerate() {
            if transaction.ended < later.called {
                edge(at, other);
            }
        }
    }
    match find_cycle(&edges) {
        None => Ok(()),
        Some(cycle) => {
            let members: Vec<String> = cycle.iter().map(|at| format!("  {:?}", history[*at])).collect();
            Err(format!("no order explains these transactions:\n{}", members.join("\n")))
        }
    }
}

/// Vertices that lie on cycles or between them; `None` if there is no cycle (Kahn's algorithm).
fn find_cycle(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut incoming = vec![0; edges.len()];
    edges.iter().flatten().for_each(|to| incoming[*to] += 1);
    let mut free: Vec<usize> = (0..edges.len()).filter(|at| incoming[*at] == 0).collect();
    let mut left = edges.len();
    while let Some(at) = free.pop() {
        left -= 1;
        for to in &edges[at] {
            incoming[*to] -= 1;
            if incoming[*to] == 0 {
                free.push(*to);
            }
        }
    }
    (left > 0).then(|| (0..edges.len()).filter(|at| incoming[*at] > 0).collect())
}

fn transaction(called: u64, ended: u64, reads: &[(usize, &[i64])], appends: &[(usize, i64)]) -> Transaction {
    let reads = reads.iter().map(|(key, read)| (*key, read.to_vec())).collect();
    Transaction { called, ended, answered: true, reads, appends: appends.to_vec() }
}

fn lists(lists: &[&[i64]]) -> BTreeMap<usize, Vec<i64>> {
    lists.iter().map(|list| list.to_vec()).enumerate().collect()
}

#[test]
fn serial_histories_are_accepted() {
    let history = [
        transaction(1, 2, &[], &[(0, 10), (1, 11)]),
        transaction(3, 6, &[(0, &[10])], &[(1, 21)]),
        transaction(4, 5, &[(0, &[10]), (1, &[11])], &[]),
    ];
    check(&history, &lists(&[&[10], &[11, 21]])).unwrap();
}

#[test]
fn write_skew_is_refused() {
    let history = [transaction(1, 4, &[(0, &[])], &[(1, 1)]), transaction(2, 3, &[(1, &[])], &[(0, 2)])];
    assert!(check(&history, &lists(&[&[2], &[1]])).unwrap_err().contains("no order"));
}

#[test]
fn reads_of_half_a_transaction_are_refused() {
    let history = [transaction(1, 4, &[], &[(0, 1), (1, 2)]), transaction(2, 3, &[(0, &[1]), (1, &[])], &[])];
    assert!(check(&history, &lists(&[&[1], &[2]])).unwrap_err().contains("no order"));
}

#[test]
fn different_orders_on_two_lists_are_refused() {
    let history = [transaction(1, 4, &[], &[(0, 1), (1, 2)]), transaction(2, 3, &[], &[(0, 3), (1, 4)])];
    assert!(check(&history, &lists(&[&[1, 3], &[4, 2]])).unwrap_err().contains("no order"));
}

#[test]
fn answers_from_the_past_are_refused() {
    let history = [transaction(1, 2, &[], &[(0, 1)]), transaction(3, 4, &[(0, &[])], &[])];
    assert!(check(&history, &lists(&[&[1]])).unwrap_err().contains("no order"));
}

#[test]
fn lost_doubled_partial_and_invented_appends_are_refused() {
    let one = [transaction(1, 2, &[], &[(0, 1), (1, 2)])];
    assert!(check(&one, &lists(&[&[1], &[]])).unwrap_err().contains("gone"));
    assert!(check(&one, &lists(&[&[1, 1], &[2]])).unwrap_err().contains("twice"));
    assert!(check(&one, &lists(&[&[1, 9], &[2]])).unwrap_err().contains("nobody"));
    assert!(check(&one, &lists(&[&[2], &[1]])).unwrap_err().contains("another list"));
    let lost = [Transaction { answered: false, ..one[0].clone() }];
    check(&lost, &lists(&[&[], &[]])).unwrap();
    check(&lost, &lists(&[&[1], &[2]])).unwrap();
    assert!(check(&lost, &lists(&[&[1], &[]])).unwrap_err().contains("in part"));
    let read = [transaction(1, 2, &[], &[(0, 1)]), transaction(3, 4, &[(0, &[5])], &[])];
    assert!(check(&read, &lists(&[&[1]])).unwrap_err().contains("was read"));
}
