//! Some files of a disk, to be read and nothing else: the lower half of a database as it was at an earlier moment, whose
//! upper half is an [`OverlayDisk`](super::OverlayDisk).
//!
//! The disk below goes on being written by its owner, who keeps the files of the part for as long as it is read.

use super::{Disk, FileName, ReadableFile, WritableFile};
use crate::error::{Error, Result};
use std::{collections::BTreeSet, io, path::Path, sync::Arc};

/// A disk that has some of the files of another one, and takes no new ones.
#[derive(Debug)]
pub(crate) struct PartDisk {
    below: Arc<dyn Disk>,
    names: BTreeSet<FileName>,
}

impl PartDisk {
    /// The files of `below` with these names, as far as they exist when they are opened.
    pub(crate) fn new(below: Arc<dyn Disk>, names: BTreeSet<FileName>) -> Self {
        Self { below, names }
    }

    fn refuse(&self) -> Error {
        Error::unsupported(format!("{} is read as it was, and takes no new files", self.below.describe()))
    }
}

impl Disk for PartDisk {
    fn list(&self) -> Result<Vec<FileName>> {
        Ok(self.names.iter().copied().collect())
    }

    fn has_foreign_files(&self) -> Result<bool> {
        Ok(false)
    }

    fn create(&self, _name: FileName) -> Result<Box<dyn WritableFile>> {
        Err(self.refuse())
    }

    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>> {
        if self.names.contains(&name) {
            return self.below.open(name, map);
        }
        Err(Error::open(name, &io::ErrorKind::NotFound.into()))
    }

    fn rename(&self, _from: FileName, _to: FileName) -> Result<()> {
        Err(self.refuse())
    }

    fn remove(&self, _name: FileName) -> Result<()> {
        Err(self.refuse())
    }

    fn sync_file(&self, name: FileName) -> Result<()> {
        if self.names.contains(&name) {
            return Ok(()); // its owner syncs it before it counts
        }
        Err(Error::io("sync", name, &io::ErrorKind::NotFound.into()))
    }

    fn sync_directory(&self) -> Result<()> {
        Ok(())
    }

    /// The files never change, so any number of readers may have them.
    fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        Ok(Box::new(()))
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn available_bytes(&self) -> Option<u64> {
        None
    }

    fn folder_of(&self, name: FileName) -> Option<&Path> {
        self.below.folder_of(name).filter(|_| self.names.contains(&name))
    }

    fn describe(&self) -> String {
        self.below.describe()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{MemoryDisk, OverlayDisk},
        *,
    };
    use crate::error::ErrorKind;

    #[test]
    fn it_shows_its_own_files_and_an_overlay_takes_what_is_written() {
        let below = Arc::new(MemoryDisk::new());
        for number in 1..4 {
            below.create(FileName::Log(number)).unwrap().append(b"log").unwrap();
        }
        let part = Arc::new(PartDisk::new(below.clone(), BTreeSet::from([FileName::Log(2)])));
        assert_eq!(part.list().unwrap(), [FileName::Log(2)]);
        assert!(part.open(FileName::Log(1), false).is_err() && part.open(FileName::Log(2), false).is_ok());
        assert_eq!(part.remove(FileName::Log(2)).unwrap_err().kind(), ErrorKind::Unsupported);
        let overlay = OverlayDisk::over_own(part);
        overlay.create(FileName::Log(3)).unwrap().append(b"another").unwrap();
        overlay.remove(FileName::Log(2)).unwrap();
        assert_eq!(overlay.open(FileName::Log(3), false).unwrap().len(), 7);
        assert_eq!((overlay.list().unwrap().len(), below.list().unwrap().len()), (1, 3));
        assert_eq!(below.open(FileName::Log(3), false).unwrap().len(), 3);
    }
}
