//! Tables with strong consistency, one request after the other; `tests/threads` has histories of many at once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{A, B, C, get, put, world};
use hashrange::{ErrorKind, Item, Table, key::S, regions::StrongPeers, regions::World};
use std::time::Duration;

fn strong(world: &World, peers: &StrongPeers) -> [Table<S>; 2] {
    world.database(A).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    world.create_strong("ttt", A, peers).unwrap();
    [A, B].map(|region| world.database(region).unwrap().table("ttt").unwrap())
}

fn get_consistent(table: &Table<S>, id: &str) -> hashrange::Result<Option<i64>> {
    let item = table.get_with(id).consistent(true).send()?.item;
    Ok(item.and_then(|item| item.get("v")?.as_i64()))
}

#[test]
fn writes_that_meet_are_one_conflict_and_a_strong_read_sees_the_latest_everywhere() {
    let world = world();
    let tables = strong(&world, &StrongPeers::Replicas(B.into(), C.into()));
    let third = world.database(C).unwrap().table::<S>("ttt").unwrap();
    put(&tables[0], "x", 1);
    let conflict = tables[1].update("x").add("v", 1).send().unwrap_err();
    assert_eq!((conflict.code(), conflict.kind()), ("ReplicatedWriteConflictException", ErrorKind::Conflict));
    assert!(conflict.is_retryable());
    put(&tables[1], "y", 1);
    assert_eq!(get(&third, "x"), None, "an eventual read is answered by what is here");
    world.advance(Duration::from_millis(1_600)).unwrap();
    tables[1].update("x").add("v", 1).send().unwrap();
    assert_eq!(get_consistent(&third, "x").unwrap(), Some(2));
    assert_eq!(third.scan().consistent(true).items().count(), 2);
    world.settle().unwrap();
    assert!(world.is_converged("ttt").unwrap());
    assert_eq!(world.link(A, B).unwrap().1.latency.count, 0, "the metric is of eventual consistency only");
}

#[test]
fn a_region_alone_serves_eventual_reads_only_and_catches_up() {
    let world = world();
    let tables = strong(&world, &StrongPeers::Replicas(B.into(), C.into()));
    put(&tables[0], "x", 1);
    world.advance(Duration::from_secs(2)).unwrap();
    world.split(&[A], &[B, C]).unwrap();
    assert_eq!(get(&tables[0], "x"), Some(1));
    let unavailable = |result: hashrange::Result<()>| result.unwrap_err().kind() == ErrorKind::Unavailable;
    assert!(unavailable(get_consistent(&tables[0], "x").map(drop)));
    assert!(unavailable(tables[0].delete("x").map(drop)));
    put(&tables[1], "x", 2);
    world.heal();
    world.advance(Duration::from_secs(2)).unwrap();
    assert_eq!(get_consistent(&tables[0], "x").unwrap(), Some(2));
}

#[test]
fn two_regions_that_reach_only_the_third_agree_through_it() {
    let world = world();
    let tables = strong(&world, &StrongPeers::ReplicaAndWitness { replica: B.into(), witness: C.into() });
    assert!(world.database(C).unwrap().table::<S>("ttt").is_err(), "a witness serves no requests");
    world.split(&[A], &[B]).unwrap();
    for n in 1..=6 {
        let (writer, reader) = if n % 2 == 0 { (0, 1) } else { (1, 0) };
        let item = Item::new().with("id", "x").with("v", n);
        tables[writer].put_with(&item).send().unwrap();
        world.advance(Duration::from_secs(2)).unwrap();
        assert_eq!(get_consistent(&tables[reader], "x").unwrap(), Some(n));
    }
    world.set_region_up(C, false).unwrap();
    assert_eq!(get_consistent(&tables[0], "x").unwrap_err().kind(), ErrorKind::Unavailable);
    world.heal();
    world.remove_peers("ttt", A).unwrap();
    assert_eq!(get(&tables[0], "x"), Some(6));
    assert!(world.database(C).unwrap().list_tables().is_empty() && world.database(B).unwrap().list_tables().is_empty());
    put(&tables[0], "x", 7);
}

#[test]
fn what_strong_consistency_is_not_for_is_refused() {
    let world = world();
    let database = world.database(A).unwrap();
    let both = StrongPeers::Replicas(B.into(), C.into());
    let refused = |peers: &StrongPeers| world.create_strong("ttt", A, peers).unwrap_err();
    assert!(refused(&both).is_not_found());
    let table = database.create_table("ttt").hash::<S>("id").create().unwrap();
    let same = StrongPeers::Replicas(B.into(), B.into());
    assert_eq!(refused(&same).message(), "Cannot target multiple regions with the same action");
    put(&table, "x", 1);
    assert_eq!(refused(&both).kind(), ErrorKind::Validation);
    table.delete("x").unwrap();
    database.update_ttl("ttt", "ends", true).unwrap();
    assert_eq!(refused(&both).kind(), ErrorKind::Validation);
    database.update_ttl("ttt", "ends", false).unwrap();
    world.create_strong("ttt", A, &both).unwrap();

    assert_eq!(world.create_strong("ttt", A, &both).unwrap_err().kind(), ErrorKind::Validation);
    let text = "Cannot add replicas to a global table with strong MultiRegionConsistency";
    assert_eq!(world.create_replica("ttt", A, B).unwrap_err().message(), text);
    let text = "Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to STRONG.";
    assert_eq!(world.delete_replica("ttt", A, B).unwrap_err().message(), text);
    assert_eq!(database.delete_table("ttt").unwrap_err().message(), text);
    assert_eq!(database.update_ttl("ttt", "ends", true).unwrap_err().kind(), ErrorKind::Validation);
    let item = Item::new().with("id", "x");
    let transaction = database.transact_write().put(&table, &item).send();
    assert_eq!(transaction.unwrap_err().kind(), ErrorKind::Validation);
    let read = database.transact_get().get(&table, "x").send();
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Validation);
    assert!(database.transaction(|t| t.put(&table, &item)).is_err());
    // Also a closure that only reads there, since what it reads is what is here.
    let plain = database.create_table("plain").hash::<S>("id").create().unwrap();
    let decides = database.transaction(|t| {
        if t.get(&table, "x")?.is_none() {
            t.put(&plain, &item)?;
        }
        Ok::<_, hashrange::Error>(())
    });
    assert_eq!(decides.unwrap_err().kind(), ErrorKind::Validation);
    let sorted = database.create_table("sorted").hash::<S>("id").range::<S>("sort").create().unwrap();
    world.create_strong("sorted", A, &both).unwrap();
    let queries = database.transaction(|t| t.query(&sorted, "x", |query| query).map(drop));
    assert_eq!(queries.unwrap_err().kind(), ErrorKind::Validation);
    assert!(get(&plain, "x").is_none());
}
