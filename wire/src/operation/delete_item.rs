//! `DeleteItem`.

use super::write_members::WriteMembers;
use crate::{
    context::Context,
    error::{Failure, Outcome},
    profile::MessageDialect,
    shape,
    value::Decoder,
};

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let decoder = Decoder { profile };
    let mut members = WriteMembers::new(&["ConditionExpression"]);
    let mut key = None;
    shape::request(body, |reader, name| {
        match name {
            "Key" => key = decoder.attributes(reader)?,
            _ => members.member(reader, name, decoder)?,
        }
        Ok(())
    })?;
    members.check_members(profile, &key, "key", false)?;
    members.check_mixing(profile, &[])?;
    let returned = members.return_values(profile, true)?;
    let key = key.unwrap_or_default();
    key.check().map_err(|text| Failure::validation(profile.request(MessageDialect::Write, text)))?;
    let older = members.older_condition(profile)?;
    let parsed = members.parse(profile)?;

    let table = members.open(context)?;
    let mut delete = table.delete_with(&key.item).return_values(returned);
    if let Some(condition) = parsed.condition.or(older) {
        delete = delete.when(condition);
    }
    if members.returns_old_on_failure() {
        delete = delete.return_old_on_failure();
    }
    let output = delete.send()?;
    Ok(members.respond(&table, &output, &key.item))
}
