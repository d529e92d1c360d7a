//! The grammar that log, manifest and stream segments share: a [file header](header), then [frames](frame) with a checksum
//! that is seeded by database, file and offset; a [reader] that tells intact frames from torn ones; and
//! [numbers of variable length](varint). [`Protection`](protection) says whether the files of a database are encrypted, and
//! every file begins there, be it written or read.
//!
//! Imports: canary, error, cipher, file.

pub mod frame;
pub mod frame_protection;
pub mod header;
pub mod keys;
pub mod protection;
pub mod reader;
pub mod varint;
