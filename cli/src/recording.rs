//! Recording the requests of a server to a file.

use crate::failure::Failure;
use clap::Args;
use hashrange::{
    Clock,
    trace::{RecordOptions, Recorder},
};
use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    sync::Arc,
};

/// What a server records.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// Record what requests access to this file, for `replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Hash keys and values in the record, under a secret that is forgotten
    #[arg(long, requires = "record")]
    record_hashed: bool,
    /// Attribute of items that are put whose value is recorded too; may be given several times
    #[arg(long, value_name = "NAME", requires = "record")]
    record_attribute: Vec<String>,
    /// Megabytes after which nothing more is recorded
    #[arg(long, value_name = "NUMBER", requires = "record", default_value_t = 1_024, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    record_max_mb: u64,
}

impl RecordArgs {
    /// Whether anything is recorded.
    pub(crate) fn is_wanted(&self) -> bool {
        self.record.is_some()
    }
    /// Removes the file of a recorder that was made for a server that did not begin.
    #[expect(clippy::disallowed_methods, reason = "a trace is no file of a database")]
    pub(crate) fn discard(&self) {
        if let Some(path) = &self.record {
            let _ = std::fs::remove_file(path);
        }
    }
    /// The recorder, if there is to be one. Errors: the file is there already, or cannot be written.
    pub(crate) fn recorder(&self) -> Result<Option<Arc<Recorder>>, Failure> {
        let Some(path) = &self.record else { return Ok(None) };
        let file = create(path).map_err(|error| Failure::io(format!("cannot create {}", path.display()), error))?;
        let options = RecordOptions {
            hash_secret: self.record_hashed.then(secret),
            attributes: self.record_attribute.clone(),
            max_bytes: self.record_max_mb << 20,
        };
        Ok(Some(Arc::new(Recorder::new(file, Clock::system(), options)?)))
    }
}

#[expect(clippy::disallowed_methods, reason = "a trace is no file of a database")]
fn create(path: &PathBuf) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600); // it shows keys
    options.open(path)
}

/// A secret from the system's randomness.
fn secret() -> [u8; 16] {
    // Each state is keyed at random.
    let halves = [RandomState::new().hash_one(0), RandomState::new().hash_one(1)];
    (u128::from(halves[0]) << 64 | u128::from(halves[1])).to_le_bytes()
}
