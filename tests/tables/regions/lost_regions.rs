//! Regions whose database is lost or was put back from an older copy, and clocks that were set back: what was acknowledged stays,
//! and arrives.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{
    A, B, C, START,
    faults::{assert_converged, memory_disks, open, quiet, table},
    get, put, replicated, world,
};
use hashrange::{
    Clock, ErrorKind, Result, Table,
    file::{Disk, MemoryDisk},
    key::S,
    regions::{StrongPeers, World},
};
use std::{sync::Arc, time::Duration};

const ALL: [&str; 3] = [A, B, C];

fn copy(disk: &Arc<dyn Disk>) -> Arc<dyn Disk> {
    let copy = Arc::new(MemoryDisk::new());
    for name in disk.list().unwrap() {
        let file = disk.open(name, false).unwrap();
        let mut to = copy.create(name).unwrap();
        to.append(&file.read_at(0, usize::try_from(file.len()).unwrap()).unwrap()).unwrap();
        to.sync().unwrap();
    }
    copy
}

fn close(world: World) {
    world.close().unwrap();
}

fn get_consistent(table: &Table<S>, id: &str) -> Result<Option<i64>> {
    let item = table.get_with(id).consistent(true).send()?.item;
    Ok(item.and_then(|item| item.get("v")?.as_i64()))
}

/// A table with strong consistency in regions A and B, with a witness in C, and an item.
fn with_witness(disks: &[Arc<dyn Disk>], clock: &Clock) {
    let world = open(&ALL, disks, clock, quiet());
    world.database(A).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    let peers = StrongPeers::ReplicaAndWitness { replica: B.into(), witness: C.into() };
    world.create_strong("ttt", A, &peers).unwrap();
    put(&table(&world, B), "x", 1);
    close(world);
}

#[test]
fn a_witness_whose_folder_is_lost_is_made_anew() {
    let (mut disks, clock) = (memory_disks(), Clock::manual(START));
    with_witness(&disks, &clock);
    disks[2] = Arc::new(MemoryDisk::new());
    for round in 2..4 {
        let world = open(&ALL, &disks, &clock, quiet());
        // They reach the witness only.
        world.split(&[A], &[B]).unwrap();
        put(&table(&world, A), "y", round);
        world.advance(Duration::from_secs(2)).unwrap();
        let there = ["x", "y"].map(|id| get_consistent(&table(&world, B), id).unwrap());
        assert_eq!(there, [Some(1), Some(round)], "what is acknowledged is in two regions");
        assert!(world.database(C).unwrap().table::<S>("ttt").is_err(), "a witness serves no requests");
        world.heal();
        assert_converged(&world);
        close(world);
    }
}

#[test]
fn nothing_is_agreed_with_a_region_that_has_no_copy() {
    let (mut disks, clock) = (memory_disks(), Clock::manual(START));
    with_witness(&disks, &clock);
    disks[2] = Arc::new(MemoryDisk::new());
    // Only B has what it agreed on with the witness, and is away.
    let world = open(&[A, C], &[disks[0].clone(), disks[2].clone()], &clock, quiet());
    let unavailable = get_consistent(&table(&world, A), "x").unwrap_err();
    assert_eq!(unavailable.kind(), ErrorKind::Unavailable);
    assert_eq!(table(&world, A).delete("x").unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(world.remove_peers("ttt", A).unwrap_err().kind(), ErrorKind::Unavailable);
    close(world);
    let world = open(&ALL, &disks, &clock, quiet());
    assert_eq!(get_consistent(&table(&world, A), "x").unwrap(), Some(1));
    put(&table(&world, A), "x", 2);
    assert_converged(&world);
}

#[test]
fn a_region_that_is_put_back_agrees_once_it_has_caught_up() {
    let (mut disks, clock) = (memory_disks(), Clock::manual(START));
    let world = open(&ALL, &disks, &clock, quiet());
    world.database(A).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    world.create_strong("ttt", A, &StrongPeers::Replicas(B.into(), C.into())).unwrap();
    world.settle().unwrap();
    close(world);
    let older = copy(&disks[1]);
    let world = open(&ALL, &disks, &clock, quiet());
    (0..5).for_each(|n| put(&table(&world, B), &n.to_string(), n));
    world.settle().unwrap();
    world.cut(A, C).unwrap();
    put(&table(&world, A), "x", 1);
    close(world);

    disks[1] = older;
    let world = open(&ALL, &disks, &clock, quiet());
    world.split(&[A], &[B, C]).unwrap();
    let unavailable = get_consistent(&table(&world, C), "x").unwrap_err();
    assert_eq!(unavailable.kind(), ErrorKind::Unavailable, "B has not what it agreed to");
    world.heal();
    assert_eq!(get_consistent(&table(&world, C), "x").unwrap(), Some(1));
    assert_eq!(get_consistent(&table(&world, B), "x").unwrap(), Some(1));
    assert_converged(&world);
}

#[test]
fn what_a_region_writes_after_it_was_put_back_reaches_the_others() {
    let (mut disks, clock) = (memory_disks(), Clock::manual(START));
    let world = open(&[A, B], &disks, &clock, quiet());
    drop(replicated(&world, &[A, B]));
    world.settle().unwrap();
    close(world);
    let older = copy(&disks[0]);
    let world = open(&[A, B], &disks, &clock, quiet());
    (0..5).for_each(|n| put(&table(&world, A), &n.to_string(), n));
    world.settle().unwrap();
    close(world);

    disks[0] = older;
    let world = open(&[A, B], &disks, &clock, quiet());
    // Nothing is compared before the world is closed, and A has more commits by then than B knows of.
    world.cut(A, B).unwrap();
    (10..40).for_each(|n| put(&table(&world, A), &n.to_string(), n));
    close(world);
    let world = open(&[A, B], &disks, &clock, quiet());
    assert_converged(&world);
    assert_eq!(table(&world, B).scan().items().count(), 35);
}

#[test]
fn nothing_waits_for_a_time_that_a_clock_showed_before_it_was_set_back() {
    let (world, hour_millis) = (world(), 3_600_000);
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "x", 1);
    put(&tables[0], "y", 1);
    world.step().unwrap();
    world.clock().set_millis(START - hour_millis);
    put(&tables[0], "x", 2);
    world.advance(Duration::from_millis(800)).unwrap();
    assert_eq!((get(&tables[1], "x"), get(&tables[1], "y")), (Some(2), Some(1)));

    let world = super::world();
    world.database(A).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    world.create_strong("ttt", A, &StrongPeers::Replicas(B.into(), C.into())).unwrap();
    put(&table(&world, A), "x", 1);
    world.clock().set_millis(START - hour_millis);
    put(&table(&world, B), "x", 2);
}
