//! Files that hold secrets: read only if others can neither change them nor see the secrets.

use crate::failure::Failure;
use std::{fs, path::Path};

/// Who else may have access to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// All may read it: it holds no secrets.
    Read,
    /// The group may read it, as system groups for certificates do.
    #[cfg(feature = "tls")]
    GroupReads,
    /// Its owner only.
    Nothing,
}

impl Others {
    /// Permission bits that are too many.
    #[cfg(unix)]
    fn forbidden_bits(self) -> u32 {
        match self {
            Self::Read => 0o022,
            #[cfg(feature = "tls")]
            Self::GroupReads => 0o026,
            Self::Nothing => 0o066,
        }
    }
}

/// Reads a file. Errors: it cannot be read.
#[expect(clippy::disallowed_methods, reason = "keys and policies of the user, no file of a database")]
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))
}

/// Checks what others may do with a file. Errors: more than they should.
#[cfg(unix)]
pub(crate) fn check(path: &Path, others: Others) -> Result<(), Failure> {
    use std::{io, os::unix::fs::PermissionsExt};
    let metadata = fs::metadata(path).map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))?;
    let excess = metadata.permissions().mode() & others.forbidden_bits();
    let why = match excess {
        0 => return Ok(()),
        _ if excess & 0o022 != 0 => "others may write it",
        _ => "it holds secrets and others may read it",
    };
    let error = io::Error::new(io::ErrorKind::PermissionDenied, format!("{why}; `chmod 600` it"));
    Err(Failure::io(path.display().to_string(), error))
}

/// Where files have no such permissions, there is nothing to check.
#[cfg(not(unix))]
pub(crate) fn check(_: &Path, _: Others) -> Result<(), Failure> {
    Ok(())
}
