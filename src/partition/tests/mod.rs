//! Whole partitions against models.

mod concurrent;
mod failures;
mod fixture;
mod histories;
mod tombstones;
