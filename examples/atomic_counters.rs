//! Counting without reading first: eight threads add to the same counters, and no increment is lost.
//!
//! `ADD` names the difference, not the result, so nobody has to know the old value and there is nothing to retry. Each
//! update is atomic, and an item comes into being with its first one.
//!
//! `cargo run --release -p hashrange --example atomic_counters`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::{Database, Durability, Table, key::S};
use std::{panic::resume_unwind, thread};

const THREADS: usize = 8;
const INCREMENTS_PER_THREAD: usize = 2_500;
const PAGES: [&str; 3] = ["/", "/about", "/prices"];

pub(crate) fn main() -> hashrange::Result<()> {
    let db = Database::options().durability(Durability::Buffered).in_memory()?;
    let pages = db.create_table("pages").hash::<S>("path").create()?;

    println!("{THREADS} threads count {INCREMENTS_PER_THREAD} views each on the same {} items", PAGES.len());
    thread::scope(|scope| {
        let pages = &pages;
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || count_views(thread, pages))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })?;

    let mut total = 0;
    for path in PAGES {
        let page = pages.get(path)?;
        let views = page.as_ref().and_then(|page| page.get("views")?.as_u64()).unwrap_or(0);
        println!("  {path:<8} {views:>7} views");
        total += views;
    }
    println!("  {:<8} {total:>7} views, none lost", "total");
    assert_eq!(total, (THREADS * INCREMENTS_PER_THREAD) as u64);
    Ok(())
}

/// Counts one visitor's views, page after page.
fn count_views(thread: usize, pages: &Table<S>) -> hashrange::Result<()> {
    for view in 0..INCREMENTS_PER_THREAD {
        pages.update(PAGES[(thread + view) % PAGES.len()]).add("views", 1).send()?;
    }
    Ok(())
}
