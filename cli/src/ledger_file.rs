//! The ledger of a server in a file: written every few seconds and at the end, as a whole, so that a reader never sees a part.

use crate::failure::Failure;
use hashrange::{Database, ledger::Ledger};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How old the file may be while the server runs.
const INTERVAL: Duration = Duration::from_secs(5);

/// A thread that writes the ledger, until this is dropped.
pub(crate) struct LedgerFile {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LedgerFile {
    /// Begins to write. Errors: the file cannot be written.
    pub(crate) fn begin(path: &Path, database: &Database) -> Result<Self, Failure> {
        let (path, database) = (path.to_owned(), database.clone());
        write(&path, &database).map_err(|error| Failure::io(format!("cannot write {}", path.display()), error))?;
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("hashrange-ledger".to_owned()).spawn(move || {
            loop {
                let is_over = stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout);
                if let Err(error) = write(&path, &database) {
                    tracing::warn!("the ledger was not written to {}: {error}", path.display());
                }
                if is_over {
                    break;
                }
            }
        });
        let thread = thread.map_err(|error| Failure::io("cannot begin to write the ledger", error))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for LedgerFile {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there has been reported
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a file of the user's, not of a database")]
fn write(path: &Path, database: &Database) -> io::Result<()> {
    let ledger = database.ledger().map_err(io::Error::other)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    fs::write(&beside, ledger.to_json())?;
    fs::rename(&beside, path)
}

/// Reads a ledger from a file, or from standard input for `-`. Errors: it cannot be read, or is no ledger.
pub(crate) fn read(path: &Path) -> Result<Ledger, Failure> {
    let failed = |error| Failure::io(format!("cannot read {}", path.display()), error);
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().lock().read_to_string(&mut text).map_err(failed)?;
    } else {
        text = fs::read_to_string(path).map_err(failed)?;
    }
    Ledger::from_json(&text).map_err(|error| Failure::Usage(format!("{}: {}", path.display(), error.message())))
}
