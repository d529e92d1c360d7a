//! Opening the database that a command works on.

use crate::{args::DatabaseArgs, failure::Failure};
use hashrange::{
    Database, Dynamic, Error, ErrorKind, OpenOptions, Table, TableSpec,
    file::{Disk, FileName, RealDisk},
};
use std::path::Path;

/// How the arguments want a database to be opened.
pub(crate) fn options(args: &DatabaseArgs) -> OpenOptions {
    let mut options = Database::options();
    if let Some(bytes) = args.memtable_bytes {
        options = options.memtable_bytes(bytes);
    }
    if let Some(bytes) = args.split_bytes {
        options = options.split_bytes(bytes);
    }
    if let Some(bytes) = args.log_segment_bytes {
        options = options.log_segment_bytes(bytes);
    }
    if let Some(bytes) = args.log_bytes {
        options = options.log_bytes(bytes);
    }
    options
}

/// Opens the database in a folder, or creates one there.
pub(crate) fn open_or_create(args: &DatabaseArgs, folder: &Path) -> Result<Database, Failure> {
    Ok(options(args).open(folder)?)
}

/// Opens the database that is there. A command that only looks must not leave an empty database behind where a folder was
/// mistyped.
pub(crate) fn open(args: &DatabaseArgs) -> Result<Database, Failure> {
    let folder = args.folder();
    check_is_there(folder)?;
    open_or_create(args, folder)
}

/// Opens the database that is there as it is on disk, without writing anything to its folder.
pub(crate) fn open_to_read(args: &DatabaseArgs) -> Result<Database, Failure> {
    open(args)
}

/// A folder is a database if it has a file of one. If it lacks some, opening it says which.
fn check_is_there(folder: &Path) -> Result<(), Failure> {
    let is_there = folder.is_dir() && RealDisk::open(folder, false)?.list()?.iter().any(|name| *name != FileName::Lock);
    if is_there {
        return Ok(());
    }
    let text = format!(
        "there is no database in {}; name its folder with --data-dir, or begin one with create",
        folder.display()
    );
    Err(Error::not_found(text).into())
}

/// Checks the definition of a new table where nothing is kept, so that one that is refused leaves no folder behind.
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
    if error.kind() != ErrorKind::NotFound {
        return error.into();
    }
    let known = database.list_tables();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::not_found(format!("Requested resource not found: there is no table {name}; the tables are: {known}")).into()
}
