//! What an archive takes from a database: its bases, the runs that they name, the log byte for byte, and the wrapped keys.

use super::{engine::Engine, kept::Hold};
use crate::{
    config::{Durability, Options},
    error::{Error, Result},
    file::{Disk, FileName},
    format::keys,
    manifest::{BaseMeta, Edit},
    wal::{LogBounds, ReadUntil},
};
use bytes::Bytes;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use xxhash_rust::xxh3::xxh3_64;

/// The note of the manifest that holds the timeline.
pub const TIMELINE_NOTE: &str = "archive.timeline";

/// A history that has no second end: a copy of the database begins another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Its number, drawn at random; 0 for a copy that has none yet.
    pub id: u64,
    /// The timeline that the database was copied from, and the last commit of the copy.
    pub parent: Option<(u64, u64)>,
}

impl Timeline {
    /// As a note of the manifest.
    pub fn to_note(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self).map_err(|error| Error::validation(format!("a timeline cannot be written: {error}")))
    }
    /// That of a note.
    pub fn of_note(note: Option<&serde_json::Value>) -> Option<Self> {
        serde_json::from_value(note?.clone()).ok()
    }
}

/// How far the log is durable.
#[derive(Clone, Debug)]
pub struct DurableLog {
    /// The last commit of which that is certain.
    pub commit: u64,
    /// The latest time at which a commit up to that one was logged, in milliseconds since 1970.
    pub at_millis: u64,
    /// Segments and the bytes of each that count, those that only history needs included.
    pub segments: BTreeMap<u64, u64>,
    /// What is known of the log.
    pub bounds: LogBounds,
}

impl DurableLog {
    /// Whether every segment from this one on is there, so that nothing is missing between what ends there and the log's end.
    pub fn leads_on_from(&self, segment: u64) -> bool {
        let is_there = |number: u64| self.segments.contains_key(&number) || self.bounds.ends.get(&number) == Some(&0);
        let last = self.segments.keys().next_back().copied().unwrap_or(segment);
        (segment..=last).all(is_there)
    }
}

/// What a writer waits for besides its own log: a copy of it elsewhere.
pub trait CommitGate: Send + Sync {
    /// Returns once a writer may be told of its commit, which is as durable here as it asked for. The error is its answer.
    fn pass(&self, commit: u64, durability: Durability) -> Result<()>;
}

/// The gates that commits pass: one for each archive that they wait for.
#[derive(Default)]
pub(super) struct Gates {
    is_any: AtomicBool,
    gates: RwLock<Vec<Arc<dyn CommitGate>>>,
}

impl Gates {
    #[inline]
    pub(super) fn pass(&self, commit: u64, durability: Durability) -> Result<()> {
        if self.is_any.load(Ordering::Acquire) { self.pass_each(commit, durability) } else { Ok(()) }
    }
    #[cold]
    fn pass_each(&self, commit: u64, durability: Durability) -> Result<()> {
        let gates = self.gates.read().clone();
        gates.iter().try_for_each(|gate| gate.pass(commit, durability))
    }
    fn change(&self, change: impl FnOnce(&mut Vec<Arc<dyn CommitGate>>)) {
        let mut gates = self.gates.write();
        change(&mut gates);
        self.is_any.store(!gates.is_empty(), Ordering::Release);
    }
}

/// Numbers that were drawn in this process.
static DRAWN: AtomicU64 = AtomicU64::new(0);

impl Engine {
    /// The timeline of the database; draws one where there is none.
    pub fn timeline(&self) -> Result<Timeline> {
        let known = Timeline::of_note(self.files.manifest().state().notes.get(TIMELINE_NOTE));
        match known {
            Some(timeline) if timeline.id != 0 => Ok(timeline),
            // A copy: it knows where it comes from, and has no number yet.
            copy => self.put_timeline(copy.and_then(|copy| copy.parent), None),
        }
    }

    /// Leaves the timeline for a new one: another copy of the database goes on with it.
    pub fn begin_timeline(&self) -> Result<Timeline> {
        let left = self.timeline()?.id;
        self.put_timeline(Some((left, self.last_durable_commit()?)), Some(left))
    }

    /// Draws a timeline, unless another thread has drawn one since the caller saw `left`.
    fn put_timeline(&self, parent: Option<(u64, u64)>, left: Option<u64>) -> Result<Timeline> {
        let _work = self.gate.enter()?;
        let mut manifest = self.manifest_to_change()?;
        let known = Timeline::of_note(manifest.state().notes.get(TIMELINE_NOTE)).filter(|known| known.id != 0);
        if let Some(known) = known.filter(|known| Some(known.id) != left) {
            return Ok(known);
        }
        let timeline = Timeline { id: self.fresh_number(), parent };
        let note = Edit::PutNote { key: TIMELINE_NOTE.to_owned(), value: timeline.to_note()? };
        self.commit_manifest_or_retry(&mut manifest, &[note])?;
        Ok(timeline)
    }

    /// A number that no copy of the database draws, and no other process. Never 0.
    pub fn fresh_number(&self) -> u64 {
        let mut seed = self.options.clock.now_millis().to_le_bytes().to_vec();
        seed.extend_from_slice(&self.database_id().to_le_bytes());
        seed.extend_from_slice(&u64::from(std::process::id()).to_le_bytes());
        seed.extend_from_slice(&DRAWN.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        // Where the system puts the stack differs from process to process.
        seed.extend_from_slice(&(std::ptr::from_ref(&seed) as usize).to_le_bytes());
        xxh3_64(&seed).max(1)
    }

    /// The number of the last commit.
    pub fn last_commit(&self) -> u64 {
        self.wal.last_seqno()
    }

    /// The bases that there are, oldest first.
    pub fn bases(&self) -> Vec<BaseMeta> {
        self.history.bases.lock().iter().map(|base| base.facts.clone()).collect()
    }

    /// Keeps the files of a base; `None` if it was dropped meanwhile.
    pub fn hold_base(&self, file: u64) -> Option<Hold> {
        let bases = self.history.bases.lock();
        bases.iter().find(|base| base.facts.file == file).map(|base| base.hold.again())
    }

    /// Keeps the log from a segment on. Those before it that were given up already are not there.
    pub fn hold_log(&self, first_segment: u64) -> Hold {
        self.files.kept.hold(BTreeSet::new(), first_segment)
    }

    /// How far the log is durable; with `syncs` all that was committed before the call is.
    pub fn durable_log(&self, syncs: bool) -> Result<DurableLog> {
        let _work = self.enter_work()?;
        // Asked for first: it is then the time of a commit that is durable below.
        let at_millis = self.history.stamp_millis();
        if syncs {
            self.wal.sync(self.wal.last_seqno())?;
        }
        let commit = self.wal.visible().load();
        let bounds = self.files.manifest().state().log.clone();
        let ((last, end), own) = loop {
            let (end, own) = (self.wal.durable_end(), self.wal.segments());
            // Once the log lists a segment, it lists those before it with their final lengths.
            if own.iter().any(|segment| segment.number == end.0) {
                break (end, own);
            }
        };
        // The log gives a segment to its holders before it lists it no more.
        let (given_up, mut ends) = (self.files.kept.segments(), self.files.kept.ends());
        ends.extend(&bounds.ends);
        let mut segments: BTreeMap<u64, u64> = own.iter().map(|segment| (segment.number, segment.bytes)).collect();
        segments.extend(given_up);
        segments.retain(|number, _| *number <= last);
        segments.insert(last, end);
        for (segment, end) in &ends {
            match (*end, segments.get_mut(segment)) {
                (0, Some(_)) => drop(segments.remove(segment)),
                (end, Some(bytes)) => *bytes = end,
                (_, None) => {}
            }
        }
        // Also those that the manifest has forgotten: who holds the log may need them.
        Ok(DurableLog { commit, at_millis, segments, bounds: LogBounds { ends, ..bounds } })
    }

    /// A part of a file. Errors: the file is missing or shorter, disk.
    pub fn read_part(&self, name: FileName, from: u64, to: u64) -> Result<Bytes> {
        let file = self.files.disk.open(name, false)?;
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        file.read_at(from, len)
    }

    /// The length of a file in bytes. Errors: the file is missing, disk.
    pub fn length_of(&self, name: FileName) -> Result<u64> {
        Ok(self.files.disk.open(name, false)?.len())
    }

    /// The wrapped keys of an encrypted database. Errors: disk.
    pub fn stored_keys(&self) -> Result<Option<Bytes>> {
        keys::read(self.files.disk.as_ref())
    }

    /// A change of the schema, which is durable, passes what commits pass. The caller holds no lock.
    pub fn pass_commit_gate(&self) -> Result<()> {
        if self.history.commit_gates.is_any.load(Ordering::Acquire) {
            self.wait_all_durable(Some(Durability::Sync))
        } else {
            Ok(())
        }
    }

    /// Lets every commit pass this gate as well, from now on.
    pub fn add_commit_gate(&self, gate: Arc<dyn CommitGate>) {
        self.history.commit_gates.change(|gates| gates.push(gate));
    }

    /// Commits pass this gate no longer.
    pub fn remove_commit_gate(&self, gate: &Arc<dyn CommitGate>) {
        self.history.commit_gates.change(|gates| gates.retain(|known| !Arc::ptr_eq(known, gate)));
    }

    /// Opens what a disk holds as it was where the reading of its log stops, to be read and nothing else.
    pub fn open_to_read(disk: Arc<dyn Disk>, options: Options, until: ReadUntil) -> Result<Arc<Self>> {
        let options = Self::options_to_read(options);
        let engine = Self::open_until(disk, options, until)?;
        engine.end_writing();
        Ok(Arc::new(engine))
    }
}
