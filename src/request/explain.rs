//! How a plan is made of a request: a dry run says what it costs, and the request which keys it is about.

use super::{
    BatchWriteItem, Page, PageOptions, Query, Scan, TransactWriteItem, WriteRequest,
    any::{RequestRef, ResponseRef},
    executor::{Executor, Request, Response},
    key::RequestKey,
    plan::{PlannedAccess, PlannedResource, RequestPlan, parts},
    table_ref::TableRef,
    target::Target,
};
use crate::{
    capacity::Consumed,
    engine::TableSlot,
    error::Result,
    item::Item,
    schema::{KeyAttribute, TableClass},
    sync::Mutex,
};
use std::{collections::HashMap, sync::Arc};

/// Plans of the requests of a dry run, in their order.
pub(crate) type Plans = Arc<Mutex<Vec<RequestPlan>>>;

impl Executor<'_> {
    /// What a request would do. Errors: a policy does not allow it; it names a table or index that does not exist.
    pub fn plan<R: Request + ?Sized>(&self, request: &R) -> Result<RequestPlan> {
        self.authorize(request.as_request())?;
        Ok(self.dry_run(request)?.0)
    }

    /// What a request would do, and what it would be answered with.
    pub(super) fn dry_run<R: Request + ?Sized>(&self, request: &R) -> Result<(RequestPlan, Result<R::Response>)> {
        for table in request.tables() {
            table.resolve(self.engine)?.check_alive()?;
        }
        let result = request.run(&self.for_dry_run());
        let mut planner = Planner { executor: self, accesses: Vec::new(), tokens: HashMap::new() };
        planner.add(request.as_request())?;
        let consumed = result.as_ref().map_or_else(|_| Vec::new(), Response::consumed_by_table);
        let page = result.as_ref().ok().and_then(|response| match response.as_response() {
            ResponseRef::Page(page) => Some(page),
            _ => None,
        });
        let plan = RequestPlan {
            operation: request.as_request().operation(),
            items: page.map_or(planner.accesses.len(), |page| page.scanned_count) as u64,
            has_more: page.and_then(Page::last_evaluated_key).is_some(),
            resources: planner.resources(request, &consumed)?,
            accesses: planner.accesses,
            refusal: result.as_ref().err().cloned(),
        };
        Ok((plan, result))
    }
}

struct Planner<'e> {
    executor: &'e Executor<'e>,
    accesses: Vec<PlannedAccess>,
    /// By name of the table: tokens that are accessed, and how often.
    tokens: HashMap<String, HashMap<u64, usize>>,
}

impl Planner<'_> {
    fn add(&mut self, request: RequestRef<'_>) -> Result<()> {
        match request {
            RequestRef::GetItem(get) => self.key(&get.table, &get.key),
            RequestRef::PutItem(put) => self.item(&put.table, &put.item),
            RequestRef::UpdateItem(update) => self.key(&update.table, &update.key),
            RequestRef::DeleteItem(delete) => self.key(&delete.table, &delete.key),
            RequestRef::Query(query) => self.query(query),
            RequestRef::Scan(scan) => self.scan(scan),
            RequestRef::BatchGetItem(batch) => {
                let keys = batch.tables.iter().flat_map(|entry| entry.keys.iter().map(move |key| (&entry.table, key)));
                keys.into_iter().try_for_each(|(table, key)| self.key(table, key))
            }
            RequestRef::BatchWriteItem(BatchWriteItem { writes, .. }) => {
                writes.iter().try_for_each(|(table, write)| match write {
                    WriteRequest::Put(item) => self.item(table, item),
                    WriteRequest::Delete(key) => self.key(table, key),
                })
            }
            RequestRef::TransactGetItems(gets) => gets.gets.iter().try_for_each(|get| self.key(&get.table, &get.key)),
            RequestRef::TransactWriteItems(writes) => writes.actions.iter().try_for_each(|action| match action {
                TransactWriteItem::ConditionCheck(check) => self.key(&check.table, &check.key),
                TransactWriteItem::Put(put) => self.item(&put.table, &put.item),
                TransactWriteItem::Update(update) => self.key(&update.table, &update.key),
                TransactWriteItem::Delete(delete) => self.key(&delete.table, &delete.key),
            }),
        }
    }

    fn key(&mut self, table: &TableRef<'_>, key: &RequestKey<'_>) -> Result<()> {
        let slot = table.resolve(self.executor.engine)?;
        let definition = slot.state().definition.clone();
        // A key that is none of the table is what the request is rejected for.
        if let (Ok(encoded), Ok(attributes)) = (key.encode(&definition), key.attributes(&definition)) {
            self.add_access(&slot, None, attributes.to_json(), encoded.token()..=encoded.token());
        }
        Ok(())
    }

    fn item(&mut self, table: &TableRef<'_>, item: &Item) -> Result<()> {
        let slot = table.resolve(self.executor.engine)?;
        let definition = slot.state().definition.clone();
        if let Ok(key) = definition.key_of_item(item) {
            let of_key = definition.key.attributes();
            let attributes: Item =
                of_key.filter_map(|key| Some((key.name.clone(), item.get(&key.name)?.clone()))).collect();
            self.add_access(&slot, None, attributes.to_json(), key.token()..=key.token());
        }
        Ok(())
    }

    fn query(&mut self, query: &Query<'_>) -> Result<()> {
        let slot = query.table.resolve(self.executor.engine)?;
        let target = Target::find(&slot, &query.options)?;
        let Ok(selection) = query.selection(&target) else { return Ok(()) };
        let token = selection.token;
        let keys = self.query_keys(query, &target);
        drop(selection);
        self.add_access(&slot, index_of(&query.options), keys, token..=token);
        Ok(())
    }

    fn query_keys(&self, query: &Query<'_>, target: &Target) -> String {
        let definition = &target.state.definition;
        let (hash, sort): (&[KeyAttribute], &[KeyAttribute]) = match target.definition() {
            Some(index) => (&index.hash, &index.range),
            None => (std::slice::from_ref(&definition.key.hash), definition.key.range.as_slice()),
        };
        query.key.describe(hash, sort)
    }

    fn scan(&mut self, scan: &Scan<'_>) -> Result<()> {
        let slot = scan.table.resolve(self.executor.engine)?;
        let Ok((first, last)) = scan.tokens() else { return Ok(()) };
        let keys = match scan.segment {
            None => "all".to_owned(),
            Some((segment, total)) => format!("segment {segment} of {total}"),
        };
        self.add_access(&slot, index_of(&scan.options), keys, first..=last);
        Ok(())
    }

    fn add_access(
        &mut self,
        slot: &TableSlot,
        index: Option<&str>,
        keys: String,
        tokens: std::ops::RangeInclusive<u64>,
    ) {
        let state = slot.state();
        let table = state.definition.name.clone();
        let at = index.and_then(|name| state.definition.indexes.iter().position(|index| index.name == name));
        let starts = self.executor.engine.partition_starts(slot, &state, at);
        let touched = starts.iter().enumerate().filter(|(at, start)| {
            let next = starts.get(at + 1).copied();
            **start <= *tokens.end() && next.is_none_or(|next| next > *tokens.start())
        });
        let partitions: Vec<u64> = touched.map(|(_, start)| *start).collect();
        *self.tokens.entry(table.clone()).or_default().entry(*tokens.start()).or_default() += 1;
        let (index, of_partitions) = (index.map(str::to_owned), starts.len());
        self.accesses.push(PlannedAccess { table, index, keys, partitions, of_partitions });
    }

    /// Units by table and index, with what each may use.
    fn resources<R: Request + ?Sized>(
        &self,
        request: &R,
        consumed: &[(usize, Consumed)],
    ) -> Result<Vec<PlannedResource>> {
        let engine = self.executor.engine;
        let model = engine.options().capacity.unwrap_or_default();
        let is_write = request.as_request().is_write();
        let tables = request.tables();
        let mut resources = Vec::new();
        for (at, consumed) in consumed {
            let Some(table) = tables.get(*at) else { continue };
            let slot = table.resolve(engine)?;
            let state = slot.state();
            let definition = &state.definition;
            let class = definition.settings.class().map(|class| class.value);
            for (index, is_local, units) in parts(consumed) {
                let number = index.and_then(|name| definition.index(name)).map(|index| index.id);
                let limits = engine.resource_limits(&state, number.filter(|_| !is_local));
                let (partition_units, quota_units) = match is_write {
                    true => (model.partition_write_units, model.quotas.table_write_units),
                    false => (model.partition_read_units, model.quotas.table_read_units),
                };
                resources.push(PlannedResource {
                    table: definition.name.clone(),
                    index: index.map(str::to_owned),
                    is_local,
                    is_write,
                    units,
                    units_of_one_partition: units * self.largest_share(&definition.name),
                    limits,
                    partition_units,
                    quota_units,
                    is_infrequent_access: class == Some(TableClass::InfrequentAccess),
                });
            }
        }
        Ok(resources)
    }

    /// The largest share of a table's accesses that one partition key has, as if each cost the same.
    #[expect(clippy::cast_precision_loss, reason = "a request has at most some hundred accesses")]
    fn largest_share(&self, table: &str) -> f64 {
        let Some(counts) = self.tokens.get(table) else { return 1.0 };
        let (most, all) = (counts.values().max().copied().unwrap_or(1), counts.values().sum::<usize>());
        most as f64 / all.max(1) as f64
    }
}

fn index_of<'o>(options: &'o PageOptions<'_>) -> Option<&'o str> {
    options.index.as_deref()
}
