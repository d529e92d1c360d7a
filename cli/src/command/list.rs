//! `list`: the names of all tables, one a line.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output, session};
use clap::Args;

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct List {}

impl List {
    /// Lists the tables.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        let mut output = Output::new();
        for name in database.list_tables() {
            output.line(name)?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}
