//! Frames on their way from writers to the segment at the end.
//!
//! A writer copies its record into one buffer, behind those of others. A large image of an item is not copied: the buffer keeps a
//! reference to the memory that it is in already, the checksum of the frame goes over it there, and from there it is handed to
//! the operating system. In an encrypted log all of a frame is copied, since it is encrypted in place.

use crate::{
    error::Result,
    format::{
        frame::{self, FrameKind},
        frame_protection::FrameProtection,
    },
};
use bytes::Bytes;

/// An image of at least so many bytes is not copied: a second call to the operating system costs less than the copy.
pub(super) const SHARED_BYTES: usize = 16 << 10;

/// Frames, one behind the other.
#[derive(Debug, Default)]
pub(super) struct FrameBuffer {
    bytes: Vec<u8>,
    /// What is elsewhere, each with the number of bytes that it comes behind.
    shared: Vec<(usize, Bytes)>,
    /// The end of the last complete frame.
    filled: Place,
}

/// A place between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    bytes: usize,
    shared: usize,
}

/// A record that is being written.
#[derive(Debug)]
pub struct RecordBuffer<'b> {
    bytes: &'b mut Vec<u8>,
    shared: &'b mut Vec<(usize, Bytes)>,
    /// Where the record begins.
    start: Place,
    may_share: bool,
}

impl RecordBuffer<'_> {
    /// Where bytes are copied to, at the end.
    #[inline]
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        self.bytes
    }
    /// Adds bytes that are elsewhere already.
    #[inline]
    pub fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() >= SHARED_BYTES && self.may_share {
            self.shared.push((self.bytes.len(), bytes.clone()));
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
    /// Length of the record so far, in bytes.
    pub fn record_bytes(&self) -> usize {
        self.bytes.len() - self.start.bytes + shared_bytes(&self.shared[self.start.shared..])
    }
}

/// One frame of a buffer.
pub(super) struct BufferedFrame<'b> {
    bytes: &'b mut [u8],
    /// Where `bytes` begin in the buffer.
    start: usize,
    shared: &'b [(usize, Bytes)],
    /// Length of the frame, in bytes.
    pub(super) len: usize,
    /// Where the next one begins.
    pub(super) end: Place,
}

impl BufferedFrame<'_> {
    /// The number of its record.
    pub(super) fn seqno(&self) -> Option<u64> {
        frame::frame_seqno(self.bytes)
    }
    /// Finishes it, once its place in the file is known.
    pub(super) fn stamp(&mut self, protection: &mut FrameProtection, offset: u64, synced_to: u64) -> Result<()> {
        if self.shared.is_empty() {
            return protection.stamp(self.bytes, offset, synced_to);
        }
        let start = self.start;
        let shared = self.shared.iter().map(|(behind, bytes)| (behind - start, &bytes[..]));
        protection.stamp_with_shared(self.bytes, shared, offset, synced_to)
    }
}

impl FrameBuffer {
    /// Adds the frame of a record that `fill` writes; `trailer_bytes` are what the protection of the log puts behind its
    /// payload. Errors: the record is too large, and is not added.
    #[inline]
    pub(super) fn append(
        &mut self,
        seqno: u64,
        trailer_bytes: usize,
        fill: impl FnOnce(&mut RecordBuffer<'_>),
    ) -> Result<()> {
        self.cut();
        let start = self.filled;
        frame::begin(&mut self.bytes, seqno, FrameKind::Data);
        let begun = Place { bytes: self.bytes.len(), ..start };
        let may_share = trailer_bytes == 0;
        fill(&mut RecordBuffer { bytes: &mut self.bytes, shared: &mut self.shared, start: begun, may_share });
        let shared_bytes = shared_bytes(&self.shared[start.shared..]);
        frame::end_with_shared(&mut self.bytes, start.bytes, trailer_bytes, shared_bytes)?;
        self.filled = Place { bytes: self.bytes.len(), shared: self.shared.len() };
        Ok(())
    }

    /// Removes what is behind the last complete frame.
    pub(super) fn cut(&mut self) {
        self.bytes.truncate(self.filled.bytes);
        self.shared.truncate(self.filled.shared);
    }

    /// Bytes of all frames.
    pub(super) fn len(&self) -> usize {
        self.filled.bytes + shared_bytes(&self.shared[..self.filled.shared])
    }
    pub(super) fn is_empty(&self) -> bool {
        self.filled == Place::default()
    }
    /// Bytes of memory that the buffer itself keeps when it is emptied.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
    /// Removes all frames.
    pub(super) fn clear(&mut self) {
        self.filled = Place::default();
        self.cut();
    }

    /// The frame at a place; `None` at the end.
    pub(super) fn frame_at(&mut self, at: Place) -> Option<BufferedFrame<'_>> {
        let len = frame::frame_bytes(self.bytes.get(at.bytes..self.filled.bytes)?)?;
        let (mut own, mut end) = (len, at);
        while let Some((behind, bytes)) = self.shared.get(end.shared).filter(|_| end.shared < self.filled.shared) {
            // What belongs to a later frame comes at least a header behind the end of this one.
            let Some(rest) = own.checked_sub(bytes.len()).filter(|rest| *behind <= at.bytes + rest) else { break };
            (own, end.shared) = (rest, end.shared + 1);
        }
        end.bytes = at.bytes + own;
        let (bytes, shared) = (self.bytes.get_mut(at.bytes..end.bytes)?, self.shared.get(at.shared..end.shared)?);
        Some(BufferedFrame { bytes, start: at.bytes, shared, len, end })
    }

    /// Behind the last frame.
    #[inline]
    pub(super) fn end(&self) -> Place {
        self.filled
    }

    /// What is between two places, if all of it was copied.
    #[inline]
    pub(super) fn in_one_piece(&self, from: Place, to: Place) -> Option<&[u8]> {
        if from.shared == to.shared { self.bytes.get(from.bytes..to.bytes) } else { None }
    }

    /// What is between two places, in pieces.
    pub(super) fn pieces(&self, from: Place, to: Place) -> impl Iterator<Item = &[u8]> {
        let shared = self.shared.get(from.shared..to.shared).unwrap_or_default();
        let ends = shared.iter().map(|(behind, _)| *behind).chain([to.bytes]);
        let starts = [from.bytes].into_iter().chain(shared.iter().map(|(behind, _)| *behind));
        let own = starts.zip(ends).map(|(start, end)| self.bytes.get(start..end).unwrap_or_default());
        let others = shared.iter().map(|(_, bytes)| &bytes[..]).chain([&[][..]]);
        own.zip(others).flat_map(|(own, other)| [own, other]).filter(|piece| !piece.is_empty())
    }
}

fn shared_bytes(shared: &[(usize, Bytes)]) -> usize {
    shared.iter().map(|(_, bytes)| bytes.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{frame::FRAME_HEADER_BYTES, header::FileMagic};

    /// Frames with and without shared parts, at their begins, at their ends and side by side.
    fn records() -> Vec<Vec<Vec<u8>>> {
        let (small, large) = (vec![1; 10], vec![2; SHARED_BYTES]);
        vec![
            vec![small.clone()],
            vec![small.clone(), large.clone()],
            vec![large.clone()],
            vec![large.clone(), vec![3; SHARED_BYTES + 7], small.clone()],
            vec![],
            vec![small.clone(), large.clone(), small.clone(), large],
            vec![small],
        ]
    }

    fn filled(shares: bool) -> FrameBuffer {
        let mut buffer = FrameBuffer::default();
        for (seqno, record) in (1..).zip(records()) {
            let fill = |out: &mut RecordBuffer<'_>| {
                out.may_share &= shares;
                record.iter().for_each(|part| out.put_shared(&Bytes::from(part.clone())));
            };
            buffer.append(seqno, 0, fill).unwrap();
        }
        buffer
    }

    fn stamped(buffer: &mut FrameBuffer) -> (Vec<u64>, Vec<u8>) {
        let mut protection = FrameProtection::of_checksums(FileMagic::Log, 7, 9);
        let (mut at, mut offset, mut seqnos) = (Place::default(), 64, Vec::new());
        while let Some(mut frame) = buffer.frame_at(at) {
            frame.stamp(&mut protection, offset, 64).unwrap();
            seqnos.push(frame.seqno().unwrap());
            (at, offset) = (frame.end, offset + frame.len as u64);
        }
        assert_eq!((at, offset), (buffer.filled, 64 + buffer.len() as u64));
        (seqnos, buffer.pieces(Place::default(), at).flatten().copied().collect())
    }

    #[test]
    fn what_is_shared_is_written_as_if_it_were_copied() {
        let (mut shared, mut copied) = (filled(true), filled(false));
        assert_eq!((shared.shared.len(), copied.shared.len()), (6, 0));
        assert!(shared.bytes.len() < 8 * (FRAME_HEADER_BYTES + 20));
        assert_eq!(stamped(&mut shared), stamped(&mut copied));
    }

    #[test]
    fn a_frame_that_is_refused_leaves_nothing() {
        let mut buffer = filled(true);
        let before = stamped(&mut buffer);
        let large = Bytes::from(vec![0; frame::MAX_PAYLOAD_BYTES]);
        let refused = buffer.append(9, 0, |out| {
            out.put_shared(&large);
            out.bytes().push(1);
        });
        assert!(refused.is_err());
        buffer.cut();
        assert_eq!(stamped(&mut buffer), before);
        buffer.append(9, 0, |out| out.put_shared(&large)).unwrap();
        assert_eq!(stamped(&mut buffer).0.last(), Some(&9));
        buffer.clear();
        assert!(buffer.is_empty() && buffer.frame_at(Place::default()).is_none());
    }

    #[test]
    fn what_will_be_encrypted_is_copied() {
        let mut buffer = FrameBuffer::default();
        buffer.append(1, 16, |out| out.put_shared(&Bytes::from(vec![0; SHARED_BYTES]))).unwrap();
        assert!(buffer.shared.is_empty());
    }
}
