//! The console's files, which are part of the program: one style sheet, htmx, and a small script of its own.
//!
//! Imports: refusal, answer.

use crate::{
    answer::{self, Answer},
    refusal::Refusal,
};

/// A file of the console, by its name.
pub(crate) fn file(name: &str) -> Result<Answer, Refusal> {
    let (content_type, bytes): (_, &'static [u8]) = match name {
        "console.css" => ("text/css; charset=utf-8", include_bytes!("console.css")),
        "console.js" => ("text/javascript; charset=utf-8", include_bytes!("console.js")),
        "inside.css" => ("text/css; charset=utf-8", include_bytes!("inside.css")),
        "inside.js" => ("text/javascript; charset=utf-8", include_bytes!("inside.js")),
        "htmx.js" => ("text/javascript; charset=utf-8", include_bytes!("htmx.min.js")),
        "htmx.LICENSE" => ("text/plain; charset=utf-8", include_bytes!("htmx.LICENSE")),
        "icon.svg" => ("image/svg+xml", include_bytes!("icon.svg")),
        _ => return Err(Refusal::not_found("the console has no such file")),
    };
    Ok(answer::file(content_type, bytes))
}
