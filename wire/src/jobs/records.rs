//! What is kept of backups and jobs: rows of a table that the database keeps for itself.
//!
//! A row is written before its job begins and after each step that must not be lost, so that a server that is started again
//! finds what was promised, and goes on with what was not finished.

use crate::{
    error::Failure,
    transfer::{Compression, DataFormat},
};
use hashrange::{
    Database, Durability, ErrorKind, Item, Table,
    expression::attr,
    key::S,
    schema::{TableDefinition, TableStatus},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The table of the rows.
pub(super) const TABLE: &str = "hashrange.jobs";

/// A row.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// What it is about; rows of one kind are listed together.
    const KIND: &'static str;
    /// Its id among those of its kind.
    fn id(&self) -> &str;
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JobStatus {
    #[default]
    InProgress,
    Completed,
    Failed,
    Cancelling,
    Cancelled,
    CompletedWithErrors,
}

impl JobStatus {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::CompletedWithErrors => "COMPLETED_WITH_ERRORS",
        }
    }
    /// Whether the job is still to be worked on.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::InProgress | Self::Cancelling)
    }
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobFailure {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl JobFailure {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
    /// There is no such bucket.
    pub(crate) fn no_bucket(bucket: &str) -> Self {
        let text = "The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket; \
                    Bucket: ";
        Self::new("S3NoSuchBucket", format!("{text}{bucket})"))
    }
    /// Something here went wrong, not with what was asked for.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::new("InternalServerError", error.to_string())
    }
}

/// What made a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BackupKind {
    /// A request.
    User,
    /// The deletion of a table with point-in-time recovery.
    System,
}

impl BackupKind {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::System => "SYSTEM",
        }
    }
}

/// A backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BackupRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: BackupKind,
    pub(crate) created_millis: u64,
    pub(crate) expiry_millis: Option<u64>,
    /// The table as it was.
    pub(crate) definition: TableDefinition,
    pub(crate) item_count: u64,
    pub(crate) size_bytes: u64,
    /// Whether the numbers were counted, and what does not belong to the table was given up.
    pub(crate) is_counted: bool,
}

impl Record for BackupRecord {
    const KIND: &'static str = "backup";
    fn id(&self) -> &str {
        &self.id
    }
}

/// What a table is restored from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RestoreSource {
    Backup {
        id: String,
        arn: String,
    },
    /// The table as it was; `at_millis` since 1970, or the last commit when the restore was asked for.
    Point {
        at_millis: Option<u64>,
        commit: u64,
    },
}

/// A table that is being restored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RestoreRecord {
    /// Name of the new table.
    pub(crate) target: String,
    pub(crate) source: RestoreSource,
    /// Name of the table that is restored.
    pub(crate) source_table: String,
    /// The moment that is restored, in milliseconds since 1970, as it is shown.
    pub(crate) restore_millis: u64,
    pub(crate) started_millis: u64,
    /// The new table.
    pub(crate) definition: TableDefinition,
}

impl Record for RestoreRecord {
    const KIND: &'static str = "restore";
    fn id(&self) -> &str {
        &self.target
    }
}

/// What an incremental export is about, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangesSpan {
    pub(crate) from_millis: u64,
    pub(crate) to_millis: u64,
    /// Whether the view shows items before the changes.
    pub(crate) shows_old: bool,
}

impl ChangesSpan {
    /// The view's name on the wire.
    pub(crate) fn view(&self) -> &'static str {
        if self.shows_old { "NEW_AND_OLD_IMAGES" } else { "NEW_IMAGE" }
    }
}

/// Where an export goes, and what of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExportRequest {
    pub(crate) table_arn: String,
    pub(crate) bucket: String,
    pub(crate) prefix: Option<String>,
    pub(crate) bucket_owner: Option<String>,
    pub(crate) sse_algorithm: Option<String>,
    pub(crate) sse_key: Option<String>,
    pub(crate) format: DataFormat,
    /// As the request has it, in milliseconds since 1970.
    pub(crate) export_millis: Option<u64>,
    /// `FULL_EXPORT` or `INCREMENTAL_EXPORT`.
    pub(crate) is_incremental: bool,
    pub(crate) from_millis: Option<u64>,
    pub(crate) to_millis: Option<u64>,
    pub(crate) view: Option<String>,
    /// `FilterSpecification`, as the JSON of the request.
    pub(crate) filter: Option<String>,
}

/// An export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExportRecord {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) table: String,
    pub(crate) table_id: String,
    /// Number of the table in the database.
    pub(crate) table_number: u32,
    /// Names of the key attributes.
    pub(crate) key: Vec<String>,
    pub(crate) request: ExportRequest,
    pub(crate) token: String,
    /// Of a full export: the moment, in milliseconds since 1970.
    pub(crate) at_millis: u64,
    /// The moment that is read: the first that there is, if the one that was asked for is in the same second.
    #[serde(default)]
    pub(crate) read_millis: Option<u64>,
    /// Of a full export of the present: the last commit in it.
    pub(crate) commit: Option<u64>,
    /// Of an incremental export.
    pub(crate) span: Option<ChangesSpan>,
    pub(crate) started_millis: u64,
    pub(crate) ended_millis: Option<u64>,
    pub(crate) status: JobStatus,
    pub(crate) failure: Option<JobFailure>,
    pub(crate) items: u64,
    pub(crate) billed_bytes: u64,
    pub(crate) manifest: Option<String>,
}

impl Record for ExportRecord {
    const KIND: &'static str = "export";
    fn id(&self) -> &str {
        &self.id
    }
}

/// Where items are read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) bucket: String,
    pub(crate) prefix: Option<String>,
    pub(crate) bucket_owner: Option<String>,
    /// `CSV`, `DYNAMODB_JSON` or `ION`.
    pub(crate) format: String,
    pub(crate) compression: Compression,
    pub(crate) delimiter: Option<String>,
    pub(crate) header: Option<Vec<String>>,
}

/// Where a record is among the objects of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordPlace {
    pub(crate) key: String,
    /// Its number among those of its object, from 0.
    pub(crate) index: u64,
}

/// What came of reading items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) processed_bytes: u64,
    pub(crate) imported: u64,
    pub(crate) errors: u64,
    /// Items whose condition did not hold.
    pub(crate) condition_failures: u64,
}

/// An import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ImportRecord {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) table: String,
    pub(crate) table_id: String,
    /// The new table, if there could be one.
    pub(crate) definition: Option<TableDefinition>,
    pub(crate) source: Source,
    /// `TableCreationParameters`, as the JSON of the request.
    pub(crate) parameters: String,
    pub(crate) token: String,
    pub(crate) started_millis: u64,
    pub(crate) ended_millis: Option<u64>,
    pub(crate) status: JobStatus,
    pub(crate) failure: Option<JobFailure>,
    pub(crate) counts: Counts,
}

impl Record for ImportRecord {
    const KIND: &'static str = "import";
    fn id(&self) -> &str {
        &self.id
    }
}

/// What a bulk write is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BulkRequest {
    /// As the request names it.
    pub(crate) table: String,
    pub(crate) source: Source,
    /// `InputS3Configuration` and `OutputS3Configuration`, as the JSON of the request.
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) output_bucket: Option<String>,
    pub(crate) output_prefix: Option<String>,
    pub(crate) tells_errors: bool,
    pub(crate) tells_condition_failures: bool,
    pub(crate) max_units_per_sec: Option<u64>,
    pub(crate) tier: String,
}

/// A bulk write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BulkRecord {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) table: String,
    pub(crate) table_id: String,
    pub(crate) request: BulkRequest,
    pub(crate) token: String,
    pub(crate) started_millis: u64,
    pub(crate) ended_millis: Option<u64>,
    pub(crate) status: JobStatus,
    pub(crate) failure: Option<JobFailure>,
    pub(crate) counts: Counts,
    /// Bytes of the items that were written.
    pub(crate) written_bytes: u64,
    /// Everything before this was written, and is in the counts.
    #[serde(default)]
    pub(crate) done_before: Option<RecordPlace>,
    /// Everything was written; only the end of the time that it takes is waited for.
    #[serde(default)]
    pub(crate) is_written: bool,
}

impl Record for BulkRecord {
    const KIND: &'static str = "bulk";
    fn id(&self) -> &str {
        &self.id
    }
}

/// The rows of a database.
pub(crate) struct Records<'d>(pub(super) &'d Database);

impl Records<'_> {
    fn existing(&self) -> Result<Option<Table<(S, S)>>, Failure> {
        match self.0.describe_table(TABLE) {
            Ok(_) => Ok(Some(self.0.table(TABLE)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a row, durably.
    pub(crate) fn put<R: Record>(&self, record: &R) -> Result<(), Failure> {
        let table = match self.existing()? {
            Some(table) => table,
            None => self.0.create_table(TABLE).hash::<S>("kind").range::<S>("id").open_or_create()?,
        };
        table.put_with(&row(record)?).durability(Durability::Sync).send()?;
        Ok(())
    }

    /// Writes a row anew, durably, if it was not removed meanwhile.
    pub(crate) fn update<R: Record>(&self, record: &R) -> Result<(), Failure> {
        let Some(table) = self.existing()? else { return Ok(()) };
        let put = table.put_with(&row(record)?).when(attr("id").exists()).durability(Durability::Sync).send();
        unless_condition_failed(put).map(drop)
    }

    /// A row; `None` if there is none.
    pub(crate) fn get<R: Record>(&self, id: &str) -> Result<Option<R>, Failure> {
        let Some(table) = self.existing()? else { return Ok(None) };
        // A cache in front of the database knows nothing of jobs, and may be minutes behind.
        let Some(item) = table.get_with((R::KIND, id)).consistent(true).send()?.item else { return Ok(None) };
        read(&item).map(Some)
    }

    /// All rows of a kind, in the order of their ids.
    pub(crate) fn list<R: Record>(&self) -> Result<Vec<R>, Failure> {
        let Some(table) = self.existing()? else { return Ok(Vec::new()) };
        table.query(R::KIND).consistent(true).items().map(|item| read(&item?)).collect()
    }

    /// Writes a row in the place of one, durably, if nothing else took that place meanwhile; whether it was written.
    pub(crate) fn replace<R: Record>(&self, old: &R, new: &R) -> Result<bool, Failure> {
        let Some(table) = self.existing()? else { return Ok(false) };
        let is_same = attr("record").eq(text(old)?);
        unless_condition_failed(table.put_with(&row(new)?).when(is_same).durability(Durability::Sync).send())
    }

    /// Removes a row; whether there was one.
    pub(crate) fn remove<R: Record>(&self, id: &str) -> Result<bool, Failure> {
        let Some(table) = self.existing()? else { return Ok(false) };
        Ok(table.delete_with((R::KIND, id)).return_old().send()?.attributes().is_some())
    }

    /// Removes a row, unless another one has taken its place.
    pub(crate) fn remove_same<R: Record>(&self, record: &R) -> Result<(), Failure> {
        let Some(table) = self.existing()? else { return Ok(()) };
        let is_same = attr("record").eq(text(record)?);
        unless_condition_failed(table.delete_with((R::KIND, record.id())).when(is_same).send()).map(drop)
    }
}

fn text<R: Record>(record: &R) -> Result<String, Failure> {
    serde_json::to_string(record).map_err(unreadable)
}

fn row<R: Record>(record: &R) -> Result<Item, Failure> {
    Ok(Item::new().with("kind", R::KIND).with("id", record.id()).with("record", text(record)?))
}

/// What came of a write that is left undone where its condition does not hold.
/// Whether a conditional write was carried out.
fn unless_condition_failed<T>(written: hashrange::Result<T>) -> Result<bool, Failure> {
    match written {
        Err(error) if error.kind() == ErrorKind::ConditionFailed => Ok(false),
        written => Ok(written.map(|_| true)?),
    }
}

fn read<R: Record>(item: &hashrange::ItemRef) -> Result<R, Failure> {
    let text = item.get("record").and_then(|text| text.as_str()).unwrap_or_default();
    serde_json::from_str(text).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::internal(format!("a row of {TABLE} cannot be read: {error}"))
}

/// Whether a table is being filled by a restore or an import.
pub(crate) fn is_loading(definition: &TableDefinition) -> bool {
    definition.status == TableStatus::Creating
}
