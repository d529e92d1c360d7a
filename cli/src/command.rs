//! The commands, one file each.

mod access;
mod archive;
mod bench;
mod branch;
mod changes;
mod check;
mod completions;
mod console;
#[cfg(feature = "copy")]
mod copy;
mod cost;
mod create;
mod delete;
mod demo;
mod describe;
mod diff;
mod digest;
mod drop;
mod export;
mod get;
mod health;
mod history;
mod import;
mod inspect;
#[cfg(feature = "encryption")]
mod key;
#[cfg(feature = "encryption")]
mod keys;
mod lesson;
mod list;
mod manual;
#[cfg(feature = "mcp")]
mod mcp;
mod put;
mod query;
mod replay;
mod restore;
mod scan;
mod serve;
mod sql;
mod update;
mod update_table;
mod verify;

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome};
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
    /// Add or remove a global index; set time to live, change stream, deletion protection
    UpdateTable(update_table::UpdateTable),
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
    /// Change attributes of the item with a key
    Update(update::Update),
    /// Delete the item with a key
    Delete(delete::Delete),
    /// Show the items of a partition key, in the order of their sort keys
    Query(query::Query),
    /// Show all items
    Scan(scan::Scan),
    /// Show the changes that a table's stream has kept
    Changes(changes::Changes),
    /// Run a PartiQL statement, or a prompt for many
    Sql(sql::Sql),
    /// Show the database in a browser: tables, items, costs, hot keys, what is inside
    Console(console::Console),
    /// List guided lessons, or begin one in the terminal
    #[command(name = "lesson")]
    Lesson(lesson::LessonCommand),
    /// Serve DynamoDB clients over HTTP
    Serve(serve::Serve),
    /// Ask a server whether it is well
    Health(health::Health),
    /// Answer assistants about the database, by the Model Context Protocol on standard input and output
    #[cfg(feature = "mcp")]
    Mcp(mcp::Mcp),
    /// Say what the policies of a file allow, and why
    #[command(alias = "policy")]
    Access(access::Access),
    /// Run a known workload: throughput, latencies and units, on the engine, over HTTP, or on an endpoint
    Bench(bench::Bench),
    /// Try a recorded trace on other designs: units, throttles, hot keys and latencies, side by side
    Replay(replay::Replay),
    /// Make a root key for encrypted databases
    #[cfg(feature = "encryption")]
    Key(key::Key),
    /// List and change the keys of an encrypted database
    #[cfg(feature = "encryption")]
    Keys(keys::Keys),
    /// Keep history, and show what an item was over time
    History(history::History),
    /// Copy the database as it was at a moment to a folder
    Branch(branch::Branch),
    /// Look into an archive: status, verify, prune
    Archive(archive::Archive),
    /// Make a database of an archive, as it was at a moment
    Restore(restore::Restore),
    /// Show where two databases differ
    Diff(diff::Diff),
    /// Show each table as one number, the same for the same items
    Digest(digest::Digest),
    /// Check every byte and every index of the database
    Verify(verify::Verify),
    /// Copy tables between a folder and a DynamoDB endpoint, either way
    #[cfg(feature = "copy")]
    Copy(copy::Copy),
    /// Name what the tables use that another service lacks
    Check(check::Check),
    /// Price what a server's requests consumed, and compare ways to pay
    Cost(cost::Cost),
    /// Show partitions, memtables, runs and log
    Inspect(inspect::Inspect),
    /// Print a script that makes a shell complete commands and options
    Completions(completions::Completions),
    /// Write the manual: pages for man(1), or one page of Markdown
    #[command(hide = true)]
    Manual(manual::Manual),
}

impl Command {
    /// Carries the command out.
    pub(crate) fn run(&self, database: &DatabaseArgs) -> Result<Outcome, Failure> {
        match self {
            Self::Demo(command) => command.run(database),
            Self::Create(command) => command.run(database),
            Self::Describe(command) => command.run(database),
            Self::List(command) => command.run(database),
            Self::UpdateTable(command) => command.run(database),
            Self::Drop(command) => command.run(database),
            Self::Import(command) => command.run(database),
            Self::Export(command) => command.run(database),
            Self::Get(command) => command.run(database),
            Self::Put(command) => command.run(database),
            Self::Update(command) => command.run(database),
            Self::Delete(command) => command.run(database),
            Self::Query(command) => command.run(database),
            Self::Scan(command) => command.run(database),
            Self::Changes(command) => command.run(database),
            Self::Sql(command) => command.run(database),
            Self::Console(command) => command.run(database),
            Self::Lesson(command) => command.run(),
            Self::Serve(command) => command.run(database),
            Self::Health(command) => command.run(),
            #[cfg(feature = "mcp")]
            Self::Mcp(command) => command.run(database),
            Self::Access(command) => command.run(database),
            Self::Bench(command) => command.run(database),
            Self::Replay(command) => command.run(),
            #[cfg(feature = "encryption")]
            Self::Key(command) => command.run(),
            #[cfg(feature = "encryption")]
            Self::Keys(command) => command.run(database),
            Self::History(command) => command.run(database),
            Self::Branch(command) => command.run(database),
            Self::Archive(command) => command.run(),
            Self::Restore(command) => command.run(database),
            Self::Diff(command) => command.run(database),
            Self::Digest(command) => command.run(database),
            Self::Verify(command) => command.run(database),
            #[cfg(feature = "copy")]
            Self::Copy(command) => command.run(database),
            Self::Check(command) => command.run(database),
            Self::Cost(command) => command.run(),
            Self::Inspect(command) => command.run(database),
            Self::Completions(command) => command.run(),
            Self::Manual(command) => command.run(),
        }
    }
}
