//! What may delay or reject a request before it is logged: backpressure of memtables and streams, client request tokens,
//! and the limit on item collections. This room keeps the numbers; `engine` asks for them under its locks.

mod backpressure;
mod item_collection_sizes;
mod tokens;

pub use backpressure::WriteBudget;
pub use item_collection_sizes::{CollectionDelta, ItemCollectionSizes};
pub use tokens::{TokenUse, Tokens};
