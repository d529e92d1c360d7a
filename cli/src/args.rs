//! The arguments that all commands share.

use clap::Args;
use std::path::{Path, PathBuf};

/// Folder of the database where none is named.
const DEFAULT_FOLDER: &str = "./hashrange-data";

/// Which database, and how it is opened.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DatabaseArgs {
    /// Folder of the database [default: ./hashrange-data; for demo: a temporary one]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// File that holds the root key of an encrypted database, as `key new` writes it; a new database is encrypted with it
    #[cfg(feature = "encryption")]
    #[arg(long, global = true, value_name = "FILE", env = "HASHRANGE_KEY_FILE", conflicts_with = "key_command")]
    pub(crate) key_file: Option<PathBuf>,
    /// Program that holds the root key: called with wrap or unwrap, it turns a line of hexadecimal digits into another
    #[cfg(feature = "encryption")]
    #[arg(long, global = true, value_name = "PROGRAM", env = "HASHRANGE_KEY_COMMAND")]
    pub(crate) key_command: Option<PathBuf>,
    /// Reject a folder that does not reach this commit, as `inspect` shows it: an older copy of the whole folder
    #[arg(long, global = true, value_name = "NUMBER")]
    pub(crate) least_commit: Option<u64>,
    /// Bytes of all memtables together
    #[arg(long, global = true, hide = true, value_name = "BYTES")]
    pub(crate) memtable_bytes: Option<usize>,
    /// Bytes on disk at which a partition splits
    #[arg(long, global = true, hide = true, value_name = "BYTES")]
    pub(crate) split_bytes: Option<u64>,
    /// Bytes of one log segment
    #[arg(long, global = true, hide = true, value_name = "BYTES")]
    pub(crate) log_segment_bytes: Option<u64>,
    /// Bytes of all log segments together
    #[arg(long, global = true, hide = true, value_name = "BYTES")]
    pub(crate) log_bytes: Option<u64>,
}

impl DatabaseArgs {
    /// The folder of the database.
    pub(crate) fn folder(&self) -> &Path {
        self.data_dir.as_deref().unwrap_or(Path::new(DEFAULT_FOLDER))
    }
}
