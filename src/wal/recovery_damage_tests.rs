//! Damage against the promise of recovery, at random and where it is hard to tell from a torn end: a prefix of the records,
//! or an error.

use super::{
    LogBounds, Wal, recover,
    recovery_tests::{DATABASE_ID, change, options},
};
use crate::{
    error::ErrorKind,
    file::{FileName, Operation, SimulatedDisk},
    format::{
        frame::{self, FRAME_HEADER_BYTES, FrameKind},
        header::{FILE_HEADER_BYTES, FileHeader, FileMagic},
        protection::Protection,
    },
};
use proptest::prelude::*;
use std::sync::Arc;

/// Random records, some synced one by one, in one unsealed segment; returns the records too.
fn random_log(payloads: &[(Vec<u8>, bool)]) -> (SimulatedDisk, Vec<Vec<u8>>) {
    let disk = SimulatedDisk::new(0);
    let wal = Wal::create(Arc::new(disk.clone()), options(1 << 20, 1, 1)).unwrap();
    for (payload, sync) in payloads {
        let seqno = wal.append(payload).unwrap();
        if *sync { wal.sync(seqno) } else { wal.flush_to_os(seqno) }.unwrap();
    }
    change(&disk, 1, |bytes| bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 200)));
    (disk, payloads.iter().map(|(payload, _)| payload.clone()).collect())
}

#[test]
fn an_error_of_the_caller_stops_recovery() {
    let (disk, _) = random_log(&[1, 2, 3].map(|n| (vec![n], true)));
    let refused = recover(&disk, &Protection::plain(DATABASE_ID), &LogBounds::default(), &mut |seqno, _| {
        if seqno == 2 { Err(crate::error::Error::validation("no")) } else { Ok(()) }
    });
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Validation);
}

fn assert_prefix_or_error(disk: &SimulatedDisk, records: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let mut seen = Vec::new();
    let outcome = recover(disk, &Protection::plain(DATABASE_ID), &LogBounds::default(), &mut |seqno, payload| {
        seen.push((seqno, payload.to_vec()));
        Ok(())
    });
    prop_assert!(seen.len() <= records.len());
    for (at, (seqno, payload)) in seen.iter().enumerate() {
        prop_assert_eq!(*seqno, at as u64 + 1);
        prop_assert_eq!(payload, &records[at]);
    }
    if let Err(error) = outcome {
        prop_assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Incompatible), "{error}");
    }
    Ok(())
}

/// Checking each of the frames that such bytes seem to begin would take the square of their length.
#[test]
fn bytes_made_to_look_like_headers_all_over_are_refused_in_little_time() {
    let (disk, _) = random_log(&[(b"hello".to_vec(), true)]);
    let synced_to = 64 + FRAME_HEADER_BYTES as u32 + 5;
    let mut header = Vec::new();
    frame::begin(&mut header, 2, FrameKind::Data);
    header[4..8].copy_from_slice(&120_000u32.to_le_bytes());
    header[16..20].copy_from_slice(&(synced_to + 1).to_le_bytes());
    change(&disk, 1, |bytes| {
        bytes.truncate(synced_to as usize);
        bytes.extend(header.repeat(10_000));
    });
    let reads_before = disk.count(Operation::Read);
    let refused =
        recover(&disk, &Protection::plain(DATABASE_ID), &LogBounds::default(), &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    assert!(disk.count(Operation::Read) - reads_before < 100);
}

/// Two records are damaged, and only the third one, written long after the sync that it tells of, says that the first was
/// safe.
#[test]
fn a_record_that_any_later_one_vouches_for_is_damage() {
    let (disk, _) = random_log(&[(vec![1; 5], true), (vec![2; 5], false), (vec![3; 5], false)]);
    let flip = |record: usize| {
        let at = FILE_HEADER_BYTES + record * (FRAME_HEADER_BYTES + 5) + FRAME_HEADER_BYTES;
        change(&disk, 1, |bytes| bytes[at] ^= 1);
    };
    let ending = || {
        recover(&disk, &Protection::plain(DATABASE_ID), &LogBounds::default(), &mut |_, _| Ok(()))
            .map_err(|error| error.kind())
    };
    flip(1);
    assert_eq!(ending().map(|recovered| recovered.next_seqno), Ok(2), "nothing says that the second one was safe");
    flip(0);
    assert_eq!(ending().map(drop), Err(ErrorKind::Corrupt));
}

/// What a user wrote may look like the beginning of a frame that would be longer than the file.
#[test]
fn what_looks_like_a_frame_and_goes_beyond_the_end_vouches_for_nothing() {
    let mut payload = Vec::new();
    frame::begin(&mut payload, 9, FrameKind::Data);
    payload.extend([7; 476]);
    frame::end(&mut payload, 0, 0).unwrap();
    payload.truncate(200);
    let second = FILE_HEADER_BYTES + FRAME_HEADER_BYTES + 1;
    payload[16..20].copy_from_slice(&u32::try_from(second + 1).unwrap().to_le_bytes());
    let (disk, _) = random_log(&[(vec![1], true), (payload, false)]);
    change(&disk, 1, |bytes| bytes[second] ^= 1);
    let recovered = recover(&disk, &Protection::plain(DATABASE_ID), &LogBounds::default(), &mut |_, _| Ok(())).unwrap();
    assert_eq!(recovered.next_seqno, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_gives_a_prefix_or_an_error(
        payloads in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..12),
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
    ) {
        let (disk, records) = random_log(&payloads);
        let cut_disk = SimulatedDisk::new(0);
        cut_disk.set_contents(FileName::Log(1), disk.contents(FileName::Log(1)).unwrap());
        change(&cut_disk, 1, |bytes| bytes.truncate(cut.index(bytes.len() + 1)));
        assert_prefix_or_error(&cut_disk, &records)?;
        change(&disk, 1, |bytes| {
            for (at, bits) in &flips {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
        });
        assert_prefix_or_error(&disk, &records)?;
    }

    #[test]
    fn any_bytes_at_all_are_refused_or_empty(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        header in any::<bool>(),
    ) {
        let disk = SimulatedDisk::new(0);
        let mut file = bytes;
        if header {
            let header = FileHeader { magic: FileMagic::Log, database_id: DATABASE_ID, number: 1, detail: 1, takes_over: false, is_reused: false, mark: 0};
            file.splice(0..0, header.encode());
        }
        disk.set_contents(FileName::Log(1), file);
        assert_prefix_or_error(&disk, &[])?;
    }
}
