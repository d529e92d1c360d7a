//! Where a change is in its stream: the commit that made it, and its place among the commit's changes.
//!
//! As text it is a decimal number of 25 digits, `1`, the number of the commit in 20 digits, its place in 4: long enough
//! for DynamoDB's rule (21 to 40 digits), without a leading zero that a big integer would lose, and in the same order as
//! text and as number.

use std::{fmt, str::FromStr};

/// Fewest digits of a sequence number.
pub const MIN_SEQUENCE_DIGITS: usize = 21;
/// Most digits of a sequence number.
pub const MAX_SEQUENCE_DIGITS: usize = 40;
const BASE: u128 = 1_000_000_000_000_000_000_000_000;
const PLACES: u128 = 10_000;

/// The sequence number of a change: ascending within a shard, unique within a table's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence {
    /// Number of the commit.
    pub seqno: u64,
    /// Place of the change in its commit.
    pub ordinal: u16,
}

impl Sequence {
    /// The sequence number of a change; places beyond 9,999, which no commit has, count as that.
    pub fn new(seqno: u64, place: usize) -> Self {
        let last = (PLACES - 1) as u16;
        Self { seqno, ordinal: u16::try_from(place).unwrap_or(last).min(last) }
    }
    /// Before every change of this commit.
    pub fn first_of(seqno: u64) -> Self {
        Self { seqno, ordinal: 0 }
    }
    /// The next higher sequence number.
    pub fn next(self) -> Self {
        if u128::from(self.ordinal) + 1 < PLACES {
            Self { seqno: self.seqno, ordinal: self.ordinal + 1 }
        } else {
            Self { seqno: self.seqno.saturating_add(1), ordinal: 0 }
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", BASE + u128::from(self.seqno) * PLACES + u128::from(self.ordinal))
    }
}

/// The text is not a sequence number that this crate gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASequence;

impl FromStr for Sequence {
    type Err = NotASequence;
    fn from_str(text: &str) -> Result<Self, NotASequence> {
        let digits = text.len() <= MAX_SEQUENCE_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: u128 = if digits { text.parse().map_err(|_| NotASequence)? } else { return Err(NotASequence) };
        let rest = number.checked_sub(BASE).ok_or(NotASequence)?;
        let seqno = u64::try_from(rest / PLACES).map_err(|_| NotASequence)?;
        Ok(Self { seqno, ordinal: (rest % PLACES) as u16 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_value_and_order() {
        let all = [(0, 0), (0, 1), (1, 0), (1, 9_999), (2, 0), (u64::MAX, 0), (u64::MAX, 9_999)];
        let all: Vec<Sequence> = all.iter().map(|&(seqno, place)| Sequence::new(seqno, place)).collect();
        let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert!(texts.windows(2).all(|pair| pair[0] < pair[1]));
        for (sequence, text) in all.iter().zip(&texts) {
            assert!((MIN_SEQUENCE_DIGITS..=MAX_SEQUENCE_DIGITS).contains(&text.len()), "{text}");
            assert_eq!(text.parse(), Ok(*sequence));
        }
        assert_eq!(Sequence::new(7, 9_999).next(), Sequence::new(8, 0));
        for text in ["", "1", "-1000000000000000000000001", "9999999999999999999999999999999999999999", "x"] {
            assert_eq!(text.parse::<Sequence>(), Err(NotASequence), "{text}");
        }
    }
}
