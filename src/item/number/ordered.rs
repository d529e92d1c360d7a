//! Numbers as bytes whose unsigned order is the numeric order.
//!
//! ```text
//! head  one byte: 0x80 + h, where the first pair of digits counts units of 100^h × 10^-130 (h = 0 to 127)
//! pair  one byte for two decimal digits: pair << 1 | 1 if another one follows, pair << 1 for the last
//! zero  0x80 0x00: the head of the smallest numbers and a pair that those cannot have
//! -x    every byte of x inverted
//! ```
//!
//! The bytes tell their own end, so they can be in front of something else; no encoding is the beginning of
//! another. A number of `d` digits takes at most `2 + d / 2` bytes; 42 takes two. The first and the last pair are not
//! 0 (except in zero), so that a number has exactly one encoding. These bytes are part of the file format.

use super::{COEFFICIENT_END, MIN_MAGNITUDE, Number};

/// Pairs of 38 digits, when the pairs begin in the middle of the first and end in the middle of the last.
const MAX_PAIRS: usize = 20;
/// Head of h = 0; the highest bit is set for what is not negative.
const HEAD: u8 = 0x80;
const INVERTED: u8 = 0xFF;
/// Set in each pair but the last.
const MORE: u8 = 1;
const LARGEST_PAIR: u8 = 99;
const ZERO: [u8; 2] = [HEAD, 0];
/// 100 to the power of `CHUNK_PAIRS`: pairs that are computed in 64 bits.
const CHUNK: u128 = 100u128.pow(CHUNK_PAIRS as u32);
const CHUNK_PAIRS: usize = 9;

impl Number {
    /// Appends bytes that sort like the numbers and tell their own end.
    pub fn encode_ordered(&self, out: &mut Vec<u8>) {
        let (encoded, start) = self.ordered();
        out.extend_from_slice(&encoded[start..]);
    }

    /// The bytes of [`Number::encode_ordered`], from a position on.
    pub(in crate::item) fn ordered(&self) -> ([u8; MAX_PAIRS + 1], usize) {
        if self.is_zero() {
            let mut encoded = [0; MAX_PAIRS + 1];
            encoded[MAX_PAIRS - 1..].copy_from_slice(&ZERO);
            return (encoded, MAX_PAIRS - 1);
        }
        let mut encoded = [0u8; MAX_PAIRS + 1];
        let mut start = encoded.len();
        let mut coefficient = self.coefficient();
        // Pairs begin at even places: an odd one leaves a last digit that is the first of its pair.
        let odd = self.exponent.rem_euclid(2) == 1;
        if odd {
            start -= 1;
            encoded[start] = ((coefficient % 10) as u8 * 10) << 1 | MORE;
            coefficient /= 10;
        }
        while coefficient > u128::from(u64::MAX) {
            let mut chunk = (coefficient % CHUNK) as u64;
            coefficient /= CHUNK;
            for _ in 0..CHUNK_PAIRS {
                start -= 1;
                encoded[start] = ((chunk % 100) as u8) << 1 | MORE;
                chunk /= 100;
            }
        }
        let mut rest = coefficient as u64;
        while rest != 0 {
            start -= 1;
            encoded[start] = ((rest % 100) as u8) << 1 | MORE;
            rest /= 100;
        }
        let pairs = encoded.len() - start;
        encoded[MAX_PAIRS] &= !MORE;
        start -= 1;
        let last_place = i32::from(self.exponent) - i32::from(odd) - MIN_MAGNITUDE as i32;
        encoded[start] = HEAD + (last_place / 2 + pairs as i32 - 1) as u8;
        if self.negative {
            encoded[start..].iter_mut().for_each(|byte| *byte ^= INVERTED);
        }
        (encoded, start)
    }

    /// Reads a number from the beginning of `bytes`; returns it and how many bytes it took. None if the bytes are not
    /// what [`Number::encode_ordered`] writes.
    pub fn decode_ordered(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&head, pairs) = bytes.split_first()?;
        if bytes.starts_with(&ZERO) {
            return Some((Self::ZERO, ZERO.len()));
        }
        let negative = head < HEAD;
        let mask = if negative { INVERTED } else { 0 };
        let mut count = 0;
        let mut coefficient = 0u128;
        let mut short = 0u64;
        let last = loop {
            let byte = *pairs.get(count)? ^ mask;
            let pair = byte >> 1;
            if pair > LARGEST_PAIR || (count == 0 && pair == 0) {
                return None;
            }
            count += 1;
            if byte & MORE == 0 {
                break pair;
            }
            if count == MAX_PAIRS {
                return None;
            }
            if count <= CHUNK_PAIRS {
                short = short * 100 + u64::from(pair);
                coefficient = u128::from(short);
            } else {
                coefficient = coefficient * 100 + u128::from(pair);
            }
        };
        let place = 2 * (i32::from((head ^ mask) - HEAD) + 1 - count as i32) + MIN_MAGNITUDE as i32;
        let (last, factor, exponent) = if last % 10 == 0 { (last / 10, 10, place + 1) } else { (last, 100, place) };
        let coefficient = coefficient.checked_mul(factor)?.checked_add(u128::from(last))?;
        if last == 0 || coefficient >= COEFFICIENT_END {
            return None;
        }
        Some((Self::from_canonical(negative, coefficient, exponent as i16), count + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{any_number, number};
    use super::*;
    use proptest::prelude::*;

    fn encoded(n: &Number) -> Vec<u8> {
        let mut out = Vec::new();
        n.encode_ordered(&mut out);
        out
    }

    #[test]
    fn golden_bytes() {
        for (text, bytes) in [
            ("0", &[0x80, 0x00][..]),
            ("1", &[0xC1, 0x02]),
            ("42", &[0xC1, 84]),
            ("-42", &[0x3E, 171]),
            ("100", &[0xC2, 2]),
            ("123.4", &[0xC2, 3, 47, 80]),
            ("1E-130", &[0x80, 2]),
            ("-1E-130", &[0x7F, 253]),
            ("1E125", &[0xFF, 20]),
            ("1700000000000", &[0xC7, 3, 140]),
        ] {
            assert_eq!(encoded(&number(text)), bytes, "{text}");
            assert_eq!(Number::decode_ordered(bytes), Some((number(text), bytes.len())), "{text}");
        }
        let longest = number(&format!("1.{}1E1", "2".repeat(36)));
        assert_eq!(encoded(&longest).len(), 20);
        assert_eq!(encoded(&number(&format!("1.{}1", "2".repeat(36)))).len(), 21);
    }

    #[test]
    fn other_bytes_are_refused() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0xC1],
            &[0xC1, 3],
            &[0xC1, 0],
            &[0xC1, 1, 2],
            &[0xC1, 3, 0],
            &[0xC1, 200],
            &[0xC1, 0xFF, 2],
            &[0x7F, 0xFF],
            &[0x3E, 0xFF],
            &[0xC1; 40],
            &[0xC1, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 199, 198],
        ] {
            assert_eq!(Number::decode_ordered(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn decoding_is_the_inverse(n in any_number(), after in any::<Vec<u8>>()) {
            let mut bytes = encoded(&n);
            let length = bytes.len();
            bytes.extend_from_slice(&after);
            prop_assert_eq!(Number::decode_ordered(&bytes), Some((n, length)));
            prop_assert!(length <= 2 + n.digit_count().div_ceil(2) as usize);
        }

        #[test]
        fn bytes_sort_like_numbers(a in any_number(), b in any_number()) {
            prop_assert_eq!(encoded(&a).cmp(&encoded(&b)), a.cmp(&b));
        }

        #[test]
        fn neighbours_sort_like_numbers(a in any_number(), step in 1u128..200, place in -3i64..3) {
            let step = Number::from_parts(false, step, i64::from(a.exponent) + place, "");
            if let Ok(step) = step && let Ok(b) = a.checked_add(&step) {
                prop_assert!(a < b && encoded(&a) < encoded(&b), "{} {}", a, b);
            }
        }

        #[test]
        fn every_accepted_encoding_is_the_only_one(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            if let Some((n, length)) = Number::decode_ordered(&bytes) {
                prop_assert_eq!(encoded(&n), &bytes[..length]);
            }
        }
    }
}
