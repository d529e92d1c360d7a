//! Filling a new global index beside the writes that go on.
//!
//! From the log record that created the index, every commit derives its entries. Backfill walks the items that were
//! there before and adds each one's entry under the sequence number of the item version it read. Newest wins by that
//! number, so whichever of backfill and writers comes second, the entry of the newer version stays. While an index is
//! filled its tombstones are kept: an older entry may still arrive below them.
//!
//! Nothing of this is logged. Instead, whenever a partition of the table has been read to its end, the memtables of the
//! index are flushed, and then a note in the manifest says how far the filling has come. An opened database goes on from
//! there; a crash costs at most the filling from one partition.
//!
//! So the log need not be kept for what filling adds. A crash finds each of these entries either in a run, or behind the
//! last note: then it is added anew, from the item that is there by that time. Nothing depends on replay bringing it back,
//! and replay could not: it derives entries from the changes of writers. An entry that a writer derives keeps the log
//! itself, also where filling adds the same one before or after. It is no answer to leave out the items that were written
//! since the index was created: a change that leaves an item's entry as it is derives none.

use super::{
    engine::Engine,
    progress::{Progress, index_of_note, note_of},
    ring::{TokenRing, key_ref},
};
use crate::{
    error::Result,
    index,
    manifest::Edit,
    observe::{EventKind, Job, Subject},
    schema::{EncodedKey, ITEM_SPACE, IndexDefinition, IndexStatus, TableDefinition},
};
use std::sync::Arc;

/// Items that one step reads: small, so that a step is over in about a millisecond.
const ITEMS_PER_STEP: usize = 500;

/// An index that is being filled.
struct Filling {
    table: Arc<TableDefinition>,
    base: Arc<TokenRing>,
    index: IndexDefinition,
    ring: Arc<TokenRing>,
}

impl Engine {
    /// Goes on with the filling of indexes where the last opening of the database left it.
    pub(super) fn resume_backfills(&self) -> Result<()> {
        let (notes, catalog) = (self.files.manifest().state().notes.clone(), self.tables.load());
        let mut stale = Vec::new();
        for (key, value) in &notes {
            let Some(index) = index_of_note(key) else { continue };
            match value.as_u64().filter(|_| catalog.is_backfilling(index)) {
                Some(token) => drop(self.background.backfills.lock().insert(index, Progress::before_token(token))),
                None => stale.push(Edit::DropNote(key.clone())),
            }
        }
        if stale.is_empty() { Ok(()) } else { self.commit_manifest(&mut *self.manifest_to_change()?, &stale) }
    }

    /// Adds the entries of a few more items to an index that is being filled; `false` if there is none. An index whose
    /// filling fails is passed over until its next attempt.
    pub fn backfill_step(&self) -> Result<bool> {
        let _work = self.gate.enter()?;
        // A second one beside it could add the entry of an old version after this one has ended the filling.
        let _one = self.background.backfilling.lock();
        let Some(filling) = self.filling() else { return Ok(false) };
        let (table, index) = (&filling.table.name, &filling.index.name);
        let subject = || Subject::Index { table: table.clone(), index: index.clone() };
        self.attempt(Job::Backfill, u64::from(filling.index.id), subject, || self.fill(&filling))
    }

    fn fill(&self, filling: &Filling) -> Result<bool> {
        self.begin_session()?;
        self.apply_backpressure()?;
        let progress = self.background.backfills.lock().get(&filling.index.id).cloned().unwrap_or_default();
        match self.fill_some(filling, progress)? {
            Some(next) => {
                if let Some(after) = next.after.as_ref().filter(|_| next.is_partition_end) {
                    self.flush_ring(&filling.ring)?;
                    let note = Edit::PutNote { key: note_of(filling.index.id), value: after.token().into() };
                    self.commit_manifest_or_retry(&mut self.files.manifest(), &[note])?;
                }
                self.background.backfills.lock().insert(filling.index.id, next);
            }
            None => {
                self.flush_ring(&filling.ring)?;
                self.activate_index(filling.table.id, filling.index.id)?;
                self.background.backfills.lock().remove(&filling.index.id);
                self.forget_note(filling.index.id)?;
                let (table, index) = (filling.table.name.clone(), filling.index.name.clone());
                self.observe.event(EventKind::Backfilled { subject: Subject::Index { table, index } });
            }
        }
        self.observe.counters().backfill_steps.add(1);
        Ok(true)
    }

    /// Drops the note of an index that is filled. One that has to stay is dropped by the next opening.
    fn forget_note(&self, index: u32) -> Result<()> {
        match self.commit_manifest_or_retry(&mut self.files.manifest(), &[Edit::DropNote(note_of(index))]) {
            Err(error) if self.wal.is_poisoned() => Err(error),
            _ => Ok(()),
        }
    }

    fn filling(&self) -> Option<Filling> {
        let catalog = self.tables.load();
        for slot in catalog.by_id.values() {
            let state = slot.state();
            let is_filled_now = |index: &IndexDefinition| {
                index.status == IndexStatus::Creating && self.observe.is_due(Job::Backfill, u64::from(index.id))
            };
            let position = state.definition.indexes.iter().position(is_filled_now);
            if let Some(position) = position {
                return Some(Filling {
                    table: state.definition.clone(),
                    base: state.ring.clone(),
                    index: state.definition.indexes[position].clone(),
                    ring: state.index_rings[position].clone(),
                });
            }
        }
        None
    }

    /// Reads items after `progress` and adds their entries; `None` once all have been read.
    fn fill_some(&self, filling: &Filling, progress: Progress) -> Result<Option<Progress>> {
        let token = progress.after.as_ref().map_or(0, EncodedKey::token);
        let partition = Arc::clone(&filling.base.find(token));
        let after = progress.after.as_ref().map(key_ref);
        let view = partition.view();
        let mut cursor = view.scan(token, partition.last_token, after, self.wal.visible())?;
        let mut last = None;
        for _ in 0..ITEMS_PER_STEP {
            let Some(item) = cursor.item() else {
                // This partition is done: go on with the next one, if there is one.
                return Ok(partition.last_token.checked_add(1).map(Progress::before_token));
            };
            let seqno = cursor.seqno();
            let key = cursor.key();
            last = Some(EncodedKey::at_token(key.token, key.collection, key.sort));
            // Entries of local indexes are among the items.
            let is_item = key.collection.first() == Some(&ITEM_SPACE);
            let entry = index::entry(&filling.table, &filling.index, &item).filter(|_| is_item);
            if let Some(entry) = entry {
                let bytes = self.insert_unlogged(&filling.ring, &entry.key, seqno, Some(&entry.bytes), true);
                self.admission.write_budget.add(bytes);
            }
            cursor.advance()?;
            if self.admission.write_budget.is_high() {
                break; // a few large items are as much as many small ones
            }
        }
        Ok(Some(Progress::after(last)))
    }

    /// Share of the items that have been read for an index that is being filled, by token.
    #[expect(clippy::cast_precision_loss, reason = "a progress bar needs no more than a float has")]
    pub fn backfill_progress(&self, index: u32) -> Option<f64> {
        let backfills = self.background.backfills.lock();
        let after = backfills.get(&index)?.after.as_ref()?;
        Some(after.token() as f64 / u64::MAX as f64)
    }
}
