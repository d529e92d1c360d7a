//! `TransactWriteItems`.

use super::transact_members::{self, Action, MAX_ACTIONS};
use crate::{
    capacity::{self, Kind, Report},
    context::Context,
    error::{Failure, Outcome},
    json::{Reader, Writer},
    profile::{MessageDialect, Profile},
    shape::{self, Counted, JsonContext},
    table::name::TableName,
    validate::{Violations, values},
    value::{Attributes, Decoder},
};
use hashrange::{
    expression::UpdateExpression,
    request::{
        ClientRequestToken, ConditionCheck, DeleteItem, PutItem, TransactWriteItem, TransactWriteItems, UpdateItem,
    },
};
use std::borrow::Cow;

/// Longest client request token, in characters.
const MAX_TOKEN: usize = 36;

/// The kinds of actions: the member, its name in paths, the member with item or key, its name in paths, expressions.
const KINDS: [(&str, &str, &str, &str, &[&str]); 4] = [
    ("ConditionCheck", "conditionCheck", "Key", "key", &["ConditionExpression"]),
    ("Put", "put", "Item", "item", &["ConditionExpression"]),
    ("Delete", "delete", "Key", "key", &["ConditionExpression"]),
    ("Update", "update", "Key", "key", &["UpdateExpression", "ConditionExpression"]),
];
const CHECK: usize = 0;
const PUT: usize = 1;
const DELETE: usize = 2;
const UPDATE: usize = 3;

/// An element of `TransactItems`: one action, by the position of its kind, if the request is right.
type Element<'a> = [Option<Action<'a>>; 4];

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let (mut elements, mut token, mut report, mut metrics) = (None, None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "TransactItems" => elements = decode_elements(reader, Decoder { profile, dialect: MessageDialect::Older })?,
            "ClientRequestToken" => token = shape::string(reader)?,
            "ReturnConsumedCapacity" => report = shape::string(reader)?,
            "ReturnItemCollectionMetrics" => metrics = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    transact_members::check_count(
        elements.as_ref().map(|elements| elements.total),
        "TransactWriteItem",
        &mut violations,
    );
    violations.finish()?;
    let mut violations = Violations::default();
    if let Some(token) = &token {
        violations.length(token.chars().count(), token, "clientRequestToken", 1, MAX_TOKEN);
    }
    capacity::check(report.as_deref(), &mut violations);
    violations.one_of(metrics.as_deref(), "returnItemCollectionMetrics", values::COLLECTION_METRICS);
    violations.finish()?;
    let actions = single_actions(elements.map(|elements| elements.kept).unwrap_or_default())?;
    check_members(context, &actions)?;
    if !profile.checks_action_by_action() {
        for (_, action) in &actions {
            action.check_values(profile)?;
        }
    }
    let mut request = TransactWriteItems::default();
    for (kind, action) in &actions {
        request.actions.push(to_request(*kind, action, profile)?);
    }
    request.client_request_token = token.map(ClientRequestToken::new);
    let output = context.database.execute(&request)?;

    let mut out = Writer::with_capacity(256);
    out.begin_object();
    let kind = if output.replayed { Kind::TransactionRead } else { Kind::TransactionWrite };
    let given = |name: &str| actions.iter().map(|(_, action)| &action.table).find(|table| table.name() == name);
    let consumed = output.consumed.iter();
    let consumed = consumed.map(|(name, units)| (given(name).map_or(name.as_str(), TableName::given), units));
    capacity::write_list(&mut out, Report::of(report.as_deref()), kind, consumed);
    if metrics.as_deref() == Some("SIZE") {
        let written = actions.iter().filter(|(kind, _)| *kind != CHECK);
        let items = written.filter_map(|(_, action)| Some((action.table.name(), &action.attributes.as_ref()?.item)));
        capacity::write_metrics_by_table(&mut out, context.database, items);
    }
    out.end_object();
    Ok(out.into_bytes())
}

fn decode_elements<'a>(reader: &mut Reader<'a>, decoder: Decoder) -> Result<Option<Counted<Element<'a>>>, Failure> {
    shape::counted(reader, "transactItems", MAX_ACTIONS, |reader| {
        let mut element = Element::default();
        shape::structure(reader, JsonContext::Element, "TransactWriteItem", |reader, name| {
            match KINDS.iter().position(|(member, ..)| *member == name) {
                Some(kind) => {
                    let (class, _, attributes, _, expressions) = KINDS[kind];
                    element[kind] = transact_members::action(reader, class, attributes, expressions, decoder)?;
                }
                None => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(Some(element))
    })
}

/// The action of each element with its kind; each element has exactly one.
fn single_actions(elements: Vec<Element<'_>>) -> Result<Vec<(usize, Action<'_>)>, Failure> {
    let mut actions = Vec::with_capacity(elements.len());
    for element in elements {
        let mut found = element.into_iter().enumerate().filter_map(|(kind, action)| Some((kind, action?)));
        let Some(action) = found.next() else {
            let text = "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request";
            return Err(Failure::validation(text));
        };
        if found.next().is_some() {
            let text = "TransactItems can only contain one of Check, Put, Update or Delete";
            return Err(Failure::validation(text));
        }
        actions.push(action);
    }
    Ok(actions)
}

fn check_members(context: &Context<'_>, actions: &[(usize, Action<'_>)]) -> Result<(), Failure> {
    let mut violations = Violations::default();
    for (position, (kind, action)) in actions.iter().enumerate() {
        action.table.check_alone(context, MessageDialect::Older)?;
        let (_, member, _, attributes, _) = KINDS[*kind];
        let path = format!("transactItems.{}.member.{member}", position + 1);
        action.check_members(&path, attributes, &mut violations);
        let on_failure = action.on_condition_failure.as_deref();
        let on_failure_path = format!("{path}.returnValuesOnConditionCheckFailure");
        violations.one_of(on_failure, &on_failure_path, values::ON_CONDITION_FAILURE);
        let required = match *kind {
            CHECK => Some(("ConditionExpression", "conditionExpression")),
            UPDATE => Some(("UpdateExpression", "updateExpression")),
            _ => None,
        };
        if let Some((expression, member)) = required {
            violations.not_null(&action.expressions.text(expression), &format!("{path}.{member}"));
        }
    }
    violations.finish()
}

fn to_request<'a>(kind: usize, action: &'a Action<'_>, profile: Profile) -> Result<TransactWriteItem<'a>, Failure> {
    let attributes = action.attributes.as_ref();
    if profile.checks_action_by_action() {
        attributes.map_or(Ok(()), Attributes::check_before_expressions).map_err(Failure::validation)?;
        action.expressions.check_mixing(&[], profile, MessageDialect::Older)?;
    }
    let parsed = action.expressions.parse(profile, MessageDialect::Older)?;
    attributes.map_or(Ok(()), Attributes::check_nesting).map_err(Failure::validation)?;
    let table = action.table.name();
    let item = action.attributes.as_ref().map_or_else(Cow::default, |attributes| Cow::Borrowed(&attributes.item));
    let return_old_on_failure = action.on_condition_failure.as_deref() == Some("ALL_OLD");
    Ok(match kind {
        PUT => {
            action.attributes.as_ref().map_or(Ok(()), Attributes::check_size)?;
            let mut put = PutItem::new(table, item);
            (put.condition, put.return_old_on_failure) = (parsed.condition, return_old_on_failure);
            TransactWriteItem::Put(put)
        }
        DELETE => {
            let mut delete = DeleteItem::new(table, item);
            (delete.condition, delete.return_old_on_failure) = (parsed.condition, return_old_on_failure);
            TransactWriteItem::Delete(delete)
        }
        UPDATE => {
            let mut update = UpdateItem::new(table, item, parsed.update.unwrap_or_else(UpdateExpression::none));
            (update.condition, update.return_old_on_failure) = (parsed.condition, return_old_on_failure);
            TransactWriteItem::Update(update)
        }
        _ => {
            let mut check = ConditionCheck::new(table, item, parsed.condition);
            check.return_old_on_failure = return_old_on_failure;
            TransactWriteItem::ConditionCheck(check)
        }
    })
}
