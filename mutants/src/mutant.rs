//! A mutant is a small change of the code that tests should notice; `cargo mutants` names those there are.

use crate::Result;
use serde::Deserialize;
use std::{path::Path, process::Command};

/// A small change of the code, as `cargo mutants --list --json` describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Mutant {
    pub name: String,
    pub file: String,
    pub genre: Genre,
    pub replacement: String,
    pub span: Span,
    pub function: Option<Function>,
}

/// What kind of code is changed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub enum Genre {
    /// The body of a function becomes a value.
    FnValue,
    BinaryOperator,
    /// The operator is left out.
    UnaryOperator,
    /// The arm is left out.
    MatchArm,
    MatchArmGuard,
    /// A field is taken from the base of the expression instead.
    StructField,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Span {
    pub start: Position,
}

/// A place in a file; both count from one.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Function {
    pub return_type: String,
}

/// The mutants of some files, less those that `.cargo/mutants.toml` leaves out.
pub fn list(root: &Path, files: &[String]) -> Result<Vec<Mutant>> {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--list", "--json"]).current_dir(root);
    for file in files {
        command.args(["--file", file]);
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("cargo mutants: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
