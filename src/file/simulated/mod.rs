//! A machine with a disk that loses power, forgets, tears and fails, all decided by one seed.

mod crash;
mod fault;
mod files;
mod machine;
#[cfg(test)]
mod tests;

pub use fault::{Fault, FaultPlan, Operation};

use super::{Disk, FileName, ReadableFile, SyncFile, WritableFile};
use crate::error::{Error, Result};
use bytes::Bytes;
use files::FileId;
use machine::{Call, Machine};
use parking_lot::{Mutex, MutexGuard};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What the message of every error says after the power of a simulated machine was cut.
pub const CRASHED: &str = "crashed: the simulated machine has no power";

/// The folder of a database on a simulated machine. What it may forget, and how it fails, follows below.
///
/// A clone is the same folder of the same machine, as a database that is opened later in the same process gets it.
///
/// ```
/// use hashrange::{file::{Disk, FileName}, testing::SimulatedDisk};
///
/// let disk = SimulatedDisk::new(42);
/// let mut file = disk.create(FileName::Log(1))?;
/// file.append(b"kept")?;
/// file.sync()?;
/// disk.sync_directory()?;
/// file.append(b", perhaps")?;
/// let after = disk.crash(7);
/// assert!(after.contents(FileName::Log(1)).is_some_and(|bytes| bytes.starts_with(b"kept")));
/// # Ok::<(), hashrange::Error>(())
/// ```
///
/// # The model of a crash
///
/// A file has two images: the *live* one, which every read sees (the page cache of the machine), and the *durable* one,
/// which is what the platters hold for sure. Between them is the list of unsynced writes. A folder has a live and a
/// durable table of names, and between them the list of unsynced operations.
///
/// ```text
///            write_at, append, reserve                create, rename, remove
///                       |                                       |
///      live image  <----+----> unsynced writes      live names  +--> unsynced operations
///          ^                      |                     ^               |
///        reads        sync() applies all of them      reads    sync_directory() applies all of them
///                                 v                                     v
///                          durable image                          durable names
/// ```
///
/// A crash keeps the durable images and names, and lets the seed decide about the rest:
///
/// - Each unsynced write is lost, kept whole, torn (of the sectors of 512 bytes that it touches, the first few or any
///   others are kept), or garbled (one sector of it holds zeros, ones or noise from some byte on). Those that are kept
///   need not have happened in order: any may be there without the ones before it. Where several overlap, an older one
///   may have the last word.
/// - A write over bytes that the file had before, in a file that was reopened, is no exception: where it is lost or torn, the
///   old bytes are there.
/// - A cut of a file happened or did not.
/// - Where a write past the end is lost, the file may still have grown: what was not written reads as zeros.
/// - Each unsynced operation of the folder happened or did not, in any combination. A rename happens as a whole. A file
///   whose creation is lost is gone with its bytes, synced or not; a file whose removal is lost is back.
///
/// What was synced is never lost, and a write never harms bytes outside its own range. Files are independent of each
/// other and of the folder: there are no barriers but the two kinds of sync. For half of the files, and half of the
/// folders, the draw is of a simple kind (nothing survives; all does; all up to some moment, in order), because chance
/// alone would hardly ever come to these.
///
/// # The model of failures
///
/// [`SimulatedDisk::fail`] makes the n-th operation of a kind fail, once or from then on. A failed write has written
/// nothing, or a part of its bytes ([`Fault::ShortWrite`]). A failed sync behaves as Linux does: each write that was
/// waiting reaches the disk or is dropped for good, no later sync brings it back, and the live image may go on showing
/// it (the page is still in the cache) or not (it was evicted). A failed operation on the folder did not happen; a
/// failed sync of the folder leaves its operations unsynced.
///
/// [`SimulatedDisk::crash_at`] cuts the power in the middle of the n-th operation: it has happened, unsynced, when
/// everything stops. All later operations of all handles fail with [`CRASHED`].
///
/// Same seed and same calls, same [`trace`](SimulatedDisk::trace), bytes and errors.
#[derive(Debug)]
pub struct SimulatedDisk {
    machine: Arc<Mutex<Machine>>,
    process: u64,
    directory_failed: AtomicBool,
}

impl Clone for SimulatedDisk {
    fn clone(&self) -> Self {
        Self::on(Arc::clone(&self.machine), self.process)
    }
}

impl SimulatedDisk {
    /// An empty folder on a new machine; `seed` decides what its failures do.
    pub fn new(seed: u64) -> Self {
        Self::on(Arc::new(Mutex::new(Machine::new(seed))), 0)
    }

    fn on(machine: Arc<Mutex<Machine>>, process: u64) -> Self {
        Self { machine, process, directory_failed: AtomicBool::new(false) }
    }

    /// The machine as it comes up if the power goes now: one of the states that the model allows, chosen by `seed`.
    /// Nothing is unsynced on it, its lock is free, no faults are planned and its operations count from 0.
    ///
    /// This machine is only looked at; it can go on, and be asked again with other seeds.
    pub fn crash(&self, seed: u64) -> Self {
        Self::on(Arc::new(Mutex::new(self.machine.lock().after_crash(seed))), 0)
    }

    /// Kills the process that uses the disk, while the machine stays up: handles, readers and the lock of that process
    /// are void, unsynced writes stay as they are. The result is the folder for the next process.
    pub fn kill(&self) -> Self {
        let process = self.machine.lock().next_process();
        Self::on(Arc::clone(&self.machine), process)
    }

    /// Cuts the power in the middle of the `n`-th operation that changes the disk, counted as
    /// [`SimulatedDisk::operations`] does; at once if it was reached already.
    pub fn crash_at(&self, n: u64) {
        self.machine.lock().crash_at(n);
    }

    /// Whether the power was cut.
    pub fn has_crashed(&self) -> bool {
        self.machine.lock().has_crashed()
    }

    /// Plans a failure. Several plans may be side by side.
    pub fn fail(&self, plan: FaultPlan) {
        self.machine.lock().faults.push(plan);
    }

    /// Forgets all planned failures, also those that last.
    pub fn stop_failing(&self) {
        self.machine.lock().faults.clear();
    }

    /// Limits the bytes of all files together; writes beyond fail with `ENOSPC` after the part that fits. `None` is
    /// the beginning: no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.machine.lock().capacity = bytes;
    }

    /// Operations so far that change the disk: all kinds but `List`, `Open` and `Read`.
    pub fn operations(&self) -> u64 {
        self.machine.lock().counts.changes()
    }

    /// Operations so far of one kind, failed ones included.
    pub fn count(&self, operation: Operation) -> u64 {
        self.machine.lock().counts.of(operation)
    }

    /// A hash of all operations so far: kinds, names, positions, bytes and outcomes. Comparable between runs of one
    /// build.
    pub fn trace(&self) -> u64 {
        self.machine.lock().trace.value()
    }

    /// The bytes of a file as reads see them, without an operation; `None` if there is no such file.
    pub fn contents(&self, name: FileName) -> Option<Bytes> {
        let mut machine = self.machine.lock();
        let id = machine.id(name)?;
        machine.file(id).ok()?.live.bytes().ok()
    }

    /// Replaces or creates a file with durable `bytes`, without an operation: damage, or a copy put back.
    pub fn set_contents(&self, name: FileName, bytes: impl Into<Bytes>) {
        self.machine.lock().set_contents(name, bytes.into());
    }

    fn enter(&self, call: Call<'_>) -> io::Result<MutexGuard<'_, Machine>> {
        let mut machine = self.machine.lock();
        machine.begin(self.process, &call).into_result()?;
        Ok(machine)
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> Result<Vec<FileName>> {
        let machine = self.enter(Call::of(Operation::List)).map_err(|e| Error::io("list", self.describe(), &e))?;
        Ok(machine.names())
    }

    fn has_foreign_files(&self) -> Result<bool> {
        let listed = self.enter(Call::of(Operation::List));
        listed.map(|_| false).map_err(|e| Error::io("list", self.describe(), &e))
    }

    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>> {
        let created = self.machine.lock().create(self.process, name);
        let file = created.map_err(|e| Error::io("create", name, &e))?;
        let handle = Handle::new(self, file, name);
        Ok(Box::new(Writer { handle: Arc::new(handle), end: 0 }))
    }

    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>> {
        let open = || {
            let mut machine = self.enter(Call { name: Some(name), ..Call::of(Operation::Open) })?;
            let id = machine.id(name).ok_or(io::ErrorKind::NotFound)?;
            let file = machine.file(id)?;
            file.handles += 1;
            let (len, map) = (file.live.len(), if map { Some(file.live.bytes()?) } else { None });
            drop(machine);
            Ok(Reader { handle: Handle::new(self, id, name), len, map })
        };
        open().map(|reader| Box::new(reader) as _).map_err(|e: io::Error| Error::open(name, &e))
    }

    fn rename(&self, from: FileName, to: FileName) -> Result<()> {
        self.machine.lock().rename(self.process, from, to).map_err(|e| Error::io("rename", from, &e))
    }

    fn remove(&self, name: FileName) -> Result<()> {
        self.machine.lock().remove(self.process, name).map_err(|e| Error::io("remove", name, &e))
    }

    fn set_aside(&self, name: FileName, spare: FileName) -> Result<bool> {
        let mut machine = self.machine.lock();
        let id = machine.id(name);
        let has_reader = id.is_some_and(|id| machine.file(id).is_ok_and(|file| file.handles > 0));
        if has_reader {
            return machine.remove(self.process, name).map(|()| false).map_err(|e| Error::io("remove", name, &e));
        }
        machine.rename(self.process, name, spare).map(|()| true).map_err(|e| Error::io("rename", name, &e))
    }

    fn reopen(&self, name: FileName) -> Result<(Box<dyn WritableFile>, u64)> {
        let reopen = || {
            let mut machine = self.enter(Call { name: Some(name), ..Call::of(Operation::Open) })?;
            let id = machine.id(name).ok_or(io::ErrorKind::NotFound)?;
            let file = machine.file(id)?;
            file.handles += 1;
            Ok((id, file.live.len()))
        };
        let (id, len) = reopen().map_err(|e: io::Error| Error::io("reopen", name, &e))?;
        let handle = Arc::new(Handle::new(self, id, name));
        Ok((Box::new(Writer { handle, end: 0 }), len))
    }

    fn sync_file(&self, name: FileName) -> Result<()> {
        let sync = || {
            let mut machine = self.machine.lock();
            let id = machine.id(name).ok_or(io::ErrorKind::NotFound)?;
            let call = Call { name: Some(name), ..Call::of(Operation::Sync) };
            machine.sync(self.process, id, &call)
        };
        sync().map_err(|e: io::Error| Error::io("sync", name, &e))
    }

    fn sync_directory(&self) -> Result<()> {
        let synced = if self.directory_failed.load(Ordering::Acquire) {
            Err(io::Error::other("an earlier sync failed"))
        } else {
            self.machine.lock().sync_directory(self.process)
        };
        self.directory_failed.store(synced.is_err(), Ordering::Release);
        synced.map_err(|e| Error::io("sync", self.describe(), &e))
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        let mut machine = self.enter(Call::of(Operation::Lock)).map_err(|e| Error::io("lock", self.describe(), &e))?;
        if machine.locked_by.is_some() {
            return Err(super::locked(&self.describe()));
        }
        machine.locked_by = Some(self.process);
        Ok(Box::new(Guard { machine: Arc::clone(&self.machine), process: self.process }))
    }

    fn available_bytes(&self) -> Option<u64> {
        let machine = self.machine.lock();
        machine.capacity.map(|capacity| capacity.saturating_sub(machine.used_bytes()))
    }

    fn describe(&self) -> String {
        "the simulated disk".to_owned()
    }
}

struct Guard {
    machine: Arc<Mutex<Machine>>,
    process: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut machine = self.machine.lock();
        // A killed process has lost the lock already; perhaps another one holds it.
        if machine.locked_by == Some(self.process) {
            machine.locked_by = None;
        }
    }
}

/// What keeps the bytes of a file that has no name any more.
#[derive(Debug)]
struct Handle {
    machine: Arc<Mutex<Machine>>,
    process: u64,
    file: FileId,
    name: FileName,
}

impl Handle {
    /// Stands for one count of `handles`, which the caller has added.
    fn new(disk: &SimulatedDisk, file: FileId, name: FileName) -> Self {
        Self { machine: Arc::clone(&disk.machine), process: disk.process, file, name }
    }

    fn call(&self, operation: Operation, offset: u64) -> Call<'static> {
        Call { name: Some(self.name), offset, ..Call::of(operation) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.machine.lock().close(self.file);
    }
}

#[derive(Debug)]
struct Writer {
    handle: Arc<Handle>,
    /// Behind the last byte that was written or reserved with success.
    end: u64,
}

impl Writer {
    fn write(&mut self, operation: Operation, offset: u64, bytes: &[u8]) -> Result<()> {
        let Handle { process, file, name, .. } = *self.handle;
        let call = Call { bytes, ..self.handle.call(operation, offset) };
        self.handle.machine.lock().write(process, file, &call).map_err(|e| Error::io("write", name, &e))?;
        self.end = self.end.max(offset.saturating_add(bytes.len() as u64));
        Ok(())
    }
}

impl WritableFile for Writer {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.write(Operation::Write, offset, bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(Operation::Append, self.end, bytes)
    }

    fn syncer(&self) -> Arc<dyn SyncFile> {
        Arc::clone(&self.handle) as _
    }

    fn reserve(&mut self, len: u64) -> Result<()> {
        if len <= self.end {
            return Ok(());
        }
        let Handle { process, file, name, .. } = *self.handle;
        let call = self.handle.call(Operation::Reserve, len);
        self.handle.machine.lock().reserve(process, file, &call).map_err(|e| Error::io("reserve", name, &e))?;
        self.end = len;
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<()> {
        let Handle { process, file, name, .. } = *self.handle;
        let call = self.handle.call(Operation::Truncate, len);
        self.handle.machine.lock().truncate(process, file, &call).map_err(|e| Error::io("truncate", name, &e))?;
        self.end = self.end.min(len);
        Ok(())
    }
}

impl SyncFile for Handle {
    fn sync(&self) -> Result<()> {
        let call = self.call(Operation::Sync, 0);
        let synced = self.machine.lock().sync(self.process, self.file, &call);
        synced.map_err(|e| Error::io("sync", self.name, &e))
    }
}

#[derive(Debug)]
struct Reader {
    handle: Handle,
    len: u64,
    map: Option<Bytes>,
}

impl ReadableFile for Reader {
    fn len(&self) -> u64 {
        self.len
    }

    fn mapped(&self) -> Option<Bytes> {
        self.map.clone()
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let Handle { process, file, name, .. } = self.handle;
        let read = || {
            super::read_end(offset, len, self.len)?;
            let mut machine = self.handle.machine.lock();
            machine.begin(process, &self.handle.call(Operation::Read, offset)).into_result()?;
            machine.file(file)?.live.read_at(offset, len)
        };
        read().map_err(|e: io::Error| Error::io("read", name, &e))
    }
}
