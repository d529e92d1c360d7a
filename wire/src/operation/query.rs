//! `Query`.

use super::read_members::{self, ReadMembers, Select};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    legacy::{self, Conditions},
    profile::MessageDialect,
    shape,
    validate::Violations,
    value::Decoder,
};
use hashrange::{
    Dynamic, Table,
    expression::{BoundKey, KeyCondition},
};

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let decoder = Decoder { profile, dialect: MessageDialect::Read };
    let mut members = ReadMembers::new(&["ProjectionExpression", "FilterExpression", "KeyConditionExpression"]);
    let (mut conditions, mut forward): (Option<Conditions>, Option<bool>) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "KeyConditions" => conditions = legacy::conditions(reader, decoder)?,
            "ScanIndexForward" => forward = shape::boolean(reader)?,
            _ => members.member(reader, name, "QueryFilter", decoder)?,
        }
        Ok(())
    })?;
    members.table.check_alone(profile, MessageDialect::Read)?;
    members.check_operator_alone(profile)?;
    let mut violations = Violations::default();
    members.check_members(profile, MessageDialect::Read, false, "queryFilter", &mut violations);
    legacy::check_operators(conditions.as_ref(), "keyConditions", &mut violations);
    violations.finish()?;
    let older = members.older(&[("QueryFilter", members.filter.is_some()), ("KeyConditions", conditions.is_some())]);
    members.expressions.check_mixing(&older, profile, MessageDialect::Read)?;
    let operator = members.conditional_operator();
    let older_filter = legacy::filter_condition(members.filter.as_ref(), operator, profile)?;
    let older_projection = read_members::projection(members.attributes.as_deref())?;
    members.check_start(profile)?;
    if conditions.is_none() && members.expressions.text("KeyConditionExpression").is_none() {
        return Err(Failure::validation(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ));
    }
    let parsed = members.expressions.parse(profile, MessageDialect::Read)?;
    let older_key = legacy::key_condition(conditions.as_ref(), profile)?;
    let select = members.select(profile, "Querying")?;

    let table = context.database.dynamic_table(members.table.name())?;
    let key = match parsed.key_condition.as_ref().or(older_key.as_ref()) {
        Some(condition) => {
            bind(&table, members.index.as_deref(), members.consistent(), condition, older_key.is_some())?
        }
        None => BoundKey { hash: Vec::new(), range: Vec::new(), last: None },
    };
    let projection = parsed.projection.or(older_projection);
    let definition = table.definition();
    members.check_projected(&definition, projection.as_ref())?;
    let mut query = table.query_key(key).consistent(members.consistent());
    if let Some(index) = members.index.as_deref() {
        query = query.index(index);
    }
    if let Some(filter) = parsed.filter.or(older_filter) {
        query = query.filter(filter);
    }
    if let Some(projection) = projection {
        query = query.project(projection);
    }
    if let Some(limit) = members.limit() {
        query = query.limit(limit);
    }
    match select {
        Select::Count => query = query.count_only(),
        Select::AllAttributes => query = query.all_attributes(),
        Select::Default => {}
    }
    if forward == Some(false) {
        query = query.descending();
    }
    if let Some(start) = &members.start {
        query = query.start_after(start.item.clone());
    }
    Ok(members.respond(&query.page()?, select))
}

/// The key condition for the key of the table or of the index; `is_older` if it is in the older form.
fn bind(
    table: &Table<Dynamic>,
    index: Option<&str>,
    consistent: bool,
    condition: &KeyCondition,
    is_older: bool,
) -> Result<BoundKey, Failure> {
    let definition = table.definition();
    let Some(name) = index else {
        let (hash, range) = (std::slice::from_ref(&definition.key.hash), definition.key.range.as_slice());
        check_older_length(is_older, condition, hash.len() + range.len())?;
        return Ok(condition.bind(hash, range)?);
    };
    let Some(index) = definition.indexes.iter().find(|index| index.name == name) else {
        return Err(Failure::validation(format!("The table does not have the specified index: {name}")));
    };
    if consistent && index.kind == hashrange::IndexKind::Global {
        return Err(Failure::validation("Consistent reads are not supported on global secondary indexes"));
    }
    check_older_length(is_older, condition, index.hash.len() + index.range.len())?;
    Ok(condition.bind(&index.hash, &index.range)?)
}

/// In the older form there are at most two conditions, unless the key has more attributes.
fn check_older_length(is_older: bool, condition: &KeyCondition, key_attributes: usize) -> Result<(), Failure> {
    if is_older && condition.clauses().len() > key_attributes.max(2) {
        return Err(Failure::validation("Conditions can be of length 1 or 2 only"));
    }
    Ok(())
}
