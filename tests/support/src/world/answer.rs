//! What reads answer: by the database and by the model, in one form that can be compared.

use super::{
    Random,
    shape::{Shape, TABLES, order, shapes},
    state::{State, Table},
    step::{Draw, Query, Read},
};
use hashrange::{
    AttributeValue, Database, ErrorKind, Item, ItemRef, Result,
    admin::IndexSpec,
    error::Detail,
    expression::{BoundKey, Condition, ExpressionKind, Placeholders, RangeCondition, Scope},
    request::{BatchGetItem, KeysAndAttributes, Page, TransactGetItem, TransactGetItems},
    schema::{IndexKind, IndexStatus, Projection},
};
use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

/// What a read returned. Items that come in no order that the model knows are sorted by their keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Items(Vec<Option<Item>>),
    /// The table or index is not there, or cannot be read yet.
    Unavailable,
}

/// Asks the database. The outer error is one that no healthy database gives.
pub fn ask(db: &Database, read: &Read) -> Result<Answer> {
    let answer = match read {
        Read::Get(table, key) => {
            let shape = &shapes()[*table];
            let item = db.dynamic_table(shape.name).and_then(|table| table.get(shape.key_item(*key)));
            item.map(|item| vec![item.map(|item| item.to_item())])
        }
        Read::BatchGet(keys) => batch_get(db, keys),
        Read::TransactGet(keys) => {
            let get = |(table, key): &(usize, (usize, usize))| {
                let shape = &shapes()[*table];
                TransactGetItem::new(shape.name, shape.key_item(*key))
            };
            let output = db.execute(&TransactGetItems::new(keys.iter().map(get)));
            output.map(|output| output.items.iter().map(|item| item.as_ref().map(ItemRef::to_item)).collect())
        }
        Read::Query(query) => ask_query(db, query),
        Read::Scan { table, index, segments, limit } => ask_scan(db, *table, *index, *segments, *limit),
    };
    match answer {
        Ok(items) => Ok(Answer::Items(items)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Answer::Unavailable),
        Err(error) if matches!(error.detail(), Some(Detail::NoIndex { .. } | Detail::IndexCreating { .. })) => {
            Ok(Answer::Unavailable)
        }
        Err(error) => Err(error),
    }
}

fn batch_get(db: &Database, keys: &[(usize, (usize, usize))]) -> Result<Vec<Option<Item>>> {
    let mut by_table: BTreeMap<usize, Vec<Item>> = BTreeMap::new();
    for (table, key) in keys {
        by_table.entry(*table).or_default().push(shapes()[*table].key_item(*key));
    }
    let request = by_table.iter().map(|(table, keys)| {
        let mut wanted = KeysAndAttributes::new(shapes()[*table].name, keys);
        wanted.consistent_read = true;
        wanted
    });
    let request = BatchGetItem::new(request);
    let output = db.execute(&request)?;
    assert!(output.unprocessed_keys(&request).is_none(), "a small batch get left keys unprocessed");
    let found: Vec<(String, Item)> = output
        .items
        .iter()
        .flat_map(|(table, items)| items.iter().map(|item| (table.clone(), item.to_item())))
        .collect();
    let find = |(table, key): &(usize, (usize, usize))| {
        let shape = &shapes()[*table];
        let is_it = |(name, item): &&(String, Item)| name == shape.name && shape.position(item) == Some(*key);
        found.iter().find(is_it).map(|(_, item)| item.clone())
    };
    Ok(keys.iter().map(find).collect())
}

fn has_l() -> Condition {
    let placeholders = Placeholders::none();
    let mut scope = Scope::new(&placeholders);
    Condition::parse(ExpressionKind::Filter, "attribute_exists(l)", &mut scope).unwrap()
}

fn ask_query(db: &Database, query: &Query) -> Result<Vec<Option<Item>>> {
    let shape = &shapes()[query.table];
    let bound = BoundKey { hash: query.hash.clone(), range: query.equal.clone(), last: query.last.clone() };
    let mut asked = db.dynamic_table(shape.name)?.query_key(bound);
    if let Some(index) = query.index {
        asked = asked.index(&shape.indexes[index].name);
    }
    if query.descending {
        asked = asked.descending();
    }
    if query.all_attributes {
        asked = asked.all_attributes();
    }
    if query.filter && carries_filter(query) {
        asked = asked.filter(has_l());
    } else if query.filter {
        let answer = asked.clone().filter(has_l()).page();
        assert!(answer.is_err(), "a filter on what the entries of the index lack was taken");
    }
    // A query that can return one item cannot be continued.
    let is_single = query.index.is_none() && query.equal.len() == shape.key.range.iter().count();
    if let Some(limit) = query.limit.filter(|_| !is_single) {
        asked = asked.limit(limit);
    }
    gather(asked.pages(), query.limit.filter(|_| !is_single))
}

fn ask_scan(
    db: &Database,
    table: usize,
    index: Option<usize>,
    segments: u32,
    limit: Option<usize>,
) -> Result<Vec<Option<Item>>> {
    let shape = &shapes()[table];
    let mut items = Vec::new();
    for segment in 0..segments {
        let mut scan = db.dynamic_table(shape.name)?.scan();
        if let Some(index) = index {
            scan = scan.index(&shape.indexes[index].name);
        }
        if let Some(limit) = limit {
            scan = scan.limit(limit);
        }
        items.extend(gather(scan.segment(segment, segments).pages(), limit)?);
    }
    items.sort_by_key(|item| item.as_ref().and_then(|item| shape.position(item)));
    Ok(items)
}

fn gather(pages: impl Iterator<Item = Result<Page>>, limit: Option<usize>) -> Result<Vec<Option<Item>>> {
    let mut items = Vec::new();
    for page in pages {
        let page = page?;
        assert_eq!(page.count, page.items.len());
        assert!(limit.is_none_or(|limit| page.scanned_count <= limit), "a page is longer than its limit");
        items.extend(page.items.iter().map(|item| Some(item.to_item())));
    }
    Ok(items)
}

/// What the model answers.
pub fn expect(state: &State, read: &Read) -> Answer {
    let owned = |item: &Arc<Item>| (**item).clone();
    let all = |keys: &[(usize, (usize, usize))]| {
        if keys.iter().any(|(table, _)| state.table(*table).is_none()) {
            return Answer::Unavailable;
        }
        Answer::Items(keys.iter().map(|(table, key)| state.item(*table, *key).map(owned)).collect())
    };
    match read {
        Read::Get(table, key) => all(&[(*table, *key)]),
        Read::BatchGet(keys) | Read::TransactGet(keys) => all(keys),
        Read::Query(query) => {
            let Some(table) = readable(state, query.table, query.index) else { return Answer::Unavailable };
            Answer::Items(expect_query(table, query))
        }
        Read::Scan { table, index, .. } => {
            let shape = &shapes()[*table];
            let Some(table) = readable(state, *table, *index) else { return Answer::Unavailable };
            let items = table.items.values().filter_map(|item| match index {
                None => Some((**item).clone()),
                Some(index) => entry(shape, &shape.indexes[*index], item),
            });
            Answer::Items(items.map(Some).collect())
        }
    }
}

fn readable(state: &State, table: usize, index: Option<usize>) -> Option<&Table> {
    let is_extra = index == Some(shapes()[table].extra());
    state.table(table).filter(|table| !is_extra || table.extra)
}

/// Whether a query's filter reads what the entries of its index carry.
fn carries_filter(query: &Query) -> bool {
    let shape = &shapes()[query.table];
    query.all_attributes || query.index.is_none_or(|index| carries(shape, &shape.indexes[index], "l"))
}

/// Whether the entries of an index carry an attribute.
fn carries(shape: &Shape, index: &IndexSpec, name: &str) -> bool {
    let mut keys = index.hash.iter().chain(&index.range).chain(shape.key.attributes());
    match &index.projection {
        Projection::All => true,
        Projection::KeysOnly => keys.any(|key| key.name == name),
        Projection::Include(names) => keys.any(|key| key.name == name) || names.iter().any(|included| included == name),
    }
}

/// The entry of an item in an index; `None` if it lacks one of the index keys.
fn entry(shape: &Shape, index: &IndexSpec, item: &Item) -> Option<Item> {
    if index.hash.iter().chain(&index.range).any(|key| !item.contains_key(&key.name)) {
        return None;
    }
    let carried = item.iter().filter(|(name, _)| carries(shape, index, name));
    Some(carried.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn expect_query(table: &Table, query: &Query) -> Vec<Option<Item>> {
    let shape = &shapes()[query.table];
    let index = query.index.map(|index| &shape.indexes[index]);
    let hash: Vec<&str> = match index {
        None => vec![shape.key.hash.name.as_str()],
        Some(index) => index.hash.iter().map(|key| key.name.as_str()).collect(),
    };
    let range: Vec<&str> = match index {
        None => shape.key.range.iter().map(|key| key.name.as_str()).collect(),
        Some(index) => index.range.iter().map(|key| key.name.as_str()).collect(),
    };
    let selected = |item: &Item| {
        let equal = hash.iter().zip(&query.hash).chain(range.iter().zip(&query.equal));
        equal.into_iter().all(|(name, value)| item.get(*name) == Some(value))
            && query.last.as_ref().is_none_or(|last| {
                let value = range.get(query.equal.len()).and_then(|name| item.get(*name));
                value.is_some_and(|value| in_range(value, last))
            })
    };
    let mut found: Vec<(Item, &Item)> = Vec::new();
    for item in table.items.values() {
        let entry = index.map_or_else(|| Some((**item).clone()), |index| entry(shape, index, item));
        found.extend(entry.filter(selected).map(|entry| (entry, &**item)));
    }
    let by_keys = |a: &Item, b: &Item| {
        let table_keys = shape.key.attributes().map(|key| key.name.as_str());
        let mut orders = range.iter().copied().chain(table_keys).map(|name| order(&a[name], &b[name]));
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    found.sort_by(|a, b| by_keys(a.1, b.1));
    if query.descending {
        found.reverse();
    }
    let whole = found.into_iter().map(|(entry, item)| if query.all_attributes { item.clone() } else { entry });
    whole.filter(|item| !(query.filter && carries_filter(query)) || item.contains_key("l")).map(Some).collect()
}

fn in_range(value: &AttributeValue, range: &RangeCondition) -> bool {
    let compare = |bound: &AttributeValue| order(value, bound);
    match range {
        RangeCondition::Less(bound) => compare(bound).is_lt(),
        RangeCondition::LessOrEqual(bound) => compare(bound).is_le(),
        RangeCondition::Greater(bound) => compare(bound).is_gt(),
        RangeCondition::GreaterOrEqual(bound) => compare(bound).is_ge(),
        RangeCondition::Between(low, high) => compare(low).is_ge() && compare(high).is_le(),
        RangeCondition::BeginsWith(prefix) => match (value, prefix) {
            (AttributeValue::S(value), AttributeValue::S(prefix)) => value.starts_with(prefix.as_str()),
            (AttributeValue::B(value), AttributeValue::B(prefix)) => value.starts_with(prefix),
            _ => false,
        },
    }
}

/// Whether the index that comes and goes can be read by now.
pub fn is_filled(db: &Database, table: usize) -> bool {
    let description = db.describe_table(shapes()[table].name);
    description.is_ok_and(|description| {
        description.definition.index("extra").is_some_and(|index| index.status == IndexStatus::Active)
    })
}

/// Everything that the database holds. The error says how its ways of reading contradict each other.
pub fn contents(db: &Database) -> Result<State, String> {
    let mut state = State::default();
    for (position, shape) in shapes().iter().enumerate() {
        let Ok(table) = db.dynamic_table(shape.name) else { continue };
        let mut items = BTreeMap::new();
        for item in table.scan().items() {
            let item = item.map_err(|error| format!("scan of {}: {error}", shape.name))?.to_item();
            let key = shape.position(&item).ok_or_else(|| format!("{}: unknown key in {item:?}", shape.name))?;
            if items.insert(key, Arc::new(item)).is_some() {
                return Err(format!("{}: a scan returned {key:?} twice", shape.name));
            }
        }
        for (hash, range) in (0..shape.hashes.len()).flat_map(|hash| (0..shape.ranges.len()).map(move |r| (hash, r))) {
            let got = table.get(shape.key_item((hash, range))).map_err(|error| format!("get: {error}"))?;
            let (got, scanned) = (got.map(|item| item.to_item()), items.get(&(hash, range)));
            if got.as_ref() != scanned.map(|item| &**item) {
                return Err(format!("{}: get of {:?} is {got:?}, scan is {scanned:?}", shape.name, (hash, range)));
            }
        }
        let definition = table.definition();
        let extra = definition.index("extra").is_some();
        let (stream, ttl) = (definition.stream.is_some(), definition.ttl_attribute.is_some());
        state.tables[position] = Some(Arc::new(Table { items, extra, stream, ttl }));
    }
    let unknown = db.list_tables().into_iter().find(|name| !shapes().iter().any(|shape| shape.name == name));
    unknown.map_or(Ok(state), |name| Err(format!("a table {name} that nobody created")))
}

/// Compares everything that can be read with the model, through indexes too.
pub fn compare(db: &Database, state: &State) -> Result<(), String> {
    let found = contents(db)?;
    if found != *state {
        return Err(difference(&found, state));
    }
    db.verify().map_err(|error| format!("verify: {error}"))?;
    let mut random = Random::new(1);
    for table in (0..TABLES).filter(|table| state.table(*table).is_some()) {
        for index in 0..shapes()[table].indexes.len() {
            if index == shapes()[table].extra() && !is_filled(db, table) {
                continue;
            }
            let is_local = shapes()[table].indexes[index].kind == IndexKind::Local;
            let mut draw = Draw { random: &mut random, tables: &[table] };
            let mut query = Query::random(&mut draw);
            while query.index != Some(index) {
                query = Query::random(&mut draw);
            }
            query.all_attributes &= is_local;
            let scan = Read::Scan { table, index: Some(index), segments: 2, limit: None };
            for read in [scan, Read::Query(query)] {
                let answer = ask(db, &read).map_err(|error| format!("{read:?}: {error}"))?;
                let expected = expect(state, &read);
                if answer != expected {
                    return Err(format!("{read:?}\n  is        {answer:?}\n  should be {expected:?}"));
                }
            }
        }
    }
    Ok(())
}

/// Where two states differ, for a message.
pub fn difference(found: &State, expected: &State) -> String {
    let mut text = String::from("the contents differ");
    for (table, shape) in shapes().iter().enumerate() {
        match (found.table(table), expected.table(table)) {
            (None, None) => {}
            (Some(found), Some(expected)) => {
                let settings = |table: &Table| [table.extra, table.stream, table.ttl];
                if settings(found) != settings(expected) {
                    let (is, should_be) = (settings(found), settings(expected));
                    text += &format!("\n  {}: extra, stream, ttl are {is:?}, not {should_be:?}", shape.name);
                }
                let mut keys: Vec<_> = found.items.keys().chain(expected.items.keys()).collect();
                keys.sort_unstable();
                keys.dedup();
                for key in keys {
                    let (is, should_be) = (found.items.get(key), expected.items.get(key));
                    if is != should_be {
                        text += &format!("\n  {} {key:?}: is {is:?}\n      should be {should_be:?}", shape.name);
                    }
                }
            }
            (found, _) => text += &format!("\n  {}: exists: {}", shape.name, found.is_some()),
        }
    }
    text
}
