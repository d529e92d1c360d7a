//! What a bill counts: each life of a table once, months by what is billed, entries of local indexes, throttled keys where they
//! were consumed, mistakes of callers once, and a clock that was set back.

use super::{BEGIN, World, order};
use hashrange::{
    Item,
    admin::index,
    capacity::CapacityModel,
    key::{N, S},
    ledger::{Bill, BillItem, BillOptions, BillingPlan, Prices},
    request::{BatchGetItem, KeysAndAttributes},
};
use std::collections::BTreeSet;

fn prices() -> Prices {
    Prices::from_json(include_str!("../../../cli/data/prices.json")).unwrap()
}

fn bill(world: &World) -> Bill {
    world.ledger().bill(&prices(), &BillOptions::new()).unwrap()
}

fn quantity(bill: &Bill, item: BillItem) -> u64 {
    bill.lines.iter().filter(|line| line.item == item).map(|line| line.quantity).sum()
}

#[test]
fn a_table_that_was_created_again_is_billed_once_for_each_life() {
    let world = World::new(None);
    let live = |writes: usize| {
        let table = world.db.create_table("stock").hash::<S>("sku").create().unwrap();
        (0..writes).for_each(|_| drop(table.put(&Item::new().with("sku", "bolt")).unwrap()));
    };
    live(5);
    world.db.delete_table("stock").unwrap();
    live(3);
    assert_eq!(quantity(&bill(&world), BillItem::OnDemandWrites), 8_000);
    world.db.delete_table("stock").unwrap();
    assert_eq!(quantity(&bill(&world), BillItem::OnDemandWrites), 8_000);
    live(1);
    assert_eq!(quantity(&bill(&world), BillItem::OnDemandWrites), 9_000);
}

/// Five minutes are a 8,760th of a month, and a begun hour of provisioned throughput is a 730th.
#[test]
fn months_are_taken_from_what_is_billed() {
    let world = World::new(None);
    let table = world.db.create_table("stock").hash::<S>("sku").create().unwrap();
    table.put(&Item::new().with("sku", "bolt")).unwrap();
    world.advance(300_000);
    let (bill, ledger) = (bill(&world), world.ledger());
    let millis = ledger.ended_millis - ledger.began_millis;
    let hours = ledger.ended_millis / 3_600_000 - ledger.began_millis / 3_600_000 + 1;
    for plan in bill.plans.iter().filter(|plan| !plan.is_infrequent_access) {
        let of_time = |nanos: u64| u128::from(nanos) * 730 * 3_600_000 / u128::from(millis);
        let throughput = match plan.plan {
            BillingPlan::OnDemand => of_time(plan.throughput_nanos),
            _ => u128::from(plan.throughput_nanos) * 730 / u128::from(hours),
        };
        let month = plan.month_nanos.unwrap();
        assert_eq!(u128::from(month), throughput + of_time(plan.storage_nanos), "{plan:?}");
        if plan.plan == BillingPlan::Provisioned {
            assert!((569_400_000..570_000_000).contains(&month), "a unit of each for 730 hours: {plan:?}");
        }
    }
}

#[test]
fn entries_of_local_indexes_are_stored_for_money() {
    let world = World::new(None);
    let table = world.orders();
    for at in 0..10 {
        table.put(&order("c", at).with("text", "x".repeat(1_000))).unwrap();
    }
    let sizes = |world: &World| {
        let row = |index: Option<&str>| {
            let ledger = world.ledger();
            let row = ledger.resources.iter().find(|row| row.index.as_deref() == index).unwrap();
            (row.items, row.billed_bytes)
        };
        [row(None), row(Some("by_total")), row(Some("by_state"))]
    };
    let [items, entries, none] = sizes(&world);
    assert_eq!((items.0, entries.0, none), (10, 10, (0, 0)));
    assert_eq!(items.1, entries.1, "the index has all attributes");
    assert!(bill(&world).lines.iter().any(|line| line.index.is_some() && line.item == BillItem::Storage));
}

/// A large table is estimated, and each part of it has its own share of the estimate. All entries of a partition key lie behind its items.
#[test]
fn items_and_entries_of_a_large_table_are_told_apart() {
    let world = World::new(None);
    let table = world.db.create_table("orders").hash::<S>("customer").range::<N>("order");
    let table = table.lsi(index("by_total").range::<N>("total")).create().unwrap();
    let mut sent = 0;
    while sent < 26_000 {
        let batch = (sent..sent + 25)
            .fold(world.db.batch_write(), |batch, at| batch.put(&table, &order(&format!("c{}", at % 2), at)));
        batch.send().unwrap();
        sent += 25;
    }
    world.db.flush().unwrap();
    let ledger = world.ledger();
    let row = |index: Option<&str>| ledger.resources.iter().find(|row| row.index.as_deref() == index).unwrap().items;
    let (items, entries) = (row(None), row(Some("by_total")));
    assert!(items.abs_diff(26_000) < 300 && entries.abs_diff(26_000) < 300, "{items} {entries}");
}

#[test]
fn what_is_throttled_is_noted_where_it_would_have_been_consumed() {
    let world = World::new(Some(CapacityModel::service()));
    let of_kind = index("by_kind").hash::<S>("kind").provisioned(1, 1);
    let table = world.db.create_table("stock").hash::<S>("sku").provisioned(1, 20).gsi(of_kind).create().unwrap();
    for at in 0..40 {
        let item = Item::new().with("sku", format!("s{at}"));
        let _ = table.put(&if at < 5 { item.with("kind", format!("k{at}")) } else { item });
        let _ = table.get_with(format!("s{at}").as_str()).consistent(true).send();
    }
    let ledger = world.ledger();
    let throttled = ledger.total(|_| true);
    assert!(throttled.throttled_writes.iter().sum::<u64>() >= 20 && throttled.throttled_reads.iter().sum::<u64>() > 30);
    for index in [None, Some("by_kind")] {
        let rows = ledger.usage.iter().filter(|row| row.index.as_deref() == index);
        let partitions: BTreeSet<_> = rows.map(|row| row.partition.unwrap()).collect();
        assert_eq!(partitions.into_iter().collect::<Vec<_>>(), [0], "each has one virtual partition: {index:?}");
    }
}

#[test]
fn a_mistake_of_a_caller_is_one() {
    let world = World::new(None);
    for name in ["aaa", "bbb", "ccc"] {
        world.db.create_table(name).hash::<S>("sku").create().unwrap();
    }
    let wrong = || Item::new().with("sku", 1);
    let keys = ["aaa", "bbb", "ccc"].map(|name| KeysAndAttributes::new(name, [wrong()]));
    world.db.execute(&BatchGetItem::new(keys)).unwrap_err();
    let metrics = world.ledger().metrics();
    let errors = metrics.iter().find(|series| series.name == "UserErrors").unwrap();
    assert_eq!(errors.points.iter().map(|point| point.sum).sum::<f64>(), 1.0);
}

/// A minute is a minute, also where the clock was set back before it.
#[test]
fn minutes_go_on_when_the_clock_is_set_back() {
    let world = World::new(None);
    let table = world.db.create_table("stock").hash::<S>("sku").create().unwrap();
    table.put(&Item::new().with("sku", "bolt")).unwrap();
    world.clock.set_millis(BEGIN - 3_600_000);
    for _ in 0..10 {
        table.put(&Item::new().with("sku", "bolt")).unwrap();
        world.advance(60_000);
    }
    let ledger = world.ledger();
    let minutes: BTreeSet<_> = ledger.usage.iter().map(|row| row.minute_millis).collect();
    assert_eq!(minutes.len(), 11);
    assert_eq!(ledger.hours.iter().map(|hour| hour.peak_write_milliunits).max(), Some(1_000));
    // The ledger's time is what has gone by since, and so is what a month of it costs.
    assert_eq!(ledger.ended_millis - ledger.began_millis, 600_000);
    world.clock.set_millis(BEGIN + 1);
    assert_eq!(world.ledger().ended_millis - world.ledger().began_millis, 3_600_001);
}
