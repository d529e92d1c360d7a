//! `Query`.

use super::read_members::{self, ReadMembers};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    legacy::{self, Conditions},
    profile::MessageDialect,
    shape,
    validate::Violations,
    value::Decoder,
};
use hashrange::{expression::BoundKey, request::Query};

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
    members.table.check_alone(context, MessageDialect::Read)?;
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

    let mut query = match parsed.key_condition.or(older_key) {
        Some(condition) => Query::new(members.table.name(), condition),
        None => Query::new(members.table.name(), BoundKey { hash: Vec::new(), range: Vec::new(), last: None }),
    };
    query.scan_index_forward = forward != Some(false);
    let projection = parsed.projection.or(older_projection);
    query.options = members.page_options(select, parsed.filter.or(older_filter), projection);
    Ok(members.respond(&context.database.execute(&query)?, select))
}
