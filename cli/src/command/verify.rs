//! `verify`: checks the database against itself.

use crate::{
    args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output, session, stopwatch::Stopwatch,
    text::counted,
};
use clap::Args;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
    /// The folder comes from a stranger: leave it as it is, map nothing, bound memory
    #[arg(long)]
    untrusted: bool,
}

impl Verify {
    /// Checks log and manifest by opening the database, then every run, every item and every index entry.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let watch = Stopwatch::start();
        let database = if self.untrusted {
            session::options(args)?.open_untrusted(args.folder())?
        } else {
            session::open_to_read(args)?
        };
        let report = database.verify()?;
        let mut output = Output::new();
        if self.json {
            output.line(serde_json::json!(report))?;
        } else {
            output.line(format_args!(
                "no damage: {} in {} of {}, and {}, checked in {}",
                counted(report.items, "item"),
                counted(report.partitions, "partition"),
                counted(report.tables, "table"),
                match report.index_entries {
                    1 => "1 index entry".to_owned(),
                    entries => format!("{} index entries", crate::text::grouped(entries)),
                },
                watch.elapsed()
            ))?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}
