//! Who is woken, and who waits for whom, when memtables and tails of streams take too much memory.

use super::{Engine, TableSpec, WriteAction, WriteOp, WriteOptions};
use crate::{
    config::Options,
    error::Error,
    file::MemoryDisk,
    item::{Item, ItemRef, KeyType},
    schema::{KeyAttribute, KeySchema, StreamView},
};
use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

const MEMTABLE_BYTES: usize = 64 << 10;

/// Longer than anything here takes that does not wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store that has no maintenance threads yet, as a database is before it is used.
fn engine() -> Arc<Engine> {
    let options = Options { background: true, memtable_bytes: MEMTABLE_BYTES, ..Options::default() };
    Arc::new(Engine::open(Arc::new(MemoryDisk::new()), options).unwrap())
}

#[test]
fn who_fills_half_of_the_memory_for_memtables_wakes_maintenance() {
    let engine = engine();
    for (added, rings) in [(0, false), (MEMTABLE_BYTES / 2 - 1, false), (1, true)] {
        engine.admission.write_budget.add(added);
        engine.apply_backpressure().unwrap();
        assert_eq!(
            engine.background.signal.flush.is_set(),
            rings,
            "{} bytes",
            engine.admission.write_budget.used_bytes()
        );
    }
}

/// Long before memtables take half of the memory for them.
#[test]
fn who_lets_tails_of_streams_grow_wakes_maintenance() {
    let engine = engine();
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    let spec = TableSpec { stream: Some(StreamView::NewImage), ..TableSpec::new("items", key) };
    let slot = engine.create_table(spec).unwrap();
    for n in 0..20 {
        engine.account_memory();
        assert!(!engine.admission.write_budget.flush_due());
        engine.apply_backpressure().unwrap();
        assert_eq!(
            engine.background.signal.flush.is_set(),
            engine.streams.tail_bytes() > MEMTABLE_BYTES / 4,
            "write {n}"
        );
        let item = Item::new().with("h", "one").with("text", "x".repeat(1000 + n % 2));
        let key = slot.state().definition.key_of_item(&item).unwrap();
        let decide = &mut |_: &_, _: Option<&ItemRef>| Ok(WriteAction::Put(ItemRef::from(&item).to_inline_bytes()));
        engine.write_one(WriteOp { slot: &slot, key: &key, decide }, &WriteOptions::default()).unwrap();
    }
    assert!(engine.background.signal.flush.is_set());
}

/// Whether a writer that meets twice the memory there may be goes on at once.
fn goes_on(engine: &Arc<Engine>) -> bool {
    engine.admission.write_budget.set(2 * MEMTABLE_BYTES);
    let (tell, told) = mpsc::channel();
    let writer = engine.clone();
    thread::spawn(move || tell.send(writer.apply_backpressure()));
    told.recv_timeout(PATIENCE).is_ok_and(|relieved| relieved.is_ok())
}

#[test]
fn a_writer_waits_for_nobody_who_is_not_there() {
    assert!(goes_on(&engine()));
}

/// No flush of it succeeds any more. The log says so to each writer that appends to it.
#[test]
fn a_writer_waits_for_no_flush_of_a_database_that_takes_no_more_writes() {
    let engine = engine();
    engine.background.signal.serve(true);
    engine.wal.poison(&Error::validation("it failed"));
    assert!(goes_on(&engine));
}
