//! The cipher of one file.

use super::{EncryptedAs, Part, Secret, TAG_BYTES, Tag};
use crate::error::{Error, Result};
use hkdf::Hkdf;
use ring::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// What the key of a file is derived for, apart from the file itself.
const LABEL: &[u8] = b"hashrange file key 1";

/// Number of AES-256 in Galois counter mode.
const SUITE_AES: u8 = 1;
/// Number of ChaCha20 with Poly1305.
const SUITE_CHACHA: u8 = 2;

/// The cipher that is quicker here: AES where the processor has instructions for it.
pub(super) fn preferred_suite() -> u8 {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let has_aes = std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    let has_aes = std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    let has_aes = false;
    if has_aes { SUITE_AES } else { SUITE_CHACHA }
}

/// Encrypts and decrypts the parts of one file.
#[derive(Clone)]
pub struct FileCipher {
    cipher: Arc<Cipher>,
    generation: u32,
    mark: u64,
}

/// A key with what a cipher derives from it, which is overwritten when it is given back.
struct Cipher(LessSafeKey);

impl Cipher {
    fn new(algorithm: &'static Algorithm, key: &[u8; 32]) -> Option<Self> {
        Some(Self(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
    }
}

impl Drop for Cipher {
    fn drop(&mut self) {
        // `ring` erases nothing. A key of zeros in the same place overwrites what was there; the compiler has to assume that it
        // is read.
        if let Ok(zeros) = UnboundKey::new(self.0.algorithm(), &[0; 32]) {
            self.0 = LessSafeKey::new(zeros);
            std::hint::black_box(&self.0);
        }
    }
}

impl fmt::Debug for FileCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileCipher({:?})", self.cipher.0.algorithm())
    }
}

impl FileCipher {
    /// The cipher of the file `KEYS`, on every processor.
    pub(super) const OF_KEYS: u8 = SUITE_CHACHA;

    /// The cipher of a file of a kind and number; `None` if this version has no such cipher.
    pub(super) fn derive(
        database_key: &Secret,
        encrypted_as: &EncryptedAs,
        magic: &[u8; 8],
        database_id: u64,
        number: u64,
    ) -> Option<Self> {
        let (id, number) = (database_id.to_le_bytes(), number.to_le_bytes());
        let info = [LABEL, &[encrypted_as.suite], magic, &id, &number];
        let mut key = Zeroizing::new([0; 32]);
        let expander = Hkdf::<Sha256>::new(Some(&encrypted_as.salt), database_key.bytes());
        expander.expand_multi_info(&info, &mut *key).ok()?;
        Self::with_key(encrypted_as, &key)
    }

    fn with_key(encrypted_as: &EncryptedAs, key: &[u8; 32]) -> Option<Self> {
        let algorithm = match encrypted_as.suite {
            SUITE_AES => &AES_256_GCM,
            SUITE_CHACHA => &CHACHA20_POLY1305,
            _ => return None,
        };
        let cipher = Cipher::new(algorithm, key)?;
        Some(Self { cipher: Arc::new(cipher), generation: encrypted_as.generation, mark: encrypted_as.mark() })
    }

    /// Generation of the database key that it was derived from.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// By which other files of the database know this one.
    pub fn mark(&self) -> u64 {
        self.mark
    }

    /// Encrypts a part in place; the tag proves it and what is associated with it. The caller encrypts each part once.
    ///
    /// Errors: the part is longer than a cipher can take, which is 64 GiB.
    pub fn encrypt(&self, part: Part, offset: u64, associated: &[u8], bytes: &mut [u8]) -> Result<Tag> {
        let tag = self.cipher.0.seal_in_place_separate_tag(nonce(part, offset), Aad::from(associated), bytes);
        let tag = tag.ok().and_then(|tag| tag.as_ref().try_into().ok());
        tag.ok_or_else(|| Error::limit_exceeded("a part of a file is too long to be encrypted"))
    }

    /// Decrypts a part in place; false, and nothing of it may be used, if it is not what was encrypted here.
    #[must_use]
    pub fn decrypt(&self, part: Part, offset: u64, associated: &[u8], bytes: &mut [u8], tag: &Tag) -> bool {
        let (nonce, associated, tag) = (nonce(part, offset), Aad::from(associated), (*tag).into());
        self.cipher.0.open_in_place_separate_tag(nonce, associated, tag, bytes, 0..).is_ok()
    }
}

/// The kind of the part, then its place.
fn nonce(part: Part, offset: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[0] = match part {
        Part::Content => 0,
        Part::Header => 1,
        Part::Footer => 2,
    };
    nonce[4..].copy_from_slice(&offset.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

const _: () = assert!(TAG_BYTES == 16, "both ciphers have tags of 16 bytes");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_opens_in_its_place_only() {
        for suite in [SUITE_AES, SUITE_CHACHA] {
            let encrypted_as = EncryptedAs { suite, generation: 1, salt: [7; 32] };
            let key = Secret::new([9; 32]);
            let cipher = FileCipher::derive(&key, &encrypted_as, b"hrLOG\r\n\x1a", 5, 6).unwrap();
            let mut bytes = *b"a part of a file";
            let tag = cipher.encrypt(Part::Content, 64, b"clear", &mut bytes).unwrap();
            assert_ne!(&bytes, b"a part of a file");
            let opens = |cipher: &FileCipher, part, offset, clear: &[u8], tag: &Tag| {
                let mut bytes = bytes;
                cipher.decrypt(part, offset, clear, &mut bytes, tag) && &bytes == b"a part of a file"
            };
            assert!(opens(&cipher, Part::Content, 64, b"clear", &tag));
            assert!(!opens(&cipher, Part::Content, 65, b"clear", &tag));
            assert!(!opens(&cipher, Part::Footer, 64, b"clear", &tag));
            assert!(!opens(&cipher, Part::Content, 64, b"Clear", &tag));
            assert!(!opens(&cipher, Part::Content, 64, b"clear", &[0; 16]));
            let others = [
                FileCipher::derive(&key, &encrypted_as, b"hrMAN\r\n\x1a", 5, 6),
                FileCipher::derive(&key, &encrypted_as, b"hrLOG\r\n\x1a", 6, 6),
                FileCipher::derive(&key, &encrypted_as, b"hrLOG\r\n\x1a", 5, 7),
                FileCipher::derive(&key, &EncryptedAs { salt: [8; 32], ..encrypted_as }, b"hrLOG\r\n\x1a", 5, 6),
                FileCipher::derive(&Secret::new([8; 32]), &encrypted_as, b"hrLOG\r\n\x1a", 5, 6),
            ];
            for other in others {
                assert!(!opens(&other.unwrap(), Part::Content, 64, b"clear", &tag));
            }
        }
        let unknown = EncryptedAs { suite: 9, generation: 1, salt: [7; 32] };
        assert!(FileCipher::derive(&Secret::new([9; 32]), &unknown, b"hrLOG\r\n\x1a", 5, 6).is_none());
    }

    /// The key of a file must never change: these are the bytes of a file that an earlier build encrypted.
    #[test]
    fn golden_bytes() {
        let encrypted = [SUITE_AES, SUITE_CHACHA].map(|suite| {
            let encrypted_as = EncryptedAs { suite, generation: 1, salt: [7; 32] };
            let cipher = FileCipher::derive(&Secret::new([9; 32]), &encrypted_as, b"hrLOG\r\n\x1a", 5, 6).unwrap();
            let mut bytes = *b"hashrange";
            let tag = cipher.encrypt(Part::Content, 64, b"", &mut bytes).unwrap();
            data_encoding::HEXLOWER.encode(&[&bytes[..], &tag].concat())
        });
        assert_eq!(encrypted, GOLDEN);
    }

    const GOLDEN: [&str; 2] =
        ["cdbaf44113bbcd9d1fd1f23b92364b039d2d4854c42fb9273f", "7a446a4a4d906b887bc6efd5cef1b22173a29a4d02dfeed0d8"];
}
