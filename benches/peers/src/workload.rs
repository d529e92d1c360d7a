//! The workloads: on which data, by how many threads, and what one call does.

use crate::{
    data::{Keys, Prepared, Shape, uniform, zipf},
    engine::{Engine, Features, Session},
    measure::{self, Slice, Work},
};
use anyhow::{Result, ensure};
use std::time::Duration;

/// A data set and the workloads on it, in the order in which they run.
#[derive(Debug)]
pub struct Suite {
    pub name: &'static str,
    pub shape: Shape,
    pub features: Features,
    pub workloads: Vec<Workload>,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub name: &'static str,
    pub what: What,
    pub threads: usize,
    pub sync: bool,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Get,
    GetZipf,
    GetAbsent,
    BatchGet,
    Query,
    QueryFrom,
    QueryIndex,
    Scan,
    Put,
    Update,
    Transact,
    /// Gets and puts by Zipf; one call in so many is a put.
    Mixed(usize),
    /// No measurement: a tenth of the items gets a new version, so that what follows reads through several runs.
    Disturb,
    Sweep,
    ReadStream,
}

impl What {
    /// Whether it can be measured but once on the same data.
    pub fn consumes_data(self) -> bool {
        self == Self::Sweep
    }
}

fn one(name: &'static str, what: What) -> Workload {
    Workload { name, what, threads: 1, sync: false }
}

fn on(threads: usize, name: &'static str, what: What) -> Workload {
    Workload { name, what, threads, sync: false }
}

fn synced(threads: usize, name: &'static str) -> Workload {
    Workload { name, what: What::Put, threads, sync: true }
}

/// All suites; the quick ones leave the largest thread counts out.
pub fn suites(items: usize, quick: bool) -> Vec<Suite> {
    let shape = Shape { items, per_collection: 10, note_bytes: 96 };
    let plain = Features::default();
    let mut orders = vec![
        one("get", What::Get),
        on(2, "get, 2 threads", What::Get),
        one("get, zipf", What::GetZipf),
        one("get of an absent key", What::GetAbsent),
        one("batch get of 100, items", What::BatchGet),
        one("query of 10", What::Query),
        on(2, "query of 10, 2 threads", What::Query),
        one("scan, items", What::Scan),
        one("put, buffered", What::Put),
        on(2, "put, buffered, 2 threads", What::Put),
        one("conditional update, buffered", What::Update),
        one("transaction of 4 puts, buffered", What::Transact),
        on(2, "50 % get, 50 % put, zipf, 2 threads", What::Mixed(2)),
        on(2, "95 % get, 5 % put, zipf, 2 threads", What::Mixed(20)),
        one("disturb", What::Disturb),
        one("get after updates", What::Get),
        one("query of 10 after updates", What::Query),
        synced(1, "put, synced"),
        synced(8, "put, synced, 8 threads"),
    ];
    if !quick {
        orders.push(on(8, "get, 8 threads", What::Get));
        orders.push(on(8, "put, buffered, 8 threads", What::Put));
        orders.push(synced(2, "put, synced, 2 threads"));
        orders.push(synced(32, "put, synced, 32 threads"));
    }
    let sized = |name, note_bytes, bytes: usize| Suite {
        name,
        shape: Shape { items: (items * 60 / bytes).clamp(40, items), per_collection: 10, note_bytes },
        features: plain,
        workloads: vec![one("get", What::Get), one("put, buffered", What::Put)],
    };
    vec![
        Suite { name: "orders", shape, features: plain, workloads: orders },
        Suite {
            name: "large collections",
            shape: Shape { items: items / 2, per_collection: 5_000.min(items / 4), note_bytes: 96 },
            features: plain,
            workloads: vec![one("query of 10 inside 5,000", What::QueryFrom)],
        },
        Suite {
            name: "with an index",
            shape: Shape { items: items / 4, ..shape },
            features: Features { index: true, ..plain },
            workloads: vec![
                one("query of 10 by an index", What::QueryIndex),
                one("put with an index, buffered", What::Put),
            ],
        },
        sized("100 B", 0, 100),
        sized("1 KB", 800, 1_000),
        sized("10 KB", 9_800, 10_000),
        sized("300 KB", 299_800, 300_000),
        Suite {
            name: "with a stream",
            shape: Shape { items: items / 10, ..shape },
            features: Features { stream: true, ..plain },
            workloads: vec![
                one("read the stream, records", What::ReadStream),
                one("put with a stream, buffered", What::Put),
            ],
        },
        Suite {
            name: "with time to live",
            shape: Shape { items: items / 10, ..shape },
            features: Features { ttl: true, ..plain },
            workloads: vec![one("sweep, items", What::Sweep)],
        },
    ]
}

/// What is run where data is larger than memory.
pub fn scarce() -> Vec<Workload> {
    vec![
        one("get", What::Get),
        one("get, zipf", What::GetZipf),
        one("get of an absent key", What::GetAbsent),
        one("batch get of 100, items", What::BatchGet),
        one("query of 10", What::Query),
        one("put, buffered", What::Put),
        on(2, "50 % get, 50 % put, zipf, 2 threads", What::Mixed(2)),
    ]
}

/// What a suite asks for, the same of every engine.
pub struct Requests {
    shape: Shape,
    uniform: Keys,
    zipf: Keys,
    absent: Keys,
    customers: Vec<String>,
    /// Items to write: a spread over all.
    pool: Vec<Prepared>,
}

impl Requests {
    pub fn new(suite: &Suite) -> Self {
        let shape = suite.shape;
        let draws = 100_000.min(shape.items * 10);
        let pool = (2_000_000 / (shape.note_bytes + 200)).clamp(8, 5_000);
        let drawn = uniform(shape.items, pool, 3);
        Self {
            shape,
            uniform: Keys::of(shape, uniform(shape.items, draws, 1).into_iter(), ""),
            zipf: Keys::of(shape, zipf(shape.items, draws, 2).into_iter(), ""),
            absent: Keys::of(shape, uniform(shape.items, draws, 4).into_iter(), "!"),
            customers: uniform(shape.items, 10_000, 5).into_iter().map(|index| shape.customer(index)).collect(),
            pool: drawn.into_iter().map(|index| Prepared::new(shape, index, suite.features.ttl)).collect(),
        }
    }
}

/// Runs a workload for a time, in a round that shifts what is asked for.
pub fn run(
    workload: Workload,
    engine: &dyn Engine,
    requests: &Requests,
    round: usize,
    time: Duration,
) -> Result<Option<Slice>> {
    match workload.what {
        What::Disturb => {
            let mut session = engine.session(false)?;
            let mut pool = requests.pool.clone();
            let len = pool.len();
            for at in 0..requests.shape.items / 10 {
                session.put(&mut pool[at % len], (round * 31 + at) as u64)?;
            }
            Ok(None)
        }
        What::Scan | What::Sweep | What::ReadStream => {
            let mut session = engine.session(false)?;
            let slice = measure::once(|| {
                let done = match workload.what {
                    What::Scan => session.scan()?,
                    What::Sweep => session.sweep()?,
                    _ => session.read_stream()?,
                };
                ensure!(done >= requests.shape.items, "{}: {done} of {}", workload.name, requests.shape.items);
                Ok(done)
            })?;
            Ok(Some(slice))
        }
        what => {
            let workers = (0..workload.threads).map(|thread| -> Result<Work<'_>> {
                let session = engine.session(workload.sync)?;
                Ok(worker(what, session, requests, thread, round))
            });
            measure::timed(workers.collect::<Result<_>>()?, time).map(Some)
        }
    }
}

fn worker<'a>(
    what: What,
    mut session: Box<dyn Session + 'a>,
    requests: &'a Requests,
    thread: usize,
    round: usize,
) -> Work<'a> {
    let Requests { uniform, zipf, absent, customers, .. } = requests;
    let offset = round * 37_777 + thread * 12_345;
    let writes = matches!(what, What::Put | What::Transact | What::Mixed(_));
    let mut pool = if writes { requests.pool.clone() } else { Vec::new() };
    let mut version = (round * 100_003 + thread * 7) as u64;
    let mut put = move |session: &mut dyn Session, at: usize| {
        version += 1;
        let len = pool.len();
        session.put(&mut pool[at % len], version)
    };
    let mut four = requests.pool.clone();
    let get = |session: &mut dyn Session, keys: &Keys, at: usize| -> Result<()> {
        ensure!(session.get(keys.at(at))?, "there is such an item");
        Ok(())
    };
    Box::new(move |call| {
        let at = call + offset;
        let session = session.as_mut();
        match what {
            What::Get => get(session, uniform, at)?,
            What::GetZipf => get(session, zipf, at)?,
            What::GetAbsent => ensure!(!session.get(absent.at(at))?, "there is no such item"),
            What::BatchGet => {
                let mut keys: Vec<_> = (0..100).map(|place| uniform.at(at * 100 + place)).collect();
                keys.sort_unstable_by_key(|key| key.full());
                keys.dedup_by_key(|key| key.full());
                ensure!(session.batch_get(&keys)? == keys.len(), "there are such items");
                return Ok(keys.len());
            }
            What::Query => ensure!(session.query(uniform.at(at), false)? == 10, "a collection has ten items"),
            What::QueryFrom => ensure!(session.query(uniform.at(at), true)? > 0, "the item itself is there"),
            What::QueryIndex => {
                let found = session.query_index(&customers[at % customers.len()])?;
                ensure!(found == 10, "a customer has ten items, not {found}");
            }
            What::Put => put(session, at)?,
            What::Update => session.update(uniform.at(at))?,
            What::Transact => {
                let start = at * 4 % (four.len() / 4 * 4);
                let items = &mut four[start..start + 4];
                // One transaction must not name an item twice, and draws may repeat.
                let mut keys: Vec<_> = items.iter().map(|item| item.key().full().to_vec()).collect();
                keys.sort_unstable();
                keys.dedup();
                if keys.len() < 4 {
                    return Ok(0);
                }
                session.transact(items, at as u64)?;
            }
            What::Mixed(every) if at % every == 0 => put(session, at)?,
            What::Mixed(_) => get(session, zipf, at)?,
            What::Scan | What::Disturb | What::Sweep | What::ReadStream => {}
        }
        Ok(1)
    })
}
