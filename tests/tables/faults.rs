//! Faults on demand: who meets them, how often, and that nothing is changed by them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, ErrorKind, Item, Table, attr,
    error::Detail,
    key::S,
    service::{Delay, FaultModel, FaultRule, ServiceFault, StateDelay},
};
use std::time::Duration;

const BEGIN_MILLIS: u64 = 1_800_000_000_000;

fn faulty(model: FaultModel) -> (Database, Table<S>, Clock) {
    let clock = Clock::manual(BEGIN_MILLIS);
    let db = Database::options().clock(clock.clone()).faults(model).background(false).in_memory().unwrap();
    let stock = db.create_table("stock").hash::<S>("sku").create().unwrap();
    (db, stock, clock)
}

fn item(sku: &str) -> Item {
    Item::new().with("sku", sku).with("left", 5)
}

#[test]
fn only_what_matches_meets_a_fault() {
    let rule =
        FaultRule::new("r").operation("PutItem").table("stock").key_prefix("b").fail(ServiceFault::ServiceUnavailable);
    let (db, stock, _) = faulty(FaultModel::default().rule(rule));
    let other = db.create_table("other").hash::<S>("sku").create().unwrap();
    let error = stock.put(&item("bolt")).unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.is_retryable()),
        (ErrorKind::Unavailable, "ServiceUnavailable", true)
    );
    let expected = Detail::Fault { rule: "r".to_owned(), is_carried_out: false, has_answer: true };
    assert_eq!(error.detail(), Some(&expected));
    other.put(&item("bolt")).unwrap();
    stock.put(&item("nut")).unwrap();
    assert!(stock.get("bolt").unwrap().is_none() && stock.delete("bolt").is_ok());
    let counts = db.fault_counts();
    assert_eq!((counts[0].rule.as_str(), counts[0].matched, counts[0].struck), ("r", 1, 1));
}

/// Whatever chance draws, a rule delays a request by an hour at most.
#[test]
fn delays_are_an_hour_at_most() {
    let hour = 3_600_000;
    for delay in [Delay::Exponential(hour), Delay::LogNormal(1, hour)] {
        let (_, stock, clock) = faulty(FaultModel::default().rule(FaultRule::new("slow").delay(delay)));
        let mut longest = 0;
        for _ in 0..3_000 {
            let before = clock.now_millis();
            stock.get("bolt").unwrap();
            longest = longest.max(clock.now_millis() - before);
        }
        assert_eq!(longest, hour, "{delay:?}");
    }
}

#[test]
fn the_same_seed_strikes_the_same_requests() {
    let struck = |seed: u64| {
        let rule = FaultRule::new("r").rate(0.3).fail(ServiceFault::InternalServerError);
        let (_, stock, _) = faulty(FaultModel::default().seed(seed).rule(rule));
        (0..500).map(|_| stock.get("a").is_err()).collect::<Vec<_>>()
    };
    let once = struck(7);
    assert_eq!(once, struck(7));
    assert_ne!(once, struck(8));
    let count = once.iter().filter(|struck| **struck).count();
    assert!((110..190).contains(&count), "{count} of 500 at a rate of 0.3");
    let rule = FaultRule::new("r").skip(2).times(3).fail(ServiceFault::InternalServerError);
    let (_, stock, _) = faulty(FaultModel::default().rule(rule));
    let met: Vec<bool> = (0..7).map(|_| stock.get("a").is_err()).collect();
    assert_eq!(met, [false, false, true, true, true, false, false]);
}

#[test]
fn a_lost_answer_is_the_only_fault_behind_which_something_was_done() {
    let faults = [
        ServiceFault::InternalServerError,
        ServiceFault::ServiceUnavailable,
        ServiceFault::ProvisionedThroughputExceeded,
        ServiceFault::Throttling,
        ServiceFault::RequestLimitExceeded,
        ServiceFault::ConnectionClosed,
        ServiceFault::AnswerLost,
    ];
    for fault in faults {
        let rule = FaultRule::new("r").operation("PutItem").times(1).fail(fault);
        let (_, stock, _) = faulty(FaultModel::default().rule(rule));
        let error = stock.put(&item("bolt")).unwrap_err();
        assert!(error.is_retryable(), "{fault:?}: {error:?}");
        let is_lost = fault == ServiceFault::AnswerLost;
        assert_eq!(stock.get("bolt").unwrap().is_some(), is_lost, "{fault:?}");
        let is_carried_out = matches!(error.detail(), Some(Detail::Fault { is_carried_out: true, .. }));
        assert_eq!(is_carried_out, is_lost);
        let again = stock.put_with(&item("bolt")).when(attr("sku").not_exists()).send();
        assert_eq!(again.is_err_and(|error| error.is_condition_failed()), is_lost, "{fault:?}");
    }
}

#[test]
fn throttles_concern_the_items_of_batches_and_transactions_one_by_one() {
    let rule = FaultRule::new("hot").key_prefix("hot").fail(ServiceFault::Throttling);
    let (db, stock, _) = faulty(FaultModel::default().rule(rule));
    let (cold, hot) = (item("cold"), item("hot"));
    let written = db.batch_write().put(&stock, &hot).put(&stock, &cold).send().unwrap();
    assert_eq!(written.unprocessed, [0]);
    let error = db.batch_write().put(&stock, &hot).send().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Throttled, "ThrottlingException"));
    assert_eq!(error.throttling_reasons()[0].name(), "TableWriteKeyRangeThroughputExceeded");
    let read = db.batch_get().keys(&stock, ["cold", "hot"]).send().unwrap();
    assert_eq!((read.items[0].1.len(), read.unprocessed[0].as_slice()), (1, [1].as_slice()));
    let error = db.transact_write().put(&stock, &item("new")).put(&stock, &hot).send().unwrap_err();
    let codes: Vec<&str> = error.cancellation_reasons().iter().map(|reason| reason.code()).collect();
    assert_eq!((codes.as_slice(), error.is_retryable()), (["None", "ThrottlingError"].as_slice(), true));
    assert!(stock.get("new").unwrap().is_none(), "nothing of a cancelled transaction is done");
    let error = db.transact_get().get(&stock, "hot").get(&stock, "cold").send().unwrap_err();
    assert_eq!(error.cancellation_reasons().len(), 2);
    assert!(stock.query("hot").page().is_err(), "a query has a key");
    assert!(stock.scan().page().is_ok(), "a scan has none");
}

#[test]
fn delays_pass_on_the_clock_and_the_first_fault_decides() {
    let slow = FaultRule::new("slow").delay(Delay::Fixed(40));
    let both =
        FaultRule::new("both").operation("GetItem").delay(Delay::Uniform(5, 5)).fail(ServiceFault::ConnectionClosed);
    let late = FaultRule::new("late").operation("GetItem").fail(ServiceFault::InternalServerError);
    let (db, stock, clock) = faulty(FaultModel::default().rule(slow).rule(both).rule(late));
    let error = stock.get("a").unwrap_err();
    assert_eq!((error.code(), clock.now_millis()), ("NoAnswer", BEGIN_MILLIS + 45));
    stock.put(&item("a")).unwrap();
    assert_eq!(clock.now_millis(), BEGIN_MILLIS + 85);
    db.set_faults(FaultModel::default()).unwrap();
    stock.get("a").unwrap();
    assert_eq!((clock.now_millis(), db.fault_counts().len()), (BEGIN_MILLIS + 85, 0));
}

#[test]
fn new_tables_take_their_time() {
    let state = StateDelay { tables: vec!["slow".to_owned()], creating_millis: 5_000, updating_millis: 0 };
    let (db, _, clock) = faulty(FaultModel::default().state(state));
    db.create_table("slow").hash::<S>("sku").create().unwrap();
    assert!(db.table::<S>("slow").unwrap_err().is_not_found());
    clock.advance(Duration::from_secs(5));
    db.table::<S>("slow").unwrap().put(&item("a")).unwrap();
}

#[test]
fn what_cannot_be_modelled_is_refused_by_its_field() {
    let refused = |rule: FaultRule| {
        let error = Database::options().faults(FaultModel::default().rule(rule)).in_memory().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        error.message().to_owned()
    };
    let fail = |rule: FaultRule| rule.fail(ServiceFault::Throttling);
    for (rule, field) in [
        (fail(FaultRule::new("")), "faults.rules[0].name: "),
        (fail(FaultRule::new("r").operation("GetItems")), "faults.rules[0].operations[0]: "),
        (fail(FaultRule::new("r").table("a").table("")), "faults.rules[0].tables[1]: "),
        (fail(FaultRule::new("r").rate(-0.1)), "faults.rules[0].rate: "),
        (fail(FaultRule::new("r").rate(f64::NAN)), "faults.rules[0].rate: "),
        (FaultRule::new("r"), "faults.rules[0].fault: "),
        (FaultRule::new("r").delay(Delay::Uniform(1, 3_600_001)), "faults.rules[0].delay: "),
    ] {
        let text = refused(rule);
        assert!(text.starts_with(field), "{text}");
    }
    for (json, place) in [
        ("[]", "faults: "),
        (r#"{"rule": []}"#, "faults: unknown field `rule`"),
        (r#"{"rules": [{"fault": "Oops"}]}"#, "faults.rules[0].fault: there is no Oops"),
        (r#"{"rules": [{}, {"fault": 3}]}"#, "faults.rules[1]: "),
        (r#"{"rules": [{"delay": {"fixed": 3}}]}"#, "faults.rules[0]: unknown variant `fixed`"),
        (r#"{"rules": [{"delay": {"log_normal_millis": {"median": 3}}}]}"#, "faults.rules[0]: missing field `p99`"),
        (r#"{"states": [{"creating_millis": 3600001}]}"#, "faults.states[0].creating_millis: "),
    ] {
        let error = FaultModel::from_json(json).unwrap_err();
        assert!(error.message().starts_with(place), "{json}: {error}");
    }
    let error = Database::in_memory().unwrap().set_faults(FaultModel::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
