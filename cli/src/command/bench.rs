//! `bench`: known workloads against the engine, a server of it, or any endpoint: throughput, latencies, units.

mod client;
mod http;
mod measure;
mod random;
mod spec;
mod workload;

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    outcome::Outcome,
    output::{self, Output},
    prices, session,
    stopwatch::Stopwatch,
    text::grouped,
};
use clap::Args;
use client::{Client, EngineClient};
use hashrange::{Database, capacity::CapacityModel};
use hashrange_wire::server::{Server, ServerOptions};
use http::HttpClient;
use measure::{Measured, Progress};
use spec::Spec;
use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, sync::Arc, thread, time::Duration};
use workload::Worker;

/// Arguments of `bench`.
#[derive(Debug, Args)]
#[command(after_long_help = WORKLOADS, args_override_self = true)]
pub(crate) struct Bench {
    /// Name of a workload, or a JSON file that describes one
    workload: String,
    /// Address of an endpoint; signs with the keys of the environment [default: the engine in this process]
    #[arg(long, value_name = "URL", conflicts_with_all = ["data_dir", "http"])]
    endpoint: Option<String>,
    /// Serve the database over HTTP in this process, and go through that
    #[arg(long)]
    http: bool,
    /// Reject requests beyond the table's throughput, as `serve --enforce-capacity` does
    #[arg(long, conflicts_with = "endpoint")]
    enforce_capacity: bool,
    /// Table; created on demand if it is not there
    #[arg(long, default_value = "bench", value_name = "NAME")]
    table: String,
    /// Items that are there before it begins [default: as the workload says]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    records: Option<u64>,
    /// Bytes of an item [default: as the workload says]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..=400_000))]
    item_bytes: Option<u64>,
    /// Threads, each with one request at a time
    #[arg(long, default_value_t = 4, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
    /// Seconds that it takes
    #[arg(long, default_value_t = 10, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Operations after which it ends, if the seconds are not over before
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    operations: Option<u64>,
    /// Operations a second; latencies count from the planned beginning of each [default: as many as possible]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: Option<u64>,
    /// The same seed makes the same operations in each thread
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    seed: u64,
    /// Use the items that are there instead of loading them
    #[arg(long)]
    no_load: bool,
    /// Price file; without it, prices of us-east-1 that come with the program
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Print a line for each second also where no person looks
    #[arg(long)]
    live: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

const WORKLOADS: &str = "\
Workloads:
  ycsb-a            half reads, half updates; some keys far more often than others (zipfian)
  ycsb-b            19 reads for an update
  ycsb-c            reads only
  ycsb-d            19 reads of what is new for an insert
  ycsb-e            19 queries of up to 100 items for an insert
  ycsb-f            half reads, half read-modify-write
  hot-key           updates, of which 9 of 10 are at one key
  time-series       inserts in the order of time in 100 series; a query of the latest for every 10
  fan-out-write     a post is written to the feeds of 25 followers; a feed is one query
  fan-out-read      a post is written once; a feed is a query of each of 10 authors
  sharded-counters  increments of one of 16 shards of a counter; a look reads all of them
  FILE              see docs/bench.md";

impl Bench {
    /// Loads, runs and reports.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let mut spec = Spec::find(&self.workload)?;
        spec.records = self.records.unwrap_or(spec.records);
        spec.item_bytes = self.item_bytes.unwrap_or(spec.item_bytes);
        let spec = Arc::new(spec);
        let prices = prices::read(self.prices.as_deref())?;
        let place = BenchTarget::open(self, args)?;
        let mut clients = Vec::new();
        for _ in 0..self.threads {
            clients.push(place.client(&self.table)?);
        }
        if let Some(first) = clients.first_mut() {
            first.create_table()?;
        }
        if !self.no_load {
            let watch = Stopwatch::start();
            let loaded = workload::load(&mut clients, &spec)?;
            output::remark(format_args!("loaded {} items in {}", grouped(loaded), watch.elapsed()));
        }
        let measured = self.measure(clients, &spec)?;
        let mut out = Output::new();
        if self.json {
            out.line(measured.to_json(&spec, &place.describe(), self.threads, &prices))?;
        } else {
            measured.show(&mut out, &spec, &place.describe(), self.threads, &prices)?;
        }
        out.finish()?;
        drop(place);
        Ok(Outcome::Done)
    }

    /// Runs all threads to the end, with a line for each second.
    fn measure(&self, clients: Vec<Box<dyn Client>>, spec: &Arc<Spec>) -> Result<Measured, Failure> {
        let progress = Arc::new(Progress::new(self.operations, Duration::from_secs(self.seconds)));
        let watch = Stopwatch::start();
        let mut threads = Vec::new();
        for (number, client) in clients.into_iter().enumerate() {
            let pace = self.rate.map(|rate| {
                // Threads begin one after the other, so that the operations are evenly spread.
                let nanos = 1_000_000_000u64 / rate;
                let each = Duration::from_nanos(nanos * u64::from(self.threads));
                (each, Duration::from_nanos(nanos * number as u64))
            });
            let mut worker = Worker::new(client, spec.clone(), self.seed, number as u64);
            let progress = progress.clone();
            let run = move || worker.run(&progress, pace).inspect_err(|_| progress.failed());
            let name = format!("bench-{number}");
            let thread = thread::Builder::new().name(name).spawn(run);
            threads.push(thread.map_err(|error| Failure::io("cannot start a thread", error))?);
        }
        if self.live || std::io::stderr().is_terminal() {
            progress.show_until_the_end();
        }
        let mut measured = Measured::default();
        for thread in threads {
            // A thread that panicked has been reported by the panic itself.
            if let Ok(of_thread) = thread.join() {
                measured.add(of_thread?)?;
            }
        }
        measured.took = watch.elapsed().0;
        Ok(measured)
    }
}

/// What is measured.
enum BenchTarget {
    Engine(Database),
    Served(Server),
    Endpoint(String),
}

impl BenchTarget {
    fn open(bench: &Bench, args: &DatabaseArgs) -> Result<Self, Failure> {
        if let Some(endpoint) = &bench.endpoint {
            http::check(endpoint)?;
            return Ok(Self::Endpoint(endpoint.trim_end_matches('/').to_owned()));
        }
        let mut options = session::options(args)?;
        if bench.enforce_capacity {
            options = options.capacity(CapacityModel::service());
        }
        let database = match &args.data_dir {
            Some(folder) => options.open(folder)?,
            None => options.in_memory()?,
        };
        if !bench.http {
            return Ok(Self::Engine(database));
        }
        let mut options = ServerOptions::default();
        options.address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(database, options).map_err(|error| Failure::io("cannot serve", error))?;
        Ok(Self::Served(server))
    }

    fn client(&self, table: &str) -> Result<Box<dyn Client>, Failure> {
        Ok(match self {
            Self::Engine(database) => Box::new(EngineClient::new(database.clone(), table)?),
            Self::Served(server) => Box::new(HttpClient::new(&format!("http://{}", server.address()), table)?),
            Self::Endpoint(address) => Box::new(HttpClient::new(address, table)?),
        })
    }

    fn describe(&self) -> String {
        match self {
            Self::Engine(database) => format!("the engine in this process ({database:?})"),
            Self::Served(server) => format!("http://{} in this process", server.address()),
            Self::Endpoint(address) => address.clone(),
        }
    }
}
