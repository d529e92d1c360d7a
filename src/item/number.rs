//! numbers (placeholder until the real one lands)
/// Number
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(i128);
macro_rules! from_integer { ($($t:ty),*) => {$( impl From<$t> for Number { fn from(n: $t) -> Self { Self(n as i128) } } )*}; }
from_integer!(i8, i16, i32, i64, u8, u16, u32, u64);
