//! Operations by kind, how often each happened, and which of them are to fail.

use super::super::FileName;
use std::{
    hash::{Hash, Hasher},
    io,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The kinds of operations of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `Disk::list` and `Disk::has_foreign_files`.
    List,
    /// `Disk::open`.
    Open,
    /// `ReadableFile::read_at`; reading a map is not an operation.
    Read,
    /// `Disk::lock`.
    Lock,
    /// `Disk::create`.
    Create,
    /// `WritableFile::write_at`.
    Write,
    /// `WritableFile::append`.
    Append,
    /// `WritableFile::reserve`, where it extends the file.
    Reserve,
    /// `WritableFile::truncate`.
    Truncate,
    /// `WritableFile::sync`.
    Sync,
    /// `Disk::rename`.
    Rename,
    /// `Disk::remove`.
    Remove,
    /// `Disk::sync_directory`.
    SyncDirectory,
}

impl Operation {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::List,
        Self::Open,
        Self::Read,
        Self::Lock,
        Self::Create,
        Self::Write,
        Self::Append,
        Self::Reserve,
        Self::Truncate,
        Self::Sync,
        Self::Rename,
        Self::Remove,
        Self::SyncDirectory,
    ];

    /// Whether this kind can change what is on the disk, or what of it is durable.
    pub fn is_change(self) -> bool {
        !matches!(self, Self::List | Self::Open | Self::Read | Self::Lock)
    }
}

/// What a failing operation reports, and what it has done by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// `EIO`. A write has written nothing; for a sync see the model of failures.
    InputOutput,
    /// `ENOSPC`. A write has written nothing.
    NoSpace,
    /// `ENOSPC` after a seeded part of the bytes was written. For other operations the same as `NoSpace`.
    ShortWrite,
}

impl Fault {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::InputOutput => io::Error::other("simulated input/output error"),
            Self::NoSpace | Self::ShortWrite => {
                io::Error::new(io::ErrorKind::StorageFull, "simulated: no space left on device")
            }
        }
    }
}

/// Which operation is to fail, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultPlan {
    /// `None` for all that change the disk.
    operation: Option<Operation>,
    fault: Fault,
    /// How many operations that match are left before the first that fails.
    spared: u64,
    lasting: bool,
}

impl FaultPlan {
    /// The `n`-th `operation` from now on fails, and only that one. 1 is the next one; 0 counts as 1.
    pub fn new(operation: Operation, n: u64, fault: Fault) -> Self {
        Self { operation: Some(operation), fault, spared: n.saturating_sub(1), lasting: false }
    }

    /// The same for the `n`-th operation of whatever kind that changes the disk.
    pub fn any_change(n: u64, fault: Fault) -> Self {
        Self { operation: None, fault, spared: n.saturating_sub(1), lasting: false }
    }

    /// All later operations that match fail too.
    pub fn for_good(self) -> Self {
        Self { lasting: true, ..self }
    }

    /// Takes notice of an operation: the fault, if this is the one, and whether the plan is used up.
    pub(super) fn meet(&mut self, operation: Operation) -> Option<(Fault, bool)> {
        let matches = self.operation.map_or(operation.is_change(), |planned| planned == operation);
        if !matches {
            return None;
        }
        if self.spared > 0 {
            self.spared -= 1;
            return None;
        }
        Some((self.fault, !self.lasting))
    }
}

/// How often each kind of operation happened.
#[derive(Debug, Default)]
pub(super) struct Counts([u64; Operation::ALL.len()]);

impl Counts {
    pub(super) fn add(&mut self, operation: Operation) {
        self.0[operation as usize] += 1;
    }

    pub(super) fn of(&self, operation: Operation) -> u64 {
        self.0[operation as usize]
    }

    pub(super) fn changes(&self) -> u64 {
        Operation::ALL.iter().filter(|operation| operation.is_change()).map(|operation| self.of(*operation)).sum()
    }
}

/// A hash over a sequence of operations.
#[derive(Debug, Default)]
pub(super) struct Trace(u64);

impl Trace {
    pub(super) fn value(&self) -> u64 {
        self.0
    }

    pub(super) fn add(&mut self, operation: Operation, names: [Option<FileName>; 2], offset: u64, bytes: &[u8]) {
        (operation, names, offset).hash(self);
        self.write(bytes);
    }

    pub(super) fn add_outcome(&mut self, done: bool) {
        self.write_u8(u8::from(done));
    }
}

impl Hasher for Trace {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 29);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }
}
