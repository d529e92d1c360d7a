//! An open database as programs in other languages see it: opened, asked by requests of DynamoDB's protocol, copied, closed.
//!
//! What is here is what both languages need and the engine's handles do not do by themselves: a close that waits for the
//! requests that were accepted, a guard against panics, which must not reach frames of another language, and a guard against a
//! process that was forked with the database open.

mod guard;
#[cfg(feature = "planted")]
mod planted;

use guard::guarded;
use hashrange::{Clock, Database, Durability, Error, file::MemoryDisk};
use hashrange_wire::Protocol;
use std::{
    fmt,
    mem::forget,
    path::PathBuf,
    process,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
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
    /// The engine panicked with this text, which is a bug of it.
    Panic(String),
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
            Self::Panic(_) => "InternalError",
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
            Self::Panic(text) => {
                write!(f, "a bug of hashrange: {text}; close the database, open it again, and report this, please")
            }
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

/// A database that is open until it is closed. Clones are handles of the same one; the last one that is dropped closes it.
#[derive(Clone)]
pub struct Embedded {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// The process that opened it.
    process: u32,
    #[cfg(feature = "planted")]
    planted: planted::Planted,
}

struct State {
    stage: Stage,
    /// Requests that were accepted and have not ended.
    accepted: usize,
}

enum Stage {
    Open(Arc<Protocol>),
    /// One thread closes it; others that want to, wait.
    Closing,
    Closed,
}

/// A request that was accepted: a close that is asked for later waits for its end, which is when this is dropped.
pub struct Accepted {
    protocol: Arc<Protocol>,
    inner: Arc<Inner>,
}

impl Embedded {
    /// Opens a database. Errors: there is no such durability; the engine's, such as `DatabaseLocked`.
    pub fn open(settings: Settings) -> Result<Self, Failure> {
        let durability = match settings.durability.as_deref() {
            None | Some("sync") => Durability::Sync,
            Some("buffered") => Durability::Buffered,
            Some(other) => return Err(Failure::UnknownDurability(other.to_owned())),
        };
        guarded(|| {
            let clock = settings.clock_millis.map_or_else(Clock::system, Clock::manual);
            let options = Database::options().durability(durability).clock(clock);
            Ok(Self::over(match settings.folder {
                Some(folder) => options.open(folder)?,
                None => options.in_memory()?,
            }))
        })
    }

    /// A database that is open already.
    pub fn over(database: Database) -> Self {
        let stage = Stage::Open(Arc::new(Protocol::new(database)));
        let inner = Inner {
            state: Mutex::new(State { stage, accepted: 0 }),
            changed: Condvar::new(),
            process: process::id(),
            #[cfg(feature = "planted")]
            planted: planted::Planted::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Accepts a request, which may be carried out later and on another thread. Errors: the database was closed, or is being closed.
    pub fn accept(&self) -> Result<Accepted, Failure> {
        // First: in a forked process the lock may be held by a thread that is not there.
        self.inner.check_process()?;
        let mut state = self.inner.state();
        let Stage::Open(protocol) = &state.stage else { return Err(Failure::Closed) };
        let protocol = protocol.clone();
        state.accepted += 1;
        Ok(Accepted { protocol, inner: self.inner.clone() })
    }

    /// Accepts a request and carries it out.
    pub fn handle(&self, target: &str, body: &[u8]) -> Result<Option<Answer>, Failure> {
        self.accept()?.handle(target, body)
    }

    /// A copy in memory that lives apart from this database, with a clock of its own; both share runs until one changes.
    pub fn fork(&self) -> Result<Self, Failure> {
        self.with(|database| {
            let clock = database.clock();
            let clock = if clock.is_manual() { Clock::manual(clock.now_millis()) } else { Clock::system() };
            let disk = Arc::new(MemoryDisk::new());
            database.fork_onto(&*disk)?;
            Ok(Self::over(database.copy_options().clock(clock).background(true).open_on(disk)?))
        })
    }

    /// Moves the clock forward. Errors: it is the system's.
    pub fn advance(&self, by: Duration) -> Result<(), Failure> {
        self.with(|database| {
            let clock = database.clock();
            if !clock.is_manual() {
                return Err(Failure::NoManualClock);
            }
            clock.advance(by);
            Ok(())
        })
    }

    /// Deletes the items whose time to live has passed, as background work does sooner or later; says how many this call deleted.
    pub fn sweep_now(&self) -> Result<u64, Failure> {
        self.with(|database| Ok(database.sweep_now()?))
    }

    /// Closes the database once the requests that were accepted have ended. Work on backups, restores, exports and imports is
    /// interrupted, and goes on when the folder is opened again. A call beside another one waits for that; a call after it does
    /// nothing. Errors: log or disk; the folder is free all the same.
    pub fn close(&self) -> Result<(), Failure> {
        self.inner.close()
    }

    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, Failure> {
        let accepted = self.accept()?;
        guarded(|| act(accepted.protocol.database()))
    }
}

impl Accepted {
    /// Answers the request; `target` is the header `X-Amz-Target`. Blocks while the engine reads or writes. Nothing is answered
    /// if a model of faults wants so: a client takes that for a connection that was closed.
    pub fn handle(&self, target: &str, body: &[u8]) -> Result<Option<Answer>, Failure> {
        guarded(|| {
            #[cfg(feature = "planted")]
            self.inner.planted.meet(target, body);
            let answer = self.protocol.handle(target, body);
            let crc32 = answer.crc32();
            Ok((!answer.is_lost).then_some(Answer { status: answer.status, body: answer.body, crc32 }))
        })
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        self.inner.state().accepted -= 1;
        self.inner.changed.notify_all();
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // What the lock guards is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, state: MutexGuard<'_, State>, mut is_early: impl FnMut(&State) -> bool) {
        drop(self.changed.wait_while(state, |state| is_early(state)).unwrap_or_else(PoisonError::into_inner));
    }

    fn check_process(&self) -> Result<(), Failure> {
        if self.process == process::id() { Ok(()) } else { Err(Failure::Forked) }
    }

    fn close(&self) -> Result<(), Failure> {
        self.check_process()?;
        let mut state = self.state();
        let protocol = match &state.stage {
            Stage::Open(protocol) => protocol.clone(),
            Stage::Closing => {
                self.wait_while(state, |state| matches!(state.stage, Stage::Closing));
                return Ok(());
            }
            Stage::Closed => return Ok(()),
        };
        state.stage = Stage::Closing;
        self.wait_while(state, |state| state.accepted > 0);
        let closed = guarded(|| {
            #[cfg(feature = "planted")]
            self.planted.delay_close();
            protocol.pause();
            Ok(protocol.database().clone().close()?)
        });
        self.state().stage = Stage::Closed;
        self.changed.notify_all();
        closed
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(Failure::Forked) = self.close() {
            // Files and threads are the parent's: to close them here would write into its log.
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            forget(std::mem::replace(&mut state.stage, Stage::Closed));
        }
    }
}
