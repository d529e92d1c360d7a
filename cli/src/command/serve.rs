//! `serve`: the database for every DynamoDB client, over HTTP.
//!
//! The spellings of DynamoDB Local's options are taken too: [`crate::dynamodb_local`] turns them into these.
//!
//! Log lines leave by a thread of their own. If standard error is a pipe that nothing reads, lines are dropped once the queue
//! is full; requests and the end of the program do not wait for them.

use crate::{
    accelerator::{AcceleratorArgs, ServedCache},
    args::DatabaseArgs,
    console::{self, Access as ConsoleAccess},
    failure::{Failure, unless_unread},
    faults,
    ledger_file::LedgerFile,
    outcome::Outcome,
    output::Output,
    places::{self, ArchiveArgs, KinesisArgs, Service},
    policies,
    recording::{RecordArgs, Recording},
    regions::RegionsArgs,
    reloads::{Reloads, reload_faults, reload_keys, reload_policies, take_keys},
    session, signals,
    when::parse_seconds,
};
#[cfg(feature = "tls")]
use crate::{certificates::CertificateFiles, reloads::reload_certificate};
use clap::{Args, ValueEnum};
use hashrange::{
    Clock, OpenOptions, capacity::CapacityModel, file::ObjectStore, history::HistoryOptions, ledger::LedgerOptions,
    service::ConflictModel,
};
use hashrange_console::{PREFIX, TraceTap};
use hashrange_wire::{
    Profile, Timing,
    access::{AccessMode, SharedPrincipals},
    kms::KeyService,
    server::{Credentials, Server, ServerOptions, Stopper},
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
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
    #[arg(long, default_value_t = 8000, env = "HASHRANGE_PORT")]
    port: u16,
    /// Address to listen on; other than loopback addresses need credentials, or --any-client
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", env = "HASHRANGE_HOST")]
    host: IpAddr,
    /// Serve requests of other machines though nothing has to be signed, by any name: for a container, or a network of your own.
    /// Does nothing where policies are
    #[arg(long, env = "HASHRANGE_ANY_CLIENT")]
    any_client: bool,
    /// Keep everything in memory, and forget it at the end
    #[arg(long, conflicts_with = "data_dir")]
    in_memory: bool,
    /// Folder that stands for S3: s3://BUCKET/KEY is DIR/BUCKET/KEY; exports and imports need it, buckets are folders in it
    #[arg(long, value_name = "DIR")]
    object_dir: Option<PathBuf>,
    /// Service whose buckets exports go to and imports come from, with the credentials that the environment names
    #[arg(long, value_name = "SERVICE", conflicts_with = "object_dir", hide = cfg!(not(feature = "object-store")))]
    object_store: Option<Service>,
    #[command(flatten)]
    kinesis: KinesisArgs,
    /// Access key id that requests must be signed with
    #[arg(long, env = "HASHRANGE_ACCESS_KEY_ID", requires = "secret_access_key")]
    access_key_id: Option<String>,
    /// Secret access key that requests must be signed with
    #[arg(long, env = "HASHRANGE_SECRET_ACCESS_KEY", requires = "access_key_id", hide_env_values = true)]
    secret_access_key: Option<String>,
    /// Account that owns the tables, 12 digits, as ARNs name it; that of the policy file if there is one, zeros otherwise
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    account: Option<String>,
    #[command(flatten)]
    regions: RegionsArgs,
    /// File of principals with keys and policies: they may do what it allows, and requests must be signed; read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    policies: Option<PathBuf>,
    /// What a rejection by policies does
    #[arg(long, value_enum, default_value_t, requires = "policies")]
    access: Access,
    /// File of modelled KMS keys that tables can be encrypted with; read again on SIGHUP. Without, any key is taken
    #[arg(long, value_name = "FILE")]
    kms_keys: Option<PathBuf>,
    /// File of the certificate to encrypt connections with, PEM, with those of its issuers behind it; read again on SIGHUP
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// File of the certificate's private key, PEM, which only its owner and group may read; read again on SIGHUP
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Further name that a Host header may have; `*` allows all
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Origin of web pages that may send requests; `*` allows all
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Keep history from now on, so far back: 12h, 7d, ...; else it is kept as the database says
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    history: Option<u64>,
    #[command(flatten)]
    archive: ArchiveArgs,
    /// Answer GET /metrics in Prometheus' text format, GET /ledger and CloudWatch's GetMetricData
    #[arg(long)]
    metrics: bool,
    /// Show the database in a browser under /console/: tables, items, costs, what is inside. On a loopback address only, and not
    /// where requests have to be signed
    #[arg(long, conflicts_with_all = ["policies", "access_key_id"])]
    console: bool,
    /// Let the pages of the console change items and settings
    #[arg(long, requires = "console")]
    console_write: bool,
    /// Note what requests consume, and keep it in this file; `hashrange cost FILE` prices it
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Reject operations that overlap with a transaction, as the service does, and so many of a thousand by chance
    #[arg(long, value_name = "PER_THOUSAND", value_parser = clap::value_parser!(u32).range(0..=1000))]
    conflicts: Option<u32>,
    /// Reject requests beyond a table's throughput, as the service does: provisioned or on demand, by partition and index
    #[arg(long)]
    enforce_capacity: bool,
    /// File of faults that requests meet: errors, throttles, delays, lost answers; read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    #[command(flatten)]
    accelerator: AcceleratorArgs,
    #[command(flatten)]
    record: RecordArgs,
    /// Which of the service's wordings and orders of checks rejections have
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
    /// Stop when standard input ends: for programs that start a server, which then never outlives them
    #[arg(long)]
    until_stdin_closes: bool,
    /// Accepted for DynamoDB Local's sake: all clients share one database anyway
    #[arg(long, hide = true)]
    shared_db: bool,
}

/// What a rejection by policies does.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Access {
    /// Nothing: requests have to be signed by a principal, and policies are not asked
    Off,
    /// It is written to the log, and the request is carried out
    Soft,
    /// It rejects the request
    #[default]
    #[value(alias = "strict")]
    Enforced,
}

/// Which texts rejections have.
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
    /// As long as in the service, by the clock; time to live changes once in 31 minutes
    Service,
}

impl Serve {
    pub(crate) fn run(&self, database: &DatabaseArgs) -> Result<Outcome, Failure> {
        let _log = self.begin_log()?;
        self.regions.check_folder(database.folder(), self.in_memory)?;
        let principals = self.policies.as_deref().map(policies::read).transpose()?.map(SharedPrincipals::new);
        self.check_account(principals.as_ref())?;
        self.check_console()?;
        let mut options = self.options(principals.as_ref());
        options.objects = self.objects()?;
        let streams = self.kinesis.sink()?;
        let mut reloads = Reloads::default();
        reloads.extend(self.policies.clone().zip(principals).map(|(path, known)| reload_policies(path, known)));
        if let Some(path) = &self.kms_keys {
            let keys = KeyService::new(Clock::system());
            take_keys(path, &keys)?;
            options.keys = Some(keys.clone());
            reloads.push(reload_keys(path.clone(), keys));
        }
        let keys = options.keys.clone();
        #[cfg(feature = "tls")]
        if let Some(files) = self.certificate_files() {
            let identity = files.read()?;
            options.tls = Some(identity.clone());
            reloads.push(reload_certificate(files, identity));
        }
        let Some(region) = self.regions.single()? else { return self.run_regions(database, &options, reloads) };
        region.clone_into(&mut options.owner.region);
        // The address is taken before a folder is touched: what is rejected leaves nothing behind.
        let cache = self.accelerator.bind(&options)?;
        let bound = Server::bind(options)
            .map_err(|error| Failure::io(format!("cannot serve on {}:{}", self.host, self.port), error))?;
        if !self.host.is_loopback() && self.scheme() == "http" {
            tracing::warn!("items and answers can be read on their way: {} is reached without encryption", self.host);
        }
        let engine = self.engine(database, keys)?;
        let mut recording = self.record.begin()?;
        let tap = TraceTap::default();
        let engine = if self.console { engine.hook(Arc::new(tap.clone())) } else { engine };
        let engine = recording.iter().fold(engine, |engine, recording| engine.hook(recording.recorder.clone()));
        let db = if self.in_memory { engine.in_memory() } else { engine.open(database.folder()) }?;
        let _ledger = self.ledger.as_deref().map(|path| LedgerFile::begin(path, &db)).transpose()?;
        let served = Arc::new(Mutex::new(Some(db.clone())));
        reloads.extend(self.faults.clone().map(|path| reload_faults(path, served.clone())));
        streams.map(|streams| db.deliver_to_kinesis(streams)).transpose()?;
        let archiving = self.archive.begin(&db, self.object_dir.as_deref())?;
        let bound = if self.console {
            let access = if self.console_write { ConsoleAccess::Write } else { ConsoleAccess::Read };
            console::mount(bound, &db, access, None, None, tap)?
        } else {
            bound
        };
        let cache = cache.map(|cache| self.accelerator.serve(cache, &db)).transpose()?;
        let server = bound.serve(db).map_err(|error| Failure::io("cannot begin to serve", error))?;
        recording.iter_mut().for_each(Recording::keep);
        let stoppers: Vec<_> = [server.stopper()].into_iter().chain(cache.as_ref().map(ServedCache::stopper)).collect();
        let reload = (!reloads.is_empty()).then_some(move || reloads.iter().for_each(|reload| reload()));
        self.until_stdin_closes.then(|| stop_at_end_of_input(stoppers.clone()));
        signals::handle(move || stoppers.iter().for_each(Stopper::stop), reload);
        unless_unread(self.announce(server.address(), cache.as_ref()))?;
        server.wait();
        cache.into_iter().for_each(ServedCache::finish);
        drop(archiving);
        // What handles signals lives on. The database closes with the handles that go here.
        drop(served.lock().map(|mut served| served.take()));
        recording.map(Recording::finish).transpose()?;
        Ok(Outcome::Done)
    }

    /// Serves several regions, each at a port of its own.
    fn run_regions(
        &self,
        database: &DatabaseArgs,
        options: &ServerOptions,
        reloads: Reloads,
    ) -> Result<Outcome, Failure> {
        let has_extras =
            self.console || self.ledger.is_some() || self.faults.is_some() || self.kinesis.kinesis_dir.is_some();
        if has_extras || self.archive.is_wanted() || self.record.is_wanted() || self.accelerator.is_wanted() {
            let text = "--region REGION=PORT: leave --archive, --console, --dax, --faults, --kinesis-dir, --ledger and --record \
                        away, which are of one database";
            return Err(Failure::Usage(text.to_owned()));
        }
        let bound = self.regions.bind(options)?;
        let engine = self.engine(database, options.keys.clone())?;
        let served = self.regions.serve(bound, database, engine, self.in_memory)?;
        let stoppers = served.stoppers();
        let reload = (!reloads.is_empty()).then_some(move || reloads.iter().for_each(|reload| reload()));
        self.until_stdin_closes.then(|| stop_at_end_of_input(stoppers.clone()));
        signals::handle(move || stoppers.iter().for_each(Stopper::stop), reload);
        unless_unread(served.announce(self.scheme()))?;
        served.finish()?;
        Ok(Outcome::Done)
    }

    /// Says where clients and browsers find the server.
    fn announce(&self, address: SocketAddr, cache: Option<&ServedCache>) -> Result<(), Failure> {
        let mut out = Output::new();
        out.line(format_args!("listening on {}://{address}", self.scheme()))?;
        if self.console {
            out.line(format_args!("the console is at {}://{address}{PREFIX}/", self.scheme()))?;
        }
        if let Some(cache) = cache {
            out.line(format_args!("the cache is at {}://{}", self.scheme(), cache.address()))?;
        }
        out.finish()
    }

    /// How the database is to be opened.
    fn engine(&self, database: &DatabaseArgs, keys: Option<KeyService>) -> Result<OpenOptions, Failure> {
        let mut engine = self.with_history(session::options(database)?).auto_scaling(true);
        if let Some(refused_per_thousand) = self.conflicts {
            engine = engine.conflicts(ConflictModel { refused_per_thousand, seed: 0 });
        }
        if let Some(keys) = keys {
            engine = engine.hook(Arc::new(keys));
        }
        if self.enforce_capacity {
            engine = engine.capacity(self.capacity_model());
        }
        if self.metrics || self.ledger.is_some() || self.console {
            engine = engine.ledger(LedgerOptions::new());
        }
        if let Some(path) = &self.faults {
            engine = engine.faults(faults::read(path)?);
        }
        Ok(engine)
    }

    /// Errors: browsers of other machines would reach the console.
    fn check_console(&self) -> Result<(), Failure> {
        if self.console && !self.host.is_loopback() {
            let text = "--console: the pages are for browsers on this machine; leave --host away";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(())
    }

    /// Errors: the policy file names another account than the arguments.
    fn check_account(&self, principals: Option<&SharedPrincipals>) -> Result<(), Failure> {
        let of_file = principals.map(|principals| principals.current().account().to_owned());
        match (&self.account, of_file) {
            (Some(wanted), Some(of_file)) if *wanted != of_file => {
                Err(Failure::Usage(format!("--account {wanted}: the policy file is of account {of_file}")))
            }
            _ => Ok(()),
        }
    }

    fn scheme(&self) -> &'static str {
        #[cfg(feature = "tls")]
        if self.tls_cert.is_some() {
            return "https";
        }
        "http"
    }

    #[cfg(feature = "tls")]
    fn certificate_files(&self) -> Option<CertificateFiles> {
        let (certificate, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(CertificateFiles { certificate, key })
    }

    /// What stands for S3, if anything does.
    fn objects(&self) -> Result<Option<Arc<dyn ObjectStore>>, Failure> {
        match (self.object_store, &self.object_dir) {
            (Some(service), _) => places::buckets_of(service).map(Some),
            (None, folder) => folder.as_deref().map(places::folder_of_buckets).transpose(),
        }
    }

    fn with_history(&self, options: OpenOptions) -> OpenOptions {
        match self.history {
            Some(retention_secs) => options.history(HistoryOptions { retention_secs, ..HistoryOptions::default() }),
            None => options,
        }
    }

    fn capacity_model(&self) -> CapacityModel {
        let mut model = CapacityModel::service();
        if let Pace::Service = self.timing {
            model.update_millis = Timing::THROUGHPUT_MILLIS;
        }
        model
    }

    fn options(&self, principals: Option<&SharedPrincipals>) -> ServerOptions {
        let mut options = ServerOptions::default();
        options.address = SocketAddr::new(self.host, self.port);
        options.credentials = self
            .access_key_id
            .clone()
            .zip(self.secret_access_key.clone())
            .map(|(access_key_id, secret_access_key)| Credentials { access_key_id, secret_access_key });
        // The variable is set in the image. A server with policies has signed requests only.
        options.any_client = self.any_client && principals.is_none();
        options.allowed_hosts.clone_from(&self.allow_host);
        options.allowed_origins.clone_from(&self.allow_origin);
        options.metrics = self.metrics;
        options.principals = principals.cloned();
        if let Some(account) = &self.account {
            account.clone_into(&mut options.owner.account);
        }
        if let Some(principals) = principals {
            principals.current().account().clone_into(&mut options.owner.account);
        }
        options.access_mode = match self.access {
            Access::Off => AccessMode::Off,
            Access::Soft => AccessMode::Soft,
            Access::Enforced => AccessMode::Enforced,
        };
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

/// Stops the server when standard input ends: the process that had its other end has ended, by itself or killed.
fn stop_at_end_of_input(stoppers: Vec<Stopper>) {
    thread::spawn(move || {
        // Input that cannot be read has ended.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        stoppers.iter().for_each(Stopper::stop);
    });
}

/// An account of 12 digits.
fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("an account has 12 digits".to_owned()) }
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
