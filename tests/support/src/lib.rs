//! What the tests of several crates share.
//!
//! - [`access`]: a second evaluator of access policies, and random cases for both;
//! - [`world`]: a small world of tables and a model that says what each step must do;
//! - [`random`]: the one seeded generator of all tests, and how many seeds they take;
//! - [`slow_disk`]: a disk whose writes and syncs a test can hold up;
//! - [`nonce_ledger`]: a disk that watches that an encrypted database uses no nonce twice;
//! - [`child`]: a process that a test kills.

#![expect(missing_docs, reason = "the tests are its only readers")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

pub mod access;
pub mod child;
pub mod nonce_ledger;
pub mod random;
pub mod slow_disk;
pub mod world;

pub use random::{Random, rounds, seeds};
