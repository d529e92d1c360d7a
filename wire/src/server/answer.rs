//! Answers as HTTP has them: bodies with the memory that they borrow, checksums, texts, and what a browser asks before a request.

use super::body::AnswerBody;
use crate::http::budget::BorrowedMemory;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

/// An answer.
pub(super) type Answer = Response<AnswerBody>;

const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");
const JSON_1_0: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const JSON_1_1: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// How long a browser may remember that an origin is allowed, in seconds.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("172800");

/// The body of an answer, and the memory that was borrowed for it until it is sent.
struct Lent<B> {
    bytes: B,
    _borrowed: BorrowedMemory,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Lent<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// An answer with a body that was borrowed for.
pub(super) fn lent(bytes: Vec<u8>, borrowed: BorrowedMemory) -> Answer {
    Response::new(lent_body(bytes, borrowed))
}

/// A body that was borrowed for.
pub(super) fn lent_body(bytes: impl AsRef<[u8]> + Send + 'static, borrowed: BorrowedMemory) -> AnswerBody {
    Full::new(Bytes::from_owner(Lent { bytes, _borrowed: borrowed })).into()
}

/// A text.
pub(super) fn text(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(AnswerBody::from(Full::new(Bytes::copy_from_slice(text.as_bytes()))));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}

/// A text with its checksum.
pub(super) fn text_with_checksum(status: StatusCode, body: &str) -> Answer {
    let mut answer = text(status, body);
    add_checksum(&mut answer, body.as_bytes());
    answer
}

/// Metrics.
pub(super) fn metrics(rendered: &str) -> Answer {
    let mut answer = text(StatusCode::OK, rendered);
    answer.headers_mut().insert(header::CONTENT_TYPE, OPEN_METRICS);
    answer
}

/// The ledger.
pub(super) fn ledger(json: &str) -> Answer {
    let mut answer = text(StatusCode::OK, json);
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    answer
}

/// An operation's JSON of a content type.
pub(super) fn json(mut answer: Answer, status: u16, content_type: HeaderValue, checksum: u32) -> Answer {
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    answer.headers_mut().insert(CRC32, HeaderValue::from(checksum));
    answer
}

/// Adds the checksum of the body.
fn add_checksum(answer: &mut Answer, body: &[u8]) {
    answer.headers_mut().insert(CRC32, HeaderValue::from(crc32fast::hash(body)));
}

/// The answer where nothing is.
pub(super) fn no_such_page() -> Answer {
    text_with_checksum(StatusCode::NOT_FOUND, "<UnknownOperationException/>\n")
}

/// An answer after which the rest of the request is not read.
pub(super) fn closing(status: StatusCode) -> Answer {
    let mut answer = Response::new(AnswerBody::default());
    *answer.status_mut() = status;
    close_after(answer)
}

/// Makes the connection end after an answer.
pub(super) fn close_after(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The content type of the answer to a request of this content type; `None` if DynamoDB would not read it.
pub(super) fn content_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match given.split(';').next().unwrap_or_default().trim() {
        "application/x-amz-json-1.0" => Some(JSON_1_0),
        // Application Auto Scaling's clients send it.
        "application/x-amz-json-1.1" => Some(JSON_1_1),
        "application/json" => Some(JSON),
        _ => None,
    }
}

/// What a browser asks for before it lets a page send a request.
pub(super) struct Preflight {
    method: Option<HeaderValue>,
    headers: Option<HeaderValue>,
}

impl Preflight {
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let header = |name| request.headers().get(name).cloned();
        (request.method() == Method::OPTIONS).then(|| Self {
            method: header(header::ACCESS_CONTROL_REQUEST_METHOD),
            headers: header(header::ACCESS_CONTROL_REQUEST_HEADERS),
        })
    }

    pub(super) fn allow(self, answer: &mut Answer) {
        *answer.status_mut() = StatusCode::OK;
        *answer.body_mut() = AnswerBody::default();
        let headers = answer.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        headers.remove(CRC32);
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        if let Some(method) = self.method {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
        }
        if let Some(requested) = self.headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested);
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    }
}
