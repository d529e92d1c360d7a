//! `branch`: a copy of the database as it was, which goes its own way.

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    outcome::Outcome,
    output::Output,
    session,
    text::counted,
    when::{MOMENTS, When, parse_when},
};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `branch`.
#[derive(Debug, Args)]
pub(crate) struct Branch {
    /// Folder for the copy: empty, or not there yet
    folder: PathBuf,
    /// As it was then
    #[arg(long, value_name = "WHEN", default_value = "now", value_parser = parse_when, help = format!("As it was then: {MOMENTS}"))]
    at: When,
}

impl Branch {
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        let snapshot = database.at(self.at.moment(database.clock().now_millis()))?;
        let copy = snapshot.database().fork_into(&self.folder)?;
        let tables = copy.list_tables().len() as u64;
        copy.close()?;
        let mut output = Output::new();
        output.line(format_args!(
            "{} as of commit {} ({}) in {}",
            counted(tables, "table"),
            snapshot.commit(),
            hashrange::date::label(snapshot.at_millis()),
            self.folder.display()
        ))?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}
