//! Runs the programs in `examples/`: each asserts by itself what it shows.

#[path = "../../examples/atomic_counters.rs"]
mod atomic_counters;
#[path = "../../examples/feed_designs.rs"]
mod feed_designs;
#[path = "../../examples/optimistic_locking.rs"]
mod optimistic_locking;
#[path = "../../examples/shop.rs"]
mod shop;
#[path = "../../examples/stale_cache.rs"]
mod stale_cache;
#[path = "../../examples/two_regions.rs"]
mod two_regions;

#[test]
fn counters_lose_no_increment() {
    atomic_counters::main().unwrap();
}

#[test]
fn versions_keep_writers_apart() {
    optimistic_locking::main().unwrap();
}

#[test]
fn a_shop_takes_orders_and_meets_its_second_version() {
    shop::main().unwrap();
}

#[test]
fn a_query_behind_a_cache_is_old() {
    stale_cache::main().unwrap();
}

#[test]
fn two_designs_of_a_feed_are_compared_by_their_cost() {
    feed_designs::main().unwrap();
}

#[test]
fn two_regions_lose_an_update() {
    two_regions::main().unwrap();
}
