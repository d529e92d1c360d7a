//! hashrange
#![deny(unsafe_code)]
pub mod capacity;
pub mod clock;
mod commit;
pub mod config;
mod database;
pub mod error;
pub mod expression;
pub mod file;
mod index;
pub mod item;
mod maintenance;
mod manifest;
mod partition;
pub mod schema;
mod table;
mod wal;
