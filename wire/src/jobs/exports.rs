//! Exports: the items of a table at one moment, or what changed between two, as objects.

use super::{
    JobFailure, Jobs, Stopped,
    export_filter::ExportFilter,
    records::{ExportRecord, JobStatus},
};
use crate::{
    error::Failure,
    objects::{ObjectStore, put},
    timing::takes,
    transfer::{
        manifest::{self, DataFile, Layout, Span, Summary},
        output::DataFileWriter,
    },
};
use hashrange::{
    Database, ItemRef,
    request::{Page, Query, Scan},
};
use std::{borrow::Cow, sync::Arc};

/// Data files of a small table: the service has four partitions for a new one.
const MIN_FILES: u64 = 4;
/// Bytes of items for which there is a data file.
const FILE_BYTES: u64 = 64 << 20;
/// What an incremental export is billed for at least, in bytes.
const MIN_BILLED_BYTES: u64 = 10_000_000;
/// Full exports of fewer bytes are billed for none.
const FREE_BYTES: u64 = 1 << 20;

impl Jobs {
    /// Promises an export and begins it.
    pub(crate) fn export(&self, record: &ExportRecord) -> Result<(), Failure> {
        self.records().put(record)?;
        self.go_on_with_export(record.clone());
        Ok(())
    }

    pub(super) fn go_on_with_export(&self, record: ExportRecord) {
        let Some(objects) = self.objects.clone() else { return };
        self.spawn(&record.id.clone(), move |jobs| jobs.run_export(record, &objects));
    }

    fn run_export(&self, mut record: ExportRecord, objects: &Arc<dyn ObjectStore>) {
        let outcome = self.wait_until(self.due_millis(record.started_millis, takes::EXPORT));
        match outcome.and_then(|()| self.write_export(&mut record, objects.as_ref())) {
            Ok(()) => record.status = JobStatus::Completed,
            Err(Stopped::Ending) => return,
            Err(Stopped::Failed(failure)) => {
                record.status = JobStatus::Failed;
                record.failure = Some(failure);
                record.manifest = None;
            }
        }
        record.ended_millis.get_or_insert_with(|| self.now_millis());
        self.keep_outcome(&record);
        self.stop_history_after_job();
    }

    fn write_export(&self, record: &mut ExportRecord, objects: &dyn ObjectStore) -> Result<(), Stopped> {
        let bucket = record.request.bucket.clone();
        if !objects.has_bucket(&bucket)? {
            return Err(Stopped::Failed(JobFailure::no_bucket(&bucket)));
        }
        let layout = Layout::new(record.request.prefix.as_deref(), &record.id);
        put(objects, &bucket, &layout.own("_started"), b"")?;
        let mut writer = Files { jobs: self, objects, record, layout: &layout, files: Vec::new(), bytes: 0 };
        if record.span.is_some() {
            writer.changes()?
        } else {
            writer.items()?
        };
        let (files, bytes) = (writer.files, writer.bytes);
        record.items = files.iter().map(|file| file.items).sum();
        record.billed_bytes = match record.span {
            Some(_) => bytes.max(MIN_BILLED_BYTES),
            None if bytes < FREE_BYTES => 0,
            None => bytes,
        };
        record.ended_millis = Some(self.now_millis());
        self.write_manifests(record, objects, &layout, &files)
    }

    /// Writes the files that list the data; the one that is written last says that the export is complete.
    fn write_manifests(
        &self,
        record: &mut ExportRecord,
        objects: &dyn ObjectStore,
        layout: &Layout,
        files: &[DataFile],
    ) -> Result<(), Stopped> {
        let lines = manifest::files(files);
        let request = &record.request;
        let files_key = layout.own("manifest-files.json");
        let summary = Summary {
            export_arn: &record.arn,
            start_millis: record.started_millis,
            end_millis: record.ended_millis.unwrap_or(record.started_millis),
            table_arn: &request.table_arn,
            table_id: &record.table_id,
            span: match record.span {
                None => Span::Full { at_millis: record.at_millis },
                Some(span) => {
                    Span::Incremental { from_millis: span.from_millis, to_millis: span.to_millis, view: span.view() }
                }
            },
            bucket: &request.bucket,
            prefix: request.prefix.as_deref(),
            sse_algorithm: request.sse_algorithm.as_deref().unwrap_or("AES256"),
            sse_key: request.sse_key.as_deref(),
            files_key: &files_key,
            billed_bytes: record.billed_bytes,
            items: record.items,
            format: request.format,
        }
        .to_bytes();
        for (name, bytes) in [
            ("manifest-files.json", lines.as_slice()),
            ("manifest-files.md5", manifest::checksum(&lines).as_bytes()),
            ("manifest-summary.json", &summary),
            ("manifest-summary.md5", manifest::checksum(&summary).as_bytes()),
        ] {
            put(objects, &request.bucket, &layout.own(name), bytes)?;
        }
        record.manifest = Some(layout.own("manifest-summary.json"));
        Ok(())
    }
}

/// The data files of one export.
pub(super) struct Files<'a> {
    pub(super) jobs: &'a Jobs,
    pub(super) objects: &'a dyn ObjectStore,
    pub(super) record: &'a ExportRecord,
    layout: &'a Layout,
    files: Vec<DataFile>,
    /// Bytes of the items that were written.
    pub(super) bytes: u64,
}

impl Files<'_> {
    /// Begins the next file.
    pub(super) fn begin(&self) -> Result<DataFileWriter, Stopped> {
        let request = &self.record.request;
        let path = self.layout.data(self.files.len(), self.record.span.is_some(), request.format);
        let key = self.record.key.clone();
        Ok(DataFileWriter::begin(self.objects, &request.bucket, path, request.format, key)?)
    }

    /// Ends a file.
    pub(super) fn end(&mut self, file: DataFileWriter) -> Result<(), Stopped> {
        self.files.push(file.finish()?);
        Ok(())
    }

    /// The items at one moment: a file for each range of hashes.
    fn items(&mut self) -> Result<(), Stopped> {
        let record = self.record;
        let at_millis =
            if record.commit.is_some() { None } else { Some(record.read_millis.unwrap_or(record.at_millis)) };
        let past = self.jobs.past(at_millis, record.commit.unwrap_or_default())?;
        let filter = record.request.filter.as_deref().map(ExportFilter::parse).transpose()?.unwrap_or_default();
        if filter.key_condition().is_some() {
            let mut file = self.begin()?;
            self.query(past.database(), &filter, &mut file)?;
            return self.end(file);
        }
        let size_bytes = past.describe_table(&record.table)?.size_bytes;
        let files = u32::try_from(MIN_FILES.max(size_bytes / FILE_BYTES)).unwrap_or(u32::MAX);
        for segment in 0..files {
            let mut file = self.begin()?;
            let mut scan = Scan::new(record.table.as_str());
            scan.segment = Some((segment, files));
            filter.apply(&mut scan.options);
            loop {
                let page = past.database().execute(&scan)?;
                self.page(&page, &mut file)?;
                match page.last_evaluated_key() {
                    Some(key) => scan.options.exclusive_start_key = Some(Cow::Owned(key)),
                    None => break,
                }
            }
            self.end(file)?;
        }
        Ok(())
    }

    fn query(&mut self, past: &Database, filter: &ExportFilter, file: &mut DataFileWriter) -> Result<(), Stopped> {
        let Some(condition) = filter.key_condition() else { return Ok(()) };
        let mut query = Query::new(self.record.table.as_str(), condition);
        filter.apply(&mut query.options);
        loop {
            let page = past.execute(&query)?;
            self.page(&page, file)?;
            match page.last_evaluated_key() {
                Some(key) => query.options.exclusive_start_key = Some(Cow::Owned(key)),
                None => return Ok(()),
            }
        }
    }

    fn page(&mut self, page: &Page, file: &mut DataFileWriter) -> Result<(), Stopped> {
        self.jobs.check_going_on()?;
        for item in &page.items {
            self.bytes += ItemRef::size_bytes(item) as u64;
            file.item(item)?;
        }
        Ok(())
    }
}
