//! What an access is noted under besides its place: the request that it is part of.

/// Whose request an access is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestLabel {
    /// DynamoDB's name of the operation; empty for the database's own work.
    pub operation: &'static str,
    /// Number of the caller's tag; 0 for none.
    pub tag: u32,
}
