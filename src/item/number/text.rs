//! Numbers as text: DynamoDB's grammar in, plain decimal notation out.
//!
//! ```text
//! number := [+-] (digits [. [digits]] | . digits) [(e|E) [+-] digits]
//! ```
//!
//! No spaces, no separators, no names such as `NaN`. The printed form has no exponent, no plus sign and no superfluous
//! zeros, so that equal numbers print alike: `0042.1200` becomes `42.12`, `1e3` becomes `1000`.

use super::{COEFFICIENT_END, MAX_DIGITS, MAX_MAGNITUDE, MIN_MAGNITUDE, Number, OVERFLOW, TOO_MANY_DIGITS, UNDERFLOW};
use crate::error::{Error, Result};
use std::{fmt, str::FromStr};

/// Most digits of a text that surely fit 64 bits.
const SHORT_DIGITS: usize = 19;
/// Longest digits with point: `0.` and 167 places for the last digit of 38 that begin at 1E-130.
const LONGEST_TEXT: usize = 2 + (MAX_DIGITS as usize - 1) + MIN_MAGNITUDE.unsigned_abs() as usize;

impl Number {
    /// Reads a number.
    ///
    /// # Errors
    /// A validation error with DynamoDB's text: not a number, more than 38 significant digits, too large or too small.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = text.as_bytes();
        let (negative, digits) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            all => (false, all),
        };
        if let Some(integer) = short_integer(digits) {
            return Self::from_parts(negative, u128::from(integer), 0, TOO_MANY_DIGITS);
        }
        let scanned = Scanned::scan(digits).ok_or_else(|| not_a_number(text))?;
        scanned.number(negative)
    }
}

impl FromStr for Number {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// DynamoDB's rejection of a text that is not a number.
pub(super) fn not_a_number(text: impl fmt::Display) -> Error {
    Error::validation(format!("The parameter cannot be converted to a numeric value: {text}"))
}

/// The most frequent numbers by far: a few digits and nothing else.
fn short_integer(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > SHORT_DIGITS {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

/// A text without its sign, taken apart.
struct Scanned {
    /// The first 38 digits from the first one that is not zero, with trailing zeros left out.
    coefficient: u128,
    /// Digits that `coefficient` stands for and those that no longer fitted; trailing zeros left out.
    significant: u64,
    /// Zeros written after the last digit that is not zero.
    trailing_zeros: u64,
    /// Digits written after the point.
    fraction: u64,
    exponent: i64,
}

impl Scanned {
    /// None if the text does not follow the grammar, or has an exponent of more than 64 bits.
    fn scan(text: &[u8]) -> Option<Self> {
        let mut scanned = Self { coefficient: 0, significant: 0, trailing_zeros: 0, fraction: 0, exponent: 0 };
        let mut any_digit = false;
        let mut seen_point = false;
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    any_digit = true;
                    scanned.fraction += u64::from(seen_point);
                    scanned.push(byte - b'0');
                }
                b'.' if !seen_point => seen_point = true,
                b'e' | b'E' if any_digit => {
                    scanned.exponent = parse_exponent(&text[at + 1..])?;
                    return Some(scanned);
                }
                _ => return None,
            }
        }
        any_digit.then_some(scanned)
    }

    fn push(&mut self, digit: u8) {
        if digit == 0 {
            self.trailing_zeros += u64::from(self.significant > 0);
            return;
        }
        // Zeros count once a further digit shows that they are not trailing ones.
        self.significant += self.trailing_zeros + 1;
        if self.significant <= u64::from(MAX_DIGITS) {
            self.coefficient =
                self.coefficient * super::power_of_ten(self.trailing_zeros as u32 + 1) + u128::from(digit);
        }
        self.trailing_zeros = 0;
    }

    fn number(self, negative: bool) -> Result<Number> {
        let is_zero = self.significant == 0;
        // A zero is checked as though its last written digit were a one.
        let last_written = self.exponent.saturating_sub(self.fraction as i64);
        let magnitude = if is_zero {
            last_written
        } else {
            last_written.saturating_add((self.trailing_zeros + self.significant) as i64 - 1)
        };
        let (least, most) = (i64::from(i32::MIN), i64::from(i32::MAX));
        if self.exponent > most || (self.exponent >= least && magnitude > MAX_MAGNITUDE) {
            return Err(Error::validation(OVERFLOW));
        }
        if self.exponent < least || magnitude < MIN_MAGNITUDE {
            return Err(Error::validation(UNDERFLOW));
        }
        if self.significant > u64::from(MAX_DIGITS) {
            return Err(Error::validation(TOO_MANY_DIGITS));
        }
        if is_zero {
            return Ok(Number::ZERO);
        }
        let exponent = last_written + self.trailing_zeros as i64;
        debug_assert!(self.coefficient < COEFFICIENT_END);
        Ok(Number::from_canonical(negative, self.coefficient, exponent as i16))
    }
}

/// What follows an `e`: an optional sign and at least one digit.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    if digits.is_empty() {
        return None;
    }
    // Counted downwards, since the least exponent has no positive counterpart.
    let below_zero = digits.iter().try_fold(0i64, |sum, digit| {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))
    })?;
    if negative { Some(below_zero) } else { below_zero.checked_neg() }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_sound() {
            return f.pad("NaN");
        }
        let mut text = [b'0'; LONGEST_TEXT];
        let (start, end) = self.write_digits(&mut text);
        let digits = str::from_utf8(&text[start..end]).map_err(|_| fmt::Error)?;
        f.pad_integral(!self.negative, "", digits)
    }
}

impl Number {
    /// Writes the text without sign into a buffer of zeros; returns where it begins and ends.
    fn write_digits(&self, text: &mut [u8; LONGEST_TEXT]) -> (usize, usize) {
        let digits = self.digit_count() as usize;
        if digits == 0 {
            return (0, 1);
        }
        if self.exponent >= 0 {
            let end = digits + usize::from(self.exponent.unsigned_abs());
            fill_backwards(self.coefficient(), &mut text[..digits]);
            return (0, end);
        }
        let places = usize::from(self.exponent.unsigned_abs());
        if digits <= places {
            // 0.00ddd: zeros are there already.
            let end = 2 + places;
            fill_backwards(self.coefficient(), &mut text[end - digits..end]);
            text[1] = b'.';
            return (0, end);
        }
        // ddd.ddd: write the digits one place to the right, then move those before the point.
        fill_backwards(self.coefficient(), &mut text[1..=digits]);
        let point = digits - places;
        text.copy_within(1..=point, 0);
        text[point] = b'.';
        (0, digits + 1)
    }
}

/// Fills `out` with the decimal digits of `coefficient`, which has as many.
fn fill_backwards(mut coefficient: u128, out: &mut [u8]) {
    const CHUNK_DIGITS: usize = 19;
    const CHUNK: u128 = 10u128.pow(CHUNK_DIGITS as u32);
    let mut rest = out;
    while rest.len() > CHUNK_DIGITS {
        let (head, tail) = rest.split_at_mut(rest.len() - CHUNK_DIGITS);
        fill_chunk((coefficient % CHUNK) as u64, tail);
        coefficient /= CHUNK;
        rest = head;
    }
    fill_chunk(coefficient as u64, rest);
}

fn fill_chunk(mut chunk: u64, out: &mut [u8]) {
    for byte in out.iter_mut().rev() {
        *byte = b'0' + (chunk % 10) as u8;
        chunk /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{any_number, number};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_becomes_canonical() {
        let one_and_zeros = format!("1{}", "0".repeat(125));
        let smallest = format!("0.{}1", "0".repeat(129));
        let nines = "9".repeat(38);
        let largest = format!("{nines}{}", "0".repeat(88));
        let deepest = format!("0.{}{nines}", "0".repeat(129));
        let table = "0=0 -0=0 007=7 42=42 -42=-42 100=100 123456=123456 0.1=0.1 -0.5=-0.5 100.5=100.5 3.14159=3.14159 \
            1e3=1000 12.30=12.3 5.=5 .5=0.5 +5=5 00042=42 0042.1200=42.12 -.5e-1=-0.05 5.e1=50 0.0e126=0 0e125=0 \
            0e-130=0 12345678901234567890=12345678901234567890 1.000000000000000000000000000000000000000000=1 \
            -1e1=-10 0.1e1=1 -0.0=0 \
            100000000000000000000000000000000000000000=100000000000000000000000000000000000000000";
        let long = [
            ("1E125", one_and_zeros.as_str()),
            ("1E-130", &smallest),
            (&nines, &nines),
            (&deepest, &deepest),
            ("9.9999999999999999999999999999999999999E+125", &largest),
        ];
        for (text, canonical) in table.split_whitespace().filter_map(|row| row.split_once('=')).chain(long) {
            assert_eq!(number(text).to_string(), canonical, "{text}");
        }
        assert_eq!(format!("[{:>6}] [{:06}]", number("-1.5"), number("-1.5")), "[  -1.5] [-001.5]");
    }

    #[test]
    fn other_text_is_refused() {
        let words = "1e e5 . --1 1.2.3 0x10 NaN Infinity 1_000 + - 1e+ 1e- 1e5. 1e5e5 .e5 -. 1.e ١ +-1 1,5 \
            1e9223372036854775808 1e-9223372036854775809";
        for text in words.split_whitespace().chain(["", " 5", "5 ", "1 2"]) {
            let error = Number::parse(text).unwrap_err();
            assert_eq!(error.message(), format!("The parameter cannot be converted to a numeric value: {text}"));
            assert_eq!(error.code(), "ValidationException");
        }
    }

    #[test]
    fn limits_are_checked() {
        let many = "1".repeat(39);
        let spread = format!("1{}1", "0".repeat(37));
        for text in [&many, &spread, &format!("0.{many}"), &format!("{many}.5e10"), &format!("-{many}")] {
            assert_eq!(Number::parse(text).unwrap_err().message(), TOO_MANY_DIGITS, "{text}");
        }
        let long = format!("1{}", "0".repeat(126));
        for text in
            ["1E126", "0e126", "-1e126", "10e125", "1e2147483648", "1e9223372036854775807", "0e2147483647", &long]
        {
            assert_eq!(Number::parse(text).unwrap_err().message(), OVERFLOW, "{text}");
        }
        let deep = format!("0.{}", "0".repeat(131));
        for text in ["1E-131", "0e-131", "-0.1e-130", "1e-9223372036854775808", "0.0e-130", "1e-2147483649", &deep] {
            assert_eq!(Number::parse(text).unwrap_err().message(), UNDERFLOW, "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_are_inverse(n in any_number()) {
            let text = n.to_string();
            prop_assert_eq!(number(&text), n);
            let scientific = format!("{}{}e{}", if n.is_negative() { "-" } else { "" }, n.coefficient(), n.exponent);
            prop_assert_eq!(number(&scientific), n);
            prop_assert!(!text.contains(['e', 'E', '+']));
            let digits = text.trim_start_matches('-');
            prop_assert!(digits == "0" || digits.starts_with("0.") || !digits.starts_with('0'), "{}", text);
            prop_assert!(!(text.contains('.') && text.ends_with(['0', '.'])), "{}", text);
        }

        #[test]
        fn spelling_does_not_matter(n in any_number(), zeros in 0usize..45) {
            let text = n.to_string();
            let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
            let fill = "0".repeat(zeros);
            let point = if digits.contains('.') { "" } else { "." };
            let spelt = format!("{sign}{fill}{digits}{point}{fill}");
            if !n.is_zero() {
                prop_assert_eq!(number(&spelt), n);
            }
        }

        #[test]
        fn integers_print_as_rust_prints_them(i in any::<i64>(), u in any::<u64>()) {
            prop_assert_eq!(Number::from(i).to_string(), i.to_string());
            prop_assert_eq!(Number::from(u).to_string(), u.to_string());
            prop_assert_eq!(number(&i.to_string()), Number::from(i));
        }

        #[test]
        fn no_text_panics(text in "[-+]?[0-9]{0,50}\\.?[0-9]{0,50}([eE][-+]?[0-9]{0,20})?|.*") {
            let _ = Number::parse(&text);
        }
    }
}
