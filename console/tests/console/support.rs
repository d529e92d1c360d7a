//! Requests to a console, as a browser and a program send them.

use hashrange::{Database, OpenOptions};
use hashrange_console::{Body, Console, ConsoleOptions, TraceTap, WRITE_HEADER};
use serde_json::Value;
use std::sync::Arc;

/// A database in memory with everything that the console shows: a ledger, history, a recorder.
pub(crate) fn watched(change: impl FnOnce(OpenOptions) -> OpenOptions) -> (Database, Console) {
    let tap = TraceTap::default();
    let options = Database::options()
        .ledger(hashrange::ledger::LedgerOptions::new())
        .history(hashrange::history::HistoryOptions::default())
        .hook(Arc::new(tap.clone()));
    let db = change(options).in_memory().unwrap();
    let mut options = ConsoleOptions::default();
    options.write = true;
    options.tap = Some(tap);
    (db.clone(), Console::new(db, options))
}

/// An answer: its status, and its body as a text.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
    /// The answer, if it says that all went well.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text);
        self
    }
}

/// Sends a request, and reads its answer to the end.
pub(crate) fn send(console: &Console, request: http::Request<Vec<u8>>) -> Answer {
    let (head, body) = console.answer(request).into_parts();
    let mut bytes = Vec::new();
    match body {
        Body::Whole(whole) => bytes.extend_from_slice(&whole),
        Body::Events(mut source) => {
            while let Some(part) = source.next() {
                bytes.extend_from_slice(&part);
            }
        }
    }
    Answer { status: head.status.as_u16(), head: head.headers, text: String::from_utf8(bytes).unwrap() }
}

/// Gets a page or value.
pub(crate) fn get(console: &Console, address: &str) -> Answer {
    send(console, http::Request::get(format!("/console/{address}")).body(Vec::new()).unwrap())
}

/// Gets a page or value with parameters.
pub(crate) fn get_with(console: &Console, address: &str, parameters: &[(&str, &str)]) -> Answer {
    get(console, &format!("{address}?{}", form(parameters)))
}

/// Sends a form, as a page of the console does.
pub(crate) fn post(console: &Console, address: &str, parameters: &[(&str, &str)]) -> Answer {
    let request = http::Request::post(format!("/console/{address}"))
        .header(WRITE_HEADER, "1")
        .header("content-type", "application/x-www-form-urlencoded");
    send(console, request.body(form(parameters).into_bytes()).unwrap())
}

/// Sends a body that is no form.
pub(crate) fn send_body(console: &Console, method: &str, address: &str, body: &str) -> Answer {
    let request = http::Request::builder().method(method).uri(format!("/console/{address}")).header(WRITE_HEADER, "1");
    send(console, request.body(body.as_bytes().to_vec()).unwrap())
}

fn form(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}
