//! The log as writers use it: append, wait until the record is safe, say that it is applied.
//!
//! Appending copies a record into a buffer in memory and gives it the next sequence number; that is all that happens
//! under the lock. Whoever then needs its record on disk takes the whole buffer, and with it the records of all others,
//! and writes it, and syncs it if that is wanted, while the next buffer fills: the leader. The others, its followers,
//! sleep until the leader says how far the log is safe. So one sync serves many commits, and a single writer pays one
//! write and one sync with nothing in between. Writing and syncing are led by one thread each: who wants its record
//! written and no more does not wait for a sync that is under way.
//!
//! A leader of a sync that expects others first yields for a moment to let them gather: those that the last sync released
//! come back soon, and together with those that came while it ran they are a full group. Two halves that take turns would
//! need twice as many syncs. Who does not come back is not expected any more after one such moment.
//!
//! Followers sleep each by itself and not on a condition variable, which would hand the lock from one to the next, each
//! time with a switch of threads. Those whose record is safe go on without the lock; of the others one is woken, to lead.
//!
//! The first failed write or sync ends writing for good: the failure is kept, everybody who waits gets it, and nothing
//! is retried, since after a failed sync nobody knows what the medium holds.

use super::{
    Visible,
    frame::{self, FrameKind},
    segment::{SegmentInfo, SegmentWriter},
};
use crate::{
    canary::canary,
    error::{Error, ErrorKind, Result},
    file::{Disk, FileName},
    sync::{self, Condvar, Mutex, MutexGuard, Thread},
};
use bytes::Bytes;
use smallvec::SmallVec;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Times that a gathering leader yields before it goes alone: some 100 us on an idle machine, less than a sync.
const GATHER_YIELDS: usize = 512;
/// Turns of a spin that outlast one write to the operating system, after which sleeping is cheaper.
const SPIN_TURNS: usize = 200;
/// A buffer that grew past this is given back to the allocator after use.
const KEPT_BUFFER_BYTES: usize = 4 << 20;
/// Largest segment; offsets in frames have four bytes.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;
const MIN_SEGMENT_BYTES: u64 = 4 << 10;

/// What a log is started with.
#[derive(Clone, Debug)]
pub struct WalOptions {
    /// Length at which a segment is sealed, in bytes; 4 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// Whether the disk may be asked to take small writes through windows, which are memory maps.
    pub windows: bool,
    /// The database; seeds all checksums.
    pub database_id: u64,
    /// Number of the segment to create. It must not exist.
    pub first_segment: u64,
    /// Number of the next record, at least 1. All records below it are taken to be durable.
    pub next_seqno: u64,
    /// Finished segments that recovery found, oldest first.
    pub older_segments: Vec<SegmentInfo>,
    /// Records that recovery found and that may not be durable where it found them: the first segment begins with
    /// them. `None` for a segment that follows a finished one, as it is between openings.
    pub taken_over: Option<Vec<(u64, Bytes)>>,
}

/// What the leader of a sync is doing, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syncing {
    Nobody,
    /// Lets others gather, or writes: nothing is being synced yet but what a writer syncs that finishes a segment.
    Preparing,
    /// Syncs what was written before. It needs nothing but the file for that.
    UnderWay,
}

/// How far a caller wants its record to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Written,
    Synced,
}

/// Somebody who sleeps until its record is safe, or until somebody has to lead.
#[derive(Debug)]
struct Follower {
    goal: Goal,
    seqno: u64,
    thread: Thread,
    woken: AtomicBool,
}

impl Follower {
    fn sleep(&self) {
        while !self.woken.load(Ordering::Acquire) {
            sync::park();
        }
    }
    fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[derive(Debug)]
struct State {
    /// Frames that no leader has taken; complete ones end at `filled`.
    pending: Vec<u8>,
    filled: usize,
    /// The buffer of the last leader, to be used again.
    spare: Vec<u8>,
    next_seqno: u64,
    /// Numbers of records that are not yet applied, ascending.
    in_flight: Vec<u64>,
    /// Somebody writes to the segment at the end, or finishes it.
    writing: bool,
    syncing: Syncing,
    followers: Vec<Arc<Follower>>,
    /// Records below this number are being synced by the present leader or are synced.
    taken_below: u64,
    /// Callers of `sync` that came while their record was being synced already.
    late: u64,
    /// Commits that may want the next sync: those that the last one served, and those that came while it ran.
    expected: u64,
    /// Sealed segments, oldest first.
    sealed: Vec<SegmentInfo>,
    active: SegmentInfo,
    failure: Option<Error>,
    closed: bool,
}

/// The write-ahead log of a database.
#[derive(Debug)]
pub struct Wal {
    disk: Arc<dyn Disk>,
    database_id: u64,
    segment_bytes: u64,
    windows: bool,
    state: Mutex<State>,
    /// Signalled when a leader is done, for other leaders.
    done: Condvar,
    /// The segment at the end. Only who is `writing` takes this lock, so it is never waited for.
    tail: Mutex<SegmentWriter>,
    /// Highest number that the operating system has.
    written: AtomicU64,
    /// Highest number that is durable, for readers.
    visible: Arc<Visible>,
    /// Callers of `sync` whose records no leader has taken; changed under the state's lock only.
    arrivals: AtomicU64,
    /// Held while segments are removed.
    removal: Mutex<()>,
}

impl Wal {
    /// Starts a new segment behind those that recovery read. The segment exists durably when this returns.
    pub fn create(disk: Arc<dyn Disk>, options: WalOptions) -> Result<Self> {
        let WalOptions { database_id, windows, first_segment, older_segments, taken_over, .. } = options;
        let next_seqno = options.next_seqno.max(1);
        let segment_bytes = options.segment_bytes.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        let taken_over = taken_over.as_deref();
        let first_seqno = taken_over.and_then(<[_]>::first).map_or(next_seqno, |(seqno, _)| *seqno);
        let tail =
            SegmentWriter::create(&*disk, database_id, first_segment, first_seqno, segment_bytes, windows, taken_over)?;
        let durable = next_seqno.saturating_sub(1);
        Ok(Self {
            disk,
            database_id,
            segment_bytes,
            windows,
            state: Mutex::new(State {
                pending: Vec::new(),
                filled: 0,
                spare: Vec::new(),
                next_seqno,
                in_flight: Vec::new(),
                writing: false,
                syncing: Syncing::Nobody,
                followers: Vec::new(),
                taken_below: next_seqno,
                late: 0,
                expected: 0,
                sealed: older_segments,
                active: tail.info(),
                failure: None,
                closed: false,
            }),
            done: Condvar::new(),
            tail: Mutex::new(tail),
            written: AtomicU64::new(durable),
            visible: Arc::new(Visible::new(durable)),
            arrivals: AtomicU64::new(0),
            removal: Mutex::new(()),
        })
    }

    /// Appends a record and returns its number. See [`Wal::append_with`].
    pub fn append(&self, payload: &[u8]) -> Result<u64> {
        self.append_with(|_, out| out.extend_from_slice(payload))
    }

    /// Appends a record that `fill` writes, given its number, to the end of a buffer; returns the number. Nothing is on
    /// disk yet. The record counts as in flight until [`Wal::applied`] is called with its number.
    ///
    /// Fails if the log is poisoned or closed, or if the record is larger than 32 MiB; no number is used up then.
    pub fn append_with(&self, fill: impl FnOnce(u64, &mut Vec<u8>)) -> Result<u64> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.check_open()?;
        let seqno = state.next_seqno;
        let start = state.filled;
        state.pending.truncate(start);
        frame::begin(&mut state.pending, seqno, FrameKind::Data);
        fill(seqno, &mut state.pending);
        frame::end(&mut state.pending, start)?;
        state.filled = state.pending.len();
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
        self.reach(Goal::Synced, seqno)
    }

    /// Returns once all records appended before the call are on stable storage.
    #[cfg(test)]
    pub fn sync_all(&self) -> Result<()> {
        self.reach(Goal::Synced, u64::MAX)
    }

    /// Returns once the operating system has the record and all before it: they survive the end of this process, but
    /// not a power failure. Does not make them visible; the next sync does.
    pub fn flush_to_os(&self, seqno: u64) -> Result<()> {
        self.reach(Goal::Written, seqno)
    }

    /// Syncs what was appended, seals the segment at the end and begins the next one, whatever room is left.
    pub fn start_segment(&self) -> Result<()> {
        let mut state = self.state.lock();
        let present = state.active.number;
        self.wait_for_all(&mut state);
        state.check_open()?;
        if state.active.number != present {
            return Ok(());
        }
        state.syncing = Syncing::Preparing;
        let started = self.write_pending(&mut state, true, |tail, sealed| {
            self.next_segment(tail, sealed)?;
            Ok(tail.next_seqno())
        });
        self.end_sync(state, started)
    }

    /// Waits until nobody writes or syncs.
    fn wait_for_all(&self, state: &mut MutexGuard<'_, State>) {
        while state.writing || state.syncing != Syncing::Nobody {
            self.done.wait(state);
        }
    }

    /// The highest number that is on stable storage, as readers use it.
    pub fn visible(&self) -> &Arc<Visible> {
        &self.visible
    }

    /// The segment at the end and the offset in it before which all is durable. Waits for a leader at work.
    pub fn durable_end(&self) -> (u64, u64) {
        let tail = self.tail.lock();
        (tail.info().number, tail.synced_to())
    }

    /// The highest number given out.
    pub fn last_seqno(&self) -> u64 {
        self.state.lock().next_seqno.saturating_sub(1)
    }

    /// All segments, oldest first; the last is the one being written.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let state = self.state.lock();
        state.sealed.iter().copied().chain([state.active]).collect()
    }

    /// Removes finished segments whose records all have numbers below `seqno`, oldest first; returns the bytes freed.
    /// One is gone durably before the next is removed, so a crash leaves no gap. An error stops the removal and harms
    /// nothing else.
    pub fn remove_segments_below(&self, seqno: u64) -> Result<u64> {
        let _removal = self.removal.lock();
        let mut freed_bytes = 0;
        loop {
            let oldest = self.state.lock().sealed.first().copied();
            let Some(oldest) = oldest.filter(|segment| segment.last_seqno < seqno) else {
                return Ok(freed_bytes);
            };
            self.disk.remove(FileName::Log(oldest.number))?;
            self.state.lock().sealed.retain(|segment| segment.number != oldest.number);
            self.disk.sync_directory()?;
            freed_bytes += oldest.bytes;
        }
    }

    /// Syncs what was appended and seals the last segment. Appends fail from now on; closing again does nothing, and
    /// returns false.
    pub fn close(&self) -> Result<bool> {
        let mut state = self.state.lock();
        state.check_sound()?;
        if std::mem::replace(&mut state.closed, true) {
            return Ok(false);
        }
        let last = state.next_seqno.saturating_sub(1);
        drop(state);
        self.sync(last)?;
        let mut state = self.state.lock();
        self.wait_for_all(&mut state);
        state.check_sound()?;
        let mut tail = self.tail.lock();
        let sealed = tail.seal();
        state.active = tail.info();
        sealed.map(|()| true).inspect_err(|error| state.failure = Some(error.clone()))
    }

    /// Ends writing for good, as a failure of the log itself does: for failures elsewhere that leave the database's
    /// files in a state that nobody knows.
    pub fn poison(&self, cause: &Error) {
        let mut state = self.state.lock();
        state.failure.get_or_insert_with(|| cause.clone());
        self.release(state);
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

    fn has_reached(&self, goal: Goal, seqno: u64) -> bool {
        match goal {
            Goal::Written => self.written.load(Ordering::Acquire) >= seqno,
            Goal::Synced => self.visible.load() >= seqno,
        }
    }

    /// Follows a leader to the goal, or leads.
    fn reach(&self, goal: Goal, seqno: u64) -> Result<()> {
        if self.has_reached(goal, seqno) {
            return Ok(());
        }
        let mut state = self.state.lock();
        let seqno = seqno.min(state.next_seqno.saturating_sub(1));
        if goal == Goal::Synced {
            if seqno >= state.taken_below {
                self.arrivals.fetch_add(1, Ordering::Relaxed);
            } else {
                state.late += 1;
            }
        }
        let mut may_spin = goal == Goal::Written;
        loop {
            if self.has_reached(goal, seqno) {
                return Ok(());
            }
            state.check_sound()?;
            let is_led = match goal {
                Goal::Written => state.writing,
                Goal::Synced => state.syncing != Syncing::Nobody,
            };
            if !is_led {
                return match goal {
                    Goal::Written => self.lead_write(state),
                    Goal::Synced => self.lead_sync(state),
                };
            }
            if std::mem::take(&mut may_spin) {
                MutexGuard::unlocked(&mut state, || self.spin(goal, seqno));
                continue;
            }
            let follower = Follower { goal, seqno, thread: sync::current(), woken: AtomicBool::new(false) };
            let follower = Arc::new(follower);
            state.followers.push(follower.clone());
            drop(state);
            follower.sleep();
            if self.has_reached(goal, seqno) {
                return Ok(());
            }
            state = self.state.lock();
        }
    }

    /// Wakes everybody who has waited for what a leader did, and one of those who wait for another leader. Woken under
    /// the lock they would run into it.
    fn release(&self, mut state: MutexGuard<'_, State>) {
        let (mut may_write, mut may_sync) = (!state.writing, state.syncing == Syncing::Nobody);
        let failed = state.failure.is_some();
        let mut woken: SmallVec<[Arc<Follower>; 8]> = SmallVec::new();
        state.followers.retain(|follower| {
            let may_lead = match follower.goal {
                Goal::Written => &mut may_write,
                Goal::Synced => &mut may_sync,
            };
            let wakes = failed || self.has_reached(follower.goal, follower.seqno) || std::mem::replace(may_lead, false);
            if wakes {
                woken.push(follower.clone());
            }
            !wakes
        });
        drop(state);
        self.done.notify_all();
        for follower in woken {
            follower.wake();
        }
    }

    /// Watches for the end of a write for about as long as one takes.
    fn spin(&self, goal: Goal, seqno: u64) {
        let before = self.written.load(Ordering::Acquire);
        for _ in 0..SPIN_TURNS {
            if self.has_reached(goal, seqno) || self.written.load(Ordering::Acquire) != before {
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// Writes all that is pending.
    fn lead_write(&self, mut state: MutexGuard<'_, State>) -> Result<()> {
        let written = self.write_pending(&mut state, false, |_, _| Ok(()));
        self.release(state);
        written
    }

    /// Writes and syncs all that is pending.
    fn lead_sync(&self, mut state: MutexGuard<'_, State>) -> Result<()> {
        state.syncing = Syncing::Preparing;
        self.gather(&mut state);
        while state.writing {
            self.done.wait(&mut state);
        }
        let group = self.arrivals.swap(0, Ordering::Relaxed);
        (state.late, state.taken_below) = (0, state.next_seqno);
        let pending = match state.check_sound() {
            Ok(()) => self.write_pending(&mut state, true, |tail, _| Ok(tail.pending_sync())),
            Err(poisoned) => Err(poisoned),
        };
        let synced = pending.and_then(|pending| {
            state.syncing = Syncing::UnderWay;
            let waiting = state.followers.iter().any(|follower| follower.goal == Goal::Written);
            MutexGuard::unlocked(&mut state, || {
                if waiting {
                    self.release(self.state.lock());
                }
                if canary!(EarlyAcknowledgement) { Ok(pending.next_seqno) } else { pending.finish() }
            })
        });
        state.expected = group + state.late + self.arrivals.load(Ordering::Relaxed);
        self.end_sync(state, synced)
    }

    /// Says what became of a sync: the number below which all records are durable.
    fn end_sync(&self, mut state: MutexGuard<'_, State>, synced: Result<u64>) -> Result<()> {
        state.syncing = Syncing::Nobody;
        match &synced {
            Ok(durable_below) => self.visible.advance(durable_below.saturating_sub(1)),
            Err(_) if canary!(ForgivenSync) => {}
            Err(error) => _ = state.failure.get_or_insert_with(|| error.clone()),
        }
        self.release(state);
        synced.map(|_| ())
    }

    /// Hands all that is pending to the operating system, and does with the segment at the end what the caller wants.
    fn write_pending<T>(
        &self,
        state: &mut MutexGuard<'_, State>,
        reserve: bool,
        then: impl FnOnce(&mut SegmentWriter, &mut Vec<SegmentInfo>) -> Result<T>,
    ) -> Result<T> {
        state.writing = true;
        let spare = std::mem::take(&mut state.spare);
        let mut frames = std::mem::replace(&mut state.pending, spare);
        frames.truncate(std::mem::take(&mut state.filled));
        let last = state.next_seqno.saturating_sub(1);

        let mut sealed = Vec::new();
        let (outcome, active) = MutexGuard::unlocked(state, || {
            let mut tail = self.tail.lock();
            let written = self.write_out(&mut tail, &mut frames, reserve, &mut sealed);
            let outcome = written.and_then(|()| then(&mut tail, &mut sealed));
            (outcome, tail.info())
        });

        state.writing = false;
        state.active = active;
        if let Some(sealed) = sealed.last() {
            self.visible.advance(sealed.last_seqno);
        }
        state.sealed.append(&mut sealed);
        match &outcome {
            Ok(_) => _ = self.written.fetch_max(last, Ordering::AcqRel),
            Err(_) if canary!(ForgivenSync) => {}
            Err(error) => _ = state.failure.get_or_insert_with(|| error.clone()),
        }
        if frames.capacity() <= KEPT_BUFFER_BYTES {
            frames.clear();
            state.spare = frames;
        }
        outcome
    }

    /// Lets as many commits gather as are expected.
    fn gather(&self, state: &mut MutexGuard<'_, State>) {
        let expected = state.expected;
        if expected < 2 {
            return;
        }
        MutexGuard::unlocked(state, || {
            for _ in 0..GATHER_YIELDS {
                if self.arrivals.load(Ordering::Relaxed) >= expected {
                    return;
                }
                sync::yield_now();
            }
        });
    }

    /// Writes frames to the tail and, where segments fill up, to new ones.
    fn write_out(
        &self,
        tail: &mut SegmentWriter,
        frames: &mut [u8],
        reserve: bool,
        sealed: &mut Vec<SegmentInfo>,
    ) -> Result<()> {
        let mut rest = frames;
        loop {
            let taken = tail.write(rest, reserve)?;
            rest = &mut rest[taken..];
            if rest.is_empty() {
                return Ok(());
            }
            self.next_segment(tail, sealed)?;
        }
    }

    /// Seals the segment at the end, which syncs it, and begins the next one.
    fn next_segment(&self, tail: &mut SegmentWriter, sealed: &mut Vec<SegmentInfo>) -> Result<()> {
        self.wait_for_sync()?;
        tail.seal()?;
        let (number, next_seqno) = (tail.info().number + 1, tail.next_seqno());
        let next = SegmentWriter::create(
            &*self.disk,
            self.database_id,
            number,
            next_seqno,
            self.segment_bytes,
            self.windows,
            None,
        )?;
        sealed.push(tail.info());
        *tail = next;
        Ok(())
    }

    /// Waits for a sync that is under way. An operating system tells only one of two callers that it lost something, so
    /// a seal may not be written beside a sync: it would vouch for what the other one knows to be lost.
    fn wait_for_sync(&self) -> Result<()> {
        let mut state = self.state.lock();
        while state.syncing == Syncing::UnderWay {
            self.done.wait(&mut state);
        }
        state.check_sound()
    }
}

impl State {
    fn check_sound(&self) -> Result<()> {
        self.failure.as_ref().map_or(Ok(()), |cause| Err(Error::poisoned(cause)))
    }

    fn check_open(&self) -> Result<()> {
        self.check_sound()?;
        if self.closed {
            let text = "the database is closed";
            return Err(Error::new(ErrorKind::Unsupported, "InternalServerError", text));
        }
        Ok(())
    }
}
