//! The command line of hashrange.
//!
//! Each command is one file under [`command`]: its arguments, and a function that opens the database, does one thing
//! and returns how it went. Results go to standard output, one plain-JSON item a line where items are shown; everything
//! that is said about them goes to standard error. What a script can rely on is the exit status, see [`outcome`].

mod accelerator;
mod agent;
mod args;
#[cfg(feature = "tls")]
mod certificates;
mod command;
mod console;
#[cfg(feature = "copy")]
mod copy;
mod dynamodb_local;
mod explain;
mod expressions;
mod failure;
mod faults;
mod formats;
mod key_template;
mod key_value;
mod ledger_file;
mod lessons;
mod loading;
mod mask;
#[cfg(feature = "mcp")]
mod mcp;
mod outcome;
mod output;
mod places;
mod policies;
mod prices;
mod private_file;
mod progress;
mod recording;
mod regions;
mod reloads;
mod session;
mod signals;
mod stopwatch;
mod text;
mod when;

use args::DatabaseArgs;
use clap::Parser;
use command::Command;
use outcome::EXIT_CODES;
use std::process::ExitCode;

/// An embedded database with DynamoDB's data model: load, query, look into and check it.
#[derive(Debug, Parser)]
#[command(name = "hashrange", version, after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    command: Command,
}

/// Memory that requests or imports have borrowed goes back to the system, also if the threads that used it sleep.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_from(dynamodb_local::arguments(std::env::args_os()));
    match cli.command.run(&cli.database) {
        Ok(outcome) => outcome.exit_code(),
        Err(failure) => {
            output::complain(&failure);
            failure.exit_code()
        }
    }
}
