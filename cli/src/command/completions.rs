//! `completions`: what makes a shell complete the commands and options of this program.

use super::Command;
use crate::{
    args::DatabaseArgs,
    failure::Failure,
    outcome::{EXIT_CODES, Outcome},
    output::Output,
};
use clap::{Args, Subcommand};
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell; with bash, source <(hashrange completions bash) completes in the running one
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program(), "hashrange", &mut script);
        let mut output = Output::new();
        output.text(String::from_utf8_lossy(&script))?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}

/// The program with its commands and options, for what is made from them.
pub(super) fn program() -> clap::Command {
    let about = "An embedded database with DynamoDB's data model: load, query, look into and check it";
    let program = clap::Command::new("hashrange").about(about).after_help(EXIT_CODES).after_long_help(EXIT_CODES);
    Command::augment_subcommands(DatabaseArgs::augment_args(program))
}
