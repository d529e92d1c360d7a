//! The highest sequence number that readers may see.
//!
//! Writers see what is pending, readers see what is durable. The line between the two is one number: every commit up
//! to it is on stable storage. The leader of a sync of the log moves it; it never moves back. It says nothing about
//! memtables: a commit below it may still be on its way into them, until its writer says so (`Wal::applied`).
//!
//! Imports: nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// The visible point: commits with a sequence number at or below it are durable.
#[derive(Debug, Default)]
pub struct Visible(AtomicU64);

impl Visible {
    /// A visible point at `seqno`.
    pub fn new(seqno: u64) -> Self {
        Self(AtomicU64::new(seqno))
    }

    /// The highest visible sequence number. What was written before the point moved here is seen by the caller.
    #[inline]
    pub fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Moves the point up to `seqno`; a lower number changes nothing.
    #[inline]
    pub(crate) fn advance(&self, seqno: u64) {
        self.0.fetch_max(seqno, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_moves_back() {
        let visible = Visible::new(5);
        visible.advance(3);
        assert_eq!(visible.load(), 5);
        visible.advance(9);
        assert_eq!(visible.load(), 9);
    }
}
