//! How many changes a second go from one region to another in one process, and what stamps cost a put:
//! `cargo bench -p hashrange --bench regions`.
//!
//! One thread puts items of about 300 bytes, buffered, into a table without and one with a replica; the links have no lag, and
//! the world's thread carries the changes over meanwhile. The rate of replication is that of all changes from the first put until
//! the last one is applied and durable in the other region. Databases are in memory, and in folders.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that prints")]

use hashrange::{
    Durability, Item, Table,
    key::S,
    regions::{LinkModel, World, WorldOptions},
    service::Delay,
};
use std::time::Instant;

const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];
const ITEMS: usize = 20_000;
const CHANGES: usize = 200_000;
const ROUNDS: usize = 5;

fn item(n: usize) -> Item {
    let text = "a text that makes the item as long as those of the other benchmarks are".repeat(4);
    Item::new().with("id", format!("USER#{:08}", n % ITEMS)).with("version", n as u64).with("text", text)
}

fn rate(changes: usize, began: Instant) -> f64 {
    changes as f64 / began.elapsed().as_secs_f64()
}

fn put(table: &Table<S>, items: &[Item]) -> hashrange::Result<()> {
    items.iter().try_for_each(|item| table.put_with(item).durability(Durability::Buffered).send().map(drop))
}

fn round(name: &str, options: WorldOptions, items: &[Item]) -> Result<(), Box<dyn std::error::Error>> {
    let world = options.link(LinkModel::lag(Delay::Fixed(0))).open()?;
    let database = world.database(REGIONS[0])?;
    let alone = database.create_table("alone").hash::<S>("id").create()?;
    let shared = database.create_table("shared").hash::<S>("id").create()?;
    world.create_replica("shared", REGIONS[0], REGIONS[1])?;
    let began = Instant::now();
    put(&alone, items)?;
    let alone = rate(items.len(), began);
    let began = Instant::now();
    put(&shared, items)?;
    let written = rate(items.len(), began);
    world.settle()?;
    let replicated = rate(items.len(), began);
    assert!(world.is_converged("shared")?);
    println!("{name:<10}{alone:>14.0}{written:>18.0}{replicated:>18.0}");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let items: Vec<Item> = (0..CHANGES).map(item).collect();
    println!("{:<10}{:>14}{:>18}{:>18}", "a second", "puts alone", "with a replica", "replicated");
    for _ in 0..ROUNDS {
        let memory = REGIONS.iter().fold(World::options(), |options, region| options.region(*region));
        round("memory", memory, &items)?;
        let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
        let regions = REGIONS.iter().zip(&folders);
        let files =
            regions.fold(World::options(), |options, (region, folder)| options.region_in(*region, folder.path()));
        round("folders", files, &items)?;
    }
    Ok(())
}
