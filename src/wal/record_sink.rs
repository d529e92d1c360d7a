//! Where a record is written to: memory of its own, or the buffer of the log, which need not copy all of it.

use super::RecordBuffer;
use bytes::Bytes;

/// Where a record is written to.
pub trait RecordSink {
    /// Where bytes are copied to, at the end.
    fn bytes(&mut self) -> &mut Vec<u8>;
    /// Adds bytes that are elsewhere already.
    fn put_shared(&mut self, bytes: &Bytes);
}

impl RecordSink for Vec<u8> {
    #[inline]
    fn bytes(&mut self) -> &mut Vec<u8> {
        self
    }
    fn put_shared(&mut self, bytes: &Bytes) {
        self.extend_from_slice(bytes);
    }
}

impl RecordSink for RecordBuffer<'_> {
    #[inline]
    fn bytes(&mut self) -> &mut Vec<u8> {
        self.bytes()
    }
    fn put_shared(&mut self, bytes: &Bytes) {
        self.put_shared(bytes);
    }
}
