//! What large items cost: `cargo run --release -p hashrange --example large_value_figures [MEGABYTES [KILOBYTES..]]`. Loads so many
//! megabytes of items of so many kilobytes each, all different, and brings the database to rest.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "figures go to the screen")]

use hashrange::{Database, Durability, Error, Item, Result, key::N};
use std::time::Instant;

fn measure(bytes: usize, each: usize) -> Result<()> {
    let beside = std::env::current_exe().map_err(|error| Error::io("find", "this program", &error))?;
    let folder = tempfile::tempdir_in(beside.parent().unwrap_or(&beside));
    let folder = folder.map_err(|error| Error::io("create", "a folder", &error))?;
    let db = Database::options().durability(Durability::Buffered).open(folder.path())?;
    let table = db.create_table("notes").hash::<N>("number").create()?;
    let mut item = Item::new().with("text", "t".repeat(each));
    let begin = Instant::now();
    for number in 0..bytes / each {
        item.insert("number".to_owned(), number.into());
        table.put(&item)?;
    }
    let put_seconds = begin.elapsed().as_secs_f64();
    db.flush()?;
    while db.step()? != hashrange::inspect::Work::Idle {}
    let rest_seconds = begin.elapsed().as_secs_f64();
    let statistics = db.statistics();
    let written = [statistics.log_bytes_written, statistics.flushed_bytes, statistics.compaction_bytes_written];
    let [log, flushed, merged] = written.map(|written| written as f64 / bytes as f64);
    let [put, rest] = [put_seconds, rest_seconds].map(|seconds| bytes as f64 / 1e6 / seconds);
    println!(
        "{:>8} {put:>8.0} {rest:>8.0} {log:>8.2} {flushed:>8.2} {merged:>8.2} {:>8.2}",
        each / 1_000,
        log + flushed + merged
    );
    Ok(())
}

fn main() -> Result<()> {
    let mut given = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let bytes = given.next().unwrap_or(2_000) * 1_000_000;
    let each: Vec<usize> = given.collect();
    let each = if each.is_empty() { vec![10, 100, 300] } else { each };
    println!("   KB of   MB put  to rest     written for a byte: log, flush, merges, all");
    println!(" an item a second a second");
    each.into_iter().try_for_each(|each| measure(bytes, each.max(1) * 1_000))
}
