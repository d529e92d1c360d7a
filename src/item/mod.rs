//! items
mod value;
pub use value::{AttributeValue, Item};
