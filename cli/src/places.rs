//! Stores of objects on the command line: where archives lie, and where exports go and imports come from.

use crate::failure::Failure;
use clap::Args;
use hashrange::{
    Database,
    file::ObjectStore,
    history::{ArchiveMode, ArchiveOptions, ArchivePlace, Archiving, Backlog},
};
use std::{path::Path, sync::Arc};

/// How a place is written, for help texts and errors.
pub(crate) const PLACES: &str = "a folder, or s3://BUCKET/PREFIX";

/// The place that a text names. With an object folder, `s3://BUCKET/PREFIX` is `DIR/BUCKET/PREFIX`.
#[cfg(unix)]
pub(crate) fn place(text: &str, object_dir: Option<&Path>, makes: bool) -> Result<ArchivePlace, Failure> {
    match (text.strip_prefix("s3://"), object_dir) {
        (Some(rest), Some(folder)) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            Ok(ArchivePlace::new(folder_of_buckets(folder)?, bucket, prefix)?)
        }
        _ if text.contains("://") => remote(text),
        _ if makes => Ok(ArchivePlace::new_folder(text)?),
        _ => Ok(ArchivePlace::folder(text)?),
    }
}

#[cfg(not(unix))]
pub(crate) fn place(text: &str, _object_dir: Option<&Path>, _makes: bool) -> Result<ArchivePlace, Failure> {
    if text.contains("://") {
        return remote(text);
    }
    let text = "an archive in a folder needs a system whose folders are opened link by link".to_owned();
    Err(Failure::Usage(text))
}

/// Refuses a bucket that is no folder.
fn remote(text: &str) -> Result<ArchivePlace, Failure> {
    Err(Failure::Usage(format!("{text}: the archive must be {PLACES}, the latter with --object-dir DIR")))
}

/// Options of `serve` about an archive.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// Archive the database to this folder or s3://BUCKET/PREFIX, every second
    #[arg(long, value_name = "PLACE", conflicts_with = "in_memory")]
    archive: Option<String>,
    /// Acknowledge a durable write once the archive has it too
    #[arg(long, requires = "archive")]
    archive_sync: bool,
    /// Let writes wait where more than 1 GiB of log waits for the archive, instead of a gap in it
    #[arg(long, requires = "archive")]
    archive_waits: bool,
    /// Go on with an archive that another copy of the database wrote to last
    #[arg(long, requires = "archive")]
    archive_takes_over: bool,
}

impl ArchiveArgs {
    /// Archives a database, if that is wanted, until the answer is dropped.
    pub(crate) fn begin(&self, db: &Database, object_dir: Option<&Path>) -> Result<Option<Archiving>, Failure> {
        let Some(archive) = &self.archive else { return Ok(None) };
        let options = ArchiveOptions {
            mode: if self.archive_sync { ArchiveMode::Sync } else { ArchiveMode::default() },
            backlog: if self.archive_waits { Backlog::Wait } else { Backlog::Gap },
            takes_over: self.archive_takes_over,
            ..ArchiveOptions::default()
        };
        Ok(Some(db.archive_to(place(archive, object_dir, true)?, options)?))
    }
}

/// What stands for S3: a folder.
#[cfg(unix)]
pub(crate) fn folder_of_buckets(folder: &Path) -> Result<Arc<dyn ObjectStore>, Failure> {
    let store = hashrange::file::FolderStore::open(folder)
        .map_err(|error| Failure::io(format!("cannot use the object folder {}", folder.display()), error))?;
    Ok(Arc::new(store))
}

#[cfg(not(unix))]
pub(crate) fn folder_of_buckets(_folder: &Path) -> Result<Arc<dyn ObjectStore>, Failure> {
    Err(Failure::Usage("--object-dir: this system has no folders that are opened link by link".to_owned()))
}
