//! `GetItem`.

use super::read_members;
use crate::{
    capacity::{self, Report},
    context::Context,
    error::{Failure, Outcome},
    expressions::Expressions,
    json::Writer,
    profile::MessageDialect,
    shape,
    table::name::TableName,
    validate::Violations,
    value::{self, Decoder},
};
use hashrange::request::GetItem;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let decoder = Decoder { profile, dialect: MessageDialect::Read };
    let mut table = TableName::default();
    let mut expressions = Expressions::of(&["ProjectionExpression"]);
    let (mut key, mut attributes, mut consistent, mut report) = (None, None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = TableName::new(shape::string(reader)?),
            "Key" => key = decoder.attributes(reader)?,
            "AttributesToGet" => attributes = read_members::attributes_to_get(reader)?,
            "ConsistentRead" => consistent = shape::boolean(reader)?,
            "ReturnConsumedCapacity" => report = shape::string(reader)?,
            _ if expressions.member(reader, name, decoder)? => {}
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    table.check_alone(context, MessageDialect::Read)?;
    let mut violations = Violations::default();
    capacity::check(report.as_deref(), &mut violations);
    read_members::check_attributes_to_get(attributes.as_deref(), "attributesToGet", &mut violations);
    table.check(&mut violations, "tableName", false);
    violations.not_null(&key, "key");
    violations.finish()?;
    expressions.check_mixing(&[("AttributesToGet", attributes.is_some())], profile, MessageDialect::Read)?;
    let key = key.unwrap_or_default();
    key.check().map_err(Failure::validation)?;
    let older = read_members::projection(attributes.as_deref())?;
    let parsed = expressions.parse(profile, MessageDialect::Read)?;

    let mut get = GetItem::new(table.name(), &key.item);
    get.consistent_read = consistent.unwrap_or(false);
    get.projection = parsed.projection.or(older);
    let output = context.database.execute(&get)?;
    let size = output.item.as_ref().map_or(0, |item| item.size_bytes() * 2);
    let mut out = Writer::with_capacity(64 + size);
    out.begin_object();
    if let Some(item) = &output.item {
        out.name("Item");
        value::write_item(&mut out, item);
    }
    capacity::write_member(&mut out, Report::of(report.as_deref()), table.given(), &output.consumed());
    out.end_object();
    Ok(out.into_bytes())
}
