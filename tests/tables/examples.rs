//! Runs the programs in `examples/`: each asserts by itself what it shows.

#[path = "../../examples/atomic_counters.rs"]
mod atomic_counters;
#[path = "../../examples/optimistic_locking.rs"]
mod optimistic_locking;

#[test]
fn counters_lose_no_increment() {
    atomic_counters::main().unwrap();
}

#[test]
fn versions_keep_writers_apart() {
    optimistic_locking::main().unwrap();
}
