//! Who pays, and from what: transactions that are sent again, reads that are rejected, shares of partitions, the end of time.

use super::{World, item, large, pte, reads, throttled};
use hashrange::{Clock, Database, Error, Item, Table, capacity::CapacityModel, key::S};
use std::time::Duration;

fn sent(world: &World, table: &Table<S>) -> Result<f64, Error> {
    let transaction = world.db.transact_write().put(table, &large("a", 8)).token("t");
    Ok(transaction.send()?.consumed.iter().map(|(_, consumed)| consumed.total()).sum())
}

#[test]
fn a_transaction_that_is_sent_again_pays_for_its_reads() {
    let world = World::service();
    let table = world.provisioned("ttt", 5, 20);
    assert_eq!(sent(&world, &table).unwrap(), 16.0);
    assert_eq!(world.left("ttt"), (5.0, 4.0));
    assert_eq!(sent(&world, &table).unwrap(), 4.0);
    assert_eq!(world.left("ttt"), (1.0, 4.0));
    sent(&world, &table).unwrap();
    assert_eq!(world.left("ttt").0, -3.0);
    let error = sent(&world, &table).unwrap_err();
    assert_eq!(error.cancellation_reasons()[0].code(), "ProvisionedThroughputExceeded", "{error}");
}

#[test]
fn a_transaction_of_reads_that_is_too_large_pays_nothing() {
    let world = World::service();
    let table = world.provisioned("ttt", 5, 40_000);
    let keys: Vec<String> = (0..12).map(|at| format!("k{at}")).collect();
    keys.iter().for_each(|key| drop(table.put(&large(key, 390)).unwrap()));
    let all = keys.iter().fold(world.db.transact_get(), |get, key| get.get(&table, key.as_str()));
    assert!(all.send().unwrap_err().message().contains("Collection size of items exceeded"));
    assert_eq!(world.left("ttt").0, 5.0);
    reads(&table, "k1").unwrap();
}

#[test]
fn a_transaction_pays_for_no_item_that_is_hidden() {
    let clock = Clock::manual(1_800_000_000_000);
    let options = Database::options().clock(clock.clone()).capacity(CapacityModel::service()).hide_expired(true);
    let world = World { db: options.background(false).in_memory().unwrap(), clock };
    let table = world.provisioned("ttt", 5, 40_000);
    world.db.update_ttl("ttt", "ends", true).unwrap();
    table.put(&large("a", 300).with("ends", 1_799_999_999u64)).unwrap();
    assert!(world.db.transact_get().get(&table, "a").send().unwrap().items[0].is_none());
    assert_eq!(world.left("ttt").0, 3.0);
}

/// A share that is no whole number of units a second is one all the same.
#[test]
fn no_part_of_a_share_is_lost() {
    for rule in [hashrange::capacity::AdmissionRule::PostPaid, hashrange::capacity::AdmissionRule::PrePaid] {
        let world = World::new(CapacityModel { adaptive: false, admission: rule, ..CapacityModel::service() });
        // Nine partitions for the writes; each has a ninth of two read units a second.
        let table = world.provisioned("ttt", 2, 9_000);
        let seconds = 90;
        let mut passed = 0;
        for _ in 0..seconds * 10 {
            passed += u64::from(reads(&table, "a").is_ok());
            world.advance(100);
        }
        let parts = world.db.throughput("ttt").unwrap().unwrap().resources[0].partitions.len() as u64;
        assert!(parts > 4, "{parts}");
        let wanted = 2 * seconds / parts;
        assert!((wanted..=wanted + 1).contains(&passed), "{passed} of {wanted}, {parts} partitions, {rule:?}");
    }
}

#[test]
fn at_the_end_of_time_requests_go_on() {
    let world = World::service();
    let table = world.provisioned("ttt", 10, 10);
    table.put(&item("a")).unwrap();
    world.clock.advance(Duration::MAX);
    for _ in 0..3 {
        reads(&table, "a").unwrap();
        table.put(&Item::new().with("pk", "b")).unwrap();
    }
    let all_of_it = (0..10_000).find_map(|_| reads(&table, "a").err()).unwrap();
    assert_eq!(super::told(&all_of_it), pte("TableReadProvisionedThroughputExceeded ttt -"));
    assert_eq!(throttled(table.get("a")), pte("TableReadProvisionedThroughputExceeded ttt -"));
}

/// Peaks and reports count units, however little of a partition's ceiling an eventually consistent one takes.
#[test]
fn eventual_reads_are_reported_as_what_they_cost() {
    let world = World::new(CapacityModel { eventual_read_units: 4_500, ..CapacityModel::service() });
    let table = world.provisioned("ttt", 100, 10);
    (0..90).for_each(|_| drop(table.get("a").unwrap()));
    let report = world.db.throughput("ttt").unwrap().unwrap();
    assert_eq!(report.resources[0].partitions.iter().map(|partition| partition.read_units).sum::<f64>(), 45.0);
}
