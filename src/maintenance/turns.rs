//! Filling an index and compacting take turns on one thread.
//!
//! A table may take hours to be read for a new index, and runs of all tables pile up meanwhile; merges may take seconds each,
//! and steps of filling milliseconds. So each gets as much time as the other, as long as both have something to do. One that
//! fails keeps the other from nothing.

use crate::{
    clock::Deadline,
    engine::{Engine, Work},
    error::Result,
};
use std::time::Duration;

/// Pause behind each step that fills an index, about as long as the step: half of the time writers have the locks of the
/// index and the processor to themselves.
const PAUSE: Duration = Duration::from_millis(2);

/// Longest time for which indexes are filled before it is looked again whether there is something to compact.
const LONGEST_TURN: Duration = Duration::from_secs(10);

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// How long indexes are filled, if there are any to be filled.
    filling: Option<Deadline>,
    /// Whether the last step of [`Turns::step`] filled an index.
    has_filled: bool,
}

impl Turns {
    /// A piece of work for a thread; whether there was any.
    pub fn work(&mut self, engine: &Engine) -> Result<bool> {
        let filled = engine.backfill_step();
        if matches!(filled, Ok(true)) {
            std::thread::sleep(PAUSE);
            if self.filling.as_ref().is_some_and(|turn| !turn.is_over()) {
                return Ok(true);
            }
        }
        let longest = Deadline::after(LONGEST_TURN);
        let compacted = engine.compact_step();
        self.filling = Some(Deadline::after(LONGEST_TURN.saturating_sub(longest.remaining())));
        Ok(compacted? != Work::Idle || filled?)
    }

    /// A piece of work for a caller that does one after the other: the same in each run.
    pub fn step(&mut self, engine: &Engine) -> Result<Work> {
        let had_turn = std::mem::take(&mut self.has_filled);
        if !had_turn && self.fill(engine)? {
            return Ok(Work::Backfilled);
        }
        let work = engine.compact_step()?;
        if work == Work::Idle && had_turn && self.fill(engine)? {
            return Ok(Work::Backfilled);
        }
        Ok(work)
    }

    fn fill(&mut self, engine: &Engine) -> Result<bool> {
        self.has_filled = engine.backfill_step()?;
        Ok(self.has_filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Options,
        engine::{IndexSpec, TableSpec, TableUpdate, WriteAction, WriteOp, WriteOptions},
        error::Error,
        file::MemoryDisk,
        item::{Item, ItemRef, KeyType},
        schema::{IndexKind, KeyAttribute, KeySchema, Projection},
    };
    use std::sync::Arc;

    /// A database with an index that takes many steps to be filled, and with runs that are to be merged.
    fn engine() -> Engine {
        let options = Options { background: false, initial_partitions: 1, ..Options::default() };
        let engine = Engine::open(Arc::new(MemoryDisk::new()), options).unwrap();
        let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
        let slot = engine.create_table(TableSpec::new("items", key)).unwrap();
        for number in 0..3000 {
            let item = Item::new().with("h", number.to_string()).with("group", "g");
            let key = slot.state().definition.key_of_item(&item).unwrap();
            let decide = &mut |_: &_, _: Option<&ItemRef>| Ok(WriteAction::Put(ItemRef::from(&item).to_inline_bytes()));
            let options = WriteOptions { skip_wait: true, ..WriteOptions::default() };
            engine.write_one(WriteOp { slot: &slot, key: &key, decide }, &options).unwrap();
            if number % 150 == 0 {
                engine.flush_all().unwrap();
            }
        }
        let index = IndexSpec {
            name: "by_group".to_owned(),
            kind: IndexKind::Global,
            hash: vec![KeyAttribute::new("group", KeyType::S)],
            range: Vec::new(),
            projection: Projection::KeysOnly,
            throughput: None,
        };
        let update = TableUpdate { create_index: Some(index), ..TableUpdate::default() };
        engine.update_table("items", |_| Ok::<_, Error>(update)).unwrap();
        engine
    }

    fn is_filling(engine: &Engine) -> bool {
        engine.table("items").unwrap().state().definition.indexes[0].status == crate::schema::IndexStatus::Creating
    }

    #[test]
    fn a_thread_compacts_while_an_index_is_filled() {
        let (engine, mut turns) = (engine(), Turns::default());
        (0..3).for_each(|_| assert!(turns.work(&engine).unwrap()));
        assert!(is_filling(&engine) && engine.statistics().compactions > 0);
        while turns.work(&engine).unwrap() {}
        assert!(!is_filling(&engine));
        engine.verify().unwrap();
    }

    #[test]
    fn steps_alternate() {
        let (engine, mut turns) = (engine(), Turns::default());
        let works: Vec<Work> = (0..3).map(|_| turns.step(&engine).unwrap()).collect();
        assert_eq!(works, [Work::Backfilled, Work::Compacted, Work::Backfilled]);
        while turns.step(&engine).unwrap() != Work::Idle {}
        assert!(!is_filling(&engine));
    }
}
