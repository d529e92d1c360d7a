//! What a simulated machine holds: files and names, and the changes of them that are not durable yet.

use super::super::FileName;
use super::super::image::Image;
use bytes::Bytes;
use std::{collections::BTreeMap, io};

/// A file, whatever its name is (an inode number).
pub(super) type FileId = u64;

/// Which file a name stands for.
pub(super) type Names = BTreeMap<FileName, FileId>;

/// A file of the machine.
#[derive(Debug, Default)]
pub(super) struct SimulatedFile {
    pub(super) live: Image,
    pub(super) durable: Image,
    pub(super) unsynced: Vec<Write>,
    /// Open handles; a file without a name lives as long as there are any.
    pub(super) handles: u32,
}

/// An unsynced change of a file.
#[derive(Debug)]
pub(super) enum Write {
    Bytes {
        offset: u64,
        bytes: Bytes,
    },
    /// Reserved space: zeros from the end of the file to here.
    Zeros {
        end: u64,
    },
    /// The file ends here.
    Cut {
        end: u64,
    },
}

/// An unsynced change of the folder.
#[derive(Clone, Copy, Debug)]
pub(super) enum NameChange {
    /// A creation or a rename.
    Named {
        file: FileId,
        name: FileName,
    },
    Removed {
        name: FileName,
    },
}

impl NameChange {
    /// Applies the operation to a table of names on which earlier ones may be missing.
    pub(super) fn apply(&self, names: &mut Names) {
        match *self {
            Self::Named { file, name } => {
                // A file has one name: the entry that a lost operation left goes with the rename.
                names.retain(|_, id: &mut FileId| *id != file);
                names.insert(name, file);
            }
            Self::Removed { name } => {
                names.remove(&name);
            }
        }
    }
    pub(super) fn name(&self) -> FileName {
        match *self {
            Self::Named { name, .. } | Self::Removed { name } => name,
        }
    }
}

impl SimulatedFile {
    pub(super) fn change(&mut self, write: Write) -> io::Result<()> {
        write.apply(&mut self.live)?;
        self.unsynced.push(write);
        Ok(())
    }
}

impl Write {
    pub(super) fn end(&self) -> u64 {
        match self {
            Self::Bytes { offset, bytes } => offset + bytes.len() as u64,
            Self::Zeros { end } | Self::Cut { end } => *end,
        }
    }

    /// Applies the write whole.
    pub(super) fn apply(&self, image: &mut Image) -> io::Result<()> {
        match self {
            Self::Bytes { offset, bytes } => image.write_at(*offset, bytes),
            Self::Zeros { end } => {
                image.extend_to(*end);
                Ok(())
            }
            Self::Cut { end } => {
                image.truncate(*end);
                Ok(())
            }
        }
    }
}
