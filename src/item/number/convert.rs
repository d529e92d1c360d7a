//! Numbers from and to Rust's own, and through serde.

use super::{MAX_DIGITS, Number, TOO_MANY_DIGITS, power_of_ten, text::not_a_number, trim_zeros};
use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Integers up to here are exact in a double.
const EXACT_DOUBLE_INTEGER: u64 = 1 << 53;
/// Powers of ten up to here are exact in a double.
const EXACT_DOUBLE_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

impl Number {
    /// Name of the newtype struct as which a number goes through serde. Formats that do not know it see a plain number
    /// or string; this crate's own item format recognises it and keeps every digit.
    pub(crate) const SERDE_NAME: &'static str = "$hashrange::Number";

    /// A number from at most 20 digits, which are always within the limits.
    fn from_integer(negative: bool, magnitude: u64) -> Self {
        if magnitude == 0 {
            return Self::ZERO;
        }
        let (coefficient, zeros) = trim_zeros(u128::from(magnitude));
        Self::from_canonical(negative, coefficient, zeros as i16)
    }

    /// The magnitude of an integer below 10^38; None for a fraction or a larger one.
    fn integer_magnitude(&self) -> Option<u128> {
        if self.high == 0 && self.exponent == 0 {
            return Some(u128::from(self.low));
        }
        let zeros = u32::try_from(self.exponent).ok().filter(|zeros| zeros + self.digit_count() <= MAX_DIGITS)?;
        Some(self.coefficient() * power_of_ten(zeros))
    }

    /// The same integer; None if there is a fraction or it does not fit.
    pub fn to_i128(&self) -> Option<i128> {
        let magnitude = i128::try_from(self.integer_magnitude()?).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// The same integer; None if there is a fraction or it does not fit.
    pub fn to_i64(&self) -> Option<i64> {
        i64::try_from(self.to_i128()?).ok()
    }

    /// The same integer; None if there is a fraction or it does not fit.
    pub fn to_u64(&self) -> Option<u64> {
        u64::try_from(self.to_i128()?).ok()
    }

    /// The double nearest to the number; digits after the seventeenth or so are lost. None if there is no finite one,
    /// which no number within the limits is far enough for.
    pub fn to_f64(&self) -> Option<f64> {
        let power = EXACT_DOUBLE_POWERS.get(usize::from(self.exponent.unsigned_abs()));
        let magnitude = match power {
            // One operation on two exact doubles is rounded correctly.
            Some(power) if self.high == 0 && self.low <= EXACT_DOUBLE_INTEGER => {
                let coefficient = self.low as f64;
                if self.exponent < 0 { coefficient / power } else { coefficient * power }
            }
            _ => format!("{}e{}", self.coefficient(), self.exponent).parse::<f64>().ok()?,
        };
        magnitude.is_finite().then_some(if self.negative { -magnitude } else { magnitude })
    }

    /// The nearest double, if every reader of its shortest decimal form gets the same one, fast and careless ones too.
    fn to_exact_f64(self) -> Option<f64> {
        let harmless =
            self.digit_count() <= f64::DIGITS && usize::from(self.exponent.unsigned_abs()) < EXACT_DOUBLE_POWERS.len();
        self.to_f64().filter(|_| harmless)
    }
}

macro_rules! from_integer {
    (signed $($signed:ty),*; unsigned $($unsigned:ty),*) => {
        $(impl From<$signed> for Number {
            fn from(integer: $signed) -> Self {
                Self::from_integer(integer < 0, integer.unsigned_abs() as u64)
            }
        })*
        $(impl From<$unsigned> for Number {
            fn from(integer: $unsigned) -> Self {
                Self::from_integer(false, integer as u64)
            }
        })*
    };
}
from_integer!(signed i8, i16, i32, i64, isize; unsigned u8, u16, u32, u64, usize);

impl TryFrom<i128> for Number {
    type Error = Error;
    fn try_from(integer: i128) -> Result<Self> {
        Self::from_parts(integer < 0, integer.unsigned_abs(), 0, TOO_MANY_DIGITS)
    }
}

impl TryFrom<u128> for Number {
    type Error = Error;
    fn try_from(integer: u128) -> Result<Self> {
        Self::from_parts(false, integer, 0, TOO_MANY_DIGITS)
    }
}

/// The shortest decimal number that reads back as the same double: 0.1 stays 0.1. Infinities, NaN and magnitudes
/// outside the limits are rejected.
impl TryFrom<f64> for Number {
    type Error = Error;
    fn try_from(double: f64) -> Result<Self> {
        if double.is_finite() { Self::parse(&format!("{double:e}")) } else { Err(not_a_number(double)) }
    }
}

/// As for `f64`: the shortest decimal number that reads back as the same float.
impl TryFrom<f32> for Number {
    type Error = Error;
    fn try_from(float: f32) -> Result<Self> {
        if float.is_finite() { Self::parse(&format!("{float:e}")) } else { Err(not_a_number(float)) }
    }
}

/// The number inside the newtype struct: the first form that loses nothing.
struct Plain(Number);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            // Formats without types of their own cannot tell on reading which form was chosen: always the text.
            serializer.collect_str(&self.0)
        } else if let Some(integer) = self.0.to_i64() {
            serializer.serialize_i64(integer)
        } else if let Some(integer) = self.0.to_u64() {
            serializer.serialize_u64(integer)
        } else if let Some(double) = self.0.to_exact_f64() {
            serializer.serialize_f64(double)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(Self::SERDE_NAME, &Plain(*self))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(Self::SERDE_NAME, NumberVisitor)
    }
}

struct NumberVisitor;

impl<'de> de::Visitor<'de> for NumberVisitor {
    type Value = Number;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of up to 38 digits")
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> std::result::Result<Number, D::Error> {
        if inner.is_human_readable() { inner.deserialize_any(self) } else { inner.deserialize_str(self) }
    }
    fn visit_i64<E: de::Error>(self, integer: i64) -> std::result::Result<Number, E> {
        Ok(integer.into())
    }
    fn visit_u64<E: de::Error>(self, integer: u64) -> std::result::Result<Number, E> {
        Ok(integer.into())
    }
    fn visit_i128<E: de::Error>(self, integer: i128) -> std::result::Result<Number, E> {
        integer.try_into().map_err(E::custom)
    }
    fn visit_u128<E: de::Error>(self, integer: u128) -> std::result::Result<Number, E> {
        integer.try_into().map_err(E::custom)
    }
    fn visit_f64<E: de::Error>(self, double: f64) -> std::result::Result<Number, E> {
        double.try_into().map_err(E::custom)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Number, E> {
        Number::parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{any_number, number};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_convert_both_ways() {
        assert_eq!(Number::from(i64::MIN).to_i64(), Some(i64::MIN));
        assert_eq!(Number::from(u64::MAX).to_u64(), Some(u64::MAX));
        assert_eq!(Number::from(u64::MAX).to_i64(), None);
        assert_eq!(Number::from(-1i8).to_u64(), None);
        assert_eq!(number("1e18").to_i64(), Some(1_000_000_000_000_000_000));
        assert_eq!((number("1e19").to_i64(), number("1e125").to_i64(), number("0.5").to_i64()), (None, None, None));
        assert_eq!(Number::try_from(10i128.pow(38)).unwrap(), number("1e38"));
        assert_eq!(Number::try_from(10i128.pow(38) + 1).unwrap_err().message(), TOO_MANY_DIGITS);
        assert_eq!(Number::try_from(u128::MAX).unwrap_err().message(), TOO_MANY_DIGITS);
    }

    #[test]
    fn doubles_convert_by_their_shortest_form() {
        assert_eq!(Number::try_from(0.1f64).unwrap(), number("0.1"));
        assert_eq!(Number::try_from(0.1f32).unwrap(), number("0.1"));
        assert_eq!(Number::try_from(-0.0f64).unwrap(), Number::ZERO);
        assert_eq!(number("1e-130").to_f64(), Some(1e-130));
        for double in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE] {
            assert!(Number::try_from(double).is_err(), "{double}");
        }
    }

    #[test]
    fn json_holds_a_number_where_that_loses_nothing() {
        for (text, json) in [
            ("42", "42"),
            ("-7", "-7"),
            ("18446744073709551615", "18446744073709551615"),
            ("0.5", "0.5"),
            ("12345678901234567890123", r#""12345678901234567890123""#),
            ("0.1234567890123456789", r#""0.1234567890123456789""#),
            ("1e60", &format!("\"1{}\"", "0".repeat(60))),
            ("12e21", "1.2e+22"),
            ("1.5e-7", "1.5e-7"),
        ] {
            assert_eq!(serde_json::to_string(&number(text)).unwrap(), json);
            assert_eq!(serde_json::from_str::<Number>(json).unwrap(), number(text));
        }
        assert!(serde_json::from_str::<Number>("true").is_err());
        assert!(serde_json::from_str::<Number>("\"x\"").is_err());
    }

    proptest! {
        #[test]
        fn doubles_agree_with_the_standard_library(n in any_number()) {
            prop_assert_eq!(n.to_f64(), n.to_string().parse::<f64>().ok());
        }

        #[test]
        fn doubles_come_back(double in -1e100f64..1e100) {
            prop_assert_eq!(Number::try_from(double).unwrap().to_f64(), Some(double));
        }

        #[test]
        fn serde_loses_nothing(n in any_number()) {
            let json = serde_json::to_string(&n).unwrap();
            prop_assert_eq!(serde_json::from_str::<Number>(&json).unwrap(), n);
        }
    }
}
