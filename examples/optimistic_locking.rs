//! Optimistic locking: read an item with its version, think, and write only if the version is still the same.
//!
//! Eight clerks sell the seats of one show. What a clerk writes depends on what was read (the next free seat), so it
//! cannot be a plain `ADD`. Nobody holds a lock while thinking: the write carries a condition on the version, and
//! whoever comes second learns of it and decides again, on the item that the failed condition saw.
//!
//! `cargo run --release -p hashrange --example optimistic_locking`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::{Database, Durability, Item, Table, attr, key::S};
use serde::{Deserialize, Serialize};
use std::{panic::resume_unwind, sync::Barrier, thread, time::Duration};

const CLERKS: usize = 8;
const SEATS: u32 = 400;

#[derive(Debug, Serialize, Deserialize)]
struct Show {
    title: String,
    free_seats: u32,
    version: u64,
}

/// What one clerk did.
struct Day {
    seats: Vec<u32>,
    conflicts: usize,
}

pub(crate) fn main() -> hashrange::Result<()> {
    let db = Database::options().durability(Durability::Buffered).in_memory()?;
    let shows = db.create_table("shows").hash::<S>("title").create()?;
    shows.put(&Show { title: "Hamlet".into(), free_seats: SEATS, version: 1 })?;

    println!("{CLERKS} clerks sell the {SEATS} seats of one show");
    let doors = Barrier::new(CLERKS);
    let work = || {
        doors.wait();
        sell(&shows)
    };
    let days: Vec<Day> = thread::scope(|scope| {
        let clerks: Vec<_> = (0..CLERKS).map(|_| scope.spawn(work)).collect();
        let days = clerks.into_iter().map(|clerk| clerk.join().unwrap_or_else(|panic| resume_unwind(panic)));
        days.collect::<hashrange::Result<_>>()
    })?;

    for (clerk, day) in days.iter().enumerate() {
        println!("  clerk {clerk}: {:>3} seats, decided again {:>4} times", day.seats.len(), day.conflicts);
    }
    let mut sold: Vec<u32> = days.into_iter().flat_map(|day| day.seats).collect();
    sold.sort_unstable();
    assert!(sold.iter().copied().eq(1..=SEATS), "every seat is sold exactly once");
    let show: Item = shows.get("Hamlet")?.map(|show| show.to_item()).unwrap_or_default();
    println!("every seat is sold exactly once; the item at the end: {}", show.to_json());
    Ok(())
}

/// Sells seat after seat until there is none left.
fn sell(shows: &Table<S>) -> hashrange::Result<Day> {
    let mut day = Day { seats: Vec::new(), conflicts: 0 };
    while let Some(mut newest) = shows.get("Hamlet")? {
        loop {
            let show: Show = newest.de()?;
            if show.free_seats == 0 {
                return Ok(day);
            }
            let seat = SEATS - show.free_seats + 1;
            thread::sleep(Duration::from_micros(50)); // the customer makes up her mind
            let sale = shows
                .update("Hamlet")
                .set("free_seats", show.free_seats - 1)
                .set("version", show.version + 1)
                .when(attr("version").eq(show.version))
                .return_old_on_failure();
            match sale.send() {
                Ok(_) => {
                    day.seats.push(seat);
                    break;
                }
                // Somebody else was faster. The error has the item as it is now, so that nothing need be read again.
                Err(error) if error.is_condition_failed() => {
                    day.conflicts += 1;
                    match error.old_item() {
                        Some(item) => newest = item,
                        None => break,
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(day)
}
