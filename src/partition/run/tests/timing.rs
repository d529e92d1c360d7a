//! Rough timings of a run on the real disk, for decisions about the format:
//! `cargo test --release -p hashrange --lib partition::run::tests::timing -- --ignored --nocapture`.

use super::*;
use crate::file::RealDisk;
use std::{hint::black_box, ops::Bound};

const COLLECTIONS: u64 = 100_000;
const PER_COLLECTION: u64 = 10;

#[expect(clippy::disallowed_methods, reason = "a timing measures real time")]
fn timed(what: &str, count: u64, mut work: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = std::time::Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{what:<44} {:>8.1} ns, {:>8.0} thousand a second", best * 1e9 / count as f64, count as f64 / best / 1e3);
}

fn shop_item(collection: u64, number: u64) -> ItemRef {
    let item = Item::new()
        .with("customer", format!("customer#{collection:012}"))
        .with("order", format!("order#{number:014}"))
        .with("status", "OPEN")
        .with("total", number * 7)
        .with("created", 1_700_000_000 + number)
        .with("address", "1 Long Street, 12345 Some Town, Some Country")
        .with("comment", "y".repeat(130))
        .with("version", 1);
    ItemRef::from(&item)
}

fn key_bytes(collection: u64) -> Vec<u8> {
    [b"\0".as_slice(), format!("customer#{collection:012}").as_bytes()].concat()
}

fn write_shop(disk: &Arc<dyn Disk>, file: u64, collections: u64, per_collection: u64) -> RunMeta {
    let mut order: Vec<(u64, u64)> = (0..collections).map(|c| (xxhash_rust::xxh3::xxh3_64(&key_bytes(c)), c)).collect();
    order.sort_unstable();
    let mut writer = RunWriter::create(disk, file, &Protection::plain(DATABASE), order.len()).unwrap();
    for (token, c) in order {
        let collection = key_bytes(c);
        for number in 0..per_collection {
            let sort = format!("order#{number:014}");
            let key = KeyRef { token, collection: &collection, sort: sort.as_bytes() };
            writer.add(key, c * 10 + number + 1, Some(&shop_item(c, number))).unwrap();
        }
    }
    writer.finish().unwrap()
}

fn measure(run: &Arc<Run>, collections: u64, per_collection: u64) {
    let facts = run.facts();
    println!("{:?}", run.describe().unwrap());
    println!("{:.3} bytes on disk per logical byte", facts.bytes as f64 / facts.logical_bytes as f64);
    let mut dice = Dice(5);
    let probes: Vec<(u64, Vec<u8>, Vec<u8>)> = (0..1_000_000)
        .map(|_| {
            let collection = key_bytes(dice.next() % collections);
            let sort = format!("order#{:014}", dice.next() % per_collection).into_bytes();
            (xxhash_rust::xxh3::xxh3_64(&collection), collection, sort)
        })
        .collect();
    let count = probes.len() as u64;
    let opened = run.opened().unwrap();
    if opened.source.is_mapped() {
        let bytes = opened.source.piece(0, opened.footer.records_end as usize).unwrap();
        timed("a dependent load from anywhere in the records", count, || {
            let mut at = 0;
            for probe in &probes {
                at = ((u128::from(probe.0 ^ at) * bytes.len() as u128) >> 64) as u64;
                at = u64::from(black_box(bytes[at as usize]));
            }
        });
    }
    timed("get, uniform", count, || {
        for probe in &probes {
            assert!(black_box(run.get(key_ref(probe)).unwrap()).is_some());
        }
    });
    timed("get, uniform, and the last attribute", count, || {
        for probe in &probes {
            let item = run.get(key_ref(probe)).unwrap().unwrap().item.unwrap();
            assert!(black_box(item.get("version")).is_some());
        }
    });
    timed("get, uniform, two threads", count, || {
        std::thread::scope(|scope| {
            for half in probes.chunks(probes.len() / 2) {
                scope.spawn(move || half.iter().for_each(|probe| _ = black_box(run.get(key_ref(probe)).unwrap())));
            }
        });
    });
    timed("get, absent collection", count, || {
        for probe in &probes {
            assert!(run.get(KeyRef { token: !probe.0, ..key_ref(probe) }).unwrap().is_none());
        }
    });
    timed("get, absent sort key", count, || {
        for probe in &probes {
            assert!(run.get(KeyRef { sort: b"order#none", ..key_ref(probe) }).unwrap().is_none());
        }
    });
    for descending in [false, true] {
        timed(&format!("query of up to 10, descending {descending}"), count, || {
            for probe in &probes {
                let lower = if per_collection > 10 { Bound::Included(&probe.2[..]) } else { Bound::Unbounded };
                let bounds = if descending { (Bound::Unbounded, lower) } else { (lower, Bound::Unbounded) };
                let mut cursor = run.query(probe.0, &probe.1, bounds.0, bounds.1, descending).unwrap().unwrap();
                let mut bytes = 0;
                for _ in 0..10 {
                    if !cursor.valid() {
                        break;
                    }
                    bytes += cursor.item().unwrap().size_bytes();
                    cursor.advance().unwrap();
                }
                black_box(bytes);
            }
        });
    }
    timed("scan", facts.entries, || {
        let mut cursor = run.scan(0, u64::MAX, None).unwrap();
        let mut bytes = 0;
        while cursor.valid() {
            bytes += cursor.item().unwrap().size_bytes() as u64;
            cursor.advance().unwrap();
        }
        assert_eq!(bytes, facts.logical_bytes);
    });
    timed("verify", facts.entries, || run.verify().unwrap());
}

#[test]
#[ignore = "takes a while and measures rather than checks"]
fn timings() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.path(), true).unwrap());
    for (file, collections, per_collection) in
        [(1, COLLECTIONS, PER_COLLECTION), (2, 200, 5000), (3, COLLECTIONS * PER_COLLECTION, 1)]
    {
        println!("--- {collections} collections of {per_collection}");
        let mut facts = None;
        timed("write (best of one to three files)", collections * per_collection, || {
            if facts.is_none() {
                facts = Some(write_shop(&disk, file, collections, per_collection));
            }
        });
        let facts = facts.unwrap();
        measure(&open(&disk, &facts, ReadMode::Mapped).unwrap(), collections, per_collection);
        if file == 1 {
            println!("--- buffered, cache of 64 MiB");
            let cache = Arc::new(PageCache::new(64 << 20));
            let run =
                Arc::new(Run::open(&*disk, &facts, &Protection::plain(DATABASE), ReadMode::Buffered, &cache).unwrap());
            measure(&run, collections, per_collection);
        }
    }
}
