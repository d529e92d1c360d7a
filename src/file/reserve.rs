#![expect(clippy::disallowed_methods, reason = "this is the room that opens files")]
//! Space that is kept for the day on which the disk is full: given back, it lets a database open and a table be dropped.

use std::{fs::OpenOptions, io, io::Read, path::Path};

/// Makes a file that takes so many bytes of the volume.
pub(super) fn make(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    #[cfg(target_os = "linux")]
    if rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).is_ok() {
        return Ok(());
    }
    io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
    Ok(())
}
