//! What one item was, commit by commit, as far as history reaches back: read from the log.

use super::{
    engine::Engine,
    moment::{EngineAtMoment, Moment},
    ring::key_ref,
};
use crate::{
    error::{Error, Result},
    item::{Item, ItemRef},
    partition::ReadPoint,
    schema::{EncodedKey, TableDefinition},
    wal::{
        LogBounds, LogReader, ReadUntil,
        record::{CommitRef, Origin, Record, SchemaChange},
    },
};
use bytes::Bytes;
use std::{collections::BTreeMap, ops::ControlFlow};

/// What an item was from one commit to the next one that wrote it.
#[derive(Clone, Debug)]
pub struct ItemVersion {
    /// Number of the commit that wrote it; of the earliest one that can be read, for the item as it was then.
    pub commit: u64,
    /// The time of the commit, in milliseconds since 1970: the highest of all commits up to it.
    pub at_millis: u64,
    /// The item; `None` if it was deleted, or its table was.
    pub item: Option<ItemRef>,
    /// Whether time to live deleted it.
    pub is_expiry: bool,
}

/// Tables of one name over time: the key of the item in each.
struct Tables<'a> {
    name: &'a str,
    key: &'a Item,
    keys: BTreeMap<u32, EncodedKey>,
    /// There is or was one whose key has this form.
    were_met: bool,
}

impl Tables<'_> {
    fn meet(&mut self, table: &TableDefinition) {
        if table.name == self.name
            && let Ok(key) = table.key_of_attributes(self.key)
        {
            self.keys.insert(table.id, key);
            self.were_met = true;
        }
    }
}

/// Hands versions to their reader, and knows whether the last one was an item.
struct Versions<'a> {
    visit: &'a mut dyn FnMut(ItemVersion) -> ControlFlow<()>,
    was_there: bool,
}

impl Versions<'_> {
    fn take(&mut self, version: ItemVersion) -> ControlFlow<()> {
        self.was_there = version.item.is_some();
        (self.visit)(version)
    }
}

impl Engine {
    /// The database as it was at the first moment that history has.
    fn earliest(&self) -> Result<EngineAtMoment> {
        loop {
            let first = || self.history_window().map(|window| window.earliest.commit);
            let Some(commit) = first() else { return Err(self.outside_history("an earlier version")) };
            match self.at_moment(Moment::Commit(commit)) {
                Err(_) if first() != Some(commit) => {} // history begins later by now
                opened => return opened,
            }
        }
    }

    /// Shows all versions of an item that history has, oldest first, until the reader breaks off. One at a time is in memory. The
    /// item is named by its key attributes; the table may have been deleted since, and created again.
    pub fn visit_item_versions(
        &self,
        table: &str,
        key: &Item,
        visit: &mut dyn FnMut(ItemVersion) -> ControlFlow<()>,
    ) -> Result<()> {
        let earliest = self.earliest()?;
        let mut tables = Tables { name: table, key, keys: BTreeMap::new(), were_met: false };
        let mut versions = Versions { visit, was_there: false };
        if let Some(slot) = earliest.engine.table(table) {
            let state = slot.state();
            tables.meet(&state.definition);
            if let Some(key) = tables.keys.get(&state.definition.id) {
                let partition = state.ring.find(key.token());
                let found = partition.get(key_ref(key), ReadPoint::Visible, earliest.engine.wal.visible())?;
                if let Some(item) = found.and_then(|version| version.item) {
                    let (commit, at_millis) = (earliest.commit, earliest.at_millis);
                    if versions.take(ItemVersion { commit, at_millis, item: Some(item), is_expiry: false }).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        let last = self.wal.last_seqno();
        self.wal.sync(last)?;
        if last > earliest.commit {
            let known = self.files.manifest().state().log.clone();
            let mut ends = earliest.log.ends.clone();
            ends.extend(known.ends.clone());
            let bounds = LogBounds { first_segment: earliest.log.first_segment, ends, kept_from: None, ..known };
            let reader = LogReader::new(&*self.files.disk, &self.files.protection, &bounds)?;
            let reader = reader.starting_at(earliest.commit + 1)?.until(ReadUntil::Commit(last));
            read_versions(reader, &mut tables, earliest.at_millis, &mut versions)?;
        }
        if !tables.were_met {
            let existing = self.table(table).ok_or_else(|| Error::no_table(table))?;
            existing.state().definition.key_of_attributes(key)?;
        }
        Ok(())
    }
}

fn read_versions(
    mut reader: LogReader<'_>,
    tables: &mut Tables<'_>,
    mut at_millis: u64,
    versions: &mut Versions<'_>,
) -> Result<()> {
    while let Some((commit, payload)) = reader.next_record()? {
        let Some(record) = CommitRef::decode(&payload)? else {
            match Record::decode(&payload)? {
                Record::Schema(SchemaChange::Put(definition)) => tables.meet(&definition),
                Record::Schema(SchemaChange::Drop(id)) => {
                    let was_there = tables.keys.remove(&id).is_some() && versions.was_there;
                    let gone = ItemVersion { commit, at_millis, item: None, is_expiry: false };
                    if was_there && versions.take(gone).is_break() {
                        return Ok(());
                    }
                }
                Record::Commit(_) => {}
            }
            continue;
        };
        at_millis = at_millis.max(record.header.at_millis);
        let is_expiry = record.header.origin == Origin::TimeToLive;
        let is_it = |change: &crate::wal::record::ChangeRef<'_>| {
            let key = tables.keys.get(&change.table);
            key.is_some_and(|key| key.collection() == change.collection && key.sort() == change.sort)
        };
        for change in record.changes().filter(is_it) {
            let item = change.new.map(|new| ItemRef::from_bytes(Bytes::copy_from_slice(new)));
            if versions.take(ItemVersion { commit, at_millis, item, is_expiry }).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
