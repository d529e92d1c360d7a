//! The manifest as its owner uses it: commit some edits, and they are durable together.
//!
//! A manifest file is a header, a snapshot of the state as edits, and one frame per commit behind it. A file is only
//! appended to by the process that created it; the first commit after an open, and a commit to a file that has grown
//! large, write a new file instead, and `CURRENT` is replaced to name it. So a torn frame at the end of an old file is
//! never written over, and nothing needs to be cut off.

use super::{
    edit::Edit,
    read::{self, Found},
    state::ManifestState,
    validate,
};
use crate::{
    canary::canary,
    cipher::Keyring,
    error::{Error, Result},
    file::{Disk, FileName, WritableFile},
    format::{
        frame::{self, FrameKind},
        frame_protection::FrameProtection,
        header::{FORMAT_VERSION, FileHeader, FileMagic},
        keys,
        protection::Protection,
    },
};
use std::sync::Arc;

/// Size below which a file is not rewritten.
const MIN_REWRITE_BYTES: u64 = 256 << 10;
/// Sizes of its snapshot that a file may reach before it is rewritten.
const REWRITE_FACTOR: u64 = 4;
/// Edits of a snapshot that share a frame.
const SNAPSHOT_FRAME_EDITS: usize = 256;

/// The list of everything that is alive in a database.
#[derive(Debug)]
pub struct Manifest {
    disk: Arc<dyn Disk>,
    protection: Protection,
    state: ManifestState,
    /// Number of the file that `CURRENT` names.
    number: u64,
    /// That file, if this process made it.
    file: Option<ManifestFile>,
    is_encrypted: bool,
    is_vouched: bool,
    is_read_only: bool,
    failure: Option<Error>,
}

#[derive(Debug)]
pub(super) struct ManifestFile {
    file: Box<dyn WritableFile>,
    protection: FrameProtection,
    trailer_bytes: usize,
    next_seqno: u64,
    end: u64,
    snapshot_bytes: u64,
}

impl Manifest {
    /// Whether the folder holds a database.
    pub fn exists(disk: &dyn Disk) -> Result<bool> {
        Ok(disk.list()?.contains(&FileName::Current))
    }

    /// Whether a database may be made in a folder; changes nothing.
    ///
    /// # Errors
    /// `Incompatible` if the folder holds files of others, or a database; `Corrupt` if it holds data files of a
    /// database whose `CURRENT` is gone.
    pub fn check_may_create(disk: &dyn Disk) -> Result<()> {
        let files = disk.list()?;
        let refuse = |what: &str| {
            let text = format!("{} {what}", disk.describe());
            Err(Error::incompatible(text))
        };
        if files.contains(&FileName::Current) {
            return refuse("holds a database already");
        }
        if disk.has_foreign_files()? {
            return refuse("holds files that are not a database's");
        }
        if files.contains(&FileName::Restoring) {
            return refuse("holds a restore that was interrupted: restore into it once more");
        }
        if files
            .iter()
            .any(|name| matches!(name, FileName::Log(_) | FileName::Run(_) | FileName::Stream(_) | FileName::Base(_)))
        {
            return Err(Error::corrupt(FileName::Current, 0, "the file is missing"));
        }
        Ok(())
    }

    /// Makes the manifest of a new database, durably. Errors: as of [`Manifest::check_may_create`]; disk.
    pub fn create(disk: Arc<dyn Disk>, protection: Protection) -> Result<Self> {
        Self::check_may_create(&*disk)?;
        let state = ManifestState::new(protection.database_id(), FORMAT_VERSION);
        let mut manifest = Self {
            disk,
            is_encrypted: protection.is_encrypted(),
            protection,
            state: state.clone(),
            number: 0,
            file: None,
            is_vouched: false,
            is_read_only: false,
            failure: None,
        };
        manifest.rewrite(state)?;
        Ok(manifest)
    }

    /// Reads the manifest of an existing database for writing. With keys it must be encrypted, unless `takes_plain`.
    ///
    /// Nothing is changed, and nothing is synced: the last edits, and the name of the file, may be in the memory of the operating
    /// system only. The first commit writes all that was read to a new file; before that, nothing may act on it, above all by
    /// removing files that an edit dropped.
    ///
    /// # Errors
    /// `Incompatible` if the folder holds no database or one of a newer version; `Corrupt` for damage; `Key` if it is not
    /// encrypted though it should be.
    pub fn open(disk: Arc<dyn Disk>, keyring: Option<Arc<Keyring>>, takes_plain: bool) -> Result<Self> {
        Ok(Self { is_read_only: false, ..Self::open_read_only(disk, keyring, takes_plain)? })
    }

    /// Reads the manifest of an existing database and changes nothing; [`Manifest::commit`] fails.
    ///
    /// # Errors
    /// As [`Manifest::open`].
    pub fn open_read_only(disk: Arc<dyn Disk>, keyring: Option<Arc<Keyring>>, takes_plain: bool) -> Result<Self> {
        let Found { number, state, is_encrypted, is_vouched } =
            read::read_current(&*disk, keyring.as_ref(), takes_plain)?;
        let protection = Protection::new(state.database_id, keyring);
        let (file, failure, is_read_only) = (None, None, true);
        Ok(Self { disk, protection, state, number, file, is_encrypted, is_vouched, is_read_only, failure })
    }

    /// Whether `CURRENT` vouched for all of the file when it was opened: what was read is durable, for `CURRENT` is written after
    /// the file was synced. If `CURRENT` itself is not, the one before it names a manifest that says the same but for how far the
    /// log reaches.
    pub fn is_vouched(&self) -> bool {
        self.is_vouched
    }

    /// Whether commits are accepted.
    pub fn set_read_only(&mut self, is_read_only: bool) {
        self.is_read_only = is_read_only;
    }

    /// Whether its file, which was read, is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// How the files of the database are protected.
    pub fn protection(&self) -> &Protection {
        &self.protection
    }

    /// Encrypts a manifest that was not, from the next commit on, which writes a new file.
    pub fn encrypt(&mut self, keyring: Arc<Keyring>) {
        self.protection = Protection::new(self.state.database_id, Some(keyring));
        self.file = None;
    }

    /// Writes the next commit to a new file, under the newest key.
    #[cfg(feature = "encryption")]
    pub fn leave_file(&mut self) {
        self.file = None;
    }

    /// Whether a failure ended writing: what the file holds is not known then.
    pub fn is_poisoned(&self) -> bool {
        self.failure.is_some()
    }

    /// The number of its file.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What is alive.
    pub fn state(&self) -> &ManifestState {
        &self.state
    }

    /// The failure that ended writing, if one did.
    #[cfg(test)]
    pub fn poison_cause(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Applies edits, all or none; they are durable when this returns. After a failed write or sync nothing more is
    /// accepted until the database is opened again.
    pub fn commit(&mut self, edits: &[Edit]) -> Result<()> {
        if self.is_read_only {
            let text = "the database is open for reading only";
            return Err(Error::unsupported(text));
        }
        if let Some(cause) = &self.failure {
            return Err(Error::poisoned(cause));
        }
        // What could not be read back is not written.
        if let Some(fault) = edits.iter().find_map(validate::fault) {
            return Err(Error::validation(format!("the manifest does not take this: {fault}")));
        }
        let grown = |file: &ManifestFile| file.end > MIN_REWRITE_BYTES.max(REWRITE_FACTOR * file.snapshot_bytes);
        let mut file = match self.file.take() {
            Some(file) if !grown(&file) => file,
            _ => {
                let mut state = self.state.clone();
                edits.iter().cloned().for_each(|edit| state.apply(edit));
                return self.rewrite(state);
            }
        };
        let mut frame = Vec::new();
        push_frame(&mut frame, file.next_seqno, edits, file.trailer_bytes)?;
        let stored = file.store(&mut frame);
        self.file = Some(file);
        stored.inspect_err(|error| self.failure = Some(error.clone()))?;
        edits.iter().cloned().for_each(|edit| self.state.apply(edit));
        Ok(())
    }

    /// Writes `state` to a new file, makes that the current one, and takes the state over. A failure before `CURRENT` is
    /// replaced concerns new files only, which the next attempt writes anew.
    fn rewrite(&mut self, state: ManifestState) -> Result<()> {
        let (number, file) = self.write_snapshot(&state)?;
        prepare_current(&*self.disk, &self.protection, number, &file)?;
        let replaced = replace_current(&*self.disk).and_then(|()| match self.protection.keyring() {
            Some(keyring) => keys::note_manifest(&*self.disk, keyring, number),
            None => Ok(()),
        });
        replaced.inspect_err(|error| self.failure = Some(error.clone()))?;
        self.number = number;
        self.file = Some(file);
        self.state = state;
        self.remove_leftovers();
        Ok(())
    }

    fn write_snapshot(&self, state: &ManifestState) -> Result<(u64, ManifestFile)> {
        let files = self.disk.list()?;
        let taken = files.iter().filter_map(|name| match name {
            FileName::Manifest(number) => Some(*number),
            _ => None,
        });
        let number = taken.max().unwrap_or(0).max(self.number) + 1;
        let file = write_state(&*self.disk, &self.protection, FileName::Manifest(number), FileMagic::Manifest, state)?;
        Ok((number, file))
    }

    /// Writes a manifest of this state, and the keys of an encrypted database, to a disk that has none: for a copy of a
    /// database.
    pub fn write_to(disk: &dyn Disk, protection: &Protection, state: &ManifestState) -> Result<()> {
        if let Some(keyring) = protection.keyring() {
            keys::write_copy(disk, keyring, 1)?;
        }
        let file = write_state(disk, protection, FileName::Manifest(1), FileMagic::Manifest, state)?;
        prepare_current(disk, protection, 1, &file)?;
        replace_current(disk)
    }

    /// Commits the last edits of a process, and lets `CURRENT` vouch for all that was committed, so that a manifest that
    /// loses its end afterwards is noticed.
    pub fn close(&mut self, edits: &[Edit]) -> Result<()> {
        self.commit(edits)?;
        let Some(file) = &self.file else { return Ok(()) };
        let pointed = prepare_current(&*self.disk, &self.protection, self.number, file);
        pointed.and_then(|()| replace_current(&*self.disk)).inspect_err(|error| self.failure = Some(error.clone()))
    }

    /// Removes manifests that are not current. What cannot be removed stays until the next time.
    fn remove_leftovers(&self) {
        let Ok(files) = self.disk.list() else {
            return;
        };
        for name in files.into_iter().filter(|name| self.is_leftover(*name)) {
            let _ = self.disk.remove(name);
        }
    }

    /// Whether a file is a manifest that is not current, or what an interrupted rewrite left behind.
    pub fn is_leftover(&self, name: FileName) -> bool {
        match name {
            FileName::Manifest(number) => number != self.number,
            FileName::CurrentNext => true,
            _ => false,
        }
    }
}

impl ManifestFile {
    /// Writes a frame and makes it durable.
    fn store(&mut self, frame: &mut [u8]) -> Result<()> {
        self.append(frame, self.end)?;
        if canary!(ManifestUnsynced) { Ok(()) } else { self.file.sync() }
    }

    fn append(&mut self, frame: &mut [u8], synced_to: u64) -> Result<()> {
        self.protection.stamp(frame, self.end, synced_to)?;
        self.file.append(frame)?;
        self.end += frame.len() as u64;
        self.next_seqno += 1;
        Ok(())
    }
}

/// Writes the `CURRENT` to be, which names a file and vouches for its bytes.
fn prepare_current(disk: &dyn Disk, protection: &Protection, number: u64, file: &ManifestFile) -> Result<()> {
    if disk.list()?.contains(&FileName::CurrentNext) {
        disk.remove(FileName::CurrentNext)?;
    }
    let (magic, database_id, mark) = (FileMagic::Current, protection.database_id(), file.protection.mark());
    let current =
        FileHeader { magic, database_id, number, detail: file.end, takes_over: false, is_reused: false, mark };
    let (current, _) = protection.begin(&current)?;
    let mut next = disk.create(FileName::CurrentNext)?;
    next.append(&current)?;
    next.sync()
}

/// Puts it in the place of `CURRENT`.
fn replace_current(disk: &dyn Disk) -> Result<()> {
    disk.rename(FileName::CurrentNext, FileName::Current)?;
    if canary!(CurrentNameUnsynced) { Ok(()) } else { disk.sync_directory() }
}

/// Writes a state as a file of its own, durably.
pub(super) fn write_state(
    disk: &dyn Disk,
    protection: &Protection,
    name: FileName,
    magic: FileMagic,
    state: &ManifestState,
) -> Result<ManifestFile> {
    let number = match name {
        FileName::Manifest(number) | FileName::Base(number) => number,
        _ => return Err(Error::unsupported("a state is written to a manifest or a base")),
    };
    let database_id = state.database_id;
    let header = FileHeader { magic, database_id, number, detail: 1, takes_over: false, is_reused: false, mark: 0 };
    let (header, frames) = protection.begin(&header)?;
    let mut file = disk.create(name)?;
    file.append(&header)?;
    let (begin, trailer_bytes) = (header.len() as u64, protection.trailer_bytes());
    let mut file =
        ManifestFile { file, protection: frames, trailer_bytes, next_seqno: 1, end: begin, snapshot_bytes: 0 };
    let edits: Vec<Edit> = state.to_edits().collect();
    for edits in edits.chunks(SNAPSHOT_FRAME_EDITS) {
        let mut frame = Vec::new();
        push_frame(&mut frame, file.next_seqno, edits, trailer_bytes)?;
        file.append(&mut frame, begin)?;
    }
    file.file.sync()?;
    file.snapshot_bytes = file.end;
    disk.sync_directory()?;
    Ok(file)
}

fn push_frame(out: &mut Vec<u8>, seqno: u64, edits: &[Edit], trailer_bytes: usize) -> Result<()> {
    let start = out.len();
    frame::begin(out, seqno, FrameKind::Data);
    serde_json::to_writer(&mut *out, edits)
        .map_err(|error| Error::validation(format!("an edit of the manifest cannot be written: {error}")))?;
    frame::end(out, start, trailer_bytes)
}
