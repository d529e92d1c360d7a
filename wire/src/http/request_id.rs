//! Identifiers of requests: 52 capital letters and digits, as DynamoDB sends them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Characters that vary.
const VARIABLE: usize = 26;
/// DynamoDB's identifiers all end alike.
const TAIL: &str = "VV4KQNSO5AEMVJF66Q9ASUAAJG";
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A source of identifiers that differ from each other; they are not secret.
pub(crate) struct RequestIds(AtomicU64);

impl RequestIds {
    /// Identifiers that follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next identifier.
    pub(crate) fn next(&self) -> String {
        // The golden ratio visits all 64-bit numbers once before it repeats.
        let count = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let bits = u128::from(mixed(count)) << 64 | u128::from(mixed(count ^ 0xa5a5_a5a5_a5a5_a5a5));
        let mut id = String::with_capacity(VARIABLE + TAIL.len());
        for place in 0..VARIABLE {
            id.push(char::from(ALPHABET[(bits >> (5 * place) & 31) as usize]));
        }
        id + TAIL
    }
}

/// The finishing step of SplitMix64: every bit of the input moves every bit of the output.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_look_like_dynamodbs_and_differ() {
        let ids = RequestIds::new(7);
        let (first, second) = (ids.next(), ids.next());
        assert_eq!(first.len(), 52);
        assert!(first.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
        assert_ne!(first, second);
    }
}
