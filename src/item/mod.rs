//! items
pub mod key;
mod number;
mod value;
pub use key::KeyType;
pub use number::Number;
pub use value::{AttributeValue, Item};
