//! The session of an opening: what is written before anything else can be.
//!
//! To read a database, nothing need be written. Before the first change of an opening, a new segment of the log is created, the
//! manifest is written to a new file that makes the segment count, and files that nothing needs are removed. An opening does
//! all that at once, unless everything that it read is known to be durable. Then it waits for the first change: opening and
//! reading cost no sync, and a database that is only read stays as it is.
//!
//! It may wait only if no reader can see what a power failure could still take away. The log was sealed, which a process does
//! behind its last sync; the manifest says that the log reaches to the end of the seal, and `CURRENT` vouches for all of the
//! manifest. Each is written once the one before it is durable, so that an opening that reads the last one knows that the others are.
//! Above all, what a killed process wrote is not sealed. It is read from the memory of the operating system, and it is copied to the
//! new segment and synced before the first reader sees it.

use super::{engine::Engine, open::reach_of};
use crate::{
    error::{ErrorKind, Result},
    file::{Disk, FileName},
    manifest::{Edit, Manifest},
    wal::{Recovered, Wal},
};
use std::{
    ops::DerefMut,
    sync::atomic::{AtomicBool, Ordering},
};

/// Whether the session of an opening has begun, and what its begin writes to the manifest.
#[derive(Debug)]
pub(super) struct Session {
    has_begun: AtomicBool,
    /// What opening found out, for the manifest.
    edits: Vec<Edit>,
}

impl Session {
    /// One that begins with the first change, before which the manifest takes none; or else one that begins now, with the names of
    /// the files that were removed, since nothing needs them.
    pub fn of_opening(
        waits: bool,
        disk: &dyn Disk,
        wal: &Wal,
        manifest: &mut Manifest,
        edits: Vec<Edit>,
    ) -> Result<(Self, Vec<String>)> {
        let session = Self { has_begun: AtomicBool::new(false), edits };
        if waits {
            manifest.set_read_only(true);
            return Ok((session, Vec::new()));
        }
        session.begin(wal, manifest)?;
        let removed = remove(disk, leftovers(disk, manifest)?);
        #[cfg(feature = "encryption")]
        super::keys::drop_unused_generations(disk, manifest)?;
        Ok((session, removed))
    }
    fn begin(&self, wal: &Wal, manifest: &mut Manifest) -> Result<()> {
        // Until the manifest knows of it, the new segment counts for nothing: a crash in between is a new beginning.
        wal.begin()?;
        let mut edits = self.edits.clone();
        edits.extend(reach_of(wal));
        manifest.set_read_only(false);
        manifest.commit(&edits)?;
        self.has_begun.store(true, Ordering::Release);
        Ok(())
    }
    /// Whether anything may be written.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }
}

/// Whether everything that an opening read is durable, and nothing is there to be removed.
pub(super) fn may_wait(disk: &dyn Disk, manifest: &Manifest, recovered: &Recovered) -> Result<bool> {
    let first = recovered.segments.first().map(|segment| segment.number);
    let is_settled = recovered.is_settled && manifest.is_vouched() && first == Some(manifest.state().log.first_segment);
    // Where nothing outlives the process, there is nothing to wait for.
    Ok(is_settled && disk.is_durable() && !may_drop_keys(manifest) && leftovers(disk, manifest)?.is_empty())
}

/// Whether there are keys that the begin of a session drops if no file needs them.
fn may_drop_keys(manifest: &Manifest) -> bool {
    #[cfg(feature = "encryption")]
    return manifest.protection().keyring().is_some_and(|keyring| keyring.generations().len() > 1);
    #[cfg(not(feature = "encryption"))]
    return manifest.protection().keyring().is_some();
}

/// Files that nothing needs: that a crash left before they were published, or after they were given up.
fn leftovers(disk: &dyn Disk, manifest: &Manifest) -> Result<Vec<FileName>> {
    let state = manifest.state();
    let mut alive = state.live_runs();
    alive.extend(state.bases.values().flat_map(|base| &base.runs));
    let first_log = state.log.kept_from.map_or(state.log.first_segment, |kept| kept.min(state.log.first_segment));
    let mut files = disk.list()?;
    files.retain(|name| match name {
        FileName::Run(number) => !alive.contains(number),
        FileName::Stream(number) => !state.stream_segments.contains_key(number),
        FileName::KeysNext | FileName::Restoring | FileName::Spare(_) => true,
        FileName::Log(number) => *number < first_log || state.log.ends.get(number) == Some(&0),
        FileName::Base(number) => !state.bases.contains_key(number),
        name => manifest.is_leftover(*name),
    });
    Ok(files)
}

/// Removes files that nothing needs; their names. What cannot be removed costs space, nothing else.
fn remove(disk: &dyn Disk, files: Vec<FileName>) -> Vec<String> {
    files.into_iter().filter(|name| disk.remove(*name).is_ok()).map(|name| name.to_string()).collect()
}

impl Engine {
    /// Begins the session, unless it has begun. To be called before anything is logged or any file is written, while no lock
    /// is held that comes behind the manifest's.
    #[inline]
    pub(super) fn begin_session(&self) -> Result<()> {
        if self.session.has_begun() { Ok(()) } else { self.begin_session_late() }
    }

    #[cold]
    fn begin_session_late(&self) -> Result<()> {
        let mut manifest = self.files.manifest();
        if self.session.has_begun() {
            return Ok(());
        }
        let disk = self.files.disk.as_ref();
        let begun = match self.session.begin(&self.wal, &mut manifest) {
            // What was kept for a full disk is enough to begin, and to drop a table.
            Err(error) if error.kind() == ErrorKind::Io && disk.is_full() && disk.release_reserve() => {
                self.session.begin(&self.wal, &mut manifest)
            }
            begun => begun,
        };
        begun.inspect_err(|error| {
            if manifest.is_poisoned() {
                self.wal.poison(error);
            }
        })?;
        // The opening found no leftovers. Files that appeared since are on their way to be published.
        let mut files = leftovers(disk, &manifest)?;
        files.retain(|name| matches!(name, FileName::Log(_)));
        remove(disk, files);
        drop(manifest);
        self.trim_log_if_due()
    }

    /// Waits for the manifest, to change it: in a session that has begun.
    pub(super) fn manifest_to_change(&self) -> Result<impl DerefMut<Target = Manifest> + '_> {
        self.begin_session()?;
        Ok(self.files.manifest())
    }
}
