//! One request of a connection: who may send it, how its body is read, where it goes, how it is answered.

use super::{
    answer::{self, Answer, Preflight},
    context::ServerContext,
    cost::{self, SMALL_BODY_BYTES},
    dialect::Dialect,
    keys::Keys,
    tag,
};
use crate::{
    access::{Caller, SharedPrincipals},
    arn::Owner,
    error::Failure,
    http::{
        MAX_BODY_BYTES,
        budget::BorrowedMemory,
        coding::{Coding, Unpackable},
        connections::Connection,
        driver::{Beside, Interest},
        guard::Verdict,
        pace::now,
        signature::Claim,
        stream::Transport,
    },
    json::Malformed,
    protocol::{Protocol, Response},
};
use bytes::Bytes;
use hashrange::access::Principal;
use http_body_util::BodyExt;
use hyper::{
    Method, Request, StatusCode,
    body::{Body, Incoming},
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use std::{borrow::Cow, future::poll_fn, pin::Pin, rc::Rc, sync::Arc, task::Poll};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// Bytes of a body that is not wanted that are read and thrown away.
const MAX_IGNORED_BYTES: usize = 64 << 20;

/// Headers of an answer that a page of another origin may read, as the service has them.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date,x-amz-crc32",
);

/// The requests of one connection. It may block: its thread serves this connection only.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) context: Arc<ServerContext>,
    pub(super) connection: Arc<Connection>,
    pub(super) beside: Beside,
    pub(super) interest: Rc<Interest>,
    pub(super) transport: Transport,
}

/// The client gets no answer: the connection is closed, since a model of faults wants it.
#[derive(Debug)]
pub(super) struct Unanswered;

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a fault took the answer away")
    }
}

impl std::error::Error for Unanswered {}

/// Why a body is not there.
pub(super) enum Missing {
    TooLarge,
    /// The client is too slow.
    Late,
    /// There was no memory for it in time.
    NoMemory,
    /// It is cut off, or no HTTP.
    Broken,
}

/// Why a request does not reach the engine.
enum Refusal {
    Unauthenticated(Failure),
    Damaged,
    TooLarge,
    NoMemory,
}

/// What is known of a request before its body.
struct Expected<'r> {
    head: &'r Parts,
    claim: Option<Claim<'r>>,
    /// Whom policies decide on, if they do.
    caller: Option<Caller>,
    dialect: Dialect,
    id: &'r str,
}

impl Expected<'_> {
    /// The operation that the request names.
    fn target(&self) -> &str {
        self.dialect.target(self.head)
    }
}

impl Service {
    /// Answers one request.
    pub(super) async fn respond(self, request: Request<Incoming>) -> Result<Answer, Unanswered> {
        // Until the body is asked for, no more is expected of the client.
        self.connection.arrived();
        #[cfg(feature = "tls")]
        if self.transport == Transport::NotEncrypted {
            let answer = answer::text(StatusCode::BAD_REQUEST, "this port takes HTTPS requests only\n");
            return Ok(self.refuse_body(request.into_body(), answer));
        }
        if let Some(mount) = self.context.mount.as_ref().filter(|mount| mount.has(request.uri().path())) {
            return Ok(self.mounted(request, mount).await);
        }
        let origin = match self.context.guard.check(request.headers(), is_health_check(&request)) {
            Verdict::Allowed(origin) => origin,
            Verdict::Refused(reason) => return Ok(answer::text(StatusCode::FORBIDDEN, reason)),
        };
        let id = self.context.ids.next();
        let preflight = Preflight::of(&request);
        let mut answer = self.route(request, &id).await?;
        self.connection.arrived();
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
        Ok(answer)
    }

    async fn route(&self, request: Request<Incoming>, id: &str) -> Result<Answer, Unanswered> {
        Ok(match (request.method(), request.uri().path()) {
            (&Method::POST, path) if path == "/" || path.starts_with("/service/") => match Dialect::of(&request) {
                Some(dialect) => self.operation(request, dialect, id).await?,
                None => answer::no_such_page(),
            },
            (&Method::GET | &Method::HEAD, "/") => self.health(),
            (&Method::GET, path @ ("/metrics" | "/ledger")) if self.context.options.metrics => {
                let is_ledger = path == "/ledger";
                self.metrics(request, is_ledger)
            }
            _ => answer::no_such_page(),
        })
    }

    fn owner(&self) -> &Owner {
        &self.context.options.owner
    }

    /// Says as the service does that it is healthy, or that the database takes no more writes.
    fn health(&self) -> Answer {
        let health = self.context.protocol.database().health();
        match health.writing_ended {
            None => {
                let text = format!("healthy: dynamodb.{}.amazonaws.com ", self.context.options.owner.region);
                answer::text_with_checksum(StatusCode::OK, &text)
            }
            Some(failure) => {
                let text = format!("read-only: writing has ended until the database is opened again: {failure}\n");
                answer::text_with_checksum(StatusCode::SERVICE_UNAVAILABLE, &text)
            }
        }
    }

    /// The metrics or the ledger, for those who may see them.
    fn metrics(&self, request: Request<Incoming>, is_ledger: bool) -> Answer {
        let (head, body) = request.into_parts();
        let show = || match is_ledger {
            false => answer::metrics(&self.context.metrics.render()),
            true => self.ledger(),
        };
        if !self.context.options.is_signed() {
            return show();
        }
        let keys = self.keys();
        let given = head.headers.get(header::AUTHORIZATION);
        let basic = given.is_some_and(|given| keys.root().is_some_and(|root| root.match_basic(given.as_bytes())));
        let signed = || -> Result<_, Failure> {
            let now = self.context.protocol.database().clock().now_millis();
            let claim = Claim::of(|id| keys.find(id), &head, &[], now)?;
            claim.check_body(b"")?;
            Ok(keys.principal(claim.key_id(), &self.context.options.owner.account))
        };
        let allowed = if basic { Ok(None) } else { signed() };
        match allowed {
            Ok(None) => show(),
            Ok(Some(principal)) => {
                let caller = self.caller(principal, &keys, &head);
                match self.context.protocol.authorize_figures(&caller) {
                    Ok(()) => show(),
                    Err(failure) => self.refuse_body(body, answer::text(StatusCode::FORBIDDEN, failure.message())),
                }
            }
            Err(failure) => {
                let mut answer = self.refuse_body(body, answer::text(StatusCode::UNAUTHORIZED, failure.message()));
                let basic = HeaderValue::from_static("Basic realm=\"hashrange\"");
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
                answer
            }
        }
    }

    /// The ledger as JSON, if the database keeps one.
    fn ledger(&self) -> Answer {
        match self.context.protocol.database().ledger() {
            Ok(ledger) => answer::ledger(&ledger.to_json()),
            Err(_) => answer::no_such_page(),
        }
    }

    /// The keys that requests may be signed with, as they are now.
    fn keys(&self) -> Keys<'_> {
        let options = &self.context.options;
        Keys {
            root: options.credentials.as_ref(),
            principals: options.principals.as_ref().map(SharedPrincipals::current),
        }
    }

    /// A principal, and what is known of where its request comes from.
    fn caller(&self, principal: Arc<Principal>, keys: &Keys<'_>, head: &Parts) -> Caller {
        let mut caller = Caller::new(principal);
        caller.options = keys.options();
        caller.environment.source_ip = Some(self.connection.peer().ip());
        caller.environment.secure_transport = Some(self.transport != Transport::Plain);
        let agent = head.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        caller.environment.user_agent = agent.map(str::to_owned);
        caller
    }

    /// Checks what can be checked before the body, reads the body, and carries the operation out.
    async fn operation(&self, request: Request<Incoming>, dialect: Dialect, id: &str) -> Result<Answer, Unanswered> {
        let (head, mut body) = request.into_parts();
        let keys = self.keys();
        let mut expected = Expected { head: &head, claim: None, caller: None, dialect, id };
        if self.context.options.is_signed() {
            let now = self.context.protocol.database().clock().now_millis();
            match Claim::of(|id| keys.find(id), &head, expected.dialect.signed(), now) {
                Ok(claim) => {
                    let principal = keys.principal(claim.key_id(), &self.context.options.owner.account);
                    expected.caller = principal.map(|principal| self.caller(principal, &keys, &head));
                    expected.claim = Some(claim);
                }
                Err(failure) => {
                    let mut response = Response::refusal("Unauthenticated", &failure, self.owner());
                    expected.dialect.encode(&mut response);
                    let answer = self.send(&expected, response, self.nothing_borrowed(), None);
                    return Ok(self.refuse_body(body, answer));
                }
            }
        }
        let arrived = if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
            Err(Missing::TooLarge)
        } else {
            self.receive(&mut body).await
        };
        let status = match arrived {
            Ok((bytes, borrowed)) => match self.carry_out(&expected, bytes, borrowed) {
                Ok(answer) => return answer.ok_or(Unanswered),
                Err(status) => status,
            },
            Err(Missing::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Err(Missing::Late) => StatusCode::REQUEST_TIMEOUT,
            Err(Missing::NoMemory) => StatusCode::SERVICE_UNAVAILABLE,
            Err(Missing::Broken) => StatusCode::BAD_REQUEST,
        };
        tracing::info!(target: "hashrange_wire::request", id, peer = %self.connection.peer(), target = expected.target(),
            status = status.as_u16(), "not read");
        Ok(match status {
            StatusCode::BAD_REQUEST | StatusCode::REQUEST_TIMEOUT => answer::closing(status),
            _ => self.refuse_body(body, answer::closing(status)),
        })
    }

    /// No memory is borrowed.
    fn nothing_borrowed(&self) -> BorrowedMemory {
        self.context.work.borrow_nothing(self.connection.address())
    }

    /// Reads a body, and borrows memory for it when it turns out not to be small.
    pub(super) async fn receive(&self, body: &mut Incoming) -> Result<(Vec<u8>, Option<BorrowedMemory>), Missing> {
        let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let length = announced.unwrap_or(MAX_BODY_BYTES);
        let mut bytes = Vec::with_capacity(length.min(SMALL_BODY_BYTES));
        let mut borrowed: Option<BorrowedMemory> = None;
        self.connection.begin_body();
        while let Some(part) = self.part(body).await? {
            if bytes.len() + part.len() > MAX_BODY_BYTES {
                return Err(Missing::TooLarge);
            }
            if borrowed.is_none() && bytes.len() + part.len() > SMALL_BODY_BYTES {
                // All of it at once: requests that each hold a part and wait for more would wait for ever. And not
                // before a part has arrived, so that announcing a large body holds nothing.
                borrowed = Some(self.borrow_for_body(length).ok_or(Missing::NoMemory)?);
                bytes.reserve_exact(length - bytes.len());
            }
            bytes.extend_from_slice(&part);
        }
        self.connection.arrived();
        if let Some(borrowed) = &mut borrowed {
            borrowed.shrink_to(bytes.capacity());
        }
        Ok((bytes, borrowed))
    }

    /// The next bytes of a body; `None` at its end.
    async fn part(&self, body: &mut Incoming) -> Result<Option<Bytes>, Missing> {
        loop {
            let frame = poll_fn(|context| match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(frame) => Poll::Ready(Ok(frame)),
                Poll::Pending if self.connection.input_is_late() => Poll::Ready(Err(Missing::Late)),
                Poll::Pending => Poll::Pending,
            });
            match frame.await? {
                None => return Ok(None),
                Some(Err(_)) => return Err(Missing::Broken),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    fn borrow_for_body(&self, length: usize) -> Option<BorrowedMemory> {
        // The client is not to blame for the time that this takes.
        self.connection.arrived();
        let context = &self.context;
        let (address, timeout) = (self.connection.address(), context.options.memory_timeout);
        let borrowed = context.arriving.borrow(address, length, timeout, || context.connections.evict_slow());
        self.connection.begin_body();
        borrowed
    }

    pub(super) fn borrow_for_work(&self, bytes: usize) -> Option<BorrowedMemory> {
        if bytes == 0 {
            return Some(self.nothing_borrowed());
        }
        let context = &self.context;
        let (address, timeout) = (self.connection.address(), context.options.memory_timeout);
        context.work.borrow(address, bytes, timeout, || context.connections.evict_slow())
    }

    /// Answers a request without its body, and goes on reading the body for a while: a client that sends all of it before it
    /// looks for an answer would otherwise find the connection broken and never learn why.
    pub(super) fn refuse_body(&self, mut body: Incoming, answer: Answer) -> Answer {
        if !body.is_end_stream() {
            self.beside.add(async move {
                let mut left = MAX_IGNORED_BYTES;
                while let Some(Ok(frame)) = body.frame().await {
                    match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                        Some(rest) => left = rest,
                        None => break,
                    }
                }
            });
        }
        answer::close_after(answer)
    }

    /// The protocol, with the request's tag where there is a ledger to note it in.
    fn protocol(&self, expected: &Expected<'_>) -> Cow<'_, Protocol> {
        let protocol = &self.context.protocol;
        if protocol.database().opened_with().ledger.is_none() {
            return Cow::Borrowed(protocol);
        }
        match tag::of(&expected.head.headers, expected.caller.as_ref()) {
            Some(tag) => Cow::Owned(protocol.tagged(&tag)),
            None => Cow::Borrowed(protocol),
        }
    }

    /// Checks the signature, unpacks the body, calls the engine, packs the answer; `None` if the client gets none.
    fn carry_out(
        &self,
        expected: &Expected<'_>,
        body: Vec<u8>,
        arriving: Option<BorrowedMemory>,
    ) -> Result<Option<Answer>, StatusCode> {
        let started = now();
        let received = body.len();
        let (mut response, mut borrowed) = match self.unpacked(expected, &body) {
            Ok((body, borrowed)) => {
                let protocol = self.protocol(expected);
                let response = match (expected.dialect.decode(body), &expected.caller) {
                    (Ok(body), None) => protocol.handle(expected.target(), &body),
                    (Ok(body), Some(caller)) => protocol.handle_as(caller, expected.target(), &body),
                    (Err(failure), _) => Response::refusal("Unknown", &failure, self.owner()),
                };
                (response, borrowed)
            }
            Err(Refusal::TooLarge) => return Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(Refusal::NoMemory) => return Err(StatusCode::SERVICE_UNAVAILABLE),
            Err(Refusal::Unauthenticated(failure)) => {
                (Response::refusal("Unauthenticated", &failure, self.owner()), self.nothing_borrowed())
            }
            Err(Refusal::Damaged) => {
                (Response::refusal("Unknown", &Malformed::Syntax.into(), self.owner()), self.nothing_borrowed())
            }
        };
        drop((body, arriving));
        expected.dialect.encode(&mut response);
        let coding = Coding::accepted(&expected.head.headers);
        let packed = coding.and_then(|coding| Some((coding, coding.pack(&response.body)?)));
        let coding = packed.map(|(coding, body)| {
            response.body = body;
            coding
        });
        if response.body.len() > SMALL_BODY_BYTES {
            response.body.shrink_to_fit();
            borrowed.resize(response.body.len());
        } else {
            borrowed.shrink_to(0);
        }
        let took = started.elapsed();
        self.context.metrics.request(response.operation, response.error, received, response.body.len(), took);
        tracing::info!(
            target: "hashrange_wire::request",
            id = expected.id,
            peer = %self.connection.peer(),
            operation = response.operation,
            target = (response.operation == "Unknown").then(|| expected.target()),
            status = response.status,
            error = (!response.error.is_empty()).then_some(response.error),
            received,
            sent = response.body.len(),
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        Ok((!response.is_lost).then(|| self.send(expected, response, borrowed, coding)))
    }

    fn send(
        &self,
        expected: &Expected<'_>,
        response: Response,
        borrowed: BorrowedMemory,
        coding: Option<Coding>,
    ) -> Answer {
        let checksum = response.crc32();
        let outcome = (response.status, response.error);
        let mut answer = expected.dialect.answer(answer::lent(response.body, borrowed), outcome, checksum);
        if let Some(coding) = coding {
            answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        answer
    }

    /// The body of a request that carries a good signature, if it needs one, and the memory for carrying it out.
    fn unpacked<'b>(
        &self,
        expected: &Expected<'_>,
        body: &'b [u8],
    ) -> Result<(Cow<'b, [u8]>, BorrowedMemory), Refusal> {
        if let Some(claim) = &expected.claim {
            claim.check_body(body).map_err(Refusal::Unauthenticated)?;
        }
        let coding = Coding::of_body(&expected.head.headers).map_err(|_| Refusal::Damaged)?;
        let unpacked_bytes = coding.map_or(body.len(), |_| Coding::most_unpacked(body.len()));
        let cost = cost::of_request(expected.target(), coding.is_none().then_some(body), unpacked_bytes);
        let borrowed = self.borrow_for_work(cost).ok_or(Refusal::NoMemory)?;
        let Some(coding) = coding else { return Ok((Cow::Borrowed(body), borrowed)) };
        match coding.unpack(body) {
            Ok(unpacked) => Ok((Cow::Owned(unpacked), borrowed)),
            Err(Unpackable::TooLarge) => Err(Refusal::TooLarge),
            Err(Unpackable::Damaged | Unpackable::Unknown) => Err(Refusal::Damaged),
        }
    }
}

fn is_health_check<B>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && request.uri().path() == "/"
}
