//! `UpdateTimeToLive` and `DescribeTimeToLive`.

use super::describe_table::{absent, decode_name};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape::{self, JsonContext},
    table::{members, name::TableName},
    timing::takes,
    validate::Violations,
};
use hashrange::admin::TtlStatus;

#[derive(Default)]
struct Specification {
    attribute: Option<String>,
    enabled: Option<bool>,
}

pub(super) fn update(context: &Context<'_>, body: &[u8]) -> Outcome {
    let mut table = TableName::default();
    let mut specification = None;
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = TableName::new(shape::string(reader)?),
            "TimeToLiveSpecification" => {
                let mut found = Specification::default();
                let present =
                    shape::structure(reader, JsonContext::Field, "TimeToLiveSpecification", |reader, name| {
                        match name {
                            "AttributeName" => found.attribute = members::text(reader)?,
                            "Enabled" => found.enabled = shape::boolean(reader)?,
                            _ => reader.skip()?,
                        }
                        Ok(())
                    })?;
                specification = present.then_some(found);
            }
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    table.check_control(context)?;
    let (attribute, enabled) = check(specification)?;
    check_pause(context, table.name(), &attribute, enabled)?;
    let changed = match context.world {
        None => context.database.update_ttl(table.name(), &attribute, enabled),
        Some(world) => world.update_ttl(table.name(), &context.owner.region, &attribute, enabled),
    };
    changed.map_err(|error| absent(error, table.name()))?;
    let mut out = Writer::with_capacity(96);
    out.begin_object();
    out.name("TimeToLiveSpecification");
    out.begin_object();
    out.string_member("AttributeName", &attribute);
    out.boolean_member("Enabled", enabled);
    out.end_object();
    out.end_object();
    Ok(out.into_bytes())
}

/// Time to live changes once in half an hour, where changes take their time. What is no change is rejected as such first.
fn check_pause(context: &Context<'_>, table: &str, attribute: &str, enabled: bool) -> Result<(), Failure> {
    let description = context.database.describe_table(table).map_err(|error| absent(error, table))?;
    let is_change = match &description.definition.ttl_attribute {
        Some(current) => !enabled && current == attribute,
        None => enabled,
    };
    let changed_millis = description.definition.settings.ttl_changed_millis;
    if is_change && context.is_under_way(changed_millis, takes::TTL_PAUSE) {
        return Err(Failure::validation("Time to live has been modified multiple times within a fixed interval"));
    }
    Ok(())
}

fn check(specification: Option<Specification>) -> Result<(String, bool), Failure> {
    let mut violations = Violations::default();
    violations.not_null(&specification, "timeToLiveSpecification");
    let Specification { attribute, enabled } = specification.unwrap_or_default();
    if violations.is_empty() {
        let path = "timeToLiveSpecification.attributeName";
        violations.not_null(&attribute, path);
        if let Some(attribute) = &attribute {
            violations.length(attribute.chars().count(), attribute, path, 1, 255);
        }
        violations.not_null(&enabled, "timeToLiveSpecification.enabled");
    }
    violations.finish()?;
    Ok((attribute.unwrap_or_default(), enabled.unwrap_or(false)))
}

pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let table = decode_name(context, body)?;
    let state = context.database.describe_ttl(table.name()).map_err(|error| absent(error, table.name()))?;
    let status = match state.status {
        TtlStatus::Enabling => "ENABLING",
        TtlStatus::Enabled => "ENABLED",
        TtlStatus::Disabled => "DISABLED",
    };
    let mut out = Writer::with_capacity(96);
    out.begin_object();
    out.name("TimeToLiveDescription");
    out.begin_object();
    out.string_member("TimeToLiveStatus", status);
    if let Some(attribute) = &state.attribute {
        out.string_member("AttributeName", attribute);
    }
    out.end_object();
    out.end_object();
    Ok(out.into_bytes())
}
