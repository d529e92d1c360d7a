//! Imports: a new table with the items of objects.

use super::{
    JobFailure, Jobs, Stopped,
    item_errors::ItemErrors,
    loading::{Loading, spec_of},
    records::{Counts, ImportRecord, JobStatus, Source},
};
use crate::{
    arn::table_id,
    error::Failure,
    objects::ObjectStore,
    timing::takes,
    transfer::{
        DataFormat,
        csv_rows::CsvForm,
        input::{Found, InputForm, each_record},
        json::ItemRecord,
    },
};
use hashrange::{
    ErrorKind,
    admin::{TableLoader, TableSpec},
    schema::TableDefinition,
};
use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

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

    /// Begins an import again whose table went with the process that made it.
    pub(super) fn go_on_with_import(&self, mut record: ImportRecord) -> Result<(), Failure> {
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
        let bucket = &record.source.bucket;
        if !objects.has_bucket(bucket)? {
            return Err(Stopped::Failed(JobFailure::no_bucket(bucket)));
        }
        let Some(loader) = loader else {
            // It was full when the process that filled it ended, or another table has the name.
            let table = self.database.describe_table(&record.table).ok();
            if table.is_some_and(|table| table_id(&table.definition) == record.table_id) {
                return Ok(());
            }
            let text = format!("Table already exists: {}", record.table);
            return Err(Stopped::Failed(JobFailure::new("TableAlreadyExists", text)));
        };
        let form = form(&record.source, &loader.definition());
        let mut loading = Loading::new(self, loader);
        let mut put = |record: &ItemRecord, _: &RecordPosition<'_>| {
            Ok(match loading.put(&record.item)? {
                None => Put::Done,
                Some(error) => Put::Refused(error.message().to_owned()),
            })
        };
        let mut errors = ItemErrors::new(&record.source.bucket, Some(&record.arn));
        let mut refuse = |place: &RecordPosition<'_>, what: &str| {
            errors.add(place, what);
            tracing::warn!(job = record.id, key = place.key, item_index = place.index, what, "a record is left out");
        };
        record.counts = read_objects(objects.as_ref(), &record.source, &form, &mut put, &mut refuse)?;
        self.keep_item_errors(record, &errors);
        // The counts are there before the table is: it is not read again then.
        self.records().put(record)?;
        self.wait_until(self.due_millis(record.started_millis, takes::IMPORT_TABLE))?;
        loading.finish()?;
        self.wait_until(self.due_millis(record.started_millis, takes::IMPORT))
    }
}

/// How the objects of a source hold items of a table.
pub(super) fn form(source: &Source, table: &TableDefinition) -> InputForm {
    match source.format.as_str() {
        "CSV" => {
            let of_indexes = table.indexes.iter().flat_map(|index| index.attributes());
            let keys: BTreeMap<_, _> =
                table.key.attributes().chain(of_indexes).map(|key| (key.name.clone(), key.kind)).collect();
            let delimiter = source.delimiter.as_ref().and_then(|delimiter| delimiter.bytes().next()).unwrap_or(b',');
            InputForm::Csv(CsvForm { delimiter, header: source.header.clone(), keys })
        }
        "ION" => InputForm::Data(DataFormat::Ion),
        _ => InputForm::Data(DataFormat::DynamoDbJson),
    }
}

/// Where a record was read.
pub(super) struct RecordPosition<'a> {
    pub(super) key: &'a str,
    /// Its number among those of its object, from 0.
    pub(super) index: u64,
}

/// What became of an item.
pub(super) enum Put {
    Done,
    /// It is no item of the table.
    Refused(String),
    /// Its condition does not hold.
    ConditionFailed,
}

/// Puts a record that was read.
pub(super) type PutRecord<'a> = &'a mut dyn FnMut(&ItemRecord, &RecordPosition<'_>) -> Result<Put, Stopped>;

/// Reads all objects of a source in the order of their keys. What is left out is given to `refuse`.
pub(super) fn read_objects(
    objects: &dyn ObjectStore,
    source: &Source,
    form: &InputForm,
    put: PutRecord<'_>,
    refuse: &mut dyn FnMut(&RecordPosition<'_>, &str),
) -> Result<Counts, Stopped> {
    let mut counts = Counts::default();
    let bytes = Arc::new(AtomicU64::new(0));
    for key in objects.list(&source.bucket, source.prefix.as_deref().unwrap_or_default())? {
        let mut place = RecordPosition { key: &key, index: 0 };
        let object = Counted { object: objects.read(&source.bucket, &key)?, bytes: bytes.clone() };
        each_record(Box::new(object), source.compression, form, |found| {
            let put = match found {
                Found::Record(Ok(record)) => put(&record, &place)?,
                Found::Record(Err(what)) | Found::End(what) => Put::Refused(what),
            };
            match put {
                Put::Done => counts.imported += 1,
                Put::ConditionFailed => counts.condition_failures += 1,
                Put::Refused(what) => {
                    counts.errors += 1;
                    refuse(&place, &what);
                }
            }
            place.index += 1;
            Ok::<_, Stopped>(true)
        })?;
    }
    counts.processed_bytes = bytes.load(Ordering::Relaxed);
    Ok(counts)
}

/// An object whose bytes are counted as they are read.
struct Counted {
    object: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.object.read(bytes)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
