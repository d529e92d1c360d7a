//! Files as bytes: taking them off a disk in memory, breaking them, and putting them back.

use arbitrary::{Arbitrary, Result, Unstructured};
use hashrange::file::{Disk, FileName, MemoryDisk};
use std::{collections::BTreeMap, sync::Arc};

/// The files of a disk.
pub type Files = BTreeMap<FileName, Vec<u8>>;

/// One harm that is done to a file.
#[derive(Debug, Arbitrary)]
pub enum Harm {
    /// Turns bits of one byte over.
    Flip { at: u32, bits: u8 },
    /// Writes zeros.
    Zeros { at: u32, len: u16 },
    /// Cuts the end off.
    Cut { len: u32 },
    /// Adds bytes.
    Grow { bytes: [u8; 8] },
    /// Copies a part of the file to another place in it.
    Copy { from: u32, to: u32, len: u16 },
}

impl Harm {
    /// Does it. Positions count modulo the length.
    pub fn strike(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        if len == 0 {
            return;
        }
        let place = |at: u32| at as usize % len;
        match self {
            Self::Flip { at, bits } => bytes[place(*at)] ^= bits,
            Self::Zeros { at, len: count } => {
                let end = len.min(place(*at) + usize::from(*count));
                bytes[place(*at)..end].fill(0);
            }
            Self::Cut { len } => bytes.truncate(place(*len)),
            Self::Grow { bytes: more } => bytes.extend_from_slice(more),
            Self::Copy { from, to, len: count } => {
                let count = usize::from(*count).min(len - place(*from)).min(len - place(*to));
                bytes.copy_within(place(*from)..place(*from) + count, place(*to));
            }
        }
    }
}

/// Does some harm to some files; tells whether there was any.
pub fn harm(u: &mut Unstructured<'_>, files: &mut Files, most: usize) -> Result<bool> {
    let before = files.clone();
    for _ in 0..u.int_in_range(0..=most)? {
        let names: Vec<FileName> = files.keys().copied().collect();
        if names.is_empty() {
            break;
        }
        let name = *u.choose(&names)?;
        if u.ratio(1, 16)? {
            files.remove(&name);
            continue;
        }
        let harm = Harm::arbitrary(u)?;
        if let Some(bytes) = files.get_mut(&name) {
            harm.strike(bytes);
        }
    }
    Ok(*files != before)
}

/// Takes all files off a disk.
pub fn files_of(disk: &dyn Disk) -> Files {
    let read = |name| {
        let file = disk.open(name, false).expect("a listed file opens");
        let len = usize::try_from(file.len()).expect("a small file");
        (name, file.read_at(0, len).expect("a file in memory is read").to_vec())
    };
    disk.list().expect("a disk in memory lists").into_iter().map(read).collect()
}

/// A disk with these files.
pub fn disk_of(files: &Files) -> Arc<dyn Disk> {
    let disk = MemoryDisk::new();
    for (name, bytes) in files {
        disk.create(*name).and_then(|mut file| file.append(bytes)).expect("a disk in memory takes files");
    }
    Arc::new(disk)
}
