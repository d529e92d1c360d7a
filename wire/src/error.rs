//! What goes wrong, as the protocol says it: a status, a name under a namespace, a text, and sometimes an item.
//!
//! ```json
//! {"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}
//! ```
//!
//! The namespace tells who rejects: the service itself, its validation layer, or the framework that decodes requests.
//! Clients look at the part after `#`. A few errors spell the text `Message`, which the clients also accept.

use crate::json::Malformed;
use hashrange::{
    ErrorKind, ItemRef,
    error::{CancellationReason, Detail, ThrottlingReason},
};

/// The outcome of an operation before it becomes a response.
pub(crate) type Outcome<T = Vec<u8>> = Result<T, Failure>;

/// A rejected request.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Box<Details>);

/// What a rejection says.
#[derive(Debug)]
pub(crate) struct Details {
    status: u16,
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    pub(crate) message: Option<String>,
    /// Name of the member that holds the message.
    pub(crate) message_member: &'static str,
    pub(crate) old_item: Option<ItemRef>,
    pub(crate) reasons: Vec<CancellationReason>,
    /// What had no throughput.
    pub(crate) throttling: Vec<ThrottlingReason>,
    /// Whether the engine rejected it, which has counted it then.
    pub(crate) is_of_engine: bool,
    /// If a model of faults wants it: whether the client gets an answer.
    fault: Option<bool>,
}

const SERVICE: &str = "com.amazonaws.dynamodb.v20120810";
const VALIDATION: &str = "com.amazon.coral.validate";
const FRAMEWORK: &str = "com.amazon.coral.service";
/// The one error with status 503.
const UNAVAILABLE: &str = "ServiceUnavailable";

impl Failure {
    fn new(namespace: &'static str, name: &'static str, message: Option<String>) -> Self {
        let message_member = match name {
            "TransactionCanceledException"
            | "TransactionInProgressException"
            | "IdempotentParameterMismatchException"
            | "SerializationException"
            | "AccessDeniedException" => "Message",
            _ => "message",
        };
        let details = Details {
            status: 400,
            namespace,
            name,
            message,
            message_member,
            old_item: None,
            reasons: Vec::new(),
            throttling: Vec::new(),
            is_of_engine: false,
            fault: None,
        };
        Self(Box::new(details))
    }

    /// The failure of a statement, which names the message otherwise where it shows an item.
    pub(crate) fn of_statement(error: hashrange::Error) -> Self {
        let mut failure = Self::from(error);
        if failure.0.old_item.is_some() {
            failure.0.message_member = "Message";
        }
        failure
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

    /// No such operation, or one that is not supported; the service does not say which.
    pub(crate) fn unknown_operation(target: &str) -> Self {
        let message = match target {
            "" => "the request has no X-Amz-Target, which names its operation".to_owned(),
            target => format!("{target} is no operation of this server"),
        };
        Self::new(FRAMEWORK, "UnknownOperationException", Some(message))
    }

    /// What the request names is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(SERVICE, "ResourceNotFoundException", Some(message.into()))
    }

    /// The caller may not touch what the request names.
    pub(crate) fn access_denied(message: impl Into<String>) -> Self {
        Self::new(FRAMEWORK, "AccessDeniedException", Some(message.into()))
    }

    /// An error of the service by its name; the name is one of the API's.
    pub(crate) fn service(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(SERVICE, name, Some(message.into()))
    }

    /// What is asked for belongs to a feature that is not here. Not an error of the service, so that no client takes it for
    /// one that it knows how to handle.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(FRAMEWORK, "UnsupportedOperationException", Some(format!("Not supported: {what}")))
    }

    /// Something went wrong here, not with the request.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        let mut failure = Self::new(SERVICE, "InternalServerError", Some(message.into()));
        failure.0.status = 500;
        failure
    }

    /// The service fails at a request that it does not reject by name.
    pub(crate) fn internal_failure() -> Self {
        let mut failure = Self::new(FRAMEWORK, "InternalFailure", None);
        failure.0.status = 500;
        failure
    }

    /// A documented limit would be passed.
    pub(crate) fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new(SERVICE, "LimitExceededException", Some(message.into()))
    }

    /// The service failed, or something that it asked.
    pub(crate) fn fault(message: impl Into<String>) -> Self {
        let mut failure = Self::new(SERVICE, "InternalServerError", Some(message.into()));
        failure.0.status = 500;
        failure
    }

    /// The request carries no signature, or one that does not hold; `name` is one of the framework's errors.
    pub(crate) fn authentication(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(FRAMEWORK, name, Some(message.into()))
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    /// Whether a model of faults wants it, and nothing is wrong.
    pub(crate) fn is_modelled(&self) -> bool {
        self.0.fault.is_some()
    }

    /// Whether the client gets no answer.
    pub(crate) fn has_no_answer(&self) -> bool {
        self.0.fault == Some(false)
    }

    /// DynamoDB's name for the error.
    pub(crate) fn name(&self) -> &'static str {
        self.0.name
    }

    /// The text; empty where DynamoDB sends none.
    pub(crate) fn message(&self) -> &str {
        self.0.message.as_deref().unwrap_or_default()
    }
}

impl From<Malformed> for Failure {
    fn from(why: Malformed) -> Self {
        let text = match why {
            Malformed::Kind(text) => return Self::serialization(text),
            Malformed::LoneSurrogate => Some("A string holds one half of a surrogate pair".to_owned()),
            _ => None, // not JSON, or nested too deeply: the service says no more either
        };
        Self::new(FRAMEWORK, "SerializationException", text)
    }
}

/// The code of an error in the answer to one statement of a batch.
pub(crate) fn batch_code(error: &hashrange::Error) -> &'static str {
    match error.code() {
        "ConditionalCheckFailedException" => "ConditionalCheckFailed",
        "DuplicateItemException" => "DuplicateItem",
        "ResourceNotFoundException" => "ResourceNotFound",
        "ItemCollectionSizeLimitExceededException" => "ItemCollectionSizeLimitExceeded",
        "ProvisionedThroughputExceededException" => "ProvisionedThroughputExceeded",
        "TransactionConflictException" => "TransactionConflict",
        "RequestLimitExceeded" => "RequestLimitExceeded",
        "ThrottlingException" => "ThrottlingError",
        "AccessDeniedException" => "AccessDenied",
        "ValidationException" => "ValidationError",
        _ => "InternalServerError",
    }
}

impl From<hashrange::Error> for Failure {
    fn from(error: hashrange::Error) -> Self {
        let namespace = match error.kind() {
            ErrorKind::Validation => VALIDATION,
            ErrorKind::Denied => FRAMEWORK,
            ErrorKind::Unsupported => FRAMEWORK,
            _ => SERVICE,
        };
        let (status, name) = match error.kind() {
            // A client's library would send it again, and get the same answer.
            ErrorKind::Unsupported => (400, "UnsupportedOperationException"),
            ErrorKind::Unavailable if error.code() == UNAVAILABLE => (503, UNAVAILABLE),
            kind if kind.is_server_fault() => (500, "InternalServerError"),
            _ => (400, error.code()),
        };
        let mut failure = Self::new(namespace, name, Some(error.message().to_owned()));
        failure.0.is_of_engine = true;
        failure.0.status = status;
        failure.0.fault = error.detail().and_then(|detail| match detail {
            Detail::Fault { has_answer, .. } => Some(*has_answer),
            _ => None,
        });
        failure.0.old_item = error.old_item();
        failure.0.reasons = error.cancellation_reasons().to_vec();
        failure.0.throttling = error.throttling_reasons().to_vec();
        failure
    }
}
