//! Client request tokens: a transaction that was carried out is not carried out again for ten minutes.
//!
//! Tokens are part of the log records of their transactions, so that replay brings them back.

use crate::wal::record::ClientToken;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// How long a token is remembered.
pub const TOKEN_MILLIS: u64 = 10 * 60 * 1000;

/// Tokens and when they were used.
#[derive(Debug, Default)]
pub struct Tokens(Mutex<BTreeMap<String, (u64, u64)>>);

impl Tokens {
    /// A transaction with this token has been logged.
    pub fn remember(&self, token: &ClientToken, at_millis: u64) {
        let mut tokens = self.0.lock();
        tokens.retain(|_, (_, used)| at_millis < used.saturating_add(TOKEN_MILLIS));
        tokens.insert(token.token.clone(), (token.fingerprint, at_millis));
    }
    /// The fingerprint that a token was used with, if it is still remembered.
    pub fn fingerprint(&self, token: &str, now_millis: u64) -> Option<u64> {
        let tokens = self.0.lock();
        let (fingerprint, used) = tokens.get(token)?;
        (now_millis < used.saturating_add(TOKEN_MILLIS)).then_some(*fingerprint)
    }
}
