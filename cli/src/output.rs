//! Standard output for results and standard error for remarks, neither of which may ever end in a panic: a pipe that is
//! closed early (`hashrange scan cities | head`) is the ordinary way to read the beginning of something.

use crate::failure::Failure;
use std::{
    fmt,
    io::{self, BufWriter, StdoutLock, Write},
};

/// Buffered standard output. [`Output::finish`] must be called, or the end is lost.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    /// Takes standard output.
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(64 << 10, io::stdout().lock()))
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: impl fmt::Display) -> Result<(), Failure> {
        writeln!(self.0, "{text}").map_err(Failure::output)
    }

    /// Writes text without an end of line.
    pub(crate) fn text(&mut self, text: impl fmt::Display) -> Result<(), Failure> {
        write!(self.0, "{text}").map_err(Failure::output)
    }

    /// Hands over what was written so far.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(Failure::output)
    }

    /// Hands over everything.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()
    }
}

/// Says something on standard error. If that is closed too, the message is lost.
pub(crate) fn remark(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Reports a failure on standard error.
pub(crate) fn complain(failure: &Failure) {
    if !matches!(failure, Failure::OutputClosed) {
        remark(format_args!("hashrange: {failure}"));
    }
}
