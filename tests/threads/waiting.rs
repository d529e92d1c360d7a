//! Who waits for whom: a disk whose writes or syncs of the log do not return until the test lets them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, ErrorKind, Item, Table, Transaction, attr,
    file::{Disk, FileName, MemoryDisk},
    key::S,
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use hashrange_test_support::slow_disk::SlowDisk;
use std::{
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Longer than anything here takes that does not wait for the gate.
const PATIENCE: Duration = Duration::from_secs(20);

/// Holds up syncs or writes of the log while it is closed to them.
#[derive(Default)]
struct Gate {
    closed_to: Mutex<Option<Operation>>,
    changed: Condvar,
    /// Syncs that came to the gate.
    syncs: AtomicUsize,
    /// Writes that came to the gate.
    writes: AtomicUsize,
}

impl Gate {
    fn pass(&self, operation: Operation, name: FileName) {
        if operation != Operation::Remove && matches!(name, FileName::Log(_)) {
            let comers = if operation == Operation::Sync { &self.syncs } else { &self.writes };
            comers.fetch_add(1, Ordering::SeqCst);
            let closed = self.changed.wait_while(self.closed_to.lock().unwrap(), |closed| *closed == Some(operation));
            drop(closed);
        }
    }
    /// A disk whose writes and syncs of the log pass the gate first.
    fn before(self: &Arc<Self>, disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
        let gate = self.clone();
        SlowDisk::new(disk, Arc::new(move |operation, name| gate.pass(operation, name)))
    }
    /// From now on holds up these operations, and no others.
    fn close(&self, to: Operation) {
        self.set(Some(to));
    }
    fn open(&self) {
        self.set(None);
    }
    fn set(&self, closed_to: Option<Operation>) {
        *self.closed_to.lock().unwrap() = closed_to;
        self.changed.notify_all();
    }
    fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
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
    let disk = gate.before(Arc::new(MemoryDisk::new()));
    let db = Database::options().initial_partitions(16).background(false).open_on(disk).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    table.put(&item("old", 1)).unwrap();
    let (log, syncs) = (db.facts().log, gate.syncs.load(Ordering::SeqCst));

    gate.close(Operation::Sync);
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

    gate.open();
    first.join().unwrap();
    others.into_iter().for_each(|other| drop(other.join().unwrap()));
    assert_eq!(gate.syncs.load(Ordering::SeqCst), syncs + 2, "one sync serves all that gathered behind another");
    assert_eq!((value(&table, "old"), value(&table, "a")), (Some(3), Some(3)));
}

#[test]
fn a_buffered_write_does_not_wait_for_a_sync_that_is_going_on() {
    let gate = Arc::new(Gate::default());
    let db = Database::options().background(false).open_on(gate.before(Arc::new(MemoryDisk::new()))).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    let syncs = gate.syncs.load(Ordering::SeqCst);
    gate.close(Operation::Sync);
    let synced = {
        let table = table.clone();
        thread::spawn(move || table.put(&item("synced", 1)).unwrap())
    };
    wait_until("the sync", || gate.syncs.load(Ordering::SeqCst) == syncs + 1);
    let buffered = table.clone();
    without_waiting("a buffered put", move || {
        for number in 0..100 {
            buffered.put_with(&item("buffered", number)).durability(Durability::Buffered).send().unwrap();
        }
    });
    assert_eq!((value(&table, "buffered"), value(&table, "synced")), (Some(99), None));
    gate.open();
    synced.join().unwrap();
    assert_eq!(value(&table, "synced"), Some(1));
}

/// Some want a sync and some a write while a sync and the end of a segment are going on: whoever leads next has to be woken,
/// and so has everybody whom it serves.
#[test]
fn everybody_who_came_during_a_sync_is_served() {
    let gate = Arc::new(Gate::default());
    let disk = gate.before(Arc::new(MemoryDisk::new()));
    let db = Database::options().background(false).log_segment_bytes(64 << 10).open_on(disk).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    let syncs = gate.syncs.load(Ordering::SeqCst);
    gate.close(Operation::Sync);
    let (tell, told) = mpsc::channel();
    let put = |name: &'static str, bytes: usize, times: usize, durability: Durability| {
        let (table, tell) = (table.clone(), tell.clone());
        let item = item(name, 1).with("data", "x".repeat(bytes));
        thread::spawn(move || {
            (0..times).for_each(|_| drop(table.put_with(&item).durability(durability).send().unwrap()));
            tell.send(name)
        });
        thread::sleep(Duration::from_millis(20));
    };
    put("first", 1, 1, Durability::Sync);
    wait_until("the sync", || gate.syncs.load(Ordering::SeqCst) == syncs + 1);
    ["second", "third", "fourth"].into_iter().for_each(|name| put(name, 1, 1, Durability::Sync));
    put("large", 20_000, 10, Durability::Buffered);
    wait_until("the last put that finds room", || value(&table, "large").is_some());
    ["small", "smaller"].into_iter().for_each(|name| put(name, 1, 1, Durability::Buffered));
    thread::sleep(Duration::from_millis(50));
    gate.open();
    for served in 0..7 {
        assert!(told.recv_timeout(PATIENCE).is_ok(), "{served} of 7 were served");
    }
}

/// Puts an item on a thread of its own, which tells when it is done.
fn put_aside(table: &Table<S>, name: &'static str, durability: Durability) -> mpsc::Receiver<()> {
    let (table, (tell, told)) = (table.clone(), mpsc::channel());
    thread::spawn(move || {
        table.put_with(&item(name, 1)).durability(durability).send().unwrap();
        tell.send(())
    });
    told
}

/// Long enough for a writer whose record is in the log's buffer to fall asleep.
const FALLING_ASLEEP: Duration = Duration::from_millis(100);

#[test]
fn who_comes_while_another_one_writes_is_woken_to_write_next() {
    let gate = Arc::new(Gate::default());
    let db = Database::options().background(false).open_on(gate.before(Arc::new(MemoryDisk::new()))).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    let (log, writes) = (db.facts().log.last_seqno, gate.writes());
    gate.close(Operation::Write);
    let first = put_aside(&table, "first", Durability::Buffered);
    wait_until("the first write", || gate.writes() == writes + 1);
    let second = put_aside(&table, "second", Durability::Buffered);
    wait_until("the commit of the second put", || db.facts().log.last_seqno == log + 2);
    thread::sleep(FALLING_ASLEEP);
    gate.open();
    assert!(first.recv_timeout(PATIENCE).is_ok(), "the first put is done");
    assert!(second.recv_timeout(PATIENCE).is_ok(), "the second put is done");
}

#[test]
fn a_buffered_write_that_came_during_the_write_of_a_synced_one_does_not_wait_for_its_sync() {
    let gate = Arc::new(Gate::default());
    let db = Database::options().background(false).open_on(gate.before(Arc::new(MemoryDisk::new()))).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    let (log, writes) = (db.facts().log.last_seqno, gate.writes());
    gate.close(Operation::Write);
    let synced = put_aside(&table, "synced", Durability::Sync);
    wait_until("the write of the synced put", || gate.writes() == writes + 1);
    let buffered = put_aside(&table, "buffered", Durability::Buffered);
    wait_until("the commit of the buffered put", || db.facts().log.last_seqno == log + 2);
    thread::sleep(FALLING_ASLEEP);
    gate.close(Operation::Sync);
    assert!(buffered.recv_timeout(PATIENCE).is_ok(), "the buffered put waited for the other one's sync");
    assert!(synced.try_recv().is_err(), "acknowledged before the sync");
    gate.open();
    assert!(synced.recv_timeout(PATIENCE).is_ok(), "the synced put is done");
}

#[test]
fn an_answer_that_rests_on_what_no_reader_sees_yet_waits_for_its_sync_and_no_other_answer_does() {
    let gate = Arc::new(Gate::default());
    let db = Database::options().background(false).open_on(gate.before(Arc::new(MemoryDisk::new()))).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    table.put(&item("settled", 1)).unwrap();
    let syncs = gate.syncs.load(Ordering::SeqCst);
    gate.close(Operation::Sync);
    let pending = put_aside(&table, "pending", Durability::Sync);
    wait_until("the sync", || gate.syncs.load(Ordering::SeqCst) == syncs + 1);

    // Answers that write nothing: a refusal, and a read of some items together.
    type Answer = Box<dyn FnOnce() -> bool + Send>;
    let answers = |name: &'static str, is_there: bool| -> [Answer; 2] {
        let (refused, read, db) = (table.clone(), table.clone(), db.clone());
        let there = attr("value").exists();
        let absent = attr("value").not_exists();
        [
            Box::new(move || {
                let item = item(name, 2);
                let put = refused.put_with(&item);
                if is_there { put.when(absent) } else { put.when(there) }.send().is_err()
            }),
            Box::new(move || db.transact_get().get(&read, name).send().unwrap().items[0].is_some() == is_there),
        ]
    };
    for (name, is_there) in [("settled", true), ("nowhere", false)] {
        for answer in answers(name, is_there) {
            assert!(without_waiting("an answer about another item", answer), "{name}");
        }
    }
    let deleted = table.clone();
    without_waiting("a deletion of what is not there", move || deleted.delete("nowhere").unwrap());
    let (tell, told) = mpsc::channel();
    for answer in answers("pending", true) {
        let tell = tell.clone();
        thread::spawn(move || tell.send(answer()));
    }
    thread::sleep(FALLING_ASLEEP);
    assert!(told.try_recv().is_err(), "answered before the sync");
    gate.open();
    assert!(pending.recv_timeout(PATIENCE).is_ok());
    assert_eq!([told.recv_timeout(PATIENCE), told.recv_timeout(PATIENCE)], [Ok(true), Ok(true)]);
}

#[test]
fn a_transaction_reads_what_is_not_durable_yet_and_waits_for_it_with_its_own_commit() {
    let gate = Arc::new(Gate::default());
    let disk = gate.before(Arc::new(MemoryDisk::new()));
    let db = Arc::new(Database::options().background(false).open_on(disk).unwrap());
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    table.put(&item("count", 1)).unwrap();
    let (log, syncs) = (db.facts().log, gate.syncs.load(Ordering::SeqCst));

    gate.close(Operation::Sync);
    let counting: Vec<_> = (0..3)
        .map(|_| {
            let (db, table) = (db.clone(), table.clone());
            thread::spawn(move || {
                let add = |tx: &mut Transaction| {
                    let count = tx.get(&table, "count")?.and_then(|item| item.get("value")?.as_i64()).unwrap_or(0);
                    tx.put(&table, &item("count", count + 1))
                };
                db.transaction(add).unwrap();
            })
        })
        .collect();
    // All three commit behind the first one's sync: none of them reads what is durable and is refused for it.
    wait_until("the commit of all transactions", || db.facts().log.last_seqno == log.last_seqno + 3);
    assert_eq!(db.facts().log.durable_seqno, log.durable_seqno);
    assert!(counting.iter().all(|other| !other.is_finished()), "acknowledged before the sync");
    assert_eq!(value(&table, "count"), Some(1), "other readers see what is durable");
    let reading = {
        let (db, table) = (db.clone(), table.clone());
        thread::spawn(move || db.transaction(|tx| tx.get(&table, "count")).unwrap().is_some())
    };
    thread::sleep(Duration::from_millis(20));
    assert!(!reading.is_finished(), "what it read was not durable");

    gate.open();
    assert!(reading.join().unwrap());
    counting.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(value(&table, "count"), Some(4));
    assert_eq!(gate.syncs.load(Ordering::SeqCst), syncs + 2, "one sync serves all that gathered behind another");
}

/// Of two callers that sync a file, the operating system tells only one that it lost something. A segment may be sealed
/// by a buffered writer that finds it full while another one's sync is going on: it has to hear of that first.
#[test]
fn a_segment_is_not_sealed_beside_a_sync_that_fails() {
    fill_a_segment_beside_a_sync_that_fails();
    find_the_planted_bug();
}

/// With the flag `--cfg hashrange_canaries`: a segment that does not wait is noticed.
#[cfg(hashrange_canaries)]
fn find_the_planted_bug() {
    use hashrange::canary::{Canary, plant};
    plant(Some(Canary::SealBesideSync));
    let found = std::panic::catch_unwind(fill_a_segment_beside_a_sync_that_fails).err();
    plant(None);
    assert!(found.is_some(), "SealBesideSync was not found");
}

#[cfg(not(hashrange_canaries))]
fn find_the_planted_bug() {}

fn fill_a_segment_beside_a_sync_that_fails() {
    let (gate, machine) = (Arc::new(Gate::default()), SimulatedDisk::new(7));
    let disk = gate.before(Arc::new(machine.clone()));
    let db = Database::options().background(false).log_segment_bytes(64 << 10).open_on(disk).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    let (syncs, segments) = (gate.syncs.load(Ordering::SeqCst), db.facts().log.segments.len());
    machine.fail(FaultPlan::new(Operation::Sync, 1, Fault::InputOutput));
    let asked = machine.count(Operation::Sync);
    gate.close(Operation::Sync);
    let synced = {
        let table = table.clone();
        thread::spawn(move || table.put(&item("synced", 1)).map(|_| ()))
    };
    wait_until("the sync", || gate.syncs.load(Ordering::SeqCst) == syncs + 1);
    let buffered = {
        let table = table.clone();
        let large = item("buffered", 1).with("data", "x".repeat(20_000));
        thread::spawn(move || {
            let put = |_| table.put_with(&large).durability(Durability::Buffered).send().map(|_| ());
            (0..10).try_for_each(put)
        })
    };
    wait_until("the last put that finds room", || value(&table, "buffered").is_some());
    thread::sleep(Duration::from_millis(50));
    let waited = !buffered.is_finished();
    gate.open();
    let (synced, buffered) = (synced.join().unwrap(), buffered.join().unwrap());
    assert!(waited, "the full segment waits for the sync");
    assert_eq!(synced.unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(buffered.unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(machine.count(Operation::Sync), asked + 1, "a failed sync is not tried again");
    assert_eq!(db.facts().log.segments.len(), segments);
}

/// A flush ends a segment of which nothing is needed, at the moment at which another thread decides which segments go.
#[test]
fn the_log_begins_with_the_segment_that_the_manifest_names_whenever_the_process_is_killed() {
    for last in 1..=24 {
        let disk = SimulatedDisk::new(last);
        let image = kill_behind_removal(&disk, last as usize);
        let db = Database::options().background(false).open_on(Arc::new(image)).unwrap();
        db.table::<S>("items").unwrap().scan().items().for_each(|item| drop(item.unwrap()));
    }
}

/// Writes and flushes beside background work, until the process is killed behind so many removals of segments of the log.
fn kill_behind_removal(disk: &SimulatedDisk, last: usize) -> SimulatedDisk {
    let (removals, image) = (AtomicUsize::new(0), Arc::new(OnceLock::new()));
    let (machine, killed) = (disk.clone(), image.clone());
    let hook = move |operation, name| match (operation, name) {
        (Operation::Sync, FileName::Manifest(_)) => thread::sleep(Duration::from_millis(4)),
        (Operation::Remove, FileName::Log(_)) if removals.fetch_add(1, Ordering::SeqCst) + 1 == last => {
            killed.get_or_init(|| machine.kill());
        }
        _ => {}
    };
    let options = Database::options().background(false).initial_partitions(1).log_segment_bytes(4 << 10);
    let slow = SlowDisk::new(Arc::new(disk.clone()), Arc::new(hook));
    let db = options.memtable_bytes(16 << 10).open_on(slow).unwrap();
    let table = db.create_table("items").hash::<S>("name").create().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            while db.flush().is_ok() {
                thread::sleep(Duration::from_millis(2));
            }
        });
        scope.spawn(|| while db.step().is_ok() {});
        for round in 0.. {
            let large = Item::new().with("name", format!("{}", round % 7)).with("value", "v".repeat(20 << 10));
            if table.put(&large).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(12));
        }
    });
    image.get().unwrap().clone()
}
