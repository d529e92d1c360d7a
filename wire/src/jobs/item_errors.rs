//! What a job says of records that it left out: a line of JSON for each.
//!
//! A bulk write puts its lines into a bucket. Those of an import are for CloudWatch in the service; here they are the file
//! `imports/ID/error` in the folder of the database.

use super::{
    Jobs,
    records::{ImportRecord, RecordPlace},
};
use crate::json::Writer;
use std::{fs, io, path::Path};

/// Bytes of lines that are kept for one job.
const MAX_BYTES: usize = 64 << 20;

/// Lines about records that were left out.
#[derive(Debug, Default)]
pub(super) struct ItemErrors {
    bucket: String,
    import_arn: Option<String>,
    lines: Vec<u8>,
}

impl ItemErrors {
    /// About records of objects in a bucket, for an import if its ARN is given.
    pub(super) fn new(bucket: &str, import_arn: Option<&str>) -> Self {
        Self { bucket: bucket.to_owned(), import_arn: import_arn.map(str::to_owned), lines: Vec::new() }
    }

    /// Goes on behind lines that were kept.
    pub(super) fn behind(self, lines: Vec<u8>) -> Self {
        Self { lines, ..self }
    }

    /// A record was left out.
    pub(super) fn add(&mut self, place: &RecordPlace, what: &str) {
        if self.lines.len() > MAX_BYTES {
            return;
        }
        let mut out = Writer::with_capacity(256);
        out.begin_object();
        out.name("itemS3Pointer");
        out.begin_object();
        out.string_member("bucket", &self.bucket);
        out.string_member("key", &place.key);
        out.integer_member("itemIndex", place.index);
        out.end_object();
        if let Some(arn) = &self.import_arn {
            out.string_member("importArn", arn);
        }
        out.name("errorMessages");
        out.begin_array();
        out.string(what);
        out.end_array();
        out.end_object();
        self.lines.extend_from_slice(&out.into_bytes());
        self.lines.push(b'\n');
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> &[u8] {
        &self.lines
    }
}

impl Jobs {
    /// Keeps what an import left out, if it left anything out. A database that lives in memory has no place for it.
    pub(super) fn keep_item_errors(&self, record: &ImportRecord, errors: &ItemErrors) {
        let Some(folder) = self.database.folder().filter(|_| !errors.lines.is_empty()) else { return };
        let folder = folder.join("imports").join(&record.id);
        if let Err(error) = write(&folder, &errors.lines) {
            tracing::error!(%error, folder = %folder.display(), "what an import left out cannot be kept");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "messages for people lie beside the database")]
fn write(folder: &Path, lines: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("error"), lines)
}
