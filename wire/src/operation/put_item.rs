//! `PutItem`.

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
    let mut item = None;
    shape::request(body, |reader, name| {
        match name {
            "Item" => item = decoder.attributes(reader)?,
            _ => members.member(reader, name, decoder)?,
        }
        Ok(())
    })?;
    members.check_members(profile, &item, "item", false)?;
    members.check_mixing(profile, &[])?;
    let returned = members.return_values(profile, true)?;
    let item = item.unwrap_or_default();
    item.check().map_err(|text| Failure::validation(profile.request(MessageDialect::Write, text)))?;
    item.check_size()?;
    let older = members.older_condition(profile)?;
    let parsed = members.parse(profile)?;

    let table = members.open(context)?;
    let mut put = table.put_with(&item.item).return_values(returned);
    if let Some(condition) = parsed.condition.or(older) {
        put = put.when(condition);
    }
    if members.returns_old_on_failure() {
        put = put.return_old_on_failure();
    }
    let output = put.send()?;
    Ok(members.respond(&table, &output, &item.item))
}
