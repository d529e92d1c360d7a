//! Records that wait for their delivery: for others, and for a sink that fails until they are too old.

use super::*;

#[test]
fn as_many_records_as_kinesis_takes_wait_for_no_others() {
    let clock = Clock::manual(START_MILLIS);
    let db = options(&clock).in_memory().unwrap();
    let (table, sink) = (orders(&db), Sink::default());
    let disorder = Disorder { gather: Duration::from_secs(60), ..Disorder::default() };
    db.deliver_to_kinesis(DisorderedSink::new(sink.clone(), disorder).unwrap()).unwrap();
    db.kinesis("orders").enable(STREAM, None).unwrap();
    put(&table, "x", 0);
    settle(&db);
    assert!(sink.take().is_empty());
    (1..600).for_each(|n| put(&table, "x", n));
    settle(&db);
    assert_eq!(sink.take().len(), 500);
    clock.advance(Duration::from_secs(61));
    settle(&db);
    assert_eq!(sink.take().len(), 100);
}

/// A destination that was disabled while its sink failed: its records are kept as others are, and their end is a gap.
#[test]
fn what_a_disabled_destination_did_not_get_is_kept_or_a_gap() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    for keeps in [true, false] {
        let clock = Clock::manual(START_MILLIS);
        let options = options(&clock).keep_unread(if keeps { hours(72) } else { hours(24) });
        let (db, sink) = (options.in_memory().unwrap(), Sink::default());
        let table = orders(&db);
        db.deliver_to_kinesis(sink.clone()).unwrap();
        db.kinesis("orders").enable(STREAM, None).unwrap();
        sink.fail(true);
        put(&table, "x", 1);
        settle(&db);
        db.kinesis("orders").disable(STREAM).unwrap();
        clock.advance(hours(30));
        settle(&db);
        sink.fail(false);
        clock.advance(hours(1));
        settle(&db);
        let gaps = db.kinesis("orders").list().unwrap()[0].delivery.gaps;
        assert_eq!((sink.take().len(), gaps), if keeps { (1, 0) } else { (0, 1) });
    }
}
