//! Why a request is not carried out, as a status, a code and a text.

use hashrange::{Error, ErrorKind};
use http::StatusCode;
use std::borrow::Cow;

/// A request that is not carried out.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Status of the response.
    pub(crate) status: StatusCode,
    /// What a program tells it by: the engine's code, or one of the console's.
    pub(crate) code: Cow<'static, str>,
    /// What a person reads.
    pub(crate) message: String,
}

impl Refusal {
    /// There is no page, table or item at an address.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "NotFound".into(), message: what.into() }
    }

    /// A parameter is missing or has a value that it cannot have.
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "InvalidParameter".into(), message: what.into() }
    }

    /// The console was started to read only, or the request does not say that it comes from a page of the console.
    pub(crate) fn forbidden(what: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "Forbidden".into(), message: what.into() }
    }

    /// The method does not fit the address.
    pub(crate) fn method() -> Self {
        let message = "this address does not take this method".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "MethodNotAllowed".into(), message }
    }

    /// Too much of something is open already.
    pub(crate) fn busy(what: impl Into<String>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, code: "Busy".into(), message: what.into() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Denied => StatusCode::FORBIDDEN,
            ErrorKind::InUse | ErrorKind::Conflict | ErrorKind::ConditionFailed => StatusCode::CONFLICT,
            ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
            kind if kind.is_server_fault() => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, code: error.code().to_owned().into(), message: error.message().to_owned() }
    }
}
