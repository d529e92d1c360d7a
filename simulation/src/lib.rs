//! Databases on simulated machines that lose power, kill the process and have failing disks, held against a model.
//!
//! One seed decides everything: sizes, steps, which operation of the disk is the last before the power goes, what of the
//! unsynced bytes is on the medium afterwards, which calls fail and how. After each crash the database is opened again,
//! half of the time under a second crash, and everything in it is compared with the states that the promises of the
//! engine allow: whatever was acknowledged is there, whatever failed is there wholly or not at all, and what was only
//! buffered is there up to some moment.
//!
//! ```text
//!   script      events from a seed: steps of a user, power cuts, kills, faults
//!     |
//!   life  ----> a database on a simulated machine          world    tables, steps, a model of maps
//!     |                                                    ledger   states that may be found, given the answers
//!   lives       many seeds on all cores; a failure is shrunk and comes with the command that repeats it
//!   small       every sequence of a few steps, the power cut at every operation of the disk
//! ```
//!
//! The tests of this crate run a fixed number of each; the binary runs fresh ones for hours:
//!
//! ```text
//! cargo test --release -p hashrange-simulation
//! cargo run --release -p hashrange-simulation -- soak --hours 2
//! cargo run --release -p hashrange-simulation -- replay crashes 42
//! ```

#![expect(clippy::unwrap_used, reason = "a simulation fails by panicking, and reports it")]

mod event;
mod ledger;
mod life;
mod lives;
mod races;
mod small;

pub use life::Counts;
pub use lives::{Failure, Plot, live_seeds, replay, try_seeds};
pub use races::moved_ends;
pub use small::small_worlds;
