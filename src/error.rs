//! One error type for every operation, sorted by what the caller can do about it.
//!
//! An [`Error`] has a [`kind`](Error::kind) (the remedy: correct the request, retry, restore a file, ...), DynamoDB's
//! name for it ([`code`](Error::code)) and a message in DynamoDB's wording where DynamoDB has one.

use bytes::Bytes;
use std::{fmt, io};

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong; small enough to travel in registers, cloneable so that every waiter of a failed sync gets it.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    code: &'static str,
    message: String,
    old_item: Option<Bytes>,
    reasons: Vec<CancellationReason>,
}

/// Errors by remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request breaks a rule; nothing was written. Correct it and send it again.
    Validation,
    /// The table, index or stream that the request names does not exist (or is not active yet).
    NotFound,
    /// The table or index exists already, or is being changed. Choose another name, or wait.
    InUse,
    /// A condition was false; nothing was written. Read the item again and decide.
    ConditionFailed,
    /// A transaction was cancelled; nothing was written. See [`Error::cancellation_reasons`].
    TransactionCanceled,
    /// Another transaction holds the item. Retry.
    Conflict,
    /// A client request token was used before with another request. Use a new token.
    TokenMismatch,
    /// A documented limit would be passed.
    LimitExceeded,
    /// More throughput was asked for than the table or partition has. Retry later.
    Throttled,
    /// A stream iterator or position is too old. Take a new iterator.
    Expired,
    /// The operating system refused an operation on a file. The message names file and operation.
    Io,
    /// An earlier write or sync failed; the database accepts no writes until it is reopened. Reads go on.
    Poisoned,
    /// Bytes on disk are not what was written. The message names file and offset. Restore the file from a copy.
    Corrupt,
    /// Another process has the database open.
    Locked,
    /// The files were written by a newer version, or the folder is not a database.
    Incompatible,
    /// The operation is not possible in this mode (for example writing to a database opened read-only).
    Unsupported,
}

/// Why one action of a cancelled transaction failed; `code` is `"None"` for an action that did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancellationReason {
    code: &'static str,
    message: Option<String>,
    old_item: Option<Bytes>,
}

impl CancellationReason {
    /// The action itself was fine.
    pub fn none() -> Self {
        Self { code: "None", message: None, old_item: None }
    }
    /// An action that failed with DynamoDB's `code` and `message`.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), old_item: None }
    }
    /// Attaches the encoded item that the failed condition saw.
    pub(crate) fn with_old_item_bytes(mut self, item: Option<Bytes>) -> Self {
        self.old_item = item;
        self
    }
    /// DynamoDB's code: `None`, `ConditionalCheckFailed`, `TransactionConflict`, `ValidationError`, ...
    pub fn code(&self) -> &'static str {
        self.code
    }
    /// The text that goes with the code; absent for `None`.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
    pub(crate) fn old_item_bytes(&self) -> Option<&Bytes> {
        self.old_item.as_ref()
    }
}

impl Error {
    /// An error of a kind, with DynamoDB's name for it and a message.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, code, message: message.into(), old_item: None, reasons: Vec::new() }))
    }
    /// The request breaks a rule (`ValidationException`).
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, "ValidationException", message)
    }
    /// A validation error with DynamoDB's usual opening `One or more parameter values were invalid: `.
    pub fn invalid_parameter(detail: impl fmt::Display) -> Self {
        Self::validation(format!("One or more parameter values were invalid: {detail}"))
    }
    /// Something that the request names does not exist (`ResourceNotFoundException`).
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, "ResourceNotFoundException", message)
    }
    /// Something exists already or is being changed (`ResourceInUseException`).
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InUse, "ResourceInUseException", message)
    }
    /// A documented limit would be passed (`LimitExceededException`).
    pub fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::LimitExceeded, "LimitExceededException", message)
    }
    /// A condition was false (`ConditionalCheckFailedException`); `old_item` is the encoded item, if asked for.
    pub(crate) fn condition_failed(old_item: Option<Bytes>) -> Self {
        let mut e =
            Self::new(ErrorKind::ConditionFailed, "ConditionalCheckFailedException", "The conditional request failed");
        e.0.old_item = old_item;
        e
    }
    /// A transaction was cancelled (`TransactionCanceledException`).
    pub fn transaction_canceled(reasons: Vec<CancellationReason>) -> Self {
        let codes: Vec<_> = reasons.iter().map(|r| r.code).collect();
        let text = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        let mut e = Self::new(ErrorKind::TransactionCanceled, "TransactionCanceledException", text);
        e.0.reasons = reasons;
        e
    }
    /// Bytes of `file` at `offset` are not what was written.
    pub fn corrupt(file: impl fmt::Display, offset: u64, what: impl fmt::Display) -> Self {
        let text = format!("file {file} is damaged at offset {offset}: {what}; restore it from a copy");
        Self::new(ErrorKind::Corrupt, "InternalServerError", text)
    }
    /// The operating system refused `operation` on `file`.
    pub fn io(operation: &'static str, file: impl fmt::Display, source: &io::Error) -> Self {
        Self::new(ErrorKind::Io, "InternalServerError", format!("cannot {operation} {file}: {source}"))
    }
    /// An earlier failure latched the log; `cause` is that failure.
    pub fn poisoned(cause: &Error) -> Self {
        let text = format!("writing stopped after an earlier failure ({cause}); reopen the database");
        Self::new(ErrorKind::Poisoned, "InternalServerError", text)
    }
    /// The remedy.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// DynamoDB's error name, such as `ResourceNotFoundException`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }
    /// The text, without the code.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// Whether a condition was false.
    pub fn is_condition_failed(&self) -> bool {
        self.0.kind == ErrorKind::ConditionFailed
    }
    /// One entry per action of a cancelled transaction, in the order of the request; empty for other errors.
    pub fn cancellation_reasons(&self) -> &[CancellationReason] {
        &self.0.reasons
    }
    pub(crate) fn old_item_bytes(&self) -> Option<&Bytes> {
        self.0.old_item.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}, {}: {})", self.0.kind, self.0.code, self.0.message)?;
        if self.0.reasons.is_empty() { Ok(()) } else { write!(f, " {:?}", self.0.reasons) }
    }
}

impl std::error::Error for Error {}
