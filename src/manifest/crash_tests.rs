//! Log and manifest together on a machine that loses power, or kills the process, at any operation.
//!
//! The test opens them as a database does, which writes nothing before the first change where all that it read is durable. It
//! does some random work, is interrupted, and opens again, several times over
//! on the same machine. Whatever happened, the records that come back are a prefix of those that were appended, and
//! hold all that were promised: those that were synced after a power failure, those that were handed to the operating
//! system after a kill.

use super::{Edit, Manifest};
use crate::{
    error::{ErrorKind, Result},
    file::{Disk, SimulatedDisk},
    format::protection::Protection,
    wal::{Wal, WalOptions, recover},
};
use proptest::prelude::*;
use std::sync::Arc;

const SEGMENT_BYTES: u64 = 4096;
const DATABASE_ID: u64 = 42;

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Flush,
    Sync,
    Remove,
    Note(u8),
    Close,
}

/// What the test knows about the log, by number of the record from 1 on.
#[derive(Debug, Default)]
struct Model {
    appended: Vec<Vec<u8>>,
    flushed: u64,
    synced: u64,
    /// Records below this number may be gone.
    removed_below: u64,
    /// The last note that was committed, and one whose commit was interrupted.
    note: u8,
    tried_note: u8,
}

struct Open {
    manifest: Manifest,
    wal: Wal,
    /// What the manifest learns before the first change.
    edits: Option<Vec<Edit>>,
    first_seen: u64,
    seen: Vec<Vec<u8>>,
}

fn open(disk: &SimulatedDisk) -> Result<Open> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let manifest = if Manifest::exists(&*disk)? {
        Manifest::open(Arc::clone(&disk), None, false)?
    } else {
        Manifest::create(Arc::clone(&disk), Protection::plain(DATABASE_ID))?
    };
    let (mut first_seen, mut seen) = (0, Vec::new());
    let recovered = recover(&*disk, &Protection::plain(DATABASE_ID), &manifest.state().log, &mut |seqno, payload| {
        if seen.is_empty() {
            first_seen = seqno;
        }
        assert_eq!(seqno, first_seen + seen.len() as u64);
        seen.push(payload.to_vec());
        Ok(())
    })?;
    let is_settled = recovered.is_settled && manifest.is_vouched();
    let edits = recovered.ends.iter().map(|&(segment, valid_end)| Edit::PutLogEnd { segment, valid_end });
    let edits = Some(edits.collect());
    let options = WalOptions {
        observe: std::sync::Arc::default(),
        windows: true,
        segment_bytes: SEGMENT_BYTES,
        protection: Protection::plain(DATABASE_ID),
        mark_before: 0,
        first_segment: recovered.next_segment,
        next_seqno: recovered.next_seqno,
        older_segments: recovered.segments,
        taken_over: Some(recovered.taken_over),
    };
    let mut open = Open { manifest, wal: Wal::new(disk, options), edits, first_seen, seen };
    if !is_settled {
        open.begin()?;
    }
    Ok(open)
}

impl Open {
    fn begin(&mut self) -> Result<()> {
        let Some(mut edits) = self.edits.clone() else { return Ok(()) };
        self.wal.begin()?;
        edits.push(self.reach());
        self.manifest.commit(&edits)?;
        self.edits = None;
        Ok(())
    }

    fn reach(&self) -> Edit {
        let (segment, offset) = self.wal.durable_end();
        Edit::PutLogReach { segment, offset }
    }
}

impl Model {
    /// Checks what came back, and takes it for the truth from now on.
    fn check(&mut self, open: &Open, floor: u64) {
        let last = open.wal.last_seqno();
        assert!(last >= floor, "{last} came back of {floor}");
        assert!(last <= self.appended.len() as u64);
        if open.seen.is_empty() {
            assert!(floor < self.removed_below.max(1));
        } else {
            assert!(open.first_seen <= self.removed_below.max(1));
            let first = open.first_seen as usize - 1;
            assert_eq!(open.seen[..], self.appended[first..last as usize]);
        }
        self.appended.truncate(last as usize);
        (self.flushed, self.synced) = (last, last);
        let note = open.manifest.state().notes.get("n").and_then(|note| note.as_u64()).unwrap_or(0);
        assert!([self.note, self.tried_note].map(u64::from).contains(&note));
        self.note = note as u8;
        self.tried_note = self.note;
    }

    fn run(&mut self, open: &mut Open, steps: &[Step]) -> Result<()> {
        for step in steps {
            if matches!(step, Step::Append(_) | Step::Remove | Step::Note(_)) {
                open.begin()?;
            }
            match step {
                Step::Append(len) => {
                    let payload = vec![self.appended.len() as u8; *len];
                    self.appended.push(payload.clone());
                    match open.wal.append(&payload) {
                        Ok(seqno) => {
                            assert_eq!(seqno, self.appended.len() as u64);
                            open.wal.applied(seqno);
                        }
                        Err(error) => {
                            self.appended.pop();
                            return Err(error);
                        }
                    }
                }
                Step::Flush => {
                    open.wal.flush_to_os(self.appended.len() as u64)?;
                    self.flushed = self.appended.len() as u64;
                }
                Step::Sync => {
                    open.wal.sync_all()?;
                    self.synced = self.appended.len() as u64;
                    self.flushed = self.synced;
                }
                Step::Remove => {
                    self.removed_below = self.synced;
                    let segments = open.wal.segments();
                    let first = segments.iter().find(|segment| segment.last_seqno >= self.synced).or(segments.last());
                    open.manifest.commit(&[Edit::PutLogStart(first.unwrap().number)])?;
                    open.wal.remove_segments_below(self.synced)?;
                }
                Step::Note(note) => {
                    self.tried_note = *note;
                    open.manifest.commit(&[Edit::PutNote { key: "n".into(), value: (*note).into() }])?;
                    self.note = *note;
                }
                Step::Close => {
                    let is_sealed = open.wal.close()?;
                    self.synced = self.appended.len() as u64;
                    self.flushed = self.synced;
                    if is_sealed {
                        open.manifest.close(&[open.reach()])?;
                    }
                }
            }
            self.synced = self.synced.max(open.wal.visible().load());
        }
        Ok(())
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..1500).prop_map(Step::Append),
        2 => Just(Step::Flush),
        2 => Just(Step::Sync),
        1 => Just(Step::Remove),
        1 => (0u8..10).prop_map(Step::Note),
        1 => Just(Step::Close),
    ]
}

/// What is done, the operation at which the power fails, whether otherwise the power fails at the end (or the process
/// is killed), and how.
fn life() -> impl Strategy<Value = (Vec<Step>, u64, bool, u64)> {
    (prop::collection::vec(step(), 0..20), 1u64..80, any::<bool>(), any::<u64>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_promised_survives(
        lives in prop::collection::vec(life(), 1..8),
    ) {
        let mut disk = SimulatedDisk::new(1);
        let mut model = Model::default();
        let mut floor = 0;
        for (steps, crash_at, is_power_failure, seed) in lives {
            disk.crash_at(disk.operations() + crash_at);
            let outcome = open(&disk).and_then(|mut open| {
                model.check(&open, floor);
                model.run(&mut open, &steps)
            });
            if let Err(error) = &outcome
                && !disk.has_crashed()
            {
                prop_assert_eq!(error.kind(), ErrorKind::Closed, "{}", error);
            }
            disk = if disk.has_crashed() || is_power_failure {
                model.flushed = model.synced;
                disk.crash(seed)
            } else {
                disk.kill()
            };
            floor = model.flushed;
        }
        disk.crash_at(u64::MAX);
        let open = open(&disk).unwrap();
        model.check(&open, floor);
    }
}
