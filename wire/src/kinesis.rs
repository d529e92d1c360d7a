//! A folder in place of Kinesis: the data stream `NAME` is the file `DIR/NAME.jsonl`, one record a line, oldest first.
//!
//! A data stream exists if its file does; an empty file is an empty stream. Records are appended and synced before they
//! count as delivered. A line that a crash cut off is removed before the next one is written: its record comes again.

use hashrange::{
    schema::KinesisArn,
    streams::{KinesisRecord, KinesisSink},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Most bytes of a record: larger ones the service drops.
const MAX_RECORD_BYTES: usize = 1 << 20;
/// Bytes that are read at a time to find the end of the last whole line.
const BLOCK_BYTES: u64 = 64 * 1024;

/// One batch at a time is appended in this process, since several databases may have one folder.
static APPENDING: Mutex<()> = Mutex::new(());

/// A folder whose files are Kinesis data streams: a sink for [`hashrange::Database::deliver_to_kinesis`].
#[derive(Clone, Debug)]
pub struct KinesisFolder {
    folder: PathBuf,
}

impl KinesisFolder {
    /// The data streams in a folder. Errors: it is not there, or is no folder.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref().to_path_buf();
        if !std::fs::metadata(&folder)?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        Ok(Self { folder })
    }

    /// The file of a data stream; its name has no separators.
    fn file(&self, stream_arn: &str) -> Option<PathBuf> {
        Some(self.folder.join(format!("{}.jsonl", KinesisArn::parse(stream_arn)?.name)))
    }
}

impl KinesisSink for KinesisFolder {
    fn check(&self, stream_arn: &str) -> Result<(), String> {
        match self.file(stream_arn) {
            Some(file) if file.is_file() => Ok(()),
            _ => Err(format!("there is no Kinesis data stream {stream_arn}")),
        }
    }

    fn put(&self, records: &[KinesisRecord]) -> Result<u64, String> {
        let Some(first) = records.first() else { return Ok(0) };
        let path = self.file(first.stream_arn()).ok_or_else(|| format!("{} is no data stream", first.stream_arn()))?;
        let (mut lines, mut dropped) = (String::new(), 0);
        for record in records {
            let json = record.to_json();
            if json.len() > MAX_RECORD_BYTES {
                dropped += 1;
                continue;
            }
            lines.push_str(&json);
            lines.push('\n');
        }
        append(&path, lines.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(dropped)
    }
}

#[expect(clippy::disallowed_methods, reason = "data streams are files beside the database, which other programs read")]
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let _one = APPENDING.lock().unwrap_or_else(PoisonError::into_inner);
    // The file is not made: a data stream whose file was removed does not exist any more.
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let end = end_of_lines(&mut file)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(lines)?;
    file.sync_data()
}

/// Where the last whole line of a file ends.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = Vec::new();
    while end > 0 {
        // Mostly the last byte ends a line.
        let begin = if block.is_empty() { end - 1 } else { end.saturating_sub(BLOCK_BYTES) };
        file.seek(SeekFrom::Start(begin))?;
        block.clear();
        (&*file).take(end - begin).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}
