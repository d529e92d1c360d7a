//! `drop`: deletes a table.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output, session, text::counted};
use clap::Args;

/// Arguments of `drop`.
#[derive(Debug, Args)]
pub(crate) struct Drop {
    /// Name of the table
    table: String,
}

impl Drop {
    /// Deletes the table and gives its space back.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open(args)?;
        let was =
            database.delete_table(&self.table).map_err(|error| session::explain(&database, &self.table, error))?;
        database.close()?;
        output::remark(format_args!("deleted table {} with {}", self.table, counted(was.item_count, "item")));
        Ok(Outcome::Done)
    }
}
