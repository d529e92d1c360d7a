//! The model: what the tables hold, and what a mutation makes of it.

use super::shape::{END, Shape, TABLES, shapes};
use super::step::{Assign, Change, Mutation, When, Write};
use hashrange::{AttributeValue, Item, Number};
use std::{collections::BTreeMap, sync::Arc};

/// What one table holds, by the positions of the key values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub items: BTreeMap<(usize, usize), Arc<Item>>,
    /// Whether the index that comes and goes is there.
    pub extra: bool,
    /// Whether there is a change stream.
    pub stream: bool,
    /// Whether items expire.
    pub ttl: bool,
}

/// What a database holds. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub tables: [Option<Arc<Table>>; TABLES],
}

/// What a mutation answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done; for each write, the old item of a put or delete and the new item of an update.
    Done(Vec<Option<Arc<Item>>>),
    /// The condition was false.
    ConditionFailed,
    /// Conditions of a transaction were false: these.
    Cancelled(Vec<bool>),
    /// A table or index is not there.
    NotFound,
    /// A table is there already, or an index is.
    Exists,
    /// Something else has to be over first.
    Busy,
}

impl State {
    pub fn table(&self, table: usize) -> Option<&Table> {
        self.tables[table].as_deref()
    }

    pub fn item(&self, table: usize, key: (usize, usize)) -> Option<&Arc<Item>> {
        self.table(table)?.items.get(&key)
    }

    /// The state after a mutation, and what the mutation answers.
    pub fn after(&self, mutation: &Mutation) -> (Self, Outcome) {
        let mut next = self.clone();
        let outcome = next.apply(mutation);
        if matches!(outcome, Outcome::Done(_)) { (next, outcome) } else { (self.clone(), outcome) }
    }

    fn apply(&mut self, mutation: &Mutation) -> Outcome {
        match mutation {
            Mutation::One(write) => match self.write(write) {
                Ok(item) => Outcome::Done(vec![item]),
                Err(refusal) => refusal,
            },
            Mutation::Batch(writes) => {
                if writes.iter().any(|write| self.tables[write.table].is_none()) {
                    return Outcome::NotFound;
                }
                writes.iter().map(|write| self.write(write)).collect::<Result<_, _>>().map_or_else(|e| e, Outcome::Done)
            }
            Mutation::Transact(writes, _) => self.transact(writes),
            Mutation::CreateTable(table) if self.tables[*table].is_some() => Outcome::Exists,
            Mutation::CreateTable(table) => {
                let shape = &shapes()[*table];
                let empty = Table { stream: shape.stream, ttl: shape.ttl, ..Table::default() };
                self.tables[*table] = Some(Arc::new(empty));
                Outcome::Done(Vec::new())
            }
            Mutation::DropTable(table) => {
                if self.tables[*table].take().is_some() {
                    Outcome::Done(Vec::new())
                } else {
                    Outcome::NotFound
                }
            }
            Mutation::CreateIndex(table) => self.set(*table, true, |table| &mut table.extra),
            Mutation::DropIndex(table) => self.set(*table, false, |table| &mut table.extra),
            Mutation::Stream(table, wanted) => self.set(*table, *wanted, |table| &mut table.stream),
            Mutation::Ttl(table, wanted) => self.set(*table, *wanted, |table| &mut table.ttl),
        }
    }

    fn set(&mut self, table: usize, wanted: bool, of: impl Fn(&mut Table) -> &mut bool) -> Outcome {
        let Some(table) = &mut self.tables[table] else { return Outcome::NotFound };
        if std::mem::replace(of(Arc::make_mut(table)), wanted) != wanted {
            return Outcome::Done(Vec::new());
        }
        if wanted { Outcome::Exists } else { Outcome::NotFound }
    }

    fn transact(&mut self, writes: &[Write]) -> Outcome {
        if writes.iter().any(|write| self.tables[write.table].is_none()) {
            return Outcome::NotFound;
        }
        let failed: Vec<bool> = writes
            .iter()
            .map(|write| write.when.is_some_and(|when| !when.holds(self.item(write.table, write.key).map(|i| &**i))))
            .collect();
        if failed.contains(&true) {
            return Outcome::Cancelled(failed);
        }
        writes.iter().map(|write| self.write(write)).collect::<Result<_, _>>().map_or_else(|e| e, Outcome::Done)
    }

    fn write(&mut self, write: &Write) -> Result<Option<Arc<Item>>, Outcome> {
        let shape = &shapes()[write.table];
        let table = self.tables[write.table].as_mut().ok_or(Outcome::NotFound)?;
        let old = table.items.get(&write.key).cloned();
        if write.when.is_some_and(|when| !when.holds(old.as_deref())) {
            return Err(Outcome::ConditionFailed);
        }
        let items = &mut Arc::make_mut(table).items;
        Ok(match &write.change {
            Change::Put(attributes) => items.insert(write.key, Arc::new(with_key(shape, write.key, attributes))),
            Change::Delete => items.remove(&write.key),
            Change::Check => old,
            Change::Update(assigns) => {
                let creates = assigns.is_empty() || assigns.iter().any(Assign::creates);
                if old.is_none() && !creates {
                    return Ok(None);
                }
                let mut item = old.map_or_else(|| shape.key_item(write.key), |old| (*old).clone());
                assigns.iter().for_each(|assign| assign.apply(&mut item));
                let item = Arc::new(item);
                items.insert(write.key, item.clone());
                Some(item)
            }
        })
    }
}

/// The item of a put: attributes with the key among them.
pub fn with_key(shape: &Shape, key: (usize, usize), attributes: &Item) -> Item {
    let mut item = attributes.clone();
    item.extend(shape.key_item(key));
    item
}

impl When {
    pub fn holds(self, item: Option<&Item>) -> bool {
        match self {
            Self::Exists => item.is_some(),
            Self::Absent => item.is_none(),
            Self::CounterAtLeast(least) => counter(item).is_some_and(|counter| counter >= least),
        }
    }
}

fn counter(item: Option<&Item>) -> Option<i64> {
    item?.get("c")?.as_number()?.to_i64()
}

impl Assign {
    /// Whether it brings an item into being that is not there.
    fn creates(&self) -> bool {
        !matches!(self, Self::RemoveS)
    }

    fn apply(&self, item: &mut Item) {
        match self {
            Self::Text(text) => drop(item.insert("v".to_owned(), AttributeValue::from(text.as_str()))),
            Self::Count(by) => {
                let sum = counter(Some(item)).unwrap_or(0) + by;
                item.insert("c".to_owned(), AttributeValue::from(sum));
            }
            Self::S(value) => drop(item.insert("s".to_owned(), value.clone())),
            Self::N(value) => drop(item.insert("n".to_owned(), value.clone())),
            Self::End(second) => drop(item.insert(END.to_owned(), AttributeValue::from(*second))),
            Self::RemoveS => drop(item.remove("s")),
            Self::Append(number) => {
                let list = item.entry("l".to_owned()).or_insert(AttributeValue::L(Vec::new()));
                if let AttributeValue::L(list) = list {
                    list.push(AttributeValue::from(*number));
                }
            }
            Self::Include(number) => {
                let set = item.entry("t".to_owned()).or_insert(AttributeValue::Ns(Default::default()));
                if let AttributeValue::Ns(set) = set {
                    set.insert(Number::from(*number));
                }
            }
        }
    }
}
