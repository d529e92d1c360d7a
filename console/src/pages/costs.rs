//! What requests consumed and cost, over time and by parts, and what was throttled.

use super::{
    draw, format,
    layout::{self, Section},
    parts,
};
use crate::{
    answer::{self, Answer},
    api::{
        costs::{self, BREAKDOWNS, Costs, Pricing, Throttle},
        keys::{self, CostlyKey, CostlyKeys},
    },
    context::Context,
    refusal::Refusal,
    request::Request,
};
use maud::{Markup, html};

/// Minutes that are drawn.
const MINUTES: usize = 60;

/// Answers `/console/costs`.
pub(super) fn respond(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    let by = costs::parts_by(request.parameters("by"))?;
    let by = if by.is_empty() { vec!["operation", "table"] } else { by };
    let ledger = context.db.ledger()?;
    let (currency, pricing) = (context.currency(), Pricing::new(&ledger, context.options.prices.as_ref()));
    let costs = costs::breakdown(&ledger, &pricing, &by)?;
    let minutes = costs::minutes(&ledger, &pricing, None, MINUTES);
    let over_time = costs::over_time(&ledger, &pricing, &by)?;
    let costly = keys::costly(&context.db, &ledger, &pricing);
    let shown = html! {
        (totals(&costs))
        @if minutes.is_empty() {
            p { "No request has consumed anything yet. Read or write items, then look again." }
        } @else {
            h2 { "Over time" }
            (draw::day(minutes.last().map(|minute| minute.minute_millis), costs.ended_millis))
            (draw::minutes(&minutes, currency))
            h2 { "By parts" }
            (rows(&costs, &by))
            h3 { "Parts over time" }
            (draw::map("Parts over time", "a part", &over_time, currency))
            h2 { "By partition key" }
            (by_key(&costly, currency))
        }
        h2 { "Throttled requests" }
        (throttles(&costs::throttles(&ledger)))
    };
    if request.flag("part") {
        return Ok(answer::html(shown));
    }
    let refresh = format!(
        "/console/costs?part=1&{}",
        by.iter().map(|by| format!("by={}", format::segment(by))).collect::<Vec<_>>().join("&")
    );
    Ok(layout::page(
        context,
        Section::Costs,
        "Costs",
        html! {
            p { "What requests consumed since the database was opened, priced as if every table were on demand. " a href="/console/heat" { "Which keys are hot" } " is on a page of its own." }
            form method="get" action="/console/costs" {
                fieldset {
                    legend { "Tell parts apart by" }
                    div.row {
                        @for (name, text) in BREAKDOWNS { label.check { input type="checkbox" name="by" value=(name) checked[by.contains(&name)]; (text) } }
                        button { "Show" }
                    }
                }
            }
            div hx-get=(refresh) hx-trigger="every 5s" { (shown) }
            @if let Some(prices) = &context.options.prices {
                p.quiet { "Prices of " (prices.region) " as of " (prices.date) ", from " (prices.source) ", in " (prices.currency) ". " code { "hashrange cost" } " compares ways to pay." }
            }
        },
    ))
}

fn totals(costs: &Costs) -> Markup {
    let total = &costs.total;
    let mut figures = vec![
        ("Read units", format!("{:.1}", total.read_units)),
        ("Write units", format!("{:.1}", total.write_units)),
        ("Accesses", format::count(total.accesses)),
        ("Throttled", format::count(total.throttled)),
    ];
    if let Some(currency) = &costs.currency {
        figures.push(("On demand", format!("{} {currency}", format::amount(total.nanos))));
    }
    parts::figures(&figures)
}

fn rows(costs: &Costs, by: &[&str]) -> Markup {
    let name = |by: &str| BREAKDOWNS.iter().find(|(known, _)| *known == by).map_or("", |(_, text)| *text);
    let weight = |amount: &costs::Amount| costs::weight(amount.write_units, amount.read_units);
    let all = weight(&costs.total).max(f64::MIN_POSITIVE);
    html! {
        div.wide tabindex="0" role="region" aria-label="Consumption by parts" {
            table {
                thead { tr {
                    @for by in by { th { (name(by)) } }
                    th.n { "Accesses" } th.n { "Read units" } th.n { "Write units" } th.n { "Throttled" }
                    @if let Some(currency) = &costs.currency { th.n { (currency) } }
                    th { "Share" }
                } }
                tbody {
                    @for row in &costs.rows {
                        tr {
                            @for name in &row.names { td { (name) } }
                            td.n { (format::count(row.amount.accesses)) }
                            td.n { (format!("{:.1}", row.amount.read_units)) }
                            td.n { (format!("{:.1}", row.amount.write_units)) }
                            td.n { (format::count(row.amount.throttled)) }
                            @if costs.currency.is_some() { td.n { (format::amount(row.amount.nanos)) } }
                            td.share { (draw::share(weight(&row.amount) / all)) }
                        }
                    }
                }
            }
        }
        @if costs.unlisted > 0 { p.quiet { (costs.unlisted) " cheaper parts are not shown." } }
    }
}

fn by_key(costly: &CostlyKeys, currency: Option<&str>) -> Markup {
    let address = |key: &CostlyKey| format!("/console/heat/{}", format::segment(&key.table));
    html! {
        p { "The keys that took most of the tables that took most. A scan counts for no key." }
        div.wide tabindex="0" role="region" aria-label="Consumption by partition key" {
            table {
                thead { tr {
                    th { "Table or index" } th { "Partition key" } th.n { "Read units" } th.n { "Write units" }
                    @if let Some(currency) = currency { th.n { (currency) } }
                } }
                tbody { @for key in &costly.keys { tr {
                    td { a href=(address(key)) { (key.table) @if let Some(index) = &key.index { " / " (index) } } }
                    td.key { (key.key.key.to_json()) }
                    td.n { (format!("{:.1}", key.key.read_units)) }
                    td.n { (format!("{:.1}", key.key.write_units)) }
                    @if currency.is_some() { td.n { (format::amount(key.key.nanos)) } }
                } } }
            }
        }
        h3 { "Partition keys over time" }
        (draw::map("Partition keys over time", "a partition key, behind its table and index", &costly.over_time, currency))
    }
}

fn throttles(throttles: &[Throttle]) -> Markup {
    html! {
        @if throttles.is_empty() {
            p { "None. Throughput is limited only where a program asks for it: " code { "hashrange serve --enforce-capacity" } "." }
        } @else {
            div.wide tabindex="0" role="region" aria-label="Throttled requests" {
                table {
                    thead { tr { th { "Table or index" } th { "Operation" } th { "What had no capacity" } th.n { "Requests" } th { "Look" } } }
                    tbody {
                        @for throttle in throttles {
                            tr {
                                td { (throttle.table) @if let Some(index) = &throttle.index { " / " (index) } }
                                td { (throttle.operation) }
                                td { (if throttle.is_write { "writes: " } else { "reads: " }) (throttle.limit) }
                                td.n { (format::count(throttle.count)) }
                                td { a href={ "/console/heat/" (format::segment(&throttle.table)) } { "Hot keys" } }
                            }
                        }
                    }
                }
            }
        }
    }
}
