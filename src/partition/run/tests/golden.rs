//! A run file as each version of the format writes it. They must stay readable for ever; the last one is what is written
//! now, to the byte.

use super::*;

/// With a filter in the place of the hash index.
const VERSION_1: &[u8] = include_bytes!("golden_v1.run");
const VERSION_2: &[u8] = include_bytes!("golden_v2.run");

/// Collections with one and several entries, tombstones, a shared token, an empty sort key and a collection with a
/// node.
fn golden_model() -> Model {
    let mut model = Model::new();
    let mut put = |token: u64, collection: &str, sort: &str, seqno: u64, item: Option<Item>| {
        model.insert((token, collection.into(), sort.into()), (seqno, item));
    };
    put(3, "\0one", "", 70, Some(item("alone", 3)));
    put(9, "\0two", "order#1", 300, Some(item("first", 5)));
    put(9, "\0two", "order#2", 41, None);
    put(9, "\x01two", "order#2", 42, Some(Item::new().with("rare", true)));
    put(u64::MAX, "\0large", "a", 90, Some(item("a", 9_000)));
    put(u64::MAX, "\0large", "b", 91, Some(item("b", 9_000)));
    model
}

/// The facts of the file of version 1 differ in what depends on its length.
fn facts_of(bytes: &[u8], written: &RunMeta) -> RunMeta {
    RunMeta { bytes: bytes.len() as u64, footer: bytes.len() as u64 - 136, ..written.clone() }
}

#[test]
fn the_last_version_is_written_and_all_are_read() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let model = golden_model();
    let facts = write(&disk, &model);
    assert_eq!(bytes_of(&disk), VERSION_2, "the format has changed: raise its version and keep the old file");
    assert_eq!((facts.entries, facts.tombstones), (6, 1));
    let entries: Vec<_> = model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for (golden, hash_bytes) in [(VERSION_1, 32), (VERSION_2, 64)] {
        for mode in [ReadMode::Mapped, ReadMode::Buffered] {
            let run = open(&disk_with(golden), &facts_of(golden, &facts), mode).unwrap();
            for (key, (seqno, item)) in &model {
                assert!(!run.excludes(key_ref(key)));
                let version = run.get(key_ref(key)).unwrap().unwrap();
                assert_eq!((version.seqno, version.item.map(|item| item.to_item())), (*seqno, item.clone()));
                assert!(run.get(KeyRef { sort: b"absent", ..key_ref(key) }).unwrap().is_none());
            }
            run.verify().unwrap();
            assert_eq!(drain(run.scan(0, u64::MAX, None).unwrap()).unwrap(), entries);
            let stats = run.describe().unwrap();
            assert_eq!((stats.nodes, stats.hash_index_bytes), (1, hash_bytes));
        }
    }
}
