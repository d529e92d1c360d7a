//! One request of a connection: who may send it, how its body is read, where it goes, how it is answered.

use super::{
    MAX_BODY_BYTES, ServerOptions,
    coding::{Coding, Unpackable},
    guard::{Guard, Verdict},
    metrics::Metrics,
    poll_before_sleep::LastActiveConnection,
    request_id::RequestIds,
    signature,
};
use crate::{
    error::Failure,
    json::Malformed,
    protocol::{self, Protocol},
};
use bytes::Bytes;
use hashrange::Database;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use std::{borrow::Cow, net::SocketAddr, sync::Arc};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

type Answer = Response<Full<Bytes>>;

const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TARGET: &str = "x-amz-target";
const JSON_1_0: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Bodies of answers are counted against memory in steps of so many bytes.
const BUDGET_STEP_BYTES: usize = 64 << 10;
/// Bytes of a body that is too large anyway that are read and thrown away.
const MAX_IGNORED_BYTES: usize = 64 << 20;
/// How long a browser may remember that an origin is allowed, in seconds.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("172800");

/// Headers of an answer that a page of another origin may read, as the service has them.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date,x-amz-crc32",
);

/// What the connections of a server share.
pub(super) struct ServerContext {
    pub(super) options: ServerOptions,
    pub(super) metrics: Metrics,
    pub(super) served_last: LastActiveConnection,
    protocol: Protocol,
    guard: Guard,
    ids: RequestIds,
    /// Memory for bodies, in steps.
    budget: Arc<Semaphore>,
}

impl ServerContext {
    /// The state of a server of `database` that listens on `address`.
    pub(super) fn new(database: Database, options: ServerOptions, address: SocketAddr) -> Self {
        let seed = database.clock().now_millis();
        let steps = options.max_buffered_bytes.max(MAX_BODY_BYTES) / BUDGET_STEP_BYTES;
        Self {
            metrics: Metrics::default(),
            served_last: LastActiveConnection::default(),
            guard: Guard::new(&options, address),
            ids: RequestIds::new(seed),
            budget: Arc::new(Semaphore::new(steps.min(Semaphore::MAX_PERMITS))),
            protocol: Protocol::new(database).owner(options.owner.clone()).profile(options.profile),
            options,
        }
    }

    /// Answers one request.
    pub(super) async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let origin = match self.guard.check(request.headers()) {
            Verdict::Allowed(origin) => origin,
            Verdict::Refused(reason) => return text(StatusCode::FORBIDDEN, reason),
        };
        let id = self.ids.next();
        let preflight = Preflight::of(&request);
        let mut answer = self.route(request).await;
        let headers = answer.headers_mut();
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(origin) = origin.and_then(|origin| HeaderValue::try_from(origin).ok()) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            if let Some(preflight) = preflight {
                preflight.allow(&mut answer);
            }
        }
        answer
    }

    async fn route(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/") => match content_type(request.headers()) {
                Some(content_type) => self.operation(request, content_type).await,
                None => no_such_page(),
            },
            (&Method::GET, "/") => {
                let health = format!("healthy: dynamodb.{}.amazonaws.com ", self.options.owner.region);
                with_checksum(text(StatusCode::OK, &health), health.as_bytes())
            }
            (&Method::GET, "/metrics") if self.options.metrics => text(StatusCode::OK, &self.metrics.render()),
            _ => no_such_page(),
        }
    }

    /// Reads the body of an operation and has it answered, which may take as long as it will.
    async fn operation(self: Arc<Self>, request: Request<Incoming>, content_type: HeaderValue) -> Answer {
        let (head, mut body) = request.into_parts();
        let length = body.size_hint().upper().and_then(|length| usize::try_from(length).ok());
        if length.is_some_and(|length| length > MAX_BODY_BYTES) {
            return self.too_large(body);
        }
        // What a compressed body unpacks to is known afterwards only.
        let length = length.filter(|_| Coding::of_body(&head.headers) == Ok(None)).unwrap_or(MAX_BODY_BYTES);
        let arrival = self.receive(&mut body, length);
        let (bytes, held) = match timeout(self.options.body_timeout, arrival).await {
            Ok(Ok(received)) => received,
            Ok(Err(StatusCode::PAYLOAD_TOO_LARGE)) => return self.too_large(body),
            Ok(Err(status)) => return closing(status),
            Err(_) => return closing(StatusCode::REQUEST_TIMEOUT),
        };
        let started = Instant::now();
        let received = bytes.len();
        let called = self.answer(&head, &bytes);
        drop(held);
        let (response, coding) = match called {
            Ok(answered) => answered,
            Err(status) => return closing(status),
        };
        let took = started.elapsed();
        self.metrics.request(response.operation, response.error, received, response.body.len(), took);
        tracing::debug!(
            operation = response.operation,
            error = response.error,
            status = response.status,
            received,
            sent = response.body.len(),
            micros = took.as_micros(),
            "answered"
        );
        let checksum = crc32fast::hash(&response.body);
        let mut answer = Response::new(Full::new(Bytes::from(response.body)));
        *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(CRC32, HeaderValue::from(checksum));
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        answer
    }

    /// A body of at most `length` bytes, and the share of memory that it takes.
    async fn receive(
        &self,
        body: &mut Incoming,
        length: usize,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), StatusCode> {
        // All of it is taken at once: requests that each hold a part and wait for more would wait for ever.
        let steps = u32::try_from(length.div_ceil(BUDGET_STEP_BYTES)).unwrap_or(u32::MAX);
        let held = Arc::clone(&self.budget).acquire_many_owned(steps).await.ok();
        match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(whole) => Ok((whole.to_bytes(), held)),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => Err(StatusCode::BAD_REQUEST),
        }
    }

    /// Refuses a body for its size, and goes on reading it for a while: a client that sends all of it before it looks
    /// for an answer would otherwise find the connection broken and never learn why.
    fn too_large(&self, mut body: Incoming) -> Answer {
        let rest = async move {
            let mut left = MAX_IGNORED_BYTES;
            while let Some(Ok(frame)) = body.frame().await {
                match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        tokio::spawn(timeout(self.options.body_timeout, rest));
        closing(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// Checks the signature, unpacks the body, calls the engine, packs the answer.
    fn answer(&self, head: &Parts, body: &[u8]) -> Result<Answered, StatusCode> {
        let mut response = match self.unpacked(head, body) {
            Ok(body) => self.protocol.handle(target(head), &body),
            Err(Refusal::Unauthenticated(failure)) => protocol::Response::refusal("Unauthenticated", &failure),
            Err(Refusal::Damaged) => protocol::Response::refusal("Unknown", &Malformed.into()),
            Err(Refusal::TooLarge) => return Err(StatusCode::PAYLOAD_TOO_LARGE),
        };
        let packed = Coding::accepted(&head.headers).and_then(|coding| Some((coding, coding.pack(&response.body)?)));
        let Some((coding, body)) = packed else { return Ok((response, None)) };
        response.body = body;
        Ok((response, Some(coding)))
    }

    /// The body of a request that carries a good signature, if it needs one.
    fn unpacked<'b>(&self, head: &Parts, body: &'b [u8]) -> Result<Cow<'b, [u8]>, Refusal> {
        if let Some(credentials) = &self.options.credentials {
            let now = self.protocol.database().clock().now_millis();
            signature::verify(credentials, head, body, now).map_err(Refusal::Unauthenticated)?;
        }
        let unpacked = match Coding::of_body(&head.headers) {
            Ok(None) => return Ok(Cow::Borrowed(body)),
            Ok(Some(coding)) => coding.unpack(body),
            Err(reason) => Err(reason),
        };
        unpacked.map(Cow::Owned).map_err(|reason| match reason {
            Unpackable::TooLarge => Refusal::TooLarge,
            Unpackable::Damaged | Unpackable::Unknown => Refusal::Damaged,
        })
    }
}

/// An answer of the engine, and how its body is compressed.
type Answered = (protocol::Response, Option<Coding>);

/// Why a request does not reach the engine.
enum Refusal {
    Unauthenticated(Failure),
    Damaged,
    TooLarge,
}

/// The operation that a request names.
fn target(head: &Parts) -> &str {
    head.headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default()
}

/// What a browser asks for before it lets a page send a request.
struct Preflight {
    method: Option<HeaderValue>,
    headers: Option<HeaderValue>,
}

impl Preflight {
    fn of(request: &Request<Incoming>) -> Option<Self> {
        let header = |name| request.headers().get(name).cloned();
        (request.method() == Method::OPTIONS).then(|| Self {
            method: header(header::ACCESS_CONTROL_REQUEST_METHOD),
            headers: header(header::ACCESS_CONTROL_REQUEST_HEADERS),
        })
    }

    fn allow(self, answer: &mut Answer) {
        *answer.status_mut() = StatusCode::OK;
        *answer.body_mut() = Full::default();
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

/// The content type of the answer to a request of this content type; `None` if DynamoDB would not read it.
fn content_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match given.split(';').next().unwrap_or_default().trim() {
        "application/x-amz-json-1.0" => Some(JSON_1_0),
        "application/json" => Some(JSON),
        _ => None,
    }
}

fn text(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}

fn with_checksum(mut answer: Answer, body: &[u8]) -> Answer {
    answer.headers_mut().insert(CRC32, HeaderValue::from(crc32fast::hash(body)));
    answer
}

fn no_such_page() -> Answer {
    let body = "<UnknownOperationException/>\n";
    with_checksum(text(StatusCode::NOT_FOUND, body), body.as_bytes())
}

/// An answer after which the rest of the request is not worth reading.
fn closing(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
