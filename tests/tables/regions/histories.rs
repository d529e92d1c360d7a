//! Random histories of several regions, with links that break and clocks that differ, against a model of a few maps.
//!
//! The model applies each change when it arrives by the rule itself. Each answer is compared with it, and when all
//! links are whole again all replicas must hold the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{A, B, C, START};
use hashrange::{
    Clock, Database, Durability, Item, Table,
    file::Disk,
    key::S,
    regions::{LinkModel, World},
    service::Delay,
    testing::SimulatedDisk,
};
use hashrange_test_support::{Random, seeds};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

const REGIONS: [&str; 3] = [A, B, C];
const LAG_MILLIS: u64 = 40;
const KEYS: u64 = 5;

type Stamp = (u64, &'static str);
type Version = (Stamp, Option<i64>);

struct Sent {
    arrives: u64,
    from: usize,
    to: usize,
    key: u64,
    version: Version,
}

/// The regions as they should be.
struct Model {
    now: u64,
    ahead: [i64; 3],
    items: [BTreeMap<u64, Version>; 3],
    sent: Vec<Sent>,
    cut: BTreeSet<(usize, usize)>,
}

impl Model {
    fn new() -> Self {
        Self { now: START, ahead: [0; 3], items: Default::default(), sent: Vec::new(), cut: BTreeSet::new() }
    }
    fn value(&self, region: usize, key: u64) -> Option<i64> {
        self.items[region].get(&key).and_then(|(_, value)| *value)
    }
    fn write(&mut self, region: usize, key: u64, value: Option<i64>) {
        if value.is_none() && self.value(region, key).is_none() {
            return;
        }
        let last = self.items[region].get(&key).map_or(0, |((micros, _), _)| micros + 1);
        let clock = self.now.saturating_add_signed(self.ahead[region]) * 1_000;
        let version = ((clock.max(last), REGIONS[region]), value);
        self.items[region].insert(key, version);
        let arrives = self.now + LAG_MILLIS;
        let others = (0..3).filter(|to| *to != region);
        self.sent.extend(others.map(|to| Sent { arrives, from: region, to, key, version }));
    }
    fn carry(&mut self) {
        let (now, cut) = (self.now, &self.cut);
        let has_arrived = |sent: &Sent| sent.arrives <= now && !cut.contains(&(sent.from, sent.to));
        let (arrived, rest) = std::mem::take(&mut self.sent).into_iter().partition(has_arrived);
        self.sent = rest;
        for Sent { to, key, version, .. } in arrived {
            let known = self.items[to].entry(key).or_insert(version);
            *known = (*known).max(version);
        }
    }
}

fn options(disks: &[Arc<dyn Disk>], clock: &Clock) -> World {
    let database = Database::options().background(false).initial_partitions(1).memtable_bytes(1 << 16);
    let options =
        World::options().link(LinkModel::lag(Delay::Fixed(LAG_MILLIS))).clock(clock.clone()).database(database);
    let regions = REGIONS.iter().zip(disks);
    regions.fold(options, |options, (region, disk)| options.region_on(*region, disk.clone())).open().unwrap()
}

fn tables(world: &World) -> Vec<Table<S>> {
    REGIONS.iter().map(|region| world.database(region).unwrap().table("ttt").unwrap()).collect()
}

fn create(world: &World) -> Vec<Table<S>> {
    super::replicated(world, &REGIONS)
}

fn read(table: &Table<S>, key: u64) -> Option<i64> {
    super::get(table, &key.to_string())
}

fn write(table: &Table<S>, key: u64, value: Option<i64>, durability: Durability) {
    let id = key.to_string();
    match value {
        None => drop(table.delete_with(&*id).durability(durability).send().unwrap()),
        Some(value) => {
            let item = Item::new().with("id", id).with("v", value);
            drop(table.put_with(&item).durability(durability).send().unwrap());
        }
    }
}

fn change_a_link(world: &World, cut: &mut BTreeSet<(usize, usize)>, random: &mut Random) {
    let from = random.below(3);
    let to = (from + 1 + random.below(2)) % 3;
    if cut.remove(&(from, to)) {
        world.mend(REGIONS[from], REGIONS[to]).unwrap();
    } else {
        cut.insert((from, to));
        world.cut(REGIONS[from], REGIONS[to]).unwrap();
    }
}

fn history(seed: u64) {
    let mut random = Random::new(seed);
    let clock = Clock::manual(START);
    let disks: Vec<Arc<dyn Disk>> =
        (0..3).map(|_| Arc::new(hashrange::file::MemoryDisk::new()) as Arc<dyn Disk>).collect();
    let world = options(&disks, &clock);
    let tables = create(&world);
    let mut model = Model::new();
    for step in 0..150 {
        let region = random.below(3);
        match random.below(10) {
            0..5 => {
                let (key, is_put) = (random.below_u64(KEYS), random.below(4) > 0);
                let value = is_put.then_some(step);
                write(&tables[region], key, value, Durability::Buffered);
                model.write(region, key, value);
            }
            5..8 => {
                let millis = random.below_u64(30);
                world.advance(Duration::from_millis(millis)).unwrap();
                model.now += millis;
            }
            8 => change_a_link(&world, &mut model.cut, &mut random),
            _ => {
                let ahead = i64::try_from(random.below(200)).unwrap() - 100;
                world.set_clock_ahead(REGIONS[region], ahead).unwrap();
                model.ahead[region] = ahead;
            }
        }
        world.step().unwrap();
        model.carry();
        for (at, key) in (0..3).flat_map(|at| (0..KEYS).map(move |key| (at, key))) {
            let (is, should) = (read(&tables[at], key), model.value(at, key));
            assert_eq!(is, should, "history {seed}, step {step}, {} of {}", key, REGIONS[at]);
        }
    }
    world.heal();
    world.settle().unwrap();
    assert!(world.is_converged("ttt").unwrap(), "history {seed}: {:?}", world.digests("ttt"));
    model.cut.clear();
    model.now = u64::MAX;
    model.carry();
    assert!((0..KEYS).all(|key| read(&tables[0], key) == model.value(0, key)), "history {seed}: another winner");
}

#[test]
pub(crate) fn random_histories_agree_with_the_model() {
    seeds(12).for_each(history);
}

/// As above, on simulated disks of which one loses power now and then, and with replicas that are deleted and created anew while
/// the links work. What is on its way then is sent again, so that only the end is known: of all writes of an item that were acknowledged the one with the greatest stamp is everywhere.
fn life(seed: u64) {
    let mut random = Random::new(seed);
    let clock = Clock::manual(START);
    let mut disks: Vec<SimulatedDisk> = (0..3).map(|at| SimulatedDisk::new(seed * 3 + at)).collect();
    let open = |disks: &[SimulatedDisk]| {
        let disks: Vec<Arc<dyn Disk>> = disks.iter().map(|disk| Arc::new(disk.clone()) as Arc<dyn Disk>).collect();
        options(&disks, &clock)
    };
    let mut world = open(&disks);
    let mut all = create(&world);
    let mut cut = BTreeSet::new();
    let mut winners: BTreeMap<u64, (hashrange::schema::Stamp, Option<i64>)> = BTreeMap::new();
    for step in 0..60 {
        let region = random.below(3);
        match random.below(13) {
            0..6 => {
                let (key, is_put) = (random.below_u64(KEYS), random.below(4) > 0);
                let value = is_put.then_some(step);
                write(&all[region], key, value, Durability::Sync);
                let stamp = world.stamp_of(REGIONS[region], "ttt", &Item::new().with("id", key.to_string())).unwrap();
                let Some(stamp) = stamp.filter(|_| read(&all[region], key) == value) else { continue };
                let winner = winners.entry(key).or_insert((stamp.clone(), value));
                if stamp > winner.0 {
                    *winner = (stamp, value);
                }
            }
            6..9 => drop(world.advance(Duration::from_millis(random.below_u64(50))).unwrap()),
            9 => change_a_link(&world, &mut cut, &mut random),
            10 => world.database(REGIONS[region]).unwrap().flush().unwrap(),
            11 => {
                if cut.is_empty() {
                    let other = REGIONS[(region + 1) % 3];
                    world.delete_replica("ttt", other, REGIONS[region]).unwrap();
                    world.create_replica("ttt", other, REGIONS[region]).unwrap();
                    all = tables(&world);
                }
            }
            _ => {
                all.clear();
                cut.clear();
                let crashed = disks[region].crash(random.next_u64());
                drop(world);
                disks[region] = crashed;
                world = open(&disks);
                all = tables(&world);
            }
        }
    }
    world.heal();
    world.settle().unwrap();
    assert!(world.is_converged("ttt").unwrap(), "life {seed}: {:?}", world.digests("ttt"));
    for (key, (stamp, value)) in winners {
        assert_eq!(read(&all[0], key), value, "life {seed}: item {key}, {stamp:?}");
    }
}

#[test]
fn regions_that_lose_power_become_equal() {
    seeds(6).for_each(life);
}
