//! Files that are being written while what they belong to goes: a disk whose syncs of runs do not return until the test
//! lets them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Item, Table,
    admin::{TableUpdate, index},
    file::{Disk, FileName, MemoryDisk},
    inspect::{Piece, Work},
    key::{N, S},
    testing::Operation,
};
use hashrange_test_support::slow_disk::SlowDisk;
use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Longer than anything here takes that does not wait for the gate.
const PATIENCE: Duration = Duration::from_secs(20);

/// Holds up the sync of the next run.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closed,
    /// Somebody waits.
    Reached,
}

impl Gate {
    fn before(self: &Arc<Self>, disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
        let gate = self.clone();
        SlowDisk::new(disk, Arc::new(move |operation, name| gate.pass(operation, name)))
    }
    fn pass(&self, operation: Operation, name: FileName) {
        let mut state = self.state.lock().unwrap();
        if operation == Operation::Sync && matches!(name, FileName::Run(_)) && *state == State::Closed {
            *state = State::Reached;
            self.changed.notify_all();
            drop(self.changed.wait_while(state, |state| *state == State::Reached));
        }
    }
    fn set(&self, state: State) {
        *self.state.lock().unwrap() = state;
        self.changed.notify_all();
    }
    /// Begins work on a thread of its own, does something else once that syncs a run, and lets it go on.
    fn during(&self, work: impl FnOnce() + Send + 'static, meanwhile: impl FnOnce()) {
        self.set(State::Closed);
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            work();
            tell.send(())
        });
        let state = self.state.lock().unwrap();
        let waiting = self.changed.wait_timeout_while(state, PATIENCE, |state| *state != State::Reached).unwrap();
        assert!(!waiting.1.timed_out(), "nothing was synced");
        drop(waiting);
        meanwhile();
        self.set(State::Open);
        assert!(told.recv_timeout(PATIENCE).is_ok(), "the work ends");
    }
}

fn runs(disk: &dyn Disk) -> usize {
    disk.list().unwrap().into_iter().filter(|name| matches!(name, FileName::Run(_))).count()
}

fn fill(table: &Table<S>, text: &str) {
    for number in 0..50 {
        let item = Item::new().with("id", format!("item {number}")).with("group", "g").with("text", text);
        table.put(&item).unwrap();
    }
}

/// A database with a table and an index, its disk, and the gate before that.
fn indexed() -> (Arc<Gate>, Arc<dyn Disk>, Database, Table<S>) {
    let (gate, disk): (Arc<Gate>, Arc<dyn Disk>) = (Arc::default(), Arc::new(MemoryDisk::new()));
    let options = Database::options().background(false).initial_partitions(1);
    let db = options.open_on(gate.before(disk.clone())).unwrap();
    let table = db.create_table("items").hash::<S>("id").gsi(index("by_group").hash::<S>("group")).create().unwrap();
    fill(&table, "first");
    (gate, disk, db, table)
}

/// Something that goes.
type Going = fn(&Database);

/// What goes while its run is written, and how many runs are left then.
fn goings() -> [(Going, usize); 2] {
    let drop_index = |db: &Database| {
        let update = TableUpdate { delete_index: Some("by_group".to_owned()), ..TableUpdate::default() };
        drop(db.update_table("items", update).unwrap());
    };
    [(|db| drop(db.delete_table("items").unwrap()), 0), (drop_index, 1)]
}

#[test]
fn a_run_that_is_flushed_while_its_table_or_index_goes_is_removed() {
    for (go, left) in goings() {
        let (gate, disk, db, _) = indexed();
        let flushed = db.clone();
        // The table's run is the first one, and the index's the second.
        let work = move || flushed.flush().unwrap();
        gate.during(work, || go(&db));
        assert_eq!(runs(&*disk), left);
        db.verify().unwrap();
    }
}

/// A table whose items end far in the future, with an index and TTL, all of it in runs. In memory is what was put and deleted
/// since: tombstones of which the hash indexes of the runs know that they hide nothing, so that the next flush leaves no run.
fn in_runs_but_for_tombstones(db: &Database) {
    let table = db.create_table("items").hash::<S>("id").range::<N>("n").gsi(index("by_group").hash::<S>("group"));
    let table = table.ttl("ends").create().unwrap();
    let item = |n: u64| Item::new().with("id", "one").with("n", n).with("group", "g").with("ends", 4_000_000_000 + n);
    (0..200).for_each(|n| drop(table.put(&item(n)).unwrap()));
    db.flush().unwrap();
    table.put(&item(500)).unwrap();
    table.delete(("one", 500)).unwrap();
}

/// Flushes the partition of a table or index, which leaves no run, on another thread while something goes: the flush begins
/// once the manifest is held for that, and comes to its end behind it.
fn flush_nothing_while(go: Going, index: Option<&str>) -> Arc<dyn Disk> {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let is_going = Arc::new(AtomicBool::new(false));
    let ((begin, begins), (tell, written)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let (asked, held) = (is_going.clone(), Mutex::new((begin, written)));
    let hook = move |operation: Operation, name: FileName| match (operation, name) {
        (Operation::Sync, FileName::Manifest(_)) if asked.swap(false, Ordering::SeqCst) => {
            let (begin, written) = &*held.lock().unwrap();
            begin.send(()).unwrap();
            written.recv_timeout(PATIENCE).unwrap();
        }
        // The empty run goes before the manifest is asked for.
        (Operation::Remove, FileName::Run(_)) => drop(tell.send(())),
        _ => {}
    };
    let options = Database::options().background(false).initial_partitions(1);
    let db = options.open_on(SlowDisk::new(disk.clone(), Arc::new(hook))).unwrap();
    in_runs_but_for_tombstones(&db);
    let facts = db.facts().partitions.into_iter().find(|part| part.index.as_deref() == index).unwrap();
    let (stepper, partition) = (db.stepper().unwrap(), Some(facts.partition.id));
    let flush = thread::spawn(move || {
        begins.recv_timeout(PATIENCE).unwrap();
        stepper.step(Piece::Flush { partition }).unwrap()
    });
    is_going.store(true, Ordering::SeqCst);
    go(&db);
    assert_eq!(flush.join().unwrap().work, Work::Flushed);
    db.close().unwrap();
    disk
}

/// The manifest got the partition back, with runs whose files were removed: no opening found them ever after.
#[test]
fn a_flush_without_a_run_brings_nothing_back_that_goes_meanwhile() {
    let drop_ttl = |db: &Database| {
        let update = TableUpdate { ttl_attribute: Some(None), ..TableUpdate::default() };
        drop(db.update_table("items", update).unwrap());
    };
    let [(drop_table, _), (drop_index, _)] = goings();
    let goings = [(drop_table, None, 0), (drop_index, Some("by_group"), 2), (drop_ttl, Some(":expiry"), 2)];
    for (go, index, left) in goings {
        let disk = flush_nothing_while(go, index);
        let db = Database::options().background(false).open_on(disk.clone()).unwrap();
        assert_eq!((db.facts().partitions.len(), runs(&*disk)), (left, left), "{index:?}");
        db.verify().unwrap();
    }
}

#[test]
fn a_run_that_is_merged_while_its_table_or_index_goes_is_removed() {
    for (go, left) in goings() {
        let (gate, disk, db, table) = indexed();
        db.flush().unwrap();
        fill(&table, "second");
        db.flush().unwrap();
        assert_eq!(runs(&*disk), 4);
        let merged = db.clone();
        gate.during(move || merged.compact().unwrap(), || go(&db));
        assert_eq!(runs(&*disk), left);
        db.verify().unwrap();
        assert_eq!(table.get("item 7").is_ok(), left > 0);
    }
}

#[test]
fn runs_that_were_merged_are_removed() {
    let (_, disk, db, table) = indexed();
    for text in ["second", "third"] {
        db.flush().unwrap();
        fill(&table, text);
    }
    db.compact().unwrap();
    assert_eq!(runs(&*disk), 2, "one of the table, one of the index");
    db.verify().unwrap();
}

#[test]
fn what_was_deleted_leaves_nothing_behind() {
    let (_, disk, db, table) = indexed();
    db.flush().unwrap();
    for number in 0..50 {
        table.delete(format!("item {number}")).unwrap();
    }
    db.compact().unwrap();
    let left: u64 =
        db.facts().partitions.iter().flat_map(|part| &part.partition.runs).map(|run| run.facts.entries).sum();
    assert_eq!((left, runs(&*disk)), (0, 0));
    assert_eq!(db.verify().unwrap().items, 0);
}

/// One run and nothing to merge it with, but what it holds are tombstones.
#[test]
fn what_was_deleted_before_the_only_flush_leaves_nothing_behind() {
    let (_, disk, db, table) = indexed();
    for number in 0..50 {
        table.delete(format!("item {number}")).unwrap();
    }
    db.flush().unwrap();
    let tombstones: u64 =
        db.facts().partitions.iter().flat_map(|part| &part.partition.runs).map(|run| run.facts.tombstones).sum();
    assert_eq!((tombstones, runs(&*disk)), (0, 0), "a flush leaves out tombstones that hide nothing");
    db.compact().unwrap();
    assert_eq!(runs(&*disk), 0);
}

/// Runs and segments of streams that a crash left before they were published.
#[test]
fn an_opening_removes_what_nothing_refers_to() {
    let (_, disk, db, _) = indexed();
    db.flush().unwrap();
    drop(db);
    let before = disk.list().unwrap();
    let left = [FileName::Run(77), FileName::Stream(78)];
    for name in left {
        disk.create(name).unwrap().append(b"half of it").unwrap();
    }
    let db = Database::options().background(false).open_on(disk.clone()).unwrap();
    assert_eq!(runs(&*disk), before.iter().filter(|name| matches!(name, FileName::Run(_))).count());
    assert!(left.iter().all(|name| !disk.list().unwrap().contains(name)));
    // Their numbers are not given out again: a file that could not be removed is in nobody's way.
    let table = db.table::<S>("items").unwrap();
    fill(&table, "second");
    db.flush().unwrap();
    let highest = disk.list().unwrap().into_iter().filter_map(|name| match name {
        FileName::Run(number) => Some(number),
        _ => None,
    });
    assert!(highest.max() > Some(78));
}
