//! Names and values that would like to be script, requests from other pages, and a console that only reads.

use super::support::{get, get_with, post, send, watched};
use hashrange::{Database, Item, key::S, schema::StreamView};
use hashrange_console::{Body, Console, ConsoleOptions, lessons::built_in};

/// What a browser would run or load if it were not escaped.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onfocus=alert(1) autofocus x='",
    "</textarea><svg onload=alert(1)>",
    "</option></select><iframe src=javascript:alert(1)>",
];
/// Addresses that stop background work and do it step by step.
const STEPS: [&str; 6] =
    ["inside/pause", "inside/resume", "inside/step", "api/inside/pause", "api/inside/resume", "api/inside/step"];
/// How their dangerous parts would look.
const RAW: [&str; 5] = ["<script>alert", "<img src=x", "</textarea><svg", "<svg onload", "<iframe"];

/// A database whose items are hostile in key, name and value.
fn hostile() -> (Database, Console) {
    let (db, console) = watched(|options| options);
    let table = db.create_table("tab").hash::<S>("<b>id</b>").stream(StreamView::NewAndOld).create().unwrap();
    for text in HOSTILE {
        let item = Item::new().with("<b>id</b>", text).with(text, text).with("list", vec![text, text]);
        table.put(&item).unwrap();
        table.put(&item.with("more", text)).unwrap();
    }
    (db, console)
}

#[track_caller]
fn assert_harmless(page: &str, text: &str) {
    for raw in RAW {
        assert!(!text.contains(raw), "{page} has {raw}");
    }
    let lower = text.to_ascii_lowercase();
    for part in lower.split('<').skip(1) {
        let tag = part.split('>').next().unwrap_or_default();
        // Quoted values may say anything.
        let unquoted: String = tag.split('"').step_by(2).collect();
        assert!(!unquoted.contains(" on") && !unquoted.contains(" style="), "{page}: <{tag}>");
        let mut names: Vec<&str> = unquoted.split_whitespace().skip(1).map(|name| name.trim_end_matches('=')).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{page}: an attribute twice in <{tag}>");
        assert!(!tag.starts_with("script") || tag.contains("src="), "{page}: <{tag}>");
        assert!(!tag.starts_with("style"), "{page}: <{tag}>");
    }
}

#[test]
fn nothing_in_a_name_or_value_is_markup() {
    let (db, _) = hostile();
    let mut options = ConsoleOptions::default();
    (options.write, options.lessons) = (true, built_in().to_vec());
    let console = Console::new(db, options);
    let key = Item::new().with("<b>id</b>", HOSTILE[1]).to_dynamodb_json();
    for page in [
        "",
        "tables/tab/items",
        "tables/tab/files",
        "tables/tab/indexes",
        "tables/tab/stream",
        "tables/tab/ttl",
        "costs",
        "heat",
        "heat/tab",
        "explain",
        "replay",
        "inside",
        "inside/partition/1",
        "inside/bench",
        "lessons",
        "tables/tab/item",
    ] {
        assert_harmless(page, &get(&console, page).good().text);
    }
    let bench = post(&console, "api/bench", &[]).good().json()["bench"].to_string();
    assert_harmless("bench", &get(&console, &format!("inside/bench/{bench}")).good().text);
    let run = post(&console, "api/lessons/conditions/runs", &[]).good().json()["run"].to_string();
    let step = post(&console, &format!("lessons/conditions/runs/{run}/step"), &[("text", HOSTILE[0])]).good().text;
    assert_harmless("step of a lesson", &step);
    let lesson = get_with(&console, "lessons/conditions", &[("run", &run)]).good().text;
    assert_harmless("lesson", &lesson);
    assert_eq!(lesson.matches("class=\"step next\"").count(), 1, "one step is the next one");
    for text in HOSTILE {
        let read = [
            ("pk", text),
            ("filter_name", text),
            ("filter_op", "eq"),
            ("filter_type", "S"),
            ("filter_value", text),
            ("attributes", text),
        ];
        let answer = get_with(&console, "tables/tab/items", &read);
        assert_harmless("query", &answer.text);
        assert_harmless("explained", &get_with(&console, "tables/tab/explain", &read).text);
        assert_harmless("no such table", &get(&console, &format!("tables/{}/items", percent(text))).text);
        assert_harmless("no such index", &get_with(&console, "tables/tab/items", &[("index", text)]).text);
        assert_harmless("no such key", &get_with(&console, "tables/tab/item", &[("key", text)]).text);
        assert_harmless("refused form", &post(&console, "tables/tab/item", &[("do", text)]).text);
        assert_harmless("refused statement", &post(&console, "explain", &[("statement", text)]).text);
        assert_harmless("by", &get_with(&console, "costs", &[("by", text)]).text);
        for kind in ["sql", "json", "do", text] {
            let step = [("kind", kind), ("operation", text), ("text", text)];
            assert_harmless("step", &post(&console, &format!("inside/bench/{bench}/run"), &step).text);
        }
        assert_harmless("no such piece", &post(&console, "inside/step", &[("piece", text)]).text);
        assert_harmless("no such partition", &get(&console, &format!("inside/partition/{}", percent(text))).text);
        assert_harmless("no such lesson", &get(&console, &format!("lessons/{}", percent(text))).text);
    }
    let editor = get_with(&console, "tables/tab/item", &[("key", &key)]).good().text;
    assert_harmless("editor", &editor);
    assert!(editor.contains("&lt;img src=x onerror=alert(1)&gt;"), "the value is there, escaped");
    assert_harmless("versions", &get_with(&console, "tables/tab/versions", &[("key", &key)]).good().text);
    assert_harmless("history", &get_with(&console, "tables/tab/history", &[("from", "#1"), ("to", "now")]).good().text);
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[test]
fn records_that_are_followed_are_escaped() {
    let (db, console) = hostile();
    let request = http::Request::get("/console/tables/tab/stream/events").body(Vec::new()).unwrap();
    let Body::Events(mut events) = console.answer(request).into_body() else { panic!("events") };
    db.table::<S>("tab").unwrap().put(&Item::new().with("<b>id</b>", HOSTILE[0]).with("v", HOSTILE[1])).unwrap();
    let text: String = (0..10).map(|_| String::from_utf8(events.next().unwrap().to_vec()).unwrap()).collect();
    assert!(text.contains("&lt;script&gt;"), "{text}");
    assert_harmless("events", &text);
}

#[test]
fn every_answer_tells_the_browser_what_it_may_do() {
    let (_, console) = hostile();
    for page in ["", "api/tables", "api/nothing", "assets/console.js", "tables/none/items"] {
        let head = get(&console, page).head;
        let policy = head["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{page}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{page}: {policy}");
        assert_eq!(head["x-content-type-options"], "nosniff", "{page}");
        assert_eq!(head["cross-origin-resource-policy"], "same-origin", "{page}");
    }
}

#[test]
fn a_page_of_another_origin_cannot_write() {
    let (db, console) = hostile();
    let form = "do=delete&key=%7B%22id%22%3A%7B%22S%22%3A%22a%22%7D%7D";
    let tables = ["tables/tab/bulk", "api/tables/tab/bulk", "tables/tab/ttl", "replay", "api/recording"];
    let begins = ["inside/bench", "api/bench", "lessons/conditions/runs", "api/lessons/conditions/runs"];
    let goes_on =
        ["inside/bench/1/run", "api/bench/1/run", "lessons/conditions/runs/1/step", "lessons/conditions/runs/1/try"];
    let goes_on_api = ["api/lessons/conditions/runs/1/step", "api/lessons/conditions/runs/1/try"];
    for address in tables.into_iter().chain(STEPS).chain(begins).chain(goes_on).chain(goes_on_api) {
        // What a form of another page can send: no header of its own.
        let request = http::Request::post(format!("/console/{address}"))
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = send(&console, request.body(form.as_bytes().to_vec()).unwrap());
        assert_eq!(answer.status, 403, "{address}: {}", answer.text);
    }
    assert_eq!(db.table::<S>("tab").unwrap().scan().items().count(), HOSTILE.len());
}

#[test]
fn a_page_of_another_site_gets_no_values() {
    let (_, console) = hostile();
    let from = |site: &str, address: &str| {
        let request = http::Request::get(format!("/console/{address}")).header("sec-fetch-site", site);
        send(&console, request.body(Vec::new()).unwrap()).status
    };
    for address in ["api/costs", "api/tables/tab/export", "api/inside"] {
        assert_eq!((from("cross-site", address), from("same-site", address)), (403, 403), "{address}");
        assert_eq!((from("same-origin", address), from("none", address)), (200, 200), "{address}");
    }
    assert_eq!(from("cross-site", "costs"), 200, "it may link to a page");
}

#[test]
fn a_console_that_reads_changes_nothing() {
    let (db, _) = hostile();
    let mut options = ConsoleOptions::default();
    options.lessons = built_in().to_vec();
    let console = Console::new(db.clone(), options);
    let before = db.digest("tab").unwrap();
    let key = Item::new().with("<b>id</b>", HOSTILE[0]).to_dynamodb_json();
    let answers = [
        post(&console, "tables/tab/bulk", &[("do", "delete"), ("key", &key)]),
        post(&console, "tables/tab/item", &[("do", "delete"), ("was", &key)]),
        post(&console, "tables/tab/item", &[("do", "save"), ("json", r#"{"<b>id</b>":{"S":"new"}}"#)]),
        post(&console, "tables/tab/files", &[]),
        post(&console, "tables/tab/ttl", &[("do", "sweep")]),
        post(&console, "tables/tab/stream", &[("do", "stream-off")]),
        post(&console, "tables/tab/indexes", &[("do", "lag")]),
        post(&console, "api/tables/tab/settings", &[("do", "sweep")]),
        post(&console, "api/tables/tab/import", &[]),
        super::support::send_body(&console, "PUT", "api/tables/tab/items", r#"{"<b>id</b>":{"S":"new"}}"#),
        super::support::send_body(&console, "DELETE", "api/tables/tab/items?key=%7B%7D", ""),
    ];
    let steps = STEPS.map(|address| post(&console, address, &[("piece", "flush")]));
    for (number, answer) in answers.iter().chain(&steps).enumerate() {
        assert_eq!(answer.status, 403, "{number}: {}", answer.text);
    }
    // Workbenches and lessons need no right to write, since they have databases of their own.
    let bench = post(&console, "api/bench", &[]).good().json()["bench"].to_string();
    for prefix in ["api/bench", "inside/bench"] {
        let deletes = [("kind", "json"), ("operation", "DeleteTable"), ("text", r#"{"TableName":"tab"}"#)];
        post(&console, &format!("{prefix}/{bench}/run"), &deletes).good();
    }
    let run = post(&console, "api/lessons/conditions/runs", &[]).good().json()["run"].to_string();
    for prefix in ["api/lessons", "lessons"] {
        let address = format!("{prefix}/conditions/runs/{run}");
        let deletes = [("kind", "json"), ("operation", "DeleteTable"), ("text", r#"{"TableName":"tab"}"#)];
        post(&console, &format!("{address}/try"), &deletes).good();
        post(&console, &format!("{address}/step"), &[]).good();
    }
    assert_eq!(db.digest("tab").unwrap(), before);
    assert!(!get(&console, "tables/tab/items").good().text.contains("Change the chosen items"));
}
