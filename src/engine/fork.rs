//! A copy of the whole database at one moment, made of its files.

use super::{
    archiving::{TIMELINE_NOTE, Timeline},
    engine::Engine,
};
use crate::{
    config::Durability,
    error::Result,
    file::{FileName, TakeOver},
    manifest::Manifest,
};

impl Engine {
    /// Copies the database to an empty disk: what was committed before the call is in the copy, and of what is committed
    /// during the call everything up to one commit. Neither writers nor readers wait.
    ///
    /// The copy is what a power failure at one moment would leave, so opening it is a recovery like any other, and takes as
    /// long as replaying the log.
    pub fn fork_to(&self, disk: &dyn TakeOver) -> Result<()> {
        let _work = self.enter_work()?;
        self.wait_all_durable(Some(Durability::Sync))?;
        // The moment: no run, stream segment or schema appears or goes while the manifest is held, and what a run has is
        // durable in the log, too. Commits go on; the copy ends with the last one that is durable now.
        let manifest = self.files.manifest();
        let state = manifest.state();
        let left_at = self.wal.visible().load();
        let (last_segment, end) = self.wal.durable_end();
        let runs = state.live_runs();
        for name in self.files.disk.list()? {
            let end = match name {
                FileName::Lock
                | FileName::Reserve
                | FileName::Current
                | FileName::CurrentNext
                | FileName::Keys
                | FileName::KeysNext
                | FileName::Restoring
                | FileName::Spare(_)
                | FileName::Manifest(_)
                | FileName::Base(_) => continue,
                FileName::Run(number) if !runs.contains(&number) => continue,
                FileName::Stream(number) if !state.stream_segments.contains_key(&number) => continue,
                FileName::Log(number) if number < state.log.first_segment || number > last_segment => continue,
                FileName::Log(number) if number == last_segment => Some(end),
                FileName::Run(_) | FileName::Stream(_) => None,
                // Removed by the original in its own time.
                FileName::Log(_) => Some(u64::MAX),
            };
            disk.take_over(self.files.disk.as_ref(), name, end)?;
        }
        // The copy has no history: it begins its own, on a timeline of its own.
        let mut copy = state.without_history();
        if let Some(origin) = Timeline::of_note(copy.notes.get(TIMELINE_NOTE)).filter(|origin| origin.id != 0) {
            let left = Timeline { id: 0, parent: Some((origin.id, left_at)) };
            copy.notes.insert(TIMELINE_NOTE.to_owned(), left.to_note()?);
        }
        Manifest::write_to(disk, &self.files.protection, &copy)
    }
}
