//! Decimal numbers of up to 38 significant digits, exact in every operation.
//!
//! A number is kept as `sign × coefficient × 10^exponent`, where the coefficient never ends in a zero digit and zero
//! has only one form. Two numbers are therefore equal exactly if their fields are, which makes the derived equality and
//! hash agree with the numeric order. Nothing is ever rounded: a result that does not fit is rejected.
//!
//! The limits are DynamoDB's: at most 38 significant digits, magnitudes from 1E-130 to
//! 9.9999999999999999999999999999999999999E+125, and zero.
//!
//! - [`text`]: the written form, read and printed
//! - [`ordered`]: the bytes that sort like the numbers do
//! - [`convert`]: Rust's own numbers and serde

mod convert;
mod ordered;
mod text;

use crate::error::{Error, Result};
use std::{cmp::Ordering, fmt, ops::Neg};

/// Most significant digits of a number.
const MAX_DIGITS: u32 = 38;
/// The first coefficient that has too many digits: 10^38.
const COEFFICIENT_END: u128 = 10u128.pow(MAX_DIGITS);
/// Decimal exponent of the leading digit of the largest numbers.
const MAX_MAGNITUDE: i64 = 125;
/// Decimal exponent of the leading digit of the smallest numbers.
const MIN_MAGNITUDE: i64 = -130;

const TOO_MANY_DIGITS: &str = "Attempting to store more than 38 significant digits in a Number";
const OVERFLOW: &str = "Number overflow. Attempting to store a number with magnitude larger than supported range";
const UNDERFLOW: &str = "Number underflow. Attempting to store a number with magnitude smaller than supported range";

/// A decimal number, exact to 38 significant digits.
///
/// Equality, order and hash are numeric: `1e3`, `1000` and `1000.00` are the same number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Number {
    /// High and low half of the coefficient: as a `u128` it would make every attribute value a third larger.
    high: u64,
    low: u64,
    /// Power of ten of the coefficient's last digit: -167 to 125.
    exponent: i16,
    negative: bool,
}

/// Why something is no number. It is kept as a coefficient that ends in zeros, which no number has. Encoded, it ends in a pair of
/// zeros, and a decoder rejects that.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NumberFault {
    NotFinite = 100,
    Overflow = 200,
    Underflow = 300,
    TooManyDigits = 400,
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self { high: 0, low: 0, exponent: 0, negative: false };

    /// Marks what is in the place of a number that could not be made, for conversions that return no error. The
    /// operation that is given it is rejected; see [`check`](Self::check). No number has this exponent.
    const FAULT_EXPONENT: i16 = i16::MAX;

    /// Keeps a fault until the number is used.
    pub(crate) fn of_fault(fault: NumberFault) -> Self {
        Self { high: 0, low: fault as u64, exponent: Self::FAULT_EXPONENT, negative: false }
    }

    /// Whether this is a number, and not a fault that was kept.
    #[inline]
    pub(crate) fn is_sound(&self) -> bool {
        self.exponent != Self::FAULT_EXPONENT
    }

    /// Rejects a fault that was kept.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_sound() {
            return Ok(());
        }
        Err(match self.low {
            fault if fault == NumberFault::Overflow as u64 => Error::validation(OVERFLOW),
            fault if fault == NumberFault::Underflow as u64 => Error::validation(UNDERFLOW),
            fault if fault == NumberFault::TooManyDigits as u64 => Error::validation(TOO_MANY_DIGITS),
            _ => text::not_a_number("NaN"),
        })
    }

    /// The digits as one integer, without trailing zeros; 0 only for zero.
    fn coefficient(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// How many significant digits there are; 0 for zero.
    fn digit_count(&self) -> u32 {
        if self.high == 0 {
            self.low.checked_ilog10().map_or(0, |log| log + 1)
        } else {
            self.coefficient().checked_ilog10().map_or(0, |log| log + 1)
        }
    }

    /// Decimal exponent of the leading digit: 2 for 100 and for 999.
    fn magnitude(&self) -> i32 {
        i32::from(self.exponent) + self.digit_count() as i32 - 1
    }

    /// A number from canonical parts that are known to be within the limits.
    fn from_canonical(negative: bool, coefficient: u128, exponent: i16) -> Self {
        debug_assert!(coefficient != 0 && !coefficient.is_multiple_of(10) && coefficient < COEFFICIENT_END);
        Self { high: (coefficient >> 64) as u64, low: coefficient as u64, exponent, negative }
    }

    /// A number from any coefficient and exponent: trims trailing zeros, then checks the limits. `too_many_digits` is
    /// the text of the error of more than 38 digits, which is another one for arithmetic than for input.
    fn from_parts(negative: bool, coefficient: u128, exponent: i64, too_many_digits: &'static str) -> Result<Self> {
        if coefficient == 0 {
            return Ok(Self::ZERO);
        }
        let (coefficient, zeros) = trim_zeros(coefficient);
        let exponent = exponent + i64::from(zeros);
        let magnitude = exponent + i64::from(coefficient.ilog10());
        if magnitude > MAX_MAGNITUDE {
            return Err(Error::validation(OVERFLOW));
        }
        if magnitude < MIN_MAGNITUDE {
            return Err(Error::validation(UNDERFLOW));
        }
        if coefficient >= COEFFICIENT_END {
            return Err(Error::validation(too_many_digits));
        }
        Ok(Self::from_canonical(negative, coefficient, exponent as i16))
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.high == 0 && self.low == 0
    }

    /// Whether this is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// The exact sum.
    ///
    /// # Errors
    /// A validation error with DynamoDB's overflow text if the sum needs more than 38 digits or is too large, and with
    /// its underflow text if the sum is too small; the sum is never rounded.
    pub fn checked_add(&self, other: &Self) -> Result<Self> {
        if self.is_zero() {
            return Ok(*other);
        }
        if other.is_zero() {
            return Ok(*self);
        }
        let overflow = || Error::validation(OVERFLOW);
        let (upper, lower) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        // The last digit of `lower` is not zero, so with unequal exponents the sum's is not either, and nothing can be
        // trimmed: if the shifted coefficient passes 128 bits, the sum has more than 38 digits.
        let shift = u32::from(upper.exponent.abs_diff(lower.exponent));
        let factor = if shift <= MAX_DIGITS { power_of_ten(shift) } else { return Err(overflow()) };
        let shifted = upper.coefficient().checked_mul(factor).ok_or_else(overflow)?;
        let (negative, coefficient) = if upper.negative == lower.negative {
            (upper.negative, shifted.checked_add(lower.coefficient()).ok_or_else(overflow)?)
        } else if shifted >= lower.coefficient() {
            (upper.negative, shifted - lower.coefficient())
        } else {
            (lower.negative, lower.coefficient() - shifted)
        };
        Self::from_parts(negative, coefficient, i64::from(lower.exponent), OVERFLOW)
    }

    /// The exact difference.
    ///
    /// # Errors
    /// As for [`Number::checked_add`].
    pub fn checked_sub(&self, other: &Self) -> Result<Self> {
        self.checked_add(&-*other)
    }

    /// What the number counts in the size of an item, in bytes: one, plus one for every two digits on each side of the
    /// decimal point (zeros at either end are no digits), plus one if it is negative. Independent of how the number was
    /// written.
    pub fn size_bytes(&self) -> usize {
        let digits = self.digit_count() as i32;
        let left = (digits + i32::from(self.exponent)).clamp(0, digits);
        let right = digits - left;
        1 + ((left + 1) / 2 + (right + 1) / 2) as usize + usize::from(self.negative)
    }
}

impl Neg for Number {
    type Output = Self;
    fn neg(self) -> Self {
        Self { negative: !self.negative && !self.is_zero(), ..self }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |n: &Self| if n.is_zero() { 0 } else { 1 - 2 * i8::from(n.negative) };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal || self.is_zero() {
            return by_sign;
        }
        let (digits, other_digits) = (self.digit_count(), other.digit_count());
        let by_magnitude = self.magnitude().cmp(&other.magnitude()).then_with(|| {
            // The leading digits are at the same place: fill up the shorter coefficient and compare.
            let filled = self.coefficient() * power_of_ten(other_digits.saturating_sub(digits));
            filled.cmp(&(other.coefficient() * power_of_ten(digits.saturating_sub(other_digits))))
        });
        if self.negative { by_magnitude.reverse() } else { by_magnitude }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 10^exponent; the exponent is at most 38.
fn power_of_ten(exponent: u32) -> u128 {
    const POWERS: [u128; MAX_DIGITS as usize + 1] = {
        let mut powers = [1u128; MAX_DIGITS as usize + 1];
        let mut i = 1;
        while i < powers.len() {
            powers[i] = powers[i - 1] * 10;
            i += 1;
        }
        powers
    };
    POWERS[exponent as usize]
}

/// A coefficient (not 0) without its trailing zeros, and how many those were.
fn trim_zeros(mut coefficient: u128) -> (u128, u32) {
    let mut zeros = 0;
    // Division of 128 bits is slow: in 64 bits as soon as the coefficient is small enough.
    while coefficient > u128::from(u64::MAX) {
        if !coefficient.is_multiple_of(10) {
            return (coefficient, zeros);
        }
        coefficient /= 10;
        zeros += 1;
    }
    let mut low = coefficient as u64;
    while low.is_multiple_of(10) && low != 0 {
        low /= 10;
        zeros += 1;
    }
    (u128::from(low), zeros)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::hash::{DefaultHasher, Hash, Hasher};

    pub(crate) fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    /// Any number within the limits, with short ones and neighbouring ones as likely as long ones.
    pub(crate) fn any_number() -> impl Strategy<Value = Number> {
        let digits = prop_oneof![0u128..1000, 0u128..=u128::from(u64::MAX), 0u128..COEFFICIENT_END];
        let exponent = prop_oneof![4 => -6i64..6, 1 => -130i64..=125];
        (any::<bool>(), digits, exponent)
            .prop_filter_map("out of range", |(n, c, e)| Number::from_parts(n, c, e, OVERFLOW).ok())
    }

    /// An integer of at most so many digits.
    fn scaled(digits: u32) -> impl Strategy<Value = i128> {
        -10i128.pow(digits)..10i128.pow(digits)
    }

    fn make(integer: i128, exponent: i64) -> Number {
        Number::from_parts(integer < 0, integer.unsigned_abs(), exponent, OVERFLOW).unwrap()
    }

    fn hash_of(n: &Number) -> u64 {
        let mut hasher = DefaultHasher::new();
        n.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn a_number_takes_three_words() {
        assert_eq!(size_of::<Number>(), 24);
    }

    #[test]
    fn order_is_numeric() {
        let ascending = "-1e125 -100.5 -100 -99.999 -1 -0.5 -1e-130 0 1E-130 1.5E-130 0.09 0.1 0.11 1 9.5 10 99 100 \
            100.00000000000000000000000000000000001 101 1E125";
        let ascending: Vec<_> = ascending.split_whitespace().collect();
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(number(a).cmp(&number(b)), i.cmp(&j), "{a} against {b}");
            }
        }
        assert_eq!(number("1e3"), number("1000.00"));
        assert_eq!(hash_of(&number("1e3")), hash_of(&number("1000")));
        assert_eq!(-number("0"), number("-0"));
    }

    #[test]
    fn sums_are_exact_or_refused() {
        let sum = |a: &str, b: &str| number(a).checked_add(&number(b)).map(|n| n.to_string());
        assert_eq!(sum("0.1", "0.2").unwrap(), "0.3");
        assert_eq!(sum("1e37", "1").unwrap(), "10000000000000000000000000000000000001");
        assert_eq!(sum("1e38", "-1").unwrap(), "9".repeat(38));
        assert_eq!(sum(&"9".repeat(38), "1").unwrap(), format!("1{}", "0".repeat(38)));
        assert_eq!(sum("5", "-5").unwrap(), "0");
        assert_eq!(sum("1e125", "-1e125").unwrap(), "0");
        assert_eq!(number("5").checked_sub(&number("7.5")).unwrap(), number("-2.5"));
        for (a, b) in [("1e50", "1"), ("1e125", "1e-130"), ("9e125", "9e125"), (&"9".repeat(38), "0.1")] {
            assert_eq!(sum(a, b).unwrap_err().message(), OVERFLOW, "{a} + {b}");
        }
        assert_eq!(sum("1.5e-130", "-1.4e-130").unwrap_err().message(), UNDERFLOW);
    }

    #[test]
    fn sizes_follow_the_digits() {
        let table = "0=1 -0=1 007=2 42=2 -42=3 100=2 123456=4 0.1=2 -0.5=3 100.5=4 3.14159=5 1e3=2 1E125=2 1E-130=2 \
            12.30=3 0.0000001=2 99999999999999999999999999999999999999=20 \
            9.9999999999999999999999999999999999999E+125=20";
        for (text, size) in table.split_whitespace().filter_map(|row| row.split_once('=')) {
            assert_eq!(number(text).size_bytes().to_string(), size, "{text}");
        }
    }

    proptest! {
        #[test]
        fn order_agrees_with_scaled_integers(a in scaled(30), b in scaled(30)) {
            prop_assert_eq!(make(a, -12).cmp(&make(b, -12)), a.cmp(&b));
        }

        #[test]
        fn sums_agree_with_scaled_integers(a in scaled(18), b in scaled(18), up in 0u32..19, place in -60i64..60) {
            // a is scaled up by `up` places, so that the operands have unequal exponents; the sum fits 38 digits.
            let (x, y) = (make(a, place + i64::from(up)), make(b, place));
            let shifted = a * 10i128.pow(up);
            prop_assert_eq!(x.checked_add(&y).unwrap(), make(shifted + b, place));
            prop_assert_eq!(y.checked_add(&x).unwrap(), make(shifted + b, place));
            prop_assert_eq!(x.checked_sub(&y).unwrap(), make(shifted - b, place));
        }

        #[test]
        fn sums_are_refused_exactly_if_they_need_too_many_digits(a in scaled(37), b in scaled(37), up in 0u32..40) {
            // Where the sum passes 128 bits and does not end in a zero, it has more than 38 digits.
            let sum = make(a, i64::from(up)).checked_add(&make(b, 0));
            let exact = 10i128.checked_pow(up).and_then(|power| a.checked_mul(power)).and_then(|a| a.checked_add(b));
            if let Some(exact) = exact {
                let digits = exact.unsigned_abs().to_string().trim_end_matches('0').len();
                prop_assert_eq!(sum.ok(), (digits <= 38).then(|| make(exact, 0)));
            } else if b % 10 != 0 {
                prop_assert!(sum.is_err());
            }
        }

        #[test]
        fn what_is_added_can_be_taken_away(a in any_number(), b in any_number()) {
            if let Ok(sum) = a.checked_add(&b) {
                prop_assert_eq!(sum.checked_sub(&b).unwrap(), a);
                prop_assert_eq!(sum.cmp(&a), b.cmp(&Number::ZERO));
            }
        }
    }
}
