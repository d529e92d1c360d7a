//! Keeping history: with it, the database can be read as it was after any commit of the last days.
//!
//! A base is what the manifest said at a moment, in a file of its own. With it are kept the runs that it names and the log
//! from the first segment that its memtables needed then, so that base and log lead to every later commit, as the manifest
//! and the log lead a recovery to the last one.
//!
//! ```text
//!   base 1            base 2            base 3
//!     |                 |                 |
//!     v                 v                 v
//!   --1---2---3---4---5---6---7---8---9---10--11--      commits, one record of the log each
//!                             ^
//!                             read as it was after 7: the runs of base 2, and records up to 7 replayed in memory
//! ```
//!
//! A base is taken for every so many bytes of log, and before the log tells of something whose data it does not have: an
//! index that was filled, a table that was loaded. A base goes once the next one serves all that must still be read.
//!
//! The time of a commit is the highest time of all commits up to it, so that it never falls even where the clock does. A
//! change of the schema has no time in its record; while history is kept, an empty commit goes before it and tells the time.

use super::{archiving::Gates, engine::Engine, kept::Hold};
use crate::{
    canary::canary,
    config::HistoryOptions,
    error::{Detail, Error, ErrorKind, Result},
    file::FileName,
    manifest::{BaseMeta, Edit, HistoryMeta, ManifestState, write_base},
    observe::{Job, Subject},
    sync::{Mutex, OrderedMutex, Rank},
    wal::record::{CommitHeader, encode_commit},
};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

/// What is known of a commit in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Number of the commit.
    pub commit: u64,
    /// The highest time of all commits up to this one, in milliseconds since 1970.
    pub at_millis: u64,
}

/// From when to when the database can be read as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryWindow {
    /// The first commit after which it can be read.
    pub earliest: Point,
    /// The last commit.
    pub latest: Point,
    /// Bytes of log segments that only history needs.
    pub log_bytes: u64,
    /// Bases that there are.
    pub bases: usize,
}

/// A base, and the files that stay because of it.
#[derive(Debug)]
pub(super) struct Base {
    pub facts: BaseMeta,
    pub hold: Hold,
}

/// The history of a database.
pub(super) struct History {
    is_on: AtomicBool,
    /// The highest time of a commit that was logged, in milliseconds since 1970.
    stamp_millis: AtomicU64,
    /// Oldest first. Innermost, but for the files that are held.
    pub bases: Mutex<Vec<Base>>,
    /// The commit of the last base without which the log behind it tells of something whose data it does not have.
    needed_commit: AtomicU64,
    /// What commits wait for besides the log, where they do.
    pub commit_gates: Gates,
    /// Number of archivers that need the history. While it is above 0, history cannot be turned off.
    needed_by: AtomicUsize,
    /// One base is taken or dropped at a time.
    changing: OrderedMutex<()>,
}

/// An archiver's need of history: while this value lives, the database cannot turn its history off.
pub struct HistoryNeed(Arc<Engine>);

impl Drop for HistoryNeed {
    fn drop(&mut self) {
        self.0.history.needed_by.fetch_sub(1, Ordering::Relaxed);
    }
}

impl History {
    /// What the manifest and the log say.
    pub fn new(state: &ManifestState, bases: Vec<Base>, replayed_millis: u64) -> Self {
        let of_trimmed = state.history.map_or(0, |history| history.stamp_millis);
        let of_bases = state.bases.values().map(|base| base.stamp_millis).max().unwrap_or(0);
        Self {
            is_on: AtomicBool::new(state.history.is_some()),
            stamp_millis: AtomicU64::new(replayed_millis.max(of_trimmed).max(of_bases)),
            // Which of them are needed is not written down: each may be.
            needed_commit: AtomicU64::new(state.bases.values().map(|base| base.seqno).max().unwrap_or(0)),
            bases: Mutex::new(bases),
            commit_gates: Gates::default(),
            needed_by: AtomicUsize::new(0),
            changing: OrderedMutex::new(Rank::History, ()),
        }
    }
    /// A commit is logged with this time. The log's lock is held.
    #[inline]
    pub fn note(&self, at_millis: u64) {
        if at_millis > self.stamp_millis.load(Ordering::Relaxed) || canary!(TimeOfOneCommit) {
            self.stamp_millis.store(at_millis, Ordering::Relaxed);
        }
    }
    /// No commit so far was logged later than this.
    pub fn stamp_millis(&self) -> u64 {
        self.stamp_millis.load(Ordering::Relaxed)
    }
    /// Whether history is kept.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }
}

impl Engine {
    /// Keeps history from now on, or changes for how long.
    pub fn keep_history(&self, options: HistoryOptions) -> Result<()> {
        options.check()?;
        let _work = self.gate.enter()?;
        let has_none = {
            let _one = self.history.changing.lock();
            let history = HistoryMeta {
                retention_millis: options.retention_secs.saturating_mul(1000),
                base_bytes: options.base_bytes,
                stamp_millis: self.history.stamp_millis(),
            };
            let same = |known: HistoryMeta| HistoryMeta { stamp_millis: history.stamp_millis, ..known } == history;
            let is_known = self.files.manifest().state().history.is_some_and(same);
            if !is_known {
                self.commit_manifest_or_retry(&mut *self.manifest_to_change()?, &[Edit::PutHistory(history)])?;
            }
            self.history.is_on.store(true, Ordering::Relaxed);
            self.history.bases.lock().is_empty()
        };
        if has_none { self.take_base() } else { Ok(()) }
    }

    /// Keeps no history any more, and gives its space back. Errors: an archive is made of it; disk.
    pub fn stop_history(&self) -> Result<()> {
        let _work = self.gate.enter()?;
        let _one = self.history.changing.lock();
        if self.history.needed_by.load(Ordering::Relaxed) > 0 {
            let text = "history stays on while the database is archived, since an archive is made of it";
            return Err(Error::new(ErrorKind::InUse, "HistoryInUse", text));
        }
        self.history.is_on.store(false, Ordering::Relaxed);
        let count = self.history.bases.lock().len();
        // If the manifest could not be written, history stays on.
        self.drop_bases(count, true).inspect_err(|_| self.history.is_on.store(true, Ordering::Relaxed))
    }

    /// Keeps history from being turned off until the returned value is dropped. It does not turn history on.
    pub fn need_history(self: &Arc<Self>) -> HistoryNeed {
        let _one = self.history.changing.lock();
        self.history.needed_by.fetch_add(1, Ordering::Relaxed);
        HistoryNeed(self.clone())
    }

    /// Errors: no history is kept.
    pub fn check_history(&self) -> Result<()> {
        if self.history.is_on() {
            return Ok(());
        }
        let text = "nothing is archived while the database keeps no history, of which an archive is made";
        Err(Error::new(ErrorKind::Unsupported, "ArchiveWithoutHistory", text))
    }

    /// How history is kept, if it is.
    pub fn history_options(&self) -> Option<HistoryOptions> {
        let history = self.files.manifest().state().history?;
        Some(HistoryOptions { retention_secs: history.retention_millis / 1000, base_bytes: history.base_bytes })
    }

    /// From when to when the database can be read as it was; `None` if no history is kept.
    pub fn history_window(&self) -> Option<HistoryWindow> {
        let (commit, at_millis) = (self.wal.last_seqno(), self.history.stamp_millis());
        let latest = Point { commit, at_millis };
        let bases = self.history.bases.lock();
        let first = &bases.first()?.facts;
        let earliest = Point { commit: first.seqno, at_millis: first.stamp_millis };
        let (bases, log_bytes) = (bases.len(), self.files.kept.segments().values().sum());
        Some(HistoryWindow { earliest, latest, log_bytes, bases })
    }

    /// Takes a base where history is kept: before the log tells of something whose data it does not have.
    pub(super) fn take_base_if_kept(&self) -> Result<()> {
        if !self.history.is_on() || canary!(BaseNotTaken) {
            return Ok(());
        }
        self.take_base()?;
        let commit = self.history.bases.lock().last().map_or(0, |base| base.facts.seqno);
        self.history.needed_commit.fetch_max(commit, Ordering::Relaxed);
        Ok(())
    }

    /// The commit of the last base that is needed beside the log. What comes behind it is not told by log and earlier bases.
    pub fn needed_base(&self) -> u64 {
        self.history.needed_commit.load(Ordering::Relaxed)
    }

    /// What is alive now, with its files held, and the number of the last commit: everything that is alive is in commits up to
    /// this one. The number is read while the manifest is locked. The last run of an index that is filled, or of a table that is
    /// loaded, is published before the log says that it is active. So no record up to this number names one whose run is missing
    /// here.
    pub(super) fn alive_now(&self) -> (ManifestState, Hold, u64) {
        let manifest = self.files.manifest();
        let state = manifest.state().without_history();
        let hold = self.files.kept.hold(state.live_runs(), state.log.first_segment);
        (state, hold, self.wal.last_seqno())
    }

    /// Writes down what is alive now, and keeps it.
    fn take_base(&self) -> Result<()> {
        self.begin_session()?;
        let _one = self.history.changing.lock();
        if self.files.manifest().state().history.is_none() {
            return Ok(()); // history has ended while this call waited for the lock
        }
        let (state, hold, seqno) = self.alive_now();
        let segment = self.wal.segments().last().map_or(0, |last| last.number);
        self.wal.sync(seqno)?;
        let file = self.files.new_file();
        write_base(&*self.files.disk, &self.files.protection, file, &state)
            .inspect_err(|_| self.files.remove_base(file))?;
        let facts = BaseMeta {
            file,
            seqno,
            segment,
            stamp_millis: self.history.stamp_millis(),
            first_segment: hold.first_segment(),
            runs: state.live_runs().into_iter().collect(),
        };
        let mut manifest = self.files.manifest();
        // The log may have been trimmed meanwhile, and the manifest has forgotten where segments end that the base needs.
        let ends = state.log.ends.iter().map(|(segment, end)| Edit::PutLogEnd { segment: *segment, valid_end: *end });
        let edits: Vec<Edit> = [Edit::PutBase(facts.clone())].into_iter().chain(ends).collect();
        self.commit_manifest_or_retry(&mut manifest, &edits).inspect_err(|_| {
            if !manifest.is_poisoned() {
                self.files.remove_base(file);
            }
        })?;
        let hold = hold.with_base(file).outliving_process();
        self.history.bases.lock().push(Base { facts, hold });
        Ok(())
    }

    /// Takes a base if the log has grown enough since the last one, and drops those that are not needed any more; whether
    /// there was anything to do.
    pub fn history_step(&self) -> Result<bool> {
        if !self.history.is_on() || !self.observe.is_due(Job::History, 0) {
            return Ok(false);
        }
        let _work = self.gate.enter()?;
        self.attempt(Job::History, 0, || Subject::Database, || self.keep_up_history())
    }

    fn keep_up_history(&self) -> Result<bool> {
        let Some(history) = self.files.manifest().state().history else { return Ok(false) };
        let since = self.history.bases.lock().last().map(|base| base.facts.segment);
        let grown = since.is_none_or(|segment| self.log_bytes_from(segment) >= history.base_bytes);
        if grown {
            self.take_base()?;
        }
        Ok(self.prune_history(history.retention_millis)? || grown)
    }

    /// Bytes of the log from a segment on, those that only history needs included.
    fn log_bytes_from(&self, segment: u64) -> u64 {
        let own = self.wal.segments();
        let own = own.iter().filter(|own| own.number >= segment).map(|own| own.bytes);
        own.chain(self.files.kept.segments().split_off(&segment).into_values()).sum()
    }

    /// Drops the bases that no moment within the retention needs; whether there were any.
    fn prune_history(&self, retention_millis: u64) -> Result<bool> {
        let horizon_millis = self.options.clock.now_millis().saturating_sub(retention_millis);
        let _one = self.history.changing.lock();
        // The base that serves the horizon stays: the last one that is as old. A moment between two bases is served by the
        // earlier one.
        let serves = |base: &Base| base.facts.stamp_millis <= horizon_millis;
        let not_needed = {
            let bases = self.history.bases.lock();
            let early = usize::from(!canary!(BaseDroppedEarly));
            bases.iter().rposition(serves).map_or(0, |last| (last + 1 - early).min(bases.len() - 1))
        };
        if not_needed == 0 {
            return Ok(false);
        }
        self.check_log_of_base(not_needed)?;
        self.drop_bases(not_needed, false)?;
        Ok(true)
    }

    /// The log leads on from a base without a gap. Bases before it are dropped only then: nothing that can still be read is
    /// given up for a base that leads nowhere.
    fn check_log_of_base(&self, position: usize) -> Result<()> {
        let first = self.history.bases.lock().get(position).map(|base| base.facts.first_segment);
        let ends = self.files.manifest().state().log.ends.clone();
        let own = self.wal.segments();
        let mut present: BTreeSet<u64> = self.files.kept.segments().into_keys().collect();
        present.extend(own.iter().map(|segment| segment.number));
        let last = own.last().map_or(0, |segment| segment.number);
        let is_missing = |number: &u64| !present.contains(number) && ends.get(number) != Some(&0);
        match first.and_then(|first| (first..last).find(is_missing)) {
            Some(number) => Err(Error::corrupt(FileName::Log(number), 0, "history needs the file, and it is missing")),
            None => Ok(()),
        }
    }

    /// Drops the oldest bases, and history as a whole if that is wanted.
    fn drop_bases(&self, count: usize, ends: bool) -> Result<()> {
        let mut manifest = self.manifest_to_change()?;
        let mut bases = self.history.bases.lock();
        let mut edits: Vec<Edit> = bases.iter().take(count).map(|base| Edit::DropBase(base.facts.file)).collect();
        if ends {
            edits.push(Edit::DropHistory);
        }
        self.commit_manifest_or_retry(&mut manifest, &edits)?;
        let dropped: Vec<Base> = bases.drain(..count).collect();
        drop((bases, manifest));
        for base in dropped {
            self.files.kept.gives_up_base(base.facts.file);
            base.hold.let_go();
        }
        Ok(())
    }

    /// Begins a change of the schema, whose record follows: logs what time it is. The caller holds the schema gate exclusively.
    pub(super) fn log_time(&self) -> Result<()> {
        self.begin_session()?;
        if self.history.is_on() {
            self.log_empty_commit()?;
        }
        Ok(())
    }

    /// Logs a commit that changes nothing: its number and its time belong to no other. Returns the number.
    pub(super) fn log_empty_commit(&self) -> Result<u64> {
        let header = CommitHeader { at_millis: self.options.clock.now_millis(), ..CommitHeader::default() };
        let seqno = self.wal.append_with(|_, out| {
            self.history.note(header.at_millis);
            encode_commit(&header, 0, [], out);
        })?;
        self.wal.applied(seqno);
        Ok(seqno)
    }

    /// What the manifest must learn when segments are trimmed, so that the time of commits goes on from there.
    pub(super) fn history_of_trimmed(&self, state: &ManifestState) -> Option<Edit> {
        let history = state.history?;
        Some(Edit::PutHistory(HistoryMeta { stamp_millis: self.history.stamp_millis(), ..history }))
    }

    /// A moment that cannot be read.
    pub(super) fn outside_history(&self, what: &str) -> Error {
        let window = self.history_window();
        let text = match &window {
            None => format!("{what} cannot be read: no history is kept; turn it on to read later moments"),
            Some(HistoryWindow { earliest, latest, .. }) => format!(
                "{what} cannot be read: history reaches from commit {} ({} ms) to commit {} ({} ms)",
                earliest.commit, earliest.at_millis, latest.commit, latest.at_millis
            ),
        };
        let window = window.map(|window| (window.earliest, window.latest));
        let detail = Detail::OutsideHistory {
            earliest_millis: window.map(|(earliest, _)| earliest.at_millis),
            latest_millis: window.map(|(_, latest)| latest.at_millis),
        };
        Error::new(ErrorKind::NotFound, "MomentOutsideHistory", text).with_detail(detail)
    }
}
