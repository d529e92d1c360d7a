//! Archiving an open database, and making one of an archive.

use super::{Database, OpenOptions};
use crate::{
    archive::{Archive, ArchiveOptions, ArchivePlace, Archiving, RestorePoint},
    config::HistoryOptions,
    engine::Point,
    error::Result,
    file::{Disk, RealDisk},
};
use std::{path::Path, sync::Arc};

impl Database {
    /// Archives the database to a place: its bases, runs and log, from which [`Archive`] makes it again as it was after any
    /// commit. History is turned on with its defaults if none is kept, as archives are made of it, and cannot be turned off
    /// before the end of the archiving. The first archive of a
    /// database takes as long as copying its runs, and this call with it. A database opened without background work is
    /// archived by [`Archiving::step`].
    ///
    /// Errors: [`ErrorKind::InUse`](crate::ErrorKind::InUse) if a copy of this database wrote to the archive last; the place has
    /// the archive of another database; it cannot be read or written; log or disk.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # fn main() -> hashrange::Result<()> {
    /// use hashrange::{Database, history::{Archive, ArchiveOptions, ArchivePlace, Moment}};
    ///
    /// # let temporary = tempfile::tempdir().unwrap();
    /// # let (folder, restored) = (temporary.path().join("archive"), temporary.path().join("restored"));
    /// let place = ArchivePlace::new_folder(folder)?;
    /// let db = Database::in_memory()?;
    /// let archiving = db.archive_to(place.clone(), ArchiveOptions::default())?;
    /// assert!(archiving.archived_to().is_some());
    /// drop(archiving);
    ///
    /// let (again, _) = Archive::open(place)?.restore_into(Moment::Now, restored, Database::options())?;
    /// assert_eq!(again.list_tables(), db.list_tables());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn archive_to(&self, place: ArchivePlace, options: ArchiveOptions) -> Result<Archiving> {
        let history = self.engine().need_history();
        if self.history_options().is_none() {
            self.keep_history(HistoryOptions::default())?;
        }
        Archiving::begin(self.engine().clone(), history, place, options)
    }
}

impl Archive {
    /// Makes a database of what the archive has in a folder that is empty, not there yet, or holds a restore that was
    /// interrupted, and opens it. Also the last commit that it has. Until it returns, the folder is no database for anyone. An
    /// encrypted database is restored with its key in the options, and is encrypted as before. Change streams begin anew.
    ///
    /// Errors: [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) with
    /// [`Detail::OutsideHistory`](crate::error::Detail::OutsideHistory) for a moment that is not in the archive; an object that is
    /// missing or damaged, by its name; a key that does not fit; a folder that holds something else; disk.
    pub fn restore_into(
        &self,
        point: impl Into<RestorePoint>,
        folder: impl AsRef<Path>,
        options: OpenOptions,
    ) -> Result<(Database, Point)> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.as_ref(), true)?);
        let reached = self.restore(point.into(), &disk, &options.clone().settled()?)?;
        drop(disk);
        Ok((options.open(folder)?, reached))
    }

    /// The same on any disk.
    pub fn restore_on(
        &self,
        point: impl Into<RestorePoint>,
        disk: Arc<dyn Disk>,
        options: OpenOptions,
    ) -> Result<(Database, Point)> {
        let reached = self.restore(point.into(), &disk, &options.clone().settled()?)?;
        Ok((options.open_on(disk)?, reached))
    }
}
