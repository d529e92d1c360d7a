//! What the entries of one timeline lead to: its bases, and the log that leads on from each.
//!
//! The log of a timeline is in one piece, but where the archiver was away for so long that a part of it was gone: there an
//! entry says that it follows a gap, and brings a base. A chain is what is between two gaps.

use super::{
    catalog::{BaseEntry, Entry},
    place::ArchivePlace,
};
use crate::{
    engine::{Moment, Point},
    error::Result,
};

/// Entries of one timeline whose log is in one piece, oldest first. Never empty.
#[derive(Clone, Debug)]
pub(super) struct Chain<'a> {
    pub timeline: u64,
    entries: Vec<&'a Entry>,
    /// Entries of the timeline follow, behind a gap.
    has_gap_behind: bool,
}

/// The chains of all timelines: timelines in the order in which they began, and the chains of each, oldest first.
pub(super) fn chains(entries: &[Entry]) -> Vec<Chain<'_>> {
    let mut timelines: Vec<u64> = Vec::new();
    entries.iter().map(|entry| entry.timeline).for_each(|timeline| {
        if !timelines.contains(&timeline) {
            timelines.push(timeline);
        }
    });
    let mut chains: Vec<Chain<'_>> = Vec::new();
    for timeline in timelines {
        let mut is_first = true;
        for entry in entries.iter().filter(|entry| entry.timeline == timeline) {
            match chains.last_mut().filter(|_| !is_first && !entry.follows_gap()) {
                Some(chain) => chain.entries.push(entry),
                None => {
                    if let Some(before) = chains.last_mut().filter(|_| !is_first) {
                        before.has_gap_behind = true;
                    }
                    chains.push(Chain { timeline, entries: vec![entry], has_gap_behind: false });
                }
            }
            is_first = false;
        }
    }
    chains
}

impl<'a> Chain<'a> {
    /// The entries, oldest first.
    pub fn entries(&self) -> &[&'a Entry] {
        &self.entries
    }
    /// Where its timeline left another one.
    pub fn parent(&self) -> Option<(u64, u64)> {
        self.entries.first().and_then(|entry| entry.parent)
    }
    /// The last commit that it has.
    pub fn latest(&self) -> Point {
        self.entries
            .last()
            .map_or(Point { commit: 0, at_millis: 0 }, |last| Point { commit: last.commit, at_millis: last.at_millis })
    }
    /// The bases whose log is there, with the numbers of their entries, oldest first. The log of others was removed.
    pub fn bases(&self) -> Vec<(u64, &'a BaseEntry)> {
        let log_from = self.entries.first().map_or((u64::MAX, 0), |first| first.log_from);
        let bases = self.entries.iter().filter_map(|entry| Some((entry.number, entry.base.as_ref()?)));
        bases.filter(|(_, base)| (base.first_segment, 0) >= log_from).collect()
    }
    /// The newest base that serves a moment, if the log from there on leads to it.
    pub fn base_for(&self, moment: Moment) -> Option<&'a BaseEntry> {
        let last = self.latest();
        let reaches = match moment {
            Moment::Now => true,
            Moment::Commit(wanted) => wanted <= last.commit,
            // What was committed in a gap may be as early as the last commit before it.
            Moment::Instant(millis) => !self.has_gap_behind || millis < last.at_millis,
        };
        let serves = |base: &BaseEntry| match moment {
            Moment::Now => true,
            Moment::Commit(wanted) => base.commit <= wanted,
            Moment::Instant(millis) => base.at_millis <= millis,
        };
        let mut bases = self.bases().into_iter().rev().map(|(_, base)| base);
        bases.find(|base| reaches && serves(base))
    }
    /// The first entry that is needed to restore from a base.
    pub fn first_needed(&self, number: u64, base: &BaseEntry) -> u64 {
        let holds_log = |entry: &&&Entry| entry.log_to > (base.first_segment, 0);
        self.entries.iter().find(holds_log).map_or(number, |entry| entry.number.min(number))
    }
    /// Errors: entries whose parts of the log do not follow one another.
    pub fn check(&self, place: &ArchivePlace) -> Result<()> {
        for (before, entry) in self.entries.iter().zip(self.entries.iter().skip(1)) {
            if before.log_to != entry.log_from {
                let what = "its log does not follow that of the entry before it";
                return Err(place.damaged(&Entry::name(entry.number), what));
            }
        }
        Ok(())
    }
}
