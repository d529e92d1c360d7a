//! Policy files: read, checked, and read again while a server runs.

use crate::{
    failure::Failure,
    private_file::{self, Others},
};
use hashrange_wire::access::Principals;
use std::{io, path::Path};

/// Reads a policy file. Errors: others may write it, or read it though it holds secrets; it cannot be understood.
pub(crate) fn read(path: &Path) -> Result<Principals, Failure> {
    let text = read_text(path)?;
    private_file::check(path, if text.contains("\"secret\"") { Others::Nothing } else { Others::Read })?;
    parse(path, &text)
}

/// Reads a policy file to look into it. Errors: it cannot be understood.
pub(crate) fn read_to_check(path: &Path) -> Result<Principals, Failure> {
    parse(path, &read_text(path)?)
}

fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(private_file::read(path)?).map_err(|error| unreadable(path, error))
}

fn parse(path: &Path, text: &str) -> Result<Principals, Failure> {
    Principals::parse(text, |name| std::env::var(name).ok()).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::io(path.display().to_string(), io::Error::new(io::ErrorKind::InvalidData, error))
}
