//! `mcp`: the database for assistants, by the Model Context Protocol.

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    mcp::{self, Tools},
    outcome::Outcome,
    session,
};
use clap::Args;

/// Arguments of `mcp`.
#[derive(Debug, Args)]
pub(crate) struct Mcp {
    /// Add a tool that changes items; without, the folder is opened to be read only
    #[arg(long)]
    write: bool,
}

impl Mcp {
    /// Serves a client on standard input and output, until it closes them.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = if self.write { session::open(args)? } else { session::open_to_read(args)? };
        mcp::serve(Tools::new(database, self.write))?;
        Ok(Outcome::Done)
    }
}
