//! The pages: HTML made from the values of the JSON API.
//!
//! A section of the console is one file or folder, which answers the addresses below its name. Every page is built by
//! [`layout::page`], which gives it head, navigation and frame. A part of a page that is fetched again by itself (htmx) is an
//! answer of the same section without the frame.
//!
//! Imports: lessons, options, refusal, request, answer, context, api.

mod costs;
mod draw;
mod explain;
mod format;
mod heat;
mod inside;
mod layout;
mod lessons;
mod parts;
mod prose;
mod replay;
mod table;
mod table_list;

use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use layout::Section;
use maud::html;

/// Answers a request for a page; `path` is what follows `/console/`.
pub(crate) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match path {
        [] | ["tables"] => table_list::respond(context, request),
        ["tables", name, rest @ ..] => table::respond(context, request, name, rest),
        ["costs"] => costs::respond(context, request),
        ["heat", rest @ ..] => heat::respond(context, request, rest),
        ["explain"] => explain::respond(context, request),
        ["replay"] => replay::respond(context, request),
        ["inside", rest @ ..] => inside::respond(context, request, rest),
        ["lessons", rest @ ..] => lessons::respond(context, request, rest),
        _ => Err(Refusal::not_found("the console has no such page")),
    }
}

/// Says why there is no page: as a page of its own, or as a part of the page that asked by htmx.
pub(crate) fn refused(context: &Context, is_part: bool, refusal: &Refusal) -> Answer {
    let said = html! { p.refusal role="alert" { strong { (refusal.code) } " " (refusal.message) } };
    if is_part {
        return answer::html_with(refusal.status, said);
    }
    let mut page = layout::page(context, Section::None, "Not possible", said);
    *page.status_mut() = refusal.status;
    page
}
