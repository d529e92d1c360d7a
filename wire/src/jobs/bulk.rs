//! Bulk writes: the items of objects, put into a table that is in use.
//!
//! Each item is a put as `PutItem` is one: through conditions, indexes and the change stream. A bulk write that is interrupted
//! notes how far it is and goes on from there. Where the process was killed, up to [`NOTE_EVERY`] puts are done once more.

use super::{
    JobFailure, Jobs, Stopped,
    item_errors::ItemErrors,
    not_kept,
    reading::{Put, Sink, form, read_objects},
    records::{BulkRecord, Counts, JobStatus, Record, RecordPlace},
};
use crate::{
    arn::table_id,
    error::Failure,
    objects::{ObjectStore, put},
    timing::takes,
    transfer::{json::ItemRecord, manifest::Layout},
};
use hashrange::{ErrorKind, Table, item::size::item_size, key::Dynamic, request::PutItem};
use std::{sync::Arc, thread, time::Duration};

/// Records after which it is noted how far a bulk write is.
const NOTE_EVERY: u64 = 1_024;
/// Objects that tell what was left out, and what failed by its condition.
const ERRORS: &str = "error.json";
const CONDITION_FAILURES: &str = "condition-check-failure.json";
/// Bytes of one write unit.
const UNIT_BYTES: u64 = 1_024;
/// How long a put waits that was throttled, or that is not due.
const PAUSE: Duration = Duration::from_millis(20);

impl Jobs {
    /// Promises a bulk write and begins it.
    pub(crate) fn start_bulk(&self, record: &BulkRecord) -> Result<(), Failure> {
        self.records().put(record)?;
        self.go_on_with_bulk(record.clone());
        Ok(())
    }

    /// Ends a bulk write that is going on; what it has written stays.
    pub(crate) fn cancel_bulk(&self, mut record: BulkRecord) -> Result<BulkRecord, Failure> {
        while record.status == JobStatus::InProgress {
            self.board.state().cancelled.insert(record.id.clone());
            let cancelling = BulkRecord { status: JobStatus::Cancelling, ..record.clone() };
            if self.records().replace(&record, &cancelling)? {
                // One that no thread works on is ended by a new one.
                self.go_on_with_bulk(cancelling.clone());
                return Ok(cancelling);
            }
            // The thread has noted how far it is, or that the work has ended.
            let Some(row) = self.records().get(&record.id)? else { break };
            record = row;
        }
        if !record.status.is_open() {
            self.board.state().cancelled.remove(&record.id);
        }
        Ok(record)
    }

    fn is_cancelled(&self, id: &str) -> bool {
        self.board.state().cancelled.contains(id)
    }

    pub(super) fn go_on_with_bulk(&self, record: BulkRecord) {
        let Some(objects) = self.objects.clone() else { return };
        if record.status == JobStatus::Cancelling {
            self.board.state().cancelled.insert(record.id.clone());
        }
        self.spawn(&record.id.clone(), move |jobs| jobs.run_bulk(record, &objects));
    }

    fn run_bulk(&self, mut record: BulkRecord, objects: &Arc<dyn ObjectStore>) {
        let mut noted = record.clone();
        let outcome =
            if record.is_written { Ok(()) } else { self.write_bulk(&mut record, &mut noted, objects.as_ref()) };
        let outcome = outcome.and_then(|()| self.wait_until(self.due_millis(record.started_millis, takes::BULK)));
        match outcome {
            _ if self.is_cancelled(&record.id) => cancelled(&mut record),
            Ok(()) if record.counts.errors > 0 => record.status = JobStatus::CompletedWithErrors,
            Ok(()) => record.status = JobStatus::Completed,
            Err(Stopped::Ending) => return,
            Err(Stopped::Failed(failure)) => {
                record.status = JobStatus::Failed;
                record.failure = Some(failure);
            }
        }
        record.ended_millis = Some(self.now_millis());
        if let Err(failure) = self.keep_end_of_bulk(&noted, &mut record) {
            not_kept(&record, &failure);
        }
        self.board.state().cancelled.remove(record.id());
    }

    /// Keeps what became of a bulk write, whose row was noted so last. A cancellation that changed the row first has its way.
    fn keep_end_of_bulk(&self, noted: &BulkRecord, record: &mut BulkRecord) -> Result<(), Failure> {
        if self.records().replace(noted, record)? {
            return Ok(());
        }
        match self.records().get::<BulkRecord>(&record.id)? {
            Some(row) if row.status.is_open() => {
                if row.status == JobStatus::Cancelling {
                    cancelled(record);
                }
                self.records().put(record)
            }
            _ => Ok(()), // it has ended already
        }
    }

    fn write_bulk(
        &self,
        record: &mut BulkRecord,
        noted: &mut BulkRecord,
        objects: &dyn ObjectStore,
    ) -> Result<(), Stopped> {
        let request = record.request.clone();
        let output_bucket = request.output_bucket.as_deref().unwrap_or(&request.source.bucket);
        for bucket in [&request.source.bucket, output_bucket] {
            if !objects.has_bucket(bucket)? {
                return Err(Stopped::Failed(JobFailure::no_bucket(bucket)));
            }
        }
        let table = self.database.dynamic_table(&record.table)?;
        let definition = self.database.describe_table(&record.table)?.definition;
        if table_id(&definition) != record.table_id {
            let text = format!("Table {} is not the one that the bulk write began with", record.table);
            return Err(Stopped::Failed(JobFailure::new("TableNotFound", text)));
        }
        let form = form(&request.source, &definition);
        let layout = Layout::new(request.output_prefix.as_deref(), &record.id);
        let lines = |name: &str| -> Result<ItemErrors, Stopped> {
            let kept = match record.done_before {
                Some(_) => objects.read_many(output_bucket, &[layout.own(name)])?.pop().flatten(),
                None => None,
            };
            Ok(ItemErrors::new(&request.source.bucket, None).behind(kept.unwrap_or_default().to_vec()))
        };
        let (errors, condition_failures) = (lines(ERRORS)?, lines(CONDITION_FAILURES)?);
        let (from, mut counts) = (record.done_before.clone(), record.counts);
        let pace = Pace { begun_millis: self.now_millis(), bytes_before: record.written_bytes };
        let mut sink = UsedTable { jobs: self, table, noted, record, errors, condition_failures, since_noted: 0, pace };
        let read = read_objects(objects, &request.source, &form, from.as_ref(), &mut counts, &mut sink);
        let UsedTable { record, noted, errors, condition_failures, .. } = sink;
        let is_to_go_on = matches!(read, Err(Stopped::Ending)) && !self.is_cancelled(&record.id);
        if !is_to_go_on {
            record.counts = counts;
        }
        record.is_written = read.is_ok();
        let lines = [
            (request.tells_errors, ERRORS, errors),
            (request.tells_condition_failures, CONDITION_FAILURES, condition_failures),
        ];
        let told = lines.into_iter().try_for_each(|(is_wanted, name, errors)| {
            let is_kept = is_wanted && !errors.lines().is_empty();
            if is_kept { put(objects, output_bucket, &layout.own(name), errors.lines()) } else { Ok(()) }
        });
        if !is_to_go_on {
            told?;
        } else if told.is_err() {
            not_noted(record);
            return read;
        }
        if is_to_go_on || record.is_written {
            match self.records().replace(noted, record) {
                Ok(true) => noted.clone_from(record),
                Ok(false) => {} // a cancellation that came between keeps its row
                Err(_) => not_noted(record),
            }
        }
        read
    }

    /// Puts one item, not faster than was asked for.
    fn put_bulk(
        &self,
        table: &Table<Dynamic>,
        record: &BulkRecord,
        pace: &Pace,
        item: &ItemRecord,
    ) -> Result<Put, Stopped> {
        if let Some(rate) = record.request.max_units_per_sec {
            // What one second may write is written at once.
            let over = ((record.written_bytes - pace.bytes_before) / UNIT_BYTES).saturating_sub(rate);
            let due_millis = pace.begun_millis + over * 1000 / rate.max(1);
            while self.now_millis() < due_millis {
                if self.is_cancelled(&record.id) {
                    return Err(Stopped::Ending);
                }
                self.check_going_on()?;
                thread::sleep(PAUSE);
            }
        }
        let mut request = PutItem::new(table, &item.item);
        request.condition.clone_from(&item.condition);
        loop {
            match self.database.execute(&request) {
                Ok(_) => return Ok(Put::Done),
                Err(error) if error.kind() == ErrorKind::ConditionFailed => return Ok(Put::ConditionFailed),
                Err(error) if error.kind() == ErrorKind::Validation => {
                    return Ok(Put::Refused(error.message().to_owned()));
                }
                Err(error) if error.kind() == ErrorKind::Throttled || error.kind() == ErrorKind::Conflict => {
                    if self.is_cancelled(&record.id) {
                        return Err(Stopped::Ending);
                    }
                    self.check_going_on()?;
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn cancelled(record: &mut BulkRecord) {
    record.status = JobStatus::Cancelled;
    record.failure = Some(JobFailure::new("Cancelled", "The bulk operation was cancelled by a request"));
}

fn not_noted(record: &BulkRecord) {
    tracing::warn!(job = record.id, "how far a bulk write is cannot be noted; some of its puts are done once more");
}

/// From when on a bulk write is measured against its rate: what a server did not write while it was stopped is not made up for.
struct Pace {
    begun_millis: u64,
    /// Bytes that were written before.
    bytes_before: u64,
}

/// The table that a bulk write puts items into.
struct UsedTable<'j> {
    jobs: &'j Jobs,
    /// This table, also where another one gets its name meanwhile.
    table: Table<Dynamic>,
    record: &'j mut BulkRecord,
    pace: Pace,
    /// The row as it was noted last.
    noted: &'j mut BulkRecord,
    /// Records since then.
    since_noted: u64,
    errors: ItemErrors,
    condition_failures: ItemErrors,
}

impl Sink for UsedTable<'_> {
    fn check_not_ended(&self) -> Result<(), Stopped> {
        if self.jobs.is_cancelled(&self.record.id) { Err(Stopped::Ending) } else { self.jobs.check_not_stopping() }
    }

    fn put(&mut self, record: &ItemRecord, place: &RecordPlace) -> Result<Put, Stopped> {
        let put = self.jobs.put_bulk(&self.table, self.record, &self.pace, record)?;
        match &put {
            Put::Done => self.record.written_bytes += item_size(&record.item) as u64,
            Put::ConditionFailed => self.condition_failures.add(place, "The conditional request failed"),
            Put::Refused(_) => {}
        }
        Ok(put)
    }

    fn leave_out(&mut self, place: &RecordPlace, what: &str) {
        self.errors.add(place, what);
    }

    fn done_before(&mut self, place: &RecordPlace, counts: &Counts) -> Result<(), Stopped> {
        self.record.counts = *counts;
        match &mut self.record.done_before {
            Some(known) if known.key == place.key => known.index = place.index,
            other => *other = Some(place.clone()),
        }
        self.since_noted += 1;
        if self.since_noted >= NOTE_EVERY {
            self.since_noted = 0;
            // A cancellation that came between keeps its row.
            if self.jobs.records().replace(self.noted, self.record)? {
                self.noted.clone_from(self.record);
            }
        }
        Ok(())
    }
}
