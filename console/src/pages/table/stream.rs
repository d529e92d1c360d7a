//! The change stream: its shards, and records as they come.

use super::Shown;
use crate::{
    answer::Answer,
    api::streams::{self, Record},
    pages::parts,
    refusal::Refusal,
};
use hashrange::Item;
use maud::{Markup, html};

/// Shards that the page lists.
const SHOWN_SHARDS: usize = 100;

/// The page of the stream.
pub(super) fn respond(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if !table.request.is_read() {
        return table.change_settings();
    }
    let found = streams::of_table(&table.context.db, table.name());
    let enabled = found.iter().rev().find(|stream| stream.is_enabled);
    let views = ["NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"].map(|view| (view, view));
    let content = html! {
        div #changed aria-live="polite" {}
        @if let Some(stream) = enabled {
            div.row {
                p { "Records carry " code { (stream.view) } ". Enabled at " code { (stream.label) } "." }
                p { "State: " span #live role="status" { "connecting" } }
            }
            div.wide tabindex="0" role="region" aria-label="Records" {
                table {
                    thead { tr { th { "Event" } th { "Key" } th { "Before" } th { "After" } th { "Commit time" } } }
                    tbody data-events=(table.address("stream/events")) data-status="#live" data-most="200" {}
                }
            }
            p.quiet { "Records appear here as they are committed, newest first. The last 200 are kept." }
            details {
                summary { (stream.shards.len()) " shards" }
                ul { @for shard in stream.shards.iter().take(SHOWN_SHARDS) {
                    li { code { (shard.id) } (if shard.is_closed { " closed" } else { " open" }) @if let Some(parent) = &shard.parent { ", continues " code { (parent) } } }
                } }
            }
            @if table.context.options.write {
                form hx-post=(table.address("stream")) hx-target="#changed" {
                    button.danger name="do" value="stream-off" hx-confirm="Turn the stream off?" { "Turn the stream off" }
                }
            }
        } @else {
            p { "The table has no change stream. With one, every change of an item is a record, in the order of commits." }
            @if table.context.options.write {
                form hx-post=(table.address("stream")) hx-target="#changed" {
                    div.form { (parts::choice("view", "Records carry", &views, "NEW_AND_OLD_IMAGES")) }
                    button name="do" value="stream-on" { "Turn the stream on" }
                }
            }
        }
        (table.read_only_remark())
    };
    Ok(table.page("stream", "stream", content))
}

/// Records as rows of the page.
pub(super) fn events(table: &Shown<'_>) -> Result<Answer, Refusal> {
    streams::tail(table.context, table.name(), |record| row(record).into_string())
}

fn row(record: &Record) -> Markup {
    html! {
        tr.fresh {
            td { (record.event) @if record.by_ttl { " by TTL" } }
            td.key { (record.keys.to_json()) }
            td.value { (image(record.old.as_ref())) }
            td.value { (image(record.new.as_ref())) }
            td { (crate::api::moment::text(record.at_millis)) }
        }
    }
}

fn image(item: Option<&Item>) -> Markup {
    html! { @if let Some(item) = item { span { (super::beginning(&item.to_json())) } } }
}
