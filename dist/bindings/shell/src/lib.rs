//! An open database as programs in other languages see it: opened, asked by requests of DynamoDB's protocol, copied, closed.
//!
//! What is here is what both languages need and the engine's handles do not do by themselves: a close that waits for the
//! requests that are under way, and a guard against a process that was forked with the database open.

use hashrange::{Clock, Database, Durability, Error, file::MemoryDisk};
use hashrange_wire::Protocol;
use std::{
    fmt,
    mem::forget,
    path::PathBuf,
    process,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

/// How to open a database.
#[derive(Debug, Default)]
pub struct Settings {
    /// The folder, which is made if it is not there. Without one the database lives in memory.
    pub folder: Option<PathBuf>,
    /// `sync` or `buffered`; default `sync`.
    pub durability: Option<String>,
    /// Where a clock that is moved by hand begins, in milliseconds since 1970. Default: the system's clock.
    pub clock_millis: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The engine refused. Its code and text are the user's.
    Engine(Error),
    /// The database was closed.
    Closed,
    /// This process is a fork of the one that opened the database.
    Forked,
    /// The clock is the system's, which cannot be moved.
    NoManualClock,
    /// There is no such durability.
    UnknownDurability(String),
}

impl Failure {
    /// A name that programs can compare: the engine's, or one in its manner.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(error) => error.code(),
            Self::Closed => "DatabaseClosed",
            Self::Forked => "DatabaseForked",
            Self::NoManualClock => "UnsupportedOperation",
            Self::UnknownDurability(_) => "ValidationException",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Closed => f.write_str("the database is closed; open it again"),
            Self::Forked => {
                f.write_str("the database was opened before this process was forked; open it after the fork")
            }
            Self::NoManualClock => f.write_str("the clock is the system's; name a time when the database is opened"),
            Self::UnknownDurability(name) => write!(f, "durability {name}: it is sync or buffered"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
    /// The value of the header `x-amz-crc32`.
    pub crc32: u32,
}

/// A database that is open until it is closed.
pub struct Embedded {
    protocol: RwLock<Option<Protocol>>,
    /// The process that opened it.
    process: u32,
}

impl Embedded {
    /// Opens a database. Errors: there is no such durability; the engine's, such as `DatabaseLocked`.
    pub fn open(settings: Settings) -> Result<Self, Failure> {
        let durability = match settings.durability.as_deref() {
            None | Some("sync") => Durability::Sync,
            Some("buffered") => Durability::Buffered,
            Some(other) => return Err(Failure::UnknownDurability(other.to_owned())),
        };
        let clock = settings.clock_millis.map_or_else(Clock::system, Clock::manual);
        let options = Database::options().durability(durability).clock(clock);
        let database = match settings.folder {
            Some(folder) => options.open(folder)?,
            None => options.in_memory()?,
        };
        Ok(Self::over(database))
    }

    fn over(database: Database) -> Self {
        Self { protocol: RwLock::new(Some(Protocol::new(database))), process: process::id() }
    }

    /// Answers a request; `target` is the header `X-Amz-Target`. Blocks while the engine reads or writes. Nothing is answered
    /// if a model of faults wants so: a client takes that for a connection that was closed.
    pub fn handle(&self, target: &str, body: &[u8]) -> Result<Option<Answer>, Failure> {
        self.with(|protocol| {
            let answer = protocol.handle(target, body);
            let crc32 = answer.crc32();
            Ok((!answer.is_lost).then_some(Answer { status: answer.status, body: answer.body, crc32 }))
        })
    }

    /// A copy in memory that lives apart from this database, with a clock of its own; both share runs until one changes.
    pub fn fork(&self) -> Result<Self, Failure> {
        self.with(|protocol| {
            let database = protocol.database();
            let clock = database.clock();
            let clock = if clock.is_manual() { Clock::manual(clock.now_millis()) } else { Clock::system() };
            let disk = Arc::new(MemoryDisk::new());
            database.fork_onto(&*disk)?;
            Ok(Self::over(database.copy_options().clock(clock).background(true).open_on(disk)?))
        })
    }

    /// Moves the clock forward. Errors: it is the system's.
    pub fn advance(&self, by: Duration) -> Result<(), Failure> {
        self.with(|protocol| {
            let clock = protocol.database().clock();
            if !clock.is_manual() {
                return Err(Failure::NoManualClock);
            }
            clock.advance(by);
            Ok(())
        })
    }

    /// Deletes the items whose time to live has passed, as background work does sooner or later; says how many this call deleted.
    pub fn sweep_now(&self) -> Result<u64, Failure> {
        self.with(|protocol| Ok(protocol.database().sweep_now()?))
    }

    /// Closes the database once requests that are under way have ended. Closing again does nothing. Errors: log or disk; the
    /// folder is free all the same.
    pub fn close(&self) -> Result<(), Failure> {
        if self.process != process::id() {
            return Err(Failure::Forked);
        }
        let taken = self.protocol.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(protocol) = taken else { return Ok(()) };
        protocol.pause();
        Ok(protocol.database().clone().close()?)
    }

    fn with<T>(&self, act: impl FnOnce(&Protocol) -> Result<T, Failure>) -> Result<T, Failure> {
        // First: in a forked process the lock may be held by a thread that is not there.
        if self.process != process::id() {
            return Err(Failure::Forked);
        }
        let protocol: RwLockReadGuard<'_, _> = self.protocol.read().unwrap_or_else(PoisonError::into_inner);
        act(protocol.as_ref().ok_or(Failure::Closed)?)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let taken = self.protocol.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if self.process != process::id() {
            // Files and threads are the parent's: to close them here would write into its log.
            forget(taken);
        }
    }
}
