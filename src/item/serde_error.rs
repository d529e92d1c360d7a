//! Why a value of a user's type does not become an item or the reverse, and where in it.

use crate::error::Error;
use serde::{de, ser};
use std::fmt;

/// A message and the path to the value that it is about, innermost step first.
#[derive(Debug)]
pub(crate) struct SerdeError {
    message: String,
    path: Vec<String>,
}

impl SerdeError {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), path: Vec::new() }
    }
    /// The error as seen from the map that holds the value under `name`.
    pub(crate) fn under(mut self, name: &str) -> Self {
        self.path.push(name.to_owned());
        self
    }
    /// The error as seen from the list that holds the value at `index`.
    pub(crate) fn at(mut self, index: usize) -> Self {
        self.path.push(format!("[{index}]"));
        self
    }
}

impl fmt::Display for SerdeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.path.iter().rev().enumerate() {
            let dot = if i == 0 || step.starts_with('[') { "" } else { "." };
            write!(f, "{dot}{step}")?;
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)
    }
}

impl std::error::Error for SerdeError {}

impl ser::Error for SerdeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

impl de::Error for SerdeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

impl From<Error> for SerdeError {
    fn from(error: Error) -> Self {
        Self::new(error.message())
    }
}

impl From<SerdeError> for Error {
    fn from(error: SerdeError) -> Self {
        Error::validation(error.to_string())
    }
}
