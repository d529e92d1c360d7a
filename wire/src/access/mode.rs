//! What a rejection by policies does.

/// What a rejection by policies does. In every mode requests have to be signed with the key of a principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AccessMode {
    /// Policies are not asked: each principal may do everything.
    Off,
    /// What policies reject is written to the log (target `hashrange_wire::access`, level `warn`), and carried out.
    Soft,
    /// What policies reject is rejected. The default.
    #[default]
    Enforced,
}
