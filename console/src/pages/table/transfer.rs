//! Files into the table and out of it.

use super::Shown;
use crate::{
    answer::{self, Answer},
    api::{history, import},
    pages::{format, parts},
    refusal::Refusal,
};
use maud::html;

/// The page of files, and what came of one that was dropped.
pub(super) fn respond(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if !table.request.is_read() {
        let (format, changed) = import::run(table.context, table.description, table.request)?;
        return Ok(answer::html(parts::changed(&format!("Put from {format}"), &changed)));
    }
    let window = history::window(&table.context.db);
    let export = format!("/console/api/tables/{}/export", format::segment(table.name()));
    let formats =
        [("auto", "by the file"), ("ddb-json", "DynamoDB JSON lines"), ("jsonl", "JSON lines"), ("csv", "CSV")];
    let content = html! {
        h2 { "Import" }
        @if table.context.options.write {
            form action=(table.address("files")) {
                div.drop data-target="#imported" {
                    p { "Drop a file here, or choose one. Items with a key that is there replace the item." }
                    label { "File, at most 16 MiB" input type="file" name="file" accept=".json,.jsonl,.ndjson,.csv,.txt"; }
                }
                div.form { (parts::choice("format", "Format", &formats, "auto")) }
            }
            div #imported aria-live="polite" {}
        }
        (table.read_only_remark())
        p.quiet {
            "A line of DynamoDB JSON is " code { r#"{"Item":{"id":{"S":"a"}}}"# } " or without " code { "Item" } ". The header of CSV names the attributes, "
            "with a type where it matters: " code { "id,count:N,tags:SS" } ". Larger files: " code { "hashrange import" } "."
        }
        h2 { "Export" }
        form method="get" action=(export) {
            div.form {
                (parts::choice("format", "Format", &[("ddb-json", "DynamoDB JSON lines"), ("csv", "CSV")], "ddb-json"))
                @if let Some(window) = &window {
                    (parts::text("at", "As of, in UTC; empty for now", ""))
                    p.quiet { "Also a commit: history begins at #" (window.first_commit) "." }
                }
            }
            button.main { "Export all items" }
        }
        p.quiet { "The file has the table as of one moment; writers do not wait for it." }
    };
    Ok(table.page("files", "import and export", content))
}
