//! Who takes part: one file for each engine, with the settings that its own documentation recommends for this work.

#[cfg(feature = "dynoxide")]
pub mod dynoxide;
#[cfg(feature = "fjall")]
pub mod fjall;
pub mod hashrange;
pub mod key_value;
#[cfg(feature = "lmdb")]
pub mod lmdb;
pub mod nothing;
#[cfg(feature = "redb")]
pub mod redb;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use crate::engine::{Engine, Features};
use anyhow::{Result, bail};
use std::path::Path;

/// Engines that this program was built with, ours first.
pub const NAMES: &[&str] = &[
    "hashrange",
    #[cfg(feature = "fjall")]
    "fjall",
    #[cfg(feature = "redb")]
    "redb",
    #[cfg(feature = "lmdb")]
    "lmdb",
    #[cfg(feature = "sqlite")]
    "sqlite",
    #[cfg(feature = "rocksdb")]
    "rocksdb",
    #[cfg(feature = "dynoxide")]
    "dynoxide",
];

/// What engines with a cache get for it, unless memory is scarce.
pub const CACHE_BYTES: usize = 2 << 30;

/// Opens an engine in a folder, which it creates. `cache_bytes` is for those that have a cache.
pub fn open(name: &str, folder: &Path, features: Features, cache_bytes: usize) -> Result<Box<dyn Engine>> {
    std::fs::create_dir_all(folder)?;
    Ok(match name {
        "hashrange" => Box::new(hashrange::Hashrange::open(folder, features)?),
        #[cfg(feature = "fjall")]
        "fjall" => Box::new(key_value::Shaped::new(fjall::Fjall::open(folder, cache_bytes)?, features)),
        #[cfg(feature = "redb")]
        "redb" => Box::new(key_value::Shaped::new(redb::Redb::open(folder, cache_bytes)?, features)),
        #[cfg(feature = "lmdb")]
        "lmdb" => Box::new(key_value::Shaped::new(lmdb::Lmdb::open(folder, cache_bytes < CACHE_BYTES)?, features)),
        #[cfg(feature = "sqlite")]
        "sqlite" => Box::new(key_value::Shaped::new(sqlite::Sqlite::open(folder, cache_bytes)?, features)),
        #[cfg(feature = "rocksdb")]
        "rocksdb" => Box::new(key_value::Shaped::new(rocksdb::RocksDb::open(folder, cache_bytes)?, features)),
        #[cfg(feature = "dynoxide")]
        "dynoxide" => Box::new(dynoxide::Dynoxide::open(folder, features)?),
        _ => bail!("there is no engine {name:?} in this build; there are {}", NAMES.join(", ")),
    })
}
