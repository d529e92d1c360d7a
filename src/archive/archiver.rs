//! Brings a database to its archive, step by step.
//!
//! A step uploads objects first and the entry that names them last, so that an archive that ends anywhere is whole up to its
//! last entry. What was uploaded for an entry that never came is uploaded again, under the same name. A step uploads a new base
//! before the log, and between two runs of the base the log that there is by then. A commit that waits for the archive brings the log itself, and waits for a base only if it needs that one.

use super::{
    catalog::{BaseEntry, CHUNK_BYTES, Entry, LogPart, ObjectMeta, put, read_entries, sum_of, write_id},
    digests::digests_of,
    place::ArchivePlace,
};
use crate::{
    canary::canary,
    config::Durability,
    engine::{CommitGate, DurableLog, Engine, HistoryNeed, Hold, Point, Timeline},
    error::{Error, ErrorKind, Result},
    file::FileName,
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use xxhash_rust::xxh3::Xxh3;

/// Longest part of the log in one object, in bytes.
const PART_BYTES: u64 = 8 << 20;
/// Longest part that an entry holds itself, in bytes.
const INLINE_BYTES: u64 = 64 << 10;

/// When a commit is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveMode {
    /// Soon: every so often, all that was committed is archived. A commit does not wait for it. What is lost with the machine
    /// is what was committed in such a time and while the last upload went on.
    Async {
        /// The pause between two uploads.
        every: Duration,
    },
    /// Before a commit under [`Durability::Sync`] is acknowledged: nothing acknowledged is lost with the machine. If the
    /// archive cannot be written, such commits fail, though the database has them.
    Sync,
}

/// Every second.
impl Default for ArchiveMode {
    fn default() -> Self {
        Self::Async { every: Duration::from_secs(1) }
    }
}

/// What happens when so much is not archived that [`ArchiveOptions::backlog_bytes`] is passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backlog {
    /// The log that is not archived stays no longer than history needs it. Archiving is reported as failing, and goes on at the
    /// last base of history whose log is whole: what was committed before it and is not in the archive is a gap there, which
    /// [`Archive::status`](super::Archive::status) counts.
    #[default]
    Gap,
    /// Commits wait until the archive has caught up, and fail if it cannot be written.
    Wait,
}

/// How a database is archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// When a commit is in the archive. Default: within about a second.
    pub mode: ArchiveMode,
    /// Goes on with an archive that another copy of the database wrote to last: for a database that was restored from it
    /// and takes the place of the one that is lost. The other one is rejected from then on. Default false.
    pub takes_over: bool,
    /// Bytes of log that may wait for the archive. Default 1 GiB.
    pub backlog_bytes: u64,
    /// What happens beyond that. Default: [`Backlog::Gap`].
    pub backlog: Backlog,
    /// Least time between two bases with which the digests of all tables are archived, so that a restore can prove itself. Each
    /// time all items are read once. Default: a day. `None`: never.
    pub digests_every: Option<Duration>,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            mode: ArchiveMode::default(),
            takes_over: false,
            backlog_bytes: 1 << 30,
            backlog: Backlog::default(),
            digests_every: Some(Duration::from_secs(24 * 60 * 60)),
        }
    }
}

/// The archiver of a database.
pub(super) struct Archiver {
    engine: Arc<Engine>,
    /// The database cannot turn its history off while this archiver lives.
    _history: HistoryNeed,
    place: ArchivePlace,
    options: ArchiveOptions,
    timeline: Timeline,
    /// Which entries are its own.
    session: u64,
    /// One base is uploaded at a time.
    base: Mutex<LastBase>,
    progress: Mutex<Progress>,
    /// What is there, for those who ask while something is uploaded.
    archived_to: Mutex<Option<Point>>,
    /// More waits than may.
    is_behind: AtomicBool,
}

/// The base that was uploaded last.
#[derive(Default)]
struct LastBase {
    commit: Option<u64>,
    runs: BTreeMap<u64, ObjectMeta>,
    /// When digests were archived, in milliseconds since 1970.
    digests_millis: Option<u64>,
}

#[derive(Default)]
struct Progress {
    /// Number of the next entry.
    next_entry: u64,
    /// The log is there up to this offset of a segment.
    log: Option<(u64, u64)>,
    /// What is there.
    archived_to: Option<Point>,
    /// The commit of the last base that is there.
    base: u64,
    /// The keys that are there.
    keys: Option<ObjectMeta>,
    /// The log that is not there yet stays.
    hold: Option<Hold>,
    /// Why nothing more is archived.
    stopped: Option<Error>,
}

impl Archiver {
    /// Goes on where the archive ends. Errors: it is that of another database; another copy wrote to it last; it has what the
    /// database never had; damage of its catalog; the place cannot be reached.
    pub fn open(
        engine: Arc<Engine>,
        history: HistoryNeed,
        place: ArchivePlace,
        options: ArchiveOptions,
    ) -> Result<Self> {
        let database_id = engine.database_id();
        write_id(&place, database_id)?;
        let entries = read_entries(&place)?;
        let mut timeline = engine.timeline()?;
        let own = || entries.iter().filter(|entry| entry.timeline == timeline.id);
        let is_stale = match (own().next_back(), own().rfind(|entry| !entry.parts.is_empty())) {
            (Some(last), with_log) => has_more(&engine, last, with_log)?,
            (None, _) => false,
        };
        let last = entries.last();
        if let Some(last) = last.filter(|last| (last.timeline != timeline.id || is_stale) && !options.takes_over) {
            return Err(foreign(&place, if is_stale { None } else { Some(last.timeline) }));
        }
        if is_stale {
            timeline = engine.begin_timeline()?;
        }
        let mut progress = Progress { next_entry: last.map_or(1, |last| last.number + 1), ..Progress::default() };
        let mut base = LastBase::default();
        for entry in entries.iter().filter(|entry| entry.timeline == timeline.id) {
            base.take(entry);
            progress.take(entry);
        }
        progress.hold = progress.log.map(|(segment, _)| engine.hold_log(segment));
        let session = engine.fresh_number();
        Ok(Self {
            engine,
            _history: history,
            place,
            options,
            timeline,
            session,
            base: Mutex::new(base),
            archived_to: Mutex::new(progress.archived_to),
            progress: Mutex::new(progress),
            is_behind: AtomicBool::new(false),
        })
    }

    /// What is there.
    pub fn archived_to(&self) -> Option<Point> {
        *self.archived_to.lock()
    }

    /// Archives everything that was committed before the call; whether there was anything. Errors: the place cannot be written
    /// (the next step tries again), another database writes to it (nothing more is archived), log, disk.
    pub fn step(&self) -> Result<bool> {
        let mut last_base = self.base.lock();
        let base = self.bring_base(&last_base)?;
        let (entry, any) = self.bring(base, true)?;
        if let Some(entry) = entry {
            last_base.take(&entry);
        }
        Ok(any)
    }

    /// Archives the log, and then the entry that names it and a base. Returns the entry if it names one.
    fn bring(&self, base: Option<(BaseEntry, Hold)>, syncs: bool) -> Result<(Option<Entry>, bool)> {
        let mut progress = self.progress.lock();
        if let Some(error) = &progress.stopped {
            return Err(error.clone());
        }
        // Without history the database takes no bases, and only a base has the items of a table that was loaded.
        self.engine.check_history()?;
        let (base, base_hold) = base.unzip();
        let begins_at = base.as_ref().filter(|base| base.follows_gap || progress.log.is_none());
        let begins_at = begins_at.map(|base| (base.first_segment, 0));
        let Some(from) = begins_at.or(progress.log) else { return Ok((None, false)) };
        let _hold = self.engine.hold_log(from.0); // for the time of this call, also where the backlog was given up
        let mut log = self.engine.durable_log(syncs)?;
        // Log that is gone before it was archived is a gap, which only a base can follow.
        if begins_at.is_none() && !log.leads_on_from(from.0) {
            return Ok((None, false));
        }
        // What comes behind a base that is not there yet may need it.
        let needed = self.engine.needed_base();
        if needed > base.as_ref().map_or(progress.base, |base| base.commit) && !canary!(ArchiveForgetsBase) {
            log.commit = log.commit.min(needed);
            log.at_millis = log.at_millis.min(progress.archived_to.map_or(0, |there| there.at_millis));
        }
        let Brought { mut parts, inline, end } = self.bring_log(from, &log)?;
        let is_known = progress.archived_to.is_some_and(|there| there.commit >= log.commit);
        if base.is_none() && parts.is_empty() && is_known {
            return Ok((None, false));
        }
        if canary!(ArchiveSkipsTail) {
            parts.pop();
        }
        let keys = self.bring_keys(progress.keys.as_ref())?;
        let Timeline { id: timeline, parent } = self.timeline;
        let entry = Entry {
            number: progress.next_entry,
            timeline,
            session: self.session,
            parent,
            commit: log.commit,
            at_millis: log.at_millis,
            base,
            log_from: from,
            log_to: end,
            parts,
            ends: log.bounds.ends.clone(),
            encrypted_from: log.bounds.encrypted_from,
            keys,
        };
        let entry = if entry.create(&self.place, &inline)? {
            entry
        } else {
            // It was made, and the answer was lost; or another database made it.
            let there = Entry::read(&self.place, entry.number)?.0;
            if there.session != self.session {
                let error = foreign(&self.place, None);
                progress.stopped = Some(error.clone());
                return Err(error);
            }
            there
        };
        progress.next_entry += 1;
        progress.take(&entry);
        *self.archived_to.lock() = progress.archived_to;
        progress.hold = Some(self.engine.hold_log(entry.log_to.0));
        drop(base_hold);
        Ok((entry.base.is_some().then_some(entry), true))
    }

    /// Uploads the newest base, if it is not there yet.
    fn bring_base(&self, last: &LastBase) -> Result<Option<(BaseEntry, Hold)>> {
        let Some(base) = self.engine.bases().pop() else { return Ok(None) };
        let follows_gap = self.has_gap()?;
        if last.commit.is_some_and(|there| there >= base.seqno) && !follows_gap {
            return Ok(None);
        }
        // If it is dropped this very moment, a newer one is there for the next step.
        let Some(hold) = self.engine.hold_base(base.file) else { return Ok(None) };
        let mut runs = BTreeMap::new();
        for run in &base.runs {
            let object = match last.runs.get(run) {
                Some(object) => object.clone(),
                None => {
                    // The log does not wait for a large base.
                    self.bring(None, true)?;
                    self.bring_run(*run)?
                }
            };
            runs.insert(*run, object);
        }
        let name = FileName::Base(base.file);
        let bytes = self.engine.read_part(name, 0, self.engine.length_of(name)?)?;
        let object = format!("t{:016x}/base/{:010}-{:010}", self.timeline.id, base.seqno, base.file);
        let object = put(&self.place, object, &bytes)?;
        let is_due = |every: Duration| {
            let pause = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
            last.digests_millis.is_none_or(|before| base.stamp_millis >= before.saturating_add(pause))
        };
        let wants_digests = self.options.digests_every.is_some_and(is_due);
        let digests = wants_digests.then(|| digests_of(&self.engine, base.seqno)).transpose()?;
        let entry = BaseEntry {
            commit: base.seqno,
            at_millis: base.stamp_millis,
            segment: base.segment,
            first_segment: base.first_segment,
            file: base.file,
            object,
            runs,
            follows_gap,
            digests,
        };
        Ok(Some((entry, hold)))
    }

    /// Whether the log does not lead on from what is there.
    fn has_gap(&self) -> Result<bool> {
        let Some((segment, _)) = self.progress.lock().log else { return Ok(false) };
        Ok(!self.engine.durable_log(false)?.leads_on_from(segment))
    }

    fn bring_run(&self, run: u64) -> Result<ObjectMeta> {
        let file = FileName::Run(run);
        let length = self.engine.length_of(file)?;
        let chunks = || (0..length.div_ceil(CHUNK_BYTES)).map(|n| (n * CHUNK_BYTES, length.min((n + 1) * CHUNK_BYTES)));
        let mut sum = Xxh3::new();
        for (from, to) in chunks() {
            sum.update(&self.engine.read_part(file, from, to)?);
        }
        let sum = format!("{:032x}", sum.digest128());
        let name = format!("t{:016x}/run/{run:010}-{sum}", self.timeline.id);
        self.place.write(&name, chunks().map(|(from, to)| self.engine.read_part(file, from, to)))?;
        Ok(ObjectMeta { name, bytes: length, sum })
    }

    /// Uploads the log from a place on.
    fn bring_log(&self, begin: (u64, u64), log: &DurableLog) -> Result<Brought> {
        let (mut parts, mut inline, mut end) = (Vec::new(), Vec::new(), begin);
        let active = log.segments.keys().next_back().copied().unwrap_or_default();
        for (segment, bytes) in log.segments.range(begin.0..) {
            let mut from = if *segment == begin.0 { begin.1 } else { 0 };
            let is_short = bytes.saturating_sub(from) <= INLINE_BYTES && inline.is_empty();
            while from < *bytes {
                let to = (*bytes).min(from + PART_BYTES);
                let content = self.engine.read_part(FileName::Log(*segment), from, to)?;
                let sum = sum_of(&content);
                let object = if is_short {
                    inline.push(content);
                    None
                } else {
                    let name = format!("t{:016x}/log/{segment:010}/{from:010}-{to:010}", self.timeline.id);
                    Some(put(&self.place, name, &content)?.name)
                };
                parts.push(LogPart { segment: *segment, from, to, sum, object });
                from = to;
            }
            end = if *segment < active { (segment + 1, 0) } else { (*segment, from) };
        }
        Ok(Brought { parts, inline, end })
    }

    /// Uploads the keys of an encrypted database, if they changed. They are read after all that they open.
    fn bring_keys(&self, known: Option<&ObjectMeta>) -> Result<Option<ObjectMeta>> {
        let Some(bytes) = self.engine.stored_keys()? else { return Ok(None) };
        let sum = sum_of(&bytes);
        if let Some(known) = known.filter(|known| known.sum == sum) {
            return Ok(Some(known.clone()));
        }
        put(&self.place, format!("t{:016x}/keys/{sum}", self.timeline.id), &bytes).map(Some)
    }

    /// Looks how much waits for the archive, and gives it up if that is too much and may be given up.
    pub fn watch_backlog(&self) -> Result<()> {
        let mut progress = self.progress.lock();
        let Some((segment, offset)) = progress.log else { return Ok(()) };
        let waiting = self.engine.durable_log(false)?.segments.split_off(&segment);
        let bytes = waiting.values().sum::<u64>().saturating_sub(offset);
        let is_behind = bytes > self.options.backlog_bytes;
        self.is_behind.store(is_behind, Ordering::Release);
        if is_behind && self.options.backlog == Backlog::Gap && progress.hold.take().is_some() {
            let text =
                format!("{bytes} bytes of log wait for the archive {}: they are kept no longer for it", self.place);
            return Err(Error::new(ErrorKind::Io, "ArchiveBehind", text));
        }
        Ok(())
    }

    /// Whether commits may have to wait.
    pub fn is_waited_for(&self) -> bool {
        self.options.mode == ArchiveMode::Sync || self.options.backlog == Backlog::Wait
    }
}

/// Log that was uploaded.
struct Brought {
    parts: Vec<LogPart>,
    /// The bytes of those that the entry is to hold.
    inline: Vec<Bytes>,
    /// Segment and offset at which it ends.
    end: (u64, u64),
}

impl LastBase {
    fn take(&mut self, entry: &Entry) {
        if let Some(base) = &entry.base {
            self.commit = Some(base.commit);
            self.runs.clone_from(&base.runs);
            if base.digests.is_some() {
                self.digests_millis = Some(base.at_millis);
            }
        }
    }
}

impl Progress {
    /// Takes over what an entry says is there.
    fn take(&mut self, entry: &Entry) {
        self.log = Some(entry.log_to);
        self.base = entry.base.as_ref().map_or(self.base, |base| base.commit);
        self.keys.clone_from(&entry.keys);
        self.archived_to = Some(Point { commit: entry.commit, at_millis: entry.at_millis });
    }
}

/// Whether the archive has commits of this timeline that the database does not have: it was put back from an older copy. Asks
/// for the last entry, and for the last one that has log.
fn has_more(engine: &Engine, last: &Entry, with_log: Option<&Entry>) -> Result<bool> {
    if last.commit > engine.last_commit() {
        return Ok(true);
    }
    let log = engine.durable_log(true)?;
    let parts = with_log.iter().flat_map(|entry| &entry.parts);
    for part in parts.filter(|part| log.segments.contains_key(&part.segment)) {
        let file = FileName::Log(part.segment);
        if engine.length_of(file)? < part.to || sum_of(&engine.read_part(file, part.from, part.to)?) != part.sum {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Another database writes to the archive, or did so last.
fn foreign(place: &ArchivePlace, timeline: Option<u64>) -> Error {
    let who = match timeline {
        Some(timeline) => format!("timeline {timeline:016x}"),
        None => "another copy of this database".to_owned(),
    };
    let text = format!(
        "{who} wrote to the archive {place}: name another place, or take the archive over if the other one is gone"
    );
    Error::new(ErrorKind::InUse, "ArchiveInUse", text)
}

impl CommitGate for Archiver {
    fn pass(&self, commit: u64, durability: Durability) -> Result<()> {
        if self.options.mode == ArchiveMode::Sync && durability == Durability::Sync {
            // Waits for a writer that brings the log, which may have this commit.
            let is_missing = || self.progress.lock().archived_to.is_none_or(|there| there.commit < commit);
            while is_missing() {
                // Where there is nothing to bring, another writer has brought it meanwhile, or a base has to come first.
                if !self.bring(None, false)?.1 && is_missing() && !self.step()? && is_missing() {
                    let text = format!("commit {commit} is not in the archive {}", self.place);
                    return Err(Error::new(ErrorKind::Io, "ArchiveBehind", text));
                }
            }
        }
        if self.options.backlog == Backlog::Wait && self.is_behind.load(Ordering::Acquire) {
            self.bring(None, true)?;
            self.is_behind.store(false, Ordering::Release);
        }
        Ok(())
    }
}
