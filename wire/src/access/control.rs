//! What operations on tables, streams and settings ask for.
//!
//! The engine decides on requests for items and statements, for which nothing is asked here. Everything else is asked for before
//! the operation begins, for what the members of its body name that the operation looks at. A body that names no resource asks
//! for all of them: such an operation is told what is wrong with its body only if it could be allowed.

use crate::{
    arn::Arn,
    error::Failure,
    json::{Reader, Token},
    operation::{ITEM_OPERATIONS, replica_updates},
    shape::{self, JsonContext},
    table::members,
};
use hashrange::{
    RestrictedDatabase,
    access::{Action, ArnScope, Ask, ResourceArn},
};
use serde_json::Value;

/// The members that name what an action is about, as its operation reads them; none for actions on all tables.
fn members_of(action: Action) -> &'static [&'static str] {
    match action {
        Action::ListTables
        | Action::ListStreams
        | Action::ListBackups
        | Action::ListContributorInsights
        | Action::ListGlobalTables
        | Action::ListExports
        | Action::ListImports
        | Action::ListBulkOperations
        | Action::DescribeLimits
        | Action::DescribeEndpoints
        | Action::GetRecords
        | Action::ImportTable => &[],
        Action::TagResource
        | Action::UntagResource
        | Action::ListTagsOfResource
        | Action::PutResourcePolicy
        | Action::GetResourcePolicy
        | Action::DeleteResourcePolicy => &["ResourceArn"],
        Action::DescribeStream | Action::GetShardIterator => &["StreamArn"],
        Action::ExportTableToPointInTime => &["TableArn"],
        Action::DescribeBackup | Action::DeleteBackup | Action::RestoreTableFromBackup => &["BackupArn"],
        Action::RestoreTableToPointInTime => &["SourceTableArn", "SourceTableName"],
        Action::DescribeExport => &["ExportArn"],
        Action::DescribeImport => &["ImportArn"],
        Action::DescribeBulkOperation | Action::CancelBulkOperation => &["BulkOperationArn"],
        Action::CreateGlobalTable
        | Action::UpdateGlobalTable
        | Action::DescribeGlobalTable
        | Action::DescribeGlobalTableSettings
        | Action::UpdateGlobalTableSettings => &["GlobalTableName"],
        _ => &["TableName"],
    }
}

/// What copies the items of a table to another one, besides its own action: a restore and a new replica.
const COPY: [Action; 7] = [
    Action::GetItem,
    Action::Query,
    Action::Scan,
    Action::PutItem,
    Action::UpdateItem,
    Action::DeleteItem,
    Action::BatchWriteItem,
];

/// Decides on an operation before it begins. Errors: a policy does not allow it; the body cannot be read.
pub(crate) fn authorize(
    database: &RestrictedDatabase,
    scope: &ArnScope,
    operation: &str,
    body: &[u8],
) -> Result<(), Failure> {
    if ITEM_OPERATIONS.contains(&operation) {
        return Ok(());
    }
    asks(database, scope, operation, body)?.iter().try_for_each(|ask| Ok(database.authorize(ask)?))
}

/// Decides on a request for items that failed before the engine was asked, by actions and resources alone: who may do nothing
/// with a table is not told what is wrong with the request. Errors: a policy does not allow it.
pub(crate) fn authorize_failed(
    database: &RestrictedDatabase,
    scope: &ArnScope,
    operation: &str,
    body: &[u8],
) -> Result<(), Failure> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut asks = Vec::new();
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let action = if operation == "BatchGetItem" { Action::BatchGetItem } else { Action::BatchWriteItem };
            asks.extend(tables.map(|(table, _)| Ask::new(action, named(scope, table))));
        }
        "TransactGetItems" | "TransactWriteItems" => {
            let members = body["TransactItems"].as_array().into_iter().flatten();
            for (kind, member) in members.filter_map(|member| member.as_object()).flatten() {
                let action = match kind.as_str() {
                    "Get" => Action::GetItem,
                    "Put" => Action::PutItem,
                    "Update" => Action::UpdateItem,
                    "Delete" => Action::DeleteItem,
                    "ConditionCheck" => Action::ConditionCheckItem,
                    _ => continue,
                };
                asks.extend(text(member, "TableName").map(|table| Ask::new(action, named(scope, table))));
            }
        }
        _ => {
            let table = text(&body, "TableName").map(|table| named(scope, table));
            let resource = table.map(|table| match text(&body, "IndexName") {
                Some(index) => ResourceArn::parse(format!("{table}/index/{index}")).unwrap_or(table),
                None => table,
            });
            asks.extend(Action::named(operation).zip(resource).map(|(action, resource)| Ask::new(action, resource)));
        }
    }
    asks.iter().try_for_each(|ask| Ok(database.authorize(ask)?))
}

fn text<'v>(body: &'v Value, member: &str) -> Option<&'v str> {
    body.get(member)?.as_str().filter(|text| !text.is_empty())
}

/// What an operation touches that is given a name or an ARN: always a resource of this database. An ARN of another partition,
/// region or account names none, and its operation is rejected or ignores those parts.
fn named(scope: &ArnScope, name: &str) -> ResourceArn {
    match Arn::parse(name) {
        Some(Arn { table, part: Some(part), .. }) => scope.resource(format_args!("table/{table}/{part}")),
        Some(Arn { table, part: None, .. }) => scope.table(table),
        None => scope.table(name),
    }
}

/// What a body says of what policies decide on. It is read by the parser of the operations, so that both see the same; of a
/// member that occurs twice, both values are asked for.
#[derive(Default)]
struct Subject {
    resources: Vec<ResourceArn>,
    /// Tables that a restore makes.
    targets: Vec<ResourceArn>,
    /// What happens to the table in other regions.
    elsewhere: Vec<replica_updates::InRegion>,
    index: Option<String>,
    tags: Vec<(String, String)>,
    /// Names of tags that are removed.
    removed: Vec<String>,
    has_policy: bool,
}

impl Subject {
    fn read(database: &RestrictedDatabase, scope: &ArnScope, action: Action, body: &[u8]) -> Result<Self, Failure> {
        let mut subject = Self::default();
        shape::request(body, |reader, name| subject.member(database, scope, action, reader, name))?;
        if subject.resources.is_empty() {
            subject.resources.push(scope.table("*"));
        }
        Ok(subject)
    }

    fn member(
        &mut self,
        database: &RestrictedDatabase,
        scope: &ArnScope,
        action: Action,
        reader: &mut Reader<'_>,
        name: &str,
    ) -> Result<(), Failure> {
        let text = |reader: &mut Reader<'_>| Ok::<_, Failure>(members::text(reader)?.filter(|text| !text.is_empty()));
        match (action, name) {
            _ if members_of(action).contains(&name) => {
                self.resources.extend(text(reader)?.map(|name| named(scope, &name)));
            }
            (Action::GetRecords, "ShardIterator") => {
                let stream = text(reader)?.and_then(|iterator| database.database().stream_of_iterator(&iterator).ok());
                self.resources.extend(stream.map(|(table, label)| scope.stream(&table, &label)));
            }
            (Action::ImportTable, "TableCreationParameters") => {
                shape::structure(reader, JsonContext::Field, "TableCreationParameters", |reader, name| {
                    match name {
                        "TableName" => self.resources.extend(text(reader)?.map(|name| named(scope, &name))),
                        _ => reader.skip()?,
                    }
                    Ok(())
                })?;
            }
            (Action::RestoreTableFromBackup | Action::RestoreTableToPointInTime, "TargetTableName") => {
                self.targets.extend(text(reader)?.map(|name| named(scope, &name)));
            }
            (
                Action::SearchVectors | Action::UpdateContributorInsights | Action::DescribeContributorInsights,
                "IndexName",
            ) => self.index = text(reader)?,
            (Action::CreateTable | Action::TagResource, "Tags") => {
                let tags = members::tags(reader)?.unwrap_or_default();
                self.tags.extend(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))));
            }
            (Action::UntagResource, "TagKeys") => {
                self.removed.extend(members::strings(reader, "tagKeys")?.unwrap_or_default());
            }
            (Action::UpdateTable, _) => match replica_updates::permissions(reader, name)? {
                Some(asked) => self.elsewhere.extend(asked),
                None => reader.skip()?,
            },
            (Action::CreateTable, "ResourcePolicy") => {
                self.has_policy |= reader.peek()? != Token::Null;
                reader.skip()?;
            }
            _ => reader.skip()?,
        }
        Ok(())
    }

    fn add_tags(&self, mut ask: Ask<'static>) -> Ask<'static> {
        let names = self.tags.iter().map(|(name, _)| name).chain(&self.removed);
        let names: Vec<_> = names.map(|name| name.clone().into()).collect();
        ask.tag_keys = (!names.is_empty()).then_some(names);
        ask.request_tags = self.tags.clone();
        ask
    }

    /// What an action asks for on one resource.
    fn asks(&self, action: Action, resource: ResourceArn) -> Vec<Ask<'static>> {
        let ask = self.add_tags(Ask::new(action, resource.clone()));
        let mut asks = vec![ask];
        for (region, actions) in &self.elsewhere {
            let there = resource.in_region(region);
            let copied = if actions.contains(&Action::CreateTableReplica) { &COPY[..] } else { &[] };
            asks.extend(actions.iter().chain(copied).map(|action| Ask::new(*action, there.clone())));
        }
        if action == Action::CreateTable && !self.tags.is_empty() {
            asks.push(self.add_tags(Ask::new(Action::TagResource, resource.clone())));
        }
        if self.has_policy {
            asks.push(Ask::new(Action::PutResourcePolicy, resource.clone()));
        }
        let index = self.index.as_deref();
        if let Some(index) = index.and_then(|index| ResourceArn::parse(format!("{resource}/index/{index}"))) {
            if action != Action::SearchVectors {
                asks.clear();
            }
            asks.push(Ask::new(action, index));
        }
        asks
    }
}

fn asks(
    database: &RestrictedDatabase,
    scope: &ArnScope,
    operation: &str,
    body: &[u8],
) -> Result<Vec<Ask<'static>>, Failure> {
    // An operation without an action of its name would be one that was added without one here.
    let Some(action) = Action::named(operation) else {
        return Ok(vec![Ask::new(Action::InjectError, scope.table("*"))]);
    };
    let mut subject = Subject::read(database, scope, action, body)?;
    let resources = std::mem::take(&mut subject.resources);
    let mut asks: Vec<_> = resources.into_iter().flat_map(|resource| subject.asks(action, resource)).collect();
    for target in subject.targets {
        asks.push(Ask::new(action, target.clone()));
        if action == Action::RestoreTableFromBackup {
            asks.extend(COPY.map(|action| Ask::new(action, target.clone())));
        }
    }
    Ok(asks)
}
