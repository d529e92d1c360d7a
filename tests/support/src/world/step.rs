//! What can be done to a database in one step, and steps at random.

use super::{
    Random,
    shape::{END, indexed, shapes},
};
use hashrange::{AttributeValue, Durability, Item, ReadMode, expression::RangeCondition, schema::IndexKind};
use std::ops::{Deref, DerefMut};

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
    /// `SET e = second`
    End(i64),
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
    /// Turns the change stream on or off.
    Stream(usize, bool),
    /// Turns time to live on or off.
    Ttl(usize, bool),
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
    /// Sets the clock, also backwards.
    Clock(u64),
    /// Deletes what has expired.
    Sweep,
    /// Writes while changes take time to arrive in an index.
    Lag(Vec<Write>),
}

/// When a world begins, in milliseconds since 1970.
pub const BEGIN_MILLIS: u64 = 1_700_000_000_000;
/// What clocks are set to: mostly hours around the beginning, sometimes decades away.
const CLOCKS: [u64; 7] = [
    BEGIN_MILLIS,
    BEGIN_MILLIS + 900_000,
    BEGIN_MILLIS + 5 * 3_600_000,
    BEGIN_MILLIS - 5 * 3_600_000,
    0,
    1_000,
    4_900_000_000_000,
];
/// Ends of items' time to live: just over, just not, within the hours that clocks are set to, and in a century.
const ENDS: [i64; 5] = [1_699_999_999, 1_700_000_000, 1_700_000_500, 1_700_040_000, 4_899_999_999];

/// Where random steps come from.
pub struct Draw<'a> {
    pub random: &'a mut Random,
    /// The tables that they are about.
    pub tables: &'a [usize],
}

impl Deref for Draw<'_> {
    type Target = Random;
    fn deref(&self) -> &Random {
        self.random
    }
}

impl DerefMut for Draw<'_> {
    fn deref_mut(&mut self) -> &mut Random {
        self.random
    }
}

impl Draw<'_> {
    fn table(&mut self) -> usize {
        *self.random.pick(self.tables)
    }
}

impl Step {
    /// A step with everything in it decided by chance.
    pub fn random(draw: &mut Draw<'_>) -> Self {
        match draw.below(100) {
            0..50 => {
                let mutation = Mutation::random(draw);
                let durability = if draw.one_in(4) { Durability::Buffered } else { Durability::Sync };
                Self::Mutate(mutation, durability)
            }
            50..66 => Self::Read(Read::random(draw)),
            66..72 => Self::Flush,
            72..75 => Self::Compact,
            75..86 => Self::Work(1 + draw.below(6)),
            86..88 => Self::Sync,
            88..91 => Self::Reopen(if draw.one_in(2) { ReadMode::Mapped } else { ReadMode::Buffered }),
            91..93 => Self::Verify,
            93..96 => Self::Clock(*draw.pick(&CLOCKS)),
            96..98 => Self::Sweep,
            _ => Self::Lag(distinct(draw, 4, |draw| Write { when: None, ..Write::random(draw, true) })),
        }
    }
}

impl Mutation {
    pub fn random(draw: &mut Draw<'_>) -> Self {
        let table = draw.table();
        match draw.below(100) {
            0..62 => Self::One(Write::random(draw, true)),
            62..70 => Self::Batch(distinct(draw, 8, |draw| {
                let write = Write::random(draw, false);
                Write { when: None, ..write }
            })),
            70..86 => {
                let writes = distinct(draw, 5, |draw| {
                    let write = Write::random(draw, true);
                    let is_check = draw.one_in(6) && write.when.is_some();
                    if is_check { Write { change: Change::Check, ..write } } else { write }
                });
                let token = draw.one_in(3).then(|| draw.next_u64());
                Self::Transact(writes, token)
            }
            86..92 => Self::CreateTable(table),
            92..93 => Self::DropTable(table),
            93..96 => Self::CreateIndex(table),
            96..97 => Self::DropIndex(table),
            97..98 if !shapes()[table].stream => Self::Stream(table, !draw.one_in(3)),
            _ => Self::Ttl(table, !draw.one_in(3)),
        }
    }
}

/// A few writes of different items.
fn distinct(draw: &mut Draw<'_>, most: usize, mut make: impl FnMut(&mut Draw<'_>) -> Write) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    for _ in 0..=draw.below(most) {
        let write = make(draw);
        if !writes.iter().any(|other| (other.table, other.key) == (write.table, write.key)) {
            writes.push(write);
        }
    }
    writes
}

fn any_key(draw: &mut Draw<'_>) -> (usize, (usize, usize)) {
    let table = draw.table();
    let shape = &shapes()[table];
    (table, (draw.below(shape.hashes.len()), draw.below(shape.ranges.len())))
}

fn text(draw: &mut Draw<'_>) -> String {
    let longest = if draw.one_in(12) { 3000 } else { 120 };
    let letter = char::from(b'a' + draw.below(26) as u8);
    let len = draw.below(longest);
    // Some are so large that neither memtables nor the log copy them.
    letter.to_string().repeat(if len < 2700 { len } else { len * 8 })
}

impl Write {
    pub fn random(draw: &mut Draw<'_>, may_update: bool) -> Self {
        let (table, key) = any_key(draw);
        let when = draw.one_in(4).then(|| match draw.below(3) {
            0 => When::Exists,
            1 => When::Absent,
            _ => When::CounterAtLeast(draw.below(6) as i64),
        });
        let change = match draw.below(if may_update { 10 } else { 7 }) {
            0..5 => Change::Put(attributes(draw)),
            5..7 => Change::Delete,
            _ => Change::Update(assigns(draw)),
        };
        Self { table, key, change, when }
    }
}

fn attributes(draw: &mut Draw<'_>) -> Item {
    let lists = indexed();
    let mut item = Item::new().with("v", text(draw));
    for (name, list) in [("s", &lists.s), ("n", &lists.n), ("b", &lists.b)] {
        if !draw.one_in(4) {
            item = item.with(name, draw.pick(list).clone());
        }
    }
    if draw.one_in(2) {
        item = item.with("c", draw.below(10) as i64);
    }
    if draw.one_in(4) {
        item = item.with(END, *draw.pick(&ENDS));
    }
    if draw.one_in(6) {
        let nested = Item::new().with("deep", vec![AttributeValue::Null, AttributeValue::from(true)]);
        item = item.with("l", vec![AttributeValue::from(nested), AttributeValue::from("end")]);
    }
    item
}

fn assigns(draw: &mut Draw<'_>) -> Vec<Assign> {
    let lists = indexed();
    let mut assigns = Vec::new();
    if draw.one_in(3) {
        assigns.push(Assign::Count(draw.below(7) as i64 - 2));
    }
    if draw.one_in(3) {
        assigns.push(Assign::Text(text(draw)));
    }
    match draw.below(4) {
        0 => assigns.push(Assign::S(draw.pick(&lists.s).clone())),
        1 => assigns.push(Assign::RemoveS),
        _ => {}
    }
    if draw.one_in(4) {
        assigns.push(Assign::N(draw.pick(&lists.n).clone()));
    }
    if draw.one_in(5) {
        assigns.push(Assign::End(*draw.pick(&ENDS)));
    }
    if draw.one_in(5) {
        assigns.push(Assign::Append(draw.below(100) as i64));
    }
    if draw.one_in(5) {
        assigns.push(Assign::Include(draw.below(5) as i64));
    }
    assigns
}

impl Read {
    pub fn random(draw: &mut Draw<'_>) -> Self {
        match draw.below(10) {
            0..2 => {
                let (table, key) = any_key(draw);
                Self::Get(table, key)
            }
            2 => Self::BatchGet(keys(draw)),
            3 => Self::TransactGet(keys(draw)),
            4..8 => Self::Query(Query::random(draw)),
            _ => {
                let table = draw.table();
                let indexes = shapes()[table].indexes.len();
                let index = draw.one_in(2).then(|| draw.below(indexes));
                let limit = draw.one_in(2).then(|| 1 + draw.below(7));
                Self::Scan { table, index, segments: *draw.pick(&[1, 1, 2, 5]), limit }
            }
        }
    }
}

/// Keys without repetition, in one run per table.
fn keys(draw: &mut Draw<'_>) -> Vec<(usize, (usize, usize))> {
    let mut keys: Vec<_> = (0..=draw.below(9)).map(|_| any_key(draw)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl Query {
    pub fn random(draw: &mut Draw<'_>) -> Self {
        let table = draw.table();
        let shape = &shapes()[table];
        let index = draw.one_in(2).then(|| draw.below(shape.indexes.len()));
        let (hash_names, range_names): (Vec<&str>, Vec<&str>) = match index.map(|index| &shape.indexes[index]) {
            None => (vec![&shape.key.hash.name], shape.key.range.iter().map(|range| range.name.as_str()).collect()),
            Some(index) => (
                index.hash.iter().map(|key| key.name.as_str()).collect(),
                index.range.iter().map(|key| key.name.as_str()).collect(),
            ),
        };
        let hash = hash_names.iter().map(|name| any_value(table, name, draw)).collect();
        let parts = draw.below(range_names.len() + 1);
        let mut equal: Vec<AttributeValue> =
            range_names[..parts].iter().map(|name| any_value(table, name, draw)).collect();
        let mut last = None;
        if let Some(name) = range_names.get(parts).filter(|_| !draw.one_in(3)) {
            last = Some(any_range(table, name, draw));
        } else if parts > 0 && draw.one_in(2) {
            equal.pop();
        }
        let is_local = index.is_some_and(|index| shape.indexes[index].kind == IndexKind::Local);
        Self {
            table,
            index,
            hash,
            equal,
            last,
            descending: draw.one_in(2),
            limit: draw.one_in(2).then(|| 1 + draw.below(5)),
            filter: draw.one_in(5),
            all_attributes: is_local && draw.one_in(3),
        }
    }
}

/// A value that a key attribute may have.
fn any_value(table: usize, name: &str, draw: &mut Draw<'_>) -> AttributeValue {
    let shape = &shapes()[table];
    let lists = indexed();
    match name {
        "s" => draw.pick(&lists.s).clone(),
        "n" => draw.pick(&lists.n).clone(),
        "b" => draw.pick(&lists.b).clone(),
        "c" => AttributeValue::from(draw.below(10) as i64),
        _ if name == shape.key.hash.name => draw.pick(&shape.hashes).clone(),
        _ => draw.pick(&shape.ranges).clone(),
    }
}

fn any_range(table: usize, name: &str, draw: &mut Draw<'_>) -> RangeCondition {
    let value = any_value(table, name, draw);
    match draw.below(6) {
        0 => RangeCondition::Less(value),
        1 => RangeCondition::LessOrEqual(value),
        2 => RangeCondition::Greater(value),
        3 => RangeCondition::GreaterOrEqual(value),
        4 => {
            let other = any_value(table, name, draw);
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
