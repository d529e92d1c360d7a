//! Stores of objects on the command line: where archives are, where exports go and imports come from, and what stands for Kinesis.

use crate::failure::Failure;
use clap::{Args, ValueEnum};
use hashrange::{
    Database,
    file::ObjectStore,
    history::{ArchiveMode, ArchiveOptions, ArchivePlace, Archiving, Backlog},
    streams::{Disorder, DisorderedSink},
};
use hashrange_wire::kinesis::KinesisFolder;
#[cfg(feature = "object-store")]
use hashrange_wire::objects::{ObjectService, RemoteStore};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How a place is written, for help texts.
pub(crate) const PLACES: &str = if cfg!(feature = "object-store") {
    "a folder, or a bucket: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX"
} else {
    "a folder, or s3://BUCKET/PREFIX with --object-dir"
};

/// The place that a text names. With an object folder, `s3://BUCKET/PREFIX` is `DIR/BUCKET/PREFIX`.
#[cfg(unix)]
pub(crate) fn place(text: &str, object_dir: Option<&Path>, makes: bool) -> Result<ArchivePlace, Failure> {
    match (text.strip_prefix("s3://"), object_dir) {
        (Some(rest), Some(folder)) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            Ok(ArchivePlace::new(folder_of_buckets(folder)?, bucket, prefix)?)
        }
        _ if text.starts_with("file://") => place(local(text)?, None, makes),
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

/// The folder that a URL of a file names.
#[cfg(unix)]
fn local(url: &str) -> Result<&str, Failure> {
    let folder = url.strip_prefix("file://").filter(|path| path.starts_with('/') && !path.contains(['%', '?', '#']));
    folder.ok_or_else(|| Failure::Usage(format!("{url}: name the folder itself, or file:///FOLDER without escapes")))
}

/// A bucket of a service.
#[cfg(feature = "object-store")]
fn remote(text: &str) -> Result<ArchivePlace, Failure> {
    let (store, prefix) = RemoteStore::at(text).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(ArchivePlace::new(Arc::new(store), "", &prefix)?)
}

/// Rejects a bucket that is no folder.
#[cfg(not(feature = "object-store"))]
fn remote(text: &str) -> Result<ArchivePlace, Failure> {
    let folders = "name a folder, or s3://BUCKET/PREFIX with --object-dir DIR";
    Err(Failure::Usage(format!("{text}: {folders}; {WITHOUT}")))
}

/// What a program says that reaches no bucket.
#[cfg(not(feature = "object-store"))]
const WITHOUT: &str =
    "for buckets of S3, Google Cloud Storage and Azure, compile hashrange with --features object-store";

/// A service whose buckets exports go to and imports come from.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Service {
    /// Amazon S3, or what speaks its protocol at AWS_ENDPOINT
    S3,
    /// Google Cloud Storage
    Gs,
    /// Azure Blob Storage
    Az,
}

/// The buckets of a service.
#[cfg(feature = "object-store")]
pub(crate) fn buckets_of(service: Service) -> Result<Arc<dyn ObjectStore>, Failure> {
    let service = match service {
        Service::S3 => ObjectService::S3,
        Service::Gs => ObjectService::Gcs,
        Service::Az => ObjectService::Azure,
    };
    match RemoteStore::of_service(service) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(Failure::io(format!("cannot reach buckets of {}", service.scheme()), error)),
    }
}

#[cfg(not(feature = "object-store"))]
pub(crate) fn buckets_of(_service: Service) -> Result<Arc<dyn ObjectStore>, Failure> {
    Err(Failure::Usage(format!("--object-store: {WITHOUT}")))
}

/// Options of `serve` about an archive.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// Archive the database to this place, every second
    #[arg(long, value_name = "PLACE", conflicts_with = "in_memory",
        help = format!("Archive the database to this place, every second: {PLACES}"))]
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
    /// Whether the database is archived.
    pub(crate) fn is_wanted(&self) -> bool {
        self.archive.is_some()
    }
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

/// What stands for Kinesis.
#[derive(Debug, Args)]
pub(crate) struct KinesisArgs {
    /// Folder that stands for Kinesis: data stream NAME is DIR/NAME.jsonl, which has to exist; changes of tables with a Kinesis
    /// destination are appended there. Without, they wait for up to 24 hours
    #[arg(long, value_name = "DIR")]
    pub(crate) kinesis_dir: Option<PathBuf>,
    /// Write records in any order, as Kinesis may: they are gathered for a quarter of a second and shuffled
    #[arg(long, requires = "kinesis_dir")]
    kinesis_shuffle: bool,
    /// Of a thousand records, how many are written a second time, at once or later, as Kinesis may
    #[arg(long, value_name = "RECORDS", default_value_t, requires = "kinesis_dir")]
    kinesis_duplicates: u32,
}

/// How long records are gathered that are to be shuffled.
const GATHER: Duration = Duration::from_millis(250);

impl KinesisArgs {
    /// The data streams of the folder, which has to be there; `None` without one.
    pub(crate) fn sink(&self) -> Result<Option<DisorderedSink<KinesisFolder>>, Failure> {
        let Some(folder) = &self.kinesis_dir else { return Ok(None) };
        let folder_error = |error| Failure::io(format!("--kinesis-dir {}", folder.display()), error);
        let streams = KinesisFolder::open(folder).map_err(folder_error)?;
        let gather = if self.kinesis_shuffle { GATHER } else { Duration::ZERO };
        let (shuffle, duplicates_per_thousand) = (self.kinesis_shuffle, self.kinesis_duplicates);
        let disorder = Disorder { shuffle, duplicates_per_thousand, gather, seed: 0 };
        Ok(Some(DisorderedSink::new(streams, disorder)?))
    }
}
