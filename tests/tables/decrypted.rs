//! What is read of an encrypted database: by scans past the cache, by pages in it, and of runs that are decrypted as a whole.

use hashrange::{
    Database, Durability, Item,
    encryption::RootKey,
    key::{N, S},
};
use std::collections::BTreeMap;

/// Walks past the cache, more than it takes until a run is decrypted as a whole, and reads in between.
#[test]
fn what_walks_decrypt_is_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for cache_bytes in [0, 100 << 10, 64 << 20] {
        let path = folder.path().join(cache_bytes.to_string());
        let options = || {
            Database::options()
                .background(false)
                .initial_partitions(1)
                .encryption(RootKey::from_bytes([1; 32]))
                .block_cache_bytes(cache_bytes)
        };
        let db = options().open(&path).unwrap();
        let table = db.create_table("items").hash::<S>("id").range::<N>("n").create().unwrap();
        // Small ones, ones of several pages, and a collection of many leaves.
        let item = |n: i64| {
            let id = if n % 3 == 0 { "large".to_owned() } else { format!("id {}", n / 4) };
            let text = format!("{n:07}").repeat(match n % 50 {
                7 => 20_000,
                n => n as usize * 3,
            });
            Item::new().with("id", id).with("n", n).with("text", text)
        };
        let wanted: BTreeMap<i64, Item> = (0..900).map(|n| (n, item(n))).collect();
        wanted.values().for_each(|item| drop(table.put_with(item).durability(Durability::Buffered).send().unwrap()));
        db.compact().unwrap();
        drop(table);
        db.close().unwrap();
        let db = options().open(&path).unwrap();
        let table = db.table::<(S, N)>("items").unwrap();
        let number = |item: &Item| item["n"].as_number().and_then(|n| n.to_i64()).unwrap();
        for round in 0..4 {
            let found: BTreeMap<i64, Item> =
                table.scan().items().map(|item| item.unwrap().to_item()).map(|item| (number(&item), item)).collect();
            assert!(found == wanted, "{cache_bytes} bytes of cache, scan {round}");
            let large: Vec<Item> = table.query("large").items().map(|item| item.unwrap().to_item()).collect();
            assert!(large.iter().eq(wanted.values().filter(|item| number(item) % 3 == 0)), "query {round}");
            let back = table.query("large").descending().items().map(|item| item.unwrap().to_item());
            assert!(back.eq(large.iter().rev().cloned()), "query backwards {round}");
            for n in (round..900).step_by(97) {
                let item = &wanted[&n];
                assert_eq!(table.get((item["id"].as_str().unwrap(), n)).unwrap().unwrap().to_item(), *item);
            }
        }
        db.verify().unwrap();
    }
}
