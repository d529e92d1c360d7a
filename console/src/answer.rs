//! Responses: pages, JSON, files, and events that go on.

use crate::refusal::Refusal;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use maud::Markup;
use serde::Serialize;
use std::fmt;

/// The body of a response.
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Parts that come as they arise: server-sent events, or a file that is made while it is sent.
    Events(Box<dyn EventSource>),
}

/// Where the parts of a body come from. It holds a bounded amount, whatever its reader does.
pub trait EventSource: Send {
    /// The next part of the body, without waiting for anything but the disk; empty if there is none at the moment, `None` at the end. To be called about ten
    /// times a second, and only while the reader takes what it is sent.
    fn next(&mut self) -> Option<Bytes>;
    /// Whether the body ended before its end, so that its reader must be told. Asked once there is no next part. Default false.
    fn is_cut_off(&self) -> bool {
        false
    }
    /// Whether the body has an end, as a file has. A server that stops before that end must tell its reader. Default false.
    fn has_end(&self) -> bool {
        false
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => f.debug_tuple("Whole").field(&bytes.len()).finish(),
            Self::Events(_) => f.write_str("Events"),
        }
    }
}

/// A response.
pub(crate) type Answer = Response<Body>;

/// What a browser may do with an answer: run the scripts that the console has as files, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Body::Whole(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A page, or a part of one.
pub(crate) fn html(markup: Markup) -> Answer {
    html_with(StatusCode::OK, markup)
}

/// A page with a status.
pub(crate) fn html_with(status: StatusCode, markup: Markup) -> Answer {
    whole(status, "text/html; charset=utf-8", markup.into_string())
}

/// A value of the JSON API.
pub(crate) fn json(value: &impl Serialize) -> Answer {
    json_with(StatusCode::OK, value)
}

fn json_with(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(text) => whole(status, "application/json", text),
        Err(error) => whole(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", error.to_string()),
    }
}

/// A rejection as the JSON API says it: `{"code": ..., "message": ...}`.
pub(crate) fn refused(refusal: &Refusal) -> Answer {
    #[derive(Serialize)]
    struct Said<'a> {
        code: &'a str,
        message: &'a str,
    }
    json_with(refusal.status, &Said { code: &refusal.code, message: &refusal.message })
}

/// A file of the console, which changes only with the program; its address names the version.
pub(crate) fn file(content_type: &'static str, bytes: Bytes) -> Answer {
    let mut answer = whole(StatusCode::OK, content_type, bytes);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
    answer
}

/// A file that the browser saves under a name of letters, digits, `.`, `-` and `_`, and that is made while it is sent.
pub(crate) fn download(content_type: &'static str, name: &str, source: Box<dyn EventSource>) -> Answer {
    let mut answer = whole(StatusCode::OK, content_type, Bytes::new());
    *answer.body_mut() = Body::Events(source);
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    answer
}

/// Events that go on until the reader leaves.
pub(crate) fn events(source: Box<dyn EventSource>) -> Answer {
    let mut answer = whole(StatusCode::OK, "text/event-stream", Bytes::new());
    *answer.body_mut() = Body::Events(source);
    answer
}

/// An event of a stream, by a name or as a plain message. Its data may have any text.
pub(crate) fn event(name: Option<&str>, data: &str) -> String {
    let mut text = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    for line in data.split(['\r', '\n']) {
        text += "data: ";
        text += line;
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Sends a browser to another address of the console, as an ordinary answer or in htmx's way.
pub(crate) fn see_other(address: &str) -> Answer {
    let mut answer = whole(StatusCode::NO_CONTENT, "text/plain; charset=utf-8", Bytes::new());
    if let Ok(address) = HeaderValue::try_from(address) {
        answer.headers_mut().insert(HeaderName::from_static("hx-redirect"), address);
    }
    answer
}

/// Adds what every answer tells the browser.
pub(crate) fn guard(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE, HeaderValue::from_static("same-origin"));
    answer
}
