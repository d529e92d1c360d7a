//! What happens to writes that meet: each rule of replication by itself.

use super::{A, B, C, get, put, replicated, world};
use hashrange::{
    Database, Durability, ErrorKind, Item,
    admin::{TableUpdate, index},
    attr,
    key::S,
    regions::{LinkModel, World},
    schema::StreamView,
    service::Delay,
    streams::ChangeEvent,
};
use std::time::Duration;

const LAG: Duration = Duration::from_millis(800);

#[test]
fn a_change_arrives_after_its_lag_and_the_later_write_wins() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    world.cut(A, B).unwrap();
    put(&tables[0], "x", 1);
    world.advance(Duration::from_millis(1)).unwrap();
    put(&tables[1], "x", 2);
    world.advance(LAG).unwrap();
    assert_eq!((get(&tables[0], "x"), get(&tables[1], "x")), (Some(2), Some(2)));
    world.mend(A, B).unwrap();
    world.settle().unwrap();
    assert_eq!(
        (get(&tables[0], "x"), get(&tables[1], "x")),
        (Some(2), Some(2)),
        "the order of arrival does not matter"
    );
    let report = world.link(A, B).unwrap().1;
    assert_eq!((report.applied, report.superseded, report.pending), (0, 1, 0));
    assert_eq!(report.latency.count, 1);
    let metrics = world.metrics(A).unwrap();
    let dimensions = vec![("ReceivingRegion", B.to_owned()), ("TableName", "ttt".to_owned())];
    assert_eq!((metrics[0].name, &metrics[0].dimensions), ("ReplicationLatency", &dimensions));
    assert_eq!(metrics[0].points.iter().map(|point| point.sample_count).sum::<f64>(), 1.0);
    let report = world.link(B, A).unwrap().1;
    assert_eq!((report.applied, report.latency.most_millis), (1, 800));
}

#[test]
pub(crate) fn what_was_deleted_later_stays_deleted() {
    let world = world();
    let tables = replicated(&world, &[A, B, C]);
    world.cut(B, C).unwrap();
    world.cut(B, A).unwrap();
    put(&tables[0], "x", 0);
    world.settle().unwrap();
    put(&tables[1], "x", 6);
    world.advance(Duration::from_millis(1)).unwrap();
    assert!(tables[0].delete("x").is_ok());
    world.settle().unwrap();
    world.heal();
    world.settle().unwrap();
    assert!(tables.iter().all(|table| get(table, "x").is_none()), "the put of B was older than the delete of A");
    assert!(world.stamp_of(C, "ttt", &Item::new().with("id", "x")).unwrap().is_some_and(|stamp| stamp.region() == A));
    world.database(C).unwrap().compact().unwrap();
    assert!(world.stamp_of(C, "ttt", &Item::new().with("id", "x")).unwrap().is_some(), "compaction keeps it");
}

#[test]
pub(crate) fn equal_stamps_have_one_winner() {
    let world = world();
    let tables = replicated(&world, &[A, B, C]);
    tables.iter().zip(0..).for_each(|(table, value)| put(table, "x", value));
    world.settle().unwrap();
    let values: Vec<_> = tables.iter().map(|table| get(table, "x")).collect();
    assert_eq!(values, [Some(2); 3], "the greatest name of a region wins");
}

#[test]
fn counters_that_meet_lose_an_increment() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "x", 0);
    world.settle().unwrap();
    tables.iter().for_each(|table| drop(table.update("x").add("v", 1).send().unwrap()));
    world.settle().unwrap();
    assert_eq!((get(&tables[0], "x"), get(&tables[1], "x")), (Some(1), Some(1)));
}

#[test]
fn conditions_are_judged_where_the_write_is_made() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    for table in &tables {
        let item = Item::new().with("id", "x").with("v", 1);
        table.put_with(&item).when(!attr("id").exists()).send().unwrap();
    }
    let item = Item::new().with("id", "x").with("v", 2);
    assert!(tables[1].put_with(&item).when(!attr("id").exists()).send().unwrap_err().is_condition_failed());
}

#[test]
fn transactions_are_whole_where_they_were_made() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    world.set_link(A, B, LinkModel::lag(Delay::Uniform(0, 1_000))).unwrap();
    let mut torn = 0;
    for round in 0..8 {
        let items = [0, 1, 2].map(|n| Item::new().with("id", format!("{round} {n}")).with("v", round));
        let transaction = world.database(A).unwrap().transact_write();
        items.iter().fold(transaction, |transaction, item| transaction.put(&tables[0], item)).send().unwrap();
        for _ in 0..50 {
            world.advance(Duration::from_millis(20)).unwrap();
            let there = (0..3).filter(|n| get(&tables[1], &format!("{round} {n}")).is_some()).count();
            torn += u32::from(there == 1 || there == 2);
        }
        world.settle().unwrap();
    }
    assert!(torn > 0, "no transaction was seen in part");
    assert!(world.is_converged("ttt").unwrap());
}

#[test]
fn both_sides_of_a_split_go_on_and_become_equal() {
    let world = world();
    let tables = replicated(&world, &[A, B, C]);
    world.split(&[A], &[B, C]).unwrap();
    for n in 0..1_000 {
        let id = format!("{}", n % 97);
        match n % 7 {
            0 => drop(tables[0].delete(&*id).unwrap()),
            _ => put(&tables[0], &id, n),
        }
        put(&tables[1 + usize::try_from(n % 2).unwrap()], &format!("{}", n % 89), -n);
        world.advance(Duration::from_millis(3)).unwrap();
    }
    assert!(!world.is_converged("ttt").unwrap());
    assert!(world.link(A, B).unwrap().1.pending + world.link(A, B).unwrap().1.unread_commits > 0);
    world.heal();
    world.settle().unwrap();
    assert!(world.is_converged("ttt").unwrap(), "{:?}", world.digests("ttt"));
}

#[test]
fn a_replica_has_a_stream_of_its_own_and_its_own_index_entries() {
    let world = world();
    let us = world.database(A).unwrap();
    let by_owner = index("by_owner").hash::<S>("owner");
    us.create_table("ttt").hash::<S>("id").gsi(by_owner).ttl("ends").create().unwrap();
    assert!(us.describe_table("ttt").unwrap().definition.stream.is_none());
    world.create_replica("ttt", A, B).unwrap();
    let views = [A, B].map(|region| {
        let database = world.database(region).unwrap();
        let stream = database.describe_table("ttt").unwrap().definition.stream.clone();
        stream.unwrap().view
    });
    assert_eq!(views, [StreamView::NewAndOld; 2]);
    let update = TableUpdate { stream: Some(None), ..TableUpdate::default() };
    let refused = us.update_table("ttt", update).unwrap_err();
    assert!(refused.message().ends_with("Disabling Stream is not allowed for a Global Table replica."), "{refused}");

    let tables = [A, B].map(|region| world.database(region).unwrap().table::<S>("ttt").unwrap());
    tables[0].put(&Item::new().with("id", "x").with("owner", "o").with("ends", 1_799_999_000)).unwrap();
    world.settle().unwrap();
    assert_eq!(tables[1].scan().index("by_owner").items().count(), 1);
    assert_eq!(us.sweep_now().unwrap(), 1);
    world.settle().unwrap();
    assert_eq!(tables[1].scan().index("by_owner").items().count(), 0);
    let removals = tables.map(|table| {
        let records = table.stream().unwrap().checkpoint("test").records(Duration::ZERO).map(Result::unwrap);
        records.filter(|record| record.event == ChangeEvent::Remove).map(|record| record.by_ttl).collect::<Vec<_>>()
    });
    assert_eq!(removals, [vec![true], vec![false]], "a service's record only where the sweeper was");
}

#[test]
fn items_from_before_the_replica_are_copied_and_anything_is_newer() {
    let world = world();
    let us = world.database(A).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    (0..1_200).for_each(|n| put(&us, &n.to_string(), n));
    world.create_replica("ttt", A, B).unwrap();
    let eu = world.database(B).unwrap().table::<S>("ttt").unwrap();
    assert!(world.is_converged("ttt").unwrap());
    assert_eq!(world.stamp_of(B, "ttt", &Item::new().with("id", "7")).unwrap().unwrap().micros(), 0);
    put(&eu, "7", -7);
    eu.delete("8").unwrap();
    world.settle().unwrap();
    assert_eq!((get(&us, "7"), get(&us, "8")), (Some(-7), None));
    assert!(world.is_converged("ttt").unwrap());
}

#[test]
fn a_region_that_is_down_serves_nothing_and_catches_up() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    world.set_region_up(B, false).unwrap();
    assert_eq!(tables[1].get("x").unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(tables[1].get("x").unwrap_err().is_retryable());
    put(&tables[0], "x", 1);
    world.advance(Duration::from_secs(3600)).unwrap();
    world.set_region_up(B, true).unwrap();
    assert_eq!(get(&tables[1], "x"), None);
    world.settle().unwrap();
    assert_eq!(get(&tables[1], "x"), Some(1));
    assert_eq!(world.link(A, B).unwrap().1.latency.most_millis, 3_600_000);
}

#[test]
fn a_clock_that_is_ahead_wins_until_the_other_region_has_seen_it() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    world.set_clock_ahead(B, 60_000).unwrap();
    put(&tables[1], "x", 1);
    world.advance(Duration::from_millis(500)).unwrap();
    put(&tables[0], "x", 2);
    world.settle().unwrap();
    assert_eq!(
        (get(&tables[0], "x"), get(&tables[1], "x")),
        (Some(1), Some(1)),
        "half a second later, by a true clock"
    );
    put(&tables[0], "x", 3);
    world.settle().unwrap();
    assert_eq!(
        (get(&tables[0], "x"), get(&tables[1], "x")),
        (Some(3), Some(3)),
        "a writer that saw the other one wins"
    );
}

#[test]
fn links_that_repeat_change_nothing() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    let model = LinkModel { lag: Delay::Uniform(0, 500), repeats_per_thousand: 1_000 };
    world.set_link(A, B, model).unwrap();
    for n in 0..40 {
        let id = format!("{}", n % 5);
        if n % 3 == 0 {
            drop(tables[0].delete(&*id).unwrap())
        } else {
            put(&tables[0], &id, n)
        }
        world.advance(Duration::from_millis(60)).unwrap();
    }
    world.settle().unwrap();
    assert!(world.is_converged("ttt").unwrap());
    let report = world.link(A, B).unwrap().1;
    assert!(report.superseded >= report.applied, "{report:?}");
}

#[test]
fn a_world_that_is_opened_again_goes_on_where_it_was() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let clock = hashrange::Clock::manual(super::START);
    let open = || {
        let options = World::options().region_in(A, folders[0].path()).region_in(B, folders[1].path());
        options.clock(clock.clone()).database(Database::options().background(false)).open().unwrap()
    };
    let world = open();
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "x", 1);
    world.advance(LAG).unwrap();
    put(&tables[0], "y", 2);
    drop(tables);
    world.close().unwrap();
    drop(world);
    let world = open();
    let eu = world.database(B).unwrap().table::<S>("ttt").unwrap();
    assert_eq!((get(&eu, "x"), get(&eu, "y")), (Some(1), None), "what is on its way keeps its time");
    world.advance(LAG).unwrap();
    assert_eq!(get(&eu, "y"), Some(2));
    let report = world.link(A, B).unwrap().1;
    assert_eq!(
        (report.applied, report.superseded, report.comparisons),
        (1, 0, 0),
        "what had arrived is not sent again"
    );
}

#[test]
fn where_the_log_does_not_reach_back_everything_is_compared() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let clock = hashrange::Clock::manual(super::START);
    let options = || Database::options().background(false).log_segment_bytes(4096).log_bytes(16 << 10);
    let open = || {
        let regions = World::options().region_in(A, folders[0].path()).region_in(B, folders[1].path());
        regions.clock(clock.clone()).database(options()).open().unwrap()
    };
    let world = open();
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "gone", 1);
    world.settle().unwrap();
    drop(tables);
    world.close().unwrap();
    drop(world);
    {
        let alone = options().open(folders[0].path()).unwrap();
        let table = alone.table::<S>("ttt").unwrap();
        table.delete("gone").unwrap();
        for n in 0..400 {
            let item = Item::new().with("id", n.to_string()).with("text", "a longer text, so that segments fill");
            table.put_with(&item).durability(Durability::Buffered).send().unwrap();
        }
        alone.flush().unwrap();
        while alone.step().unwrap() != hashrange::inspect::Work::Idle {}
    }
    let world = open();
    world.settle().unwrap();
    assert_eq!(world.link(A, B).unwrap().1.comparisons, 1);
    assert!(world.is_converged("ttt").unwrap(), "{:?}", world.digests("ttt"));
}
