//! Strong consistency between regions is linearisable: threads of three regions write and read a few items, while links
//! break and become whole, and a checker looks for an order that explains all answers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::histories::linearisable::{Kind, Operation, is_linearisable};
use hashrange::{
    Database, ErrorKind, Item, Result, Table, attr,
    key::S,
    regions::{LinkModel, StrongPeers, World},
    schema::StreamView,
    service::Delay,
    streams::ChangeRecord,
};
use hashrange_test_support::{Random, seeds};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-2"];
const ITEMS: usize = 2;

fn number(item: Option<&hashrange::ItemRef>) -> Option<i64> {
    item.and_then(|item| item.get("v")?.as_i64())
}

/// Does one operation; what it was with its answer.
fn operate(table: &Table<S>, id: &str, random: &mut Random) -> Result<Kind> {
    let value = i64::try_from(random.below(1_000)).unwrap();
    let item = Item::new().with("id", id).with("v", value);
    Ok(match random.below(6) {
        0 | 1 => Kind::Get(number(table.get_with(id).consistent(true).send()?.item.as_ref())),
        2 => {
            table.put(&item)?;
            Kind::Put(value)
        }
        3 => {
            table.delete(id)?;
            Kind::Delete
        }
        4 => {
            let sum = table.update(id).add("v", 1).return_new().send()?;
            Kind::Add(1, number(sum.attributes.as_ref()))
        }
        _ => {
            let held = table.put_with(&item).when(!attr("id").exists()).send();
            let held = match held {
                Err(error) if error.is_condition_failed() => false,
                answer => answer.map(|_| true)?,
            };
            Kind::PutIf { expected: None, new: value, held: Some(held) }
        }
    })
}

fn history(seed: u64) {
    let database = Database::options().background(false);
    let options = World::options().link(LinkModel::lag(Delay::Uniform(0, 1))).database(database).seed(seed);
    let world = REGIONS.iter().fold(options, |options, region| options.region(*region)).open().unwrap();
    world.database(REGIONS[0]).unwrap().create_table("items").hash::<S>("id").create().unwrap();
    let peers = match seed % 2 {
        0 => StrongPeers::Replicas(REGIONS[1].into(), REGIONS[2].into()),
        _ => StrongPeers::ReplicaAndWitness { replica: REGIONS[1].into(), witness: REGIONS[2].into() },
    };
    world.create_strong("items", REGIONS[0], &peers).unwrap();
    let serving = if seed.is_multiple_of(2) { 3 } else { 2 };
    let moments = Arc::new(AtomicU64::new(1));
    let clients = (0..serving).map(|at| {
        let table = world.database(REGIONS[at]).unwrap().table::<S>("items").unwrap();
        let (moments, mut random) = (moments.clone(), Random::new(seed * 8 + at as u64));
        thread::spawn(move || {
            let mut done = Vec::new();
            for _ in 0..24 {
                let item = random.below(ITEMS);
                let called = moments.fetch_add(1, Ordering::SeqCst);
                let result = operate(&table, &item.to_string(), &mut random);
                let ended = moments.fetch_add(1, Ordering::SeqCst);
                match result {
                    Ok(kind) => done.push((item, Operation { called, ended, answered: true, kind })),
                    // Nothing was done.
                    Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unavailable) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            done
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut random = Random::new(seed);
    while clients.iter().any(|client| !client.is_finished()) {
        let from = random.below(3);
        let to = (from + 1 + random.below(2)) % 3;
        world.split(&[REGIONS[from]], &[REGIONS[to]]).unwrap();
        thread::sleep(Duration::from_millis(1));
        if random.one_in(2) {
            world.heal();
        }
    }
    let mut by_item: BTreeMap<usize, Vec<Operation>> = BTreeMap::new();
    for (item, operation) in clients.into_iter().flat_map(|client| client.join().unwrap()) {
        by_item.entry(item).or_default().push(operation);
    }
    for (item, operations) in by_item {
        assert!(is_linearisable(&operations), "history {seed}, item {item}: {operations:#?}");
    }
    world.heal();
    world.settle().unwrap();
    let digests: Vec<_> = world.digests("items").unwrap().into_iter().map(|(_, digest)| digest).collect();
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "history {seed}: {digests:?}");
}

#[test]
fn strong_consistency_between_regions_is_linearisable() {
    seeds(8).for_each(history);
}

/// A trigger whose last batch writes to a table with strong consistency waits for its turn while the world is closed.
#[test]
fn a_world_is_closed_while_a_trigger_needs_it() {
    let options = World::options().link(LinkModel::lag(Delay::Fixed(1)));
    let world = REGIONS.iter().fold(options, |options, region| options.region(*region)).open().unwrap();
    let database = world.database(REGIONS[0]).unwrap();
    let sums = database.create_table("sums").hash::<S>("id").create().unwrap();
    let log = database.create_table("log").hash::<S>("id").stream(StreamView::KeysOnly).create().unwrap();
    world.create_strong("sums", REGIONS[0], &StrongPeers::Replicas(REGIONS[1].into(), REGIONS[2].into())).unwrap();
    let (called, is_called) = mpsc::channel();
    let add = move |records: &[ChangeRecord]| {
        called.send(()).unwrap();
        thread::sleep(Duration::from_millis(300)); // the world begins to close
        sums.update("all").add("n", records.len() as u64).send().map(drop)
    };
    database.on_change(log.stream().unwrap().checkpoint("sum"), add).unwrap();
    log.put(&Item::new().with("id", "x")).unwrap();
    is_called.recv_timeout(Duration::from_secs(60)).unwrap();
    let (closed, is_closed) = mpsc::channel();
    thread::spawn(move || closed.send(world.close().is_ok()));
    assert_eq!(is_closed.recv_timeout(Duration::from_secs(60)), Ok(true));
}
