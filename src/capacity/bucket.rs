//! A bucket of tokens: it earns them at a steady rate, keeps them up to a limit, and may owe.
//!
//! All numbers are integers. A token is a thousandth of a unit, and a rate of so many units a second is the same number
//! of tokens a millisecond, so that nothing is divided and nothing is lost by rounding. What a bucket keeps is one number, the
//! tokens spent since its beginning: what it holds follows from that and the time.

use std::sync::atomic::{AtomicI64, Ordering};

/// Tokens of one unit.
pub const TOKENS_PER_UNIT: i64 = 1_000;
/// Rates above this many tokens a millisecond count as this many, so that years of earning fit 64 bits.
const MAX_RATE: i64 = 100_000_000;

/// A bucket of tokens.
#[derive(Debug)]
pub struct Bucket {
    /// Tokens spent since the beginning, forfeited ones included.
    spent: AtomicI64,
    /// Tokens earned a millisecond.
    rate: i64,
    /// The most that it holds.
    most: i64,
    begin_millis: u64,
}

impl Bucket {
    /// A bucket of `rate` tokens a millisecond that holds `secs` seconds of them at most, and `tokens` at the beginning.
    pub fn new(rate: i64, secs: u32, tokens: i64, now_millis: u64) -> Self {
        let rate = rate.clamp(0, MAX_RATE);
        let most = rate * 1_000 * i64::from(secs.max(1));
        Self { spent: AtomicI64::new(-tokens.min(most)), rate, most, begin_millis: now_millis }
    }
    /// What it holds after one second without use.
    pub fn second_of(rate: i64) -> i64 {
        rate.clamp(0, MAX_RATE) * 1_000
    }
    fn earned(&self, now_millis: u64) -> i64 {
        let millis = i64::try_from(now_millis.saturating_sub(self.begin_millis)).unwrap_or(i64::MAX);
        self.rate.saturating_mul(millis)
    }
    /// Tokens that it holds; negative for a debt.
    pub fn tokens(&self, now_millis: u64) -> i64 {
        self.earned(now_millis).saturating_sub(self.spent.load(Ordering::Relaxed)).min(self.most)
    }
    /// Whether it holds anything.
    #[inline]
    pub fn has_some(&self, now_millis: u64) -> bool {
        self.earned(now_millis) > self.spent.load(Ordering::Relaxed)
    }
    /// Whether it holds so many, or is full.
    pub fn has(&self, wanted: i64, now_millis: u64) -> bool {
        self.tokens(now_millis) >= wanted.min(self.most)
    }
    /// Takes tokens, into debt if need be.
    #[inline]
    pub fn debit(&self, cost: i64, now_millis: u64) {
        let least = self.earned(now_millis).saturating_sub(self.most);
        let mut spent = self.spent.load(Ordering::Relaxed);
        loop {
            let next = spent.max(least).saturating_add(cost);
            match self.spent.compare_exchange_weak(spent, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => spent = other,
            }
        }
    }
    /// A bucket of another rate with the same tokens, as far as it can hold them.
    pub fn with_rate(&self, rate: i64, secs: u32, now_millis: u64) -> Self {
        Self::new(rate, secs, self.tokens(now_millis), now_millis)
    }
    /// The same, where what cost `before` tokens costs `after`: it holds what is worth as much.
    pub fn with_costs(&self, rate: i64, secs: u32, (before, after): (usize, usize), now_millis: u64) -> Self {
        let worth = i128::from(self.tokens(now_millis)) * after as i128 / before.max(1) as i128;
        let tokens = i64::try_from(worth).unwrap_or(if worth < 0 { i64::MIN + 1 } else { i64::MAX });
        Self::new(rate, secs, tokens, now_millis)
    }
    /// Gives back tokens that were taken and not used.
    pub fn credit(&self, tokens: i64) {
        self.spent.fetch_sub(tokens, Ordering::Relaxed);
    }
    /// Tokens that it earns a millisecond, which are units a second.
    pub fn rate(&self) -> i64 {
        self.rate
    }
    /// The most that it holds.
    pub fn most(&self) -> i64 {
        self.most
    }
}
