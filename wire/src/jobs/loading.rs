//! Filling a new table, which no request finds before it is full.

use super::{Jobs, Stopped};
use hashrange::{
    Error, ErrorKind, Item,
    admin::{TableLoader, TableSpec},
    history::Snapshot,
    schema::TableDefinition,
};

/// A table that is being filled. It goes if it is dropped before its end.
pub(super) struct Loading<'j> {
    jobs: &'j Jobs,
    loader: TableLoader,
}

impl<'j> Loading<'j> {
    pub(super) fn new(jobs: &'j Jobs, loader: TableLoader) -> Self {
        Self { jobs, loader }
    }

    /// Ends the work if the server ends.
    pub(super) fn check_not_stopping(&self) -> Result<(), Stopped> {
        self.jobs.check_not_stopping()
    }

    /// Puts an item; what is wrong with it, if it is no item of this table.
    pub(super) fn put(&mut self, item: &Item) -> Result<Option<Error>, Stopped> {
        match self.loader.put(item) {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == ErrorKind::Validation => Ok(Some(error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts all items of a table as it was.
    pub(super) fn copy_from(&mut self, source: &Snapshot, table: &str) -> Result<(), Stopped> {
        let jobs = self.jobs;
        let copied = self.loader.copy_from_while(source, table, || jobs.check_going_on().is_ok())?;
        copied.map(drop).ok_or(Stopped::Ending)
    }

    /// The table is full: what was put is durable, and requests find it.
    pub(super) fn finish(self) -> Result<(), Stopped> {
        Ok(self.loader.finish().map(drop)?)
    }
}

/// The table that a definition says, to be made anew.
pub(super) fn spec_of(definition: &TableDefinition) -> TableSpec {
    TableSpec { settings: definition.settings.clone(), ..TableSpec::like(definition, definition.name.clone()) }
}
