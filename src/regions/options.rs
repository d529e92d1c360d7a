//! How a world is opened, and how its links behave.

use super::World;
use crate::{
    clock::Clock,
    database::OpenOptions,
    error::{Error, Result},
    faults::Delay,
    file::Disk,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The longest lag of a link, in milliseconds: 30 days.
const LONGEST_LAG_MILLIS: u64 = 30 * 24 * 3600 * 1000;
/// Most regions of a world.
const MAX_REGIONS: usize = 32;

/// How a link between two regions behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkModel {
    /// How long a change takes from its commit until it arrives. Changes of one item arrive in the order in which they were
    /// made, those of different items in any order that their delays give. Default 800 ms, always.
    pub lag: Delay,
    /// Changes of a thousand that arrive a second time, after another delay: a test of what is applied twice. Default 0.
    pub repeats_per_thousand: u32,
}

impl Default for LinkModel {
    fn default() -> Self {
        Self { lag: Delay::Fixed(800), repeats_per_thousand: 0 }
    }
}

impl LinkModel {
    /// Changes take so long, and arrive once.
    pub fn lag(lag: Delay) -> Self {
        Self { lag, ..Self::default() }
    }
    /// Rejects numbers that are none.
    pub(super) fn check(self) -> Result<Self> {
        if self.lag.largest_millis() > LONGEST_LAG_MILLIS {
            return Err(Error::validation("the lag of a link is at most 30 days"));
        }
        if self.repeats_per_thousand > 1_000 {
            return Err(Error::validation("at most 1,000 of a thousand changes can arrive twice"));
        }
        Ok(self)
    }
}

/// Where the database of a region is.
#[derive(Clone, Debug)]
pub(super) enum DatabaseLocation {
    Memory,
    Folder(PathBuf),
    Disk(Arc<dyn Disk>),
}

/// How a world is opened; begins with [`World::options`].
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `open`"]
pub struct WorldOptions {
    pub(super) regions: Vec<(String, DatabaseLocation)>,
    pub(super) clock: Option<Clock>,
    pub(super) seed: u64,
    pub(super) link: LinkModel,
    pub(super) database: OpenOptions,
    pub(super) is_stepped: bool,
    pub(super) pending_bytes: usize,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            regions: Vec::new(),
            clock: None,
            seed: 0,
            link: LinkModel::default(),
            database: OpenOptions::default(),
            is_stepped: false,
            pending_bytes: 64 << 20,
        }
    }
}

impl WorldOptions {
    /// Adds a region whose database is in memory. Names are those of DynamoDB's regions, or any of 1 to 64 letters, digits and
    /// hyphens.
    pub fn region(self, name: impl Into<String>) -> Self {
        self.at(name, DatabaseLocation::Memory)
    }
    /// Adds a region whose database is in a folder, which is created where there is none.
    pub fn region_in(self, name: impl Into<String>, folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref().to_owned();
        self.at(name, DatabaseLocation::Folder(folder))
    }
    /// Adds a region whose database is on a disk: for disks of one's own, and for tests on the simulated one.
    pub fn region_on(self, name: impl Into<String>, disk: Arc<dyn Disk>) -> Self {
        self.at(name, DatabaseLocation::Disk(disk))
    }
    fn at(mut self, name: impl Into<String>, place: DatabaseLocation) -> Self {
        self.regions.push((name.into(), place));
        self
    }
    /// Source of time. With a manual clock nothing happens by itself: [`World::advance`] moves it and carries out what is due.
    /// Default: the system clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }
    /// Seed of the delays of all links. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
    /// How links behave, until [`World::set_link`] says otherwise.
    pub fn link(mut self, model: LinkModel) -> Self {
        self.link = model;
        self
    }
    /// How the database of each region is opened. The clock is the world's.
    pub fn database(mut self, options: OpenOptions) -> Self {
        self.database = options;
        self
    }
    /// Carries nothing over by a thread, also with the system clock: [`World::step`] does. Default false.
    pub fn stepped(mut self, is_stepped: bool) -> Self {
        self.is_stepped = is_stepped;
        self
    }
    /// Bytes of changes that each link keeps in memory while they are on their way, about, and at least one change. What is behind
    /// them stays in the log of the sender. Default 64 MiB.
    pub fn pending_bytes(mut self, bytes: usize) -> Self {
        self.pending_bytes = bytes;
        self
    }
    /// Opens the databases of all regions. Tables that are replicas of each other stay so, also with
    /// those in regions that are left out this time. Errors: fewer than one region or more
    /// than 32, a name that is none or comes twice, a link that cannot be, a database whose replicas are those of a region with another
    /// name; those of opening a database.
    pub fn open(self) -> Result<World> {
        self.link.check()?;
        if self.regions.is_empty() || self.regions.len() > MAX_REGIONS {
            return Err(Error::validation(format!("a world has 1 to {MAX_REGIONS} regions")));
        }
        for (at, (name, _)) in self.regions.iter().enumerate() {
            let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if !(1..=64).contains(&name.len()) || !name.bytes().all(is_sound) {
                let text = format!("{name:?} names no region; 1 to 64 letters, digits and hyphens do");
                return Err(Error::validation(text));
            }
            if self.regions[..at].iter().any(|(other, _)| other == name) {
                return Err(Error::validation(format!("region {name} comes twice")));
            }
        }
        World::open(self)
    }
}
