use super::*;
use crate::{clock::Clock, error::Error};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};

const NOW_MILLIS: u64 = 1_800_000_000_000;

fn partition() -> Subject {
    Subject::Partition { partition: 7, table: "orders".to_owned(), index: None }
}

fn disk_full() -> Error {
    Error::io("write", "7.run", &std::io::ErrorKind::StorageFull.into())
}

#[test]
fn a_failure_stays_where_it_is_and_is_due_again_later_and_later() {
    let clock = Clock::manual(NOW_MILLIS);
    let observe = Observe::new(clock.clone(), None);
    assert!(observe.is_due(Job::Flush, 7) && observe.health().is_good());

    let mut waits = Vec::new();
    for attempt in 1..=4 {
        observe.failed(Job::Flush, 7, partition, &disk_full());
        assert!(observe.is_due(Job::Flush, 8), "another partition");
        assert!(observe.is_due(Job::Compaction, 7), "another job");
        let begun_millis = clock.now_millis();
        while !observe.is_due(Job::Flush, 7) {
            clock.advance(Duration::from_millis(1));
        }
        waits.push(clock.now_millis() - begun_millis);
        let health = observe.health();
        assert_eq!(health.failures.len(), 1);
        assert_eq!((health.failures[0].attempts, health.failures[0].since_millis), (attempt, NOW_MILLIS));
        assert!(health.is_writable() && !health.is_good());
    }
    assert_eq!(waits, [250, 500, 1_000, 2_000]);
    assert_eq!(observe.counters().read().background_failures, 4);

    observe.succeeded(Job::Flush, 7);
    assert!(observe.is_due(Job::Flush, 7) && observe.health().is_good());
}

#[test]
fn a_clock_that_is_set_back_postpones_nothing() {
    let clock = Clock::manual(NOW_MILLIS);
    let observe = Observe::new(clock.clone(), None);
    observe.failed(Job::Expiry, 1, || Subject::Database, &Error::corrupt("7.run", 0, "a test"));
    assert!(!observe.is_due(Job::Expiry, 1));
    assert_eq!(observe.health().failures[0].retry_at_millis, Some(NOW_MILLIS + 60_000));
    clock.set_millis(NOW_MILLIS - 1);
    assert!(observe.is_due(Job::Expiry, 1));
}

#[test]
fn what_is_gone_fails_no_more() {
    let observe = Observe::new(Clock::manual(NOW_MILLIS), None);
    observe.failed(Job::Flush, 7, partition, &disk_full());
    observe.failed(Job::LogTrim, 0, || Subject::Database, &disk_full());
    observe.forget(|subject| subject.table() == Some("orders"));
    assert_eq!(observe.health().failures.iter().map(|failure| failure.job).collect::<Vec<_>>(), [Job::LogTrim]);
}

#[test]
fn only_the_first_failure_ends_writing() {
    let observe = Observe::new(Clock::manual(NOW_MILLIS), None);
    let events = observe.subscribe(10);
    observe.writing_ended(Job::Log, &disk_full());
    observe.writing_ended(Job::Manifest, &Error::validation("later"));
    let ended = observe.health().writing_ended.unwrap();
    assert_eq!((ended.job, ended.error.kind(), ended.retry_at_millis), (Job::Log, disk_full().kind(), None));
    assert!(matches!(events.try_next().unwrap().kind, EventKind::WritingEnded(_)));
    assert!(events.try_next().is_none());
}

#[test]
fn every_event_reaches_the_observer_and_a_full_queue_counts_what_it_leaves_out() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let seen = seen.clone();
        Observer::new(move |event: &Event| seen.lock().push(event.kind.to_string()))
    };
    let observe = Observe::new(Clock::manual(NOW_MILLIS), Some(observer));
    let (small, large) = (observe.subscribe(1), observe.subscribe(10));
    observe.event(EventKind::LogTrimmed { bytes: 5 });
    observe.failed(Job::Flush, 7, partition, &disk_full());
    observe.succeeded(Job::Flush, 7);
    observe.succeeded(Job::Flush, 7);
    let failed = format!("flush of partition 7 of table orders failed (attempt 1): {}", disk_full());
    let expected = ["trimmed 5 bytes of log", failed.as_str(), "flush of partition 7 of table orders works again"];
    assert_eq!(*seen.lock(), expected);
    assert_eq!(std::iter::from_fn(|| large.try_next()).count(), 3);
    assert_eq!((std::iter::from_fn(|| small.try_next()).count(), small.lost(), large.lost()), (1, 2, 0));
    drop((small, large));
    observe.event(EventKind::LogTrimmed { bytes: 6 });
    assert_eq!(seen.lock().len(), 4);
}
