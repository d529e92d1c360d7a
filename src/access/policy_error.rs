//! Why a policy document is rejected.

use crate::error::Error;
use std::fmt;

/// A policy document cannot be understood. It says where in the document, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    path: String,
    reason: String,
    line: Option<usize>,
}

impl PolicyError {
    /// Something is wrong; the place is added on the way out.
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into(), line: None }
    }
    /// The text is no JSON that a policy can have.
    pub(super) fn of_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = format!("the text is no JSON: {}", text.strip_suffix(&place).unwrap_or(&text));
        Self { line: Some(error.line()), ..Self::new(reason) }
    }
    /// The same within a member or an element of a list.
    pub(super) fn within(mut self, outer: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{outer}{separator}{}", self.path);
        self
    }
    /// Where in the document, such as `Statement[2].Condition.StringLike`; empty for the document as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }
    /// The line of the document, from 1, where it is no JSON; `None` where it is, and [`path`](Self::path) names the place.
    pub fn line(&self) -> Option<usize> {
        self.line
    }
    /// What is wrong there.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.reason)?;
        self.line.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

impl std::error::Error for PolicyError {}

impl From<PolicyError> for Error {
    fn from(error: PolicyError) -> Self {
        Self::validation(format!("the policy cannot be understood: {error}"))
    }
}
