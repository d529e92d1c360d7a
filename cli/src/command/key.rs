//! `key`: root keys, in files of their own.

use crate::{failure::Failure, outcome::Outcome, output};
use clap::{Args, Subcommand};
use hashrange::encryption::RootKey;
use std::path::PathBuf;

/// Arguments of `key`.
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Write a new root key to a file that only its owner may read. Keep a copy elsewhere: a database whose root key is lost
    /// is lost
    New {
        /// The file, which must not exist
        file: PathBuf,
    },
}

impl Key {
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let KeyCommand::New { file } = &self.command;
        let key = RootKey::generate()?;
        key.create_file(file)?;
        let (id, file) = (key.id(), file.display());
        output::remark(format_args!(
            "wrote key {id} to {file}; keep a copy elsewhere: without it, what it encrypts is lost"
        ));
        Ok(Outcome::Done)
    }
}
