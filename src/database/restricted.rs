//! A database as a principal sees it: policies decide on every operation before data or existence is looked at.

use super::{Database, TableDescription};
use crate::{
    access::{Action, ArnScope, Ask, Environment, Explanation, Policy, Principal, ResourceArn},
    date::label,
    engine::{TableSpec, TableUpdate},
    error::{Error, Result},
    maintenance::TtlDescription,
    request::{Caller, Report, Request},
    schema::{ResourcePolicy, TableDefinition, TableSettings},
    stream::IteratorStart,
    table::{
        BatchGet, BatchWrite, Dynamic, KeyShape, StreamDescription, StreamRecords, Table, TransactGet, TransactWrite,
        Transaction,
    },
};
use std::{fmt, sync::Arc};

/// A database as a principal sees it: [`Database::as_principal`]. It has DynamoDB's operations, on each of which the
/// principal's policies decide, and those of tables and streams. What is rejected has error kind
/// [`Denied`](crate::ErrorKind::Denied), has read and written nothing, consumes no capacity, and is shown to no
/// [`Hook`](crate::request::Hook).
///
/// The handles of tables, batches and statements that it gives out decide alike. A handle of a table shows the table's
/// definition to whom it is given; it shows items only as policies allow. Workers of consumers and time to live run as the
/// system: a stream is decided on when [`Table::stream`] takes it.
///
/// ```
/// use hashrange::{Database, ErrorKind, Item, access::{Policy, Principal}, key::S};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// db.create_table("orders").hash::<S>("tenant").range::<S>("order").create()?;
///
/// let seven = db.as_principal(Principal::user("seven").policy(Policy::tenant("orders", "t#7#")?));
/// let orders = seven.table::<(S, S)>("orders")?;
/// orders.put(&Item::new().with("tenant", "t#7#a").with("order", "o1"))?;
/// let refused = orders.put(&Item::new().with("tenant", "t#8#a").with("order", "o1")).unwrap_err();
/// assert_eq!((refused.kind(), refused.code()), (ErrorKind::Denied, "AccessDeniedException"));
/// assert_eq!(orders.scan().page().unwrap_err().kind(), ErrorKind::Denied);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RestrictedDatabase {
    database: Database,
}

impl fmt::Debug for RestrictedDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let principal = self.caller().map_or("", |caller| caller.principal.arn());
        write!(f, "RestrictedDatabase({principal}, {:?})", self.database)
    }
}

impl Database {
    /// The database as a principal sees it, on whose operations its policies decide; those that tables and streams have by
    /// `PutResourcePolicy` decide too.
    pub fn as_principal(&self, principal: impl Into<Arc<Principal>>) -> RestrictedDatabase {
        let caller = Caller::new(principal.into(), self.inner.resource_policies.clone());
        RestrictedDatabase { database: self.as_caller(caller) }
    }
    fn as_caller(&self, caller: Caller) -> Self {
        Self { inner: self.inner.clone(), hooks: self.hooks.as_caller(Arc::new(caller)) }
    }
    /// As whom policies decide on requests, if they do.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.hooks.caller()
    }
    /// The same database for requests on which it was decided.
    pub(crate) fn decided(&self) -> Self {
        Self { inner: self.inner.clone(), hooks: self.hooks.decided() }
    }
    /// Decides on one ask. Errors: a policy does not allow it.
    pub(crate) fn authorize(&self, ask: &Ask<'_>) -> Result<()> {
        let Some(caller) = self.caller() else { return Ok(()) };
        let table = ask.resource.resource().strip_prefix("table/").and_then(|rest| rest.split('/').next());
        let table = table.and_then(|name| self.engine().table(name));
        let definition = table.map(|slot| slot.state().definition.clone());
        caller.decide(self.engine(), ask, definition.as_deref())
    }
}

impl RestrictedDatabase {
    fn caller(&self) -> Option<&Caller> {
        self.database.caller()
    }
    fn with(self, change: impl FnOnce(&mut Caller)) -> Self {
        let Some(caller) = self.caller() else { return self };
        let mut caller = caller.clone();
        change(&mut caller);
        Self { database: self.database.as_caller(caller) }
    }
    /// With other beginnings of ARNs than [`ArnScope::default`]: region and account of the database.
    #[must_use]
    pub fn arns(self, scope: ArnScope) -> Self {
        self.with(|caller| caller.scope = Arc::new(scope))
    }
    /// With what is known of where requests come from. The time is always that of the database's clock.
    #[must_use]
    pub fn environment(self, environment: Environment) -> Self {
        self.with(|caller| caller.environment = environment)
    }
    /// Whether conditions see the tags of tables under `aws:ResourceTag/..`: true, unless this says otherwise. In the service
    /// an account has to ask for it once (attribute-based access control); without it those keys are missing.
    #[must_use]
    pub fn abac(self, enabled: bool) -> Self {
        self.with(|caller| caller.tags_count = enabled)
    }
    /// Whether rejections by an explicit deny name the policy behind their text, as the service began to do in 2026. Default false.
    #[must_use]
    pub fn names_policies(self, enabled: bool) -> Self {
        self.with(|caller| caller.names_policies = enabled)
    }
    /// Reports what policies reject, and carries it out all the same: for policies that are to be tried out before they
    /// count. `report` is called on the thread of the request and must not block.
    #[must_use]
    pub fn report_only(self, report: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.with(|caller| caller.report = Some(Report(Arc::new(report))))
    }
    /// Decides on anything, and does nothing. Errors: a policy does not allow it.
    pub fn authorize(&self, ask: &Ask<'_>) -> Result<()> {
        self.database.authorize(ask)
    }
    /// How it would be decided on anything if the table or stream that it is about had this policy.
    pub fn would_allow(&self, ask: &Ask<'_>, of_resource: &Policy) -> bool {
        self.caller().is_none_or(|caller| caller.would_allow(self.database.engine(), ask, of_resource))
    }
    /// How it would be decided on a request, part by part: which statement decides, and what keeps others from applying.
    pub fn explain<R: Request>(&self, request: &R) -> Vec<Explanation> {
        self.database.executor().explain(request)
    }
    /// How many asks were allowed so far: a request has one or more of them.
    pub fn allowed(&self) -> u64 {
        self.caller().map_or(0, Caller::allowed)
    }
    /// The database, on whose requests for items and statements policies decide, and on nothing else: for front ends that
    /// decide on operations of tables and streams themselves, by [`authorize`](Self::authorize).
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn ask(&self, action: Action, resource: impl FnOnce(&ArnScope) -> ResourceArn) -> Result<()> {
        match self.caller() {
            Some(caller) => self.authorize(&Ask::new(action, resource(&caller.scope))),
            None => Ok(()),
        }
    }
    fn ask_table(&self, action: Action, table: &str) -> Result<()> {
        self.ask(action, |scope| scope.table(table))
    }
    fn ask_stream(&self, action: Action, table: &str, label: &str) -> Result<()> {
        self.ask(action, |scope| scope.stream(table, label))
    }

    /// As [`Database::execute`].
    pub fn execute<R: Request>(&self, request: &R) -> Result<R::Response> {
        self.database.execute(request)
    }
    /// As [`Database::table`].
    pub fn table<K: KeyShape>(&self, name: &str) -> Result<Table<K>> {
        self.database.table(name)
    }
    /// As [`Database::dynamic_table`].
    pub fn dynamic_table(&self, name: &str) -> Result<Table<Dynamic>> {
        self.database.dynamic_table(name)
    }
    /// As [`Database::batch_get`].
    pub fn batch_get(&self) -> BatchGet {
        self.database.batch_get()
    }
    /// As [`Database::batch_write`].
    pub fn batch_write(&self) -> BatchWrite {
        self.database.batch_write()
    }
    /// As [`Database::transact_get`].
    pub fn transact_get(&self) -> TransactGet {
        self.database.transact_get()
    }
    /// As [`Database::transact_write`].
    pub fn transact_write(&self) -> TransactWrite {
        self.database.transact_write()
    }
    /// As [`Database::transaction`]. Each read of the closure needs `GetItem`, each write what a member of a transaction needs.
    pub fn transaction<R, E: From<Error>>(&self, body: impl FnMut(&mut Transaction) -> Result<R, E>) -> Result<R, E> {
        self.database.transaction(body)
    }
    /// Decides on an action on the tags of a table, or on one that sets them.
    fn ask_tags(&self, action: Action, table: &str, put: &[(String, String)], removed: &[String]) -> Result<()> {
        let Some(caller) = self.caller() else { return Ok(()) };
        let mut ask = Ask::new(action, caller.scope.table(table));
        let names: Vec<_> = put.iter().map(|(name, _)| name).chain(removed).map(|name| name.into()).collect();
        ask.tag_keys = (!names.is_empty()).then_some(names);
        ask.request_tags = put.to_vec();
        self.authorize(&ask)
    }
    /// Decides on what operations of their own change in the service, and a table's settings have here.
    fn ask_settings(&self, table: &str, before: Option<&TableDefinition>, settings: &TableSettings) -> Result<()> {
        let none = TableSettings::default();
        let old = before.map_or(&none, |before| &before.settings);
        let policy_action = |policy: &Option<ResourcePolicy>| match policy {
            Some(_) => Action::PutResourcePolicy,
            None => Action::DeleteResourcePolicy,
        };
        if settings.policy != old.policy {
            self.ask_table(policy_action(&settings.policy), table)?;
        }
        if settings.stream_policy != old.stream_policy {
            let label = before.and_then(TableDefinition::latest_stream_millis).map(label).unwrap_or_default();
            self.ask_stream(policy_action(&settings.stream_policy), table, &label)?;
        }
        if settings.point_in_time_recovery != old.point_in_time_recovery {
            self.ask_table(Action::UpdateContinuousBackups, table)?;
        }
        if settings.insights != old.insights {
            self.ask_table(Action::UpdateContributorInsights, table)?;
        }
        if settings.kinesis_destinations != old.kinesis_destinations {
            self.ask_table(Action::EnableKinesisStreamingDestination, table)?;
            self.ask_table(Action::UpdateKinesisStreamingDestination, table)?;
            self.ask_table(Action::DisableKinesisStreamingDestination, table)?;
        }
        Ok(())
    }

    /// As [`Database::create_table_from`]. Tags need `TagResource` besides, time to live `UpdateTimeToLive`, and a policy
    /// `PutResourcePolicy`; so does each setting that has an operation of its own in the service.
    pub fn create_table_from(&self, spec: TableSpec) -> Result<TableDescription> {
        self.ask_tags(Action::CreateTable, &spec.name, &spec.tags, &[])?;
        if !spec.tags.is_empty() {
            self.ask_tags(Action::TagResource, &spec.name, &spec.tags, &[])?;
        }
        if spec.ttl_attribute.is_some() {
            self.ask_table(Action::UpdateTimeToLive, &spec.name)?;
        }
        self.ask_settings(&spec.name, None, &spec.settings)?;
        self.database.create_table_from(spec)
    }
    /// As [`Database::describe_table`].
    pub fn describe_table(&self, name: &str) -> Result<TableDescription> {
        self.ask_table(Action::DescribeTable, name)?;
        self.database.describe_table(name)
    }
    /// As [`Database::list_tables`].
    pub fn list_tables(&self) -> Result<Vec<String>> {
        self.ask_table(Action::ListTables, "*")?;
        Ok(self.database.list_tables())
    }
    /// As [`Database::update_table`]. Tags need `TagResource` and `UntagResource` besides, time to live `UpdateTimeToLive`, and
    /// so on for each setting that has an operation of its own in the service.
    pub fn update_table(&self, name: &str, update: TableUpdate) -> Result<TableDescription> {
        self.ask_table(Action::UpdateTable, name)?;
        if !update.put_tags.is_empty() {
            self.ask_tags(Action::TagResource, name, &update.put_tags, &[])?;
        }
        if !update.remove_tags.is_empty() {
            self.ask_tags(Action::UntagResource, name, &[], &update.remove_tags)?;
        }
        if update.ttl_attribute.is_some() {
            self.ask_table(Action::UpdateTimeToLive, name)?;
        }
        if let Some(settings) = &update.settings {
            let before = self.database.engine().table(name).map(|slot| slot.state().definition.clone());
            self.ask_settings(name, before.as_deref(), settings)?;
        }
        self.database.update_table(name, update)
    }
    /// As [`Database::delete_table`].
    pub fn delete_table(&self, name: &str) -> Result<TableDescription> {
        self.ask_table(Action::DeleteTable, name)?;
        self.database.delete_table(name)
    }
    /// As [`Database::describe_ttl`].
    pub fn describe_ttl(&self, table: &str) -> Result<TtlDescription> {
        self.ask_table(Action::DescribeTimeToLive, table)?;
        self.database.describe_ttl(table)
    }
    /// As [`Database::update_ttl`].
    pub fn update_ttl(&self, table: &str, attribute: &str, enabled: bool) -> Result<TtlDescription> {
        self.ask_table(Action::UpdateTimeToLive, table)?;
        self.database.update_ttl(table, attribute, enabled)
    }
    /// As [`Database::list_streams`].
    pub fn list_streams(&self, table: Option<&str>) -> Result<Vec<StreamDescription>> {
        self.ask_table(Action::ListStreams, "*")?;
        Ok(self.database.list_streams(table))
    }
    /// As [`Database::describe_stream`].
    pub fn describe_stream(&self, table: &str, label: &str) -> Result<StreamDescription> {
        self.ask_stream(Action::DescribeStream, table, label)?;
        self.database.describe_stream(table, label)
    }
    /// As [`Database::shard_iterator`].
    pub fn shard_iterator(&self, table: &str, label: &str, shard: &str, start: &IteratorStart) -> Result<String> {
        self.ask_stream(Action::GetShardIterator, table, label)?;
        self.database.shard_iterator(table, label, shard, start)
    }
    /// As [`Database::stream_records`].
    pub fn stream_records(&self, iterator: &str, limit: Option<usize>) -> Result<StreamRecords> {
        let (table, label) = self.database.stream_of_iterator(iterator)?;
        self.ask_stream(Action::GetRecords, &table, &label)?;
        self.database.stream_records(iterator, limit)
    }
}
