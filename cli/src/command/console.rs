//! `console`: a database in the browser.
//!
//! Without `--write` a folder is opened to be read only: no request can change it, neither from a page nor from a client.
//! A database in memory can be changed by clients in any case, since otherwise it would stay empty.

use crate::{
    args::DatabaseArgs,
    console::{self, Access},
    failure::Failure,
    outcome::Outcome,
    output::{self, Output},
    session, signals,
};
use clap::Args;
use hashrange::{Database, OpenOptions, history::HistoryOptions, ledger::LedgerOptions};
use hashrange_console::{PREFIX, TraceTap};
use hashrange_wire::server::{Server, ServerOptions};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

/// Arguments of `console`.
#[derive(Debug, Args)]
pub(crate) struct Console {
    /// Folder of the database; --data-dir says the same
    #[arg(value_name = "FOLDER", conflicts_with_all = ["in_memory", "data_dir"])]
    folder: Option<PathBuf>,
    /// Show a new database in memory, which is forgotten at the end; DynamoDB clients at the same port can change it, with or
    /// without --write
    #[arg(long, conflicts_with = "data_dir")]
    in_memory: bool,
    /// Let the pages change the database; without it a folder is only read, also by DynamoDB clients at the same port
    #[arg(long, visible_alias = "console-write")]
    write: bool,
    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// File of prices that costs are shown in; without, those of us-east-1 that come with the program
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Folder of lessons of your own, one in each file NAME.md; they come behind those of the program
    #[arg(long, value_name = "DIR")]
    lessons: Option<PathBuf>,
    /// Open the pages in the browser
    #[arg(long)]
    open: bool,
}

impl Console {
    pub(crate) fn run(&self, database: &DatabaseArgs) -> Result<Outcome, Failure> {
        let mut options = ServerOptions::default();
        options.address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let bound =
            Server::bind(options).map_err(|error| Failure::io(format!("cannot serve on port {}", self.port), error))?;
        let tap = TraceTap::default();
        let db = self.database(database, &tap)?;
        let access = if self.write { Access::Write } else { Access::Read };
        let bound = console::mount(bound, &db, access, self.prices.as_deref(), self.lessons.as_deref(), tap)?;
        let server = bound.serve(db).map_err(|error| Failure::io("cannot begin to serve", error))?;
        let stopper = server.stopper();
        signals::handle(move || stopper.stop(), None::<fn()>);
        let address = format!("http://{}{PREFIX}/", server.address());
        let mut out = Output::new();
        out.line(format_args!("the console is at {address}"))?;
        out.finish()?;
        if self.open {
            open_in_browser(&address);
        }
        server.wait();
        Ok(Outcome::Done)
    }

    /// The database, with a ledger of what requests consume and a recorder that is idle.
    fn database(&self, args: &DatabaseArgs, tap: &TraceTap) -> Result<Database, Failure> {
        let mut args = args.clone();
        args.data_dir = self.folder.clone().or(args.data_dir);
        let watched = |options: OpenOptions| options.ledger(LedgerOptions::new()).hook(Arc::new(tap.clone()));
        if self.in_memory {
            return Ok(watched(session::options(&args)?).history(HistoryOptions::default()).in_memory()?);
        }
        match self.write {
            true => session::open_with(&args, watched),
            false => session::open_to_read_with(&args, watched),
        }
    }
}

/// Asks the desktop to show an address; says so where it cannot.
fn open_in_browser(address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    let started = command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = started {
        output::remark(format_args!("cannot open a browser with {program}: {error}; open the address yourself"));
    }
}
