//! Recording the requests of a server to a file.

use crate::{failure::Failure, output};
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
    /// A recording, if there is to be one. Errors: the file is there already, or cannot be written.
    pub(crate) fn begin(&self) -> Result<Option<Recording>, Failure> {
        let Some(path) = &self.record else { return Ok(None) };
        let file = create(path).map_err(|error| Failure::io(format!("cannot create {}", path.display()), error))?;
        let options = RecordOptions {
            hash_secret: self.record_hashed.then(secret),
            attributes: self.record_attribute.clone(),
            max_bytes: self.record_max_mb << 20,
        };
        let unused = UnusedFile(Some(path.clone()));
        Ok(Some(Recording { recorder: Arc::new(Recorder::new(file, Clock::system(), options)?), unused }))
    }
}

/// What a server records. Its file goes with it unless the server began to serve.
#[derive(Debug)]
pub(crate) struct Recording {
    /// What writes the file.
    pub(crate) recorder: Arc<Recorder>,
    unused: UnusedFile,
}

impl Recording {
    /// The server serves: the file stays.
    pub(crate) fn keep(&mut self) {
        self.unused.0 = None;
    }
    /// Writes what is left, and says how much was recorded.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.recorder.finish()?;
        let (recorded, dropped) = self.recorder.counts();
        output::remark(format_args!("recorded {recorded} accesses; {dropped} did not fit"));
        Ok(())
    }
}

/// A file that nothing needs.
#[derive(Debug)]
struct UnusedFile(Option<PathBuf>);

impl Drop for UnusedFile {
    #[expect(clippy::disallowed_methods, reason = "a trace is no file of a database")]
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // What cannot be removed is left: the error that ended the start is the one to be shown.
            let _ = std::fs::remove_file(path);
        }
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
