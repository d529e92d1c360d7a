//! What was: the difference of two moments, and the versions of one item.

use super::{Shown, browse::item_address};
use crate::{
    answer::Answer,
    api::{
        history::{self, Difference, Version, Versions},
        items, moment, value,
    },
    pages::{format, parts},
    refusal::Refusal,
};
use hashrange::Item;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Items of a difference that the page shows.
const SHOWN_CHANGES: u64 = 100;

/// Changes up to which a page shows all of them unfolded.
const OPEN_CHANGES: usize = 3;

/// The page of the history, with the difference of two moments if they are given.
pub(super) fn respond(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if !table.request.is_read() {
        return Err(Refusal::method());
    }
    let db = &table.context.db;
    let Some(window) = history::window(db) else {
        return Ok(table.page("history", "history", html! {
            p { "This database keeps no history. A program turns it on by " code { "OpenOptions::history" } " or " code { "Database::keep_history" } "; then it can be read as it was after any commit." }
        }));
    };
    let from = table.request.parameter("from").map(str::to_owned);
    let to = table.request.parameter("to").unwrap_or("now").to_owned();
    let found = from
        .as_deref()
        .map(|from| history::difference(db, table.name(), moment::parse(from)?, moment::parse(&to)?, SHOWN_CHANGES));
    let begin = from.unwrap_or_else(|| format!("#{}", window.first_commit));
    let content = html! {
        (parts::figures(&[
            ("First commit", format!("#{}", window.first_commit)),
            ("Its time (UTC)", time_of(window.first_commit, window.first_millis)),
            ("Last commit", format!("#{}", window.last_commit)),
            ("Its time (UTC)", time_of(window.last_commit, window.last_millis)),
            ("Log kept for history", format::bytes(window.log_bytes)),
        ]))
        h2 { "What differs between two moments" }
        form method="get" action=(table.address("history")) {
            div.form { (parts::text("from", "From", &begin)) (parts::text("to", "To", &to)) }
            button.main { "Compare" }
        }
        p.quiet { "A moment is " code { "now" } ", a commit such as " code { "#12" } ", or a time of UTC such as " code { "2026-11-20T12:34:56" } "." }
        @match &found {
            None => {}
            Some(Ok(difference)) => { (differences(table, difference)) }
            Some(Err(refusal)) => { p.refusal role="alert" { strong { (refusal.code) } " " (refusal.message) } }
        }
    };
    Ok(table.page("history", "history", content))
}

/// The time of a commit. Number 0 is the empty database, before every commit.
fn time_of(commit: u64, millis: u64) -> String {
    if commit == 0 { "none: the empty database".to_owned() } else { moment::text(millis) }
}

fn differences(table: &Shown<'_>, difference: &Difference) -> Markup {
    html! {
        p { "From commit #" (difference.from_commit) " to #" (difference.to_commit) ": "
            @if difference.has_more { "the first " (difference.changes.len()) " items that differ" } @else { (difference.changes.len()) " items differ" }
        }
        @for change in &difference.changes {
            @let key = change.new.as_ref().or(change.old.as_ref()).map(|item| items::key(table.description, item)).unwrap_or_default();
            details open[difference.changes.len() <= OPEN_CHANGES] {
                summary {
                    code { (key.to_json()) }
                    (match (&change.old, &change.new) { (None, _) => " was put", (_, None) => " was deleted", _ => " was changed" })
                    @if let Some(at) = change.written_millis { " at " (moment::text(at)) }
                }
                (compare(&key.to_json(), change.old.as_ref(), change.new.as_ref()))
                p { a href=(item_address(table, "versions", &key.to_dynamodb_json())) { "History of this item" } }
            }
        }
    }
}

/// Attributes that differ between two states of an item.
fn compare(of: &str, old: Option<&Item>, new: Option<&Item>) -> Markup {
    let names: BTreeSet<&String> = old.iter().chain(new.iter()).flat_map(|item| item.0.keys()).collect();
    let text =
        |item: Option<&Item>, name: &str| item.and_then(|item| item.get(name)).map(|value| value.to_dynamodb_json());
    let differing = names.into_iter().filter_map(|name| {
        let (before, after) = (text(old, name), text(new, name));
        (before != after).then_some((name, before, after))
    });
    html! {
        div.wide tabindex="0" role="region" aria-label={ "What changed: " (of) } {
            table {
                thead { tr { th { "Attribute" } th { "Before" } th { "After" } } }
                tbody { @for (name, before, after) in differing {
                    tr {
                        td.key { (name) }
                        td.value.old[before.is_some()] { (before.unwrap_or_default()) }
                        td.value.new[after.is_some()] { (after.unwrap_or_default()) }
                    }
                } }
            }
        }
    }
}

/// The page of all versions of an item.
pub(super) fn versions(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if !table.request.is_read() {
        return Err(Refusal::method());
    }
    let key = value::key_of(table.request.required("key")?)?;
    let Versions { versions, has_more } = history::versions(&table.context.db, table.name(), &key)?;
    let content = html! {
        p { "Key: " code { (key.to_json()) } " " a href=(item_address(table, "item", &key.to_dynamodb_json())) { "The item as it is now" } }
        @if versions.is_empty() { p { "History has no version of this item." } }
        @for (position, version) in versions.iter().enumerate().rev() {
            (version_of(version, position.checked_sub(1).and_then(|before| versions.get(before))))
        }
        @if has_more { p.quiet { "There are earlier versions. Only as many as fit are shown; the oldest of them is shown as if nothing had been before it." } }
    };
    Ok(table.page("history", "history of an item", content))
}

fn version_of(version: &Version, before: Option<&Version>) -> Markup {
    let old = before.and_then(|before| before.item.as_ref());
    html! {
        h2 {
            "Commit #" (version.commit) ", " (moment::text(version.at_millis)) ": "
            (match (&version.item, version.is_expiry) { (Some(_), _) => "written", (None, true) => "expired", (None, false) => "deleted" })
        }
        (compare(&format!("commit {}", version.commit), old, version.item.as_ref()))
    }
}
