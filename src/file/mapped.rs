//! Files as memory: the bytes of a sealed file in place, shared by everyone who reads it, and a window through which the
//! one file that grows in small steps, the log, is written without a call to the operating system for each step.
//!
//! This module has the only `unsafe` of the crate, and its contract cannot be kept by this crate alone. A map is a
//! `&[u8]` that the compiler takes for immutable, while the bytes belong to a file that others may change. What we do
//! and what we cannot do:
//!
//! - This crate maps only files that it has finished writing. It opens no existing file for writing but former segments of
//!   the log that this process never mapped and that have no other name, truncates none, and holds the lock of the folder, so
//!   no second instance of it does either. A file that is removed while it is mapped keeps its bytes until the last view is
//!   dropped.
//! - Another program with the right to write to the folder can still change or truncate a mapped file. Reading a page
//!   that was cut off raises `SIGBUS` (an access violation on Windows), which ends the process; a read error of the
//!   device does the same; and bytes that change under a reader are, strictly, undefined behaviour. No check can rule
//!   this out, because it can happen after the check. For a local folder that no other process writes to, this is the usual
//!   bargain of mapped files; for files from elsewhere and for network volumes it is not, and those are opened with
//!   buffered reads (`map = false`), which copy each block first.
//! - No page of a map is trusted for its content: readers verify a checksum of each block before they use it.
//! - A window for writing is over a part of a file that this crate is writing and that has been filled with zeros, so
//!   that a copy into it needs no space. It is opened only on file systems that overwrite in place: where a write goes
//!   elsewhere, a full disk would end the process instead of giving an error. What was copied is in the operating
//!   system's memory, as after a write: it outlives the process, and a sync of the file makes it durable or says that it
//!   could not. No reader has the same bytes mapped for reading, and a sealed file has no window any more.

use bytes::Bytes;
use memmap2::{Mmap, MmapMut, MmapOptions};
use std::{fs::File, io, sync::Arc};

/// Whether a write to bytes that were written before can never run out of space. Others might be taken up, but where a
/// write goes elsewhere (btrfs, XFS with shared extents), the answer must be no.
#[cfg(target_os = "linux")]
pub(super) fn overwrites_in_place(file: &File) -> bool {
    const EXT: u64 = 0xEF53;
    const TMPFS: u64 = 0x0102_1994;
    let kind = rustix::fs::fstatfs(file).ok().and_then(|volume| u64::try_from(volume.f_type).ok());
    matches!(kind, Some(EXT | TMPFS))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn overwrites_in_place(_file: &File) -> bool {
    false
}

/// A part of a file that is being written, as memory.
#[derive(Debug)]
pub(super) struct Window {
    start: u64,
    bytes: MmapMut,
}

impl Window {
    /// A window over the bytes from `start`, a multiple of the page size, to `end`, which must be in the file.
    #[expect(clippy::disallowed_methods, reason = "this is the module that maps files")]
    pub(super) fn open(file: &File, start: u64, end: u64) -> io::Result<Self> {
        let len = end.saturating_sub(start);
        if len == 0 || file.metadata()?.len() < end {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than what is to be mapped"));
        }
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: the folder is locked, the one handle that writes this file owns the window, and no other map of these
        // bytes exists. That no other program changes or cuts the file is the user's part, as it is for `map`.
        #[expect(unsafe_code, reason = "no operating system offers a map that is safe against other programs")]
        let bytes = unsafe { MmapOptions::new().offset(start).len(len).map_mut(file)? };
        Ok(Self { start, bytes })
    }

    /// Copies bytes to their place in the file, if all of it is in the window; says whether it does.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> bool {
        let start = offset.checked_sub(self.start).and_then(|start| usize::try_from(start).ok());
        let place = start.and_then(|start| self.bytes.get_mut(start..start.checked_add(bytes.len())?));
        place.map(|place| place.copy_from_slice(bytes)).is_some()
    }
}

/// A sealed file in place. It is read here and there: the operating system loads what is touched and not what is around
/// it, which it would on a guess of up to megabytes, and a reader that reads on says so with [`Map::will_need`].
#[derive(Debug)]
pub(super) struct Map {
    bytes: Bytes,
    /// None of an empty file.
    map: Option<Arc<Mmap>>,
}

/// A map that is shared with the bytes in it.
struct Shared(Arc<Mmap>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Map {
    /// All bytes; they keep the map.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Begins to load a part, as far as the file has it.
    pub(super) fn will_need(&self, offset: u64, len: u64) {
        let end = offset.saturating_add(len).min(self.bytes.len() as u64);
        #[cfg(unix)]
        if let (Some(map), Some(len)) = (&self.map, end.checked_sub(offset).filter(|len| *len > 0)) {
            // A hint: without it, what is touched is loaded all the same.
            let _ = map.advise_range(memmap2::Advice::WillNeed, offset as usize, len as usize);
        }
        #[cfg(not(unix))]
        let _ = end;
    }
}

/// The first `len` bytes of a sealed file, in place. Fails if the file is shorter, too long for this platform's address
/// space, or on a volume that cannot map.
#[expect(clippy::disallowed_methods, reason = "this is the module that maps files")]
pub(super) fn map(file: &File, len: u64) -> io::Result<Map> {
    if len == 0 {
        // An empty map is an error on some platforms, and there is nothing to share.
        return Ok(Map { bytes: Bytes::new(), map: None });
    }
    if file.metadata()?.len() < len {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than what is to be mapped"));
    }
    let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    // SAFETY: the file is sealed and the folder locked, so this crate does not change the bytes while they are mapped,
    // and the length was checked. That no other program does is the contract that the head of this module states; it is
    // the user's part, and buffered reads are the way out for those who cannot promise it.
    #[expect(unsafe_code, reason = "no operating system offers a map that is safe against other programs")]
    let map = unsafe { MmapOptions::new().len(len).map(file)? };
    #[cfg(unix)]
    let _ = map.advise(memmap2::Advice::Random);
    let map = Arc::new(map);
    Ok(Map { bytes: Bytes::from_owner(Shared(map.clone())), map: Some(map) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn maps_exactly_what_was_asked_for() {
        let mut file = tempfile::tempfile().unwrap();
        assert!(map(&file, 0).unwrap().bytes().is_empty());
        file.write_all(b"sealed").unwrap();
        assert_eq!(map(&file, 6).unwrap().bytes(), &b"sealed"[..]);
        assert_eq!(map(&file, 4).unwrap().bytes(), &b"seal"[..]);
        assert!(map(&file, 7).is_err());
        assert!(map(&file, u64::MAX).is_err());
    }

    #[test]
    fn a_window_writes_into_its_part_of_the_file_only() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0; 12_288]).unwrap();
        assert!(Window::open(&file, 8_192, 12_289).is_err() && Window::open(&file, 8_192, 8_192).is_err());
        let mut window = Window::open(&file, 8_192, 12_288).unwrap();
        assert!(window.write(12_284, b"last") && window.write(8_192, b"first"));
        assert!(!window.write(12_285, b"last") && !window.write(8_191, b"f") && !window.write(u64::MAX, b"f"));
        let map = map(&file, 12_288).unwrap();
        let bytes = map.bytes();
        assert_eq!((&bytes[8_191..8_197], &bytes[12_284..]), (&b"\0first"[..], &b"last"[..]));
    }

    #[test]
    fn a_map_outlives_its_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[9; 10_000]).unwrap();
        let map = map(&file, 10_000).unwrap();
        // Parts that are beyond the end, or nowhere, are none.
        for (offset, len) in [(0, 10_000), (4_097, 3), (9_999, u64::MAX), (10_000, 1), (u64::MAX, u64::MAX), (0, 0)] {
            map.will_need(offset, len);
        }
        let part = map.bytes().slice(5_000..5_001);
        drop((file, map));
        assert_eq!(part[0], 9);
    }
}
