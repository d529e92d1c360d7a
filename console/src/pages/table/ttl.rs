//! Time to live.

use super::Shown;
use crate::{answer::Answer, api::tables, pages::parts, refusal::Refusal};
use maud::html;

/// The page of time to live.
pub(super) fn respond(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if !table.request.is_read() {
        return table.change_settings();
    }
    let shown = tables::one(&table.context.db, table.name())?;
    let statistics = table.context.db.statistics();
    let content = html! {
        (parts::figures(&[
            ("Time to live", shown.ttl.to_owned()),
            ("Attribute", shown.ttl_attribute.clone().unwrap_or_else(|| "none".to_owned())),
            ("Expired since the start, all tables", statistics.items_expired.to_string()),
        ]))
        @if let Some(attribute) = &shown.ttl_attribute {
            p { "An item whose attribute " code { (attribute) } " holds a number is deleted once that many seconds since 1970 have passed. It may be read until then, and a little longer." }
        } @else {
            p { "Items do not expire. With time to live, an attribute of each item says when it is deleted, in seconds since 1970." }
        }
        div #changed aria-live="polite" {}
        @if table.context.options.write {
            form hx-post=(table.address("ttl")) hx-target="#changed" {
                @if shown.ttl_attribute.is_none() {
                    div.form { (parts::text("attribute", "Attribute", "")) }
                    button name="do" value="ttl-on" { "Turn it on" }
                } @else {
                    div.row {
                        button name="do" value="sweep" { "Delete what has expired now" }
                        button.danger name="do" value="ttl-off" hx-confirm="Turn time to live off?" { "Turn it off" }
                    }
                }
            }
        }
        (table.read_only_remark())
    };
    Ok(table.page("ttl", "time to live", content))
}
