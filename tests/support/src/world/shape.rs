//! The tables of the world: every key type, with and without sort keys, local and global indexes with one part and with
//! several.

use hashrange::{
    AttributeValue, Number,
    admin::{IndexSpec, TableSpec},
    key::KeyType,
    schema::{IndexKind, KeyAttribute, KeySchema, Projection, StreamView},
};
use std::{cmp::Ordering, sync::OnceLock};

/// Number of tables.
pub const TABLES: usize = 4;

/// Attribute with the second in which an item's time to live ends.
pub const END: &str = "e";

/// A table that may exist.
pub struct Shape {
    pub key: KeySchema,
    pub name: &'static str,
    /// Values of the partition key, ascending.
    pub hashes: Vec<AttributeValue>,
    /// Values of the sort key, ascending; a single placeholder for a table without one.
    pub ranges: Vec<AttributeValue>,
    /// Indexes that the table is created with, and last one that comes and goes.
    pub indexes: Vec<IndexSpec>,
    /// Whether it has a change stream all its life; the others' come and go.
    pub stream: bool,
    /// What its streams show. The log says less of a change where no old image is shown and there is no index.
    pub view: StreamView,
    /// Whether it is created with a time to live, in the attribute `e`.
    pub ttl: bool,
}

impl Shape {
    /// Position of the index that can be added and removed while the table lives.
    pub fn extra(&self) -> usize {
        self.indexes.len() - 1
    }

    pub fn spec(&self) -> TableSpec {
        TableSpec {
            indexes: self.indexes[..self.extra()].to_vec(),
            stream: self.stream.then_some(self.view),
            ttl_attribute: self.ttl.then(|| END.to_owned()),
            ..TableSpec::new(self.name, self.key.clone())
        }
    }

    /// The attributes of a key.
    pub fn key_item(&self, key: (usize, usize)) -> hashrange::Item {
        let item = hashrange::Item::new().with(self.key.hash.name.clone(), self.hashes[key.0].clone());
        match &self.key.range {
            Some(range) => item.with(range.name.clone(), self.ranges[key.1].clone()),
            None => item,
        }
    }

    /// The position of an item's key in the lists.
    pub fn position(&self, item: &hashrange::Item) -> Option<(usize, usize)> {
        let find = |list: &[AttributeValue], name: &str| list.iter().position(|value| item.get(name) == Some(value));
        let hash = find(&self.hashes, &self.key.hash.name)?;
        match &self.key.range {
            Some(range) => Some((hash, find(&self.ranges, &range.name)?)),
            None => Some((hash, 0)),
        }
    }
}

/// The order of two key values of one type.
pub fn order(a: &AttributeValue, b: &AttributeValue) -> Ordering {
    match (a, b) {
        (AttributeValue::S(a), AttributeValue::S(b)) => a.as_bytes().cmp(b.as_bytes()),
        (AttributeValue::N(a), AttributeValue::N(b)) => a.cmp(b),
        (AttributeValue::B(a), AttributeValue::B(b)) => a.cmp(b),
        _ => panic!("{a:?} and {b:?} are no keys of one type"),
    }
}

pub fn strings(list: &[&str]) -> Vec<AttributeValue> {
    list.iter().map(|text| AttributeValue::from(*text)).collect()
}

pub fn numbers(list: &[&str]) -> Vec<AttributeValue> {
    list.iter().map(|text| AttributeValue::N(Number::parse(text).unwrap())).collect()
}

pub fn binaries(list: &[&'static [u8]]) -> Vec<AttributeValue> {
    list.iter().map(|bytes| AttributeValue::B((*bytes).into())).collect()
}

/// Values of the attributes `s`, `n` and `b`, which indexes are made on.
pub struct Indexed {
    pub s: Vec<AttributeValue>,
    pub n: Vec<AttributeValue>,
    pub b: Vec<AttributeValue>,
}

pub fn indexed() -> &'static Indexed {
    static LISTS: OnceLock<Indexed> = OnceLock::new();
    LISTS.get_or_init(|| Indexed {
        s: strings(&["x", "x\0", "xy", "z"]),
        n: numbers(&["-5", "0", "0.1", "7", "70"]),
        b: binaries(&[&[0], &[0, 1], &[255]]),
    })
}

fn attribute(name: &str) -> KeyAttribute {
    let kind = match name {
        "s" => KeyType::S,
        "b" => KeyType::B,
        _ => KeyType::N,
    };
    KeyAttribute::new(name, kind)
}

fn index(name: &str, kind: IndexKind, hash: &[&str], range: &[&str], projection: Projection) -> IndexSpec {
    let attributes = |names: &[&str]| names.iter().map(|name| attribute(name)).collect();
    IndexSpec {
        name: name.to_owned(),
        kind,
        hash: attributes(hash),
        range: attributes(range),
        projection,
        throughput: None,
    }
}

fn local(name: &str, hash: &KeyAttribute, range: &str, projection: Projection) -> IndexSpec {
    IndexSpec { hash: vec![hash.clone()], ..index(name, IndexKind::Local, &[], &[range], projection) }
}

fn global(name: &str, hash: &[&str], range: &[&str], projection: Projection) -> IndexSpec {
    index(name, IndexKind::Global, hash, range, projection)
}

pub fn shapes() -> &'static [Shape; TABLES] {
    static SHAPES: OnceLock<[Shape; TABLES]> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let shapes = [plain(), orders(), measures(), blobs()];
        for shape in &shapes {
            for list in [&shape.hashes, &shape.ranges, &indexed().s, &indexed().n, &indexed().b] {
                assert!(list.windows(2).all(|pair| order(&pair[0], &pair[1]).is_lt()), "not sorted: {list:?}");
            }
        }
        shapes
    })
}

fn plain() -> Shape {
    let key = KeySchema { hash: KeyAttribute::new("id", KeyType::S), range: None };
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let indexes = vec![global("extra", &["n"], &[], Projection::All)];
    Shape {
        key,
        name: "plain",
        hashes: strings(&names),
        ranges: strings(&["-"]),
        indexes,
        stream: true,
        view: StreamView::NewImage,
        ttl: false,
    }
}

fn orders() -> Shape {
    let hash = KeyAttribute::new("cust", KeyType::S);
    let key = KeySchema { hash: hash.clone(), range: Some(KeyAttribute::new("order", KeyType::S)) };
    let ranges = ["a", "a\0", "a\0b", "aa", "ab", "b", "b#1", "b#10", "b#2", "ü"];
    let indexes = vec![
        local("local_n", &hash, "n", Projection::Include(vec!["v".to_owned()])),
        local("local_b", &hash, "b", Projection::KeysOnly),
        global("global_s", &["s"], &["n"], Projection::All),
        global("global_n", &["n"], &[], Projection::KeysOnly),
        global("extra", &["b"], &["s"], Projection::Include(vec!["c".to_owned()])),
    ];
    Shape {
        key,
        name: "orders",
        hashes: strings(&["c#1", "c#2", "ö"]),
        ranges: strings(&ranges),
        indexes,
        stream: true,
        view: StreamView::NewAndOld,
        ttl: false,
    }
}

fn measures() -> Shape {
    let key =
        KeySchema { hash: KeyAttribute::new("sensor", KeyType::N), range: Some(KeyAttribute::new("at", KeyType::N)) };
    let ranges = ["-1E+20", "-12.5", "-1", "-0.001", "0", "0.5", "1", "1.00001", "2", "10", "1E+100"];
    let indexes = vec![
        global("wide", &["s", "b"], &["n", "c"], Projection::Include(vec!["l".to_owned()])),
        global("extra", &["s"], &[], Projection::KeysOnly),
    ];
    Shape {
        key,
        name: "measures",
        hashes: numbers(&["-1", "0", "3E-7"]),
        ranges: numbers(&ranges),
        indexes,
        stream: false,
        view: StreamView::NewAndOld,
        ttl: true,
    }
}

fn blobs() -> Shape {
    let hash = KeyAttribute::new("key", KeyType::B);
    let key = KeySchema { hash: hash.clone(), range: Some(KeyAttribute::new("part", KeyType::B)) };
    let ranges: [&[u8]; 10] = [&[0], &[0, 0], &[0, 1], &[0, 255], &[1], &[127], &[128], &[255], &[255, 0], &[255, 255]];
    let indexes = vec![local("local_s", &hash, "s", Projection::All), global("extra", &["n"], &["b"], Projection::All)];
    Shape {
        key,
        name: "blobs",
        hashes: binaries(&[&[0], &[0, 0], &[200]]),
        ranges: binaries(&ranges),
        indexes,
        stream: false,
        view: StreamView::NewAndOld,
        ttl: false,
    }
}
