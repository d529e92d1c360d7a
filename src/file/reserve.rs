#![expect(clippy::disallowed_methods, reason = "this is the room that opens files")]
//! Space that is kept for the day on which the disk is full: given back, it lets a database open and a table be dropped.

use std::{fs::OpenOptions, io, io::Write, path::Path};

/// Bytes of zeros that are written with one call where a file system cannot set space aside.
const ZEROS: &[u8] = &[0; 64 << 10];

/// Makes a file that takes so many bytes of the volume.
pub(super) fn make(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    #[cfg(target_os = "linux")]
    if rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).is_ok() {
        return Ok(());
    }
    let mut left = bytes;
    while left > 0 {
        let now = left.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..now as usize])?;
        left -= now;
    }
    Ok(())
}
