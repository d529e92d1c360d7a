//! `keys`: the keys of an encrypted database.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output, output::Output, session, text::counted};
use clap::{Args, Subcommand};
use hashrange::{Database, Error, encryption::RootKey};
use std::path::{Path, PathBuf};

/// Arguments of `keys`.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Show the generations of the database's key, and how many files each has
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Encrypt what is written from now on with a new key of the database; or, with --to, exchange the root key
    Rotate {
        /// Encrypt with the new key also what is there: everything is written anew
        #[arg(long)]
        rewrite: bool,
        /// File of the root key that the database goes by from now on, as `key new` writes it; the old one opens it no more
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Encrypt a database that is not encrypted with the key of --key-file, all of it
    Encrypt,
}

impl Keys {
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        match &self.command {
            KeysCommand::List { json } => list(args, *json)?,
            KeysCommand::Rotate { rewrite, to } => rotate(args, *rewrite, to.as_deref())?,
            KeysCommand::Encrypt => encrypt(args)?,
        }
        Ok(Outcome::Done)
    }
}

fn list(args: &DatabaseArgs, json: bool) -> Result<(), Failure> {
    let database = session::open_to_read(args)?;
    let keys = database.keys()?.ok_or_else(|| not_encrypted(args))?;
    let mut output = Output::new();
    for key in &keys {
        match json {
            true => output.line(serde_json::json!(key))?,
            false => {
                let files = counted(key.files, "file");
                output.line(format_args!(
                    "generation {}: {files}, wrapped by root key {}",
                    key.generation, key.root_key
                ))?;
            }
        }
    }
    output.finish()
}

fn rotate(args: &DatabaseArgs, rewrite: bool, to: Option<&Path>) -> Result<(), Failure> {
    let new_root = to.map(RootKey::from_file).transpose()?;
    // A rejection leaves the folder as it is, which an opening to write does not.
    if session::open_to_read(args)?.keys()?.is_none() {
        return Err(not_encrypted(args));
    }
    let database = session::open(args)?;
    match new_root {
        Some(root) => {
            let id = root.id().to_owned();
            database.rotate_root_key(root)?;
            output::remark(format_args!("the root key is {id} now"));
        }
        None => {
            let generation = database.rotate_key()?;
            output::remark(format_args!("new files are encrypted with key generation {generation}"));
        }
    }
    if rewrite {
        rewrite_all(&database)?;
    }
    Ok(database.close()?)
}

fn encrypt(args: &DatabaseArgs) -> Result<(), Failure> {
    let Some(encryption) = session::encryption(args)? else {
        return Err(Failure::Usage("encrypt needs the new key: name its file with --key-file".to_owned()));
    };
    let options = session::options(args)?.encryption(encryption.encrypt_existing());
    let database = options.open_existing(args.folder())?;
    rewrite_all(&database)?;
    Ok(database.close()?)
}

fn rewrite_all(database: &Database) -> Result<(), Failure> {
    let report = database.rewrite()?;
    let (partitions, segments) =
        (counted(report.partitions, "partition"), counted(report.stream_segments, "stream segment"));
    output::remark(format_args!("wrote {partitions} and {segments} anew"));
    if report.files_left > 0 {
        let left = counted(report.files_left, "file");
        output::remark(format_args!("{left} could not be written anew yet: something still refers to them"));
    }
    Ok(())
}

fn not_encrypted(args: &DatabaseArgs) -> Failure {
    Error::new(
        hashrange::ErrorKind::Key,
        "NotEncrypted",
        format!("the database in {} is not encrypted; keys encrypt changes that", args.folder().display()),
    )
    .into()
}
