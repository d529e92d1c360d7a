//! The tables of a database, by name and by number.

use super::ring::TokenRing;
use crate::{
    capacity::TableCapacity,
    error::{Error, Result},
    schema::{IndexDefinition, IndexStatus, TableDefinition},
};
use arc_swap::ArcSwap;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

/// A table at one moment: its definition and where its items and index entries are. Replaced as a whole.
#[derive(Debug)]
pub struct TableState {
    /// Keys, indexes and settings.
    pub definition: Arc<TableDefinition>,
    /// Partitions of the items and of the local index entries.
    pub ring: Arc<TokenRing>,
    /// Ring of each index, by position in the definition; a local index has the table's.
    pub index_rings: Vec<Arc<TokenRing>>,
}

/// The lasting place of a table that handles point to; what it holds changes with the schema.
#[derive(Debug)]
pub struct TableSlot {
    /// Where the items lie and the first definition: name, key and ring of a table never change, so that a get need not borrow
    /// the present state. No ring of an index is here: an index that is deleted gives back its memory, and its files, which the
    /// operating system keeps for as long as they are mapped.
    ring: Arc<TokenRing>,
    first_definition: Arc<TableDefinition>,
    state: ArcSwap<TableState>,
    end: AtomicU8,
    /// Throughput, from the first request on that the model of it sees.
    pub(super) capacity: OnceLock<Box<TableCapacity>>,
}

/// The table can be used, was deleted, or its database was closed: what [`TableSlot::end`] holds.
const ALIVE: u8 = 0;
const DROPPED: u8 = 1;
const CLOSED: u8 = 2;

impl TableSlot {
    /// A slot for a table.
    pub fn new(state: TableState) -> Self {
        let (ring, first_definition) = (Arc::clone(&state.ring), Arc::clone(&state.definition));
        let state = ArcSwap::from_pointee(state);
        Self { ring, first_definition, state, end: AtomicU8::new(ALIVE), capacity: OnceLock::new() }
    }
    /// Where the items are.
    #[inline]
    pub fn ring(&self) -> &Arc<TokenRing> {
        &self.ring
    }
    /// An earlier definition, for what never changes in one: the name and the key.
    #[inline]
    pub fn key_definition(&self) -> &TableDefinition {
        &self.first_definition
    }
    /// The table as it is now.
    #[inline]
    pub fn state(&self) -> arc_swap::Guard<Arc<TableState>> {
        self.state.load()
    }
    /// Replaces the state. The caller holds the schema gate exclusively.
    pub fn set_state(&self, state: TableState) {
        debug_assert!(Arc::ptr_eq(&state.ring, &self.ring), "the items of a table stay in their ring");
        self.state.store(Arc::new(state));
    }
    /// Marks the table as gone, for handles that are still around.
    pub fn mark_dropped(&self) {
        self.end.store(DROPPED, Ordering::Release);
    }
    /// Marks the table's database as closed, for handles that are still around.
    pub fn mark_closed(&self) {
        let _ = self.end.compare_exchange(ALIVE, CLOSED, Ordering::AcqRel, Ordering::Acquire);
    }
    /// Rejects work on a table that was deleted, or whose database was closed.
    #[inline]
    pub fn check_alive(&self) -> Result<()> {
        match self.end.load(Ordering::Acquire) {
            ALIVE => Ok(()),
            CLOSED => Err(Error::closed()),
            _ => Err(Error::no_table(self.state().definition.name.clone())),
        }
    }
    /// Whether the table was deleted.
    pub fn is_dropped(&self) -> bool {
        self.end.load(Ordering::Acquire) == DROPPED
    }
}

/// All tables at one moment.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By name, in the order of the names' bytes.
    pub by_name: BTreeMap<String, Arc<TableSlot>>,
    /// By number.
    pub by_id: BTreeMap<u32, Arc<TableSlot>>,
}

impl Catalog {
    /// A catalog of these tables, whose names are all different.
    pub fn of(by_id: BTreeMap<u32, Arc<TableSlot>>) -> Self {
        let by_name = by_id.values().map(|slot| (slot.state().definition.name.clone(), slot.clone())).collect();
        Self { by_name, by_id }
    }
    /// Adds a table.
    pub fn insert(&mut self, slot: &Arc<TableSlot>) {
        let definition = slot.state().definition.clone();
        self.by_name.insert(definition.name.clone(), slot.clone());
        self.by_id.insert(definition.id, slot.clone());
    }
    /// Removes a table.
    pub fn remove(&mut self, id: u32) -> Option<Arc<TableSlot>> {
        let slot = self.by_id.remove(&id)?;
        self.by_name.remove(&slot.state().definition.name);
        Some(slot)
    }
    /// Whether a key space belongs to an index that is being filled, now or when its turn comes.
    pub fn is_backfilling(&self, keyspace: u32) -> bool {
        // A table's own items are there from the beginning.
        !self.by_id.contains_key(&keyspace)
            && self.by_id.values().any(|slot| {
                let creating = |index: &IndexDefinition| index.id == keyspace && index.status == IndexStatus::Creating;
                slot.state().definition.indexes.iter().any(creating)
            })
    }
    /// The ring of a table or global index.
    pub fn ring_of(&self, keyspace: u32) -> Option<Arc<TokenRing>> {
        if let Some(slot) = self.by_id.get(&keyspace) {
            return Some(slot.state().ring.clone());
        }
        let of_index =
            |slot: &Arc<TableSlot>| slot.state().index_rings.iter().find(|ring| ring.keyspace == keyspace).cloned();
        self.by_id.values().find_map(of_index)
    }
    /// Every ring of every table once.
    pub fn rings(&self) -> Vec<Arc<TokenRing>> {
        let mut rings: Vec<Arc<TokenRing>> = Vec::new();
        for slot in self.by_id.values() {
            let state = slot.state();
            rings.push(state.ring.clone());
            let own = state.index_rings.iter().filter(|ring| ring.keyspace != state.ring.keyspace);
            rings.extend(own.cloned());
        }
        rings
    }
}
