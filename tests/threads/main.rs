//! What concurrent threads promise each other: recorded histories, and which call may wait for which.
//!
//! Single schedules are explored one by one in `tests/schedules.rs`.

mod concurrency;
mod histories;
mod ranges;
mod regions;
mod waiting;
