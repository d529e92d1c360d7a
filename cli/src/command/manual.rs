//! `manual`: what `help` says of every command, as pages for man(1) or as one page of Markdown.

use super::completions;
use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output};
use clap::Args;
use clap_markdown::MarkdownOptions;
use std::path::PathBuf;

/// Arguments of `manual`.
#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// Folder that is there, for one page of man(1) for each command; without, one page of Markdown goes to standard output
    #[arg(long, value_name = "DIR")]
    man_dir: Option<PathBuf>,
}

impl Manual {
    /// Writes the pages.
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let program = completions::program().version(env!("CARGO_PKG_VERSION"));
        if let Some(folder) = &self.man_dir {
            let cannot = |error| Failure::io(format!("cannot write pages into {}", folder.display()), error);
            clap_mangen::generate_to(program, folder).map_err(cannot)?;
            return Ok(Outcome::Done);
        }
        // Commands name options that all share, which are not in them before the whole is parsed.
        let program = program.mut_subcommands(DatabaseArgs::augment_args);
        let options = MarkdownOptions::new().title("Commands".to_owned()).show_footer(false);
        let mut output = Output::new();
        output.text(clap_markdown::help_markdown_command_custom(&program, &options))?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}
