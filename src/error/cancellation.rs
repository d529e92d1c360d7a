//! Why the actions of a cancelled transaction failed.

use bytes::Bytes;

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
    /// Whether the action was fine, and others cancelled the transaction.
    pub fn is_none(&self) -> bool {
        self.code == "None"
    }
    /// Whether the condition of the action was false.
    pub fn is_condition_failed(&self) -> bool {
        self.code == "ConditionalCheckFailed"
    }
    /// Whether the same action may succeed if the transaction is sent again unchanged.
    pub fn is_retryable(&self) -> bool {
        matches!(self.code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
    }
    pub(crate) fn old_item_bytes(&self) -> Option<&Bytes> {
        self.old_item.as_ref()
    }
}
