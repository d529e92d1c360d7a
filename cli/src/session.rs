//! Opening the database that a command works on.

use crate::{args::DatabaseArgs, failure::Failure};
use hashrange::{Database, Dynamic, Error, ErrorKind, OpenOptions, Table, file::FileName};
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

/// Opens the database that is there. A command that only looks must not leave an empty database behind where a user
/// mistyped a folder.
pub(crate) fn open(args: &DatabaseArgs) -> Result<Database, Failure> {
    let folder = args.folder();
    if !folder.join(FileName::Current.to_string()).exists() {
        let text = format!(
            "there is no database in {}; name its folder with --data-dir, or begin one with create",
            folder.display()
        );
        return Err(Error::not_found(text).into());
    }
    open_or_create(args, folder)
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
