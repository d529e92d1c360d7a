//! One error type for every operation, sorted by what the caller can do about it.
//!
//! An [`Error`] has
//! - a [`kind`](Error::kind): the remedy (correct the request, retry, restore a file, ...),
//! - DynamoDB's name for it ([`code`](Error::code)) and a [`message`](Error::message) in DynamoDB's wording where
//!   DynamoDB has one,
//! - a [`detail`](Error::detail): which table, attribute or size it is about, as values,
//! - a [source](std::error::Error::source) where another error caused it.
//!
//! Imports: nothing.

mod cancellation;
mod detail;
mod kind;
mod option_range;
mod throttling;

pub use cancellation::CancellationReason;
pub use detail::Detail;
pub use kind::ErrorKind;
pub(crate) use option_range::check_option;
pub use throttling::{ThrottledLimit, ThrottlingReason};

use bytes::Bytes;
use std::{borrow::Cow, fmt, io, sync::Arc};

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong; one pointer large, and cloneable so that every waiter of a failed sync gets it.
///
/// `Display` gives the code, the message and what the [`detail`](Error::detail) adds. `Debug`, which `main` prints,
/// gives the same and, for a cancelled transaction, the reason of each action.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    code: &'static str,
    message: Cow<'static, str>,
    detail: Option<Detail>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    old_item: Option<Bytes>,
    reasons: Vec<CancellationReason>,
}

/// Making errors.
impl Error {
    /// An error of a kind, with DynamoDB's name for it and a message.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            code,
            message: message.into(),
            detail: None,
            source: None,
            old_item: None,
            reasons: Vec::new(),
        }))
    }
    /// The request breaks a rule (`ValidationException`).
    pub fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Validation, "ValidationException", message)
    }
    /// A validation error with DynamoDB's usual opening `One or more parameter values were invalid: `.
    pub fn invalid_parameter(detail: impl fmt::Display) -> Self {
        Self::validation(format!("One or more parameter values were invalid: {detail}"))
    }
    /// Something that the request names does not exist (`ResourceNotFoundException`).
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, "ResourceNotFoundException", message)
    }
    /// Something exists already or is being changed (`ResourceInUseException`).
    pub fn in_use(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InUse, "ResourceInUseException", message)
    }
    /// A documented limit would be passed (`LimitExceededException`).
    pub fn limit_exceeded(message: impl Into<Cow<'static, str>>) -> Self {
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
        let codes: Vec<_> = reasons.iter().map(CancellationReason::code).collect();
        let text = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        let mut e = Self::new(ErrorKind::TransactionCanceled, "TransactionCanceledException", text);
        e.0.reasons = reasons;
        e
    }
    /// A stored value does not fit the type that it is read into.
    pub(crate) fn decode(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Decode, "DecodeError", message)
    }
    /// Bytes of `file` at `offset` are not what was written.
    pub fn corrupt(file: impl fmt::Display, offset: u64, what: impl fmt::Display) -> Self {
        let file = file.to_string();
        let text = format!("file {file} is damaged at offset {offset}: {what}; restore it from a copy");
        Self::damaged(text).with_detail(Detail::Damage { file, offset })
    }
    /// Bytes are not what was written, and the caller knows of which file.
    pub(crate) fn damaged(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupt, "CorruptData", message)
    }
    /// Files of another version, or of no database at all.
    pub(crate) fn incompatible(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Incompatible, "IncompatibleFormat", message)
    }
    /// The database is encrypted, and no key was given.
    pub(crate) fn key_missing(folder: impl fmt::Display) -> Self {
        let text = format!("the database in {folder} is encrypted; open it with its key");
        Self::new(ErrorKind::Key, "EncryptionKeyMissing", text)
    }
    /// The database is encrypted with another key.
    #[cfg(feature = "encryption")]
    pub(crate) fn wrong_key(needed: impl fmt::Display, given: impl fmt::Display) -> Self {
        let text = format!("the database is encrypted with another key: it needs {needed}, and {given} was given");
        Self::new(ErrorKind::Key, "EncryptionKeyWrong", text)
    }
    /// A key was given for files that are not encrypted.
    pub(crate) fn not_encrypted(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Key, "NotEncrypted", text)
    }
    /// A folder that ends before a commit that the caller knows to have been there.
    pub(crate) fn rolled_back(folder: impl fmt::Display, found: u64, least: u64) -> Self {
        let text = format!(
            "the database in {folder} ends with commit {found}, and commit {least} is expected: it is an older copy, or files of it \
             were deleted"
        );
        Self::new(ErrorKind::Corrupt, "DatabaseRolledBack", text)
    }
    /// What should be a key is none, or cannot be had.
    #[cfg(feature = "encryption")]
    pub(crate) fn unusable_key(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Key, "EncryptionKeyUnusable", text)
    }
    /// An operation that the mode of the database excludes.
    pub(crate) fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, "UnsupportedOperation", message)
    }
    /// The database was closed.
    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "DatabaseClosed", "the database is closed; open it again")
    }
    /// A file that the database consists of cannot be opened: damage if it is missing, whatever kind of file it is.
    pub(crate) fn open(file: impl fmt::Display, source: &io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::corrupt(file, 0, "the file is missing"),
            _ => Self::io("open", file, source),
        }
    }
    /// `operation` of the operating system on `file` failed.
    pub fn io(operation: &'static str, file: impl fmt::Display, source: &io::Error) -> Self {
        let file = file.to_string();
        let mut e = Self::new(ErrorKind::Io, "IoError", format!("cannot {operation} {file}: {source}"));
        e.0.source = Some(Arc::new(copy_of(source)));
        e.with_detail(Detail::File { operation, file })
    }
    /// An earlier failure latched the log; `cause` is that failure.
    pub fn poisoned(cause: &Error) -> Self {
        let text = format!("writing stopped after an earlier failure ({cause}); reopen the database");
        let mut e = Self::new(ErrorKind::Poisoned, "WritingStopped", text);
        e.0.source = Some(Arc::new(cause.clone()));
        e
    }
    /// Takes over what another error is about.
    pub(crate) fn with_detail_of(mut self, other: &Error) -> Self {
        self.0.detail.clone_from(&other.0.detail);
        self
    }
    /// Says what the error is about.
    pub(crate) fn with_detail(mut self, detail: Detail) -> Self {
        self.0.detail = Some(detail);
        self
    }
}

/// Reading errors.
impl Error {
    /// The remedy.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// DynamoDB's error name, such as `ResourceNotFoundException`. Errors that only an embedded database has carry names
    /// of their own: `IoError`, `CorruptData`, `DatabaseLocked`, `DatabaseClosed`, `DatabaseRolledBack`, `WritingStopped`,
    /// `IncompatibleFormat`, `UnsupportedOperation`, `DecodeError`, `MomentOutsideHistory`, `ArchiveStoreReplaces`, `NoAnswer`,
    /// and for keys `EncryptionKeyMissing`, `EncryptionKeyWrong`, `EncryptionKeyUnusable` and `NotEncrypted`. A server answers those
    /// with `InternalServerError`, but for `UnsupportedOperation`; see [`ErrorKind::is_server_fault`].
    pub fn code(&self) -> &'static str {
        self.0.code
    }
    /// The text, without the code; DynamoDB's to the letter where DynamoDB has one.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// What the error is about, as values.
    pub fn detail(&self) -> Option<&Detail> {
        self.0.detail.as_ref()
    }
    /// Whether a condition was false.
    pub fn is_condition_failed(&self) -> bool {
        self.0.kind == ErrorKind::ConditionFailed
    }
    /// Whether a table, index or stream does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }
    /// Whether a transaction was cancelled.
    pub fn is_transaction_canceled(&self) -> bool {
        self.0.kind == ErrorKind::TransactionCanceled
    }
    /// Whether the database was closed.
    pub fn is_closed(&self) -> bool {
        self.0.kind == ErrorKind::Closed
    }
    /// Whether the same call may succeed when it is sent again unchanged after a moment: another operation was at the
    /// item, throughput was exceeded, or a model of faults struck. Nothing was written, unless a fault lost the answer only.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Conflict | ErrorKind::Throttled | ErrorKind::Unavailable => true,
            ErrorKind::TransactionCanceled => {
                let mut failed = self.0.reasons.iter().filter(|reason| !reason.is_none()).peekable();
                failed.peek().is_some() && failed.all(CancellationReason::is_retryable)
            }
            _ => false,
        }
    }
    /// The kind of the operating system's error behind this one, if there is one.
    ///
    /// ```
    /// use hashrange::{Database, ErrorKind};
    ///
    /// let error = Database::open("/dev/null/no_folder").unwrap_err();
    /// assert_eq!((error.kind(), error.code()), (ErrorKind::Io, "IoError"));
    /// assert!(error.io_kind().is_some());
    /// ```
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        let source = self.0.source.as_ref()?;
        match source.downcast_ref::<io::Error>() {
            Some(error) => Some(error.kind()),
            None => source.downcast_ref::<Error>()?.io_kind(),
        }
    }
    /// One entry per action of a cancelled transaction, in the order of the request; empty for other errors.
    pub fn cancellation_reasons(&self) -> &[CancellationReason] {
        &self.0.reasons
    }
    pub(crate) fn old_item_bytes(&self) -> Option<&Bytes> {
        self.0.old_item.as_ref()
    }
}

/// The same error once more: `io::Error` is not `Clone`.
fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)?;
        match self.0.detail.as_ref().and_then(Detail::note) {
            Some(note) if !self.0.message.contains(&note) => write!(f, " ({note})"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        for (i, reason) in self.0.reasons.iter().enumerate().filter(|(_, reason)| !reason.is_none()) {
            write!(f, "\n  action {i}: {}: {}", reason.code(), reason.message().unwrap_or_default())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

const _: () = assert!(size_of::<Error>() == size_of::<usize>(), "an error travels in a register");
