//! What every engine stores: orders of users, 8 attributes and about 300 bytes each, ten to a collection.
//!
//! Everything derives from an item's number, so that each engine gets the same items in the same order. Key-value
//! stores get an item as one encoded value under the key `partition key, zero, sort key`; the engines that know the
//! model get it as a typed item. Both forms are made before the clock starts.

use hashrange::Item;

/// How many items there are and what they look like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Number of items.
    pub items: usize,
    /// Items that share a partition key.
    pub per_collection: usize,
    /// Length of the note, which makes items larger or smaller, in bytes.
    pub note_bytes: usize,
}

impl Shape {
    /// The partition key and sort key of an item.
    fn key(&self, index: usize) -> (String, String) {
        let (collection, place) = (index / self.per_collection, index % self.per_collection);
        let hash = mix(index as u64);
        let sort = format!("ORDER#2026-{place:06}T{:02}:{:02}#{:02}", (hash >> 8) % 24, (hash >> 16) % 60, hash % 97);
        (format!("USER#{collection:08}"), sort)
    }

    /// The customer of an item: ten items of different collections share one, for the queries by index.
    pub fn customer(&self, index: usize) -> String {
        format!("cust-{:016x}", mix((index % (self.items / 10).max(1)) as u64))
    }
}

/// A scrambling of 64 bits.
pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A seeded generator: rounds repeat the same requests.
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.bits()) * limit as u128) >> 64) as usize
    }
    /// A number from 0 to 1.
    fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A key of a table, its two parts in one text.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    full: &'a str,
    hash_len: usize,
}

impl<'a> Key<'a> {
    /// The partition key.
    pub fn hash(self) -> &'a str {
        &self.full[..self.hash_len]
    }
    /// The sort key.
    pub fn sort(self) -> &'a str {
        &self.full[self.hash_len + 1..]
    }
    /// Both, with a zero between, as the key of a key-value store.
    pub fn full(self) -> &'a [u8] {
        self.full.as_bytes()
    }
    /// What all keys of the collection begin with.
    pub fn collection(self) -> &'a [u8] {
        &self.full.as_bytes()[..=self.hash_len]
    }
}

/// Keys to ask for, one behind the other in memory.
#[derive(Debug, Default)]
pub struct Keys {
    text: String,
    places: Vec<(u32, u16, u16)>,
}

impl Keys {
    /// The keys of these items, with an ending behind each sort key (one that no item has makes them absent).
    pub fn of(shape: Shape, items: impl Iterator<Item = usize>, ending: &str) -> Self {
        let mut keys = Self::default();
        for index in items {
            let (hash, sort) = shape.key(index);
            let start = keys.text.len() as u32;
            keys.text.push_str(&hash);
            keys.text.push('\0');
            keys.text.push_str(&sort);
            keys.text.push_str(ending);
            keys.places.push((start, hash.len() as u16, (keys.text.len() - start as usize) as u16));
        }
        keys
    }
    /// The key at a position; behind the last one they begin again.
    pub fn at(&self, position: usize) -> Key<'_> {
        let (start, hash_len, len) = self.places[position % self.places.len()];
        let start = start as usize;
        Key { full: &self.text[start..start + usize::from(len)], hash_len: usize::from(hash_len) }
    }
}

/// Item numbers drawn evenly.
pub fn uniform(items: usize, draws: usize, seed: u64) -> Vec<usize> {
    let mut random = Random(seed);
    (0..draws).map(|_| random.below(items)).collect()
}

/// Item numbers by YCSB's scrambled Zipf distribution (0.99): a few are drawn often.
pub fn zipf(items: usize, draws: usize, seed: u64) -> Vec<usize> {
    const THETA: f64 = 0.99;
    let zeta = |count: usize| (1..=count).map(|rank| 1.0 / (rank as f64).powf(THETA)).sum::<f64>();
    let (all, two) = (zeta(items), zeta(2));
    let alpha = 1.0 / (1.0 - THETA);
    let eta = (1.0 - (2.0 / items as f64).powf(1.0 - THETA)) / (1.0 - two / all);
    let mut random = Random(seed);
    let mut rank = move || {
        let drawn = random.fraction();
        match drawn * all {
            scaled if scaled < 1.0 => 0,
            scaled if scaled < 1.0 + 0.5f64.powf(THETA) => 1,
            _ => ((items as f64) * (eta * drawn - eta + 1.0).powf(alpha)) as usize,
        }
    };
    (0..draws).map(|_| mix(rank().min(items - 1) as u64) as usize % items).collect()
}

/// All item numbers in a random order, the same for everyone.
pub fn shuffled(items: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items).collect();
    let mut random = Random(seed);
    for at in (1..items).rev() {
        order.swap(at, random.below(at + 1));
    }
    order
}

/// A value of an attribute.
pub enum Value {
    /// Text.
    Text(String),
    /// A number.
    Number(u64),
    /// A document.
    Map(Vec<(&'static str, Value)>),
}

const WORDS: [&str; 16] = [
    "parcel", "blue", "river", "stone", "quick", "amber", "delta", "lamp", "gift", "order", "fragile", "north",
    "window", "paper", "cloud", "metal",
];

/// Version of a new item: six digits, so that an encoded item keeps its length.
pub const FIRST_VERSION: u64 = 100_000;

/// The time at which items end that end: long ago, but not so long that it no longer counts.
fn expired_secs() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_secs() - 86_400
}

fn attributes(shape: Shape, index: usize) -> Vec<(&'static str, Value)> {
    let (hash, sort) = shape.key(index);
    let mut random = Random(index as u64 * 7 + 1);
    let mut note = String::with_capacity(shape.note_bytes + 16);
    while note.len() < shape.note_bytes {
        note.push_str(WORDS[random.below(WORDS.len())]);
        note.push_str(&format!(" {:x} ", random.bits() as u16));
    }
    note.truncate(shape.note_bytes);
    let mut all = vec![
        ("pk", Value::Text(hash)),
        ("sk", Value::Text(sort)),
        ("version", Value::Number(FIRST_VERSION)),
        ("customer", Value::Text(shape.customer(index))),
    ];
    if shape.note_bytes > 0 {
        let street = format!("{} {} street", 100 + random.below(900), WORDS[random.below(WORDS.len())]);
        all.extend([
            ("status", Value::Text(["PENDING", "SHIPPED", "CLOSED_"][random.below(3)].to_owned())),
            ("total", Value::Number(1_000 + random.below(999_000) as u64)),
            ("note", Value::Text(note)),
            (
                "address",
                Value::Map(vec![
                    ("street", Value::Text(street)),
                    ("city", Value::Text("Springfield".to_owned())),
                    ("zip", Value::Number(10_000 + random.below(90_000) as u64)),
                ]),
            ),
        ]);
    }
    all
}

fn encode(attributes: &[(&'static str, Value)], out: &mut Vec<u8>) {
    out.push(attributes.len() as u8);
    for (name, value) in attributes {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        match value {
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Map(members) => encode(members, out),
        }
        let len = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    }
}

/// The attributes of an encoded item: name, where its value begins, value.
pub fn decode(bytes: &[u8]) -> impl Iterator<Item = (&[u8], usize, &[u8])> {
    let mut at = 1;
    (0..bytes[0]).map(move |_| {
        let name = at + 1..at + 1 + usize::from(bytes[at]);
        let start = name.end + 4;
        let len = u32::from_le_bytes([bytes[start - 4], bytes[start - 3], bytes[start - 2], bytes[start - 1]]);
        at = start + len as usize;
        (&bytes[name], start, &bytes[start..at])
    })
}

/// Looks at every attribute of an encoded item, as a program that reads it would.
pub fn touch(bytes: &[u8]) {
    let sum: usize = decode(bytes).map(|(name, _, value)| name.len() + value.len()).sum();
    std::hint::black_box(sum);
}

/// An item ready to be written, in the forms that the engines take.
#[derive(Clone, Debug)]
pub struct Prepared {
    key: String,
    hash_len: usize,
    /// The customer, which the index is on.
    pub customer: String,
    /// When it ends, in seconds since 1970.
    pub expires_secs: u64,
    /// For key-value stores; see [`decode`].
    pub encoded: Vec<u8>,
    version_at: usize,
    /// For hashrange.
    pub item: Item,
    /// For dynoxide.
    #[cfg(feature = "dynoxide")]
    pub dynoxide: std::collections::HashMap<String, dynoxide::AttributeValue>,
}

impl Prepared {
    /// An item by its number.
    pub fn new(shape: Shape, index: usize, expires: bool) -> Self {
        let (hash, sort) = shape.key(index);
        let mut all = attributes(shape, index);
        let expires_secs = expired_secs();
        if expires {
            all.push(("expires", Value::Number(expires_secs)));
        }
        let mut encoded = Vec::new();
        encode(&all, &mut encoded);
        let version_at = decode(&encoded).find(|(name, ..)| *name == b"version").map_or(0, |(_, at, _)| at);
        Self {
            key: format!("{hash}\0{sort}"),
            hash_len: hash.len(),
            customer: shape.customer(index),
            expires_secs,
            encoded,
            version_at,
            item: all.iter().map(|(name, value)| ((*name).to_owned(), typed(value))).collect(),
            #[cfg(feature = "dynoxide")]
            dynoxide: all.iter().map(|(name, value)| ((*name).to_owned(), typed_for_dynoxide(value))).collect(),
        }
    }
    /// Its key.
    pub fn key(&self) -> Key<'_> {
        Key { full: &self.key, hash_len: self.hash_len }
    }
    /// The encoded form with another version.
    pub fn encoded_as(&mut self, version: u64) -> &[u8] {
        stamp(&mut self.encoded, self.version_at, version);
        &self.encoded
    }
}

fn typed(value: &Value) -> hashrange::AttributeValue {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Number(number) => (*number).into(),
        Value::Map(members) => {
            let members = members.iter().map(|(name, value)| ((*name).to_owned(), typed(value)));
            hashrange::AttributeValue::M(members.collect())
        }
    }
}

/// The form in which dynoxide takes a value.
#[cfg(feature = "dynoxide")]
fn typed_for_dynoxide(value: &Value) -> dynoxide::AttributeValue {
    match value {
        Value::Text(text) => dynoxide::AttributeValue::S(text.clone()),
        Value::Number(number) => dynoxide::AttributeValue::N(number.to_string()),
        Value::Map(members) => dynoxide::AttributeValue::M(
            members.iter().map(|(name, value)| ((*name).to_owned(), typed_for_dynoxide(value))).collect(),
        ),
    }
}

fn stamp(encoded: &mut [u8], at: usize, version: u64) {
    let mut rest = FIRST_VERSION + version % 900_000;
    for digit in encoded[at..at + 6].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// The encoded item with its version raised by one.
pub fn with_next_version(encoded: &[u8]) -> Option<Vec<u8>> {
    let (_, at, value) = decode(encoded).find(|(name, ..)| *name == b"version")?;
    let version: u64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    let mut next = encoded.to_vec();
    stamp(&mut next, at, version + 1 - FIRST_VERSION);
    Some(next)
}
