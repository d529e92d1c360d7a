//! Replicas become equal also after what goes wrong between them: links that are cut while members come and go, regions that
//! are put back, writes that are on their way to what is not there any more.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{A, B, C, START, get, put, replicated, world};
use hashrange::{
    Clock, Database, ErrorKind, Item, Table,
    admin::{TableSpec, TableUpdate, index},
    file::{Disk, FileName, MemoryDisk},
    inspect::Work,
    key::S,
    regions::{LinkModel, StrongPeers, World},
    service::{Delay, FaultModel, FaultRule},
    testing::Operation,
};
use hashrange_test_support::slow_disk::SlowDisk;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const LAG: Duration = Duration::from_millis(800);

pub(super) fn table(world: &World, region: &str) -> Table<S> {
    world.database(region).unwrap().table("ttt").unwrap()
}

pub(super) fn memory_disks() -> [Arc<dyn Disk>; 3] {
    [(); 3].map(|()| Arc::new(MemoryDisk::new()) as Arc<dyn Disk>)
}

pub(super) fn open(names: &[&str], disks: &[Arc<dyn Disk>], clock: &Clock, database: hashrange::OpenOptions) -> World {
    let options = World::options().clock(clock.clone()).link(LinkModel::lag(Delay::Fixed(800))).database(database);
    let regions = names.iter().zip(disks);
    regions.fold(options, |options, (name, disk)| options.region_on(*name, disk.clone())).open().unwrap()
}

pub(super) fn quiet() -> hashrange::OpenOptions {
    Database::options().background(false)
}

pub(super) fn assert_converged(world: &World) {
    world.heal();
    world.settle().unwrap();
    assert!(world.is_converged("ttt").unwrap(), "{:?}", world.digests("ttt"));
}

/// A disk whose log waits for its sync while it is closed, and says so.
fn slow_log(disk: Arc<dyn Disk>, is_closed: &Arc<AtomicBool>, is_waiting: &Arc<AtomicBool>) -> Arc<dyn Disk> {
    let (is_closed, is_waiting) = (is_closed.clone(), is_waiting.clone());
    SlowDisk::new(
        disk,
        Arc::new(move |operation, name| {
            while operation == Operation::Sync && matches!(name, FileName::Log(_)) && is_closed.load(Ordering::SeqCst) {
                is_waiting.store(true, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(1));
            }
        }),
    )
}

/// A write that is logged and waits for its sync while all items are compared is in the comparison or comes after it.
#[test]
pub(crate) fn a_comparison_loses_no_write_that_is_under_way() {
    let (is_closed, is_waiting) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let [first, second, third] = memory_disks();
    let slow = slow_log(first, &is_closed, &is_waiting);
    let world = open(&[A, B, C], &[slow, second, third], &Clock::manual(START), quiet());
    let tables = replicated(&world, &[A, C]);
    world.cut(A, B).unwrap();
    world.create_replica("ttt", C, B).unwrap();
    world.heal();

    is_closed.store(true, Ordering::SeqCst);
    let writer = thread::spawn({
        let table = tables[0].clone();
        move || put(&table, "x", 1)
    });
    while !is_waiting.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    let opener = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        is_closed.store(false, Ordering::SeqCst);
    });
    world.step().unwrap();
    assert_eq!(world.link(A, B).unwrap().1.comparisons, 1);
    writer.join().unwrap();
    opener.join().unwrap();
    assert_converged(&world);
    assert_eq!(get(&table(&world, B), "x"), Some(1));
}

#[test]
pub(crate) fn what_was_on_its_way_from_a_deleted_replica_is_in_the_new_one() {
    for is_cut in [false, true] {
        let world = world();
        let tables = replicated(&world, &[A, B]);
        put(&tables[1], "y", 1);
        world.step().unwrap();
        if is_cut {
            world.cut(B, A).unwrap();
        }
        world.delete_replica("ttt", A, B).unwrap();
        world.heal();
        world.create_replica("ttt", A, B).unwrap();
        world.advance(LAG).unwrap();
        assert_converged(&world);
        assert_eq!(get(&tables[0], "y"), (!is_cut).then_some(1), "where the link works it arrives first");
    }
}

#[test]
pub(crate) fn a_table_gets_nothing_of_another_one_that_had_its_name() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "x", 1);
    world.step().unwrap();
    world.delete_replica("ttt", A, B).unwrap();
    let us = world.database(A).unwrap();
    us.delete_table("ttt").unwrap();
    us.create_table("ttt").hash::<hashrange::key::N>("number").create().unwrap();
    world.create_replica("ttt", A, B).unwrap();
    world.advance(LAG).unwrap();
    assert_converged(&world);
    assert_eq!(world.database(B).unwrap().digest("ttt").unwrap().items, 0);

    // Also where the table goes in its database, which the world does not learn.
    let world = self::world();
    let tables = replicated(&world, &[A, B]);
    put(&tables[1], "x", 1);
    world.step().unwrap();
    world.database(B).unwrap().delete_table("ttt").unwrap();
    world.create_replica("ttt", A, B).unwrap();
    let definition = world.database(A).unwrap().describe_table("ttt").unwrap().definition.clone();
    assert_eq!(definition.replication.as_deref().unwrap().replicas.len(), 1, "it is there once");
    world.advance(LAG).unwrap();
    assert_converged(&world);
}

#[test]
fn replicas_that_stay_are_equal_after_another_one_was_deleted() {
    for is_down in [false, true] {
        let world = world();
        let tables = replicated(&world, &[A, B, C]);
        world.set_link(B, A, LinkModel::lag(Delay::Fixed(10_000))).unwrap();
        world.set_link(B, C, LinkModel::lag(Delay::Fixed(1_000))).unwrap();
        put(&tables[1], "y", 1);
        world.advance(Duration::from_secs(2)).unwrap();
        assert_eq!((get(&tables[0], "y"), get(&tables[2], "y")), (None, Some(1)));
        world.set_region_up(B, !is_down).unwrap();
        world.delete_replica("ttt", A, B).unwrap();
        assert_converged(&world);
        assert_eq!(get(&tables[0], "y"), Some(1));
    }
}

#[test]
pub(crate) fn a_comparison_that_is_due_outlives_the_world() {
    let (disks, clock) = (memory_disks(), Clock::manual(START));
    let world = open(&[A, B, C], &disks, &clock, quiet());
    let tables = replicated(&world, &[A, B]);
    let other = world.database(B).unwrap().create_table("other").hash::<S>("id").create().unwrap();
    world.create_replica("other", B, C).unwrap();
    world.cut(B, A).unwrap();
    put(&tables[1], "x", 1);
    // The link to C notes a place behind the write, which it had no reason to send.
    put(&other, "x", 1);
    world.settle().unwrap();
    world.cut(B, C).unwrap();
    world.create_replica("ttt", A, C).unwrap();
    world.close().unwrap();
    drop((tables, other, world));
    let world = open(&[A, B, C], &disks, &clock, quiet());
    assert_converged(&world);
    assert_eq!(get(&table(&world, C), "x"), Some(1));
}

#[test]
fn the_limit_of_a_collection_stops_no_link() {
    let world = World::options().region(A).region(B).clock(Clock::manual(START));
    let world = world.database(quiet().collection_limit_bytes(3_000)).open().unwrap();
    let by_v = index("by_v").range::<S>("v").keys_only();
    let database = world.database(A).unwrap();
    database.create_table("ttt").hash::<S>("id").range::<S>("sort").lsi(by_v).create().unwrap();
    world.create_replica("ttt", A, B).unwrap();
    let tables = [A, B].map(|region| world.database(region).unwrap().table::<(S, S)>("ttt").unwrap());
    let item = |sort: &str| Item::new().with("id", "x").with("sort", sort).with("text", "-".repeat(2_000));
    tables[0].put(&item("a")).unwrap();
    tables[1].put(&item("b")).unwrap();
    assert_converged(&world);
    assert_eq!(tables[0].scan().items().count(), 2, "both were acknowledged");
    assert_eq!(tables[1].put(&item("c")).unwrap_err().kind(), ErrorKind::LimitExceeded, "and both count");
}

#[test]
fn a_witness_and_a_table_that_is_loaded_are_no_tables_to_be_changed() {
    let world = world();
    let database = world.database(A).unwrap();
    let own = database.create_table("ttt").hash::<S>("id").create().unwrap();
    let peers = StrongPeers::ReplicaAndWitness { replica: B.into(), witness: C.into() };
    world.create_strong("ttt", A, &peers).unwrap();
    put(&own, "x", 1);
    assert!(world.remove_peers("ttt", C).unwrap_err().is_not_found());
    assert!(world.share_settings("ttt", C).unwrap_err().is_not_found());
    let spec = TableSpec::like(&database.describe_table("ttt").unwrap().definition, "loaded");
    let mut loader = database.load_table(spec).unwrap();
    loader.put(&Item::new().with("id", "x")).unwrap();
    assert_eq!(world.create_replica("loaded", A, B).unwrap_err().kind(), ErrorKind::InUse);
    assert_eq!(world.create_strong("loaded", A, &peers).unwrap_err().kind(), ErrorKind::InUse);
    loader.finish().unwrap();
    world.create_replica("loaded", A, B).unwrap();
    assert!(world.is_converged("loaded").unwrap());
    assert_eq!((get(&own, "x"), get(&table(&world, B), "x")), (Some(1), Some(1)));

    // Peers stay while they are protected, or while none can be reached.
    let protect = |is_on| TableUpdate { deletion_protection: Some(is_on), ..TableUpdate::default() };
    world.database(B).unwrap().update_table("ttt", protect(true)).unwrap();
    assert_eq!(world.remove_peers("ttt", A).unwrap_err().kind(), ErrorKind::Validation);
    world.database(B).unwrap().update_table("ttt", protect(false)).unwrap();
    put(&table(&world, B), "y", 2);
    world.split(&[A], &[B, C]).unwrap();
    assert_eq!(world.remove_peers("ttt", A).unwrap_err().kind(), ErrorKind::Unavailable);
    world.heal();
    assert_eq!(get(&table(&world, B), "y"), Some(2));
    world.remove_peers("ttt", A).unwrap();
    assert_eq!(get(&own, "y"), Some(2));
}

/// The region of a write ends between the commit and the second region, so that only it has the write.
#[test]
fn a_strong_read_shows_nothing_that_a_later_one_does_not() {
    let (disks, clock) = (memory_disks(), Clock::manual(START));
    let open = || open(&[A, B, C], &disks, &clock, quiet());
    let world = open();
    world.database(A).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    world.create_strong("ttt", A, &StrongPeers::Replicas(B.into(), C.into())).unwrap();
    world.close().unwrap();
    drop(world);
    let alone = quiet().clock(clock.clone()).open_on(disks[0].clone()).unwrap();
    put(&alone.table("ttt").unwrap(), "x", 1);
    alone.close().unwrap();
    let world = open();
    let read = |region: &str| table(&world, region).get_with("x").consistent(true).send().unwrap().item.is_some();
    assert!(read(A));
    world.set_region_up(A, false).unwrap();
    assert!(read(C), "another region has answered with it");
    assert!(read(B));
}

#[test]
fn a_delay_of_one_request_holds_up_no_other_region() {
    let rule = FaultRule::new("slow").operation("GetItem").delay(Delay::Fixed(1_500));
    let database = quiet().faults(FaultModel::default().rule(rule));
    let options = World::options().region(A).region(B).region(C).link(LinkModel::lag(Delay::Fixed(0)));
    let world = options.database(database).stepped(true).open().unwrap();
    world.database(A).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    world.create_strong("ttt", A, &StrongPeers::Replicas(B.into(), C.into())).unwrap();
    let (slow, other) = (table(&world, A), table(&world, B));
    let is_done = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let is_done = is_done.clone();
        move || {
            slow.get_with("x").consistent(true).send().unwrap();
            is_done.store(true, Ordering::SeqCst);
        }
    });
    thread::sleep(Duration::from_millis(100));
    let began_millis = world.clock().now_millis();
    put(&other, "x", 1);
    let took_millis = world.clock().now_millis().saturating_sub(began_millis);
    assert!(!is_done.load(Ordering::SeqCst) && took_millis < 1_200, "it waited {took_millis} ms");
    reader.join().unwrap();
}

#[test]
fn a_region_that_is_put_back_from_a_copy_gets_what_it_had() {
    let (disks, clock) = (memory_disks(), Clock::manual(START));
    let open = |disks: &[Arc<dyn Disk>]| open(&[A, B], disks, &clock, quiet());
    let world = open(&disks);
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "before", 1);
    world.settle().unwrap();
    world.close().unwrap();
    drop((tables, world));
    let copy = Arc::new(MemoryDisk::new());
    for name in disks[0].list().unwrap() {
        let file = disks[0].open(name, false).unwrap();
        let mut to = copy.create(name).unwrap();
        to.append(&file.read_at(0, usize::try_from(file.len()).unwrap()).unwrap()).unwrap();
        to.sync().unwrap();
    }
    let world = open(&disks);
    let tables = [A, B].map(|region| table(&world, region));
    (0..5).for_each(|n| put(&tables[0], &n.to_string(), n));
    world.settle().unwrap();
    world.close().unwrap();
    drop((tables, world));
    let world = open(&[copy, disks[1].clone()]);
    assert_converged(&world);
    assert_eq!(get(&table(&world, A), "4"), Some(4), "B has what A wrote");
}

#[test]
fn a_region_that_is_away_for_a_time_stays_a_member() {
    let (disks, clock) = (memory_disks(), Clock::manual(START));
    let world = open(&[A, B, C], &disks, &clock, quiet());
    drop(replicated(&world, &[A, B, C]));
    world.close().unwrap();
    drop(world);
    let world = open(&[A, B], &disks, &clock, quiet());
    put(&table(&world, A), "x", 1);
    world.settle().unwrap();
    world.close().unwrap();
    drop(world);
    let world = open(&[A], &disks, &clock, quiet());
    put(&table(&world, A), "y", 2);
    world.close().unwrap();
    drop(world);
    let world = open(&[A, B, C], &disks, &clock, quiet());
    put(&table(&world, C), "z", 3);
    assert_converged(&world);
    assert_eq!(["x", "y", "z"].map(|id| get(&table(&world, B), id)), [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_clock_that_is_moved_changes_no_time_of_the_past() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "x", 1);
    world.set_clock_ahead(A, -3_600_000).unwrap();
    world.advance(LAG).unwrap();
    assert_eq!(get(&tables[1], "x"), Some(1));
    let year_millis = 365 * 24 * 3_600_000;
    assert!(world.set_clock_ahead(A, year_millis).is_ok() && world.set_clock_ahead(A, -year_millis).is_ok());
    assert_eq!(world.set_clock_ahead(A, i64::MIN).unwrap_err().kind(), ErrorKind::Validation);
}

/// Of three replicas one is deleted while a program writes there: both that stay have the write, or neither.
#[test]
fn a_write_beside_the_deletion_of_its_replica_leaves_the_others_equal() {
    let (is_closed, is_waiting) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let [first, second, third] = memory_disks();
    let slow = slow_log(first, &is_closed, &is_waiting);
    let world = open(&[A, B, C], &[slow, second, third], &Clock::manual(START), quiet());
    let tables = replicated(&world, &[A, B, C]);
    put(&tables[1], "before", 1);
    is_closed.store(true, Ordering::SeqCst);
    let deletion = thread::spawn({
        let world = world.clone();
        move || world.delete_replica("ttt", A, B).unwrap()
    });
    // A has what was written before, and waits until that is durable.
    while !is_waiting.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    put(&tables[1], "beside", 2);
    is_closed.store(false, Ordering::SeqCst);
    deletion.join().unwrap();
    assert_converged(&world);
    assert_eq!((get(&tables[0], "before"), get(&tables[2], "before")), (Some(1), Some(1)));
}

#[test]
fn all_that_is_due_arrives_also_where_a_link_has_no_room_for_it() {
    let options = World::options().region(A).region(B).clock(Clock::manual(START)).database(quiet());
    let world = options.pending_bytes(2_000).open().unwrap();
    let tables = replicated(&world, &[A, B]);
    (0..50).for_each(|n| put(&tables[0], &n.to_string(), n));
    assert!(world.step().unwrap() == 0 && (1..10).contains(&world.link(A, B).unwrap().1.pending));
    assert_eq!(world.advance(LAG).unwrap(), 50);
    assert_eq!((0..50).filter(|n| get(&tables[1], &n.to_string()) == Some(*n)).count(), 50);
}

#[test]
fn a_link_that_is_cut_keeps_its_changes_in_the_log() {
    let options = World::options().region(A).region(B).clock(Clock::manual(START));
    let database = quiet().log_segment_bytes(4096).log_bytes(16 << 10).memtable_bytes(32 << 10);
    let world = options.database(database).open().unwrap();
    let tables = replicated(&world, &[A, B]);
    world.cut(A, B).unwrap();
    (0..400).for_each(|n| put(&tables[0], &n.to_string(), n));
    let us = world.database(A).unwrap();
    us.flush().unwrap();
    while us.step().unwrap() != Work::Idle {}
    world.advance(LAG).unwrap();
    let report = world.link(A, B).unwrap().1;
    assert!(report.pending == 0 && report.unread_commits >= 400, "nothing is kept in memory: {report:?}");
    world.mend(A, B).unwrap();
    world.settle().unwrap();
    let report = world.link(A, B).unwrap().1;
    assert_eq!((report.applied, report.comparisons), (400, 0), "the log was there");
    assert_converged(&world);
}

#[test]
fn a_folder_of_a_region_is_not_opened_as_another_one() {
    let (disks, clock) = (memory_disks(), Clock::manual(START));
    let world = open(&[A, B], &disks, &clock, quiet());
    drop(replicated(&world, &[A, B]));
    world.close().unwrap();
    drop(world);
    let options = World::options().clock(clock.clone()).database(quiet());
    let error = options.region_on(C, disks[0].clone()).region_on(B, disks[1].clone()).open().unwrap_err();
    assert!(error.kind() == ErrorKind::Validation && error.to_string().contains(A), "{error}");
    let fresh: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let options = World::options().clock(clock.clone()).database(quiet());
    assert!(options.region_on(B, fresh.clone()).region_on(C, disks[0].clone()).open().is_err());
    let elsewhere = quiet().open_on(fresh).unwrap();
    assert!(elsewhere.describe_table("hashrange.replication").is_err(), "nothing was written there");
    let world = open(&[A, B], &disks, &clock, quiet());
    put(&table(&world, A), "x", 1);
    assert_converged(&world);
    assert_eq!(get(&table(&world, B), "x"), Some(1), "nothing was changed");
}

#[test]
fn a_program_may_move_the_clock_of_the_world_itself() {
    let clock = Clock::manual(START);
    let options = World::options().region(A).region(B).region(C).clock(clock.clone()).database(quiet());
    let world = options.open().unwrap();
    let tables = replicated(&world, &[A, B]);
    put(&tables[1], "x", 1);
    clock.advance(Duration::from_millis(5));
    put(&tables[0], "x", 2); // the name of this region is the lesser one
    assert_converged(&world);
    assert_eq!(get(&tables[1], "x"), Some(2), "it was written later");
    world.set_clock_ahead(C, 60_000).unwrap();
    let ahead = world.database(C).unwrap().clock().now_millis();
    assert_eq!(ahead, clock.now_millis() + 60_000);
}
