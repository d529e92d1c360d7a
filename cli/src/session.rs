//! Opening the database that a command works on.

use crate::{args::DatabaseArgs, failure::Failure};
#[cfg(feature = "encryption")]
use hashrange::encryption::{Encryption, KeyCommand, RootKey};
use hashrange::{Database, Error, ErrorKind, OpenOptions, Table, admin::TableSpec, error::Detail, key::Dynamic};
use std::path::Path;

/// How the arguments want a database to be opened.
pub(crate) fn options(args: &DatabaseArgs) -> Result<OpenOptions, Failure> {
    let mut options = Database::options();
    #[cfg(feature = "encryption")]
    if let Some(encryption) = encryption(args)? {
        options = options.encryption(encryption);
    }
    if let Some(bytes) = args.memtable_bytes {
        options = options.memtable_bytes(bytes);
    }
    if let Some(bytes) = args.split_bytes {
        options = options.split_bytes(bytes);
    }
    if let Some(commit) = args.least_commit {
        options = options.least_commit(commit);
    }
    if let Some(bytes) = args.log_segment_bytes {
        options = options.log_segment_bytes(bytes);
    }
    if let Some(bytes) = args.log_bytes {
        options = options.log_bytes(bytes);
    }
    Ok(options)
}

/// The root key that the arguments name, if they name one.
#[cfg(feature = "encryption")]
pub(crate) fn encryption(args: &DatabaseArgs) -> Result<Option<Encryption>, Failure> {
    Ok(match (&args.key_file, &args.key_command) {
        (Some(file), _) => Some(RootKey::from_file(file)?.into()),
        (None, Some(program)) => Some(Encryption::new(KeyCommand::new(program))),
        (None, None) => None,
    })
}

/// Opens the database in a folder, or creates one there.
pub(crate) fn open_or_create(args: &DatabaseArgs, folder: &Path) -> Result<Database, Failure> {
    Ok(options(args)?.open(folder)?)
}

/// Opens the database that is there, for a command that writes.
pub(crate) fn open(args: &DatabaseArgs) -> Result<Database, Failure> {
    open_with(args, |options| options)
}

/// Opens the database that is there, for a command that writes and wants more of the database than others.
pub(crate) fn open_with(
    args: &DatabaseArgs,
    wanted: impl FnOnce(OpenOptions) -> OpenOptions,
) -> Result<Database, Failure> {
    wanted(options(args)?).open_existing(args.folder()).map_err(|error| no_database(args, error))
}

/// Opens the database that is there, for a command that only looks: it needs no right to write and no free space, and
/// leaves nothing behind.
pub(crate) fn open_to_read(args: &DatabaseArgs) -> Result<Database, Failure> {
    open_to_read_with(args, |options| options)
}

/// The same, for a command that wants more of the database than others.
pub(crate) fn open_to_read_with(
    args: &DatabaseArgs,
    wanted: impl FnOnce(OpenOptions) -> OpenOptions,
) -> Result<Database, Failure> {
    wanted(options(args)?).open_read_only(args.folder()).map_err(|error| no_database(args, error))
}

/// Says what to do where there is no database.
fn no_database(args: &DatabaseArgs, error: Error) -> Failure {
    if error.kind() != ErrorKind::NotFound {
        return error.into();
    }
    let folder = args.folder().display();
    let text = format!("there is no database in {folder}; name its folder with --data-dir, or begin one with create");
    Error::not_found(text).into()
}

/// Checks the definition of a new table where nothing is kept, so that one that is rejected leaves no folder behind.
pub(crate) fn check_table(spec: &TableSpec) -> Result<(), Failure> {
    Database::options().background(false).in_memory()?.create_table_from(spec.clone())?;
    Ok(())
}

/// A table by its name; an error says which tables there are.
pub(crate) fn table(database: &Database, name: &str) -> Result<Table<Dynamic>, Failure> {
    database.dynamic_table(name).map_err(|error| explain(database, name, error))
}

/// Says of a table that was not found which tables there are.
pub(crate) fn explain(database: &Database, name: &str, error: Error) -> Failure {
    if !matches!(error.detail(), Some(Detail::NoTable { .. })) {
        return error.into();
    }
    let known = database.list_tables();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::not_found(format!("Requested resource not found: there is no table {name}; the tables are: {known}")).into()
}
