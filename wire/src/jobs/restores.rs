//! Restores: a new table with the items of a backup or of an earlier moment.

use super::{
    Jobs, Stopped,
    loading::{Loading, spec_of},
    records::{BackupRecord, RestoreRecord, RestoreSource, is_loading},
};
use crate::{error::Failure, timing::takes};
use hashrange::{
    admin::{TableDescription, TableLoader, TableSpec},
    history::Moment,
};
use std::time::Duration;

/// How long a restore waits for a backup to be counted.
const COUNTING: Duration = Duration::from_secs(3_600);

impl Jobs {
    /// Creates the new table and begins to fill it. `record` is made of the definition of the table.
    pub(crate) fn restore(
        &self,
        spec: TableSpec,
        record: impl FnOnce(&TableDescription) -> RestoreRecord,
    ) -> Result<TableDescription, Failure> {
        let loader = self.database.load_table(spec)?;
        let description = self.database.describe_table(&loader.definition().name)?;
        let record = record(&description);
        // If it cannot be written, the table goes with the loader.
        self.records().put(&record)?;
        self.begin_restore(record, loader);
        Ok(description)
    }

    /// The restore that makes a table, if one does.
    pub(crate) fn restore_of(&self, table: &str) -> Result<Option<RestoreRecord>, Failure> {
        self.records().get(table)
    }

    /// The restore that reads a backup, if one does.
    pub(crate) fn restore_from(&self, backup: &str) -> Result<Option<RestoreRecord>, Failure> {
        let reads = |record: &RestoreRecord| matches!(&record.source, RestoreSource::Backup { id, .. } if id == backup);
        Ok(self.restores()?.into_iter().find(reads))
    }

    /// The restores that are under way. The row of a restore outlives the filling of its table by a moment; clients that see the
    /// table as active, or have deleted it since, take the restore for ended.
    pub(crate) fn restores(&self) -> Result<Vec<RestoreRecord>, Failure> {
        let mut restores = self.records().list::<RestoreRecord>()?;
        restores.retain(|record| {
            let table = self.database.describe_table(&record.target);
            table.is_ok_and(|table| is_loading(&table.definition))
        });
        Ok(restores)
    }

    /// Begins a restore again whose table went with the process that made it.
    pub(super) fn go_on_with_restore(&self, record: RestoreRecord) -> Result<(), Failure> {
        match self.database.load_table(spec_of(&record.definition)) {
            Ok(loader) => {
                // As this version writes it, so that the end of the restore knows the row.
                self.records().put(&record)?;
                self.begin_restore(record, loader);
            }
            // It is full, or another table has its name.
            Err(error) if error.kind() == hashrange::ErrorKind::InUse => {
                self.records().remove::<RestoreRecord>(&record.target)?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn begin_restore(&self, record: RestoreRecord, loader: TableLoader) {
        // The thread of an earlier restore to this name may not have ended, although its table is full.
        let number = loader.definition().id;
        self.spawn(&format!("restore of {} as table {number}", record.target), move |jobs| {
            let loading = Loading::new(jobs, loader);
            let failure = match jobs.fill_restored(&record, loading) {
                Err(Stopped::Ending) => return,
                Err(Stopped::Failed(failure)) => Some(failure.message),
                Ok(()) => None,
            };
            if let Some(message) = failure {
                tracing::error!(table = record.target, message, "a table cannot be restored; it is removed");
            }
            if let Err(failure) = jobs.forget_restore(&record) {
                tracing::error!(message = failure.message(), "what became of a restore cannot be kept");
            }
            if matches!(record.source, RestoreSource::Point { .. }) {
                jobs.stop_history_after_job();
            }
        });
    }

    /// Removes the row of a restore, if no later one to the same name has put its own there.
    fn forget_restore(&self, record: &RestoreRecord) -> Result<(), Failure> {
        self.records().remove_same(record)
    }

    fn fill_restored(&self, record: &RestoreRecord, mut loading: Loading<'_>) -> Result<(), Stopped> {
        match &record.source {
            RestoreSource::Backup { id, .. } => {
                self.board.wait_for(id, COUNTING);
                let source = self.open_backup(id)?;
                loading.copy_from(&source.at(Moment::Now)?, &record.source_table)?;
                source.close()?;
            }
            RestoreSource::Point { at_millis, commit } => {
                loading.copy_from(&self.past(*at_millis, *commit)?, &record.source_table)?;
            }
        }
        self.wait_until(self.due_millis(record.started_millis, takes::RESTORE))?;
        loading.finish()
    }

    /// A backup by its id; none that has expired.
    pub(crate) fn backup(&self, id: &str) -> Result<Option<BackupRecord>, Failure> {
        let backup = self.records().get::<BackupRecord>(id)?;
        let now_millis = self.now_millis();
        Ok(backup.filter(|backup| backup.expiry_millis.is_none_or(|expiry| now_millis < expiry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::Timing;
    use hashrange::{Database, key::S};

    #[test]
    fn a_restore_whose_table_is_full_holds_its_backup_no_longer() {
        let database = Database::in_memory().unwrap();
        let jobs =
            Jobs { database: database.clone(), objects: None, timing: Timing::Instant, board: Default::default() };
        database.create_table("source").hash::<S>("id").create().unwrap();
        let definition = (*database.describe_table("source").unwrap().definition).clone();
        let spec = TableSpec { name: "copy".to_owned(), ..spec_of(&definition) };
        let loader = database.load_table(spec).unwrap();
        let record = RestoreRecord {
            target: "copy".to_owned(),
            source: RestoreSource::Backup { id: "b".to_owned(), arn: "arn".to_owned() },
            source_table: "source".to_owned(),
            restore_millis: 0,
            started_millis: 0,
            definition,
        };
        jobs.records().put(&record).unwrap();
        assert!(jobs.restore_from("b").unwrap().is_some());
        loader.finish().unwrap();
        assert!(jobs.restore_from("b").unwrap().is_none() && jobs.restores().unwrap().is_empty());
    }
}
