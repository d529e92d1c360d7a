//! Whatever happens to the bytes of a run, an answer is right or an error.

use super::{super::test_seal, *};
use crate::{error::ErrorKind, partition::key::CollectionRange};
use std::ops::Bound;

fn small_model() -> Model {
    let mut model = Model::new();
    for number in 0..12u64 {
        let token = number / 2 * 0x2000_0000_0000_0000;
        let collection = format!("\0c{}", number % 3).into_bytes();
        for sort in ["", "a", "ab", "b"].into_iter().take(number as usize % 5) {
            let item = (sort != "ab").then(|| item("small", 10));
            model.insert((token, collection.clone(), sort.into()), (number + 300, item));
        }
    }
    model
}

/// A collection that spans pages, leaves and a node.
fn spanning_model() -> Model {
    let keys = (0..60u64).map(|number| (5, b"\0c".to_vec(), format!("k{number:03}").into_bytes()));
    keys.zip(0..).map(|(key, seqno)| (key, (seqno, Some(item("span", 700))))).collect()
}

/// Everything that can be asked; stops at the first error, and no answer may be wrong.
fn ask_everything(run: &Arc<Run>, model: &Model) -> Result<()> {
    for (key, (seqno, item)) in model {
        let version = run.get(key_ref(key))?.expect("no key is missing");
        assert_eq!((version.seqno, version.item.map(|item| item.to_item())), (*seqno, item.clone()));
        assert!(run.get(KeyRef { sort: b"zz", ..key_ref(key) })?.is_none());
    }
    let all: Vec<_> = model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(drain(run.scan(0, u64::MAX, None)?)?, all);
    for descending in [false, true] {
        let key = model.keys().next().unwrap();
        let cursor = run.query(key.0, &key.1, Bound::Unbounded, Bound::Unbounded, descending)?.expect("it is there");
        let mut expected = all.clone();
        expected.retain(|entry| (entry.0.0, &entry.0.1) == (key.0, &key.1));
        if descending {
            expected.reverse();
        }
        assert_eq!(drain(cursor)?, expected);
        let range = whole_collection(key, descending);
        let (mut items, mut tombstones) = (Vec::new(), expected.len());
        let mut take = |item: ItemRef, _: usize| {
            items.push(Some(item.to_item()));
            Ok(true)
        };
        tombstones -= run.query_each(&range, &mut take)? as usize;
        assert_eq!(items.len(), tombstones);
        assert!(expected.iter().map(|entry| &entry.1.1).filter(|item| item.is_some()).eq(&items));
    }
    run.split_token_within(0, u64::MAX)?;
    Ok(())
}

fn whole_collection(key: &Key, descending: bool) -> CollectionRange<'_> {
    let (lower, upper) = (Bound::Unbounded, Bound::Unbounded);
    CollectionRange { token: key.0, collection: &key.1, lower, upper, descending }
}

fn flip_each_byte(model: &Model, step: usize) {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let facts = write(&disk, model);
    let good = bytes_of(&disk);
    let mut dice = Dice(1);
    for at in (0..good.len()).step_by(step).chain(good.len() - 200..good.len()) {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1 << dice.below(8);
        let disk = disk_with(&bytes);
        for mode in [ReadMode::Mapped, ReadMode::Buffered] {
            let run = open(&disk, &facts, mode).unwrap();
            let answer = ask_everything(&run, model);
            assert!(answer.is_ok() || answer.is_err_and(|e| e.kind() == ErrorKind::Corrupt));
            let verdict = run.verify().expect_err("damage is found");
            assert_eq!(verdict.kind(), ErrorKind::Corrupt, "{verdict}");
            assert!(verdict.message().contains("0000000007.run"), "{verdict}");
        }
    }
}

#[test]
fn every_flipped_byte_is_noticed() {
    flip_each_byte(&small_model(), 1);
}

#[test]
fn flipped_bytes_of_a_large_collection_are_noticed() {
    flip_each_byte(&spanning_model(), 997);
}

#[test]
fn truncated_files_are_refused() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let facts = write(&disk, &small_model());
    let good = bytes_of(&disk);
    for len in 0..good.len() {
        let disk = disk_with(&good[..len]);
        assert_eq!(open(&disk, &facts, ReadMode::Mapped).unwrap_err().kind(), ErrorKind::Corrupt);
        // A manifest that agrees with the wrong length does not help.
        let facts = RunMeta { bytes: len as u64, footer: (len as u64).wrapping_sub(136), ..facts.clone() };
        let run = open(&disk, &facts, ReadMode::Buffered);
        assert!(run.and_then(|run| ask_everything(&run, &small_model())).is_err());
    }
}

#[test]
fn a_run_of_another_place_is_refused() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let model = small_model();
    let facts = write(&disk, &model);
    let cache = Arc::new(PageCache::new(1 << 20));
    let other = Run::open(&*disk, &facts, &Protection::plain(DATABASE + 1), ReadMode::Mapped, &cache).unwrap();
    assert_eq!(ask_everything(&Arc::new(other), &model).unwrap_err().kind(), ErrorKind::Corrupt);
    let facts = RunMeta { entries: facts.entries + 1, ..facts };
    let other = open(&disk, &facts, ReadMode::Mapped).unwrap();
    assert_eq!(ask_everything(&other, &model).unwrap_err().kind(), ErrorKind::Corrupt);
}

/// Asks everything without expecting anything.
fn poke(run: &Arc<Run>, model: &Model) {
    for key in model.keys() {
        let _ = run.get(key_ref(key)).map(|version| version.map(|version| version.item.map(|item| item.to_item())));
        for descending in [false, true] {
            let _ = run.query_each(&whole_collection(key, descending), &mut |item: ItemRef, _: usize| {
                item.to_item();
                Ok(true)
            });
            let bounds = (Bound::Included(&b"a"[..]), Bound::Excluded(&b"k9"[..]));
            for (lower, upper) in [(Bound::Unbounded, Bound::Unbounded), bounds] {
                if let Ok(Some(cursor)) = run.query(key.0, &key.1, lower, upper, descending) {
                    let _ = drain(cursor);
                }
            }
        }
        if let Ok(cursor) = run.scan(0, u64::MAX, Some(key_ref(key))) {
            let _ = drain(cursor);
        }
    }
    let _ = (run.split_token(), run.bytes_within(3, 1 << 63), run.describe(), run.verify());
}

fn poke_forged(model: &Model, step: usize) {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let facts = write(&disk, model);
    let good = bytes_of(&disk);
    let mut dice = Dice(2);
    for at in (40..facts.footer as usize).step_by(step) {
        for value in [0, 0xff, dice.next() as u8, good[at] ^ 1 << dice.below(8)] {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            // Only the checks of lengths and offsets are between wrong bytes and a panic.
            test_seal::seal(&mut bytes, DATABASE, 7);
            let disk = disk_with(&bytes);
            poke(&open(&disk, &facts, if at % 2 == 0 { ReadMode::Mapped } else { ReadMode::Buffered }).unwrap(), model);
        }
    }
}

#[test]
fn forged_records_do_not_panic() {
    poke_forged(&small_model(), 7);
}

#[test]
fn forged_trees_do_not_panic() {
    let model: Model = spanning_model().into_iter().filter(|entry| entry.0.2.ends_with(b"0")).collect();
    let mut model = model;
    for value in model.values_mut() {
        value.1 = Some(item("span", 9000));
    }
    poke_forged(&model, 389);
}

#[test]
fn forged_footers_do_not_panic() {
    let model = small_model();
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let facts = write(&disk, &model);
    let good = bytes_of(&disk);
    let at = facts.footer as usize;
    for field in 8..132 {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = good.to_vec();
            bytes[at + field] = value;
            test_seal::seal(&mut bytes, DATABASE, 7);
            poke(&open(&disk_with(&bytes), &facts, ReadMode::Mapped).unwrap(), &model);
        }
    }
}
