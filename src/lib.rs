//! hashrange
pub mod clock;
pub mod config;
pub mod error;
pub mod file;
pub mod item;
pub mod schema;
