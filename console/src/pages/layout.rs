//! What all pages have: head, navigation, frame.

use crate::{
    answer::{self, Answer},
    context::Context,
};
use maud::{DOCTYPE, Markup, html};

/// The section of the console that a page belongs to, for the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Tables and items.
    Tables,
    /// Units and money.
    Costs,
    /// Hot keys and partitions.
    Heat,
    /// What a request would do.
    Explain,
    /// Requests recorded and replayed.
    Replay,
    /// What the database is made of, and workbenches.
    Inside,
    /// Guided lessons.
    Lessons,
    /// None of them.
    None,
}

impl Section {
    /// The entries of the navigation: section, address, name.
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Tables, "/console/", "Tables"),
        (Self::Costs, "/console/costs", "Costs"),
        (Self::Heat, "/console/heat", "Heat"),
        (Self::Explain, "/console/explain", "Explain"),
        (Self::Replay, "/console/replay", "Replay"),
        (Self::Inside, "/console/inside", "Inside"),
        (Self::Lessons, "/console/lessons", "Lessons"),
    ];
}

/// What htmx may do: no script from attributes, no style of its own, answers of any status are shown.
const HTMX: &str = r#"{"allowEval":false,"includeIndicatorStyles":false,"historyCacheSize":0,"selfRequestsOnly":true,"scrollBehavior":"auto","responseHandling":[{"code":"204","swap":false},{"code":"...","swap":true}]}"#;

/// A whole page.
pub(crate) fn page(context: &Context, section: Section, title: &str, content: Markup) -> Answer {
    let folder = context.db.folder().map(|folder| folder.display().to_string());
    answer::html(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) " – hashrange" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content=(HTMX);
                link rel="icon" href=(asset("icon.svg"));
                // The script is before the style sheet, since one behind it would wait for it. It sets the theme, and loads htmx
                // once the page is painted.
                script src=(asset("console.js")) data-htmx=(asset("htmx.js")) {}
                link rel="stylesheet" href=(asset("console.css"));
            }
            body hx-headers=r#"{"x-hashrange-console":"1"}"# {
                a.skip href="#main" { "Skip to the page" }
                header.top {
                    a.brand href="/console/" { "hashrange" }
                    nav aria-label="Sections" {
                        @for (known, address, name) in Section::ALL {
                            a href=(address) aria-current=[(known == section).then_some("page")] { (name) }
                        }
                    }
                    button #theme type="button" title="Switch between light and dark" { "Light/dark" }
                }
                main #main tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
                footer {
                    span { (folder.as_deref().unwrap_or("in memory")) }
                    span { @if context.options.write { "may be changed here" } @else { "read only" } }
                    a href="/console/api/tables" { "JSON API" }
                }
            }
        }
    })
}

/// The style sheet and the script of Inside, workbenches and lessons.
pub(crate) fn inside_assets() -> Markup {
    html! {
        link rel="stylesheet" href=(asset("inside.css"));
        script src=(asset("inside.js")) {}
    }
}

/// The address of a file of the console; it changes with the program's version, so that a browser can keep the file.
fn asset(name: &str) -> String {
    format!("/console/assets/{name}?v={}", env!("CARGO_PKG_VERSION"))
}
