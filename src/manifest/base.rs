//! Bases of history: what was alive at a moment, as a file of its own.
//!
//! The file is what a manifest is right after it was rewritten: a header and the state as edits. It is written once, and
//! must be whole: every byte of it was synced before the manifest named it.

use super::{
    log::write_state,
    read::{read_frames, read_start},
    state::ManifestState,
};
use crate::{
    error::{Error, Result},
    file::{Disk, FileName},
    format::{header::FileMagic, protection::Protection},
};

/// Writes a base, durably. A failure may leave a file that counts for nothing.
pub fn write_base(disk: &dyn Disk, protection: &Protection, file: u64, state: &ManifestState) -> Result<()> {
    write_state(disk, protection, FileName::Base(file), FileMagic::Base, state).map(drop)
}

/// Reads a base back. In an encrypted database it must be encrypted, unless `takes_plain`.
///
/// # Errors
/// `Corrupt` if the file is missing, damaged or of another database; `Incompatible` if a newer version wrote it; disk.
pub fn read_base(disk: &dyn Disk, protection: &Protection, file: u64, takes_plain: bool) -> Result<ManifestState> {
    let name = FileName::Base(file);
    if !disk.list()?.contains(&name) {
        return Err(Error::corrupt(name, 0, "the file is missing"));
    }
    let start = read_start(disk, protection, name, FileMagic::Base, takes_plain)?;
    let header = start.header;
    if header.database_id != protection.database_id() || header.number != file {
        return Err(Error::corrupt(name, 0, "it belongs to another database or has another number"));
    }
    let len = disk.open(name, false)?.len();
    read_frames(disk, name, &start, len).map(|(state, _)| state)
}
