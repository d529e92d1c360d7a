//! Bytes as a run: a run answers like the map that it was written from; one with wrong bytes answers right or with an
//! error; and one whose wrong bytes have right checksums answers anything, but it answers.

use crate::{
    disk::{Harm, disk_of, files_of},
    value,
};
use arbitrary::{Result, Unstructured};
use hashrange::{
    ErrorKind, Item, ItemRef, ReadMode,
    file::{Disk, FileName, MemoryDisk},
    fuzzing::{CollectionRange, KeyRef, PageCache, Protection, Run, RunCursor, RunMeta, RunWriter, seal_run},
};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

const DATABASE: u64 = 0x5eed;
const FILE: u64 = 7;

type Key = (u64, Vec<u8>, Vec<u8>);
type Model = BTreeMap<Key, (u64, Option<Item>)>;

fn model(u: &mut Unstructured<'_>) -> Result<Model> {
    let mut model = Model::new();
    let collections = u.int_in_range(1..=6u8)?;
    // Long items make collections of several leaves, and pages that items span.
    let filler = if u.ratio(1, 4)? { u.int_in_range(0..=6000)? } else { 0 };
    for number in 0..u.int_in_range(1..=40u64)? {
        let collection = u.int_in_range(1..=collections)?;
        let token = u64::from(u.int_in_range(0..=collection)?) << 60;
        let sort = if u.arbitrary()? { format!("s{number:03}").into_bytes() } else { value::binary(u)?.to_vec() };
        let item = match u.int_in_range(0..=5u8)? {
            0 => None,
            1..=2 => Some(value::item(u)?),
            _ => Some(Item::new().with("name", "n".repeat(filler)).with("a", number)),
        };
        model.insert((token, vec![0, collection], sort), (u.int_in_range(1..=1000)?, item));
    }
    Ok(model)
}

fn key_ref(key: &Key) -> KeyRef<'_> {
    KeyRef { token: key.0, collection: &key.1, sort: &key.2 }
}

fn write(model: &Model) -> (Vec<u8>, RunMeta) {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let mut writer = RunWriter::create(&disk, FILE, &Protection::plain(DATABASE), model.len())
        .expect("a disk in memory takes a run");
    for (key, (seqno, item)) in model {
        let item = item.as_ref().map(ItemRef::from);
        writer.add(key_ref(key), *seqno, item.as_ref()).expect("keys ascend");
    }
    let facts = writer.finish().expect("a disk in memory takes a run");
    (files_of(&*disk).remove(&FileName::Run(FILE)).expect("the run is there"), facts)
}

fn open(bytes: &[u8], facts: &RunMeta, mode: ReadMode) -> hashrange::Result<Arc<Run>> {
    let disk = disk_of(&BTreeMap::from([(FileName::Run(FILE), bytes.to_vec())]));
    Run::open(&*disk, facts, &Protection::plain(DATABASE), mode, &Arc::new(PageCache::new(64 << 10))).map(Arc::new)
}

type Entry = (Key, (u64, Option<Item>));

fn drain(mut cursor: RunCursor<'_>) -> hashrange::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    while cursor.valid() {
        let value = (cursor.seqno(), cursor.item().map(|item| item.to_item()));
        let key = cursor.key();
        entries.push(((key.token, key.collection.to_vec(), key.sort.to_vec()), value));
        cursor.advance()?;
    }
    Ok(entries)
}

/// Everything that can be asked; up to the first error each answer must be the model's.
fn ask(run: &Arc<Run>, model: &Model) -> hashrange::Result<()> {
    for (key, expected) in model {
        let version = run.get(key_ref(key))?.map(|version| (version.seqno, version.item.map(|item| item.to_item())));
        assert_eq!(version.as_ref(), Some(expected), "get of {key:?}");
        assert!(run.get(KeyRef { sort: b"not there", ..key_ref(key) })?.is_none());
    }
    let all: Vec<Entry> = model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(drain(run.scan(0, u64::MAX, None)?)?, all);
    for (at, (key, _)) in all.iter().enumerate().step_by(3) {
        assert_eq!(drain(run.scan(0, u64::MAX, Some(key_ref(key)))?)?, all[at + 1..]);
        let mut expected: Vec<Entry> = all.iter().filter(|e| (e.0.0, &e.0.1) == (key.0, &key.1)).cloned().collect();
        let upwards = run.query(key.0, &key.1, Bound::Unbounded, Bound::Unbounded, false)?;
        assert_eq!(drain(upwards.expect("the collection is there"))?, expected);
        expected.retain(|entry| entry.0.2 <= key.2);
        expected.reverse();
        let downwards = run.query(key.0, &key.1, Bound::Unbounded, Bound::Included(&key.2), true)?;
        assert_eq!(drain(downwards.expect("the collection is there"))?, expected);
    }
    Ok(())
}

/// Asks everything and expects nothing but an end.
fn poke(run: &Arc<Run>, model: &Model) {
    for key in model.keys() {
        let _ = run.get(key_ref(key)).map(|version| version.map(|version| version.item.map(|item| item.to_item())));
        for descending in [false, true] {
            let some = (Bound::Excluded(key.2.as_slice()), Bound::Included(&b"s9"[..]));
            for (lower, upper) in [(Bound::Unbounded, Bound::Unbounded), some] {
                let _ = run.query(key.0, &key.1, lower, upper, descending).map(|cursor| cursor.map(drain));
                let range = CollectionRange { token: key.0, collection: &key.1, lower, upper, descending };
                let _ = run.query_each(&range, &mut |item: ItemRef, _: usize| Ok(item.to_item().len() < 100));
            }
        }
    }
    let _ = run.scan(0, u64::MAX, None).map(drain);
    let _ = model.keys().nth(1).map(|key| run.scan(0, u64::MAX, Some(key_ref(key))).map(drain));
    let _ = (run.split_token_within(0, u64::MAX), run.bytes_within(1 << 60, 3 << 60), run.describe(), run.verify());
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let mode = if u.arbitrary()? { ReadMode::Mapped } else { ReadMode::Buffered };
    if u.ratio(1, 8)? {
        let mut bytes = value::rest(u).to_vec();
        if let Some(facts) = seal_run(&mut bytes, DATABASE, FILE)
            && let Ok(run) = open(&bytes, &facts, mode)
        {
            poke(&run, &Model::from([((0, vec![0, 1], b"s".to_vec()), (1, None))]));
        }
        return Ok(());
    }
    let model = model(u)?;
    let (good, facts) = write(&model);
    let mut bytes = good.clone();
    for _ in 0..u.int_in_range(0..=4)? {
        // The last sections are short and decide about all others: half of the harm goes there.
        let tail = if u.arbitrary()? { bytes.len().saturating_sub(u.int_in_range(1..=400)?) } else { 0 };
        let mut part = bytes.split_off(tail);
        u.arbitrary::<Harm>()?.strike(&mut part);
        bytes.extend(part);
    }
    if u.arbitrary()? {
        let Some(facts) = seal_run(&mut bytes, DATABASE, FILE) else { return Ok(()) };
        if let Ok(run) = open(&bytes, &facts, mode) {
            poke(&run, &model);
        }
        return Ok(());
    }
    let answer = open(&bytes, &facts, mode).and_then(|run| ask(&run, &model).and_then(|()| run.verify()));
    match answer {
        Ok(()) => assert_eq!(bytes, good, "damage was not noticed"),
        Err(error) => {
            assert!(bytes != good, "{error}");
            assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Incompatible), "{error}");
        }
    }
    Ok(())
}

pub fn run_file(data: &[u8]) {
    let _ = check(&mut Unstructured::new(data));
}
