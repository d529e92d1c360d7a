//! Secret bytes, which are erased when they are given back.

use crate::error::{Error, Result};
use std::{fmt, io};
use zeroize::Zeroizing;

/// Fills bytes with what no program can foresee. Errors: the operating system has no randomness.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("read", "the random numbers of the system", &io::Error::other(error.to_string())))?;
    Ok(bytes)
}

/// A key of 32 bytes. It is erased from memory when it is dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// A key that the caller has.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
    /// A new key. Errors: the operating system has no randomness.
    pub fn random() -> Result<Self> {
        random().map(Self::new)
    }
    /// The key.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
