//! The grammar that log, manifest and stream segments share: a [file header](header), then [frames](frame) with a checksum
//! that is seeded by database, file and offset; a [reader] that tells intact frames from torn ones; and
//! [numbers of variable length](varint).
//!
//! Imports: canary, error, file.

pub mod frame;
pub mod header;
pub mod reader;
pub mod varint;
