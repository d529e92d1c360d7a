//! key types (placeholder until the real one lands)
use serde::{Deserialize, Serialize};
/// S, N or B
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyType {
    /// string
    S,
    /// number
    N,
    /// binary
    B,
}
