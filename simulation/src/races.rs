//! What only threads can show: a user and the sweeper at the same items at the same time.

use crate::lives::{Failure, caught};
use hashrange::{Clock, Database, Item, Table, attr, key::S};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const NOW_SECS: u64 = 1_700_000_000;
/// Items that expire together: enough for the sweeper to be some time on its way through them.
const ITEMS: usize = 48;

/// Moves the ends of items into the future while the sweeper is at them, `rounds` times; returns how many were moved in
/// time. An item whose end was moved before it was deleted stays.
pub fn moved_ends(rounds: u64) -> Result<u64, Failure> {
    caught(|| race(rounds).map_err(|error| error.to_string())?).map_err(Failure)
}

fn race(rounds: u64) -> hashrange::Result<Result<u64, String>> {
    let clock = Clock::manual(NOW_SECS * 1000);
    let db = Database::options().clock(clock).seed(1).background(false).in_memory()?;
    let table = db.create_table("sessions").hash::<S>("id").ttl("ends").create()?;
    let (sweeps, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                db.sweep_now()?;
                sweeps.fetch_add(1, Ordering::SeqCst);
            }
            Ok::<(), hashrange::Error>(())
        });
        let mut moved = Ok(0);
        for round in 0..rounds {
            match (move_ends(&table, &sweeps, &is_over), &mut moved) {
                (Ok(Ok(kept)), Ok(moved)) => *moved += kept,
                (Ok(Err(text)), _) => moved = Err(format!("round {round}: {text}")),
                (Err(error), _) => moved = Err(error.to_string()),
                _ => {}
            }
            if moved.is_err() || sweeper.is_finished() {
                break;
            }
        }
        is_over.store(true, Ordering::SeqCst);
        sweeper.join().unwrap()?;
        Ok(moved)
    })
}

fn move_ends(table: &Table<S>, sweeps: &AtomicU64, is_over: &AtomicBool) -> hashrange::Result<Result<u64, String>> {
    let name = |number: usize| format!("session {number}");
    for number in 0..ITEMS {
        table.put(&Item::new().with("id", name(number)).with("ends", NOW_SECS as i64 - 1))?;
    }
    let mut kept = Vec::new();
    for number in (0..ITEMS).rev() {
        let later = NOW_SECS as i64 + 1_000;
        let moved = table.update(name(number)).set("ends", later).when(attr("id").exists()).send();
        match moved {
            Ok(_) => kept.push(number),
            Err(error) if error.is_condition_failed() => {}
            Err(error) => return Err(error),
        }
    }
    // A sweep that began before is over after two more.
    let until = sweeps.load(Ordering::SeqCst) + 2;
    while sweeps.load(Ordering::SeqCst) < until && !is_over.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    for number in &kept {
        if table.get(name(*number))?.is_none() {
            return Ok(Err(format!("item {number} was deleted though its end had been moved")));
        }
        table.delete(name(*number))?;
    }
    Ok(Ok(kept.len() as u64))
}
