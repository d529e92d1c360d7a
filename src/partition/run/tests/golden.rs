//! A run file as version 1 of the format writes it. It must stay readable for ever; where this version of the code
//! still writes version 1, it writes the same bytes.

use super::*;

const GOLDEN: &[u8] = include_bytes!("golden_v1.run");

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

#[test]
fn version_1_is_written_and_read() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let model = golden_model();
    let facts = write(&disk, &model);
    assert_eq!(bytes_of(&disk), GOLDEN, "the format has changed: raise its version and keep the old file");
    let run = open(&disk_with(GOLDEN), &facts, ReadMode::Mapped).unwrap();
    run.verify().unwrap();
    let entries: Vec<_> = model.into_iter().collect();
    assert_eq!(drain(run.scan(0, u64::MAX, None).unwrap()).unwrap(), entries);
    assert_eq!((run.describe().unwrap().nodes, facts.entries, facts.tombstones), (1, 6, 1));
}
