//! What became of the items of a table between two moments: by the log, where it has all that was written between them, and
//! else by comparing every item.

use super::{
    catalog::{TableSlot, TableState},
    engine::Engine,
    item_walk::ItemWalk,
    moment::EngineAtMoment,
    ring::key_ref,
};
use crate::{
    error::{Error, Result},
    item::ItemRef,
    partition::ReadPoint,
    schema::{EncodedKey, TableStatus},
    wal::{LogBounds, LogReader, ReadUntil, record::CommitRef},
};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

/// An item at two moments.
#[derive(Clone, Debug)]
pub struct ItemChange {
    /// The item at the earlier moment.
    pub old: Option<ItemRef>,
    /// The item at the later moment.
    pub new: Option<ItemRef>,
    /// When it was last written between the two, in milliseconds since 1970; `None` where the log could not tell.
    pub written_millis: Option<u64>,
}

/// The items of a table that were written between two moments, in the order of token, partition key and sort key.
#[derive(Debug)]
pub struct ItemChanges(Source);

#[derive(Debug)]
enum Source {
    Written {
        earlier: (Arc<Engine>, Arc<TableSlot>),
        later: (Arc<Engine>, Arc<TableSlot>),
        keys: btree_map::IntoIter<EncodedKey, u64>,
    },
    Compared {
        earlier: Option<Box<Peeked>>,
        later: Box<Peeked>,
    },
    Failed,
}

/// A walk whose next item was read already.
#[derive(Debug)]
struct Peeked {
    walk: ItemWalk,
    next: Option<(EncodedKey, ItemRef)>,
}

impl Peeked {
    fn new(engine: &Arc<Engine>, state: &TableState) -> Result<Box<Self>> {
        let mut walk = ItemWalk::new(engine, state);
        let next = walk.next_item()?;
        Ok(Box::new(Self { walk, next }))
    }
    fn take(&mut self) -> Result<Option<ItemRef>> {
        let next = self.walk.next_item()?;
        Ok(std::mem::replace(&mut self.next, next).map(|(_, item)| item))
    }
}

impl EngineAtMoment {
    /// What became of the items of a table since an earlier moment.
    pub fn changes_since(&self, earlier: &Self, table: &str) -> Result<ItemChanges> {
        let slot = self.engine.table(table).ok_or_else(|| Error::no_table(table))?;
        let before = earlier.engine.table(table);
        let is_same = |before: &Arc<TableSlot>| {
            let (before, now) = (before.state(), slot.state());
            before.definition.id == now.definition.id && before.definition.status != TableStatus::Creating
        };
        let is_one_log = Arc::ptr_eq(&self.origin, &earlier.origin) && earlier.commit <= self.commit;
        let source = match before {
            Some(before) if is_one_log && is_same(&before) => {
                let keys = self.written_since(earlier, slot.state().definition.id)?.into_iter();
                let (earlier, later) = ((earlier.engine.clone(), before), (self.engine.clone(), slot));
                Source::Written { earlier, later, keys }
            }
            before => {
                let before = before.filter(|before| !is_one_log || is_same(before));
                let earlier = before.map(|before| Peeked::new(&earlier.engine, &before.state())).transpose()?;
                Source::Compared { earlier, later: Peeked::new(&self.engine, &slot.state())? }
            }
        };
        Ok(ItemChanges(source))
    }

    /// The keys of a table that the log names between two moments, and when each was last written.
    fn written_since(&self, earlier: &Self, table: u32) -> Result<BTreeMap<EncodedKey, u64>> {
        let mut keys = BTreeMap::new();
        if earlier.commit == self.commit {
            return Ok(keys);
        }
        let mut ends = earlier.log.ends.clone();
        ends.extend(self.log.ends.clone());
        let first_segment = earlier.log.first_segment;
        let bounds = LogBounds { first_segment, ends, kept_from: None, ..self.log.clone() };
        let reader = LogReader::new(&*self.origin, self.engine.protection(), &bounds)?;
        let mut reader = reader.starting_at(earlier.commit + 1)?.until(ReadUntil::Commit(self.commit));
        let mut at_millis = earlier.at_millis;
        while let Some((_, payload)) = reader.next_record()? {
            let Some(commit) = CommitRef::decode(&payload)? else { continue };
            at_millis = at_millis.max(commit.header.at_millis);
            for change in commit.changes().filter(|change| change.table == table) {
                keys.insert(EncodedKey::from_parts(change.collection, change.sort), at_millis);
            }
        }
        Ok(keys)
    }
}

impl ItemChanges {
    fn next_change(&mut self) -> Result<Option<ItemChange>> {
        match &mut self.0 {
            Source::Written { earlier, later, keys } => {
                for (key, written_millis) in keys.by_ref() {
                    let (old, new) = (item_at(earlier, &key)?, item_at(later, &key)?);
                    if old.is_some() || new.is_some() {
                        return Ok(Some(ItemChange { old, new, written_millis: Some(written_millis) }));
                    }
                }
                Ok(None)
            }
            Source::Compared { earlier, later } => compared(earlier.as_deref_mut(), later),
            Source::Failed => Ok(None),
        }
    }
}

/// The next item that differs.
fn compared(mut earlier: Option<&mut Peeked>, later: &mut Peeked) -> Result<Option<ItemChange>> {
    loop {
        let before = earlier.as_ref().and_then(|walk| walk.next.as_ref()).map(|(key, _)| key_ref(key));
        let order = match (before, later.next.as_ref().map(|(key, _)| key_ref(key))) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(now)) => before.cmp(&now),
        };
        let old = match earlier.as_deref_mut().filter(|_| order.is_le()) {
            Some(walk) => walk.take()?,
            None => None,
        };
        let new = if order.is_ge() { later.take()? } else { None };
        if old != new {
            return Ok(Some(ItemChange { old, new, written_millis: None }));
        }
    }
}

fn item_at((engine, slot): &(Arc<Engine>, Arc<TableSlot>), key: &EncodedKey) -> Result<Option<ItemRef>> {
    let state = slot.state();
    let partition = state.ring.find(key.token());
    let found = partition.get(key_ref(key), ReadPoint::Visible, engine.wal().visible())?;
    Ok(found.and_then(|version| version.item))
}

/// After an error it ends.
impl Iterator for ItemChanges {
    type Item = Result<ItemChange>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_change();
        if next.is_err() {
            self.0 = Source::Failed;
        }
        next.transpose()
    }
}
