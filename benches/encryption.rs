//! What encryption costs: the same work on an encrypted and on a plain database, `cargo bench -p hashrange --bench encryption`.
//!
//! Both sides work in turns of some milliseconds, so that what else the machine does strikes both; a ratio is that of the
//! medians. The last rows are the ciphers alone, so that one sees how much of the difference they are.

#![expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that reports and fails by panicking")]

use hashrange::{Database, Durability, Item, Table, encryption::RootKey, key::S};
use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

const ITEMS: u64 = 100_000;
/// Puts or gets of one side before the other side has its turn.
const BLOCK: usize = 2_000;
const SCANS: usize = 25;

fn item(n: u64) -> Item {
    Item::new()
        .with("pk", format!("USER#{:08}", n / 10))
        .with("sk", format!("ORDER#{:04}", n % 10))
        .with("status", "SHIPPED")
        .with(
            "note",
            "parcel blue river stone quick amber delta lamp gift order fragile north south window paper cloud",
        )
        .with("total", n * 7919 % 1_000_000)
}

/// All numbers once, in no order.
fn shuffled(n: u64) -> u64 {
    n * 7_368_787 % ITEMS
}

fn open(folder: &Path, is_encrypted: bool) -> (Database, Table<(S, S)>) {
    let mut options = Database::options().background(false);
    if is_encrypted {
        options = options.encryption(RootKey::from_bytes([7; 32]));
    }
    let db = options.open(folder).unwrap();
    let table = db.create_table("orders").hash::<S>("pk").range::<S>("sk").open_or_create().unwrap();
    (db, table)
}

fn nanos(time: Duration, of: u64) -> f64 {
    time.as_nanos() as f64 / of as f64
}

/// Nanoseconds of one, of the plain side and of the encrypted one.
type Sides = [f64; 2];

/// Does the work of both sides in turns, block by block, and takes the median of the blocks.
fn in_turns(blocks: usize, of: u64, mut work: impl FnMut(usize, usize)) -> Sides {
    let mut times = [Vec::new(), Vec::new()];
    for block in 0..blocks {
        // The one that comes first is not always the same.
        for side in [block % 2, 1 - block % 2] {
            let begin = Instant::now();
            work(side, block);
            times[side].push(nanos(begin.elapsed(), of));
        }
    }
    times.map(median)
}

fn scan(table: &Table<(S, S)>) {
    let found = table.scan().items().map(|item| item.unwrap().size_bytes()).filter(|bytes| *bytes > 0).count();
    assert_eq!(found as u64, ITEMS);
}

fn get(table: &Table<(S, S)>, n: u64) {
    let key = (format!("USER#{:08}", n / 10), format!("ORDER#{:04}", n % 10));
    assert!(table.get((key.0.as_str(), key.1.as_str())).unwrap().is_some());
}

/// What is measured, how much longer it may take encrypted, and what it takes.
fn measure(folders: [&Path; 2]) -> Vec<(&'static str, f64, Sides)> {
    let open_both = || [open(folders[0], false), open(folders[1], true)];
    let items: Vec<Item> = (0..ITEMS).map(|n| item(shuffled(n))).collect();
    let blocks: Vec<&[Item]> = items.chunks(BLOCK).collect();
    let both = open_both();
    let put = in_turns(blocks.len(), BLOCK as u64, |side, block| {
        for item in blocks[block] {
            both[side].1.put_with(item).durability(Durability::Buffered).send().unwrap();
        }
    });
    for (db, table) in both {
        db.compact().unwrap();
        drop(table);
        db.close().unwrap();
    }
    // Each scan is the first of an opening.
    let mut cold = [Vec::new(), Vec::new()];
    for _ in 0..SCANS {
        let both = open_both();
        let times = in_turns(1, ITEMS, |side, _| scan(&both[side].1));
        (0..2).for_each(|side| cold[side].push(times[side]));
    }
    let both = open_both();
    both.iter().for_each(|(_, table)| (0..3).for_each(|_| scan(table)));
    let repeated = in_turns(SCANS, ITEMS, |side, _| scan(&both[side].1));
    let gets = |side: usize, block: usize| {
        let first = (block * BLOCK) as u64;
        (first..first + BLOCK as u64).for_each(|n| get(&both[side].1, shuffled(n % ITEMS)));
    };
    in_turns(blocks.len(), BLOCK as u64, gets);
    let gets = in_turns(2 * blocks.len(), BLOCK as u64, gets);
    let cold = cold.map(median);
    vec![
        ("put, buffered", 1.2, put),
        ("scan, cold", 1.5, cold),
        ("scan, repeated", 1.5, repeated),
        ("get from cache", 1.3, gets),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What the cipher alone takes for so many bytes, in nanoseconds: encrypting and decrypting.
fn ciphers(bytes: usize) -> (f64, f64) {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let nonce = || Nonce::assume_unique_for_key([0; 12]);
    let time = |work: &mut dyn FnMut()| {
        let mut once = || {
            let begin = Instant::now();
            (0..200).for_each(|_| work());
            nanos(begin.elapsed(), 200)
        };
        median((0..SCANS).map(|_| once()).collect())
    };
    let mut plain = vec![1; bytes];
    let encrypting = time(&mut || {
        let tag = key.seal_in_place_separate_tag(nonce(), Aad::empty(), &mut plain);
        black_box(tag.unwrap().as_ref());
    });
    let tag = key.seal_in_place_separate_tag(nonce(), Aad::empty(), &mut plain).unwrap();
    let mut copy = plain.clone();
    let decrypting = time(&mut || {
        copy.copy_from_slice(&plain);
        let (nonce, tag) = (nonce(), tag);
        black_box(key.open_in_place_separate_tag(nonce, Aad::empty(), tag, &mut copy, 0..).unwrap());
    });
    (encrypting, decrypting)
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, encrypted] = ["plain", "encrypted"].map(|name| folder.path().join(name));
    println!("{ITEMS} items, medians, nanoseconds");
    println!("{:18}{:>8}{:>11}{:>7}{:>8}", "", "plain", "encrypted", "ratio", "wanted");
    for (what, wanted, [plain, encrypted]) in measure([&plain, &encrypted]) {
        println!("{what:18}{plain:8.0}{encrypted:11.0}{:7.2}{wanted:8.1}", encrypted / plain);
    }
    for bytes in [256, 16 << 10] {
        let (encrypting, decrypting) = ciphers(bytes);
        println!("the cipher alone, {bytes} bytes: encrypting {encrypting:.0}, decrypting {decrypting:.0}");
    }
}
