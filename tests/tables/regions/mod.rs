//! Replicas in several regions: the rules of global tables, and that replicas become equal.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cost;
pub(crate) mod faults;
pub(crate) mod histories;
mod lost_regions;
mod membership;
mod strong;
pub(crate) mod vectors;

use hashrange::{
    Clock, Database, Item, Table,
    key::S,
    regions::{LinkModel, World},
    service::Delay,
};

pub(crate) const A: &str = "eu-west-1";
pub(crate) const B: &str = "us-east-1";
pub(crate) const C: &str = "us-west-2";
pub(crate) const START: u64 = 1_800_000_000_000;

/// Three regions with a clock that is moved by hand; changes take 800 ms.
pub(crate) fn world() -> World {
    let options = World::options().region(A).region(B).region(C).clock(Clock::manual(START));
    options.link(LinkModel::lag(Delay::Fixed(800))).database(Database::options().background(false)).open().unwrap()
}

/// A table `t` with replicas in these regions, of which the first one has it.
pub(crate) fn replicated(world: &World, regions: &[&str]) -> Vec<Table<S>> {
    world.database(regions[0]).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    regions[1..].iter().for_each(|region| world.create_replica("ttt", regions[0], region).unwrap());
    regions.iter().map(|region| world.database(region).unwrap().table("ttt").unwrap()).collect()
}

pub(crate) fn put(table: &Table<S>, id: &str, value: i64) {
    table.put(&Item::new().with("id", id).with("v", value)).unwrap();
}

pub(crate) fn get(table: &Table<S>, id: &str) -> Option<i64> {
    table.get(id).unwrap().and_then(|item| item.get("v")?.as_i64())
}
