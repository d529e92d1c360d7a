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
    members: BTreeSet<usize>,
    /// Links over which all items go, once they work.
    compared: BTreeSet<(usize, usize)>,
}

impl Model {
    fn new() -> Self {
        let (items, sent, cut, compared) = <(_, _, _, _)>::default();
        Self { now: START, ahead: [0; 3], items, sent, cut, members: BTreeSet::from([0, 1, 2]), compared }
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
        self.apply(region, key, ((clock.max(last), REGIONS[region]), value));
    }
    fn apply(&mut self, to: usize, key: u64, version: Version) {
        if self.items[to].get(&key).is_some_and(|known| *known >= version) {
            return;
        }
        self.items[to].insert(key, version);
        // Each region sends what was written in it, also what it got back after it had lost it.
        if version.0.1 == REGIONS[to] {
            let arrives = self.now + LAG_MILLIS;
            let others = self.members.iter().filter(|other| **other != to);
            self.sent.extend(others.map(|other| Sent { arrives, from: to, to: *other, key, version }));
        }
    }
    /// All items go over a link that works.
    fn copy(&mut self, from: usize, to: usize) {
        let items = self.items[from].clone();
        if self.members.contains(&from) && self.members.contains(&to) {
            items.into_iter().for_each(|(key, version)| self.apply(to, key, version));
        }
        self.sent.retain(|sent| (sent.from, sent.to) != (from, to));
        self.compared.remove(&(from, to));
    }
    fn carry(&mut self) {
        let due: Vec<_> = self.compared.difference(&self.cut).copied().collect();
        due.into_iter().for_each(|(from, to)| self.copy(from, to));
        let (now, cut) = (self.now, &self.cut);
        let has_arrived = |sent: &Sent| sent.arrives <= now && !cut.contains(&(sent.from, sent.to));
        let (arrived, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sent).into_iter().partition(has_arrived);
        self.sent = rest;
        arrived.into_iter().for_each(|Sent { to, key, version, .. }| self.apply(to, key, version));
    }
    /// A region leaves. What it has arrives first where links work; otherwise those that stay compare what they have.
    fn leave(&mut self, region: usize) {
        let rest: Vec<usize> = self.members.iter().copied().filter(|at| *at != region).collect();
        for to in rest.iter().copied() {
            if self.cut.contains(&(region, to)) {
                continue;
            }
            if self.compared.contains(&(region, to)) {
                self.copy(region, to);
            }
            // What the others wrote comes from them.
            let is_its = |sent: &Sent| (sent.from, sent.to) == (region, to);
            let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sent).into_iter().partition(is_its);
            self.sent = others;
            own.into_iter().for_each(|sent| self.apply(to, sent.key, sent.version));
        }
        if rest.iter().any(|to| self.cut.contains(&(region, *to))) {
            let pairs = rest.iter().flat_map(|from| rest.iter().map(move |to| (*from, *to)));
            self.compared.extend(pairs.filter(|(from, to)| from != to));
        }
        self.members.remove(&region);
        self.items[region].clear();
        self.sent.retain(|sent| sent.from != region && sent.to != region);
    }
    /// A region comes, with what all the others have; whether it could be reached from the one that asks.
    fn join(&mut self, from: usize, region: usize) -> bool {
        if self.cut.contains(&(from, region)) || self.cut.contains(&(region, from)) {
            return false;
        }
        self.members.insert(region);
        for member in self.members.iter().copied().filter(|at| *at != region).collect::<Vec<_>>() {
            match self.cut.contains(&(member, region)) {
                true => drop(self.compared.insert((member, region))),
                false => self.copy(member, region),
            }
        }
        true
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

/// A replica is deleted, or created anew.
fn change_a_member(world: &World, model: &mut Model, tables: &mut [Option<Table<S>>], region: usize) {
    let from = (0..3).find(|at| *at != region && model.members.contains(at)).unwrap();
    if tables[region].is_some() && model.members.len() == 3 {
        world.delete_replica("ttt", REGIONS[from], REGIONS[region]).unwrap();
        model.leave(region);
        tables[region] = None;
    } else if tables[region].is_none() {
        let created = world.create_replica("ttt", REGIONS[from], REGIONS[region]);
        assert_eq!(created.is_ok(), model.join(from, region), "{created:?}");
        tables[region] = created.ok().map(|()| world.database(REGIONS[region]).unwrap().table("ttt").unwrap());
    }
}

fn history(seed: u64) {
    let mut random = Random::new(seed);
    let clock = Clock::manual(START);
    let disks: Vec<Arc<dyn Disk>> =
        (0..3).map(|_| Arc::new(hashrange::file::MemoryDisk::new()) as Arc<dyn Disk>).collect();
    let world = options(&disks, &clock);
    let mut tables: Vec<Option<Table<S>>> = create(&world).into_iter().map(Some).collect();
    let mut model = Model::new();
    for step in 0..150 {
        let region = random.below(3);
        match random.below(11) {
            0..5 => {
                let Some(table) = &tables[region] else { continue };
                let (key, is_put) = (random.below_u64(KEYS), random.below(4) > 0);
                let value = is_put.then_some(step);
                write(table, key, value, Durability::Buffered);
                model.write(region, key, value);
            }
            5..8 => {
                let millis = random.below_u64(30);
                world.advance(Duration::from_millis(millis)).unwrap();
                model.now += millis;
            }
            8 => change_a_link(&world, &mut model.cut, &mut random),
            9 => change_a_member(&world, &mut model, &mut tables, region),
            _ => {
                let ahead = i64::try_from(random.below(200)).unwrap() - 100;
                world.set_clock_ahead(REGIONS[region], ahead).unwrap();
                model.ahead[region] = ahead;
            }
        }
        world.step().unwrap();
        model.carry();
        for (at, key) in (0..3).flat_map(|at| (0..KEYS).map(move |key| (at, key))) {
            let Some(table) = &tables[at] else { continue };
            let (is, should) = (read(table, key), model.value(at, key));
            assert_eq!(is, should, "history {seed}, step {step}, {} of {}", key, REGIONS[at]);
        }
    }
    world.heal();
    world.settle().unwrap();
    assert!(world.is_converged("ttt").unwrap(), "history {seed}: {:?}", world.digests("ttt"));
    model.cut.clear();
    model.now = u64::MAX;
    model.carry();
    let (at, table) = tables.iter().enumerate().find_map(|(at, table)| Some((at, table.as_ref()?))).unwrap();
    assert!((0..KEYS).all(|key| read(table, key) == model.value(at, key)), "history {seed}: another winner");
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
