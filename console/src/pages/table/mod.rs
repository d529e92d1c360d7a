//! The pages of one table.

mod browse;
mod builder;
mod editor;
mod history;
mod indexes;
mod stream;
mod transfer;
mod ttl;

use super::{
    format::table_address,
    layout::{self, Section},
};
use crate::{
    answer::{self, Answer},
    api::{settings, tables},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::admin::TableDescription;
use maud::{Markup, html};

/// The pages of a table: last part of the address, and name.
const TABS: [(&str, &str); 6] = [
    ("items", "Items"),
    ("files", "Import and export"),
    ("indexes", "Indexes"),
    ("stream", "Stream"),
    ("ttl", "Time to live"),
    ("history", "History"),
];
/// Characters of a value that a cell shows.
const CELL_CHARS: usize = 160;

/// Answers `/console/tables/TABLE/` and what is below it.
pub(super) fn respond(context: &Context, request: &Request, table: &str, path: &[&str]) -> Result<Answer, Refusal> {
    let table = Shown { context, request, description: &tables::describe(&context.db, table)? };
    match path {
        [] | ["items"] => browse::respond(&table),
        ["item"] => editor::respond(&table),
        ["explain"] => browse::explained(&table),
        ["bulk"] => browse::bulk(&table),
        ["files"] => transfer::respond(&table),
        ["indexes"] => indexes::respond(&table),
        ["stream"] => stream::respond(&table),
        ["stream", "events"] => stream::events(&table),
        ["ttl"] => ttl::respond(&table),
        ["history"] => history::respond(&table),
        ["versions"] => history::versions(&table),
        _ => Err(Refusal::not_found("a table has no such page")),
    }
}

/// A table that is shown, and the request that asks for it.
struct Shown<'s> {
    context: &'s Context,
    request: &'s Request,
    description: &'s TableDescription,
}

impl Shown<'_> {
    fn name(&self) -> &str {
        &self.description.definition.name
    }

    /// The address of another page of the table.
    fn address(&self, page: &str) -> String {
        table_address(self.name(), page)
    }

    /// A page of the table with the tabs to the others.
    fn page(&self, tab: &str, title: &str, content: Markup) -> Answer {
        let heading = if title.is_empty() { self.name().to_owned() } else { format!("{}: {title}", self.name()) };
        layout::page(
            self.context,
            Section::Tables,
            &heading,
            html! {
                nav.tabs aria-label="Pages of the table" {
                    @for (page, name) in TABS {
                        a href=(self.address(page)) aria-current=[(page == tab).then_some("page")] { (name) }
                    }
                }
                (content)
            },
        )
    }

    /// Changes a setting, and says what was done.
    fn change_settings(&self) -> Result<Answer, Refusal> {
        let done = settings::change(self.context, self.name(), self.request)?;
        Ok(answer::html(html! { p.said role="status" { (done) " " a href="" { "Show the page again" } } }))
    }

    /// Says that the console only reads, where it does.
    fn read_only_remark(&self) -> Markup {
        html! {
            @if !self.context.options.write {
                p.quiet { "This console only reads. Start it with " code { "--write" } " to change items." }
            }
        }
    }
}

/// The beginning of a text that may be long.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(CELL_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
