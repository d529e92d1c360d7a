//! Every answer of a run is the answer of the map that it was written from.

use super::*;
use std::ops::Bound;

/// What a generated run looks like.
struct Shape {
    tokens: fn(&mut Dice) -> u64,
    collections: usize,
    entries_max: usize,
    item_bytes_max: usize,
}

fn sort_key(dice: &mut Dice) -> Vec<u8> {
    match dice.below(6) {
        0 => Vec::new(),
        1 => vec![0; dice.below(4)],
        2 => vec![0xff; dice.below(12)],
        3 => format!("order#{:06}", dice.below(2000)).into_bytes(),
        4 => format!("order#2024-{:02}", dice.below(100)).into_bytes(),
        _ => (0..dice.below(20)).map(|_| dice.below(3) as u8).collect(),
    }
}

fn generate(dice: &mut Dice, shape: &Shape) -> Model {
    let mut model = Model::new();
    for number in 0..shape.collections {
        let token = (shape.tokens)(dice);
        let collection = format!("\0c{}", if dice.chance(3) { dice.below(5) } else { number }).into_bytes();
        for _ in 0..=dice.below(shape.entries_max) {
            let sort = if shape.entries_max == 1 { Vec::new() } else { sort_key(dice) };
            let text = format!("{token}/{number}");
            let seqno = if dice.chance(10) { dice.next() } else { 1000 + dice.next() % 5000 };
            let item = (!dice.chance(8)).then(|| item(&text, dice.below(shape.item_bytes_max)));
            model.insert((token, collection.clone(), sort), (seqno, item));
        }
    }
    model
}

const SHAPES: [Shape; 6] = [
    Shape { tokens: Dice::next, collections: 300, entries_max: 1, item_bytes_max: 300 },
    Shape { tokens: Dice::next, collections: 100, entries_max: 20, item_bytes_max: 300 },
    Shape { tokens: Dice::next, collections: 4, entries_max: 1500, item_bytes_max: 300 },
    Shape { tokens: |dice| [0, 1, 7, u64::MAX][dice.below(4)], collections: 120, entries_max: 5, item_bytes_max: 30 },
    Shape { tokens: |dice| dice.next() >> 58, collections: 400, entries_max: 3, item_bytes_max: 20 },
    Shape { tokens: Dice::next, collections: 12, entries_max: 12, item_bytes_max: 60_000 },
];

fn random_bound(dice: &mut Dice, keys: &[Vec<u8>]) -> Bound<Vec<u8>> {
    let key = if dice.chance(2) { keys[dice.below(keys.len())].clone() } else { sort_key(dice) };
    match dice.below(3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(key),
        _ => Bound::Excluded(key),
    }
}

fn slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

fn within(bounds: (&Bound<Vec<u8>>, &Bound<Vec<u8>>), sort: &Vec<u8>) -> bool {
    let low = match bounds.0 {
        Bound::Unbounded => true,
        Bound::Included(low) => sort >= low,
        Bound::Excluded(low) => sort > low,
    };
    low && match bounds.1 {
        Bound::Unbounded => true,
        Bound::Included(high) => sort <= high,
        Bound::Excluded(high) => sort < high,
    }
}

fn check_gets(run: &Arc<Run>, model: &Model, dice: &mut Dice) {
    for (key, (seqno, item)) in model {
        assert!(run.may_hold(key.0));
        let version = run.get(key_ref(key)).unwrap().unwrap();
        assert_eq!((version.seqno, version.item.map(|item| item.to_item())), (*seqno, item.clone()));
        let mut other = key.clone();
        match dice.below(3) {
            0 => other.0 = other.0.wrapping_add(dice.next() >> 40),
            1 => other.1.push(b'x'),
            _ => other.2 = sort_key(dice),
        }
        assert_eq!(
            run.get(key_ref(&other)).unwrap().map(|version| version.seqno),
            model.get(&other).map(|value| value.0)
        );
    }
}

fn check_queries(run: &Arc<Run>, model: &Model, dice: &mut Dice) {
    let mut collections: BTreeMap<(u64, Vec<u8>), Vec<Vec<u8>>> = BTreeMap::new();
    for key in model.keys() {
        collections.entry((key.0, key.1.clone())).or_default().push(key.2.clone());
    }
    for ((token, collection), keys) in &collections {
        for _ in 0..8 {
            let (lower, upper, descending) = (random_bound(dice, keys), random_bound(dice, keys), dice.chance(2));
            let cursor = run.query(*token, collection, slice(&lower), slice(&upper), descending).unwrap().unwrap();
            let sorts = keys.iter().filter(|sort| within((&lower, &upper), sort));
            let mut expected: Vec<_> = sorts
                .map(|sort| (*token, collection.clone(), sort.clone()))
                .map(|key| (key.clone(), model[&key].clone()))
                .collect();
            if descending {
                expected.reverse();
            }
            assert_eq!(drain(cursor).unwrap(), expected, "{lower:?} {upper:?} {descending}");
        }
        let absent = [collection.as_slice(), b"~"].concat();
        assert!(run.query(*token, &absent, Bound::Unbounded, Bound::Unbounded, true).unwrap().is_none());
    }
}

fn check_scans(run: &Arc<Run>, model: &Model, dice: &mut Dice) {
    let keys: Vec<_> = model.keys().collect();
    for round in 0..40 {
        let token = |dice: &mut Dice| match dice.below(4) {
            0 => dice.next(),
            _ => keys[dice.below(keys.len())].0.wrapping_add(dice.below(3) as u64).wrapping_sub(1),
        };
        let (first, last) = if round == 0 { (0, u64::MAX) } else { (token(dice), token(dice)) };
        let after = (round > 0 && dice.chance(2)).then(|| {
            let mut key = keys[dice.below(keys.len())].clone();
            match dice.below(4) {
                0 => key.2 = sort_key(dice),
                1 => key.1.push(0),
                _ => {}
            }
            key
        });
        let cursor = run.scan(first, last, after.as_ref().map(key_ref)).unwrap();
        let inside = |key: &Key| key.0 >= first && key.0 <= last && after.as_ref().is_none_or(|after| key > after);
        let expected: Vec<_> =
            model.iter().filter(|(key, _)| inside(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(drain(cursor).unwrap(), expected);
    }
}

fn check_facts(run: &Arc<Run>, model: &Model) {
    let facts = run.facts();
    assert_eq!(facts.entries, model.len() as u64);
    assert_eq!(facts.tombstones, model.values().filter(|value| value.1.is_none()).count() as u64);
    assert_eq!(facts.min_seqno, model.values().map(|value| value.0).min().unwrap_or(0));
    assert_eq!(facts.max_seqno, model.values().map(|value| value.0).max().unwrap_or(0));
    assert_eq!(facts.min_token, model.keys().next().map_or(0, |key| key.0));
    assert_eq!(facts.max_token, model.keys().last().map_or(0, |key| key.0));
}

/// Halves that a split would make are both there, and of similar size if no collection is large.
fn check_split(run: &Arc<Run>, model: &Model, even: bool) {
    let tokens: std::collections::BTreeSet<_> = model.keys().map(|key| key.0).collect();
    let Some(token) = run.split_token() else {
        assert!(tokens.len() < 2, "{} tokens", tokens.len());
        return;
    };
    assert!(tokens.contains(&token) && tokens.first() < Some(&token));
    let (left, right) = (run.bytes_within(0, token - 1).unwrap(), run.bytes_within(token, u64::MAX).unwrap());
    assert!(!even || (left.abs_diff(right) as f64) < 0.2 * (left + right) as f64, "{left} {right}");
    assert_eq!(left + right, run.describe().unwrap().record_bytes);
    let inner = run.split_token_within(0, token - 1).unwrap();
    assert!(inner.is_none_or(|inner| inner < token));
}

#[test]
fn generated_runs_answer_like_the_model() {
    for (number, shape) in SHAPES.iter().enumerate() {
        for seed in 0..2 {
            let mut dice = Dice(seed * 100 + number as u64);
            let model = generate(&mut dice, shape);
            for run in runs_of(&model) {
                check_facts(&run, &model);
                check_gets(&run, &model, &mut dice);
                check_queries(&run, &model, &mut dice);
                check_scans(&run, &model, &mut dice);
                check_split(&run, &model, number < 2);
                run.verify().unwrap();
            }
        }
    }
}

#[test]
fn a_large_collection_has_leaves_and_nodes() {
    let mut model = Model::new();
    let long = "p".repeat(900);
    for number in 0..9000 {
        let key = (9, b"\0big".to_vec(), format!("{}{number:06}", if number < 600 { &long } else { "" }).into_bytes());
        model.insert(key, (number, Some(item("big", 200))));
    }
    model.insert((10, b"\0small".to_vec(), b"k".to_vec()), (3, None));
    for run in runs_of(&model) {
        let description = run.describe().unwrap();
        assert!(description.leaves > 100 && description.nodes >= 1, "{description:?}");
        assert_eq!((description.collections, description.attribute_names), (2, 3));
        let mut dice = Dice(1);
        check_gets(&run, &model, &mut dice);
        check_queries(&run, &model, &mut dice);
        check_scans(&run, &model, &mut dice);
        check_split(&run, &model, false);
        run.verify().unwrap();
    }
}

#[test]
fn a_tree_of_several_levels_is_searched() {
    let mut model = Model::new();
    for number in 0..300u64 {
        let mut sort = format!("{number:05}").into_bytes();
        sort.extend(vec![b'k'; 9000]);
        sort.extend(format!("{number:05}").into_bytes());
        model.insert((9, b"\0big".to_vec(), sort), (number, Some(item("big", 9000))));
    }
    let mut near = model.clone();
    model.clear();
    for ((token, collection, sort), value) in std::mem::take(&mut near) {
        model.insert((token, collection, sort[5..].to_vec()), value);
    }
    for run in runs_of(&model) {
        assert!(run.describe().unwrap().nodes > 10, "{:?}", run.describe());
        let mut dice = Dice(1);
        check_gets(&run, &model, &mut dice);
        check_queries(&run, &model, &mut dice);
        run.verify().unwrap();
    }
}

#[test]
fn items_may_have_the_greatest_size() {
    let mut model = Model::new();
    for number in 0..6u8 {
        let len = if number % 2 == 0 { 409_000 } else { 10 };
        model.insert((u64::from(number / 3), b"\0c".to_vec(), vec![number]), (1, Some(item("great", len))));
    }
    for run in runs_of(&model) {
        check_gets(&run, &model, &mut Dice(1));
        check_queries(&run, &model, &mut Dice(1));
        run.verify().unwrap();
    }
}

#[test]
fn an_empty_run_is_valid() {
    for run in runs_of(&Model::new()) {
        run.verify().unwrap();
        assert!(run.get(KeyRef { token: 0, collection: b"", sort: b"" }).unwrap().is_none());
        assert!(!run.may_hold(1));
        assert!(!run.scan(0, u64::MAX, None).unwrap().valid());
        assert!(run.query(0, b"", Bound::Unbounded, Bound::Unbounded, false).unwrap().is_none());
        assert_eq!(run.split_token(), None);
    }
}

#[test]
fn keys_must_ascend_and_be_short() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let mut writer = RunWriter::create(&disk, 7, &Protection::plain(DATABASE), 0).unwrap();
    let key = |token, collection, sort| KeyRef { token, collection, sort };
    writer.add(key(5, b"b", b"m"), 1, None).unwrap();
    for wrong in [key(4, b"c", b"z"), key(5, b"a", b"z"), key(5, b"b", b"m"), key(5, b"b", b"")] {
        assert!(writer.add(wrong, 1, None).is_err());
    }
    assert!(writer.add(key(6, b"b", &[0; 65_536]), 1, None).is_err());
    writer.add(key(6, b"b", &[0; 65_535]), 1, None).unwrap();
    writer.abandon().unwrap();
    assert!(disk.list().unwrap().is_empty());
}

#[test]
fn a_run_is_made_of_the_items_of_another() {
    let model = generate(&mut Dice(3), &SHAPES[1]);
    let [run, _] = runs_of(&model);
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let mut writer = RunWriter::create(&disk, 7, &Protection::plain(DATABASE), model.len()).unwrap();
    let mut cursor = run.scan(0, u64::MAX, None).unwrap();
    while cursor.valid() {
        let (seqno, item) = (cursor.seqno(), cursor.item());
        writer.add(cursor.key(), seqno, item.as_ref()).unwrap();
        cursor.advance().unwrap();
    }
    let facts = writer.finish().unwrap();
    assert_eq!(facts.logical_bytes, run.facts().logical_bytes);
    let copy = open(&disk, &facts, ReadMode::Mapped).unwrap();
    assert_eq!(
        drain(copy.scan(0, u64::MAX, None).unwrap()).unwrap(),
        drain(run.scan(0, u64::MAX, None).unwrap()).unwrap()
    );
}

/// Whatever remains for the last stretch of a walk: the run is decrypted as a whole once it was walked through a few times.
#[cfg(feature = "encryption")]
#[test]
fn a_run_that_is_walked_through_is_decrypted_as_a_whole() {
    use crate::cipher::{Keyring, RootKey};
    let keyring = Arc::new(Keyring::create(DATABASE, &RootKey::from_bytes([1; 32])).unwrap());
    let protection = Protection::new(DATABASE, Some(keyring));
    for entries in (30..330).step_by(12) {
        let model: Model =
            (0..entries).map(|n| ((n << 40, vec![0, n as u8, 1], vec![]), (n, Some(item("walked", 1_000))))).collect();
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let mut writer = RunWriter::create(&disk, 7, &protection, model.len()).unwrap();
        for (key, (seqno, item)) in &model {
            writer.add(key_ref(key), *seqno, item.as_ref().map(ItemRef::from).as_ref()).unwrap();
        }
        let facts = writer.finish().unwrap();
        let cache = Arc::new(PageCache::of_decrypted(4 << 20));
        let run = Run::open(&*disk, &facts, &protection, ReadMode::Buffered, &cache).unwrap();
        let all: Vec<(Key, Value)> = model.into_iter().collect();
        assert!(run.opened().unwrap().source.in_one_piece().is_none());
        for _ in 0..4 {
            assert!(drain(run.scan(0, u64::MAX, None).unwrap()).unwrap() == all);
        }
        assert!(run.opened().unwrap().source.in_one_piece().is_some(), "{entries} entries");
    }
}
