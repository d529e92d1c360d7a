//! Secondary indexes: what they hold, how far filling is, and their modelled lag.

use super::Shown;
use crate::{
    answer::{self, Answer},
    api::{
        settings::{self, Lag},
        tables::{self, Index, Table},
    },
    pages::{format, parts, table_list},
    refusal::Refusal,
};
use maud::{Markup, html};

/// The page of indexes; with parameter `part`, its list alone.
pub(super) fn respond(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if !table.request.is_read() {
        return table.change_settings();
    }
    let shown = tables::one(&table.context.db, table.name())?;
    let list = list(&shown, &settings::lags(&table.context.db, &shown)?);
    if table.request.flag("part") {
        return Ok(answer::html(list));
    }
    let content = html! {
        div #indexes hx-get={ (table.address("indexes")) "?part=1" } hx-trigger="every 2s" { (list) }
        @if table.context.options.write { (forms(table, &shown)) }
        (table.read_only_remark())
    };
    Ok(table.page("indexes", "indexes", content))
}

fn list(table: &Table, lags: &[Lag]) -> Markup {
    html! {
        @if table.indexes.is_empty() {
            p { "The table has no secondary index. A query by anything but its key reads everything." }
        } @else {
            div.wide tabindex="0" role="region" aria-label="Indexes" {
                table {
                    thead { tr {
                        th { "Index" } th { "Kind" } th { "Partition key" } th { "Sort key" } th { "Carries" }
                        th.n { "Entries" } th.n { "Bytes" } th { "Status" } th { "Lag" }
                    } }
                    tbody { @for index in &table.indexes { (row(index, lags.iter().find(|lag| lag.index == index.name))) } }
                }
            }
        }
    }
}

fn row(index: &Index, lag: Option<&Lag>) -> Markup {
    html! {
        tr {
            td { code { (index.name) } }
            td { (if index.is_local { "local" } else { "global" }) }
            td { @for part in &index.partition_key { (table_list::key(part)) " " } }
            td { @for part in &index.sort_key { (table_list::key(part)) " " } }
            td { (index.projection) @if !index.included.is_empty() { ": " (index.included.join(", ")) } }
            td.n { (format::count(index.items)) }
            td.n { (format::bytes(index.bytes)) }
            td {
                (index.status)
                @if let Some(share) = index.backfill_progress { ", " (format!("{:.0} %", share * 100.0)) " filled" }
            }
            td.text { (lag_text(lag)) }
        }
    }
}

fn lag_text(lag: Option<&Lag>) -> Markup {
    html! {
        @match lag {
            None => { "none: it is written with the item" }
            Some(Lag { delay: None, .. }) => { "none" }
            Some(Lag { delay: Some(delay), pending_changes, longest_millis, .. }) => {
                (delay) "; " (pending_changes) " on their way"
                @if *pending_changes > 0 { ", the last in " (longest_millis) " ms" }
            }
        }
    }
}

fn forms(table: &Shown<'_>, shown: &Table) -> Markup {
    let globals: Vec<(&str, &str)> = shown
        .indexes
        .iter()
        .filter(|index| !index.is_local)
        .map(|index| (index.name.as_str(), index.name.as_str()))
        .collect();
    let kinds = [("S", "S – String"), ("N", "N – Number"), ("B", "B – Binary")];
    html! {
        div #changed aria-live="polite" {}
        @if !globals.is_empty() {
            h2 { "Lag of a global index" }
            p { "In the service, changes arrive in a global index some time after they were acknowledged. This models it, until the database is closed." }
            form hx-post=(table.address("indexes")) hx-target="#changed" {
                div.form { (parts::choice("index", "Index", &globals, "")) (parts::text("millis", "Milliseconds; 0 ends it", "0")) }
                div.row {
                    button name="do" value="lag" { "Set the lag" }
                    button.danger name="do" value="drop-index" hx-confirm="Remove this index?" { "Remove the index" }
                }
            }
        }
        h2 { "Add a global index" }
        form hx-post=(table.address("indexes")) hx-target="#changed" {
            div.form {
                (parts::text("index", "Name", ""))
                (parts::text("hash", "Partition key", ""))
                (parts::choice("hash_type", "Its type", &kinds, "S"))
                (parts::text("range", "Sort key; may be empty", ""))
                (parts::choice("range_type", "Its type", &kinds, "S"))
                (parts::choice("projection", "Carries", &[("ALL", "all attributes"), ("KEYS_ONLY", "keys only")], "ALL"))
            }
            button name="do" value="add-index" { "Add the index" }
        }
    }
}
