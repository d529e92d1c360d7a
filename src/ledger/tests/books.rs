//! Rows are folded and hours add up.

use crate::{
    capacity::KeyPosition,
    config::LedgerOptions,
    error::ThrottledLimit,
    ledger::{
        book::{Book, Noted, RowKey, split_key},
        calls::{Calls, Ending, highest_micros},
        label::RequestLabel,
        rates::{HOUR_MILLIS, Rate, Rates, UnitHours},
        row::Usage,
    },
};

const BEGIN: u64 = 1_800_000_000_000;

fn noted(partition: u64, is_write: bool) -> Noted<'static> {
    let label = RequestLabel { operation: "GetItem", tag: 0 };
    let place = KeyPosition { token: 1, collection: b"\0a", sort: b"s" };
    Noted { key: RowKey { label, partition }, place, is_whole_key: true, is_write }
}

#[test]
fn beyond_its_rows_a_book_adds_the_oldest_minute_up_and_loses_nothing() {
    let mut book = Book::new(&LedgerOptions { max_rows: 100, max_keys: 8 });
    for minute in 0..50 {
        for partition in 0..5 {
            book.used(&noted(partition, true), 1_500, true, BEGIN + minute * 60_000);
        }
    }
    let kept: usize = book.minutes.values().map(|rows| rows.len()).sum();
    assert!(kept <= 100, "{kept}");
    let mut total = Usage::default();
    book.minutes.values().flat_map(|rows| rows.values()).chain(book.earlier.values()).for_each(|row| total.add(row));
    assert_eq!((total.accesses, total.write_milliunits), (250, 375_000));
    assert_eq!((total.least_milliunits, total.most_milliunits), (1_500, 1_500));
    // One minute alone may have more than there is room for.
    let mut book = Book::new(&LedgerOptions { max_rows: 100, max_keys: 8 });
    (0..1_000).for_each(|partition| book.used(&noted(partition, false), 500, true, BEGIN));
    assert!(book.minutes.values().map(|rows| rows.len()).sum::<usize>() <= 100);
    let sums = |book: &Book| {
        let rows = book.minutes.values().flat_map(|rows| rows.values()).chain(book.earlier.values());
        rows.map(|row| row.read_milliunits).sum::<u64>()
    };
    assert_eq!(sums(&book), 500_000);
}

#[test]
fn hours_know_their_hottest_minute_and_what_was_on_demand() {
    let mut book = Book::new(&LedgerOptions::new());
    for (seconds, is_on_demand) in [(0, true), (30, true), (61, false), (3_599, true)] {
        book.used(&noted(0, false), 1_000, is_on_demand, BEGIN + seconds * 1_000);
    }
    let hour = book.hours[&(BEGIN / HOUR_MILLIS)];
    assert_eq!((hour.milliunits, hour.on_demand, hour.peak_minute), ([4_000, 0], [3_000, 0], [2_000, 0]));
}

#[test]
fn hours_that_are_added_up_are_counted_with_their_peaks() {
    let mut book = Book::new(&LedgerOptions::new());
    for hour in 0..1_000 {
        book.used(&noted(0, true), 2_000, false, BEGIN + hour * HOUR_MILLIS);
    }
    let earlier = book.earlier_hours;
    assert_eq!((earlier.hours, earlier.peaks(), earlier.peak_minute), (256, [0, 512_000], [0, 2_000]));
    let (_, last) = book.hours.last_key_value().unwrap();
    assert_eq!((last.hours, last.peaks()), (1, [0, 2_000]));
    // A clock that was set back by months counts to the oldest hour, and makes none of its own for each access.
    (0..5).for_each(|_| book.used(&noted(0, true), 2_000, false, BEGIN - 10_000 * HOUR_MILLIS));
    assert_eq!((book.earlier_hours.hours, book.hours.len()), (256, 744));
}

#[test]
fn what_an_index_refuses_is_no_throttle_of_a_key() {
    let mut book = Book::new(&LedgerOptions::new());
    book.throttled(&noted(0, true), ThrottledLimit::ProvisionedThroughput, false, BEGIN);
    assert!(book.rankings.throttled[0].counters().is_empty());
    book.throttled(&noted(0, true), ThrottledLimit::KeyRangeThroughput, true, BEGIN);
    assert_eq!(book.rankings.throttled[0].total(), 1);
    let key = &book.rankings.throttled[1].counters()[0].key;
    assert_eq!(split_key(key), Some((&b"\0a"[..], &b"s"[..])));
    let row = book.minutes[&(BEGIN / 60_000)].values().next().unwrap();
    assert_eq!((row.throttled_writes, row.throttled()), ([1, 1, 0, 0], 2));
}

#[test]
fn a_clock_hour_counts_at_its_highest_rate() {
    let rate = |units: u64| Rate { read_units: units, write_units: 2 * units };
    let begin = BEGIN / HOUR_MILLIS * HOUR_MILLIS;
    let mut rates = Rates::new(rate(10), begin);
    assert_eq!(rates.unit_hours(begin), UnitHours { read: 10, write: 20 }, "an hour that has begun is billed");
    rates.change(rate(50), begin + 1_000);
    rates.change(rate(5), begin + 2_000);
    assert_eq!(rates.unit_hours(begin + 3_000), UnitHours { read: 50, write: 100 });
    let after_3_hours = begin + 3 * HOUR_MILLIS;
    assert_eq!(rates.unit_hours(after_3_hours), UnitHours { read: 50 + 3 * 5, write: 2 * (50 + 3 * 5) });
    rates.end(after_3_hours + 1);
    assert_eq!(rates.unit_hours(after_3_hours + 100 * HOUR_MILLIS).read, 65, "what is gone costs nothing more");
    rates.change(rate(7), begin); // the clock was set back
    assert!(rates.unit_hours(begin).read >= 65);
}

#[test]
fn latencies_are_told_to_a_quarter() {
    let mut calls = Calls::default();
    for micros in [0, 1, 3, 4, 5, 100, 1_000, 70_000_000_000] {
        calls.note(Ending::Done { items: 1 }, micros);
    }
    for micros in [0u64, 1, 3, 4, 7, 8, 9, 100, 12_345, 1 << 40] {
        let mut one = Calls::default();
        one.note(Ending::Done { items: 0 }, micros);
        let end = highest_micros(one.latencies[0].0);
        assert!(end >= micros && end <= micros + micros / 4, "{micros} {end}");
    }
    assert_eq!(calls.percentile_micros(500), Some(4));
    assert_eq!(calls.percentile_micros(1_000), Some(70_000_000_000));
    assert_eq!((calls.least_items, calls.most_items, calls.succeeded), (1, 1, 8));
    assert_eq!(Calls::default().percentile_micros(500), None);
}
