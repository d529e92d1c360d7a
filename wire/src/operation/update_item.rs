//! `UpdateItem`.

use super::write_members::WriteMembers;
use crate::{
    context::Context,
    error::{Failure, Outcome},
    legacy,
    profile::MessageDialect,
    shape,
    value::Decoder,
};
use hashrange::{expression::UpdateExpression, request::UpdateItem};

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let decoder = Decoder { profile, dialect: MessageDialect::Write };
    let mut members = WriteMembers::new(&["UpdateExpression", "ConditionExpression"]);
    let (mut key, mut updates) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "Key" => key = decoder.attributes(reader)?,
            "AttributeUpdates" => updates = legacy::attribute_updates(reader, decoder)?,
            _ => members.member(reader, name, decoder)?,
        }
        Ok(())
    })?;
    members.check_members(context, &key, "key", true)?;
    members.check_mixing(profile, &[("AttributeUpdates", updates.is_some())])?;
    let returned = members.return_values(profile, false)?;
    let key = key.unwrap_or_default();
    key.check().map_err(|text| Failure::validation(profile.request(MessageDialect::Write, text)))?;
    let older_update = legacy::update(updates.as_ref(), profile)?;
    let older_condition = members.older_condition(profile)?;
    let parsed = members.parse(profile)?;

    if profile.measures_statements() {
        parsed.update.as_ref().map_or(Ok(()), UpdateExpression::check_statement_size)?;
    }
    let update = parsed.update.or(older_update).unwrap_or_else(UpdateExpression::none);
    let mut request = UpdateItem::new(members.table.name(), &key.item, update);
    request.condition = parsed.condition.or(older_condition);
    request.return_values = returned;
    request.return_old_on_failure = members.returns_old_on_failure();
    let output = context.database.execute(&request)?;
    Ok(members.respond(context, &output, &key.item))
}
