//! Numbers: text in and out, arithmetic, order and ordered bytes, against decimal arithmetic on strings of digits.

use hashrange::Number;
use std::cmp::Ordering;

/// A number as digits after the point of a place: `0.digits × 10^place`, without zeros at either end.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    negative: bool,
    digits: Vec<u8>,
    place: i64,
}

impl Plain {
    /// Takes a printed number apart, which has no exponent.
    fn of(number: &Number) -> Self {
        let text = number.to_string();
        let (negative, text) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0').collect();
        Self { negative, digits, place: whole.len() as i64 }.trimmed()
    }

    fn trimmed(mut self) -> Self {
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self.place -= zeros as i64;
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            return Self { negative: false, digits: Vec::new(), place: 0 };
        }
        self
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Digits from place `top` on, `len` of them.
    fn aligned(&self, top: i64, len: usize) -> Vec<u8> {
        let ahead = usize::try_from(top - self.place).expect("top is the higher place");
        let mut digits = vec![0; ahead];
        digits.extend_from_slice(&self.digits);
        digits.resize(len, 0);
        digits
    }

    fn compare(&self, other: &Self) -> Ordering {
        let sign = |plain: &Self| if plain.is_zero() { 0 } else { 1 - 2 * i8::from(plain.negative) };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign.is_ne() || self.is_zero() {
            return by_sign;
        }
        let by_size = self.place.cmp(&other.place).then_with(|| self.digits.cmp(&other.digits));
        if self.negative { by_size.reverse() } else { by_size }
    }

    fn add(&self, other: &Self) -> Self {
        if self.is_zero() || other.is_zero() {
            return if self.is_zero() { other.clone() } else { self.clone() };
        }
        let top = self.place.max(other.place);
        let end = |plain: &Self| plain.digits.len() as i64 - plain.place;
        let len = usize::try_from(end(self).max(end(other)) + top).expect("the end is behind the top");
        let (mut one, mut two) = (self.aligned(top, len), other.aligned(top, len));
        if self.negative == other.negative {
            let mut carry = 0;
            for (digit, more) in one.iter_mut().zip(&two).rev() {
                let sum = *digit + more + carry;
                (*digit, carry) = (sum % 10, sum / 10);
            }
            one.insert(0, carry);
            return Self { negative: self.negative, digits: one, place: top + 1 }.trimmed();
        }
        let mut negative = self.negative;
        if one < two {
            std::mem::swap(&mut one, &mut two);
            negative = other.negative;
        }
        let mut borrow = 0;
        for (digit, less) in one.iter_mut().zip(&two).rev() {
            let less = less + borrow;
            borrow = u8::from(*digit < less);
            *digit = *digit + 10 * borrow - less;
        }
        Self { negative, digits: one, place: top }.trimmed()
    }

    /// Whether it is a number of DynamoDB's.
    fn fits(&self) -> bool {
        self.is_zero() || (self.digits.len() <= 38 && (-129..=126).contains(&self.place))
    }
}

fn check_one(number: &Number) {
    let printed = number.to_string();
    assert_eq!(printed.parse::<Number>().expect("what is printed can be read"), *number);
    let plain = Plain::of(number);
    assert!(plain.fits(), "{printed}");
    assert_eq!((number.is_zero(), number.is_negative()), (plain.is_zero(), plain.negative));
    if let Some(whole) = number.to_i128() {
        assert_eq!(whole.to_string(), printed);
    }
    if let Some(whole) = number.to_i64() {
        assert_eq!(Number::from(whole), *number);
    }
    if let Some(whole) = number.to_u64() {
        assert_eq!(Number::from(whole), *number);
    }
    let mut bytes = Vec::new();
    number.encode_ordered(&mut bytes);
    let len = bytes.len();
    bytes.extend_from_slice(b"more");
    assert_eq!(Number::decode_ordered(&bytes), Some((*number, len)));
    for cut in 0..len {
        assert_eq!(Number::decode_ordered(&bytes[..cut]), None);
    }
}

fn check_two(one: &Number, two: &Number) {
    let (plain_one, plain_two) = (Plain::of(one), Plain::of(two));
    let order = one.cmp(two);
    assert_eq!(order, plain_one.compare(&plain_two), "{one} {two}");
    assert_eq!(order.is_eq(), one == two);
    let (mut bytes_one, mut bytes_two) = (Vec::new(), Vec::new());
    one.encode_ordered(&mut bytes_one);
    two.encode_ordered(&mut bytes_two);
    assert_eq!(bytes_one.cmp(&bytes_two), order, "{one} {two}");
    let sum = plain_one.add(&plain_two);
    match one.checked_add(two) {
        Ok(is) => assert_eq!(Plain::of(&is), sum, "{one} + {two}"),
        Err(_) => assert!(!sum.fits(), "{one} + {two} = {sum:?}"),
    }
    let difference = plain_one.add(&Plain { negative: !plain_two.negative, ..plain_two }.trimmed());
    match one.checked_sub(two) {
        Ok(is) => assert_eq!(Plain::of(&is), difference, "{one} - {two}"),
        Err(_) => assert!(!difference.fits(), "{one} - {two} = {difference:?}"),
    }
}

pub fn number(data: &[u8]) {
    if let Some((number, len)) = Number::decode_ordered(data) {
        let mut again = Vec::new();
        number.encode_ordered(&mut again);
        assert_eq!(again, data[..len]);
        check_one(&number);
    }
    let text = String::from_utf8_lossy(data);
    let mut words = text.split(' ').filter_map(|word| word.parse::<Number>().ok());
    let Some(one) = words.next() else { return };
    check_one(&one);
    if let Some(two) = words.next() {
        check_two(&one, &two);
    }
}
