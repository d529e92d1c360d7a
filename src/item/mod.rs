//! items
mod base64;
mod json;
pub mod key;
mod number;
pub mod size;
mod value;
pub use key::KeyType;
pub use number::Number;
pub use value::{AttributeValue, Item};
