//! Imports: a new table with the items of objects.

use super::{
    JobFailure, Jobs, Stopped,
    item_errors::ItemErrors,
    loading::{Loading, spec_of},
    reading::{Put, Sink, form, read_objects},
    records::{Counts, ImportRecord, JobStatus, RecordPlace},
};
use crate::{arn::table_id, error::Failure, objects::ObjectStore, timing::takes, transfer::json::ItemRecord};
use hashrange::{
    ErrorKind,
    admin::{TableLoader, TableSpec},
};
use std::sync::Arc;

/// What is said of an import that left items out.
const ITEM_ERRORS: &str = "Some of the items failed validation checks and were not imported. Please check CloudWatch error logs \
                           for more details.";

impl Jobs {
    /// Promises an import and begins it. The table is made here if it can be; an import that finds no bucket or no name fails
    /// later.
    pub(crate) fn import(&self, record: &mut ImportRecord, spec: TableSpec) -> Result<(), Failure> {
        let has_bucket = match &self.objects {
            Some(objects) => objects.has_bucket(&record.source.bucket).unwrap_or(false),
            None => false,
        };
        let mut loader = None;
        if has_bucket {
            match self.database.load_table(spec) {
                Ok(begun) => loader = Some(begun),
                Err(error) if error.kind() == ErrorKind::InUse => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(loader) = &loader {
            let definition = loader.definition();
            record.table_id = table_id(&definition);
            record.definition = Some((*definition).clone());
        }
        // If it cannot be written, the table goes with the loader.
        self.records().put(record)?;
        self.begin_import(record.clone(), loader);
        Ok(())
    }

    /// The imports that fill a table, or wait to.
    pub(crate) fn importing(&self, table: &str) -> Result<Vec<ImportRecord>, Failure> {
        let mut open = self.records().list::<ImportRecord>()?;
        open.retain(|import| import.status.is_open() && import.table == table);
        Ok(open)
    }

    /// Begins an import again whose table went with the process that made it. A server without objects leaves it to the next one.
    pub(super) fn go_on_with_import(&self, mut record: ImportRecord) -> Result<(), Failure> {
        if self.objects.is_none() {
            return Ok(());
        }
        let mut loader = None;
        if let Some(definition) = &record.definition {
            match self.database.load_table(spec_of(definition)) {
                Ok(begun) => {
                    record.table_id = table_id(&begun.definition());
                    self.records().put(&record)?;
                    loader = Some(begun);
                }
                Err(error) if error.kind() == ErrorKind::InUse => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.begin_import(record, loader);
        Ok(())
    }

    fn begin_import(&self, record: ImportRecord, loader: Option<TableLoader>) {
        let Some(objects) = self.objects.clone() else { return };
        self.spawn(&record.id.clone(), move |jobs| jobs.run_import(record, loader, &objects));
    }

    fn run_import(&self, mut record: ImportRecord, loader: Option<TableLoader>, objects: &Arc<dyn ObjectStore>) {
        match self.fill_imported(&mut record, loader, objects) {
            Ok(()) if record.counts.errors == 0 => record.status = JobStatus::Completed,
            Ok(()) => {
                record.status = JobStatus::Failed;
                record.failure = Some(JobFailure::new("ItemValidationError", ITEM_ERRORS));
            }
            Err(Stopped::Ending) => return,
            Err(Stopped::Failed(failure)) => {
                record.status = JobStatus::Failed;
                record.failure = Some(failure);
            }
        }
        record.ended_millis = Some(self.now_millis());
        self.keep_outcome(&record);
    }

    fn fill_imported(
        &self,
        record: &mut ImportRecord,
        loader: Option<TableLoader>,
        objects: &Arc<dyn ObjectStore>,
    ) -> Result<(), Stopped> {
        let Some(loader) = loader else { return self.without_table(record, objects.as_ref()) };
        let bucket = &record.source.bucket;
        if !objects.has_bucket(bucket)? {
            return Err(Stopped::Failed(JobFailure::no_bucket(bucket)));
        }
        let form = form(&record.source, &loader.definition());
        let errors = ItemErrors::new(&record.source.bucket, Some(&record.arn));
        let mut sink = NewTable { loading: Loading::new(self, loader), errors, id: &record.id };
        let mut counts = Counts::default();
        read_objects(objects.as_ref(), &record.source, &form, None, &mut counts, &mut sink)?;
        let NewTable { loading, errors, .. } = sink;
        record.counts = counts;
        self.keep_item_errors(record, &errors);
        // The counts are there before the table is: it is not read again then.
        self.records().put(record)?;
        self.wait_until(self.due_millis(record.started_millis, takes::IMPORT_TABLE))?;
        loading.finish()?;
        self.wait_until(self.due_millis(record.started_millis, takes::IMPORT))
    }

    /// What becomes of an import that has no table to fill.
    fn without_table(&self, record: &ImportRecord, objects: &dyn ObjectStore) -> Result<(), Stopped> {
        match self.database.describe_table(&record.table) {
            // It was full when the process that filled it ended.
            Ok(table) if record.definition.is_some() && table_id(&table.definition) == record.table_id => Ok(()),
            Ok(_) if objects.has_bucket(&record.source.bucket)? => {
                let text = format!("Table already exists: {}", record.table);
                Err(Stopped::Failed(JobFailure::new("TableAlreadyExists", text)))
            }
            // There was no bucket when the import was asked for.
            _ => Err(Stopped::Failed(JobFailure::no_bucket(&record.source.bucket))),
        }
    }
}

/// The table that an import fills.
struct NewTable<'i> {
    loading: Loading<'i>,
    errors: ItemErrors,
    /// Id of the import.
    id: &'i str,
}

impl Sink for NewTable<'_> {
    fn check_not_ended(&self) -> Result<(), Stopped> {
        self.loading.check_not_stopping()
    }

    fn put(&mut self, record: &ItemRecord, _: &RecordPlace) -> Result<Put, Stopped> {
        Ok(match self.loading.put(&record.item)? {
            None => Put::Done,
            Some(error) => Put::Refused(error.message().to_owned()),
        })
    }

    fn leave_out(&mut self, place: &RecordPlace, what: &str) {
        self.errors.add(place, what);
        tracing::warn!(job = self.id, key = place.key, item_index = place.index, what, "a record is left out");
    }

    fn done_before(&mut self, _: &RecordPlace, _: &Counts) -> Result<(), Stopped> {
        Ok(())
    }
}
