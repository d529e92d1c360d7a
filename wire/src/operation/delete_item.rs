//! `DeleteItem`.

use super::write_members::{WriteMembers, decoded};
use crate::{context::Context, error::Outcome, shape};
use hashrange::request::DeleteItem;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let (mut members, key) = decoded(profile, |decoder| {
        let mut members = WriteMembers::new(&["ConditionExpression"], decoder.dialect);
        let mut key = None;
        shape::request(body, |reader, name| {
            match name {
                "Key" => key = decoder.attributes(reader)?,
                _ => members.member(reader, name, decoder)?,
            }
            Ok(())
        })?;
        let is_older = members.is_older(&key);
        Ok(((members, key), is_older))
    })?;
    members.check_members(context, &key, "key", false)?;
    members.check_mixing(profile, &[])?;
    let returned = members.return_values(profile, true)?;
    let key = key.unwrap_or_default();
    key.check().map_err(|text| members.rejected(profile, text))?;
    let older = members.older_condition(profile)?;
    let parsed = members.parse(profile)?;

    let mut request = DeleteItem::new(members.table.name(), &key.item);
    request.condition = parsed.condition.or(older);
    request.return_values = returned;
    request.return_old_on_failure = members.returns_old_on_failure();
    let output = context.database.execute(&request)?;
    Ok(members.respond(context, &output, &key.item))
}
