//! A database as it was after an earlier commit: an engine of its own, over files that the database keeps for it.
//!
//! It is opened as a crash image is: the runs that a base names, and the log replayed in memory up to the commit. What
//! opening has to write goes into an overlay in memory, so that nothing is copied and the folder is not changed.

use super::{engine::Engine, kept::Hold};
use crate::{
    config::Options,
    error::{Error, Result},
    file::{Disk, FileName, OverlayDisk, PartDisk},
    manifest::{Manifest, ManifestState, read_base},
    wal::{LogBounds, ReadUntil},
};
use std::sync::Arc;

/// A moment at which a database is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// With everything that was acknowledged before the call.
    #[default]
    Now,
    /// Right after the commit with this number.
    Commit(u64),
    /// With every commit whose time is at most this, in milliseconds since 1970. The time of a commit is the highest of all
    /// commits up to it, so that it never falls.
    Instant(u64),
}

/// An engine that reads a database as it was.
#[derive(Debug)]
pub struct EngineAtMoment {
    /// It takes no writes.
    pub engine: Arc<Engine>,
    /// Number of the last commit that it has.
    pub commit: u64,
    /// The highest time of all commits up to that one, in milliseconds since 1970.
    pub at_millis: u64,
    /// The disk of the database, and where its log begins and ends for this moment.
    pub(super) origin: Arc<dyn Disk>,
    pub(super) log: LogBounds,
    /// What is read stays on disk.
    _hold: Hold,
}

/// Where reading begins, and where it stops.
struct Cut {
    state: ManifestState,
    hold: Hold,
    until: ReadUntil,
    /// No commit of the state was logged later.
    at_millis: u64,
}

impl Engine {
    /// The database as it was at a moment.
    pub fn at_moment(&self, moment: Moment) -> Result<EngineAtMoment> {
        let _work = self.gate.enter()?;
        self.read_beside_writers(|| self.read_moment(moment))
    }

    fn read_moment(&self, moment: Moment) -> Result<EngineAtMoment> {
        let Cut { mut state, hold, until, at_millis } = match moment {
            Moment::Now => self.cut_now()?,
            Moment::Commit(commit) => self.cut_at_commit(commit)?,
            Moment::Instant(millis) => self.cut_at_instant(millis)?,
        };
        // Change streams are read where they go on.
        state.streams.clear();
        state.shards.clear();
        state.stream_segments.clear();
        let origin = self.files.disk.clone();
        let runs = state.live_runs();
        let files = origin.list()?.into_iter().filter(|name| match name {
            FileName::Run(number) => runs.contains(number),
            FileName::Log(number) => *number >= state.log.first_segment,
            _ => false,
        });
        let disk = Arc::new(OverlayDisk::over_own(Arc::new(PartDisk::new(origin.clone(), files.collect()))));
        Manifest::write_to(&*disk, &self.files.protection, &state)?;
        let options = Self::options_to_read(Options { encryption: self.encryption(), ..self.options.clone() });
        let engine = Self::open_until(disk, options, until)?;
        let commit = engine.recovery.last_commit;
        if let ReadUntil::Commit(wanted) = until
            && commit != wanted
        {
            return Err(self.outside_history(&format!("commit {wanted}")));
        }
        engine.end_writing();
        let at_millis = at_millis.max(engine.history.stamp_millis());
        Ok(EngineAtMoment { engine: Arc::new(engine), commit, at_millis, origin, log: state.log, _hold: hold })
    }

    /// The same, for a database that is read and nothing else.
    pub(super) fn options_to_read(options: Options) -> Options {
        Options {
            background: false,
            creating_millis: 0,
            observer: None,
            conflicts: None,
            capacity: None,
            history: None,
            ..options
        }
    }

    fn cut_now(&self) -> Result<Cut> {
        // All that was acknowledged is in it too.
        let (state, hold, last) = self.alive_now();
        let at_millis = self.history.stamp_millis();
        self.wal.sync(last)?;
        Ok(Cut { state, hold, until: ReadUntil::Commit(last), at_millis })
    }

    fn cut_at_commit(&self, commit: u64) -> Result<Cut> {
        let what = || format!("commit {commit}");
        if commit > self.wal.last_seqno() {
            return Err(self.outside_history(&what()));
        }
        self.wal.sync(commit)?;
        self.cut_from_base(|base_commit, _| base_commit <= commit, ReadUntil::Commit(commit), &what)
    }

    fn cut_at_instant(&self, millis: u64) -> Result<Cut> {
        let what = || format!("the instant {millis} ms");
        if millis > self.options.clock.now_millis().max(self.history.stamp_millis()) {
            return Err(self.outside_history(&what()));
        }
        if self.history.is_on() {
            let now = self.cut_now()?;
            if now.at_millis <= millis {
                return Ok(now); // nothing was logged later
            }
        }
        self.cut_from_base(|_, base_millis| base_millis <= millis, ReadUntil::Time(millis), &what)
    }

    /// From the last base that serves.
    fn cut_from_base(
        &self,
        serves: impl Fn(u64, u64) -> bool,
        until: ReadUntil,
        what: &dyn Fn() -> String,
    ) -> Result<Cut> {
        let found = {
            let bases = self.history.bases.lock();
            let base = bases.iter().rfind(|base| serves(base.facts.seqno, base.facts.stamp_millis));
            base.map(|base| (base.facts.clone(), base.hold.again()))
        };
        let Some((facts, hold)) = found else { return Err(self.outside_history(&what())) };
        // What is known of the log now: it was opened since, perhaps, and goes on in other segments.
        let known = self.files.manifest().state().log.clone();
        let is_plain = facts.segment < known.encrypted_from;
        let mut state = read_base(&*self.files.disk, &self.files.protection, facts.file, is_plain)?;
        let hold = hold.without_base();
        let first_segment = hold.first_segment();
        // The manifest forgets where segments end once no base needs them, and this base may have been dropped meanwhile.
        let mut ends = std::mem::take(&mut state.log.ends);
        ends.extend(known.ends.clone());
        state.log = LogBounds { first_segment, ends, kept_from: None, ..known };
        state.log.keep_from(None);
        if state.live_runs().into_iter().ne(facts.runs.iter().copied()) {
            let name = FileName::Base(facts.file);
            return Err(Error::corrupt(name, 0, "it names other runs than the manifest says"));
        }
        Ok(Cut { state, hold, until, at_millis: facts.stamp_millis })
    }
}
