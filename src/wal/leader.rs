//! How pending records reach the disk: one thread leads, the others follow.
//!
//! A writer that needs its record on disk takes the whole buffer, and with it the records of all others, and writes it, and
//! syncs it if that is wanted, while the next buffer fills: the leader. The others, its followers, sleep until the leader
//! says how far the log is safe. So one sync serves many commits, and a single writer pays one write and one sync with
//! nothing in between. Writing and syncing are led by one thread each: who wants its record written and no more does not
//! wait for a sync that is under way.
//!
//! A leader of a sync that expects others first yields for a moment to let them gather: those that the last sync released
//! come back soon, and together with those that came while it ran they are a full group. Two halves that take turns would
//! need twice as many syncs. A writer that does not come back is not expected any more after one such moment.
//!
//! One follower stays awake for the end of a sync, so that a second processor is there for those whom it releases. Neither
//! it nor the leader waits awake while other programs want the processors, see [`AdaptiveSpin`](super::adaptive_spin::AdaptiveSpin).
//!
//! Followers whose record is safe go on without the lock; of the others one is woken, to lead.

use super::{
    frame_buffer::{FrameBuffer, Place},
    group_commit::{SyncGoal, SyncPhase, Waiter},
    segment::{SegmentStats, SegmentWriter},
    writer::{Wal, WalState},
};
use crate::{
    canary::canary,
    error::Result,
    observe::{EventKind, Job, Subject, WritePoint},
    sync::MutexGuard,
};
use smallvec::SmallVec;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How long a leader lets others gather before it goes alone: less than a sync takes.
const GATHER: Duration = Duration::from_micros(100);
/// How long one follower stays awake for the end of a sync: about as long as a disk takes that can do without moving parts.
const WATCH: Duration = Duration::from_micros(300);
/// Turns of a spin that outlast one write to the operating system, after which sleeping is cheaper.
const SPIN_TURNS: usize = 200;
/// Bytes that a full segment takes at least beyond its size where the next one cannot be created, and the part of its size
/// that it takes if that is more.
const GROWTH_BYTES: u64 = 64 << 10;
const GROWTH_DIVISOR: u64 = 8;
/// Bytes that buffered writers are ahead of the last sync when the next one is due, or this part of a segment if that is less:
/// what the writer that finishes a segment has to sync, about, while all others wait for it.
const SYNC_AHEAD_BYTES: u64 = 8 << 20;
const SYNC_AHEAD_DIVISOR: u64 = 8;
/// A buffer that grew past this is given back to the allocator after use.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

impl Wal {
    /// Whether buffered writers are so far ahead of the last sync that the next one is due, though none of them waits for it.
    #[inline]
    pub fn is_sync_due(&self) -> bool {
        let is_far_ahead = self.unsynced_bytes.load(Ordering::Relaxed) >= self.sync_ahead_bytes();
        is_far_ahead && self.disk.is_durable() && !self.is_poisoned()
    }
    fn sync_ahead_bytes(&self) -> u64 {
        SYNC_AHEAD_BYTES.min(self.segment_bytes / SYNC_AHEAD_DIVISOR)
    }

    /// Syncs what was written, for no writer in particular: the next ones go on as they did before. Whether it did, as it does not
    /// beside another sync.
    pub fn sync_ahead_of_writers(&self) -> Result<bool> {
        let state = self.state.lock();
        state.check_sound()?;
        if state.closed.is_some() || state.syncing != SyncPhase::Nobody {
            return Ok(false);
        }
        self.lead_sync(state, false).map(|()| true)
    }

    /// Whether a thread syncs the log whenever [`Wal::is_sync_due`], so that writers need not have the operating system begin.
    pub fn serve_syncs(&self, is_synced_ahead: bool) {
        self.is_synced_ahead.store(is_synced_ahead, Ordering::Relaxed);
    }

    fn has_reached(&self, goal: SyncGoal, seqno: u64) -> bool {
        match goal {
            SyncGoal::Written => self.written.load(Ordering::Acquire) >= seqno,
            SyncGoal::Synced => self.visible.load() >= seqno,
        }
    }

    /// Follows a leader to the goal, or leads.
    pub(super) fn reach(&self, goal: SyncGoal, seqno: u64) -> Result<()> {
        if self.has_reached(goal, seqno) {
            return Ok(());
        }
        let mut state = self.state.lock();
        let seqno = seqno.min(state.next_seqno.saturating_sub(1));
        if goal == SyncGoal::Synced {
            if seqno >= state.taken_below {
                self.arrivals.fetch_add(1, Ordering::Relaxed);
            } else {
                state.late += 1;
            }
        }
        // A waiter that the sync under way does not cover leads the next one, and is woken for that.
        let is_helped = state.syncing == SyncPhase::Preparing || seqno < state.taken_below;
        let mut stays_awake = goal == SyncGoal::Written || (self.shares_syncs && is_helped);
        loop {
            if self.has_reached(goal, seqno) {
                return Ok(());
            }
            state.check_sound()?;
            let is_led = match goal {
                SyncGoal::Written => state.writing,
                SyncGoal::Synced => state.syncing != SyncPhase::Nobody,
            };
            if !is_led {
                return match goal {
                    SyncGoal::Written => self.lead_write(state),
                    SyncGoal::Synced => self.lead_sync(state, true),
                };
            }
            if std::mem::take(&mut stays_awake) {
                MutexGuard::unlocked(&mut state, || match goal {
                    SyncGoal::Written => self.spin(goal, seqno),
                    SyncGoal::Synced => self.watch(seqno),
                });
                continue;
            }
            let follower = Arc::new(Waiter::new(goal, seqno));
            state.followers.push(follower.clone());
            drop(state);
            follower.sleep();
            if self.has_reached(goal, seqno) {
                return Ok(());
            }
            state = self.state.lock();
        }
    }

    /// Wakes every thread that has waited for what a leader did, and one of those who wait for another leader. Woken under
    /// the lock they would run into it.
    pub(super) fn release(&self, mut state: MutexGuard<'_, WalState>) {
        let (mut may_write, mut may_sync) = (!state.writing, state.syncing == SyncPhase::Nobody);
        let failed = state.failure.is_some();
        let mut woken: SmallVec<[Arc<Waiter>; 8]> = SmallVec::new();
        state.followers.retain(|follower| {
            let may_lead = match follower.goal {
                SyncGoal::Written => &mut may_write,
                SyncGoal::Synced => &mut may_sync,
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

    /// Stays awake for the end of a sync, so that a second processor is there for those whom it releases.
    fn watch(&self, seqno: u64) {
        if !self.watched.swap(true, Ordering::AcqRel) {
            self.patience.wait_awake(WATCH, || self.has_reached(SyncGoal::Synced, seqno));
            self.watched.store(false, Ordering::Release);
        }
    }

    /// Watches for the end of a write for about as long as one takes.
    fn spin(&self, goal: SyncGoal, seqno: u64) {
        let before = self.written.load(Ordering::Acquire);
        for _ in 0..SPIN_TURNS {
            if self.has_reached(goal, seqno) || self.written.load(Ordering::Acquire) != before {
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// Writes all that is pending.
    fn lead_write(&self, mut state: MutexGuard<'_, WalState>) -> Result<()> {
        let written = self.write_pending(&mut state, false, |_, _| Ok(()));
        self.release(state);
        written
    }

    /// Writes and syncs all that is pending. With `reserve` others will want syncs soon.
    fn lead_sync(&self, mut state: MutexGuard<'_, WalState>, reserve: bool) -> Result<()> {
        state.syncing = SyncPhase::Preparing;
        self.gather(&mut state);
        while state.writing {
            self.done.wait(&mut state);
        }
        let group = self.arrivals.swap(0, Ordering::Relaxed);
        (state.late, state.taken_below) = (0, state.next_seqno);
        let pending = match state.check_sound() {
            Ok(()) => self.write_pending(&mut state, reserve, |tail, _| Ok(tail.pending_sync())),
            Err(poisoned) => Err(poisoned),
        };
        let synced = pending.and_then(|pending| {
            state.syncing = SyncPhase::UnderWay;
            let waiting = state.followers.iter().any(|follower| follower.goal == SyncGoal::Written);
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
    pub(super) fn end_sync(&self, mut state: MutexGuard<'_, WalState>, synced: Result<u64>) -> Result<()> {
        state.syncing = SyncPhase::Nobody;
        match &synced {
            Ok(durable_below) => {
                self.unsynced_bytes.store(0, Ordering::Relaxed); // what was written meanwhile, the next write counts again
                self.visible.advance(durable_below.saturating_sub(1));
                self.observe.counters().log_syncs.add(1);
                self.observe.reached(|| WritePoint::Synced { commit: durable_below.saturating_sub(1) });
            }
            Err(_) if canary!(ForgivenSync) => {}
            Err(error) => self.fail(&mut state, Job::Log, error),
        }
        self.release(state);
        synced.map(|_| ())
    }

    /// Hands all that is pending to the operating system, and does with the segment at the end what the caller wants.
    pub(super) fn write_pending<T>(
        &self,
        state: &mut MutexGuard<'_, WalState>,
        reserve: bool,
        then: impl FnOnce(&mut SegmentWriter, &mut Vec<SegmentStats>) -> Result<T>,
    ) -> Result<T> {
        state.writing = true;
        let spare = std::mem::take(&mut state.spare);
        let mut frames = std::mem::replace(&mut state.pending, spare);
        frames.cut();
        let last = state.next_seqno.saturating_sub(1);

        let mut sealed = Vec::new();
        let (outcome, active) = MutexGuard::unlocked(state, || {
            let mut tail = self.tail.lock();
            let tail = match tail.begun() {
                Ok(tail) => tail,
                Err(error) => return (Err(error), None),
            };
            let written = self.write_out(tail, &mut frames, reserve, &mut sealed);
            if written.is_ok() && !frames.is_empty() {
                let (segment, bytes) = (tail.info().number, frames.len());
                self.observe.reached(|| WritePoint::Written { segment, bytes });
            }
            let outcome = written.and_then(|()| then(tail, &mut sealed));
            self.unsynced_bytes.store(tail.unsynced_bytes(), Ordering::Relaxed);
            self.spares.note_rest(tail.spare_bytes());
            (outcome, Some(tail.info()))
        });

        state.writing = false;
        state.active = active.unwrap_or(state.active);
        if let Some(sealed) = sealed.last() {
            self.visible.advance(sealed.last_seqno);
        }
        state.sealed.append(&mut sealed);
        match &outcome {
            Ok(_) => {
                self.written.fetch_max(last, Ordering::AcqRel);
                self.observe.counters().log_bytes_written.add(frames.len() as u64);
            }
            Err(_) if canary!(ForgivenSync) => {}
            Err(error) => self.fail(state, Job::Log, error),
        }
        if frames.capacity() <= KEPT_BUFFER_BYTES {
            frames.clear();
            state.spare = frames;
        }
        outcome
    }

    /// Lets as many commits gather as are expected.
    fn gather(&self, state: &mut MutexGuard<'_, WalState>) {
        let expected = state.expected;
        if expected < 2 || !self.shares_syncs {
            return;
        }
        MutexGuard::unlocked(state, || {
            self.patience.wait_awake(GATHER, || self.arrivals.load(Ordering::Relaxed) >= expected);
        });
    }

    /// Writes frames to the tail and, where segments fill up, to new ones.
    fn write_out(
        &self,
        tail: &mut SegmentWriter,
        frames: &mut FrameBuffer,
        reserve: bool,
        sealed: &mut Vec<SegmentStats>,
    ) -> Result<()> {
        let mut written = Place::default();
        loop {
            written = tail.write(frames, written, reserve)?;
            if written == frames.end() {
                // A thread that syncs ahead may be held up by other work.
                let is_synced_ahead = self.is_synced_ahead.load(Ordering::Relaxed);
                if !is_synced_ahead || tail.unsynced_bytes() >= 2 * self.sync_ahead_bytes() {
                    tail.write_back();
                }
                return Ok(());
            }
            self.next_segment(tail, sealed)?;
        }
    }

    /// Seals the segment at the end, which syncs it, and begins the next one. False if there can be no next one now (no
    /// descriptors, no space): that concerns nothing that was written, so the present one takes more instead, and the next
    /// write that does not fit tries again.
    pub(super) fn next_segment(&self, tail: &mut SegmentWriter, sealed: &mut Vec<SegmentStats>) -> Result<bool> {
        let number = tail.info().number + 1;
        let file = match SegmentWriter::prepare(&*self.disk, number, &self.spares) {
            Ok(file) => file,
            Err(error) if tail.grow(GROWTH_BYTES.max(self.segment_bytes / GROWTH_DIVISOR)) => {
                self.observe.failed(Job::LogSegment, 0, || Subject::Database, &error);
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        self.observe.succeeded(Job::LogSegment, 0);
        self.wait_for_sync()?;
        tail.seal()?;
        let next = SegmentWriter::begin(
            file,
            &*self.disk,
            &self.protection,
            number,
            tail.next_seqno(),
            self.segment_bytes,
            self.windows,
            tail.mark(),
            None,
        )?;
        let info = tail.info();
        self.observe.counters().log_segments_sealed.add(1);
        self.observe.event(EventKind::LogSegmentSealed { segment: info.number, bytes: info.bytes });
        sealed.push(info);
        *tail = next;
        Ok(true)
    }

    /// Waits for a sync that is under way. An operating system tells only one of two callers that it lost something, so
    /// a seal may not be written beside a sync: it would vouch for what the other one knows to be lost.
    fn wait_for_sync(&self) -> Result<()> {
        let mut state = self.state.lock();
        while state.syncing == SyncPhase::UnderWay && !canary!(SealBesideSync) {
            self.done.wait(&mut state);
        }
        state.check_sound()
    }
}
