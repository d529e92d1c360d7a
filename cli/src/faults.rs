//! Files of faults: read when a server starts, and again while it runs.

use crate::failure::Failure;
use hashrange::service::FaultModel;
use std::{fs, io, path::Path};

/// Reads a file of faults. Errors: it cannot be read or understood; the message names the field.
pub(crate) fn read(path: &Path) -> Result<FaultModel, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))?;
    FaultModel::from_json(&text).map_err(|error| {
        let source = io::Error::new(io::ErrorKind::InvalidData, error.message().to_owned());
        Failure::io(path.display().to_string(), source)
    })
}
