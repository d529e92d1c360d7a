//! The number of lives and small worlds that every change has to get through.
//!
//! `HASHRANGE_LIVES=100000` lives as many with crashes, `HASHRANGE_FAULTS=100000` with failing disks, from the seed
//! `HASHRANGE_SEED` on. `HASHRANGE_IMAGES=8` looks at all small worlds, and at so many media after each power cut; without
//! it, at one of ninety of those with several operations.

#![expect(clippy::print_stdout, reason = "what was covered is worth reading")]
#![expect(clippy::panic, reason = "a test fails by panicking")]

use hashrange_simulation::{Counts, Failure, Plot, live_seeds, moved_ends, replay, small_worlds};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn passed(result: Result<Counts, Failure>) -> Counts {
    result.unwrap_or_else(|failure| panic!("{failure}"))
}

fn lives(plot: Plot, variable: &str, usual: u64) {
    let (lives, first) = (number(variable).unwrap_or(usual), number("HASHRANGE_SEED").unwrap_or(0));
    let counts = passed(live_seeds(plot, first..first + lives));
    println!("{lives} lives from seed {first}: {counts:?}");
}

#[test]
fn random_lives_with_crashes() {
    lives(Plot::Crashes, "HASHRANGE_LIVES", 25);
}

#[test]
fn random_lives_with_failing_disks() {
    lives(Plot::Faults, "HASHRANGE_FAULTS", 30);
}

/// Client request tokens of a segment that was to go were logged again; the sync of that failed, and the next trimming took
/// it for done and removed the segment.
#[test]
fn a_token_outlives_the_failed_trimming_of_its_segment() {
    passed(live_seeds(Plot::Faults, 13_524..13_525));
}

/// A sync failed when the next segment of the log had been created. Its name went in a power failure while the database was opened
/// again, which left the name of the segment that was created behind it, and the log seemed to have lost one.
#[test]
fn a_segment_that_was_never_begun_does_not_seem_lost() {
    passed(live_seeds(Plot::Faults, 70_101..70_102));
}

#[test]
fn every_power_cut_in_small_worlds() {
    let images = number("HASHRANGE_IMAGES").unwrap_or(2);
    let every = if number("HASHRANGE_IMAGES").is_some() { 1 } else { 90 };
    let (sequences, counts) = small_worlds(2, images, every, false).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{sequences} sequences: {counts:?}");
}

#[test]
fn every_power_cut_in_small_worlds_that_are_encrypted() {
    let images = number("HASHRANGE_IMAGES").unwrap_or(1);
    let (sequences, counts) = small_worlds(1, images, 1, true).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{sequences} sequences: {counts:?}");
}

#[test]
fn the_same_seed_does_the_same() {
    for plot in Plot::ALL {
        for seed in 0..6 {
            let traces = [(); 2].map(|()| replay(plot, seed).unwrap_or_else(|failure| panic!("{failure}")));
            assert_eq!(traces[0], traces[1], "{}, seed {seed}", plot.name());
        }
    }
}

#[test]
fn an_end_that_is_moved_in_time_wins_against_the_sweeper() {
    let moved = moved_ends(number("HASHRANGE_ROUNDS").unwrap_or(100)).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{moved} ends were moved before the sweeper came");
    assert!(moved > 0);
}
