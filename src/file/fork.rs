//! Taking the files of one disk over to another: how a database is forked.
//!
//! Sealed files never change again, so a copy shares them where it can: a folder takes them as hard links, memory takes
//! the very buffer or map. Files that are still written are copied as far as the caller says.

use super::{Disk, FileName, MemoryDisk, RealDisk, simulated::SimulatedDisk};
use crate::error::{Error, Result};
use bytes::Bytes;

/// Bytes that are copied at a time from one folder to another.
const COPIED_BYTES: usize = 4 << 20;

/// A disk that can take over the files of another one.
pub trait TakeOver: Disk {
    /// Makes `name` of `from` a file of this disk, up to `end` bytes of it if an end is given. A file without an end is
    /// sealed: no process writes it any more.
    ///
    /// Nothing is durable before the folder is synced. Errors: the file is missing, exists here, or cannot be read or
    /// written.
    fn take_over(&self, from: &dyn Disk, name: FileName, end: Option<u64>) -> Result<()>;
}

impl TakeOver for MemoryDisk {
    fn take_over(&self, from: &dyn Disk, name: FileName, end: Option<u64>) -> Result<()> {
        self.add_sealed(name, bytes_of(from, name, end)?)
    }
}

impl TakeOver for SimulatedDisk {
    fn take_over(&self, from: &dyn Disk, name: FileName, end: Option<u64>) -> Result<()> {
        if self.contents(name).is_some() {
            return Err(Error::io("create", name, &std::io::ErrorKind::AlreadyExists.into()));
        }
        self.set_contents(name, bytes_of(from, name, end)?);
        Ok(())
    }
}

impl TakeOver for RealDisk {
    fn take_over(&self, from: &dyn Disk, name: FileName, end: Option<u64>) -> Result<()> {
        if end.is_none()
            && let Some(folder) = from.folder_of(name)
            && self.link(folder, name)
        {
            return Ok(());
        }
        let source = from.open(name, false)?;
        let mut file = self.create(name)?;
        let (mut at, end) = (0, end.map_or(source.len(), |end| end.min(source.len())));
        while at < end {
            let bytes =
                source.read_at(at, usize::try_from(end - at).map_or(COPIED_BYTES, |rest| rest.min(COPIED_BYTES)))?;
            file.append(&bytes)?;
            at += bytes.len() as u64;
        }
        file.sync()
    }
}

/// The bytes of a file, mapped where that is possible and no writer has them open.
fn bytes_of(from: &dyn Disk, name: FileName, end: Option<u64>) -> Result<Bytes> {
    let file = from.open(name, end.is_none())?;
    if let Some(bytes) = file.mapped() {
        return Ok(bytes);
    }
    let len = end.map_or(file.len(), |end| end.min(file.len()));
    file.read_at(0, usize::try_from(len).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(disk: &dyn Disk, name: FileName, bytes: &[u8]) {
        let mut file = disk.create(name).unwrap();
        file.append(bytes).unwrap();
        file.sync().unwrap();
    }

    fn content(disk: &dyn Disk, name: FileName) -> Bytes {
        let file = disk.open(name, false).unwrap();
        file.read_at(0, file.len() as usize).unwrap()
    }

    #[test]
    fn sealed_files_are_shared_and_open_ones_cut() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, folder) = (RealDisk::open(one.path(), true).unwrap(), RealDisk::open(two.path(), true).unwrap());
        written(&from, FileName::Run(1), b"sealed");
        written(&from, FileName::Log(1), b"written torn");
        let (memory, simulated) = (MemoryDisk::new(), SimulatedDisk::new(1));
        for to in [&memory as &dyn TakeOver, &folder, &simulated] {
            to.take_over(&from, FileName::Run(1), None).unwrap();
            to.take_over(&from, FileName::Log(1), Some(7)).unwrap();
            assert_eq!(
                (content(to, FileName::Run(1)), content(to, FileName::Log(1))),
                ("sealed".into(), "written".into())
            );
            assert!(to.take_over(&from, FileName::Log(1), Some(7)).is_err(), "nothing is overwritten");
            from.remove(FileName::Run(1)).unwrap();
            assert_eq!(content(to, FileName::Run(1)), "sealed", "the copy outlives its origin");
            written(&from, FileName::Run(1), b"sealed");
        }
    }
}
