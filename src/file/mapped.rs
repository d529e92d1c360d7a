//! Sealed files as memory: the bytes of a file in place, shared by everyone who reads it.
//!
//! This module has the only `unsafe` of the crate, and its contract cannot be kept by this crate alone. A map is a
//! `&[u8]` that the compiler takes for immutable, while the bytes belong to a file that others may change. What we do
//! and what we cannot do:
//!
//! - This crate maps only files that it has finished writing. It opens no existing file for writing, truncates none,
//!   and holds the lock of the folder, so no second instance of it does either. A file that is removed while it is
//!   mapped keeps its bytes until the last view is dropped.
//! - Another program with the right to write to the folder can still change or truncate a mapped file. Reading a page
//!   that was cut off raises `SIGBUS` (an access violation on Windows), which ends the process; a read error of the
//!   device does the same; and bytes that change under a reader are, strictly, undefined behaviour. No check can rule
//!   this out, because it can happen after the check. For a local folder that nobody else writes to, this is the usual
//!   bargain of mapped files; for files from elsewhere and for network volumes it is not, and those are opened with
//!   buffered reads (`map = false`), which copy each block first.
//! - No page of a map is trusted for its content: readers verify a checksum of each block before they use it.

use bytes::Bytes;
use memmap2::MmapOptions;
use std::{fs::File, io};

/// The first `len` bytes of a sealed file, in place. Fails if the file is shorter, too long for this platform's address
/// space, or on a volume that cannot map.
#[expect(clippy::disallowed_methods, reason = "this is the module that maps files")]
pub(super) fn map(file: &File, len: u64) -> io::Result<Bytes> {
    if len == 0 {
        // An empty map is an error on some platforms, and there is nothing to share.
        return Ok(Bytes::new());
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
    Ok(Bytes::from_owner(map))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn maps_exactly_what_was_asked_for() {
        let mut file = tempfile::tempfile().unwrap();
        assert!(map(&file, 0).unwrap().is_empty());
        file.write_all(b"sealed").unwrap();
        assert_eq!(map(&file, 6).unwrap(), &b"sealed"[..]);
        assert_eq!(map(&file, 4).unwrap(), &b"seal"[..]);
        assert!(map(&file, 7).is_err());
        assert!(map(&file, u64::MAX).is_err());
    }

    #[test]
    fn a_map_outlives_its_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[9; 10_000]).unwrap();
        let part = map(&file, 10_000).unwrap().slice(5_000..5_001);
        drop(file);
        assert_eq!(part[0], 9);
    }
}
