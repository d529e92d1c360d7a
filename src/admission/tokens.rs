//! Client request tokens: a transaction that was carried out is not carried out again for ten minutes.
//!
//! A clock that was ahead is set back some day. A token that was used at a time further in the future than tokens are
//! remembered counts as used now, so that it goes in ten minutes and not once that time has come.
//!
//! Tokens are part of the log records of their transactions, so that replay brings them back. Before a log segment is
//! removed, the tokens in it that still count are logged once more, each as a commit without changes.

use crate::{
    error::Result,
    sync::{OrderedMutex, Rank},
    wal::record::ClientToken,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// How long a token is remembered.
pub const TOKEN_MILLIS: u64 = 10 * 60 * 1000;

/// What is known about a token that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// Of the request.
    pub fingerprint: Option<u64>,
    /// When the transaction was logged.
    pub at_millis: u64,
    /// Number of the log record that tells.
    pub seqno: u64,
    /// Bytes of the larger image of each item, before and after; `None` if the token was read from the log.
    pub images: Option<Arc<[usize]>>,
}

impl TokenUse {
    fn is_living(&self, now_millis: u64) -> bool {
        now_millis < self.at_millis.saturating_add(TOKEN_MILLIS)
    }
}

/// Tokens and when they were used.
#[derive(Debug)]
pub struct Tokens(OrderedMutex<Inner>);

impl Default for Tokens {
    fn default() -> Self {
        Self(OrderedMutex::new(Rank::Tokens, Inner::default()))
    }
}

#[derive(Debug, Default)]
struct Inner {
    by_token: BTreeMap<String, TokenUse>,
    /// In the order in which they were used.
    by_age: VecDeque<(String, u64)>,
    /// No token was used later than this.
    latest_millis: u64,
    /// Tokens of transactions that are about to be logged.
    claimed: BTreeSet<String>,
}

impl Inner {
    /// Notices that the clock was set back. Clocks that threads read one before the other do not count.
    fn heed(&mut self, now_millis: u64) {
        if self.latest_millis <= now_millis.saturating_add(TOKEN_MILLIS) {
            return;
        }
        self.latest_millis = now_millis;
        let by_token = self.by_token.iter_mut();
        let used = by_token.map(|(token, used)| {
            used.at_millis = used.at_millis.min(now_millis);
            (used.at_millis, token.clone())
        });
        let mut by_age: Vec<(u64, String)> = used.collect();
        by_age.sort_unstable();
        self.by_age = by_age.into_iter().map(|(at_millis, token)| (token, at_millis)).collect();
    }
    fn known(&self, token: &str, now_millis: u64) -> Option<TokenUse> {
        self.by_token.get(token).cloned().filter(|used| used.is_living(now_millis))
    }
}

/// A token that no other transaction can use until this is dropped.
#[derive(Debug)]
pub struct Claim<'a> {
    tokens: &'a Tokens,
    token: &'a str,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.tokens.0.lock().claimed.remove(self.token);
    }
}

impl Tokens {
    /// Takes a token for a transaction that is about to be logged, with other items perhaps than another one with this token;
    /// `None` if another one is, or was within ten minutes.
    pub fn claim<'a>(&'a self, token: &'a str, now_millis: u64) -> Option<Claim<'a>> {
        let mut inner = self.0.lock();
        inner.heed(now_millis);
        let is_free = inner.known(token, now_millis).is_none() && inner.claimed.insert(token.to_owned());
        if is_free { Some(Claim { tokens: self, token }) } else { None }
    }

    /// A transaction with this token has been logged, or its token once more.
    pub fn remember(&self, token: &ClientToken, at_millis: u64, seqno: u64) {
        let mut inner = self.0.lock();
        let used = TokenUse { fingerprint: token.fingerprint, at_millis, seqno, images: None };
        inner.latest_millis = inner.latest_millis.max(at_millis);
        if inner.by_token.insert(token.token.clone(), used).is_none_or(|before| before.at_millis != at_millis) {
            inner.by_age.push_back((token.token.clone(), at_millis));
        }
    }

    /// The images of the items of the transaction with this token, in the order of its actions.
    pub fn note_images(&self, token: &str, images: Arc<[usize]>) {
        if let Some(used) = self.0.lock().by_token.get_mut(token) {
            used.images = Some(images);
        }
    }

    /// Gives back the memory of tokens that do not count any more.
    pub fn expire(&self, now_millis: u64) {
        let mut inner = self.0.lock();
        inner.heed(now_millis);
        while inner.by_age.front().is_some_and(|(_, used_at)| now_millis >= used_at.saturating_add(TOKEN_MILLIS)) {
            let Some((oldest, _)) = inner.by_age.pop_front() else { return };
            if inner.by_token.get(&oldest).is_some_and(|used| !used.is_living(now_millis)) {
                inner.by_token.remove(&oldest);
            }
        }
    }

    /// What a token was used for, if it is still remembered.
    pub fn known(&self, token: &str, now_millis: u64) -> Option<TokenUse> {
        let mut inner = self.0.lock();
        inner.heed(now_millis);
        inner.known(token, now_millis)
    }

    /// Calls back with every token that still counts and that only log records below a number tell of.
    pub fn below(
        &self,
        seqno: u64,
        now_millis: u64,
        log_again: &mut dyn FnMut(&str, &TokenUse) -> Result<u64>,
    ) -> Result<()> {
        let mut inner = self.0.lock();
        inner.heed(now_millis);
        let old = inner.by_token.iter_mut().filter(|(_, used)| used.seqno < seqno && used.is_living(now_millis));
        for (token, used) in old {
            used.seqno = log_again(token, used)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str) -> ClientToken {
        ClientToken { token: name.to_owned(), fingerprint: Some(7) }
    }

    #[test]
    fn tokens_are_remembered_for_ten_minutes() {
        let tokens = Tokens::default();
        tokens.remember(&token("a"), 1000, 1);
        tokens.remember(&token("b"), 2000, 2);
        assert_eq!(tokens.known("a", 1000 + TOKEN_MILLIS - 1).map(|used| used.seqno), Some(1));
        tokens.remember(&token("b"), 2000, 3);
        assert_eq!(tokens.0.lock().by_age.len(), 2, "what is logged once more is as old as before");
        assert_eq!(tokens.known("a", 1000 + TOKEN_MILLIS), None);
        tokens.expire(1000 + TOKEN_MILLIS);
        assert_eq!(tokens.known("a", 1000), None, "forgotten");
        assert!(tokens.known("b", 1000 + TOKEN_MILLIS).is_some());
        assert_eq!(tokens.0.lock().by_age.len(), 1);
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_no_token_for_longer_than_others() {
        const YEAR: u64 = 365 * 24 * 60 * 60 * 1000;
        let tokens = Tokens::default();
        tokens.remember(&token("early"), 0, 1);
        tokens.remember(&token("ahead"), YEAR, 2);
        // It is set back. What was used a moment ago is known as long as anything else.
        assert_eq!(tokens.known("ahead", 10).map(|used| used.at_millis), Some(10));
        tokens.remember(&token("late"), 20, 3);
        assert!(tokens.known("ahead", TOKEN_MILLIS + 9).is_some());
        for (now_millis, left) in [(TOKEN_MILLIS, 2), (TOKEN_MILLIS + 10, 1), (TOKEN_MILLIS + 20, 0)] {
            tokens.expire(now_millis);
            let inner = tokens.0.lock();
            assert_eq!((inner.by_token.len(), inner.by_age.len()), (left, left), "{now_millis}");
        }
        // Times that are a little apart are those of clocks that threads read one before the other.
        tokens.remember(&token("other"), TOKEN_MILLIS, 4);
        assert_eq!(tokens.known("other", 0).map(|used| used.at_millis), Some(TOKEN_MILLIS));
    }

    #[test]
    fn a_token_is_claimed_once() {
        let tokens = Tokens::default();
        let claim = tokens.claim("a", 0).unwrap();
        assert!(tokens.claim("a", 0).is_none() && tokens.claim("b", 0).is_some());
        drop(claim);
        drop(tokens.claim("a", 0).unwrap());
        tokens.remember(&token("a"), 0, 1);
        assert!(tokens.claim("a", 0).is_none() && tokens.claim("a", TOKEN_MILLIS).is_some());
    }

    #[test]
    fn living_tokens_of_old_records_are_logged_again() {
        let tokens = Tokens::default();
        for (name, at_millis, seqno) in [("expired", 0, 1), ("old", TOKEN_MILLIS, 2), ("new", TOKEN_MILLIS, 9)] {
            tokens.remember(&token(name), at_millis, seqno);
        }
        let mut logged = Vec::new();
        let mut log_again = |token: &str, _: &TokenUse| {
            logged.push(token.to_owned());
            Ok(10)
        };
        tokens.below(9, TOKEN_MILLIS, &mut log_again).unwrap();
        assert_eq!(logged, ["old"]);
        assert_eq!(tokens.known("old", TOKEN_MILLIS).map(|used| used.seqno), Some(10));
    }
}
