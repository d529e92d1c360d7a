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

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let decoder = Decoder { profile };
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
    members.check_members(profile, &key, "key", true)?;
    members.check_mixing(profile, &[("AttributeUpdates", updates.is_some())])?;
    let returned = members.return_values(profile, false)?;
    let key = key.unwrap_or_default();
    key.check().map_err(|text| Failure::validation(profile.request(MessageDialect::Write, text)))?;
    let older_update = legacy::update(updates.as_ref(), profile)?;
    let older_condition = members.older_condition(profile)?;
    let parsed = members.parse(profile)?;

    let table = members.open(context)?;
    let mut update = table.update(&key.item).return_values(returned);
    if let Some(changes) = parsed.update.or(older_update) {
        update = update.apply(changes);
    }
    if let Some(condition) = parsed.condition.or(older_condition) {
        update = update.when(condition);
    }
    if members.returns_old_on_failure() {
        update = update.return_old_on_failure();
    }
    let output = update.send()?;
    Ok(members.respond(&table, &output, &key.item))
}
