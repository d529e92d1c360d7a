//! Base64 as JSON carries binary values: the standard alphabet, with padding, and strict.
//!
//! Every byte string has exactly one text. Texts with line breaks, missing padding or bits that would be lost are
//! rejected rather than guessed at.

use crate::error::{Error, ErrorKind, Result};
use data_encoding::{BASE64, DecodeKind};

/// Appends the text of `bytes`.
pub fn encode_into(bytes: &[u8], out: &mut String) {
    BASE64.encode_append(bytes, out);
}

/// The text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The bytes of a text.
///
/// # Errors
/// A serialization error with the service's text if the length is no multiple of four, if a character is not in the
/// alphabet, or if the last character has bits that belong to no byte.
pub fn decode(text: &str) -> Result<Vec<u8>> {
    let length = text.len();
    if !length.is_multiple_of(4) {
        return Err(refusal(format!("Base64 encoded length is expected a multiple of 4 bytes but found: {length}")));
    }
    // The crate takes padded texts one after the other; the service does not.
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    if digits.contains('=') {
        return Err(refusal("Invalid Base64 character: '='".to_owned()));
    }
    BASE64.decode(text.as_bytes()).map_err(|error| match error.kind {
        DecodeKind::Trailing => refusal("Invalid last non-pad Base64 character dectected".to_owned()),
        _ => {
            let character = text.as_bytes().get(error.position).copied().unwrap_or(b'=');
            refusal(format!("Invalid Base64 character: '{}'", char::from(character).escape_default()))
        }
    })
}

fn refusal(text: String) -> Error {
    Error::new(ErrorKind::Validation, "SerializationException", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            let mut out = "\"".to_owned();
            encode_into(bytes.as_bytes(), &mut out);
            assert_eq!(out[1..], *text);
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
            ("Zg==Zg==", "Invalid Base64 character: '='"),
            ("Z===", "Invalid Base64 character: '='"),
            ("====", "Invalid Base64 character: '='"),
            ("Zm 9", "Invalid Base64 character: ' '"),
            ("Zm-_", "Invalid Base64 character: '-'"),
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
