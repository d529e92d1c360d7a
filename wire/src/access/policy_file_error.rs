//! Why a policy file is rejected.

use std::fmt;

/// A policy file cannot be understood; the text says where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFileError {
    line: usize,
    reason: String,
}

impl PolicyFileError {
    pub(super) fn new(line: usize, reason: String) -> Self {
        Self { line, reason }
    }
    /// The line of the file, from 1, in which what is wrong begins.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for PolicyFileError {}
