//! The database as it was when a job was asked for, or earlier.

use super::{
    Jobs, Stopped,
    records::{ExportRecord, RestoreRecord, RestoreSource},
};
use crate::error::Failure;
use hashrange::{
    ErrorKind,
    history::{HistoryOptions, Moment, Snapshot},
};

/// How long history is kept for tables with point-in-time recovery, in seconds: 35 days.
const RETENTION_SECS: u64 = 35 * 24 * 60 * 60;

impl Jobs {
    /// The database as it was at a time, in milliseconds since 1970, or else after a commit.
    pub(super) fn past(&self, at_millis: Option<u64>, commit: u64) -> Result<Snapshot, Stopped> {
        Ok(self.database.at(at_millis.map_or(Moment::Commit(commit), Moment::Instant))?)
    }

    /// Number of the last commit, where history is kept.
    pub(crate) fn last_commit(&self) -> u64 {
        self.database.history_window().map_or(0, |window| window.latest.commit)
    }

    /// Keeps history from now on.
    pub(crate) fn keep_history(&self) -> Result<(), Failure> {
        let known = self.database.history_options();
        if known.is_none_or(|known| known.retention_secs < RETENTION_SECS) {
            let options = HistoryOptions { retention_secs: RETENTION_SECS, ..known.unwrap_or_default() };
            self.database.keep_history(options)?;
        }
        Ok(())
    }

    /// Keeps history where a table has point-in-time recovery and there is none: in a fork, which begins a history of its own, and
    /// in a folder that an older version wrote.
    pub(super) fn keep_wanted_history(&self) -> Result<(), Failure> {
        if self.database.history_options().is_none() && self.is_recovery_on() { self.keep_history() } else { Ok(()) }
    }

    /// The first moment that history reaches, in milliseconds since 1970.
    pub(crate) fn earliest_millis(&self) -> u64 {
        self.database.history_window().map_or(u64::MAX, |window| window.earliest.at_millis)
    }

    /// Whether a table has point-in-time recovery.
    fn is_recovery_on(&self) -> bool {
        let is_on = |name: &String| {
            let table = self.database.describe_table(name);
            table.is_ok_and(|table| table.definition.settings.point_in_time_recovery.is_some())
        };
        self.database.list_tables().iter().any(is_on)
    }

    /// Keeps no history any more, if no table, no job, no archive and not the program that opened the database wants it.
    pub(crate) fn stop_history(&self) -> Result<(), Failure> {
        if self.database.opened_with().history.is_some() || self.database.history_options().is_none() {
            return Ok(());
        }
        let _history = self.board.hold_history();
        if self.is_recovery_on() {
            return Ok(());
        }
        let exports = self.records().list::<ExportRecord>()?.iter().any(|export| export.status.is_open());
        let is_point = |restore: &RestoreRecord| matches!(restore.source, RestoreSource::Point { .. });
        if exports || self.records().list::<RestoreRecord>()?.iter().any(is_point) {
            return Ok(());
        }
        match self.database.stop_history() {
            // An archive is made of it.
            Err(error) if error.kind() == ErrorKind::InUse => Ok(()),
            stopped => Ok(stopped?),
        }
    }

    /// Does the same for a job that needed history and has ended. A failure is logged and returned to no caller: the job is done.
    pub(super) fn stop_history_after_job(&self) {
        if let Err(failure) = self.stop_history() {
            tracing::warn!(message = failure.message(), "history that no table wants cannot be given up");
        }
    }
}
