//! What takes the place of a value: a hash of its own type, or something that looks like a name, an address, a text.

use fake::{
    Fake,
    faker::{lorem::en::Words, name::en::Name},
    rand::{SeedableRng, rngs::StdRng},
};
use hashrange::{AttributeValue, Number};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::fmt::Write;

/// Bytes of a hash that are kept: 128 bits, so that two values meet by no chance.
const KEPT_BYTES: usize = 16;
/// Bytes that a text of made up words may have, or as many as the text that it stands for.
const SHORT_TEXT_BYTES: usize = 1_024;
/// Numbers are hashed to 18 digits.
const NUMBERS: u64 = 1_000_000_000_000_000_000;

/// What a text that is made up looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Look {
    /// First and last name.
    Name,
    /// A mail address at example.com, which no one owns.
    Email,
    /// A telephone number of the range that is kept for fiction.
    Phone,
    /// As many words as the text has; fewer if they would be longer than a long text.
    Text,
}

/// The key of hashes.
#[derive(Clone)]
pub(super) struct HashKey(pub(super) Vec<u8>);

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(..)")
    }
}

impl HashKey {
    fn digest(&self, kind: &str, bytes: &[u8]) -> [u8; 32] {
        // A key of any length is taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    /// The hash of a text: 32 hexadecimal digits.
    pub(super) fn text(&self, text: &str) -> String {
        hex(&self.digest("S", text.as_bytes())[..KEPT_BYTES])
    }

    /// The hash of a file of rules.
    #[cfg(feature = "copy")]
    pub(super) fn fingerprint(&self, rules: &[u8]) -> String {
        hex(&self.digest("rules", rules))
    }

    fn number(&self, number: &Number) -> Number {
        let digest = self.digest("N", number.to_string().as_bytes());
        let first: [u8; 8] = std::array::from_fn(|at| digest[at]);
        Number::from(u64::from_be_bytes(first) % NUMBERS)
    }

    fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.digest("B", bytes)[..KEPT_BYTES].to_vec()
    }

    /// The hash of a value: of its own type for texts, numbers, binaries and sets of them; a text for everything else, so that
    /// nothing of what it holds is left, names of members included.
    pub(super) fn value(&self, value: AttributeValue) -> AttributeValue {
        match value {
            AttributeValue::S(text) => AttributeValue::S(self.text(&text)),
            AttributeValue::N(number) => AttributeValue::N(self.number(&number)),
            AttributeValue::B(bytes) => AttributeValue::B(self.bytes(&bytes).into()),
            AttributeValue::Ss(set) => AttributeValue::Ss(set.iter().map(|text| self.text(text)).collect()),
            AttributeValue::Ns(set) => AttributeValue::Ns(set.iter().map(|number| self.number(number)).collect()),
            AttributeValue::Bs(set) => AttributeValue::Bs(set.iter().map(|bytes| self.bytes(bytes).into()).collect()),
            other => AttributeValue::S(hex(&self.digest("J", other.to_dynamodb_json().as_bytes())[..KEPT_BYTES])),
        }
    }

    /// A text of a look, always the same for the same value.
    pub(super) fn fake(&self, look: Look, value: &AttributeValue) -> AttributeValue {
        let (kind, bytes) = match value {
            AttributeValue::S(text) => ("S", text.clone()),
            other => ("J", other.to_dynamodb_json()),
        };
        let digest = self.digest(kind, bytes.as_bytes());
        let mut random = StdRng::from_seed(digest);
        AttributeValue::S(match look {
            Look::Name => Name().fake_with_rng(&mut random),
            Look::Email => format!("{}@example.com", hex(&digest[..8])),
            Look::Phone => {
                format!("+1-{}-555-01{:02}", (200..=999).fake_with_rng::<u32, _>(&mut random), digest[0] % 100)
            }
            Look::Text => {
                let words = bytes.split_whitespace().count().max(1);
                let words: Vec<String> = Words(words..words + 1).fake_with_rng(&mut random);
                // A text of one-letter words must not become too large for an item.
                let mut left = bytes.len().max(SHORT_TEXT_BYTES);
                let fits = |word: &&String| {
                    let rest = left.checked_sub(word.len() + 1);
                    left = rest.unwrap_or_default();
                    rest.is_some()
                };
                words.iter().take_while(fits).map(String::as_str).collect::<Vec<_>>().join(" ")
            }
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
    }
    text
}
