//! `serve`: the database for every DynamoDB client, over HTTP.
//!
//! The spellings of DynamoDB Local's options (`-port`, `-inMemory`, `-dbPath`, `-sharedDb`) are taken too, so that
//! scripts written for it go on working.
//!
//! Log lines leave by a thread of their own. If standard error is a pipe that nothing reads, lines are dropped once the queue
//! is full; requests and the end of the program do not wait for them.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output, policies, session, signals};
use clap::{Args, ValueEnum};
use hashrange::{capacity::CapacityModel, service::ConflictModel};
use hashrange_wire::{
    Profile, Timing,
    access::SharedPrincipals,
    server::{Credentials, Server, ServerOptions},
};
use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::mpsc,
    thread,
    time::Duration,
};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How long the end of the program waits for log lines to be written.
const LOG_FLUSH: Duration = Duration::from_secs(2);

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Address to listen on; other than loopback addresses need credentials
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Keep everything in memory, and forget it at the end
    #[arg(long, conflicts_with = "data_dir")]
    in_memory: bool,
    /// Access key id that requests must be signed with
    #[arg(long, env = "HASHRANGE_ACCESS_KEY_ID", requires = "secret_access_key")]
    access_key_id: Option<String>,
    /// Secret access key that requests must be signed with
    #[arg(long, env = "HASHRANGE_SECRET_ACCESS_KEY", requires = "access_key_id", hide_env_values = true)]
    secret_access_key: Option<String>,
    /// File of principals with keys and policies: they may do what it allows, and requests must be signed; read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    policies: Option<PathBuf>,
    /// Further name that a Host header may have; `*` allows all
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Origin of web pages that may send requests; `*` allows all
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Answer GET /metrics in Prometheus' text format
    #[arg(long)]
    metrics: bool,
    /// Refuse operations that overlap with a transaction, as the service does, and so many of a thousand by chance
    #[arg(long, value_name = "PER_THOUSAND", value_parser = clap::value_parser!(u32).range(0..=1000))]
    conflicts: Option<u32>,
    /// Refuse requests beyond a table's throughput, as the service does: provisioned or on demand, by partition and index
    #[arg(long)]
    enforce_capacity: bool,
    /// Which of the service's wordings and orders of checks refusals have
    #[arg(long, value_enum, default_value_t)]
    wording: Wording,
    /// How long changes of tables take: no time, or as long as in the service
    #[arg(long, value_enum, default_value_t)]
    timing: Pace,
    /// What to log on standard error: off, error, warn, info, debug, or a filter such as `hashrange_wire=debug`
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
    /// Log a line for each request: operation, status, error, bytes, time
    #[arg(long)]
    log_requests: bool,
    /// Accepted for DynamoDB Local's sake: all clients share one database anyway
    #[arg(long, hide = true)]
    shared_db: bool,
}

/// Which texts refusals have.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Wording {
    /// As most regions answered in October 2026
    #[default]
    Latest,
    /// As the public conformance suite recorded it in May 2026
    #[value(name = "2026-05")]
    May2026,
}

/// How long changes take.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Pace {
    /// They are done with their answer
    #[default]
    Instant,
    /// As long as in the service, by the clock; time to live changes once an hour
    Service,
}

impl Serve {
    pub(crate) fn run(&self, database: &DatabaseArgs) -> Result<Outcome, Failure> {
        let _log = self.begin_log()?;
        let principals = self.policies.as_deref().map(policies::read).transpose()?.map(SharedPrincipals::new);
        // The address is taken before a folder is touched: what is refused leaves nothing behind.
        let bound = Server::bind(self.options(principals.as_ref()))
            .map_err(|error| Failure::io(format!("cannot serve on {}:{}", self.host, self.port), error))?;
        let mut engine = session::options(database);
        if let Some(refused_per_thousand) = self.conflicts {
            engine = engine.conflicts(ConflictModel { refused_per_thousand, seed: 0 });
        }
        if self.enforce_capacity {
            engine = engine.capacity(self.capacity_model());
        }
        let db = if self.in_memory { engine.in_memory()? } else { engine.open(database.folder())? };
        let server = bound.serve(db).map_err(|error| Failure::io("cannot begin to serve", error))?;
        let stopper = server.stopper();
        signals::handle(move || stopper.stop(), self.reload(principals));
        let mut out = Output::new();
        out.line(format_args!("listening on http://{}", server.address()))?;
        out.finish()?;
        server.wait();
        Ok(Outcome::Done)
    }

    fn capacity_model(&self) -> CapacityModel {
        let mut model = CapacityModel::service();
        if let Pace::Service = self.timing {
            model.update_millis = Timing::THROUGHPUT_MILLIS;
        }
        model
    }

    /// What reads the policy file again, if there is one. A file that is refused leaves the principals as they are.
    fn reload(&self, principals: Option<SharedPrincipals>) -> Option<impl Fn() + Send + 'static> {
        let (path, principals) = self.policies.clone().zip(principals)?;
        Some(move || match policies::read(&path) {
            Ok(read) if read.account() != principals.current().account() => {
                tracing::error!("{}: the account cannot change while the server runs", path.display());
            }
            Ok(read) => {
                tracing::info!(principals = read.len(), "the policies were read again");
                principals.replace(read);
            }
            Err(failure) => tracing::error!("the policies stay as they were: {failure}"),
        })
    }

    fn options(&self, principals: Option<&SharedPrincipals>) -> ServerOptions {
        let mut options = ServerOptions::default();
        options.address = SocketAddr::new(self.host, self.port);
        options.credentials = self
            .access_key_id
            .clone()
            .zip(self.secret_access_key.clone())
            .map(|(access_key_id, secret_access_key)| Credentials { access_key_id, secret_access_key });
        options.allowed_hosts.clone_from(&self.allow_host);
        options.allowed_origins.clone_from(&self.allow_origin);
        options.metrics = self.metrics;
        options.principals = principals.cloned();
        if let Some(principals) = principals {
            principals.current().account().clone_into(&mut options.owner.account);
        }
        options.timing = match self.timing {
            Pace::Instant => Timing::Instant,
            Pace::Service => Timing::Service,
        };
        options.profile = match self.wording {
            Wording::Latest => Profile::Latest,
            Wording::May2026 => Profile::May2026,
        };
        options
    }

    /// Begins to log; what is not written when the answer is dropped is written then, for a short time. A panic is logged
    /// too: written to a standard error that nothing reads, it would hold its thread for ever.
    fn begin_log(&self) -> Result<Log, Failure> {
        let requests = if self.log_requests { ",hashrange_wire::request=info" } else { "" };
        let filter: Targets = format!("{}{requests}", self.log)
            .parse()
            .map_err(|error| Failure::Usage(format!("--log {}: {error}", self.log)))?;
        let (writer, guard) = NonBlockingBuilder::default().lossy(true).finish(std::io::stderr());
        let lines = fmt::layer().with_writer(writer).with_ansi(false);
        tracing_subscriber::registry().with(lines).with(filter).init();
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a thread ended by a panic")));
        Ok(Log(Some(guard)))
    }
}

/// The thread that writes log lines.
struct Log(Option<WorkerGuard>);

impl Drop for Log {
    fn drop(&mut self) {
        let guard = self.0.take();
        let (ended, end) = mpsc::channel();
        // It may have to wait for standard error, which the program must not.
        thread::spawn(move || {
            drop(guard);
            let _ = ended.send(()); // the program may have ended by then
        });
        let _ = end.recv_timeout(LOG_FLUSH);
    }
}

/// Turns DynamoDB Local's spellings into this program's.
pub(crate) fn modern_spelling(argument: OsString) -> OsString {
    match argument.to_str() {
        Some("-port") => "--port".into(),
        Some("-inMemory") => "--in-memory".into(),
        Some("-dbPath") => "--data-dir".into(),
        Some("-sharedDb") => "--shared-db".into(),
        _ => argument,
    }
}
