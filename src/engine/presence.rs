//! Files that another program removes while the database is open. Handles keep what was written to them, and the next opening
//! finds nothing: what is acknowledged meanwhile would be lost.

use super::engine::Engine;
use crate::{error::Result, file::FileName};

impl Engine {
    /// Ends writing if a file that the next opening needs is gone: a segment of the log, the manifest, or the file that names
    /// it. Reads go on. Runs and segments of streams are not looked at, since there may be any number of them; opening finds
    /// those that are missing.
    pub fn check_files(&self) -> Result<()> {
        let _work = self.gate.enter()?;
        // While the manifest is held, none of these files is replaced, and no segment from its first on is removed.
        let manifest = self.files.manifest();
        if self.wal.is_poisoned() || manifest.is_poisoned() {
            return Ok(());
        }
        let first = manifest.state().log.first_segment;
        let segments = self.wal.segments().into_iter().map(|segment| segment.number);
        let logs = segments.filter(|number| *number >= first).map(FileName::Log);
        let mut names = logs.chain([FileName::Manifest(manifest.number()), FileName::Current]);
        names.try_for_each(|name| self.files.disk.check_present(name)).inspect_err(|error| self.wal.poison(error))
    }
}
