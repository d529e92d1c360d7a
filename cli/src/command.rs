//! The commands, one file each.

mod check;
mod create;
mod delete;
mod demo;
mod describe;
mod drop;
mod export;
mod get;
mod import;
mod inspect;
mod list;
mod put;
mod query;
mod scan;
pub(crate) mod serve;
mod verify;

use crate::{args::Cli, failure::Failure, outcome::Outcome};
use clap::Subcommand;

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what the database does, on countries and cities that come with it
    Demo(demo::Demo),
    /// Create a table
    Create(create::Create),
    /// Show keys, indexes and numbers of a table
    Describe(describe::Describe),
    /// List the tables
    List(list::List),
    /// Delete a table with everything in it
    Drop(drop::Drop),
    /// Put the items of a file into a table
    Import(import::Import),
    /// Write all items of a table to a file
    Export(export::Export),
    /// Show the item with a key
    Get(get::Get),
    /// Put one item
    Put(put::Put),
    /// Delete the item with a key
    Delete(delete::Delete),
    /// Show the items of a partition key, in the order of their sort keys
    Query(query::Query),
    /// Show all items
    Scan(scan::Scan),
    /// Serve DynamoDB clients over HTTP
    Serve(serve::Serve),
    /// Check every byte and every index of the database
    Verify(verify::Verify),
    /// Name what the tables use that another service lacks
    Check(check::Check),
    /// Show partitions, memtables, runs and log
    Inspect(inspect::Inspect),
}

/// Carries a command out.
pub(crate) fn run(cli: &Cli) -> Result<Outcome, Failure> {
    let database = &cli.database;
    match &cli.command {
        Command::Demo(command) => command.run(database),
        Command::Create(command) => command.run(database),
        Command::Describe(command) => command.run(database),
        Command::List(command) => command.run(database),
        Command::Drop(command) => command.run(database),
        Command::Import(command) => command.run(database),
        Command::Export(command) => command.run(database),
        Command::Get(command) => command.run(database),
        Command::Put(command) => command.run(database),
        Command::Delete(command) => command.run(database),
        Command::Query(command) => command.run(database),
        Command::Scan(command) => command.run(database),
        Command::Serve(command) => command.run(database),
        Command::Verify(command) => command.run(database),
        Command::Check(command) => command.run(database),
        Command::Inspect(command) => command.run(database),
    }
}
