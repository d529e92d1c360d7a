//! `PutItem`.

use super::write_members::{WriteMembers, decoded};
use crate::{context::Context, error::Outcome, shape};
use hashrange::request::PutItem;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let (mut members, item) = decoded(profile, |decoder| {
        let mut members = WriteMembers::new(&["ConditionExpression"], decoder.dialect);
        let mut item = None;
        shape::request(body, |reader, name| {
            match name {
                "Item" => item = decoder.attributes(reader)?,
                _ => members.member(reader, name, decoder)?,
            }
            Ok(())
        })?;
        let is_older = members.is_older(&item);
        Ok(((members, item), is_older))
    })?;
    members.check_members(context, &item, "item", false)?;
    members.check_mixing(profile, &[])?;
    let returned = members.return_values(profile, true)?;
    let item = item.unwrap_or_default();
    item.check().map_err(|text| members.rejected(profile, text))?;
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
