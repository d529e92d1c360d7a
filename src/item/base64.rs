//! Base64 as JSON carries binary values: the standard alphabet, with padding, and strict.
//!
//! Every byte string has exactly one text. Texts with line breaks, missing padding or bits that would be lost are
//! refused rather than guessed at.

use crate::error::{Error, ErrorKind, Result};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PAD: u8 = b'=';
/// Mark in [`VALUES`] of a byte that is not in the alphabet.
const INVALID: u8 = 0xFF;
/// The six bits that each character stands for.
const VALUES: [u8; 256] = {
    let mut values = [INVALID; 256];
    let mut i = 0;
    while i < ALPHABET.len() {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// Appends the text of `bytes`.
pub(crate) fn encode_into(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().enumerate().fold(0u32, |bits, (i, &byte)| bits | u32::from(byte) << (16 - 8 * i));
        for i in 0..4 {
            let character = if i <= group.len() { ALPHABET[(bits >> (18 - 6 * i)) as usize & 63] } else { PAD };
            out.push(char::from(character));
        }
    }
}

/// The bytes of a text.
///
/// # Errors
/// A serialization error with the service's text if the length is no multiple of four, if a character is not in the
/// alphabet, or if the last character has bits that belong to no byte.
pub(super) fn decode(text: &str) -> Result<Vec<u8>> {
    let refuse = |what: String| Err(Error::new(ErrorKind::Validation, "SerializationException", what));
    if !text.len().is_multiple_of(4) {
        let length = text.len();
        return refuse(format!("Base64 encoded length is expected a multiple of 4 bytes but found: {length}"));
    }
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for (i, &character) in group.iter().enumerate() {
            let value = VALUES[usize::from(character)];
            if value == INVALID {
                return refuse(format!("Invalid base 64 character: '{}'", char::from(character)));
            }
            bits |= u32::from(value) << (18 - 6 * i);
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        let (kept, lost) = bytes.split_at(group.len() * 6 / 8);
        if lost.iter().any(|&byte| byte != 0) {
            return refuse("Invalid last non-pad Base64 character dectected".to_owned());
        }
        out.extend_from_slice(kept);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(bytes: &[u8]) -> String {
        let mut out = String::new();
        encode_into(bytes, &mut out);
        out
    }

    #[test]
    fn standard_vectors() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(encode(&[0xFB, 0xFF, 0xBF]), "+/+/");
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, message) in [
            ("Zg=", "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
            ("Zm9vY", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
            ("Zh==", "Invalid last non-pad Base64 character dectected"),
            ("Zm9=", "Invalid last non-pad Base64 character dectected"),
            ("Zg==Zg==", "Invalid base 64 character: '='"),
            ("Z===", "Invalid base 64 character: '='"),
            ("====", "Invalid base 64 character: '='"),
            ("Zm 9", "Invalid base 64 character: ' '"),
            ("Zm-_", "Invalid base 64 character: '-'"),
        ] {
            let error = decode(text).unwrap_err();
            assert_eq!((error.message(), error.code()), (message, "SerializationException"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn decoding_is_the_inverse(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn each_accepted_text_is_the_only_one(text in "[A-Za-z0-9+/]{0,6}={0,3}|.*") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
