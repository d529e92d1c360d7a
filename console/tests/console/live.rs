//! Records that are followed as they come.

use super::support::{get, watched};
use hashrange::{Clock, Database, Durability, Item, key::S, request::PutItem, schema::StreamView};
use hashrange_console::{Body, Console, ConsoleOptions, EventSource};
use std::time::Duration;

fn streamed() -> (Database, Console) {
    let (db, console) = watched(|options| options.background(false));
    db.create_table("tab").hash::<S>("id").stream(StreamView::NewAndOld).create().unwrap();
    (db, console)
}

fn follow(console: &Console) -> Option<Box<dyn EventSource>> {
    let request = http::Request::get("/console/api/tables/tab/stream/events").body(Vec::new()).unwrap();
    match console.answer(request).into_body() {
        Body::Events(events) => Some(events),
        Body::Whole(_) => None,
    }
}

fn put(db: &Database, number: u32) {
    let mut put = PutItem::new("tab", Item::new().with("id", format!("i{number:06}")));
    put.durability = Some(Durability::Buffered);
    db.execute(&put).unwrap();
}

/// The texts of so many looks.
fn looks(events: &mut dyn EventSource, count: usize) -> String {
    (0..count).map(|_| String::from_utf8(events.next().unwrap().to_vec()).unwrap()).collect()
}

#[test]
fn records_from_now_on_are_events() {
    let (db, console) = streamed();
    put(&db, 0);
    let mut events = follow(&console).unwrap();
    put(&db, 1);
    put(&db, 2);
    let text = looks(&mut *events, 20);
    let data: Vec<serde_json::Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(data.len(), 2, "{text}");
    assert_eq!((data[0]["event"].as_str(), data[0]["keys"]["id"]["S"].as_str()), (Some("INSERT"), Some("i000001")));
    assert!(data[1]["new"]["id"]["S"].is_string());
    db.update_table("tab", hashrange::admin::TableUpdate { stream: Some(None), ..Default::default() }).unwrap();
    assert_eq!(get(&console, "api/tables/tab/stream/events").status, 404, "the stream is off");
}

#[test]
fn a_reader_that_is_too_slow_loses_records_and_is_told() {
    let (db, console) = streamed();
    let mut events = follow(&console).unwrap();
    for number in 0..5_000 {
        put(&db, number);
    }
    let mut seen = 0;
    let mut was_told = false;
    for _ in 0..200 {
        let part = String::from_utf8(events.next().unwrap().to_vec()).unwrap();
        seen += part.matches("\"INSERT\"").count();
        was_told |= part.contains("event: gap");
        assert!(part.len() < 100 * 400, "a part is bounded: {}", part.len());
    }
    assert!(was_told && seen < 5_000, "{seen}");
    put(&db, 9_999);
    assert!(looks(&mut *events, 20).contains("i009999"), "it goes on behind the gap");
}

#[test]
fn parts_of_large_records_are_bounded_in_bytes() {
    let (db, console) = watched(|options| options.background(false).initial_partitions(16));
    let table = db.create_table("tab").hash::<S>("id").stream(StreamView::NewAndOld).create().unwrap();
    let mut events = follow(&console).unwrap();
    for number in 0..32 {
        table.put(&Item::new().with("id", number.to_string()).with("pad", "x".repeat(300_000))).unwrap();
    }
    let parts: Vec<String> = (0..100).map(|_| looks(&mut *events, 1)).collect();
    assert_eq!(parts.iter().map(|part| part.matches("\"INSERT\"").count()).sum::<usize>(), 32);
    let largest = parts.iter().map(String::len).max().unwrap();
    assert!(largest < 2_500_000, "{largest}");
}

#[test]
fn a_tab_that_does_not_read_costs_nothing_but_its_place() {
    let (db, console) = streamed();
    let open: Vec<_> = std::iter::from_fn(|| follow(&console)).take(100).collect();
    assert_eq!(open.len(), 32, "further ones are refused");
    assert_eq!(get(&console, "api/tables/tab/stream/events").status, 429);
    for number in 0..100 {
        put(&db, number); // nothing waits for those that do not read
    }
    drop(open);
    assert!(follow(&console).is_some());
}

#[test]
fn a_quiet_stream_says_that_it_is_there() {
    let (_, console) = streamed();
    let mut events = follow(&console).unwrap();
    assert_eq!(looks(&mut *events, 60).matches(": still here\n\n").count(), 2, "at once, and after five seconds");
}

#[test]
fn a_stream_that_is_quiet_for_longer_than_an_iterator_lives_shows_what_comes_then() {
    let clock = Clock::manual(1_800_000_000_000);
    let (db, console) = watched(|options| options.background(false).clock(clock.clone()));
    db.create_table("tab").hash::<S>("id").stream(StreamView::NewAndOld).create().unwrap();
    let mut events = follow(&console).unwrap();
    for _ in 0..8 {
        clock.advance(Duration::from_secs(240));
        let text = looks(&mut *events, 8);
        assert!(!text.contains("event:"), "{text}");
    }
    put(&db, 1);
    let text = looks(&mut *events, 8);
    assert!(text.contains("i000001") && !text.contains("event: gap"), "{text}");
    // A machine that slept asks when its iterators are void.
    clock.advance(Duration::from_secs(1_000));
    assert!(looks(&mut *events, 1).contains("event: gap\ndata: records may have been left out"));
    put(&db, 2);
    assert!(looks(&mut *events, 8).contains("i000002"));
}

#[test]
fn a_record_that_becomes_durable_after_a_look_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::options().background(false).open(folder.path()).unwrap();
    let table = db.create_table("tab").hash::<S>("id").stream(StreamView::NewAndOld).create().unwrap();
    let console = Console::new(db.clone(), ConsoleOptions::default());
    let mut events = follow(&console).unwrap();
    for number in 0..30 {
        let id = format!("i{number:06}");
        let mut text = String::new();
        // Looks fall between the moment at which the commit is in the log and that at which it is durable.
        std::thread::scope(|scope| {
            let put = scope.spawn(|| table.put(&Item::new().with("id", id.as_str())).unwrap());
            while !put.is_finished() {
                text += &looks(&mut *events, 1);
            }
        });
        text += &looks(&mut *events, 8);
        assert!(text.contains(&id), "{number}: {text}");
    }
}
