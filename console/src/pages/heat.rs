//! Which keys and partitions are hot.

use super::{
    draw, format,
    layout::{self, Section},
};
use crate::{
    answer::{self, Answer},
    api::{
        costs,
        heat::{self, Resource},
        keys::Key,
        sizes::{self, Sizes},
    },
    context::Context,
    refusal::Refusal,
    request::Request,
};
use maud::{Markup, html};

/// Tables without requests that the overview names, at most.
const MAX_QUIET: usize = 50;

/// Answers `/console/heat` and `/console/heat/TABLE`.
pub(super) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    match path {
        [] => overview(context),
        [table] => of_table(context, request, table),
        _ => Err(Refusal::not_found("the console has no such page")),
    }
}

/// The tables, those that consumed most first, each with what stands out.
fn overview(context: &Context) -> Result<Answer, Refusal> {
    let ledger = context.db.ledger()?;
    let costs = costs::breakdown(&ledger, &costs::Pricing::new(&ledger, None), &["table"])?;
    let mut tables = Vec::new();
    for row in &costs.rows {
        let Some(name) = row.names.first() else { continue };
        match heat::of_table(context, name) {
            Ok(resources) => tables.push((name, resources, row.amount)),
            Err(_) => continue, // it is gone by now; its consumption is on the page of costs
        }
    }
    let mut quiet = context.db.list_tables();
    quiet.retain(|name| !tables.iter().any(|(known, ..)| *known == name));
    Ok(layout::page(
        context,
        Section::Heat,
        "Hot keys",
        html! {
            p { "A key is hot when it takes so much of what its table does that one partition has to do most of the work. Choose the table that consumed most and read what its page says." }
            @if tables.is_empty() { p { "No request has consumed anything since the database was opened." } }
            @for (name, resources, amount) in &tables {
                h2 { a href={ "/console/heat/" (format::segment(name)) } { (name) } }
                p { (format!("{:.1}", amount.read_units)) " read units, " (format!("{:.1}", amount.write_units)) " write units, " (format::count(amount.throttled)) " throttled" }
                @for resource in resources.iter().filter(|resource| resource.remark.is_some()) { (remark(resource)) }
            }
            @if !quiet.is_empty() {
                h2 { "Without requests" }
                p { "Heat counts requests since the database was opened. The page of a table can also count which partition keys have the most items." }
                ul { @for name in quiet.iter().take(MAX_QUIET) { li { a href={ "/console/heat/" (format::segment(name)) } { (name) } } } }
                @if quiet.len() > MAX_QUIET { p.quiet { (quiet.len() - MAX_QUIET) " more are on the page of tables." } }
            }
        },
    ))
}

/// Which partition keys have the most items.
fn items(sizes: &Sizes) -> Markup {
    let percent = |items: u64| format!("{:.0} %", items as f64 / sizes.items.max(1) as f64 * 100.0);
    html! {
        p role="status" {
            @if !sizes.is_whole { "Of the first " } (format::count(sizes.items)) " items with " (format::count(sizes.partition_keys)) " partition keys"
            @if let Some(first) = sizes.largest.first() { ", " code { (first.key.to_json()) } " has " (format::count(first.items)) ", " (percent(first.items)) }
            "."
        }
        div.wide tabindex="0" role="region" aria-label="Partition keys with the most items" {
            table {
                thead { tr { th { "Key" } th.n { "Items" } th.n { "Bytes" } th.n { "Share of items" } th { span.hidden { "Share drawn" } } } }
                tbody { @for size in &sizes.largest { tr {
                    td.key { (size.key.to_json()) }
                    td.n { (format::count(size.items)) }
                    td.n { (format::bytes(size.bytes)) }
                    td.n { (percent(size.items)) }
                    td.share { (draw::share(size.items as f64 / sizes.items.max(1) as f64)) }
                } } }
            }
        }
    }
}

fn remark(resource: &Resource) -> Markup {
    html! {
        @if let Some(remark) = &resource.remark {
            p.hint { @if let Some(index) = &resource.index { "Index " code { (index) } ": " } (remark) }
        }
    }
}

fn of_table(context: &Context, request: &Request, table: &str) -> Result<Answer, Refusal> {
    if request.flag("sizes") {
        return Ok(answer::html(items(&sizes::of_table(context, table)?)));
    }
    let resources = heat::of_table(context, table)?;
    let drawn = resources.iter().flat_map(|resource| resource.partition_keys_over_time.minutes.last());
    let shown = html! {
        (draw::day(drawn.max().copied(), context.db.clock().now_millis()))
        @for resource in &resources { (one(table, resource, context.currency())) }
    };
    if request.flag("part") {
        return Ok(answer::html(shown));
    }
    let address = format!("/console/heat/{}?part=1", format::segment(table));
    Ok(layout::page(
        context,
        Section::Heat,
        &format!("Hot keys of {table}"),
        html! {
            p { a href="/console/heat" { "All tables" } " · " a href=(format::table_address(table, "items")) { "Items of the table" } }
            div hx-get=(address) hx-trigger="every 5s" { (shown) }
            p.quiet { "Keys are counted in bounded memory: the true weight of a key is at most what is shown, and less by no more than the column “or less by”. A write unit weighs three, a read unit one." }
            h2 { "Items" }
            p { "A partition key with many items is hot as soon as they are all read. This reads the table, beside its writers and for no units." }
            button hx-get={ "/console/heat/" (format::segment(table)) "?sizes=1" } hx-target="#sizes" { "Count items by partition key" }
            div #sizes aria-live="polite" {}
        },
    ))
}

fn one(table: &str, resource: &Resource, currency: Option<&str>) -> Markup {
    let list = |what: &str, list: &[Key]| keys(&named(what, resource), list, currency);
    let map = |what: &str, row: &str, over_time| draw::map(&named(what, resource), row, over_time, currency);
    html! {
        h2 { @match &resource.index { None => { "Table" } Some(index) => { "Index " (index) } } }
        @if resource.partition_keys.is_empty() {
            p { "Nothing was consumed." }
        } @else {
            (remark(resource))
            h3 { "Partition keys" }
            (list("Partition keys", &resource.partition_keys))
            h3 { "Partition keys over time" }
            (map("Partition keys over time", "a partition key", &resource.partition_keys_over_time))
            @if !resource.keys.is_empty() {
                details {
                    summary { "Items with the most" }
                    (list("Items", &resource.keys))
                    (map("Items over time", "an item", &resource.keys_over_time))
                }
            }
            @if !resource.throttled_partition_keys.is_empty() {
                h3 { "Throttled partition keys" }
                (throttled(&named("Throttled partition keys", resource), &resource.throttled_partition_keys))
            }
            h3 { "Partitions over time" }
            (map("Partitions over time", "a partition, by its first token", &resource.partitions_over_time))
            (partitions(table, resource))
        }
    }
}

/// What a part of the page is called, with the index that it is about.
fn named(what: &str, resource: &Resource) -> String {
    resource.index.as_deref().map_or_else(|| format!("{what} of the table"), |index| format!("{what} of index {index}"))
}

fn keys(label: &str, keys: &[Key], currency: Option<&str>) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(label) {
            table {
                thead { tr {
                    th { "Key" } th.n { "Weight" } th.n { "or less by" } th.n { "Share" } th { span.hidden { "Share drawn" } }
                    th.n { "Read units" } th.n { "Write units" }
                    @if let Some(currency) = currency { th.n { (currency) } }
                    th.n { "Highest minute, of an item’s ceiling" }
                } }
                tbody { @for key in keys {
                    tr {
                        td.key { (key.key.to_json()) }
                        td.n { (format!("{:.1}", key.weight as f64 / 1_000.0)) }
                        td.n { (format!("{:.1}", key.error as f64 / 1_000.0)) }
                        td.n { (format!("{:.0} %", key.share * 100.0)) }
                        td.share { (draw::share(key.share)) }
                        td.n { (format!("{:.1}", key.read_units)) }
                        td.n { (format!("{:.1}", key.write_units)) }
                        @if currency.is_some() { td.n { (format::amount(key.nanos)) } }
                        td.n { (format!("{:.2} %", key.peak_of_ceiling * 100.0)) }
                    }
                } }
            }
        }
    }
}

fn throttled(label: &str, keys: &[Key]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(label) {
            table {
                thead { tr { th { "Key" } th.n { "Throttled" } th.n { "or less by" } th.n { "Share" } th { span.hidden { "Share drawn" } } } }
                tbody { @for key in keys {
                    tr {
                        td.key { (key.key.to_json()) }
                        td.n { (format::count(key.weight)) }
                        td.n { (format::count(key.error)) }
                        td.n { (format!("{:.0} %", key.share * 100.0)) }
                        td.share { (draw::share(key.share)) }
                    }
                } }
            }
        }
    }
}

fn partitions(table: &str, resource: &Resource) -> Markup {
    html! {
        details {
            summary { (resource.partitions.len()) " partitions of " (table) " in numbers" }
            div.wide tabindex="0" role="region" aria-label=(named("Partitions", resource)) {
                table {
                    thead { tr { th { "First token" } th.n { "Read units" } th.n { "Write units" } th.n { "Throttled" } } }
                    tbody { @for partition in &resource.partitions {
                        tr {
                            td.key { (partition.first_token) }
                            td.n { (format!("{:.1}", partition.read_units)) }
                            td.n { (format!("{:.1}", partition.write_units)) }
                            td.n { (format::count(partition.throttled)) }
                        }
                    } }
                }
            }
        }
    }
}
