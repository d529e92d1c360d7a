//! How a request says its operation and its members: JSON with the operation in a header, as DynamoDB's clients do, or CBOR with
//! the operation in the path, as current clients of CloudWatch do.

use super::answer::{self, Answer};
use crate::{cbor, error::Failure, protocol::Response};
use hyper::{
    Method, Request,
    header::{HeaderName, HeaderValue},
    http::request::Parts,
};
use std::borrow::Cow;

pub(super) const TARGET: &str = "x-amz-target";
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const RPC_V2_CBOR: HeaderValue = HeaderValue::from_static("rpc-v2-cbor");
const CBOR: HeaderValue = HeaderValue::from_static("application/cbor");
/// The only service that is spoken to in CBOR, as paths name it.
const CLOUD_WATCH: &str = "GraniteServiceVersion20100801";
/// A client that goes on to call errors as they were called in the protocol before.
const QUERY_MODE: &str = "x-amzn-query-mode";
/// What an error was called there.
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// How a request says what it wants.
pub(super) enum Dialect {
    /// JSON, answered with a content type.
    Json {
        content_type: HeaderValue,
        /// Whether the client wants to read what an error was called in the protocol before.
        wants_query_error: bool,
    },
    /// CBOR; the operation with the prefix of its service.
    Cbor(String),
}

impl Dialect {
    /// That of a request; `None` if it is no request for an operation.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let (path, headers) = (request.uri().path(), request.headers());
        match path {
            _ if request.method() != Method::POST => None,
            "/" => answer::content_type(headers)
                .map(|content_type| Self::Json { content_type, wants_query_error: headers.contains_key(QUERY_MODE) }),
            _ => {
                let (service, operation) = path.strip_prefix("/service/")?.split_once("/operation/")?;
                let is_cbor = service == CLOUD_WATCH && headers.get(SMITHY_PROTOCOL) == Some(&RPC_V2_CBOR);
                is_cbor.then(|| Self::Cbor(format!("{service}.{operation}")))
            }
        }
    }
    /// The operation, with the prefix of its service.
    pub(super) fn target<'t>(&'t self, head: &'t Parts) -> &'t str {
        match self {
            Self::Json { .. } => head.headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default(),
            Self::Cbor(target) => target,
        }
    }
    /// Headers that have to be signed besides those that always have to.
    pub(super) fn signed(&self) -> &'static [&'static str] {
        match self {
            Self::Json { .. } => &[TARGET],
            Self::Cbor(_) => &[],
        }
    }
    /// The body of a request as JSON.
    pub(super) fn decode<'b>(&self, body: Cow<'b, [u8]>) -> Result<Cow<'b, [u8]>, Failure> {
        match self {
            Self::Json { .. } => Ok(body),
            Self::Cbor(_) => cbor::to_json(&body).map(Cow::Owned),
        }
    }
    /// The body of an answer, which is JSON.
    pub(super) fn encode(&self, response: &mut Response) {
        if let Self::Cbor(_) = self {
            response.body = cbor::of_json(&response.body);
        }
    }
    /// An answer with the headers that clients expect.
    pub(super) fn answer(&self, body: Answer, response: (u16, &'static str), checksum: u32) -> Answer {
        let (status, error) = response;
        let (content_type, names_query_error) = match self {
            Self::Json { content_type, wants_query_error } => (content_type.clone(), *wants_query_error),
            Self::Cbor(_) => (CBOR, true),
        };
        let mut answer = answer::json(body, status, content_type, checksum);
        if let Self::Cbor(_) = self {
            answer.headers_mut().insert(SMITHY_PROTOCOL, RPC_V2_CBOR);
        }
        if let Some(code) = query_code(error, status).filter(|_| names_query_error) {
            answer.headers_mut().insert(QUERY_ERROR, code);
        }
        answer
    }
}

/// The code of an error in CloudWatch's first protocol, and whose fault it is.
fn query_code(error: &str, status: u16) -> Option<HeaderValue> {
    let code = match error {
        "" => return None,
        "MissingRequiredParameterException" => "MissingParameter",
        "InvalidParameterValueException" => "InvalidParameterValue",
        "InvalidParameterCombinationException" => "InvalidParameterCombination",
        other => other,
    };
    let fault = if status >= 500 { "Receiver" } else { "Sender" };
    HeaderValue::try_from(format!("{code};{fault}")).ok()
}
