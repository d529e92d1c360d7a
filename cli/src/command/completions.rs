//! `completions`: what makes a shell complete the commands and options of this program.

use super::Command;
use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output};
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
        let program = DatabaseArgs::augment_args(clap::Command::new("hashrange"));
        clap_complete::generate(self.shell, &mut Command::augment_subcommands(program), "hashrange", &mut script);
        let mut output = Output::new();
        output.text(String::from_utf8_lossy(&script))?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}
