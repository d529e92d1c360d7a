//! The log as writers use it: append, wait until the record is safe, say that it is applied.
//!
//! Appending copies a record into a buffer in memory and gives it the next sequence number; that is all that happens
//! under the lock. How it gets from there to the disk is the [leader](super::leader)'s matter.
//!
//! The first failed write or sync ends writing for good: the failure is kept, every waiter gets it, and nothing
//! is retried, since after a failed sync it is unknown what the medium holds.

use super::{
    adaptive_spin::AdaptiveSpin,
    frame_buffer::{FrameBuffer, RecordBuffer},
    group_commit::{SyncGoal, SyncPhase, Waiter},
    segment::{MAX_SEGMENT_BYTES, SegmentStats, SegmentWriter},
    spares::Spares,
    tail::{NextSegment, Tail, not_begun},
};
use crate::{
    error::{Error, Result},
    file::{Disk, FileName},
    format::protection::Protection,
    observe::{Job, Observe},
    sync::{Condvar, Mutex, MutexGuard},
    visible::Visible,
};
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64},
};

const MIN_SEGMENT_BYTES: u64 = 4 << 10;

/// What a log is started with.
#[derive(Clone, Debug)]
pub struct WalOptions {
    /// Length at which a segment is sealed, in bytes; 4 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// Whether the disk may be asked to take small writes through windows, which are memory maps.
    pub windows: bool,
    /// The database, and its keys if it is encrypted.
    pub protection: Protection,
    /// Where syncs, sealed segments and the failure that ends writing are reported.
    pub observe: Arc<Observe>,
    /// Number of the segment to create. It must not exist.
    pub first_segment: u64,
    /// Number of the next record, at least 1. All records below it are taken to be durable.
    pub next_seqno: u64,
    /// Finished segments that recovery found, oldest first.
    pub older_segments: Vec<SegmentStats>,
    /// The mark of the segment before, as [`Recovered`](super::Recovered) has it.
    pub mark_before: u64,
    /// Records that recovery found and that may not be durable where it found them: the first segment begins with
    /// them. `None` for a segment that follows a finished one, as it is between openings.
    pub taken_over: Option<Vec<(u64, Bytes)>>,
}

#[derive(Debug)]
pub(super) struct WalState {
    /// Frames that no leader has taken.
    pub(super) pending: FrameBuffer,
    /// The buffer of the last leader, to be used again.
    pub(super) spare: FrameBuffer,
    pub(super) next_seqno: u64,
    /// Numbers of records that are not yet applied, ascending.
    pub(super) in_flight: Vec<u64>,
    /// A thread writes to the segment at the end, or finishes it.
    pub(super) writing: bool,
    pub(super) syncing: SyncPhase,
    pub(super) followers: Vec<Arc<Waiter>>,
    /// Records below this number are being synced by the present leader or are synced.
    pub(super) taken_below: u64,
    /// Callers of `sync` that came while their record was being synced already.
    pub(super) late: u64,
    /// Commits that may want the next sync: those that the last one served, and those that came while it ran.
    pub(super) expected: u64,
    /// Sealed segments, oldest first.
    pub(super) sealed: Vec<SegmentStats>,
    pub(super) active: SegmentStats,
    pub(super) failure: Option<Error>,
    /// Whether there is a segment at the end. Nothing is appended before.
    pub(super) has_begun: bool,
    /// Why nothing more is appended, though nothing failed.
    pub(super) closed: Option<Error>,
}

/// Spares are kept while the disk has space for so many segments: for flushes and merges, whose files are larger.
const SPARE_ROOM_SEGMENTS: u64 = 8;

/// The write-ahead log of a database.
#[derive(Debug)]
pub struct Wal {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) protection: Protection,
    /// Bytes of a frame behind its payload.
    trailer_bytes: usize,
    pub(super) observe: Arc<Observe>,
    pub(super) segment_bytes: u64,
    pub(super) windows: bool,
    /// Number of the first segment that this log created.
    first_own_segment: u64,
    pub(super) state: Mutex<WalState>,
    /// Signalled when a leader is done, for other leaders.
    pub(super) done: Condvar,
    /// The segment at the end. The thread that is `writing` takes this lock, so no other writer waits for it.
    pub(super) tail: Mutex<Tail>,
    /// Highest number that the operating system has.
    pub(super) written: AtomicU64,
    /// Highest number that is durable, for readers.
    pub(super) visible: Arc<Visible>,
    /// Callers of `sync` whose records no leader has taken; changed under the state's lock only.
    pub(super) arrivals: AtomicU64,
    /// Whether a follower stays awake for the end of the sync.
    pub(super) watched: AtomicBool,
    /// Whether it pays to stay awake.
    pub(super) patience: AdaptiveSpin,
    /// Whether a sync takes so long that others are let gather for it.
    pub(super) shares_syncs: bool,
    /// Bytes that were written since the last sync.
    pub(super) unsynced_bytes: AtomicU64,
    /// Whether a thread syncs the log ahead of those who need it.
    pub(super) is_synced_ahead: AtomicBool,
    /// Held while segments are given up, and spares.
    pub(super) removal: Mutex<()>,
    /// Files of segments that were given up.
    pub(super) spares: Spares,
}

impl Wal {
    /// Starts a new segment behind those that recovery read. The segment exists durably when this returns.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn create(disk: Arc<dyn Disk>, options: WalOptions) -> Result<Self> {
        let wal = Self::new(disk, options);
        wal.begin()?;
        Ok(wal)
    }

    /// A log that goes on behind the segments that recovery read. It takes no records before [`Wal::begin`].
    pub fn new(disk: Arc<dyn Disk>, options: WalOptions) -> Self {
        let WalOptions { observe, protection, windows, mark_before, first_segment, older_segments, taken_over, .. } =
            options;
        let next_seqno = options.next_seqno.max(1);
        let segment_bytes = options.segment_bytes.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        let first_taken_over = taken_over.as_deref().and_then(<[_]>::first);
        let first_seqno = first_taken_over.map_or(next_seqno, |(seqno, _)| *seqno);
        let durable = next_seqno.saturating_sub(1);
        let to_come = SegmentStats { number: first_segment, first_seqno, last_seqno: durable, bytes: 0 };
        let next = NextSegment { number: first_segment, first_seqno, mark_before, taken_over };
        Self {
            shares_syncs: disk.is_durable(),
            disk,
            trailer_bytes: protection.trailer_bytes(),
            protection,
            observe,
            segment_bytes,
            windows,
            first_own_segment: first_segment,
            state: Mutex::new(WalState {
                pending: FrameBuffer::default(),
                spare: FrameBuffer::default(),
                next_seqno,
                in_flight: Vec::new(),
                writing: false,
                syncing: SyncPhase::Nobody,
                followers: Vec::new(),
                taken_below: next_seqno,
                late: 0,
                expected: 0,
                sealed: older_segments,
                active: to_come,
                failure: None,
                has_begun: false,
                closed: None,
            }),
            done: Condvar::new(),
            tail: Mutex::new(Tail::ToCome(next)),
            written: AtomicU64::new(durable),
            visible: Arc::new(Visible::new(durable)),
            arrivals: AtomicU64::new(0),
            watched: AtomicBool::new(false),
            patience: AdaptiveSpin::default(),
            unsynced_bytes: AtomicU64::new(0),
            is_synced_ahead: AtomicBool::new(false),
            removal: Mutex::new(()),
            spares: Spares::default(),
        }
    }

    /// Creates the segment at the end, unless that was done: it exists durably when this returns. What it takes over is durable then
    /// too, once the manifest has learned of the segment. A failure leaves the log as it was. Errors: disk; the log was closed.
    pub fn begin(&self) -> Result<()> {
        let last = {
            let state = self.state.lock();
            state.closed.clone().map_or(Ok(()), Err)?;
            state.sealed.last().map_or(0, |segment| segment.number)
        };
        let mut tail = self.tail.lock();
        let Tail::ToCome(next) = &*tail else { return Ok(()) };
        if next.number > last + 1 {
            // Segments in between were created and never begun, or hold nothing. Did their names go in a power failure that leaves
            // this segment's, the log would seem to have lost them.
            self.disk.sync_directory()?;
        }
        let created = SegmentWriter::create(
            &*self.disk,
            &self.protection,
            next.number,
            next.first_seqno,
            self.segment_bytes,
            self.windows,
            next.mark_before,
            next.taken_over.as_deref(),
        );
        let segment = created?;
        let active = segment.info();
        *tail = Tail::Begun(segment);
        drop(tail);
        let mut state = self.state.lock();
        (state.active, state.has_begun) = (active, true);
        Ok(())
    }

    /// Appends a record and returns its number. See [`Wal::append_with`].
    pub fn append(&self, payload: &[u8]) -> Result<u64> {
        self.append_with(|_, out| out.bytes().extend_from_slice(payload))
    }

    /// Appends a record that `fill` writes, given its number, to the end of a buffer; returns the number. Nothing is on
    /// disk yet. The record counts as in flight until [`Wal::applied`] is called with its number.
    ///
    /// Fails if the log is poisoned or closed, or if the record is larger than 48 MiB; no number is used up then.
    pub fn append_with(&self, fill: impl FnOnce(u64, &mut RecordBuffer<'_>)) -> Result<u64> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.check_open()?;
        let seqno = state.next_seqno;
        state.pending.append(seqno, self.trailer_bytes, |out| fill(seqno, out))?;
        state.next_seqno = seqno + 1;
        state.in_flight.push(seqno);
        Ok(seqno)
    }

    /// Says that the effects of a record are where readers and flushes find them.
    pub fn applied(&self, seqno: u64) {
        let mut state = self.state.lock();
        if let Some(at) = state.in_flight.iter().position(|in_flight| *in_flight == seqno) {
            state.in_flight.remove(at);
        }
    }

    /// The lowest number in flight, or the next number if none is: all records below it are applied.
    pub fn lowest_unapplied(&self) -> u64 {
        let state = self.state.lock();
        state.in_flight.first().copied().unwrap_or(state.next_seqno)
    }

    /// Returns once the record and all before it are on stable storage. Numbers not yet given out are taken as the
    /// last.
    pub fn sync(&self, seqno: u64) -> Result<()> {
        self.reach(SyncGoal::Synced, seqno)
    }

    /// Returns once all records appended before the call are on stable storage.
    #[cfg(test)]
    pub fn sync_all(&self) -> Result<()> {
        self.reach(SyncGoal::Synced, u64::MAX)
    }

    /// Returns once the operating system has the record and all before it: they survive the end of this process, but
    /// not a power failure. Does not make them visible; the next sync does.
    pub fn flush_to_os(&self, seqno: u64) -> Result<()> {
        self.reach(SyncGoal::Written, seqno)
    }

    /// Syncs what was appended, seals the segment with this number and begins the next one, whatever room is left; does
    /// nothing if it is not the one at the end.
    pub fn leave_segment(&self, number: u64) -> Result<()> {
        let mut state = self.state.lock();
        self.wait_for_all(&mut state);
        state.check_open()?;
        if state.active.number != number {
            return Ok(());
        }
        state.syncing = SyncPhase::Preparing;
        let started = self.write_pending(&mut state, true, |tail, sealed| {
            if !self.next_segment(tail, sealed)? {
                tail.pending_sync().finish()?;
            }
            Ok(tail.next_seqno())
        });
        self.end_sync(state, started)
    }

    /// Waits until no thread writes or syncs.
    fn wait_for_all(&self, state: &mut MutexGuard<'_, WalState>) {
        while state.writing || state.syncing != SyncPhase::Nobody {
            self.done.wait(state);
        }
    }

    /// The highest number that is on stable storage, as readers use it.
    pub fn visible(&self) -> &Arc<Visible> {
        &self.visible
    }

    /// The segment at the end and the offset in it before which all is durable. Waits for a leader at work.
    pub fn durable_end(&self) -> (u64, u64) {
        let (number, offset, _) = self.tail.lock().durable_end();
        (number, offset)
    }

    /// The segment at the end and the mark by which other files know it; `None` if it is not encrypted.
    pub fn mark(&self) -> Option<(u64, u64)> {
        let (number, _, mark) = self.tail.lock().durable_end();
        Some((number, mark)).filter(|(_, mark)| *mark != 0)
    }

    /// The highest number given out.
    pub fn last_seqno(&self) -> u64 {
        self.state.lock().next_seqno.saturating_sub(1)
    }

    /// All segments, oldest first; the last is the one being written, if there is one yet.
    pub fn segments(&self) -> Vec<SegmentStats> {
        let state = self.state.lock();
        state.sealed.iter().copied().chain(state.has_begun.then_some(state.active)).collect()
    }

    /// Gives up the finished segments before segment `first`, oldest first; returns their bytes. A segment's file stays where
    /// `gives_up` says that something else needs it. One is gone durably before the next is removed, so a crash leaves no gap.
    /// Some files are kept to be written over, unless space is short. An error stops the removal and harms nothing else.
    pub fn trim_before(&self, first: u64, gives_up: &dyn Fn(&SegmentStats) -> bool) -> Result<u64> {
        let _removal = self.removal.lock();
        if !self.has_room_for_spares() {
            self.spares.remove_all(&*self.disk);
        }
        let mut freed_bytes = 0;
        loop {
            let oldest = self.state.lock().sealed.first().copied();
            let Some(oldest) = oldest.filter(|segment| segment.number < first) else {
                return Ok(freed_bytes);
            };
            if !gives_up(&oldest) {
                self.state.lock().sealed.retain(|segment| segment.number != oldest.number);
                continue;
            }
            let wants = self.spares.wants(oldest.bytes, self.segment_bytes) && self.keeps(oldest.number);
            let (name, spare) = (FileName::Log(oldest.number), FileName::Spare(oldest.number));
            let is_kept =
                if wants { self.disk.set_aside(name, spare)? } else { self.disk.remove(name).map(|()| false)? };
            self.state.lock().sealed.retain(|segment| segment.number != oldest.number);
            self.disk.sync_directory()?;
            freed_bytes += oldest.bytes;
            if is_kept {
                self.spares.add(&*self.disk, oldest.number)?;
            }
        }
    }

    /// Whether the file of a segment may be kept to be written over. One that this log did not write may be of a time when the
    /// database was not encrypted.
    fn keeps(&self, number: u64) -> bool {
        number >= self.first_own_segment && self.has_room_for_spares() && self.state.lock().closed.is_none()
    }

    /// Whether the disk has so much space left that nothing else needs that of spares.
    fn has_room_for_spares(&self) -> bool {
        let wanted = self.segment_bytes.saturating_mul(SPARE_ROOM_SEGMENTS);
        !self.disk.is_full() && self.disk.available_bytes().is_none_or(|available| available >= wanted)
    }

    /// Bytes of former segments that are kept to be written over.
    pub fn spare_bytes(&self) -> u64 {
        self.spares.bytes()
    }

    /// Removes the files that are kept to be written over; the bytes given back.
    pub fn remove_spares(&self) -> u64 {
        let _removal = self.removal.lock();
        let bytes = self.spares.remove_all(&*self.disk);
        if bytes > 0 {
            // Until it is durable that they are gone, a disk may keep their space.
            let _ = self.disk.sync_directory();
        }
        bytes
    }

    /// Gives up and removes finished segments whose records all have numbers below `seqno`.
    #[cfg(test)]
    pub fn remove_segments_below(&self, seqno: u64) -> Result<u64> {
        let segments = self.segments();
        let first = segments.iter().find(|segment| segment.last_seqno >= seqno).or(segments.last());
        self.trim_before(first.map_or(0, |segment| segment.number), &|_| true)
    }

    /// Syncs what was appended and seals the last segment. Appends fail from now on; closing again does nothing, as closing a
    /// log does that never began, and returns false.
    pub fn close(&self) -> Result<bool> {
        let mut state = self.state.lock();
        state.check_sound()?;
        if state.closed.is_some() {
            return Ok(false);
        }
        state.closed = Some(Error::closed());
        if !state.has_begun {
            return Ok(false);
        }
        let last = state.next_seqno.saturating_sub(1);
        drop(state);
        self.sync(last)?;
        let mut state = self.state.lock();
        self.wait_for_all(&mut state);
        state.check_sound()?;
        let mut tail = self.tail.lock();
        let tail = tail.begun()?;
        let sealed = tail.seal();
        state.active = tail.info();
        self.spares.note_rest(tail.spare_bytes());
        sealed.inspect_err(|error| self.fail(&mut state, Job::Log, error))?;
        drop(state);
        self.remove_spares();
        Ok(true)
    }

    /// Takes no more records, for a database that is only read. Closing it then writes nothing.
    pub fn end_writing(&self) {
        self.state.lock().closed = Some(Error::unsupported("the database was opened for reading only"));
    }

    /// Ends writing for good, as a failure of the log itself does: for failures elsewhere that leave the database's
    /// files in an unknown state.
    pub fn poison(&self, cause: &Error) {
        let mut state = self.state.lock();
        self.fail(&mut state, Job::Manifest, cause);
        self.release(state);
    }

    /// Keeps the first failure, and reports it: nothing is written after it.
    pub(super) fn fail(&self, state: &mut WalState, job: Job, cause: &Error) {
        state.failure.get_or_insert_with(|| cause.clone());
        self.observe.writing_ended(job, cause);
    }

    /// The failure that ended writing, if one did.
    #[cfg(test)]
    pub fn poison_cause(&self) -> Option<Error> {
        self.state.lock().failure.clone()
    }

    /// Whether a failure ended writing.
    pub fn is_poisoned(&self) -> bool {
        self.state.lock().failure.is_some()
    }
}

impl WalState {
    pub(super) fn check_sound(&self) -> Result<()> {
        self.failure.as_ref().map_or(Ok(()), |cause| Err(Error::poisoned(cause)))
    }

    fn check_open(&self) -> Result<()> {
        self.check_sound()?;
        self.closed.clone().map_or(Ok(()), Err)?;
        if self.has_begun { Ok(()) } else { Err(not_begun()) }
    }
}
