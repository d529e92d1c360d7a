//! Bulk writes: the items of objects, put into a table that is in use.
//!
//! Each item is a put as `PutItem` is one: through conditions, indexes and the change stream. A bulk write that was interrupted
//! begins again; puts that were done are done once more.

use super::{
    JobFailure, Jobs, Stopped,
    imports::{Put, RecordPosition, form, read_objects},
    item_errors::ItemErrors,
    records::{BulkRecord, JobStatus, Record},
};
use crate::{
    error::Failure,
    objects::{ObjectStore, put},
    timing::takes,
    transfer::{json::ItemRecord, manifest::Layout},
};
use hashrange::{ErrorKind, item::size::item_size, request::PutItem};
use std::{cell::RefCell, sync::Arc, thread, time::Duration};

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
        if record.status == JobStatus::InProgress {
            record.status = JobStatus::Cancelling;
            self.board.state().cancelled.insert(record.id.clone());
            self.records().put(&record)?;
            // One that no thread works on is ended by a new one.
            self.go_on_with_bulk(record.clone());
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
        let outcome = self.write_bulk(&mut record, objects.as_ref());
        let outcome = outcome.and_then(|()| self.wait_until(self.due_millis(record.started_millis, takes::BULK)));
        match outcome {
            _ if self.is_cancelled(&record.id) => {
                record.status = JobStatus::Cancelled;
                record.failure = Some(JobFailure::new("Cancelled", "The bulk operation was cancelled by a request"));
            }
            Ok(()) if record.counts.errors > 0 => record.status = JobStatus::CompletedWithErrors,
            Ok(()) => record.status = JobStatus::Completed,
            Err(Stopped::Ending) => return,
            Err(Stopped::Failed(failure)) => {
                record.status = JobStatus::Failed;
                record.failure = Some(failure);
            }
        }
        record.ended_millis = Some(self.now_millis());
        self.keep_outcome(&record);
        self.board.state().cancelled.remove(record.id());
    }

    fn write_bulk(&self, record: &mut BulkRecord, objects: &dyn ObjectStore) -> Result<(), Stopped> {
        let request = record.request.clone();
        let output_bucket = request.output_bucket.as_deref().unwrap_or(&request.source.bucket);
        for bucket in [&request.source.bucket, output_bucket] {
            if !objects.has_bucket(bucket)? {
                return Err(Stopped::Failed(JobFailure::no_bucket(bucket)));
            }
        }
        let table = self.database.describe_table(&record.table)?;
        let form = form(&request.source, &table.definition);
        let lines = || RefCell::new(ItemErrors::new(&request.source.bucket, None));
        let (errors, condition_failures) = (lines(), lines());
        let mut written_bytes = 0;
        let mut put_one = |item: &ItemRecord, place: &RecordPosition<'_>| {
            let put = self.put_bulk(record, item, written_bytes)?;
            match &put {
                Put::Done => written_bytes += item_size(&item.item) as u64,
                Put::ConditionFailed => condition_failures.borrow_mut().add(place, "The conditional request failed"),
                Put::Refused(_) => {}
            }
            Ok(put)
        };
        let mut refuse = |place: &RecordPosition<'_>, what: &str| errors.borrow_mut().add(place, what);
        let counts = read_objects(objects, &request.source, &form, &mut put_one, &mut refuse)?;
        (record.counts, record.written_bytes) = (counts, written_bytes);
        let layout = Layout::new(request.output_prefix.as_deref(), &record.id);
        for (is_wanted, name, errors) in [
            (request.tells_errors, "error.json", errors),
            (request.tells_condition_failures, "condition-check-failure.json", condition_failures),
        ] {
            let errors = errors.into_inner();
            if is_wanted && !errors.lines().is_empty() {
                put(objects, output_bucket, &layout.own(name), errors.lines())?;
            }
        }
        Ok(())
    }

    /// Puts one item, not faster than was asked for.
    fn put_bulk(&self, record: &BulkRecord, item: &ItemRecord, written_bytes: u64) -> Result<Put, Stopped> {
        if self.is_cancelled(&record.id) {
            return Err(Stopped::Ending);
        }
        self.check_not_stopping()?;
        if let Some(rate) = record.request.max_units_per_sec {
            // What one second may write is written at once.
            let over = (written_bytes / UNIT_BYTES).saturating_sub(rate);
            let due_millis = record.started_millis + over * 1000 / rate.max(1);
            while self.now_millis() < due_millis {
                if self.is_cancelled(&record.id) {
                    return Err(Stopped::Ending);
                }
                self.check_going_on()?;
                thread::sleep(PAUSE);
            }
        }
        let mut request = PutItem::new(record.table.as_str(), &item.item);
        request.condition.clone_from(&item.condition);
        loop {
            match self.database.execute(&request) {
                Ok(_) => return Ok(Put::Done),
                Err(error) if error.kind() == ErrorKind::ConditionFailed => return Ok(Put::ConditionFailed),
                Err(error) if error.kind() == ErrorKind::Validation => {
                    return Ok(Put::Refused(error.message().to_owned()));
                }
                Err(error) if error.kind() == ErrorKind::Throttled || error.kind() == ErrorKind::Conflict => {
                    self.check_going_on()?;
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
