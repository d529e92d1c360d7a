//! What goes wrong, as the protocol says it: a status, a name under a namespace, a text, and sometimes an item.
//!
//! ```json
//! {"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}
//! ```
//!
//! The namespace tells who refuses: the service itself, its validation layer, or the framework that decodes requests.
//! Clients look at the part after `#`. A few errors spell the text `Message`, which the clients also accept.

use crate::{
    json::{Malformed, Writer},
    value,
};
use hashrange::{ErrorKind, ItemRef, error::CancellationReason};

/// The outcome of an operation before it becomes a response.
pub(crate) type Outcome<T = Vec<u8>> = Result<T, Failure>;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Failure(Box<Details>);

#[derive(Debug)]
struct Details {
    status: u16,
    namespace: &'static str,
    name: &'static str,
    message: Option<String>,
    old_item: Option<ItemRef>,
    reasons: Vec<CancellationReason>,
}

const SERVICE: &str = "com.amazonaws.dynamodb.v20120810";
const VALIDATION: &str = "com.amazon.coral.validate";
const FRAMEWORK: &str = "com.amazon.coral.service";

impl Failure {
    fn new(namespace: &'static str, name: &'static str, message: Option<String>) -> Self {
        let details = Details { status: 400, namespace, name, message, old_item: None, reasons: Vec::new() };
        Self(Box::new(details))
    }

    /// The request breaks a rule.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(VALIDATION, "ValidationException", Some(message.into()))
    }

    /// As [`Failure::validation`], with DynamoDB's usual opening.
    pub(crate) fn invalid_parameter(detail: impl std::fmt::Display) -> Self {
        Self::validation(format!("One or more parameter values were invalid: {detail}"))
    }

    /// A member has the wrong JSON type.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new(FRAMEWORK, "SerializationException", Some(message.into()))
    }

    /// No such operation, or one that is not supported.
    pub(crate) fn unknown_operation() -> Self {
        Self::new(FRAMEWORK, "UnknownOperationException", None)
    }

    /// What the request names is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(SERVICE, "ResourceNotFoundException", Some(message.into()))
    }

    /// The caller may not touch what the request names.
    pub(crate) fn access_denied(message: impl Into<String>) -> Self {
        Self::new(FRAMEWORK, "AccessDeniedException", Some(message.into()))
    }

    /// A documented limit would be passed.
    pub(crate) fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new(SERVICE, "LimitExceededException", Some(message.into()))
    }

    /// The request carries no signature, or one that does not hold; `name` is one of the framework's errors.
    pub(crate) fn authentication(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(FRAMEWORK, name, Some(message.into()))
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    /// DynamoDB's name for the error.
    pub(crate) fn name(&self) -> &'static str {
        self.0.name
    }

    /// The text; empty where DynamoDB sends none.
    pub(crate) fn message(&self) -> &str {
        self.0.message.as_deref().unwrap_or_default()
    }

    /// The response body.
    pub(crate) fn to_body(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(256);
        out.begin_object();
        out.string_member("__type", &format!("{}#{}", self.0.namespace, self.0.name));
        if let Some(message) = &self.0.message {
            out.string_member(self.message_member(), message);
        }
        if let Some(item) = &self.0.old_item {
            out.name("Item");
            value::write_item(&mut out, item);
        }
        if !self.0.reasons.is_empty() {
            out.name("CancellationReasons");
            out.begin_array();
            for reason in &self.0.reasons {
                write_reason(&mut out, reason);
            }
            out.end_array();
        }
        out.end_object();
        out.into_bytes()
    }

    fn message_member(&self) -> &'static str {
        match self.0.name {
            "TransactionCanceledException"
            | "TransactionInProgressException"
            | "IdempotentParameterMismatchException"
            | "SerializationException" => "Message",
            _ => "message",
        }
    }
}

fn write_reason(out: &mut Writer, reason: &CancellationReason) {
    out.begin_object();
    out.string_member("Code", reason.code());
    if let Some(message) = reason.message() {
        out.string_member("Message", message);
    }
    if let Some(item) = reason.old_item() {
        out.name("Item");
        value::write_item(out, &item);
    }
    out.end_object();
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Self::new(FRAMEWORK, "SerializationException", None)
    }
}

impl From<hashrange::Error> for Failure {
    fn from(error: hashrange::Error) -> Self {
        let namespace = if error.kind() == ErrorKind::Validation { VALIDATION } else { SERVICE };
        let is_fault = error.kind().is_server_fault();
        let name = if is_fault { "InternalServerError" } else { error.code() };
        let mut failure = Self::new(namespace, name, Some(error.message().to_owned()));
        if is_fault {
            failure.0.status = 500;
        }
        failure.0.old_item = error.old_item();
        failure.0.reasons = error.cancellation_reasons().to_vec();
        failure
    }
}
