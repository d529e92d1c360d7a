//! Errors sorted by what the caller can do about them.

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
    /// A transaction was cancelled; nothing was written. See [`cancellation_reasons`](super::Error::cancellation_reasons).
    TransactionCanceled,
    /// Another transaction holds the item. Retry.
    Conflict,
    /// A client request token was used before with another request. Use a new token.
    TokenMismatch,
    /// A documented limit would be passed; nothing was written. Wait until what counts towards it is done or gone (an index that is
    /// being filled, old decreases of throughput), ask for less, or raise the limit where it is an option.
    LimitExceeded,
    /// A policy does not allow it; nothing was read or written. The text names the action, the resource and the kind of policy.
    Denied,
    /// More throughput was asked for than the table or partition has. Retry later.
    Throttled,
    /// The service failed, or gave no answer, as a [model of faults](crate::OpenOptions::faults) wants it. Retry; whether the
    /// request was carried out is said by [`Detail::Fault`](super::Detail::Fault).
    Unavailable,
    /// A stream iterator or position is too old, or another worker of the consumer goes on from it. Take a new iterator, or the
    /// next batch.
    Expired,
    /// A stored item does not fit the Rust type that it is read into. Correct the type, or the item.
    Decode,
    /// An operation of the operating system on a file failed. The message names file and operation; the
    /// [source](std::error::Error::source) is the [`std::io::Error`].
    Io,
    /// An earlier write or sync failed; the database accepts no writes until it is reopened. Reads go on. The
    /// [source](std::error::Error::source) is that failure.
    Poisoned,
    /// Bytes on disk are not what was written. The message names file and offset. Restore the file from a copy.
    Corrupt,
    /// The database is open already, in this process or in another one. Close it there, send requests to its server, or open it
    /// everywhere with [`open_read_only`](crate::OpenOptions::open_read_only).
    Locked,
    /// The key does not fit: none was given for an encrypted database, or another one, or one for a database that is not
    /// encrypted, or what should be a key is none. Nothing was changed. Open the database with its key.
    Key,
    /// The database was closed. Open it again.
    Closed,
    /// The files were written by a newer version, or the folder is not a database.
    Incompatible,
    /// The operation is not possible in this mode (for example writing to a database opened read-only).
    Unsupported,
}

impl ErrorKind {
    /// Whether the database failed rather than the request: a server answers such an error with a status of 500
    /// ([`Unsupported`](Self::Unsupported) with 400, an injected ServiceUnavailable with 503), any other with 400.
    pub fn is_server_fault(self) -> bool {
        match self {
            Self::Decode
            | Self::Io
            | Self::Poisoned
            | Self::Corrupt
            | Self::Locked
            | Self::Key
            | Self::Closed
            | Self::Incompatible
            | Self::Unsupported
            | Self::Unavailable => true,
            Self::Validation
            | Self::NotFound
            | Self::InUse
            | Self::ConditionFailed
            | Self::TransactionCanceled
            | Self::Conflict
            | Self::TokenMismatch
            | Self::LimitExceeded
            | Self::Denied
            | Self::Throttled
            | Self::Expired => false,
        }
    }
}
