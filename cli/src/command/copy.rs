//! `copy`: tables with everything in them, from one place to another; either may be a folder or an endpoint.

use crate::{
    args::DatabaseArgs,
    copy::{CopyState, CopyTarget, Copying, End, Mover},
    failure::Failure,
    mask::{self, Masks},
    outcome::Outcome,
    output, session,
};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `copy`.
#[derive(Debug, Args)]
#[command(after_long_help = PLACES)]
pub(crate) struct Copy {
    /// Where the tables are
    #[arg(long, value_name = "PLACE")]
    from: CopyTarget,
    /// Where they shall be
    #[arg(long, value_name = "PLACE")]
    to: CopyTarget,
    /// Name of a table; may be given several times [default: all tables]
    #[arg(long, value_name = "NAME")]
    table: Vec<String>,
    /// Parts of a table that are copied side by side
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    segments: u32,
    /// Behind the items, go on with the changes of the source until stopped; its tables need a stream with new images
    #[arg(long)]
    follow: bool,
    /// Folder of the database in which the copy keeps how far it is; a copy that was stopped goes on from there
    #[arg(long, value_name = "DIR", default_value = "./hashrange-copy")]
    state: PathBuf,
    #[command(flatten)]
    mask: mask::Source,
}

const PLACES: &str = "\
A PLACE is
  DIR              the folder of a database; the target's is made if it is not there
  http://HOST:PORT the address of an endpoint; signs with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY if they are set
  https://HOST     the same, with region and credentials of the environment
  aws              Amazon DynamoDB, with region and credentials of the environment";

impl Copy {
    /// Copies, and with `--follow` goes on until the program is stopped.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::io("cannot start threads", error))?;
        runtime.block_on(self.copy(args))
    }

    async fn copy(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        if self.from == self.to {
            return Err(Failure::Usage("a copy needs two places; --from and --to name the same".to_owned()));
        }
        let masks = self.mask.read()?;
        let copying = Copying { from: &self.from, to: &self.to, mask: masks.as_ref().map(Masks::fingerprint) };
        let state = CopyState::open(session::open_or_create(args, &self.state)?, &copying, self.segments)?;
        if state.is_going_on() {
            output::remark(format_args!("going on from {}", self.state.display()));
        }
        let from = End::source(&self.from, args).await?;
        let to = End::target(&self.to, args).await?;
        let tables = if self.table.is_empty() { from.tables().await? } else { self.table.clone() };
        let mover = Mover::new(from, to, state, masks);
        mover.copy(&tables, self.follow).await?;
        if self.follow {
            mover.follow(&tables).await?;
        }
        Ok(Outcome::Done)
    }
}
