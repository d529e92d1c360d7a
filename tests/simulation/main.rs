//! Databases on simulated machines that lose power, kill the process and have failing disks, held against the model.
//!
//! One seed decides everything: sizes, steps, which operation of the disk is the last before the power goes, what of the
//! unsynced bytes is on the medium afterwards, which calls fail and how. After each crash the database is opened again,
//! half of the time under a second crash, and everything in it is compared with the states that the promises of the
//! engine allow: whatever was acknowledged is there, whatever failed is there wholly or not at all, and what was only
//! buffered is there up to some moment.
//!
//! ```text
//! cargo test --release --test simulation                        # the usual number of lives
//! HASHRANGE_LIVES=100000 cargo test --release --test simulation random     # many
//! HASHRANGE_LIVES=1 HASHRANGE_SEED=42 cargo test --test simulation random -- --nocapture     # this one again
//! ```
//!
//! A life that fails is shrunk: events are left out as long as it still fails. What remains is printed.

#![expect(clippy::print_stdout, reason = "what was covered is worth reading")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod event;
mod ledger;
mod life;
mod small;
#[path = "../world/mod.rs"]
#[allow(dead_code, reason = "the world is shared between test programs")]
mod world;

use event::Script;
use life::{Counts, live};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Lives a script; a panic counts as a failure like any other.
fn attempt(script: &Script, counts: &mut Counts) -> Result<u64, String> {
    let lived = catch_unwind(AssertUnwindSafe(|| live(script, counts)));
    lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Leaves out events, many at a time at first, as long as the script still fails.
fn shrink(script: &Script) -> Script {
    let mut shrunk = script.clone();
    let mut chunk = shrunk.events.len() / 2;
    while chunk > 0 {
        let mut start = 0;
        while start < shrunk.events.len() {
            let mut candidate = shrunk.clone();
            candidate.events.drain(start..(start + chunk).min(shrunk.events.len()));
            if attempt(&candidate, &mut Counts::default()).is_err() {
                shrunk = candidate;
            } else {
                start += chunk;
            }
        }
        chunk /= 2;
    }
    shrunk
}

fn fail(seed: u64, script: &Script, reason: &str) -> ! {
    let shrunk = shrink(script);
    let last = attempt(&shrunk, &mut Counts::default()).err().unwrap_or_else(|| reason.to_owned());
    let events: Vec<String> = shrunk.events.iter().map(|event| format!("  {event:?}")).collect();
    panic!(
        "seed {seed}: {reason}\nshrunk to {} events: {last}\n{:?}\n{}\nagain: HASHRANGE_LIVES=1 HASHRANGE_SEED={seed} \
         cargo test --test simulation random -- --nocapture",
        shrunk.events.len(),
        shrunk.setup,
        events.join("\n"),
    );
}

fn lives(usual: u64, first_seed: u64, make: impl Fn(u64) -> Script + Sync) {
    let lives = number("HASHRANGE_LIVES").unwrap_or(usual);
    let first = number("HASHRANGE_SEED").unwrap_or(first_seed);
    let total = Mutex::new(Counts::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(lives as usize) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (make, total) = (&make, &total);
            scope.spawn(move || {
                let mut counts = Counts::default();
                for seed in (first + thread..first + lives).step_by(threads as usize) {
                    let script = make(seed);
                    if let Err(reason) = attempt(&script, &mut counts) {
                        fail(seed, &script, &reason);
                    }
                }
                total.lock().unwrap().add(&counts);
            });
        }
    });
    println!("{lives} lives from seed {first}: {:?}", total.into_inner().unwrap());
}

#[test]
fn random_lives_with_crashes() {
    lives(1000, 0, Script::with_crashes);
}

#[test]
fn random_lives_with_failing_disks() {
    lives(600, 1_000_000, Script::with_faults);
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in 0..20 {
        let script = Script::with_faults(seed);
        let traces = [(); 2].map(|()| live(&script, &mut Counts::default()));
        assert_eq!(traces[0], traces[1], "seed {seed}");
    }
}
