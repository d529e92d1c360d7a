//! Who waits for whom: a disk whose sync of the log does not return until the test lets it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "histories/disk.rs"]
mod disk;

use disk::SlowDisk;
use hashrange::{
    Database, Item, S, Table,
    file::{FileName, MemoryDisk},
};
use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Longer than anything here takes that does not wait for the gate.
const PATIENCE: Duration = Duration::from_secs(20);

/// Holds up syncs of the log while it is closed.
#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
    /// Syncs that came to the gate.
    syncs: AtomicUsize,
}

impl Gate {
    fn pass(&self, name: FileName) {
        if matches!(name, FileName::Log(_)) {
            self.syncs.fetch_add(1, Ordering::SeqCst);
            let closed = self.changed.wait_while(self.closed.lock().unwrap(), |closed| *closed);
            drop(closed);
        }
    }
    fn set(&self, closed: bool) {
        *self.closed.lock().unwrap() = closed;
        self.changed.notify_all();
    }
}

fn item(name: &str, value: i64) -> Item {
    Item::new().with("name", name).with("value", value)
}

fn value(table: &Table<S>, name: &str) -> Option<i64> {
    table.get(name).unwrap().and_then(|item| item.get("value").and_then(|value| value.as_i64()))
}

#[track_caller]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let happened = (0..20_000).any(|_| {
        let done = done();
        if !done {
            thread::sleep(Duration::from_millis(1));
        }
        done
    });
    assert!(happened, "{what} did not happen while a sync was going on");
}

/// Does something on another thread, which must not have to wait for the gate.
#[track_caller]
fn without_waiting<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(work()));
    let answer = told.recv_timeout(PATIENCE);
    assert!(answer.is_ok(), "{what} waited for a writer's sync");
    answer.unwrap()
}

#[test]
fn readers_and_other_writers_do_not_wait_for_a_sync_that_is_going_on() {
    let gate = Arc::new(Gate::default());
    let before_sync = {
        let gate = gate.clone();
        Arc::new(move |name| gate.pass(name))
    };
    let disk = SlowDisk::new(Arc::new(MemoryDisk::new()), before_sync);
    let db = Database::options().initial_partitions(16).background(false).open_on(disk).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    table.put(&item("old", 1)).unwrap();
    let (log, syncs) = (db.facts().log, gate.syncs.load(Ordering::SeqCst));

    gate.set(true);
    let put = |name: &'static str, value: i64| {
        let table = table.clone();
        thread::spawn(move || table.put(&item(name, value)).unwrap())
    };
    let first = put("old", 2);
    wait_until("the first writer's sync", || gate.syncs.load(Ordering::SeqCst) == syncs + 1);

    // Writers of other partitions, and of the same item, get into the log and the memtables while the sync goes on.
    let names = ["a", "b", "c", "d", "e", "f", "old"];
    let others: Vec<_> = names.into_iter().map(|name| put(name, 3)).collect();
    let all = log.last_seqno + 1 + names.len() as u64;
    wait_until("the commit of the other writers", || db.facts().log.last_seqno == all);
    assert_eq!(db.facts().log.durable_seqno, log.durable_seqno);
    assert!(!first.is_finished() && others.iter().all(|other| !other.is_finished()), "acknowledged before the sync");

    // Readers see what is durable, at once: also of the item that is being written.
    let readers = table.clone();
    assert_eq!(without_waiting("a get", move || value(&readers, "old")), Some(1));
    let readers = table.clone();
    assert_eq!(without_waiting("a get", move || value(&readers, "a")), None);
    let readers = table.clone();
    assert_eq!(without_waiting("a query", move || readers.query("old").items().count()), 1);
    let readers = table.clone();
    assert_eq!(without_waiting("a scan", move || readers.scan().items().count()), 1);
    assert_eq!(gate.syncs.load(Ordering::SeqCst), syncs + 1, "one sync at a time");

    gate.set(false);
    first.join().unwrap();
    others.into_iter().for_each(|other| drop(other.join().unwrap()));
    assert_eq!(gate.syncs.load(Ordering::SeqCst), syncs + 2, "one sync serves all that gathered behind another");
    assert_eq!((value(&table, "old"), value(&table, "a")), (Some(3), Some(3)));
}
