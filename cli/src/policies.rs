//! Policy files: read, checked, and read again while a server runs.

use crate::failure::Failure;
use hashrange_wire::access::Principals;
use std::{fs, io, path::Path};

/// Reads a policy file. Errors: others may write it, or read it though it holds secrets; it cannot be understood.
pub(crate) fn read(path: &Path) -> Result<Principals, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))?;
    check_mode(path, text.contains("\"secret\""))?;
    parse(path, &text)
}

/// Reads a policy file to look into it. Errors: it cannot be understood.
pub(crate) fn read_to_check(path: &Path) -> Result<Principals, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Principals, Failure> {
    Principals::parse(text, |name| std::env::var(name).ok()).map_err(|error| {
        let source = io::Error::new(io::ErrorKind::InvalidData, error);
        Failure::io(path.display().to_string(), source)
    })
}

#[cfg(unix)]
fn check_mode(path: &Path, has_secrets: bool) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))?;
    let mode = metadata.permissions().mode();
    let why = match mode {
        _ if mode & 0o022 != 0 => "others may write it",
        _ if has_secrets && mode & 0o044 != 0 => "it holds secrets and others may read it",
        _ => return Ok(()),
    };
    let text = format!("{why}; `chmod 600` it");
    Err(Failure::io(path.display().to_string(), io::Error::new(io::ErrorKind::PermissionDenied, text)))
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: bool) -> Result<(), Failure> {
    Ok(())
}
