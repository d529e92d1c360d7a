//! What can be done to a database in one step, and steps at random.

use super::{
    random::Random,
    shape::{TABLES, indexed, shapes},
};
use hashrange::{AttributeValue, Durability, IndexKind, Item, ReadMode, expression::RangeCondition};

/// A condition on the item that is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Exists,
    Absent,
    CounterAtLeast(i64),
}

/// One clause of an update.
#[derive(Clone, Debug, PartialEq)]
pub enum Assign {
    /// `SET v = text`
    Text(String),
    /// `ADD c number`
    Count(i64),
    /// `SET s = value`
    S(AttributeValue),
    /// `SET n = value`
    N(AttributeValue),
    /// `REMOVE s`
    RemoveS,
    /// `SET l = list_append(if_not_exists(l, []), [number])`
    Append(i64),
    /// `ADD t {number}`
    Include(i64),
}

/// What a write does to its item.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Replaces it by these attributes and its key.
    Put(Item),
    Delete,
    Update(Vec<Assign>),
    /// Only the condition counts; in transactions.
    Check,
}

/// One write of one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    pub table: usize,
    pub key: (usize, usize),
    pub change: Change,
    pub when: Option<When>,
}

/// What changes the contents of a database: each is done wholly or not at all, but for batches, whose writes are
/// each done wholly or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Mutation {
    One(Write),
    /// Puts and deletes without conditions.
    Batch(Vec<Write>),
    /// With the number of a client request token.
    Transact(Vec<Write>, Option<u64>),
    CreateTable(usize),
    DropTable(usize),
    /// Adds the last index of the shape.
    CreateIndex(usize),
    DropIndex(usize),
}

/// A query of a table or index.
#[derive(Clone, Debug)]
pub struct Query {
    pub table: usize,
    pub index: Option<usize>,
    pub hash: Vec<AttributeValue>,
    /// Values of the first sort key attributes.
    pub equal: Vec<AttributeValue>,
    pub last: Option<RangeCondition>,
    pub descending: bool,
    /// Items a page.
    pub limit: Option<usize>,
    /// Only items with an attribute `l`.
    pub filter: bool,
    /// Whole items, also from a local index that does not carry them.
    pub all_attributes: bool,
}

/// What looks at the contents of a database.
#[derive(Clone, Debug)]
pub enum Read {
    Get(usize, (usize, usize)),
    BatchGet(Vec<(usize, (usize, usize))>),
    TransactGet(Vec<(usize, (usize, usize))>),
    Query(Query),
    /// All segments of a scan of a table or index.
    Scan {
        table: usize,
        index: Option<usize>,
        segments: u32,
        limit: Option<usize>,
    },
}

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    Mutate(Mutation, Durability),
    Read(Read),
    Flush,
    Compact,
    /// So many units of background work.
    Work(usize),
    Sync,
    /// Closes the database and opens it again.
    Reopen(ReadMode),
    Verify,
    /// Sets the clock.
    Clock(u64),
}

impl Step {
    /// A step with everything in it decided by `random`.
    pub fn random(random: &mut Random) -> Self {
        match random.below(100) {
            0..52 => {
                let mutation = Mutation::random(random);
                let durability = if random.one_in(4) { Durability::Buffered } else { Durability::Sync };
                Self::Mutate(mutation, durability)
            }
            52..70 => Self::Read(Read::random(random)),
            70..76 => Self::Flush,
            76..79 => Self::Compact,
            79..90 => Self::Work(1 + random.below(6)),
            90..92 => Self::Sync,
            92..95 => Self::Reopen(if random.one_in(2) { ReadMode::Mapped } else { ReadMode::Buffered }),
            95..97 => Self::Verify,
            _ => Self::Clock(1_700_000_000_000 + random.next() % 1_000_000),
        }
    }
}

impl Mutation {
    pub fn random(random: &mut Random) -> Self {
        let table = random.below(TABLES);
        match random.below(100) {
            0..64 => Self::One(Write::random(random, true)),
            64..72 => Self::Batch(distinct(random, 8, |random| {
                let write = Write::random(random, false);
                Write { when: None, ..write }
            })),
            72..88 => {
                let writes = distinct(random, 5, |random| {
                    let write = Write::random(random, true);
                    let is_check = random.one_in(6) && write.when.is_some();
                    if is_check { Write { change: Change::Check, ..write } } else { write }
                });
                let token = random.one_in(3).then(|| random.next());
                Self::Transact(writes, token)
            }
            88..94 => Self::CreateTable(table),
            94..95 => Self::DropTable(table),
            95..98 => Self::CreateIndex(table),
            _ => Self::DropIndex(table),
        }
    }

    /// The writes of items that belong to it.
    pub fn writes(&self) -> &[Write] {
        match self {
            Self::One(write) => std::slice::from_ref(write),
            Self::Batch(writes) | Self::Transact(writes, _) => writes,
            _ => &[],
        }
    }
}

/// A few writes of different items.
fn distinct(random: &mut Random, most: usize, mut make: impl FnMut(&mut Random) -> Write) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    for _ in 0..=random.below(most) {
        let write = make(random);
        if !writes.iter().any(|other| (other.table, other.key) == (write.table, write.key)) {
            writes.push(write);
        }
    }
    writes
}

fn any_key(random: &mut Random) -> (usize, (usize, usize)) {
    let table = random.below(TABLES);
    let shape = &shapes()[table];
    (table, (random.below(shape.hashes.len()), random.below(shape.ranges.len())))
}

fn text(random: &mut Random) -> String {
    let longest = if random.one_in(12) { 3000 } else { 120 };
    let letter = char::from(b'a' + random.below(26) as u8);
    letter.to_string().repeat(random.below(longest))
}

impl Write {
    pub fn random(random: &mut Random, may_update: bool) -> Self {
        let (table, key) = any_key(random);
        let when = random.one_in(4).then(|| match random.below(3) {
            0 => When::Exists,
            1 => When::Absent,
            _ => When::CounterAtLeast(random.below(6) as i64),
        });
        let change = match random.below(if may_update { 10 } else { 7 }) {
            0..5 => Change::Put(attributes(random)),
            5..7 => Change::Delete,
            _ => Change::Update(assigns(random)),
        };
        Self { table, key, change, when }
    }
}

fn attributes(random: &mut Random) -> Item {
    let lists = indexed();
    let mut item = Item::new().with("v", text(random));
    for (name, list) in [("s", &lists.s), ("n", &lists.n), ("b", &lists.b)] {
        if !random.one_in(4) {
            item = item.with(name, random.pick(list).clone());
        }
    }
    if random.one_in(2) {
        item = item.with("c", random.below(10) as i64);
    }
    if random.one_in(6) {
        let nested = Item::new().with("deep", vec![AttributeValue::Null, AttributeValue::from(true)]);
        item = item.with("l", vec![AttributeValue::from(nested), AttributeValue::from("end")]);
    }
    item
}

fn assigns(random: &mut Random) -> Vec<Assign> {
    let lists = indexed();
    let mut assigns = Vec::new();
    if random.one_in(3) {
        assigns.push(Assign::Count(random.below(7) as i64 - 2));
    }
    if random.one_in(3) {
        assigns.push(Assign::Text(text(random)));
    }
    match random.below(4) {
        0 => assigns.push(Assign::S(random.pick(&lists.s).clone())),
        1 => assigns.push(Assign::RemoveS),
        _ => {}
    }
    if random.one_in(4) {
        assigns.push(Assign::N(random.pick(&lists.n).clone()));
    }
    if random.one_in(5) {
        assigns.push(Assign::Append(random.below(100) as i64));
    }
    if random.one_in(5) {
        assigns.push(Assign::Include(random.below(5) as i64));
    }
    assigns
}

impl Read {
    pub fn random(random: &mut Random) -> Self {
        match random.below(10) {
            0..2 => {
                let (table, key) = any_key(random);
                Self::Get(table, key)
            }
            2 => Self::BatchGet(keys(random)),
            3 => Self::TransactGet(keys(random)),
            4..8 => Self::Query(Query::random(random)),
            _ => {
                let table = random.below(TABLES);
                let indexes = shapes()[table].indexes.len();
                let index = random.one_in(2).then(|| random.below(indexes));
                let limit = random.one_in(2).then(|| 1 + random.below(7));
                Self::Scan { table, index, segments: *random.pick(&[1, 1, 2, 5]), limit }
            }
        }
    }
}

/// Keys without repetition, in one run per table.
fn keys(random: &mut Random) -> Vec<(usize, (usize, usize))> {
    let mut keys: Vec<_> = (0..=random.below(9)).map(|_| any_key(random)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl Query {
    pub fn random(random: &mut Random) -> Self {
        let table = random.below(TABLES);
        let shape = &shapes()[table];
        let index = random.one_in(2).then(|| random.below(shape.indexes.len()));
        let (hash_names, range_names): (Vec<&str>, Vec<&str>) = match index.map(|index| &shape.indexes[index]) {
            None => (vec![&shape.key.hash.name], shape.key.range.iter().map(|range| range.name.as_str()).collect()),
            Some(index) => (
                index.hash.iter().map(|key| key.name.as_str()).collect(),
                index.range.iter().map(|key| key.name.as_str()).collect(),
            ),
        };
        let hash = hash_names.iter().map(|name| any_value(table, name, random)).collect();
        let parts = random.below(range_names.len() + 1);
        let mut equal: Vec<AttributeValue> =
            range_names[..parts].iter().map(|name| any_value(table, name, random)).collect();
        let mut last = None;
        if let Some(name) = range_names.get(parts).filter(|_| !random.one_in(3)) {
            last = Some(any_range(table, name, random));
        } else if parts > 0 && random.one_in(2) {
            equal.pop();
        }
        let is_local = index.is_some_and(|index| shape.indexes[index].kind == IndexKind::Local);
        Self {
            table,
            index,
            hash,
            equal,
            last,
            descending: random.one_in(2),
            limit: random.one_in(2).then(|| 1 + random.below(5)),
            filter: random.one_in(5),
            all_attributes: is_local && random.one_in(3),
        }
    }
}

/// A value that a key attribute may have.
fn any_value(table: usize, name: &str, random: &mut Random) -> AttributeValue {
    let shape = &shapes()[table];
    let lists = indexed();
    match name {
        "s" => random.pick(&lists.s).clone(),
        "n" => random.pick(&lists.n).clone(),
        "b" => random.pick(&lists.b).clone(),
        "c" => AttributeValue::from(random.below(10) as i64),
        _ if name == shape.key.hash.name => random.pick(&shape.hashes).clone(),
        _ => random.pick(&shape.ranges).clone(),
    }
}

fn any_range(table: usize, name: &str, random: &mut Random) -> RangeCondition {
    let value = any_value(table, name, random);
    match random.below(6) {
        0 => RangeCondition::Less(value),
        1 => RangeCondition::LessOrEqual(value),
        2 => RangeCondition::Greater(value),
        3 => RangeCondition::GreaterOrEqual(value),
        4 => {
            let other = any_value(table, name, random);
            if super::shape::order(&value, &other).is_le() {
                RangeCondition::Between(value, other)
            } else {
                RangeCondition::Between(other, value)
            }
        }
        _ => match value {
            AttributeValue::N(_) => RangeCondition::GreaterOrEqual(value),
            _ => RangeCondition::BeginsWith(value),
        },
    }
}
