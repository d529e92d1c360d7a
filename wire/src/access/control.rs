//! What operations on tables, streams and settings ask for.
//!
//! The engine decides on requests for items and statements, for which nothing is asked here. Everything else is asked for before
//! the operation begins, by the names in its body. A body that names no resource asks for all of them: such an operation is
//! told what is wrong with its body only if it could be allowed.

use crate::{error::Failure, operation::ITEM_OPERATIONS};
use hashrange::{
    RestrictedDatabase,
    access::{Action, ArnScope, Ask, ResourceArn},
};
use serde_json::Value;

/// Operations that name no resource.
const OF_ALL: [&str; 9] = [
    "ListTables",
    "ListStreams",
    "ListBackups",
    "ListContributorInsights",
    "ListGlobalTables",
    "ListExports",
    "ListImports",
    "DescribeLimits",
    "DescribeEndpoints",
];

/// Members that name what an operation is about, in the order in which they are looked for.
const NAMES: [&str; 9] = [
    "ResourceArn",
    "StreamArn",
    "TableArn",
    "BackupArn",
    "ExportArn",
    "ImportArn",
    "TableName",
    "GlobalTableName",
    "SourceTableName",
];

/// What a restore does to its target, besides itself.
const RESTORE: [Action; 7] = [
    Action::GetItem,
    Action::Query,
    Action::Scan,
    Action::PutItem,
    Action::UpdateItem,
    Action::DeleteItem,
    Action::BatchWriteItem,
];

/// Decides on an operation before it begins. Errors: a policy does not allow it.
pub(crate) fn authorize(
    database: &RestrictedDatabase,
    scope: &ArnScope,
    operation: &str,
    body: &[u8],
) -> Result<(), Failure> {
    if ITEM_OPERATIONS.contains(&operation) {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    asks(database, scope, operation, &body).iter().try_for_each(|ask| Ok(database.authorize(ask)?))
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

/// A table by its name, or whatever an ARN names.
fn named(scope: &ArnScope, name: &str) -> ResourceArn {
    ResourceArn::parse(name).unwrap_or_else(|| scope.table(name))
}

fn asks(database: &RestrictedDatabase, scope: &ArnScope, operation: &str, body: &Value) -> Vec<Ask<'static>> {
    // An operation without an action of its name would be one that was added without one here.
    let Some(action) = Action::named(operation) else { return vec![Ask::new(Action::InjectError, scope.table("*"))] };
    let all = || scope.table("*");
    let resource = match operation {
        _ if OF_ALL.contains(&operation) => all(),
        "GetRecords" => {
            let iterator =
                text(body, "ShardIterator").and_then(|iterator| database.database().stream_of_iterator(iterator).ok());
            iterator.map_or_else(all, |(table, label)| scope.stream(&table, &label))
        }
        "ImportTable" => {
            text(&body["TableCreationParameters"], "TableName").map_or_else(all, |name| named(scope, name))
        }
        _ => NAMES.iter().find_map(|member| text(body, member)).map_or_else(all, |name| named(scope, name)),
    };
    let mut ask = Ask::new(action, resource.clone());
    let tags = tags(body);
    if matches!(action, Action::TagResource | Action::CreateTable | Action::UntagResource) {
        add_tags(&mut ask, &tags, body);
    }
    let mut asks = vec![ask];
    match action {
        Action::CreateTable => {
            if !tags.is_empty() {
                let mut ask = Ask::new(Action::TagResource, resource.clone());
                add_tags(&mut ask, &tags, body);
                asks.push(ask);
            }
            if body.get("ResourcePolicy").is_some_and(|policy| !policy.is_null()) {
                asks.push(Ask::new(Action::PutResourcePolicy, resource));
            }
        }
        Action::SearchVectors | Action::UpdateContributorInsights | Action::DescribeContributorInsights => {
            if let Some(index) =
                text(body, "IndexName").and_then(|index| ResourceArn::parse(format!("{resource}/index/{index}")))
            {
                if action != Action::SearchVectors {
                    asks.clear();
                }
                asks.push(Ask::new(action, index));
            }
        }
        Action::RestoreTableFromBackup | Action::RestoreTableToPointInTime => {
            if let Some(target) = text(body, "TargetTableName").map(|target| named(scope, target)) {
                asks.push(Ask::new(action, target.clone()));
                if action == Action::RestoreTableFromBackup {
                    asks.extend(RESTORE.map(|action| Ask::new(action, target.clone())));
                }
            }
        }
        _ => {}
    }
    asks
}

fn tags(body: &Value) -> Vec<(String, String)> {
    let tags = body["Tags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned()))).collect()
}

fn add_tags(ask: &mut Ask<'static>, tags: &[(String, String)], body: &Value) {
    let removed = body["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let names = tags.iter().map(|(name, _)| name.as_str()).chain(removed);
    let names: Vec<_> = names.map(|name| name.to_owned().into()).collect();
    ask.tag_keys = (!names.is_empty()).then_some(names);
    ask.request_tags = tags.to_vec();
}
