//! The values of a prepared statement, borrowed from the program that runs it.

use crate::item::{AttributeValue, KeyScalar, Number};
use bytes::Bytes;

/// The value of one `?`: text, a number, binary, a boolean, an [`AttributeValue`], or a reference to one of these. Values of
/// other types are bound by [`PreparedStatement::bind`](super::PreparedStatement::bind).
pub trait Parameter {
    /// The value, borrowed, if it has a type that a key attribute can have.
    fn scalar(&self) -> Option<KeyScalar<'_>>;
    /// The value.
    fn to_value(&self) -> AttributeValue;
}

/// The values of all `?` of a statement, in the order in which they are written: a tuple of [`Parameter`]s, an array or a slice
/// of parameters of one type, or `()` for a statement without.
pub trait Parameters {
    /// The value at a position from 0, borrowed, if there is one and it has a type that a key attribute can have.
    fn scalar(&self, position: usize) -> Option<KeyScalar<'_>>;
    /// All values.
    fn to_values(&self) -> Vec<AttributeValue>;
}

impl<P: Parameter + ?Sized> Parameter for &P {
    #[inline]
    fn scalar(&self) -> Option<KeyScalar<'_>> {
        (**self).scalar()
    }
    fn to_value(&self) -> AttributeValue {
        (**self).to_value()
    }
}

impl Parameter for AttributeValue {
    #[inline]
    fn scalar(&self) -> Option<KeyScalar<'_>> {
        KeyScalar::of(self)
    }
    fn to_value(&self) -> AttributeValue {
        self.clone()
    }
}

impl Parameter for bool {
    fn scalar(&self) -> Option<KeyScalar<'_>> {
        None
    }
    fn to_value(&self) -> AttributeValue {
        AttributeValue::Bool(*self)
    }
}

macro_rules! scalars {
    ($($type:ty: $value:ident => $scalar:expr),* $(,)?) => {$(
        impl Parameter for $type {
            #[inline]
            fn scalar(&self) -> Option<KeyScalar<'_>> {
                let $value = self;
                Some($scalar)
            }
            fn to_value(&self) -> AttributeValue {
                let $value = self;
                $scalar.to_value()
            }
        }
    )*};
}
scalars! {
    str: text => KeyScalar::S(text),
    String: text => KeyScalar::S(text),
    [u8]: bytes => KeyScalar::B(bytes),
    Vec<u8>: bytes => KeyScalar::B(bytes),
    Bytes: bytes => KeyScalar::B(bytes),
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Parameter for $type {
            #[inline]
            fn scalar(&self) -> Option<KeyScalar<'_>> {
                let number = Number::from(*self);
                number.is_sound().then_some(KeyScalar::N(number))
            }
            fn to_value(&self) -> AttributeValue {
                AttributeValue::N(Number::from(*self))
            }
        }
    )*};
}
numbers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, Number);

impl Parameters for () {
    fn scalar(&self, _: usize) -> Option<KeyScalar<'_>> {
        None
    }
    fn to_values(&self) -> Vec<AttributeValue> {
        Vec::new()
    }
}

impl<P: Parameter> Parameters for [P] {
    #[inline]
    fn scalar(&self, position: usize) -> Option<KeyScalar<'_>> {
        self.get(position)?.scalar()
    }
    fn to_values(&self) -> Vec<AttributeValue> {
        self.iter().map(Parameter::to_value).collect()
    }
}

impl<P: Parameter, const COUNT: usize> Parameters for [P; COUNT] {
    #[inline]
    fn scalar(&self, position: usize) -> Option<KeyScalar<'_>> {
        self.as_slice().scalar(position)
    }
    fn to_values(&self) -> Vec<AttributeValue> {
        self.as_slice().to_values()
    }
}

impl<P: Parameters + ?Sized> Parameters for &P {
    #[inline]
    fn scalar(&self, position: usize) -> Option<KeyScalar<'_>> {
        (**self).scalar(position)
    }
    fn to_values(&self) -> Vec<AttributeValue> {
        (**self).to_values()
    }
}

macro_rules! tuples {
    ($(($($name:ident $at:tt),+)),*) => {$(
        impl<$($name: Parameter),+> Parameters for ($($name,)+) {
            #[inline]
            fn scalar(&self, position: usize) -> Option<KeyScalar<'_>> {
                match position {
                    $($at => self.$at.scalar(),)+
                    _ => None,
                }
            }
            fn to_values(&self) -> Vec<AttributeValue> {
                vec![$(self.$at.to_value()),+]
            }
        }
    )*};
}
tuples!(
    (A 0),
    (A 0, B 1),
    (A 0, B 1, C 2),
    (A 0, B 1, C 2, D 3),
    (A 0, B 1, C 2, D 3, E 4),
    (A 0, B 1, C 2, D 3, E 4, F 5),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
);
