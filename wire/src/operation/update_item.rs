//! `UpdateItem`.

use super::write_members::{WriteMembers, decoded};
use crate::{context::Context, error::Outcome, legacy, shape};
use hashrange::{expression::UpdateExpression, request::UpdateItem};

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let (mut members, key, updates) = decoded(profile, |decoder| {
        let mut members = WriteMembers::new(&["UpdateExpression", "ConditionExpression"], decoder.dialect);
        let (mut key, mut updates) = (None, None);
        shape::request(body, |reader, name| {
            match name {
                "Key" => key = decoder.attributes(reader)?,
                "AttributeUpdates" => updates = legacy::attribute_updates(reader, decoder)?,
                _ => members.member(reader, name, decoder)?,
            }
            Ok(())
        })?;
        let is_older = members.is_older(&key);
        Ok(((members, key, updates), is_older))
    })?;
    members.check_members(context, &key, "key", true)?;
    members.check_mixing(profile, &[("AttributeUpdates", updates.is_some())])?;
    let returned = members.return_values(profile, false)?;
    let key = key.unwrap_or_default();
    key.check().map_err(|text| members.rejected(profile, text))?;
    let older_update = legacy::update(updates.as_ref(), profile, members.dialect)?;
    let older_condition = members.older_condition(profile)?;
    let parsed = members.parse(profile)?;

    let is_measured = parsed.update.is_some() && profile.measures_statements();
    let update = parsed.update.or(older_update).unwrap_or_else(UpdateExpression::none);
    let mut request = UpdateItem::new(members.table.name(), &key.item, update);
    request.measures_statement = is_measured;
    request.condition = parsed.condition.or(older_condition);
    request.return_values = returned;
    request.return_old_on_failure = members.returns_old_on_failure();
    let output = context.database.execute(&request)?;
    Ok(members.respond(context, &output, &key.item))
}
