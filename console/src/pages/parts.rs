//! Small parts of pages: fields of forms, tables of figures, what came of a change.

use crate::api::{items::Changed, value::TYPES};
use maud::{Markup, html};

/// A choice among names; each is given with what people read.
pub(crate) fn choice(name: &str, label: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        label {
            (label)
            select name=(name) {
                @for (value, text) in options { option value=(value) selected[*value == chosen] { (text) } }
            }
        }
    }
}

/// A choice among DynamoDB's types.
pub(crate) fn type_choice(name: &str, label: &str, chosen: &str) -> Markup {
    html! {
        label {
            (label)
            select name=(name) {
                @for (value, text) in TYPES { option value=(value) selected[value == chosen] { (value) " – " (text) } }
            }
        }
    }
}

/// A line of text.
pub(crate) fn text(name: &str, label: &str, value: &str) -> Markup {
    html! { label { (label) input name=(name) value=(value) autocomplete="off" spellcheck="false"; } }
}

/// Something that is on or off.
pub(crate) fn check(name: &str, label: &str, is_on: bool) -> Markup {
    html! { label.check { input type="checkbox" name=(name) value="1" checked[is_on]; (label) } }
}

/// Figures with their names.
pub(crate) fn figures(figures: &[(&str, String)]) -> Markup {
    html! { dl.figures { @for (name, figure) in figures { div { dt { (name) } dd { (figure) } } } } }
}

/// What came of a change of items: how many, and what was rejected with the engine's words.
pub(crate) fn changed(what: &str, changed: &Changed) -> Markup {
    html! {
        p.said role="status" {
            (what) ": " (changed.changed)
            @if changed.units > 0.0 { ", " (format!("{:.1}", changed.units)) " write units" }
            @if changed.refused_count > 0 { "; refused: " (changed.refused_count) }
        }
        @if !changed.refused.is_empty() {
            div.wide tabindex="0" role="region" aria-label="Refused items" {
                table {
                    thead { tr { th { "Item" } th { "Reason" } } }
                    tbody {
                        @for refused in changed.refused.iter().take(SHOWN_REFUSALS) {
                            tr { td.value { (refused.item) } td { strong.bad { (refused.code) } " " (refused.message) } }
                        }
                    }
                }
            }
            @if changed.refused_count > SHOWN_REFUSALS { p.quiet { "The first " (SHOWN_REFUSALS) " are shown." } }
        }
    }
}

/// Rejected items that a page lists.
const SHOWN_REFUSALS: usize = 50;
