//! A lost update between two regions, and two ways to avoid it: `cargo run -p hashrange --example two_regions`.
//!
//! A cart is changed in two regions at once. The later write wins as a whole, and the first customer's bread is gone,
//! though both writes succeeded and both had conditions.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::{Clock, Database, Result, Table, attr, key::S, regions::World};
use std::time::Duration;

const US: &str = "us-east-1";
const EU: &str = "eu-west-1";

/// Adds to a cart, unless another writer has changed it since it was read. This protects writers of the same region from each
/// other.
fn add(cart: &Table<S>, what: &str) -> Result<()> {
    let version = cart.get("c1")?.and_then(|item| item.get("version")?.as_i64()).unwrap_or_default();
    let update = cart.update("c1").set(what, 1).set("version", version + 1);
    let is_first = version == 0;
    match is_first {
        true => update.when(!attr("id").exists()).send()?,
        false => update.when(attr("version").eq(version)).send()?,
    };
    Ok(())
}

fn contents(cart: &Table<S>, id: &str) -> Result<Vec<String>> {
    let Some(item) = cart.get(id)? else { return Ok(Vec::new()) };
    Ok(item.iter().map(|(name, _)| name.to_owned()).filter(|name| !["id", "version"].contains(&&**name)).collect())
}

/// Shows it, and asserts what it shows.
pub fn main() -> Result<()> {
    let world = World::options().region(US).region(EU).clock(Clock::manual(1_800_000_000_000));
    let world = world.database(Database::options().background(false)).open()?;
    let us = world.database(US)?.create_table("cart").hash::<S>("id").create()?;
    world.create_replica("cart", US, EU)?;
    let eu = world.database(EU)?.table::<S>("cart")?;

    // Both writes succeed, each with a condition that was true where it was judged.
    add(&us, "bread")?;
    world.advance(Duration::from_millis(100))?;
    add(&eu, "milk")?;
    world.settle()?;
    assert_eq!(contents(&us, "c1")?, ["milk"]);
    assert!(world.is_converged("cart")?);
    println!("written in both regions at once: {:?}; the bread is lost, in both", contents(&us, "c1")?);
    let lost = world.link(US, EU)?.1.superseded;
    println!("changes that arrived and lost: {lost}; no writer was told");

    // One way: each region writes items of its own, and readers put them together.
    for (cart, region, what) in [(&us, US, "bread"), (&eu, EU, "milk")] {
        cart.update(&*format!("c2 {region}")).set(what, 1).send()?;
    }
    world.settle()?;
    let both: Vec<String> =
        [US, EU].iter().map(|region| contents(&us, &format!("c2 {region}"))).collect::<Result<Vec<_>>>()?.concat();
    assert_eq!(both, ["bread", "milk"]);
    println!("an item for each region: {both:?}");

    // Another way: each cart has a region, and is written there only.
    let home = |_cart: &str| &eu;
    for what in ["bread", "milk"] {
        home("c3").update("c3").set(what, 1).send()?;
    }
    world.settle()?;
    assert_eq!(contents(&us, "c3")?, ["bread", "milk"]);
    println!("a region for each item: {:?}", contents(&us, "c3")?);
    Ok(())
}
