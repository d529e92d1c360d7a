//! What is left of unsynced writes and operations when the power goes, or when a sync fails.

use super::super::image::Image;
use super::files::{NameChange, Names, SimulatedFile, Write};
use crate::random::Random;
use std::io;

/// Bytes that a disk writes as a whole.
const SECTOR_BYTES: u64 = 512;

/// What becomes of one write or operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lost,
    Kept,
    Torn,
    Garbled,
}

/// The fates of a list of things that happened in this order.
fn fates(count: usize, random: &mut Random) -> Vec<Fate> {
    match random.below(6) {
        0 => vec![Fate::Lost; count],
        1 => vec![Fate::Kept; count],
        2 => {
            // In order up to a moment, and one thing in flight then.
            let whole = random.below(count as u64 + 1) as usize;
            let mut fates = vec![Fate::Lost; count];
            fates[..whole].fill(Fate::Kept);
            if let Some(in_flight) = fates.get_mut(whole) {
                *in_flight = any_fate(random);
            }
            fates
        }
        _ => (0..count).map(|_| any_fate(random)).collect(),
    }
}

fn any_fate(random: &mut Random) -> Fate {
    match random.below(8) {
        0..3 => Fate::Lost,
        3..6 => Fate::Kept,
        6 => Fate::Torn,
        _ => Fate::Garbled,
    }
}

/// The bytes of a file after a crash.
pub(super) fn surviving_bytes(file: &mut SimulatedFile, random: &mut Random) -> io::Result<Image> {
    let mut image = file.durable.twin();
    if file.unsynced.is_empty() {
        return Ok(image);
    }
    let fates = fates(file.unsynced.len(), random);
    let mut order: Vec<_> = file.unsynced.iter().zip(fates).collect();
    if random.one_in(4) {
        random.shuffle(&mut order);
    }
    for (write, fate) in order {
        apply(&mut image, write, fate, random)?;
    }
    Ok(image)
}

/// What a sync that fails does to a file: some of the waiting writes reach the disk, the others are dropped for good,
/// and the cache shows them or not.
pub(super) fn fail_sync(file: &mut SimulatedFile, random: &mut Random) -> io::Result<()> {
    let durable = surviving_bytes(file, random)?;
    file.durable = durable;
    file.unsynced.clear();
    if random.one_in(2) {
        let len = file.live.len();
        file.live = file.durable.twin();
        file.live.extend_to(len);
    }
    Ok(())
}

fn apply(image: &mut Image, write: &Write, fate: Fate, random: &mut Random) -> io::Result<()> {
    match (write, fate) {
        (Write::Cut { .. }, Fate::Lost) => Ok(()),
        (Write::Cut { .. }, _) => write.apply(image),
        (_, Fate::Lost) => {
            if random.one_in(4) {
                image.extend_to(write.end());
            }
            Ok(())
        }
        (Write::Zeros { end }, Fate::Kept) => {
            image.extend_to(*end);
            Ok(())
        }
        (Write::Zeros { end }, Fate::Torn) => {
            let grown = random.below(end.saturating_sub(image.len()) + 1);
            image.extend_to(image.len() + grown);
            Ok(())
        }
        (Write::Zeros { end }, Fate::Garbled) => {
            // Blocks were given to the file, and what was in one of them before shows through.
            let start = image.len();
            image.extend_to(*end);
            if start >= *end {
                return Ok(());
            }
            let at = start + random.below(end - start);
            let sector_end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
            image.write_at(at, &noise((sector_end.min(*end) - at) as usize, random))
        }
        (Write::Bytes { offset, bytes }, Fate::Kept) => image.write_at(*offset, bytes),
        (Write::Bytes { offset, bytes }, Fate::Torn) => {
            let sectors = sectors(*offset, bytes.len());
            let kept = random.below(sectors.len() as u64 + 1) as usize;
            let in_order = random.one_in(2);
            for (i, (start, end)) in sectors.into_iter().enumerate() {
                if if in_order { i < kept } else { random.one_in(2) } {
                    image.write_at(offset + start as u64, &bytes[start..end])?;
                }
            }
            Ok(())
        }
        (Write::Bytes { offset, bytes }, Fate::Garbled) => {
            image.write_at(*offset, bytes)?;
            let sectors = sectors(*offset, bytes.len());
            let Some((start, end)) = sectors.get(random.below(sectors.len() as u64) as usize) else { return Ok(()) };
            let from = start + random.below((end - start) as u64) as usize;
            image.write_at(offset + from as u64, &noise(end - from, random))
        }
    }
}

/// Cuts a write where sectors of the file begin: ranges of its bytes.
fn sectors(offset: u64, len: usize) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let mut start = 0;
    while start < len {
        let room = SECTOR_BYTES - (offset + start as u64) % SECTOR_BYTES;
        let end = len.min(start + room as usize);
        cuts.push((start, end));
        start = end;
    }
    cuts
}

fn noise(len: usize, random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => vec![0; len],
        1 => vec![0xFF; len],
        _ => (0..len).map(|_| random.next_u64() as u8).collect(),
    }
}

/// The names of a folder after a crash.
pub(super) fn surviving_names(durable: &Names, unsynced: &[NameChange], random: &mut Random) -> Names {
    let mut names = durable.clone();
    let fates = fates(unsynced.len(), random);
    for (change, fate) in unsynced.iter().zip(fates) {
        // Operations on names are whole: what would be torn or garbled is lost or kept.
        if fate == Fate::Kept || (fate != Fate::Lost && random.one_in(2)) {
            change.apply(&mut names);
        }
    }
    names
}
