//! Checking a database against itself: every record of the log, every byte of every run and of every
//! segment of a stream, and every index against its table.

use super::{
    engine::Engine,
    ring::{TokenRing, key_ref},
};
use crate::{
    error::{Error, ErrorKind, Result},
    index,
    partition::ReadPoint,
    schema::{EncodedKey, ITEM_SPACE, IndexDefinition, IndexStatus, TableDefinition, TableStatus},
    wal::{LogReader, ReadUntil, record::Record},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// How often what looks damaged is read while others write, until it counts as damaged.
const READS_BESIDE_WRITERS: usize = 4;

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Tables.
    pub tables: u64,
    /// Records of the log that are durable.
    pub log_records: u64,
    /// Partitions of tables and indexes.
    pub partitions: u64,
    /// Items that were read and taken apart.
    pub items: u64,
    /// Entries of indexes that were compared with their items.
    pub index_entries: u64,
}

impl Engine {
    /// Checks everything that can be checked; the first thing that is wrong is the error. Meant for a database that is not
    /// written to: beside writers, an index may be read before or after its table. A table that does not agree with its indexes is
    /// checked again if there were writes meanwhile, so that a few do no harm. Flushes, merges and trims never do.
    pub fn verify(&self) -> Result<VerifyReport> {
        let _work = self.gate.enter()?;
        let mut report = VerifyReport { log_records: self.verify_log()?, ..VerifyReport::default() };
        let mut whole = BTreeSet::new();
        let slots: Vec<_> = self.tables.load().by_id.values().cloned().collect();
        for slot in slots {
            let state = arc_swap::Guard::into_inner(slot.state());
            if state.definition.status == TableStatus::Creating {
                continue; // an item is there before its entries, and neither can be read
            }
            report.tables += 1;
            let mut rings = vec![state.ring.clone()];
            rings.extend(state.index_rings.iter().filter(|ring| ring.keyspace != state.ring.keyspace).cloned());
            for ring in &rings {
                for partition in ring.all().iter() {
                    partition.verify(&mut whole)?;
                    report.partitions += 1;
                }
            }
            let (items, index_entries) = self.read_beside_writers(|| {
                let state = arc_swap::Guard::into_inner(slot.state());
                self.verify_table(&state)
            })?;
            report.items += items;
            report.index_entries += index_entries;
        }
        for shard in self.streams.shards() {
            for segment in shard.segments() {
                // One whose records have expired meanwhile is not there any more.
                segment
                    .verify()
                    .or_else(|error| if self.has_segment(segment.facts().file) { Err(error) } else { Ok(()) })?;
            }
        }
        Ok(report)
    }

    fn has_segment(&self, file: u64) -> bool {
        self.files.manifest().state().stream_segments.contains_key(&file)
    }

    /// Reads while others write. In a segment of the log that was written over a former one, what a writer has written of its next
    /// records may look like damage, and an item may be there without its entries. So what looks damaged is read again where the log
    /// grew meanwhile, a few times.
    pub(super) fn read_beside_writers<T>(&self, read: impl Fn() -> Result<T>) -> Result<T> {
        for _ in 1..READS_BESIDE_WRITERS {
            // The begin of a session removes segments, too.
            let writes = || (self.wal.last_seqno(), self.session.has_begun());
            let before = writes();
            match read() {
                Err(error) if error.kind() == ErrorKind::Corrupt && writes() != before => {}
                done => return done,
            }
        }
        read()
    }

    /// Reads the records that are durable back from the files, and takes each apart.
    fn verify_log(&self) -> Result<u64> {
        self.read_beside_writers(|| self.verify_log_once())
    }
    fn verify_log_once(&self) -> Result<u64> {
        let (bounds, _hold) = {
            let manifest = self.files.manifest();
            let bounds = manifest.state().log.clone();
            let hold = self.hold_log(bounds.first_segment); // the log may be trimmed meanwhile
            (bounds, hold)
        };
        let until = ReadUntil::Commit(self.wal.visible().load());
        let mut reader = LogReader::new(self.files.disk.as_ref(), &self.files.protection, &bounds)?.until(until);
        let mut records = 0;
        while let Some((_, payload)) = reader.next_record()? {
            Record::decode(&payload)?;
            records += 1;
        }
        Ok(records)
    }

    /// Checks items and entries of indexes; how many there are of both.
    fn verify_table(&self, state: &super::TableState) -> Result<(u64, u64)> {
        let (mut items, mut index_entries) = (0, 0);
        let table = &state.definition;
        let active: Vec<usize> =
            (0..table.indexes.len()).filter(|i| table.indexes[*i].status == IndexStatus::Active).collect();
        let mut expected = vec![0u64; table.indexes.len()];
        let mut local_entries = vec![0u64; 256];
        for partition in state.ring.all().iter() {
            let view = partition.view();
            let mut cursor = view.scan(partition.first_token, partition.last_token, None, self.wal.visible())?;
            while let Some(item) = cursor.item() {
                item.check()?;
                let key = cursor.key();
                let place = EncodedKey::at_token(key.token, key.collection, key.sort);
                cursor.advance()?;
                let space = place.collection().first().copied().unwrap_or(ITEM_SPACE);
                if space != ITEM_SPACE {
                    local_entries[usize::from(space)] += 1;
                    continue;
                }
                items += 1;
                let its_key = table.key_of_item(&item.to_item())?;
                if its_key != place {
                    return Err(wrong(table, None, "an item does not lie where its key says"));
                }
                for &position in &active {
                    let index = &table.indexes[position];
                    if let Some(entry) = index::entry(table, index, &item) {
                        expected[position] += 1;
                        self.verify_entry(table, index, &state.index_rings[position], &entry)?;
                    }
                }
            }
        }
        for &position in &active {
            let index = &table.indexes[position];
            let space = table.local_space(index);
            let found = if space == ITEM_SPACE {
                self.count_entries(&state.index_rings[position])?
            } else {
                local_entries[usize::from(space)]
            };
            index_entries += found;
            if found != expected[position] {
                let text = format!("{found} entries where the items call for {}", expected[position]);
                return Err(wrong(table, Some(index), &text));
            }
        }
        Ok((items, index_entries))
    }

    fn verify_entry(
        &self,
        table: &TableDefinition,
        index: &IndexDefinition,
        ring: &TokenRing,
        entry: &index::Entry,
    ) -> Result<()> {
        let partition = ring.find(entry.key.token());
        let found = partition.get(key_ref(&entry.key), ReadPoint::Visible, self.wal.visible())?;
        match found.and_then(|version| version.item) {
            Some(item) if item.to_inline_bytes() == entry.bytes => Ok(()),
            Some(_) => Err(wrong(table, Some(index), "an entry differs from its item")),
            None => Err(wrong(table, Some(index), "an item has no entry")),
        }
    }

    fn count_entries(&self, ring: &TokenRing) -> Result<u64> {
        let mut count = 0;
        for partition in ring.all().iter() {
            let view = partition.view();
            let mut cursor = view.scan(partition.first_token, partition.last_token, None, self.wal.visible())?;
            while cursor.valid() {
                count += 1;
                cursor.advance()?;
            }
        }
        Ok(count)
    }
}

fn wrong(table: &TableDefinition, index: Option<&IndexDefinition>, what: &str) -> Error {
    let place = index.map_or_else(|| table.name.clone(), |index| format!("{}/{}", table.name, index.name));
    Error::corrupt(format!("of table {place}"), 0, what)
}
