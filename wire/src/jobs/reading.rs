//! Reading the items of objects, for imports and bulk writes.

use super::{
    JobFailure, Stopped,
    records::{Counts, RecordPlace, Source},
};
use crate::{
    objects::ObjectStore,
    transfer::{
        DataFormat,
        csv_rows::CsvForm,
        input::{Found, InputForm, each_record},
        json::ItemRecord,
    },
};
use hashrange::schema::TableDefinition;
use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

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

/// What became of an item.
pub(super) enum Put {
    Done,
    /// It is no item of the table.
    Refused(String),
    /// Its condition does not hold.
    ConditionFailed,
}

/// Where the records go that are read.
pub(super) trait Sink {
    /// Ends the reading if the server ends or the job was cancelled. Asked before each record, also before those that are done.
    fn check_not_ended(&self) -> Result<(), Stopped>;
    /// Puts a record that was read.
    fn put(&mut self, record: &ItemRecord, place: &RecordPlace) -> Result<Put, Stopped>;
    /// A record is left out, or bytes that hold no record.
    fn leave_out(&mut self, place: &RecordPlace, what: &str);
    /// Everything before a place is done; the counts are those of it, and bytes are counted of whole objects.
    fn done_before(&mut self, place: &RecordPlace, counts: &Counts) -> Result<(), Stopped>;
}

/// Reads all objects of a source in the order of their keys, from a place on. What was read by then is in `counts`, also if the
/// reading is stopped.
pub(super) fn read_objects(
    objects: &dyn ObjectStore,
    source: &Source,
    form: &InputForm,
    from: Option<&RecordPlace>,
    counts: &mut Counts,
    sink: &mut dyn Sink,
) -> Result<(), Stopped> {
    for key in objects.list(&source.bucket, source.prefix.as_deref().unwrap_or_default())? {
        let done = match from {
            Some(from) if key < from.key => continue,
            Some(from) if key == from.key => from.index,
            _ => 0,
        };
        let mut place = RecordPlace { key, index: 0 };
        let progress = Arc::new(ObjectProgress::default());
        let object = Counted { object: objects.read(&source.bucket, &place.key)?, progress: progress.clone() };
        let read = each_record(Box::new(object), source.compression, form, |found| {
            if progress.failure.get().is_some() {
                return Ok(false);
            }
            sink.check_not_ended()?;
            if place.index >= done {
                put_found(found, &place, counts, sink)?;
            }
            place.index += 1;
            if place.index > done {
                sink.done_before(&place, counts)?;
            }
            Ok::<_, Stopped>(true)
        });
        counts.processed_bytes += progress.bytes.load(Ordering::Relaxed);
        read?;
        // That the object could not be read is no fault of what is in it.
        if let Some(what) = progress.failure.get() {
            return Err(Stopped::Failed(JobFailure::internal(format!("{} cannot be read: {what}", place.key))));
        }
    }
    Ok(())
}

fn put_found(found: Found, place: &RecordPlace, counts: &mut Counts, sink: &mut dyn Sink) -> Result<(), Stopped> {
    let put = match found {
        Found::Record(Ok(record)) => sink.put(&record, place)?,
        Found::Record(Err(what)) | Found::End(what) => Put::Refused(what),
    };
    match put {
        Put::Done => counts.imported += 1,
        Put::ConditionFailed => counts.condition_failures += 1,
        Put::Refused(what) => {
            counts.errors += 1;
            sink.leave_out(place, &what);
        }
    }
    Ok(())
}

/// How far an object was read.
#[derive(Default)]
struct ObjectProgress {
    bytes: AtomicU64,
    /// The error that ended the reading of the object.
    failure: OnceLock<String>,
}

/// Counts the bytes of an object as they are read, and keeps the error that ended the reading.
struct Counted {
    object: Box<dyn Read + Send>,
    progress: Arc<ObjectProgress>,
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.object.read(bytes) {
            Ok(read) => {
                self.progress.bytes.fetch_add(read as u64, Ordering::Relaxed);
                Ok(read)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.progress.failure.get_or_init(|| error.to_string());
                }
                Err(error)
            }
        }
    }
}
