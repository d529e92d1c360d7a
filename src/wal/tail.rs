//! The end of the log: the segment that is being written or, until something is, the one to come.
//!
//! Reading a database writes nothing, so an opening that found everything durable creates no segment until there is a first
//! record for it.

use super::segment::SegmentWriter;
use crate::error::{Error, Result};
use bytes::Bytes;

/// What the segment at the end will begin with.
#[derive(Debug)]
pub(super) struct NextSegment {
    pub number: u64,
    /// Number of its first record.
    pub first_seqno: u64,
    /// The mark of the segment before.
    pub mark_before: u64,
    /// Records of the segment before that it begins with.
    pub taken_over: Option<Vec<(u64, Bytes)>>,
}

/// The segment at the end.
#[derive(Debug)]
pub(super) enum Tail {
    /// It does not exist yet.
    ToCome(NextSegment),
    /// It is written to.
    Begun(SegmentWriter),
}

impl Tail {
    /// The segment, to be written. Errors: it does not exist yet.
    pub fn begun(&mut self) -> Result<&mut SegmentWriter> {
        match self {
            Self::ToCome(_) => Err(not_begun()),
            Self::Begun(segment) => Ok(segment),
        }
    }
    /// Its number, the offset before which all is durable, and its mark.
    pub fn durable_end(&self) -> (u64, u64, u64) {
        match self {
            Self::ToCome(next) => (next.number, 0, 0),
            Self::Begun(segment) => (segment.info().number, segment.synced_to(), segment.mark()),
        }
    }
}

/// The error of a write before the log has begun.
pub(super) fn not_begun() -> Error {
    Error::unsupported("the log takes no records before its segment has begun")
}
