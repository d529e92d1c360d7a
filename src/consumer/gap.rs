//! Records that were removed because of their age before a consumer had processed them.

use crate::{
    error::{Error, ErrorKind, Result},
    stream::Sequence,
};

/// Records of a shard that were removed because of their age before a consumer had processed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Number of the shard, with which its id ends.
    pub shard: u64,
    /// Records before this place were processed; `None` if the consumer never came to the shard.
    pub from: Option<Sequence>,
    /// Records from this place on are there; `None` if the shard itself is gone. Whether there were any between `from` and
    /// its end is not known then.
    pub to: Option<Sequence>,
}

/// The gaps that a worker found, and what it does about them.
#[derive(Debug)]
pub(super) struct Gaps {
    consumer: String,
    retention_millis: u64,
    /// Whether reading goes on behind a gap.
    pub skip: bool,
    /// All that were found.
    pub found: Vec<Gap>,
    /// Those that no batch has told of.
    unreported: Vec<Gap>,
}

impl Gaps {
    pub fn new(consumer: &str, retention_millis: u64) -> Self {
        let (found, unreported) = (Vec::new(), Vec::new());
        Self { consumer: consumer.to_owned(), retention_millis, skip: false, found, unreported }
    }

    /// Takes note of a gap; an error unless the consumer skips it.
    pub fn note(&mut self, gap: Gap) -> Result<()> {
        if !self.found.contains(&gap) {
            self.found.push(gap);
        }
        if !self.skip {
            let text = format!(
                "records of shard {} are gone that consumer {} had not processed: it was away for longer than the {} hours for \
                 which records are kept; make anew what depends on them, then let the consumer go on with `skip_expired`",
                gap.shard,
                self.consumer,
                self.retention_millis / 3_600_000
            );
            return Err(Error::new(ErrorKind::Expired, "TrimmedDataAccessException", text));
        }
        if !self.unreported.contains(&gap) {
            self.unreported.push(gap);
        }
        Ok(())
    }

    /// Gaps that no batch has told of, once.
    pub fn take_unreported(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.unreported)
    }
}
