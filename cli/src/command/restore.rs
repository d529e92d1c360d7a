//! `restore`: a database of what an archive has, as it was at a moment.

use crate::{
    args::DatabaseArgs,
    command::archive::Named,
    failure::Failure,
    outcome::Outcome,
    output::Output,
    session,
    when::{MOMENTS, When, parse_when},
};
use clap::Args;
use hashrange::{Clock, history::RestorePoint};
use std::path::PathBuf;

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    named: Named,
    /// Folder for the database: empty, not there yet, or with a restore that was interrupted
    folder: PathBuf,
    /// As it was then; now is the last commit that the archive has
    #[arg(long, value_name = "WHEN", default_value = "now", value_parser = parse_when,
        help = format!("As it was then: {MOMENTS}; now is the last commit that the archive has"))]
    at: When,
    /// On this timeline, as `archive status` names it; else on the newest one that has the moment
    #[arg(long, value_name = "NUMBER", value_parser = parse_timeline)]
    timeline: Option<u64>,
    /// Check every object of the archive before, compare digests, and check every byte and index of the database afterwards
    #[arg(long)]
    verify: bool,
}

fn parse_timeline(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text, 16).map_err(|_| "it must have 16 hexadecimal digits".to_owned())
}

impl Restore {
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let archive = self.named.open()?;
        if self.verify {
            archive.verify()?;
        }
        let moment = self.at.moment(Clock::system().now_millis());
        let point = RestorePoint { moment, timeline: self.timeline, checks_digests: self.verify };
        let (database, reached) = archive.restore_into(point, &self.folder, session::options(args)?)?;
        if self.verify {
            database.verify()?;
        }
        database.close()?;
        let mut output = Output::new();
        output.line(format_args!(
            "restored to commit {} ({}) in {}",
            reached.commit,
            hashrange::date::label(reached.at_millis),
            self.folder.display()
        ))?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}
