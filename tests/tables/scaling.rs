//! Auto scaling on a clock that is moved by hand: alarms, bounds, cooldowns, the budget of decreases, and what is durable.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, ErrorKind, Item, Table,
    admin::{TableUpdate, index},
    key::S,
    scaling::{ActivityStatus, AutoScaling, ScalableResource, ScalableTarget, ScalingPolicy, ScheduledAction},
    schema::ProvisionedThroughput,
};
use std::time::Duration;

const BEGIN_MILLIS: u64 = 1_800_000_000_000;

struct World {
    db: Database,
    table: Table<S>,
    clock: Clock,
    scaling: AutoScaling,
}

impl World {
    /// A table of which reads can be scaled.
    fn new(reads: u64) -> Self {
        let clock = Clock::manual(BEGIN_MILLIS);
        let db = Database::options().clock(clock.clone()).auto_scaling(true).background(false).in_memory().unwrap();
        let table = db.create_table("stock").hash::<S>("sku").provisioned(reads, 5).create().unwrap();
        let scaling = db.auto_scaling().unwrap();
        Self { db, table, clock, scaling }
    }
    fn with_policy(reads: u64, least: u64, most: u64, change: impl FnOnce(&mut ScalingPolicy)) -> Self {
        let world = Self::new(reads);
        world.scaling.register_target(ScalableTarget::new(reads_of(), least, most)).unwrap();
        let mut policy = ScalingPolicy::new("p", reads_of(), 70.0);
        change(&mut policy);
        world.scaling.put_policy(policy).unwrap();
        world
    }
    fn rate(&self) -> u64 {
        self.db.describe_table("stock").unwrap().definition.throughput.read_units_per_sec
    }
    /// A minute in which so many read units are consumed.
    fn minute(&self, units: u64) {
        (0..units * 2).for_each(|_| drop(self.table.get("a").unwrap()));
        self.clock.advance(Duration::from_secs(60));
    }
    fn set_by_hand(&self, reads: u64) {
        let throughput = Some(ProvisionedThroughput { read_units_per_sec: reads, write_units_per_sec: 5 });
        self.db.update_table("stock", TableUpdate { throughput, ..TableUpdate::default() }).unwrap();
    }
}

fn reads_of() -> ScalableResource {
    ScalableResource::reads_of("stock")
}

#[test]
fn two_busy_minutes_raise_and_one_does_not() {
    let world = World::with_policy(5, 5, 100, |_| {});
    world.minute(300);
    world.minute(0);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!((world.rate(), world.scaling.activities().len()), (5, 0));
    world.minute(300);
    world.minute(300);
    // The second busy minute ends 10 s after the full minute; evaluated 10 s later.
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.rate(), 8, "300 units a minute at 70 percent");
    let activities = world.scaling.activities();
    assert_eq!((activities.len(), activities[0].status), (1, ActivityStatus::Successful));
    let message = "Successfully set read capacity units to 8. Change successfully fulfilled by dynamodb.";
    assert_eq!(activities[0].status_message(), message);
}

#[test]
fn fifteen_idle_minutes_lower_in_one_step() {
    let world = World::with_policy(20, 5, 100, |_| {});
    world.clock.advance(Duration::from_secs(15 * 60 + 9));
    assert_eq!(world.rate(), 20);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.rate(), 5);
    world.clock.advance(Duration::from_secs(3_600));
    let definition = world.db.describe_table("stock").unwrap().definition;
    assert_eq!(definition.settings.throughput_changes.decreases_that_day, 1);
    // A raise by hand on an idle table is taken back at the next evaluation; a lower value is left alone.
    world.set_by_hand(15);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.rate(), 5);
    world.set_by_hand(3);
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(world.rate(), 3);
}

#[test]
fn bounds_are_kept_at_once() {
    let world = World::new(5);
    world.scaling.register_target(ScalableTarget::new(reads_of(), 10, 100)).unwrap();
    assert_eq!(world.rate(), 10);
    assert_eq!(world.scaling.activities()[0].cause, "minimum capacity was set to 10");
    world.scaling.register_target(ScalableTarget::new(reads_of(), 1, 4)).unwrap();
    assert_eq!((world.rate(), world.scaling.targets().len()), (4, 1));
    let world = World::with_policy(5, 5, 6, |_| {});
    (0..3).for_each(|_| world.minute(900));
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(world.rate(), 6, "never above the most");
}

#[test]
fn a_spent_budget_fails_and_is_attempted_again() {
    let world = World::with_policy(50, 5, 100, |_| {});
    for reads in [40, 30, 25, 20] {
        world.set_by_hand(reads);
    }
    world.clock.advance(Duration::from_secs(15 * 60 + 10));
    assert_eq!(world.rate(), 20);
    let failed = world.scaling.activities().remove(0);
    assert_eq!(failed.status, ActivityStatus::Failed);
    let message = failed.status_message();
    assert!(
        message.starts_with("Failed to set read capacity units to 5. Reason: Subscriber limit exceeded"),
        "{message}"
    );
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(world.rate(), 5, "an hour after the last decrease there is one more");
}

#[test]
fn cooldowns_and_suspension_hold() {
    let world = World::with_policy(5, 5, 1_000, |policy| policy.scale_out_cooldown_secs = 300);
    (0..2).for_each(|_| world.minute(300));
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(world.rate(), 8);
    (0..4).for_each(|_| world.minute(600));
    assert_eq!(world.rate(), 8, "cooling");
    (0..2).for_each(|_| world.minute(600));
    assert_eq!(world.rate(), 15);
    let world = World::with_policy(20, 5, 100, |policy| policy.disable_scale_in = true);
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(world.rate(), 20);
    let world = World::with_policy(20, 5, 100, |_| {});
    let mut target = world.scaling.targets().remove(0);
    target.suspended.scale_in = true;
    world.scaling.register_target(target).unwrap();
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(world.rate(), 20);
}

/// A transaction that is sent again with its token reads, and does not write.
#[test]
fn transactions_that_are_sent_again_are_reads() {
    let world = World::with_policy(5, 5, 100, |_| {});
    let writes = ScalableResource::writes_of("stock");
    world.scaling.register_target(ScalableTarget::new(writes.clone(), 5, 100)).unwrap();
    world.scaling.put_policy(ScalingPolicy::new("w", writes.clone(), 70.0)).unwrap();
    let send = || {
        let transaction = world.db.transact_write().put(&world.table, &Item::new().with("sku", "bolt")).token("t");
        transaction.send().unwrap()
    };
    send();
    for _ in 0..2 {
        (0..150).for_each(|_| assert!(send().replayed));
        world.clock.advance(Duration::from_secs(60));
    }
    world.clock.advance(Duration::from_secs(10));
    assert_eq!((world.rate(), world.scaling.units(&writes)), (8, Some(5)), "300 read units a minute at 70 percent");
}

#[test]
fn a_clock_that_is_set_back_stops_no_alarm() {
    let world = World::with_policy(5, 5, 100, |_| {});
    world.minute(300);
    world.clock.set_millis(BEGIN_MILLIS - 3_600_000);
    (0..2).for_each(|_| world.minute(300));
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(world.rate(), 8);
}

#[test]
fn writes_of_an_index_are_scaled_by_themselves() {
    let clock = Clock::manual(BEGIN_MILLIS);
    let db = Database::options().clock(clock.clone()).auto_scaling(true).background(false).in_memory().unwrap();
    let by_day = index("by_day").hash::<S>("day").provisioned(5, 5);
    let table = db.create_table("stock").hash::<S>("sku").provisioned(5, 5).gsi(by_day).create().unwrap();
    let scaling = db.auto_scaling().unwrap();
    let writes = ScalableResource::writes_of("stock").index("by_day");
    scaling.register_target(ScalableTarget::new(writes.clone(), 5, 100)).unwrap();
    scaling.put_policy(ScalingPolicy::new("p", writes.clone(), 50.0)).unwrap();
    for minute in 0..2 {
        for number in 0..300 {
            let sku = format!("{minute} {number}");
            table.put(&Item::new().with("sku", sku).with("day", "monday")).unwrap();
        }
        clock.advance(Duration::from_secs(60));
    }
    clock.advance(Duration::from_secs(10));
    let definition = db.describe_table("stock").unwrap().definition;
    assert_eq!(definition.index("by_day").unwrap().throughput.unwrap().write_units_per_sec, 10);
    assert_eq!((scaling.units(&writes), definition.throughput.write_units_per_sec), (Some(10), 5));
}

#[test]
fn targets_and_policies_outlive_the_table_and_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Database::options().auto_scaling(true).open(folder.path()).unwrap();
    let db = open();
    db.create_table("stock").hash::<S>("sku").provisioned(5, 5).create().unwrap();
    let scaling = db.auto_scaling().unwrap();
    scaling.register_target(ScalableTarget::new(reads_of(), 5, 100)).unwrap();
    scaling.put_policy(ScalingPolicy::new("p", reads_of(), 70.0)).unwrap();
    db.delete_table("stock").unwrap();
    assert!(db.list_tables().is_empty(), "rows of scaling are in no table of the user");
    let before = (scaling.targets(), scaling.policies());
    drop(scaling);
    db.close().unwrap();
    let db = open();
    let scaling = db.auto_scaling().unwrap();
    assert_eq!((scaling.targets(), scaling.policies()), before);
    scaling.deregister_target(&reads_of()).unwrap();
    assert!(scaling.targets().is_empty() && scaling.policies().is_empty());
    drop(scaling);
    db.close().unwrap();
    assert!(open().auto_scaling().unwrap().targets().is_empty());
}

#[test]
fn what_is_wrong_is_refused_by_its_field() {
    let world = World::new(5);
    let error = |result: hashrange::Result<()>| result.unwrap_err().message().to_owned();
    let register = |least, most| error(world.scaling.register_target(ScalableTarget::new(reads_of(), least, most)));
    assert_eq!(register(0, 4), "min_units: must be at least 1");
    assert_eq!(register(5, 4), "max_units: must be at least min_units, 5, not 4");
    let missing = ScalableTarget::new(ScalableResource::reads_of("nothing"), 1, 2);
    assert_eq!(world.scaling.register_target(missing).unwrap_err().kind(), ErrorKind::NotFound);
    let put = |name: &str, percent| error(world.scaling.put_policy(ScalingPolicy::new(name, reads_of(), percent)));
    assert_eq!(put("", 70.0), "name: must have 1 to 256 characters");
    assert_eq!(put("p", 95.0), "target_percent: must be from 20 to 90, not 95");
    assert!(put("p", 70.0).contains("register it first"));
    let unsupported = Database::in_memory().unwrap().auto_scaling().unwrap_err();
    assert_eq!(unsupported.kind(), ErrorKind::Unsupported);
}

#[test]
fn scheduled_actions_set_bounds_at_their_times() {
    let world = World::with_policy(5, 5, 100, |_| {});
    let scheduled = |name: &str, schedule: &str, least, most| {
        world.scaling.put_scheduled_action(ScheduledAction::new(name, reads_of(), schedule, least, most)).unwrap();
    };
    // It is 08:00 on a Friday.
    scheduled("morning", "cron(0 9 ? * MON-FRI *)", 50, 200);
    scheduled("night", "cron(0 20 * * ? *)", 2, 10);
    scheduled("once", "at(2027-01-15T12:00:00)", 80, 200);
    world.clock.advance(Duration::from_secs(3_599));
    assert_eq!(world.rate(), 5);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.rate(), 50, "below the least units that there are from nine o'clock on");
    let activities = world.scaling.activities();
    assert_eq!(activities[0].cause, "minimum capacity was set to 50");
    assert_eq!(activities[1].cause, "scheduled action name morning was triggered");
    assert_eq!(activities[1].description(), "Setting min capacity to 50 and max capacity to 200");
    assert_eq!(activities[1].status_message(), "Successfully set min capacity to 50 and max capacity to 200");
    world.clock.advance(Duration::from_secs(3 * 3_600));
    assert_eq!((world.rate(), world.scaling.targets()[0].min_units), (80, 80));
    // The night's bounds lower it, and what is idle goes to the least.
    world.clock.advance(Duration::from_secs(8 * 3_600));
    assert_eq!((world.rate(), world.scaling.targets()[0].max_units), (10, 10));
    world.clock.advance(Duration::from_secs(1_000));
    assert_eq!(world.rate(), 2);
    // Saturday has no morning.
    world.clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!((world.rate(), world.scaling.targets()[0].max_units), (2, 10));
}

#[test]
fn scheduled_actions_are_suspended_end_and_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(BEGIN_MILLIS);
    let open = || {
        let options = Database::options().clock(clock.clone()).auto_scaling(true).background(false);
        options.open(folder.path()).unwrap()
    };
    let db = open();
    db.create_table("stock").hash::<S>("sku").provisioned(5, 5).create().unwrap();
    let scaling = db.auto_scaling().unwrap();
    let mut target = ScalableTarget::new(reads_of(), 1, 100);
    target.suspended.scheduled = true;
    scaling.register_target(target.clone()).unwrap();
    let mut hourly = ScheduledAction::new("hourly", reads_of(), "rate(1 hour)", 20, 100);
    hourly.end_millis = Some(BEGIN_MILLIS + 5 * 3_600_000);
    scaling.put_scheduled_action(hourly).unwrap();
    let least = |db: &Database| {
        let scaling = db.auto_scaling().unwrap();
        scaling.step().unwrap();
        scaling.targets()[0].min_units
    };
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(least(&db), 1, "suspended");
    target.suspended.scheduled = false;
    scaling.register_target(target.clone()).unwrap();
    drop(scaling);
    db.close().unwrap();
    let db = open();
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(least(&db), 20);
    // Once it has ended, the bounds stay as they are set by hand.
    clock.advance(Duration::from_secs(3 * 3_600));
    let scaling = db.auto_scaling().unwrap();
    scaling.register_target(target).unwrap();
    clock.advance(Duration::from_secs(10 * 3_600));
    assert_eq!(least(&db), 1);
    assert_eq!(scaling.scheduled_actions().len(), 1);
    scaling.delete_scheduled_action(&reads_of(), "hourly").unwrap();
    assert_eq!(scaling.delete_scheduled_action(&reads_of(), "hourly").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn wrong_scheduled_actions_are_refused_by_their_field() {
    let world = World::new(5);
    let action = |schedule: &str, least, most| ScheduledAction::new("a", reads_of(), schedule, least, most);
    let refused = |action: ScheduledAction| world.scaling.put_scheduled_action(action).unwrap_err();
    assert_eq!(refused(action("rate(1 hour)", 1, 2)).code(), "ObjectNotFoundException");
    world.scaling.register_target(ScalableTarget::new(reads_of(), 1, 10)).unwrap();
    let mut nothing = action("rate(1 hour)", 1, 2);
    (nothing.min_units, nothing.max_units) = (None, None);
    let mut backwards = action("rate(1 hour)", 1, 2);
    (backwards.start_millis, backwards.end_millis) = (Some(2), Some(1));
    let mut nameless = action("rate(1 hour)", 1, 2);
    nameless.name = String::new();
    for (field, action) in [
        ("schedule: ", action("hourly", 1, 2)),
        ("min_units: ", action("rate(1 hour)", 0, 2)),
        ("max_units: ", action("rate(1 hour)", 3, 2)),
        ("min_units, max_units: ", nothing),
        ("end_millis: ", backwards),
        ("name: ", nameless),
    ] {
        let error = refused(action);
        assert!(error.message().starts_with(field), "{field}: {}", error.message());
    }
    // Bounds that do not fit those that the target has by then are a failed activity.
    let mut low = action("rate(1 hour)", 1, 2);
    (low.min_units, low.max_units) = (Some(50), None);
    world.scaling.put_scheduled_action(low).unwrap();
    world.clock.advance(Duration::from_secs(3_600));
    world.scaling.step().unwrap();
    let activity = world.scaling.activities().remove(0);
    assert_eq!((activity.status, world.scaling.targets()[0].min_units), (ActivityStatus::Failed, 1));
    assert!(activity.status_message().contains("max_units: must be at least"), "{}", activity.status_message());
}
