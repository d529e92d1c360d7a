//! `PutItem`.

use super::write_members::WriteMembers;
use crate::{
    context::Context,
    error::{Failure, Outcome},
    profile::MessageDialect,
    shape,
    value::Decoder,
};
use hashrange::request::PutItem;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let decoder = Decoder { profile, dialect: MessageDialect::Write };
    let mut members = WriteMembers::new(&["ConditionExpression"]);
    let mut item = None;
    shape::request(body, |reader, name| {
        match name {
            "Item" => item = decoder.attributes(reader)?,
            _ => members.member(reader, name, decoder)?,
        }
        Ok(())
    })?;
    members.check_members(context, &item, "item", false)?;
    members.check_mixing(profile, &[])?;
    let returned = members.return_values(profile, true)?;
    let item = item.unwrap_or_default();
    item.check().map_err(|text| Failure::validation(profile.request(MessageDialect::Write, text)))?;
    item.check_size()?;
    let older = members.older_condition(profile)?;
    let parsed = members.parse(profile)?;

    let mut request = PutItem::new(members.table.name(), &item.item);
    request.condition = parsed.condition.or(older);
    request.return_values = returned;
    request.return_old_on_failure = members.returns_old_on_failure();
    let output = context.database.execute(&request)?;
    Ok(members.respond(context, &output, &item.item))
}
