//! What history costs: `cargo bench -p hashrange-wire --bench history`. Figures are in BENCHMARKS.md.
//!
//! Each line is one figure, measured in folders of the system's temporary folder. `HASHRANGE_ITEMS` changes how many items
//! there are (300,000, of about 230 bytes).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench fails by panicking and prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use hashrange::{
    Database, Durability, Item, Table,
    history::{Archive, ArchiveMode, ArchiveOptions, ArchivePlace, HistoryOptions, Moment},
    key::S,
};
use hashrange_wire::{Protocol, objects::FolderStore};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

fn item(n: u64) -> Item {
    Item::new().with("pk", format!("item-{n:010}")).with("n", n).with("text", "a line of text ".repeat(12))
}

fn table(db: &Database) -> Table<S> {
    db.create_table("things").hash::<S>("pk").open_or_create().unwrap()
}

/// Puts by some threads; the rate, and the latencies in ascending order.
fn put(table: &Table<S>, from: u64, count: u64, threads: u64, durability: Durability) -> (f64, Vec<Duration>) {
    let begun = Instant::now();
    let each = |thread: u64| {
        let mut latencies = Vec::with_capacity((count / threads) as usize);
        for n in (from + thread..from + count).step_by(threads as usize) {
            let at = Instant::now();
            table.put_with(&item(n)).durability(durability).send().unwrap();
            latencies.push(at.elapsed());
        }
        latencies
    };
    let mut latencies: Vec<Duration> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || each(thread))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    (rate, latencies)
}

fn at_share(latencies: &[Duration], share: f64) -> f64 {
    latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0
}

fn puts(folder: &Path, items: u64) {
    let quiet = Duration::from_secs(24 * 60 * 60);
    let modes =
        [("none", None), ("every second", Some(ArchiveMode::default())), ("synchronous", Some(ArchiveMode::Sync))];
    for (threads, durability, count) in [(1, Durability::Buffered, items), (8, Durability::Sync, items / 60)] {
        for (name, mode) in &modes {
            if *mode == Some(ArchiveMode::Sync) && durability == Durability::Buffered {
                continue;
            }
            let home = folder.join(format!("puts-{threads}-{}", name.replace(' ', "-")));
            let db = Database::options().history(HistoryOptions::default()).open(home.join("db")).unwrap();
            let table = table(&db);
            let archiving = mode.map(|mode| {
                let options = ArchiveOptions { mode, digests_every: Some(quiet), ..ArchiveOptions::default() };
                db.archive_to(ArchivePlace::new_folder(home.join("archive")).unwrap(), options).unwrap()
            });
            let (rate, latencies) = put(&table, 0, count, threads, durability);
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| at_share(&latencies, share));
            println!(
                "puts, {durability:?}, {threads} threads, archive {name}: {rate:.0}/s, {p50:.3} ms p50, {p99:.3} ms p99, \
                 {p999:.3} ms p99.9"
            );
            drop(archiving);
        }
    }
}

fn pause_of_a_copy(folder: &Path, db: &Database, items: u64) {
    let (table, ends) = (table(db), AtomicBool::new(false));
    let (table, ends) = (&table, &ends);
    let longest = |what: &str, copies: &dyn Fn(u64)| {
        ends.store(false, Ordering::Relaxed);
        let mut latencies: Vec<Duration> = thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let mut latencies = Vec::new();
                for n in (0..items).cycle() {
                    if ends.load(Ordering::Relaxed) {
                        break;
                    }
                    let at = Instant::now();
                    table.put(&item(n)).unwrap();
                    latencies.push(at.elapsed());
                }
                latencies
            });
            for round in 0..20 {
                copies(round);
                thread::sleep(Duration::from_millis(50));
            }
            ends.store(true, Ordering::Relaxed);
            writer.join().unwrap()
        });
        latencies.sort_unstable();
        let longest: Vec<String> =
            latencies.iter().rev().take(20).map(|l| format!("{:.1}", l.as_secs_f64() * 1000.0)).collect();
        println!(
            "{what}: {:.3} ms p99.9; the longest 20 of {} puts: {} ms",
            at_share(&latencies, 0.999),
            latencies.len(),
            longest.join(" ")
        );
    };
    longest("puts beside nothing, 20 times", &|_| ());
    longest("puts beside 20 copies of the whole database", &|round| {
        drop(db.fork_into(folder.join(format!("copy-{round}"))).unwrap());
    });
}

fn reading(folder: &Path, items: u64) {
    let home = folder.join("reading");
    let history = HistoryOptions { base_bytes: 1 << 40, ..HistoryOptions::default() };
    let db = Database::options().durability(Durability::Buffered).history(history).open(home.join("db")).unwrap();
    let things = table(&db);
    let place = ArchivePlace::new_folder(home.join("archive")).unwrap();
    let archiving = db.archive_to(place.clone(), ArchiveOptions::default()).unwrap();
    let from = db.history_window().unwrap().latest.commit;
    put(&things, 0, items, 1, Durability::Buffered);
    archiving.step().unwrap();
    let (last, status) = (db.history_window().unwrap().latest.commit, Archive::open(place.clone()).unwrap().status());
    let log = status.bytes as f64 / 1e6;
    println!("{} items, {log:.0} MB of log, commits {from} to {last}", items);

    let begun = Instant::now();
    let digest = db.digest("things").unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("digest: {:.0} items/s ({} items in {seconds:.2} s)", digest.items as f64 / seconds, digest.items);
    let begun = Instant::now();
    let snapshot = db.at(Moment::Commit(last - 1)).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("at(commit), {log:.0} MB behind its base: {seconds:.2} s, {:.0} MB/s", log / seconds);
    drop(snapshot);
    let begun = Instant::now();
    let (restored, _) =
        Archive::open(place.clone()).unwrap().restore_into(Moment::Now, home.join("log"), Database::options()).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("restore of {log:.0} MB of log, open included: {seconds:.2} s, {:.0} MB/s", log / seconds);
    assert_eq!(restored.digest("things").unwrap(), digest);
    drop(restored);

    db.compact().unwrap();
    db.stop_history().unwrap();
    drop(archiving);
    db.keep_history(history).unwrap();
    let place = ArchivePlace::new_folder(home.join("archive-of-runs")).unwrap();
    let begun = Instant::now();
    drop(db.archive_to(place.clone(), ArchiveOptions { digests_every: None, ..ArchiveOptions::default() }).unwrap());
    let (seconds, archive) = (begun.elapsed().as_secs_f64(), Archive::open(place).unwrap());
    let bytes = archive.status().bytes as f64 / 1e6;
    println!("first archive, {bytes:.0} MB of runs: {seconds:.2} s, {:.0} MB/s", bytes / seconds);
    let begun = Instant::now();
    archive.verify().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("verification of an archive: {:.0} MB/s", bytes / seconds);
    let begun = Instant::now();
    let (restored, _) = archive.restore_into(Moment::Now, home.join("runs"), Database::options()).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("restore of {bytes:.0} MB of runs, open included: {seconds:.2} s, {:.0} MB/s", bytes / seconds);
    assert_eq!(restored.digest("things").unwrap(), digest);
    drop(restored);
    transfer(&home, db.clone(), items);
    pause_of_a_copy(&home, &db, items);
}

fn ask(protocol: &Protocol, operation: &str, request: &Value) -> Value {
    let response = protocol.handle(&format!("DynamoDB_20120810.{operation}"), request.to_string().as_bytes());
    assert_eq!(response.status, 200, "{operation}: {}", String::from_utf8_lossy(&response.body));
    serde_json::from_slice(&response.body).unwrap()
}

/// Waits for a job; the seconds that it took.
fn done(begun: Instant, status: &mut dyn FnMut() -> Value) -> f64 {
    while status() == "IN_PROGRESS" {
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(status(), "COMPLETED");
    begun.elapsed().as_secs_f64()
}

fn transfer(home: &Path, db: Database, items: u64) {
    let objects = home.join("objects");
    std::fs::create_dir_all(objects.join("bucket")).unwrap();
    let protocol = Protocol::new(db).objects(Arc::new(FolderStore::open(&objects).unwrap()));
    let on = json!({"PointInTimeRecoveryEnabled": true});
    ask(&protocol, "UpdateContinuousBackups", &json!({"TableName": "things", "PointInTimeRecoverySpecification": on}));
    let table = ask(&protocol, "DescribeTable", &json!({"TableName": "things"}))["Table"]["TableArn"].clone();
    for format in ["DYNAMODB_JSON", "ION"] {
        let begun = Instant::now();
        let request = json!({"TableArn": table, "S3Bucket": "bucket", "S3Prefix": format, "ExportFormat": format});
        let arn = ask(&protocol, "ExportTableToPointInTime", &request)["ExportDescription"]["ExportArn"].clone();
        let described = || ask(&protocol, "DescribeExport", &json!({"ExportArn": arn}))["ExportDescription"].clone();
        let seconds = done(begun, &mut || described()["ExportStatus"].clone());
        let megabytes = described()["BilledSizeBytes"].as_f64().unwrap_or(0.0) / 1e6;
        println!("export, {format}: {:.0} items/s, {:.0} MB/s of items", items as f64 / seconds, megabytes / seconds);
        let manifest = described()["ExportManifest"].as_str().unwrap().to_owned();
        let data = manifest.replace("manifest-summary.json", "data/");
        let name = format!("from_{format}");
        let creation = json!({"TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]});
        let request = json!({"S3BucketSource": {"S3Bucket": "bucket", "S3KeyPrefix": data}, "InputFormat": format,
            "InputCompressionType": "GZIP", "TableCreationParameters": creation});
        let begun = Instant::now();
        let arn = ask(&protocol, "ImportTable", &request)["ImportTableDescription"]["ImportArn"].clone();
        let described =
            || ask(&protocol, "DescribeImport", &json!({"ImportArn": arn}))["ImportTableDescription"].clone();
        let seconds = done(begun, &mut || described()["ImportStatus"].clone());
        println!("import, {format}: {:.0} items/s", items as f64 / seconds);
    }
    protocol.pause();
}

fn main() {
    let items = std::env::var("HASHRANGE_ITEMS").ok().and_then(|text| text.parse().ok()).unwrap_or(300_000);
    let folder = tempfile::tempdir().unwrap();
    puts(folder.path(), items);
    reading(folder.path(), items);
}
