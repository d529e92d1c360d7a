//! The state of a simulated machine: files, names, and what of them is not durable yet.

use super::super::FileName;
use super::super::image::Image;
use super::CRASHED;
use super::crash;
use super::fault::{Counts, Fault, FaultPlan, Operation, Trace};
use super::files::{FileId, NameChange, Names, SimulatedFile, Write};
use crate::random::Random;
use bytes::Bytes;
use std::{collections::BTreeMap, io};

/// One operation as it arrives.
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) name: Option<FileName>,
    pub(super) to: Option<FileName>,
    /// Position of a read or write, length of a reservation or cut.
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
}

impl Call<'_> {
    pub(super) fn of(operation: Operation) -> Self {
        Self { operation, name: None, to: None, offset: 0, bytes: &[] }
    }
}

/// What becomes of an operation.
#[derive(Debug)]
pub(super) enum Verdict {
    Done,
    /// The power goes while it happens: it has its effect, unsynced, but no caller gets an answer.
    Cut,
    Failed(Fault),
    /// The power was cut earlier, or the process was killed.
    Dead,
}

impl Verdict {
    pub(super) fn into_result(self) -> io::Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Failed(fault) => Err(fault.error()),
            Self::Cut | Self::Dead => Err(io::Error::other(CRASHED)),
        }
    }

    /// Whether an operation that is whole or nothing takes effect.
    fn takes_effect(&self) -> bool {
        matches!(self, Self::Done | Self::Cut)
    }
}

/// A machine with one folder.
#[derive(Debug)]
pub(super) struct Machine {
    random: Random,
    files: BTreeMap<FileId, SimulatedFile>,
    next_file: FileId,
    live_names: Names,
    durable_names: Names,
    unsynced_names: Vec<NameChange>,
    process: u64,
    crash_at: Option<u64>,
    crashed: bool,
    pub(super) locked_by: Option<u64>,
    pub(super) faults: Vec<FaultPlan>,
    pub(super) capacity: Option<u64>,
    pub(super) counts: Counts,
    pub(super) trace: Trace,
}

impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            files: BTreeMap::new(),
            next_file: 0,
            live_names: Names::new(),
            durable_names: Names::new(),
            unsynced_names: Vec::new(),
            process: 0,
            crash_at: None,
            crashed: false,
            locked_by: None,
            faults: Vec::new(),
            capacity: None,
            counts: Counts::default(),
            trace: Trace::default(),
        }
    }

    /// The machine as it comes up after the power was cut now.
    pub(super) fn after_crash(&mut self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let names = crash::surviving_names(&self.durable_names, &self.unsynced_names, &mut random);
        let mut next = Self::new(random.next_u64());
        next.next_file = self.next_file;
        next.capacity = self.capacity;
        for id in names.values() {
            // Images only fail at lengths at which the live image has failed before.
            if let Some(file) = self.files.get_mut(id)
                && let Ok(mut live) = crash::surviving_bytes(file, &mut random)
            {
                let durable = live.twin();
                next.files.insert(*id, SimulatedFile { live, durable, ..SimulatedFile::default() });
            }
        }
        next.live_names.clone_from(&names);
        next.durable_names = names;
        next
    }

    /// Ends the present process; the number of the next one.
    pub(super) fn next_process(&mut self) -> u64 {
        self.process += 1;
        self.locked_by = None;
        self.process
    }

    pub(super) fn crash_at(&mut self, n: u64) {
        self.crashed = self.crashed || n <= self.counts.changes();
        self.crash_at = Some(n);
    }

    pub(super) fn has_crashed(&self) -> bool {
        self.crashed
    }

    /// Counts an operation and decides what becomes of it.
    pub(super) fn begin(&mut self, process: u64, call: &Call<'_>) -> Verdict {
        if self.crashed || process != self.process {
            return Verdict::Dead;
        }
        self.counts.add(call.operation);
        self.trace.add(call.operation, [call.name, call.to], call.offset, call.bytes);
        let verdict = self.judge(call.operation);
        self.trace.add_outcome(matches!(verdict, Verdict::Done));
        verdict
    }

    fn judge(&mut self, operation: Operation) -> Verdict {
        if operation.is_change() && self.crash_at.is_some_and(|n| self.counts.changes() >= n) {
            self.crashed = true;
            return Verdict::Cut;
        }
        let mut failure = None;
        self.faults.retain_mut(|plan| match plan.meet(operation) {
            None => true,
            Some((fault, used_up)) => {
                failure.get_or_insert(fault);
                !used_up
            }
        });
        failure.map_or(Verdict::Done, Verdict::Failed)
    }

    pub(super) fn create(&mut self, process: u64, name: FileName) -> io::Result<FileId> {
        let verdict = self.begin(process, &Call { name: Some(name), ..Call::of(Operation::Create) });
        if verdict.takes_effect() {
            if self.live_names.contains_key(&name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            self.next_file += 1;
            let handles = u32::from(matches!(verdict, Verdict::Done));
            self.files.insert(self.next_file, SimulatedFile { handles, ..SimulatedFile::default() });
            self.change_names(NameChange::Named { file: self.next_file, name });
        }
        verdict.into_result().map(|()| self.next_file)
    }

    pub(super) fn rename(&mut self, process: u64, from: FileName, to: FileName) -> io::Result<()> {
        let call = Call { name: Some(from), to: Some(to), ..Call::of(Operation::Rename) };
        let verdict = self.begin(process, &call);
        if verdict.takes_effect() {
            let file = self.id(from).ok_or(io::ErrorKind::NotFound)?;
            self.change_names(NameChange::Named { file, name: to });
        }
        verdict.into_result()
    }

    pub(super) fn remove(&mut self, process: u64, name: FileName) -> io::Result<()> {
        let verdict = self.begin(process, &Call { name: Some(name), ..Call::of(Operation::Remove) });
        if verdict.takes_effect() {
            self.id(name).ok_or(io::ErrorKind::NotFound)?;
            self.change_names(NameChange::Removed { name });
        }
        verdict.into_result()
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.live_names);
        self.unsynced_names.push(change);
    }

    pub(super) fn sync_directory(&mut self, process: u64) -> io::Result<()> {
        self.begin(process, &Call::of(Operation::SyncDirectory)).into_result()?;
        if !self.unsynced_names.is_empty() {
            self.durable_names.clone_from(&self.live_names);
            self.unsynced_names.clear();
        }
        // Each name is that of one file, so more files than names means that some have none.
        if self.files.len() > self.live_names.len() {
            let mut named: Vec<FileId> = self.live_names.values().copied().collect();
            named.sort_unstable();
            self.files.retain(|id, file| file.handles > 0 || named.binary_search(id).is_ok());
        }
        Ok(())
    }

    pub(super) fn write(&mut self, process: u64, id: FileId, call: &Call<'_>) -> io::Result<()> {
        let verdict = self.begin(process, call);
        let wanted = call.bytes.len();
        let tried = match verdict {
            Verdict::Done | Verdict::Cut => wanted,
            Verdict::Failed(Fault::ShortWrite) => self.random.below(wanted as u64) as usize,
            Verdict::Failed(_) | Verdict::Dead => 0,
        };
        let room = self.room(id, call.offset);
        let fits = tried.min(usize::try_from(room).unwrap_or(usize::MAX));
        if fits > 0 {
            let bytes = Bytes::copy_from_slice(&call.bytes[..fits]);
            self.file(id)?.change(Write::Bytes { offset: call.offset, bytes })?;
        }
        verdict.into_result()?;
        if fits < wanted { Err(Fault::NoSpace.error()) } else { Ok(()) }
    }

    /// Extends a file to the length in `call.offset`.
    pub(super) fn reserve(&mut self, process: u64, id: FileId, call: &Call<'_>) -> io::Result<()> {
        let verdict = self.begin(process, call);
        let len = self.file(id)?.live.len();
        let wanted = call.offset.saturating_sub(len);
        let tried = match verdict {
            Verdict::Done | Verdict::Cut => wanted,
            Verdict::Failed(Fault::ShortWrite) => self.random.below(wanted),
            Verdict::Failed(_) | Verdict::Dead => 0,
        };
        let fits = tried.min(self.room(id, len));
        if fits > 0 {
            self.file(id)?.change(Write::Zeros { end: len + fits })?;
        }
        verdict.into_result()?;
        if fits < wanted { Err(Fault::NoSpace.error()) } else { Ok(()) }
    }

    /// Cuts a file off at the length in `call.offset`.
    pub(super) fn truncate(&mut self, process: u64, id: FileId, call: &Call<'_>) -> io::Result<()> {
        let verdict = self.begin(process, call);
        if verdict.takes_effect() {
            self.file(id)?.change(Write::Cut { end: call.offset })?;
        }
        verdict.into_result()
    }

    pub(super) fn sync(&mut self, process: u64, id: FileId, call: &Call<'_>) -> io::Result<()> {
        let verdict = self.begin(process, call);
        let Self { files, random, .. } = self;
        let file = files.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
        match verdict {
            Verdict::Done => {
                for write in file.unsynced.drain(..) {
                    write.apply(&mut file.durable)?;
                }
            }
            Verdict::Failed(_) => crash::fail_sync(file, random)?,
            // All that waits may or may not be on the disk: what a crash decides anyway.
            Verdict::Cut | Verdict::Dead => {}
        }
        verdict.into_result()
    }

    /// Bytes that can be written to a file from `offset` before the disk is full.
    fn room(&self, id: FileId, offset: u64) -> u64 {
        let Some(capacity) = self.capacity else { return u64::MAX };
        let own = self.files.get(&id).map_or(0, |file| file.live.len());
        let free = capacity.saturating_sub(self.used_bytes());
        own.saturating_add(free).saturating_sub(offset)
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, file| sum.saturating_add(file.live.len()))
    }

    pub(super) fn names(&self) -> Vec<FileName> {
        self.live_names.keys().copied().collect()
    }

    pub(super) fn id(&self, name: FileName) -> Option<FileId> {
        self.live_names.get(&name).copied()
    }

    pub(super) fn file(&mut self, id: FileId) -> io::Result<&mut SimulatedFile> {
        self.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Gives a handle back.
    pub(super) fn close(&mut self, id: FileId) {
        if let Some(file) = self.files.get_mut(&id) {
            file.handles = file.handles.saturating_sub(1);
        }
    }

    pub(super) fn set_contents(&mut self, name: FileName, bytes: Bytes) {
        self.unsynced_names.retain(|change| change.name() != name);
        self.next_file += 1;
        let (live, durable) = (Image::from(bytes.clone()), Image::from(bytes));
        self.files.insert(self.next_file, SimulatedFile { live, durable, ..SimulatedFile::default() });
        let change = NameChange::Named { file: self.next_file, name };
        change.apply(&mut self.live_names);
        change.apply(&mut self.durable_names);
    }
}
