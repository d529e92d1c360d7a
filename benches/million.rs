//! A million items of about 300 bytes, from the first put to opening again after a kill, each step with what it took:
//! `cargo bench -p hashrange --bench million`, with another memory for memtables than the default behind `--`, in MiB.

#![expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
#![expect(clippy::print_stdout, reason = "a program that prints")]

use hashrange::{Database, Durability, Error, Item, Result, Table, key::S};
use std::{
    env, fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

const ITEMS: u64 = 1_000_000;
/// Set in the process that fills the log and dies.
const DOOMED: &str = "HASHRANGE_DOOMED";

fn item(n: u64, version: u64) -> Item {
    Item::new()
        .with("pk", format!("USER#{:08}", n / 10))
        .with("sk", format!("ORDER#2026-{:02}-11T10:00#{:04}", n % 10 + 1, n % 10))
        .with("version", version)
        .with("status", "SHIPPED")
        .with("customer", format!("cust-{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .with(
            "note",
            "parcel blue river stone quick amber delta lamp gift order fragile north south window paper cloud",
        )
        .with("total", n * 7919 % 1_000_000)
        .with("address", Item::new().with("street", format!("{} stone street", n % 900)).with("city", "Springfield"))
}

/// Each number below [`ITEMS`] once, in no order.
fn shuffled(n: u64) -> u64 {
    n * 7_368_787 % ITEMS
}

fn put(table: &Table<(S, S)>, n: u64, version: u64, durability: Durability) -> Result<()> {
    table.put_with(&item(n, version)).durability(durability).send().map(drop)
}

/// A figure of this process from Linux's /proc; 0 elsewhere.
fn proc_figure(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|facts| facts.len()).sum()
}

/// Runs a step and prints its name, its time and what it returns.
fn step<R>(name: &str, run: impl FnOnce() -> Result<R>, tell: impl FnOnce(&R, f64) -> String) -> Result<R> {
    let begin = Instant::now();
    let result = run()?;
    let seconds = begin.elapsed().as_secs_f64();
    println!("{name:40}{seconds:9.3} s  {}", tell(&result, seconds));
    Ok(result)
}

fn load(folder: &Path) -> Result<()> {
    let mut options = Database::options().durability(Durability::Buffered);
    if let Some(mebibytes) = env::args().nth(1).and_then(|argument| argument.parse::<usize>().ok()) {
        options = options.memtable_bytes(mebibytes << 20);
    }
    let db = options.open(folder)?;
    let table = db.create_table("orders").hash::<S>("pk").range::<S>("sk").open_or_create()?;
    let (peak, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let base = proc_figure("status", "RssAnon:");
    let a_second = |_: &(), seconds: f64| format!("{:.0} items a second", ITEMS as f64 / seconds);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(proc_figure("status", "RssAnon:"), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(10));
            }
        });
        let whole = Instant::now();
        let puts = || (0..ITEMS).try_for_each(|n| put(&table, shuffled(n), 0, Durability::Buffered));
        let loaded = step("puts, buffered", puts, a_second).and_then(|()| {
            step("  then merging to rest, and a sync", || db.compact().and_then(|()| db.sync()), |(), _| String::new())
        });
        done.store(true, Ordering::Relaxed);
        println!(
            "{:40}{:9.3} s  {}",
            "  together",
            whole.elapsed().as_secs_f64(),
            a_second(&(), whole.elapsed().as_secs_f64())
        );
        loaded
    })?;
    let logical = db.facts().logical_bytes;
    let ratio = |bytes: u64| bytes as f64 / logical as f64;
    println!("{:40}{:9.1} MB", "anonymous memory at the peak", (peak.into_inner() - base) as f64 / 1e3);
    println!("{:40}{:9.2}", "written bytes for a byte of items", ratio(proc_figure("io", "write_bytes:")));
    println!("{:40}{:9.2}", "disk bytes for a byte of items", ratio(bytes_in(folder)));
    let scan = || table.scan().items().try_fold(0_u64, |count, item| item.map(|_| count + 1));
    let count = step("scan", scan, |count, seconds| format!("{:.0} items a second", *count as f64 / seconds))?;
    assert_eq!(count, ITEMS, "every item once");
    drop(table);
    db.close()
}

fn synced_puts(table: &Table<(S, S)>) -> Result<()> {
    let (begin, puts) = (Instant::now(), AtomicU64::new(0));
    thread::scope(|scope| {
        let worker = |worker: u64| {
            let puts = &puts;
            move || -> Result<()> {
                for n in (worker..).step_by(8) {
                    if begin.elapsed() > Duration::from_secs(3) {
                        break;
                    }
                    put(table, shuffled(n % ITEMS), 1, Durability::Sync)?;
                    puts.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
        };
        let workers: Vec<_> = (0..8).map(|number| scope.spawn(worker(number))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    let per_sec = puts.into_inner() as f64 / begin.elapsed().as_secs_f64();
    println!("{:40}{per_sec:9.0} a second", "puts, synced, 8 threads");
    Ok(())
}

/// Fills the log to its limit without a flush, and dies.
fn fill_log(folder: &Path) -> Result<()> {
    let options = Database::options().durability(Durability::Buffered).background(false).memtable_bytes(4 << 30);
    let db = options.open(folder)?;
    let table = db.table::<(S, S)>("orders")?;
    let limit = db.opened_with().log_bytes - db.opened_with().log_segment_bytes / 16;
    for n in 0.. {
        put(&table, shuffled(n % ITEMS), 2 + n / ITEMS, Durability::Buffered)?;
        if n % 10_000 == 0 && db.facts().log_bytes > limit {
            break;
        }
    }
    std::process::abort() // as a kill would: nothing is closed
}

fn main() -> Result<()> {
    if let Some(folder) = env::var_os(DOOMED) {
        return fill_log(Path::new(&folder));
    }
    let io = |error| Error::io("run", "the benchmark", &error);
    let folder = tempfile::tempdir().map_err(io)?;
    load(folder.path())?;
    let db = step("opening after a close, all in runs", || Database::open(folder.path()), |_, _| String::new())?;
    synced_puts(&db.table::<(S, S)>("orders")?)?;
    drop(db);
    let program = env::current_exe().map_err(io)?;
    Command::new(program).env(DOOMED, folder.path()).status().map_err(io)?;
    let replayed = |db: &Database, _: f64| format!("{} MB of log read", db.facts().log_bytes / 1_000_000);
    let db = step("opening after a kill with a full log", || Database::open(folder.path()), replayed)?;
    let table = db.table::<(S, S)>("orders")?;
    assert!(table.get(("USER#00000000", "ORDER#2026-01-11T10:00#0000"))?.is_some(), "the items are there again");
    Ok(())
}
