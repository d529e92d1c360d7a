//! Why a command could not be carried out.

use crate::outcome::{DAMAGE, ERROR, USAGE};
use hashrange::{Error, ErrorKind};
use std::{fmt, io, process::ExitCode};

/// A failure that ends the program.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine rejected or failed.
    Engine(Error),
    /// Arguments that do not fit together, or do not fit the table.
    Usage(String),
    /// A file or stream that is not part of the database.
    Io {
        /// What was tried, with the name of the file.
        what: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A service rejected a request, or could not be reached.
    #[cfg(feature = "copy")]
    Service {
        /// What was tried.
        what: String,
        /// What the service or the way to it says.
        why: String,
    },
    /// The reader of standard output has gone: not an error, and no message is possible.
    OutputClosed,
}

impl Failure {
    /// A failure to do `what` with a file.
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// A failure to write results.
    pub(crate) fn output(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::io("cannot write to standard output", source),
        }
    }

    /// The status for the shell.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::OutputClosed => ExitCode::SUCCESS,
            Self::Usage(_) => ExitCode::from(USAGE),
            Self::Engine(error) if error.kind() == ErrorKind::Corrupt => ExitCode::from(DAMAGE),
            Self::Engine(_) | Self::Io { .. } => ExitCode::from(ERROR),
            #[cfg(feature = "copy")]
            Self::Service { .. } => ExitCode::from(ERROR),
        }
    }
}

/// Ignores that standard output is closed. A server serves on, also if no program reads its address.
pub(crate) fn unless_unread(said: Result<(), Failure>) -> Result<(), Failure> {
    match said {
        Err(Failure::OutputClosed) => Ok(()),
        said => said,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Usage(text) => f.write_str(text),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            #[cfg(feature = "copy")]
            Self::Service { what, why } => write!(f, "{what}: {why}"),
            Self::OutputClosed => f.write_str("standard output was closed"),
        }
    }
}
