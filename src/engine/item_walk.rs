//! All items of a table in the order of their keys, some at a time, so that nothing is held in between.

use super::{
    catalog::TableState,
    engine::Engine,
    ring::{TokenRing, key_ref},
};
use crate::{
    error::Result,
    item::ItemRef,
    schema::{EncodedKey, ITEM_SPACE},
};
use std::{collections::VecDeque, sync::Arc};

/// Entries that are read at a time.
const ENTRIES_PER_READ: usize = 500;

/// A walk through the items of a table, in the order of (token, partition key, sort key). Each part of it is read from one
/// view of a partition; over a database that takes no writes the whole is one state.
#[derive(Debug)]
pub struct ItemWalk {
    engine: Arc<Engine>,
    ring: Arc<TokenRing>,
    /// Where the next read begins; `None` at the end.
    token: Option<u64>,
    after: Option<EncodedKey>,
    read: VecDeque<(EncodedKey, ItemRef)>,
}

impl ItemWalk {
    /// Through all items of a table.
    pub fn new(engine: &Arc<Engine>, state: &TableState) -> Self {
        let (engine, ring) = (engine.clone(), state.ring.clone());
        Self { engine, ring, token: Some(0), after: None, read: VecDeque::new() }
    }

    /// The next item and its place; `None` behind the last one. Errors: damage, disk.
    pub fn next_item(&mut self) -> Result<Option<(EncodedKey, ItemRef)>> {
        while self.read.is_empty() {
            let Some(token) = self.token else { return Ok(None) };
            self.read_from(token)?;
        }
        Ok(self.read.pop_front())
    }

    fn read_from(&mut self, token: u64) -> Result<()> {
        let partition = Arc::clone(&self.ring.find(token));
        let view = partition.view();
        let after = self.after.as_ref().map(key_ref);
        let mut cursor = view.scan(token, partition.last_token, after, self.engine.wal().visible())?;
        let mut last = None;
        for _ in 0..ENTRIES_PER_READ {
            let Some(item) = cursor.item() else {
                (self.token, self.after) = (partition.last_token.checked_add(1), None);
                return Ok(());
            };
            let key = cursor.key();
            let place = EncodedKey::at_token(key.token, key.collection, key.sort);
            // Entries of local indexes are among the items.
            if key.collection.first() == Some(&ITEM_SPACE) {
                self.read.push_back((place.clone(), item));
            }
            last = Some(place);
            cursor.advance()?;
        }
        self.token = last.as_ref().map(EncodedKey::token);
        self.after = last;
        Ok(())
    }
}
