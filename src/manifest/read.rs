//! Reads a manifest back.

use super::{edit::Edit, state::ManifestState, validate};
use crate::{
    cipher::Keyring,
    error::{Error, Result},
    file::{Disk, FileName, NUMBER_LIMIT},
    format::{
        frame::FrameKind,
        header::{FORMAT_VERSION, FileMagic, HeaderFault},
        protection::{FileStart, MAX_HEADER_BYTES, Protection},
        reader::{FrameReader, Rest},
    },
};
use std::sync::Arc;

/// The manifest that `CURRENT` names.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) state: ManifestState,
    pub(super) is_encrypted: bool,
    /// `CURRENT` vouches for all of it.
    pub(super) is_vouched: bool,
}

/// Reads `CURRENT` and the manifest that it names.
pub(super) fn read_current(disk: &dyn Disk, keyring: Option<&Arc<Keyring>>, takes_plain: bool) -> Result<Found> {
    if !disk.list()?.contains(&FileName::Current) {
        return Err(refuse_without_current(disk)?);
    }
    let protection = Protection::new(keyring.map_or(0, |keyring| keyring.database_id()), keyring.cloned());
    let read = |name, magic| read_start(disk, &protection, name, magic, takes_plain);
    let current = read(FileName::Current, FileMagic::Current)?.header;
    if keyring.is_some_and(|keyring| current.number < keyring.least_manifest()) {
        return Err(Error::corrupt(
            FileName::Current,
            0,
            "it names a manifest that was replaced: an older one was put back",
        ));
    }
    let name = FileName::Manifest(current.number);
    if !disk.list()?.contains(&name) {
        return Err(Error::corrupt(name, 0, "the file is missing"));
    }
    let start = read(name, FileMagic::Manifest)?;
    let header = start.header;
    if current.number >= NUMBER_LIMIT {
        return Err(Error::corrupt(FileName::Current, 0, "it names a manifest that no database counts up to"));
    }
    if header.database_id != current.database_id || header.number != current.number {
        return Err(Error::corrupt(name, 0, "it belongs to another database or has another number"));
    }
    if start.mark() != current.mark {
        return Err(Error::corrupt(name, 0, "it is not the manifest that CURRENT names, but one of a copy"));
    }
    let (state, is_vouched) = read_frames(disk, name, &start, current.detail)?;
    Ok(Found { number: current.number, state, is_encrypted: start.is_encrypted(), is_vouched })
}

/// Why a folder without `CURRENT` is not opened.
fn refuse_without_current(disk: &dyn Disk) -> Result<Error> {
    let holds_data = disk
        .list()?
        .iter()
        .any(|name| matches!(name, FileName::Log(_) | FileName::Run(_) | FileName::Stream(_) | FileName::Base(_)));
    if holds_data {
        return Ok(Error::corrupt(FileName::Current, 0, "the file is missing"));
    }
    let text = format!("{} holds no database", disk.describe());
    Ok(Error::incompatible(text))
}

pub(super) fn read_start(
    disk: &dyn Disk,
    protection: &Protection,
    name: FileName,
    magic: FileMagic,
    takes_plain: bool,
) -> Result<FileStart> {
    let file = disk.open(name, false)?;
    let len = usize::try_from(file.len()).map_or(MAX_HEADER_BYTES, |len| len.min(MAX_HEADER_BYTES));
    protection.read(magic, &file.read_at(0, len)?, takes_plain).map_err(|fault| match fault {
        HeaderFault::Damaged => Error::corrupt(name, 0, "the header is unreadable"),
        HeaderFault::Forged => Error::corrupt(name, 0, "the header was written without the key of the database"),
        HeaderFault::Newer => newer(name),
        HeaderFault::Locked => {
            Error::corrupt(name, 0, "it is encrypted, and the file KEYS that belongs to it is not here")
        }
        HeaderFault::Plain => Error::not_encrypted(format!(
            "file {name} is not encrypted, but there is a file KEYS: either a change to encryption was interrupted, which \
             goes on when it is asked for again, or the file was exchanged"
        )),
    })
}

/// Applies all frames. The first `safe_bytes` were synced before `CURRENT` named the file, so they must all be there;
/// behind them only the very last frame may be torn, since each was synced before the next was written. Says also whether
/// there is nothing behind them.
pub(super) fn read_frames(
    disk: &dyn Disk,
    name: FileName,
    start: &FileStart,
    safe_bytes: u64,
) -> Result<(ManifestState, bool)> {
    let header = start.header;
    let mut frames = FrameReader::new(disk.open(name, false)?, start.protection(), start.bytes);
    let mut state = ManifestState::new(header.database_id, FORMAT_VERSION);
    let mut next_seqno = header.detail;
    while let Some(frame) = frames.next_frame()? {
        if frame.seqno != next_seqno || frame.kind != FrameKind::Data {
            return Err(Error::corrupt(name, frame.offset, "an edit is out of order"));
        }
        next_seqno = next_seqno.saturating_add(1);
        let edits: Vec<Edit> = serde_json::from_slice(&frame.payload).map_err(|_| newer(name))?;
        if let Some(fault) = edits.iter().find_map(validate::fault) {
            return Err(Error::corrupt(name, frame.offset, fault));
        }
        edits.into_iter().for_each(|edit| state.apply(edit));
    }
    let (end, rest) = (frames.offset(), frames.rest()?);
    if end < safe_bytes || matches!(rest, Rest::Vouched(_)) {
        return Err(Error::corrupt(name, end, "an edit that was safely stored is unreadable"));
    }
    Ok((state, end == safe_bytes && matches!(rest, Rest::Zeros)))
}

fn newer(name: FileName) -> Error {
    let text = format!("cannot read file {name}: it was written by a newer version of this crate");
    Error::incompatible(text)
}
