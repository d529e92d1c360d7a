//! What requests ask for: for each operation the actions, the resources, and what conditions can test.
//!
//! They are made of the request that is carried out, with its values bound, so that what is decided on is what is done. Where a
//! request could be read in two ways, it asks for more rather than less: of a table with a sort key, for example, an allow-list of
//! attributes has to name it, also for a query that does not.

use super::{
    BatchGetItem, BatchWriteItem, ConditionCheck, DeleteItem, PageOptions, PutItem, Query, ReturnValues, Select,
    TableRef, TransactGetItems, TransactWriteItem, TransactWriteItems, UpdateItem, WriteRequest, any::RequestRef,
    caller::Caller, key::RequestKey,
};
use crate::{
    access::{Action, Ask, Tested},
    engine::Engine,
    expression::{Condition, Path, ProjectionExpression, UpdateExpression},
    item::{AttributeValue, Item, base64},
    schema::{IndexDefinition, IndexKind, KeyAttribute, TableDefinition},
};
use std::{borrow::Cow, sync::Arc};

/// Asks, each with the definition of its table if there is such a table.
pub(crate) struct Asks<'r> {
    caller: &'r Caller,
    engine: &'r Engine,
    asks: Vec<(Ask<'r>, Option<Arc<TableDefinition>>)>,
}

/// A partition key as conditions compare it: texts as they are, numbers in canonical form, binary values in base64.
pub(crate) fn key_text(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(text.clone()),
        AttributeValue::N(number) => Some(number.to_string()),
        AttributeValue::B(bytes) => Some(base64::encode(bytes)),
        _ => None,
    }
}

/// DynamoDB's name.
fn return_values_text(values: ReturnValues, shows_old_on_failure: bool) -> &'static str {
    match values {
        ReturnValues::AllNew => "ALL_NEW",
        ReturnValues::AllOld => "ALL_OLD",
        // The item of a failed condition is a whole old item.
        _ if shows_old_on_failure => "ALL_OLD",
        ReturnValues::None => "NONE",
        ReturnValues::UpdatedOld => "UPDATED_OLD",
        ReturnValues::UpdatedNew => "UPDATED_NEW",
    }
}

fn projected(projection: Option<&ProjectionExpression>) -> &'static str {
    if projection.is_some() { "SPECIFIC_ATTRIBUTES" } else { "ALL_ATTRIBUTES" }
}

/// Names of attributes that a request spells, each once; none where no policy tests them.
#[derive(Default)]
pub(crate) struct Names {
    names: Vec<Cow<'static, str>>,
    tested: Tested,
}

impl Names {
    pub fn of(tested: Tested) -> Self {
        Self { names: Vec::new(), tested }
    }
    fn are_tested(&self) -> bool {
        self.tested.includes(Tested::ATTRIBUTES)
    }
    /// Whether the attributes of a key matter at all.
    fn needs_key(&self) -> bool {
        self.are_tested() || self.tested.includes(Tested::PARTITION_KEYS)
    }
    pub fn add(&mut self, name: &str) {
        if self.are_tested() && !self.names.iter().any(|known| known == name) {
            self.names.push(Cow::Owned(name.to_owned()));
        }
    }
    pub fn add_all<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        names.into_iter().for_each(|name| self.add(name));
    }
    pub fn add_key<'n>(&mut self, key: impl IntoIterator<Item = &'n KeyAttribute>) {
        self.add_all(key.into_iter().map(|attribute| attribute.name.as_str()));
    }
    pub fn add_condition(&mut self, condition: Option<&Condition>) {
        let condition = condition.filter(|_| self.are_tested());
        self.add_all(condition.map(Condition::top_level_attributes).unwrap_or_default());
    }
    pub fn add_projection(&mut self, projection: Option<&ProjectionExpression>) {
        let projection = projection.filter(|_| self.are_tested());
        self.add_all(projection.map(ProjectionExpression::top_level_attributes).unwrap_or_default());
    }
    pub fn add_update(&mut self, update: &UpdateExpression) {
        if !self.are_tested() {
            return;
        }
        self.add_all(update.all_paths().into_iter().map(Path::top_level));
    }
    pub fn take(self) -> Option<Vec<Cow<'static, str>>> {
        self.are_tested().then_some(self.names)
    }
}

impl<'r> Asks<'r> {
    pub fn of(caller: &'r Caller, engine: &'r Engine, request: RequestRef<'r>) -> Self {
        let mut asks = Self { caller, engine, asks: Vec::new() };
        match request {
            RequestRef::GetItem(get) => {
                asks.get(&get.table, &get.key, get.projection.as_ref(), None);
            }
            RequestRef::PutItem(put) => {
                asks.write(Write::Put(put), None);
            }
            RequestRef::UpdateItem(update) => {
                asks.write(Write::Update(update), None);
            }
            RequestRef::DeleteItem(delete) => {
                asks.write(Write::Delete(delete), None);
            }
            RequestRef::Query(query) => asks.query(query),
            RequestRef::Scan(scan) => asks.page(Action::Scan, &scan.table, &scan.options),
            RequestRef::BatchGetItem(batch) => asks.batch_get(batch),
            RequestRef::BatchWriteItem(batch) => asks.batch_write(batch),
            RequestRef::TransactGetItems(TransactGetItems { gets }) => {
                for get in gets {
                    asks.get(&get.table, &get.key, get.projection.as_ref(), Some("TransactGetItems"));
                }
            }
            RequestRef::TransactWriteItems(TransactWriteItems { actions, .. }) => {
                actions.iter().for_each(|action| asks.write(action.into(), Some("TransactWriteItems")));
            }
        }
        asks
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Ask<'r>, Option<Arc<TableDefinition>>)> {
        self.asks.iter()
    }

    /// A new ask about a table, and what policies test of it.
    fn begin(&self, action: Action, table: &TableRef<'_>) -> (Ask<'r>, Option<Arc<TableDefinition>>, Tested) {
        let definition = table.resolve(self.engine).ok().map(|slot| slot.state().definition.clone());
        let tested = definition.as_ref().map_or(Tested::ALL, |definition| self.caller.tested(definition));
        let scope = &self.caller.scope;
        let resource = match &definition {
            Some(definition) => scope.table(&definition.name),
            None => scope.table(&table.name()),
        };
        let mut ask = Ask::new(action, resource);
        let reported = self.caller.environment.return_consumed_capacity.as_deref();
        ask.return_consumed_capacity = Some(reported.unwrap_or("NONE"));
        (ask, definition, tested)
    }

    fn get(
        &mut self,
        table: &TableRef<'_>,
        key: &RequestKey<'_>,
        projection: Option<&ProjectionExpression>,
        enclosing: Option<&'static str>,
    ) {
        let (mut ask, definition, tested) = self.begin(Action::GetItem, table);
        let mut names = Names::of(tested);
        if let Some(definition) = &definition {
            add_key(&mut ask, &mut names, key, definition);
        }
        names.add_projection(projection);
        ask.attributes = names.take();
        ask.select = Some(projected(projection));
        ask.enclosing_operation = enclosing;
        self.asks.push((ask, definition));
    }

    fn write(&mut self, write: Write<'_, '_>, enclosing: Option<&'static str>) {
        let (mut ask, definition, tested) = self.begin(write.action(), write.table());
        if let Some(definition) = &definition {
            describe_write(&mut ask, write, definition, tested);
        }
        ask.enclosing_operation = enclosing;
        self.asks.push((ask, definition));
    }

    fn query(&mut self, query: &Query<'_>) {
        self.page(Action::Query, &query.table, &query.options);
        let Some((ask, Some(definition))) = self.asks.last_mut() else { return };
        let index = query.options.index.as_deref().and_then(|name| definition.index(name));
        let (hash, sort) = key_of(definition, index);
        if let Some(values) = query.key.partition_values(hash, sort) {
            for (place, value) in ask.partition_keys.iter_mut().zip(values) {
                *place = key_text(&value).map(|text| vec![Cow::Owned(text)]);
            }
        }
    }

    /// What queries and scans have in common.
    fn page(&mut self, action: Action, table: &TableRef<'_>, options: &PageOptions<'_>) {
        let (mut ask, definition, tested) = self.begin(action, table);
        if let Some(index) = options.index.as_deref() {
            ask.resource = self.caller.scope.index(&table.name(), index);
        }
        let mut names = Names::of(tested);
        if let Some(definition) = &definition {
            names.add_key(definition.key.attributes());
            let index = options.index.as_deref().and_then(|name| definition.index(name));
            names.add_key(index.into_iter().flat_map(IndexDefinition::attributes));
        }
        names.add_condition(options.filter.as_ref());
        names.add_projection(options.projection.as_ref());
        ask.attributes = names.take();
        ask.select = Some(match (options.select, &options.projection, &options.index) {
            (Select::AllAttributes, ..) => "ALL_ATTRIBUTES",
            (Select::Count, ..) => "COUNT",
            (Select::Default, Some(_), _) => "SPECIFIC_ATTRIBUTES",
            (Select::Default, None, Some(_)) => "ALL_PROJECTED_ATTRIBUTES",
            (Select::Default, None, None) => "ALL_ATTRIBUTES",
        });
        self.asks.push((ask, definition));
    }

    fn batch_get(&mut self, batch: &BatchGetItem<'_>) {
        for keys in &batch.tables {
            let (mut ask, definition, tested) = self.begin(Action::BatchGetItem, &keys.table);
            let mut names = Names::of(tested);
            for key in &keys.keys {
                if let Some(definition) = &definition {
                    add_key(&mut ask, &mut names, key, definition);
                }
            }
            names.add_projection(keys.projection.as_ref());
            ask.attributes = names.take();
            ask.select = Some(projected(keys.projection.as_ref()));
            self.asks.push((ask, definition));
        }
    }

    fn batch_write(&mut self, batch: &BatchWriteItem<'_>) {
        let mut tables: Vec<&TableRef<'_>> = Vec::new();
        for (table, _) in &batch.writes {
            if tables.iter().any(|known| known.is_same(table)) {
                continue;
            }
            tables.push(table);
            let (mut ask, definition, tested) = self.begin(Action::BatchWriteItem, table);
            let mut names = Names::of(tested);
            for (_, write) in batch.writes.iter().filter(|(other, _)| other.is_same(table)) {
                match (write, &definition) {
                    (WriteRequest::Put(item), Some(definition)) => add_item(&mut ask, &mut names, item, definition),
                    (WriteRequest::Delete(key), Some(definition)) => add_key(&mut ask, &mut names, key, definition),
                    (_, None) => {}
                }
            }
            ask.attributes = names.take();
            self.asks.push((ask, definition));
        }
    }
}

/// A write of one item, alone or of a transaction.
#[derive(Clone, Copy)]
pub(crate) enum Write<'x, 'r> {
    Check(&'x ConditionCheck<'r>),
    Put(&'x PutItem<'r>),
    Update(&'x UpdateItem<'r>),
    Delete(&'x DeleteItem<'r>),
}

impl<'x, 'r> From<&'x TransactWriteItem<'r>> for Write<'x, 'r> {
    fn from(member: &'x TransactWriteItem<'r>) -> Self {
        match member {
            TransactWriteItem::ConditionCheck(check) => Self::Check(check),
            TransactWriteItem::Put(put) => Self::Put(put),
            TransactWriteItem::Update(update) => Self::Update(update),
            TransactWriteItem::Delete(delete) => Self::Delete(delete),
        }
    }
}

impl<'x, 'r> Write<'x, 'r> {
    fn action(self) -> Action {
        match self {
            Self::Check(_) => Action::ConditionCheckItem,
            Self::Put(_) => Action::PutItem,
            Self::Update(_) => Action::UpdateItem,
            Self::Delete(_) => Action::DeleteItem,
        }
    }
    fn table(self) -> &'x TableRef<'r> {
        match self {
            Self::Check(check) => &check.table,
            Self::Put(put) => &put.table,
            Self::Update(update) => &update.table,
            Self::Delete(delete) => &delete.table,
        }
    }
}

/// What conditions can test of a write of one item, as far as policies test it.
pub(crate) fn describe_write(ask: &mut Ask<'_>, write: Write<'_, '_>, definition: &TableDefinition, tested: Tested) {
    let mut names = Names::of(tested);
    let (condition, values, shows_old) = match write {
        Write::Check(check) => {
            add_key(ask, &mut names, &check.key, definition);
            (&check.condition, ReturnValues::None, check.return_old_on_failure)
        }
        Write::Put(put) => {
            add_item(ask, &mut names, &put.item, definition);
            (&put.condition, put.return_values, put.return_old_on_failure)
        }
        Write::Update(update) => {
            add_key(ask, &mut names, &update.key, definition);
            names.add_update(&update.update);
            (&update.condition, update.return_values, update.return_old_on_failure)
        }
        Write::Delete(delete) => {
            add_key(ask, &mut names, &delete.key, definition);
            (&delete.condition, delete.return_values, delete.return_old_on_failure)
        }
    };
    names.add_condition(condition.as_ref());
    ask.attributes = names.take();
    ask.return_values = Some(return_values_text(values, shows_old));
}

/// Partition and sort key of the table or index; a local index shares the partition key of its table.
fn key_of<'d>(
    definition: &'d TableDefinition,
    index: Option<&'d IndexDefinition>,
) -> (&'d [KeyAttribute], &'d [KeyAttribute]) {
    let hash = std::slice::from_ref(&definition.key.hash);
    match index {
        None => (hash, definition.key.range.as_slice()),
        Some(index) if index.kind == IndexKind::Local => (hash, &index.range),
        Some(index) => (&index.hash, &index.range),
    }
}

fn add_key(ask: &mut Ask<'_>, names: &mut Names, key: &RequestKey<'_>, definition: &TableDefinition) {
    if !names.needs_key() {
        return;
    }
    // A key that is none of the table is rejected later, by its own error.
    if let Ok(item) = key.attributes(definition) {
        add_item(ask, names, &item, definition);
    }
}

fn add_item(ask: &mut Ask<'_>, names: &mut Names, item: &Item, definition: &TableDefinition) {
    names.add_all(item.keys().map(|name| -> &str { name }));
    if names.tested.includes(Tested::PARTITION_KEYS)
        && let Some(text) = item.get(&definition.key.hash.name).and_then(key_text)
    {
        ask.partition_keys[0].get_or_insert_default().push(Cow::Owned(text));
    }
}
