//! Figures of change streams and TTL on this machine: `cargo run --release -p hashrange --example stream_figures`.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "figures go to the screen")]

use hashrange::{
    Clock, Database, Durability, Item, Result, Table,
    admin::index,
    inspect::Work,
    key::{N, S},
    schema::StreamView,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const ITEMS: u64 = 200_000;
const ROUNDS: usize = 25;
const SESSIONS: u64 = 1_000_000;
const START_MILLIS: u64 = 1_795_000_000_000;

fn order(n: u64) -> Item {
    Item::new().with("id", format!("order-{:08}", n % 50_000)).with("n", n).with("note", "x".repeat(200))
}

/// Seconds that 200,000 buffered puts take, three quarters of them over existing items.
fn write_all(table: &Table<S>) -> Result<f64> {
    let begin = Instant::now();
    for n in 0..ITEMS {
        table.put_with(&order(n)).durability(Durability::Buffered).send()?;
    }
    Ok(begin.elapsed().as_secs_f64())
}

fn commits() -> Result<()> {
    let views = [StreamView::KeysOnly, StreamView::NewImage, StreamView::NewAndOld];
    let mut seconds = [[0.0; 5]; ROUNDS];
    for (at, round) in seconds.iter_mut().enumerate() {
        // Whoever comes first finds the disk at rest.
        for kind in (0..round.len()).map(|kind| (kind + at) % 5) {
            let folder = tempfile::tempdir().map_err(|e| hashrange::Error::io("create", "a folder", &e))?;
            let db = Database::open(folder.path())?;
            let table = db.create_table("orders").hash::<S>("id");
            // An index that never has an entry makes the log carry old images, as a stream does.
            let table = if kind == 1 { table.gsi(index("none").hash::<N>("no such attribute")) } else { table };
            let table = if kind >= 2 { table.stream(views[kind - 2]) } else { table };
            round[kind] = write_all(&table.create()?)?;
        }
    }
    let median_of = |figure: &dyn Fn(&[f64; 5]) -> f64| {
        let mut all: Vec<f64> = seconds.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[ROUNDS / 2]
    };
    let puts = |kind: usize| ITEMS as f64 / median_of(&|round| round[kind]);
    // Of ratios within a round, because the machine is faster in one second and slower in the next.
    let ratio = |kind: usize, to: usize| median_of(&|round| round[to] / round[kind]);
    println!("buffered puts a second, median of {ROUNDS}: plain {:.0}", puts(0));
    println!("  with old images in the log {:.0}: {:.2} of plain", puts(1), ratio(1, 0));
    for (kind, view) in (2..).zip(views) {
        let (plain, with_old) = (ratio(kind, 0), ratio(kind, 1));
        println!(
            "  with a stream of {view:?} {:.0}: {plain:.2} of plain, {with_old:.2} of that with old images",
            puts(kind)
        );
    }
    Ok(())
}

fn latency() -> Result<()> {
    for durability in [Durability::Buffered, Durability::Sync] {
        let folder = tempfile::tempdir().map_err(|e| hashrange::Error::io("create", "a folder", &e))?;
        let db = Database::open(folder.path())?;
        let table = db.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).create()?;
        let consumer = table.stream()?.checkpoint("reader");
        let begin = Instant::now();
        let reader = std::thread::spawn(move || -> Result<Vec<u128>> {
            let mut waits = Vec::new();
            for record in consumer.records(Duration::from_millis(500)) {
                let now = begin.elapsed().as_micros();
                let sent = record?.new.as_ref().and_then(|new| new.get("at")?.as_u64()).unwrap_or(0);
                waits.push(now.saturating_sub(u128::from(sent)));
            }
            Ok(waits)
        });
        for n in 0..1000u64 {
            std::thread::sleep(Duration::from_micros(500));
            let at = u64::try_from(begin.elapsed().as_micros()).unwrap_or(0);
            table.put_with(&Item::new().with("id", format!("o{n}")).with("at", at)).durability(durability).send()?;
        }
        let mut waits = reader.join().unwrap_or_else(|_| Ok(Vec::new()))?;
        waits.sort_unstable();
        let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or(0);
        println!("from before a {durability:?} put to its consumer, us: median {}, p99 {}", at(50), at(99));
    }
    Ok(())
}

/// Microseconds of synced foreground puts for a while, sorted.
fn foreground(table: &Table<S>, until: &AtomicBool, most: usize) -> Result<Vec<u128>> {
    let mut waits = Vec::new();
    while waits.len() < most && !until.load(Ordering::Relaxed) {
        let n = waits.len() as u64;
        let begin = Instant::now();
        table.put(&Item::new().with("id", format!("live-{}", n % 5000)).with("n", n))?;
        waits.push(begin.elapsed().as_micros());
    }
    waits.sort_unstable();
    Ok(waits)
}

fn sweep() -> Result<()> {
    let clock = Clock::manual(START_MILLIS);
    let folder = tempfile::tempdir().map_err(|e| hashrange::Error::io("create", "a folder", &e))?;
    let db = Database::options().clock(clock.clone()).open(folder.path())?;
    let sessions = db.create_table("sessions").hash::<S>("id").ttl("ends").create()?;
    let begin = Instant::now();
    for n in 0..SESSIONS {
        let ends = clock.now_secs() + 60 + n % 3600;
        let item = Item::new().with("id", format!("session-{n:08}")).with("ends", ends).with("data", "x".repeat(60));
        sessions.put_with(&item).durability(Durability::Buffered).send()?;
    }
    println!("{SESSIONS} sessions put in {:.1} s", begin.elapsed().as_secs_f64());
    let idle = foreground(&sessions, &AtomicBool::new(false), 20_000)?;
    let nothing = Instant::now();
    let found = db.sweep_now()?;
    println!("a sweep that finds {found} items among them: {} us", nothing.elapsed().as_micros());
    clock.advance(Duration::from_secs(2 * 3600));
    let (begin, over) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let (watched, flag) = (sessions.clone(), over.clone());
    // A lane is swept in the order of time: once the sessions of the last second are gone, all are.
    let is_left = move || {
        let mut last = (3599..SESSIONS).step_by(3600);
        last.any(|n| matches!(watched.get(format!("session-{n:08}")), Ok(Some(_))))
    };
    let watcher = std::thread::spawn(move || {
        while is_left() {
            std::thread::sleep(Duration::from_millis(200));
        }
        flag.store(true, Ordering::Relaxed);
    });
    let busy = foreground(&sessions, &over, usize::MAX)?;
    let _ = watcher.join();
    let seconds = begin.elapsed().as_secs_f64();
    println!("swept in the background in {seconds:.1} s, {:.0} items a second", SESSIONS as f64 / seconds);
    let at = |waits: &[u128], share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or(0);
    for (name, waits) in [("idle", &idle), ("sweeping", &busy)] {
        println!("foreground put, {name}, us: median {}, p99 {} ({} puts)", at(waits, 50), at(waits, 99), waits.len());
    }
    Ok(())
}

fn main() -> Result<()> {
    commits()?;
    latency()?;
    sweep()?;
    let db = Database::options().background(false).in_memory()?;
    assert_eq!(db.step()?, Work::Idle);
    Ok(())
}
