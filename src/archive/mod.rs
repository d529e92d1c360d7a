//! Archives: a second copy of a database and of its history in another place, from which it comes back as it was after any
//! commit.
//!
//! [`catalog`] says what an archive holds, [`archiver`] brings it there, and this module reads it: status, verification,
//! [removal](prune) of what is older than wanted, and [restore].
//!
//! Imports: canary, error, cipher, observe, config, file, format, wal, manifest, engine.

mod archiver;
mod archiving;
mod catalog;
mod chain;
mod digests;
mod entry_file;
mod place;
mod prune;
mod restore;

pub use archiver::{ArchiveMode, ArchiveOptions, Backlog};
pub use archiving::Archiving;
pub use place::ArchivePlace;
pub use prune::Pruned;
pub use restore::RestorePoint;

use crate::{
    engine::Point,
    error::{Error, Result},
};
use catalog::{Entry, copy, read_entries, read_id};
use chain::chains;
use serde::Serialize;
use std::collections::BTreeMap;

/// An archive, for reading. It shows what was there when it was opened.
#[derive(Clone, Debug)]
pub struct Archive {
    place: ArchivePlace,
    database_id: u64,
    /// Oldest first.
    entries: Vec<Entry>,
}

/// What can be restored of one timeline: what one copy of the database archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineStatus {
    /// Its number.
    pub timeline: u64,
    /// The timeline that it left, and its last commit there.
    pub parent: Option<(u64, u64)>,
    /// The earliest commit that can be restored.
    pub earliest: Point,
    /// The last commit that can be restored.
    pub latest: Point,
    /// Bases from which a restore can begin.
    pub bases: usize,
    /// Places at which the log does not lead on: commits there cannot be restored, those before and behind can.
    pub gaps: usize,
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArchiveStatus {
    /// The number of the database.
    pub database_id: u64,
    /// In the order in which they began.
    pub timelines: Vec<TimelineStatus>,
    /// Whether it is the archive of an encrypted database: its key is needed to restore.
    pub is_encrypted: bool,
    /// Objects that count, entries of the catalog not included.
    pub objects: usize,
    /// Their bytes, and those of log that entries hold.
    pub bytes: u64,
    /// Entries of the catalog.
    pub entries: usize,
}

impl Archive {
    /// Reads the catalog of an archive. Errors: there is none, damage of the catalog, the place cannot be read.
    pub fn open(place: ArchivePlace) -> Result<Self> {
        let entries = read_entries(&place)?;
        match read_id(&place)?.filter(|_| !entries.is_empty()) {
            Some(database_id) => Ok(Self { place, database_id, entries }),
            None => Err(Error::not_found(format!("there is no archive in {place}"))),
        }
    }

    /// What can be restored.
    pub fn status(&self) -> ArchiveStatus {
        let mut timelines: Vec<TimelineStatus> = Vec::new();
        for chain in chains(&self.entries) {
            let (bases, latest) = (chain.bases(), chain.latest());
            let Some((_, first)) = bases.first() else { continue };
            match timelines.iter_mut().find(|known| known.timeline == chain.timeline) {
                Some(known) => {
                    known.bases += bases.len();
                    known.gaps += 1;
                    known.latest = latest;
                }
                None => timelines.push(TimelineStatus {
                    timeline: chain.timeline,
                    parent: chain.parent(),
                    earliest: Point { commit: first.commit, at_millis: first.at_millis },
                    latest,
                    bases: bases.len(),
                    gaps: 0,
                }),
            }
        }
        let objects: BTreeMap<String, u64> =
            self.entries.iter().flat_map(Entry::objects).map(|object| (object.name, object.bytes)).collect();
        ArchiveStatus {
            database_id: self.database_id,
            timelines,
            is_encrypted: self.entries.iter().any(|entry| entry.keys.is_some()),
            objects: objects.len(),
            bytes: objects
                .values()
                .copied()
                .chain(self.entries.iter().map(Entry::inline_bytes))
                .fold(0, u64::saturating_add),
            entries: self.entries.len(),
        }
    }

    /// Reads every object that counts and compares it with what the catalog says of it, and the catalog with itself: after it,
    /// every commit that [`Archive::status`] promises can be restored. Errors: the first object that is missing or damaged,
    /// by its name; the place cannot be read.
    pub fn verify(&self) -> Result<ArchiveStatus> {
        for chain in chains(&self.entries) {
            chain.check(&self.place)?;
        }
        let objects = self.entries.iter().flat_map(Entry::objects).map(|object| (object.name.clone(), object));
        for object in objects.collect::<BTreeMap<_, _>>().values() {
            copy(&self.place, object, &mut |_| Ok(()))?;
        }
        Ok(self.status())
    }
}
