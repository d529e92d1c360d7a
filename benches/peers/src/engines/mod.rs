//! One file for each engine, with the settings that its own documentation recommends for this work.

#[cfg(feature = "dynoxide")]
pub mod dynoxide;
#[cfg(feature = "fjall")]
pub mod fjall;
pub mod hashrange;
pub mod key_value;
#[cfg(feature = "lmdb")]
pub mod lmdb;
#[cfg(feature = "redb")]
pub mod redb;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
#[cfg(feature = "sqlite")]
pub mod sqlite;
