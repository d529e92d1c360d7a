//! Reads a manifest back.

use super::{edit::Edit, state::ManifestState, validate};
use crate::{
    error::{Error, Result},
    file::{Disk, FileName, NUMBER_LIMIT},
    format::{
        frame::{FrameKind, FrameSeed},
        header::{FILE_HEADER_BYTES, FORMAT_VERSION, FileHeader, FileMagic, HeaderFault},
        reader::{FrameReader, Rest},
    },
};

/// The manifest that `CURRENT` names.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) state: ManifestState,
}

/// Reads `CURRENT` and the manifest that it names.
pub(super) fn read_current(disk: &dyn Disk) -> Result<Found> {
    if !disk.list()?.contains(&FileName::Current) {
        return Err(refuse_without_current(disk)?);
    }
    let current = read_header(disk, FileName::Current, FileMagic::Current)?;
    let name = FileName::Manifest(current.number);
    if !disk.list()?.contains(&name) {
        return Err(Error::corrupt(name, 0, "the file is missing"));
    }
    let header = read_header(disk, name, FileMagic::Manifest)?;
    if current.number >= NUMBER_LIMIT {
        return Err(Error::corrupt(FileName::Current, 0, "it names a manifest that no database counts up to"));
    }
    if header.database_id != current.database_id || header.number != current.number {
        return Err(Error::corrupt(name, 0, "it belongs to another database or has another number"));
    }
    let state = read_frames(disk, name, header, current.detail)?;
    Ok(Found { number: current.number, state })
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

pub(super) fn read_header(disk: &dyn Disk, name: FileName, magic: FileMagic) -> Result<FileHeader> {
    let file = disk.open(name, false)?;
    let len = usize::try_from(file.len()).map_or(FILE_HEADER_BYTES, |len| len.min(FILE_HEADER_BYTES));
    FileHeader::decode(magic, &file.read_at(0, len)?).map_err(|fault| match fault {
        HeaderFault::Damaged => Error::corrupt(name, 0, "the header is unreadable"),
        HeaderFault::Newer => newer(name),
    })
}

/// Applies all frames. The first `safe_bytes` were synced before `CURRENT` named the file, so they must all be there;
/// behind them only the very last frame may be torn, since each was synced before the next was written.
pub(super) fn read_frames(
    disk: &dyn Disk,
    name: FileName,
    header: FileHeader,
    safe_bytes: u64,
) -> Result<ManifestState> {
    let seed = FrameSeed::new(header.magic, header.database_id, header.number);
    let mut frames = FrameReader::new(disk.open(name, false)?, seed, FILE_HEADER_BYTES as u64);
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
    let end = frames.offset();
    if end < safe_bytes || matches!(frames.rest()?, Rest::Vouched(_)) {
        return Err(Error::corrupt(name, end, "an edit that was safely stored is unreadable"));
    }
    Ok(state)
}

fn newer(name: FileName) -> Error {
    let text = format!("cannot read file {name}: it was written by a newer version of this crate");
    Error::incompatible(text)
}
