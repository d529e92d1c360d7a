//! Entities: structs as kinds of items that share a table.
//!
//! In a single-table design, items of several kinds live in one table; the attributes of its key (`pk`, `sk`) are made of
//! their fields. `#[derive(Entity)]` (feature `derive`) fills them, and stores which kind an item is:
//!
//! ```
//! # #[cfg(feature = "derive")]
//! # fn main() -> hashrange::Result<()> {
//! use hashrange::{Database, admin::index, entity::Entity, key::{S, begins_with}};
//! use serde::Deserialize;
//!
//! #[derive(Debug, PartialEq, Entity, Deserialize)]
//! #[entity(kind = "user")]
//! #[key(pk = "USER#{id}", sk = "PROFILE")]
//! #[index(gsi1pk = "MAIL#{mail}", gsi1sk = "USER")]
//! struct User {
//!     id: String,
//!     mail: String,
//! }
//!
//! #[derive(Debug, PartialEq, Entity, Deserialize)]
//! #[entity(kind = "order")]
//! #[key(pk = "USER#{user}", sk = "ORDER#{number:010}")]
//! struct Order {
//!     user: String,
//!     number: u32,
//!     total: f64,
//!     #[serde(skip_serializing_if = "Option::is_none", default)]
//!     note: Option<String>,
//! }
//!
//! let db = Database::in_memory()?;
//! let by_mail = index("gsi1").hash::<S>("gsi1pk").range::<S>("gsi1sk");
//! let table = db.create_table("shop").hash::<S>("pk").range::<S>("sk").gsi(by_mail).create()?;
//!
//! let user = User { id: "u1".into(), mail: "a@b.c".into() };
//! table.put(&user)?;
//! table.put(&Order { user: "u1".into(), number: 7, total: 19.99, note: None })?;
//!
//! // Keys are made of the fields that the templates name, in their order.
//! let stored = table.get(User::key("u1"))?.expect("it was just put");
//! assert_eq!(stored.get("entity").and_then(|kind| kind.as_str()), Some("user"));
//! assert_eq!(stored.de::<User>()?, user);
//! assert_eq!(user.primary_key(), ("USER#u1".to_owned(), "PROFILE".to_owned()));
//!
//! // The orders of a user, without the profile beside them.
//! let orders = table.query(Order::partition_key("u1")).range(begins_with(Order::SORT_PREFIX));
//! assert_eq!(orders.items().next().unwrap()?.de::<Order>()?.total, 19.99);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "derive"))]
//! # fn main() {}
//! ```
//!
//! The derive implements `Serialize`, with the `#[serde(..)]` attributes of the struct, so it is not derived beside it.
//! Whatever takes a serialisable value (`put`, transactions, batches) then writes the key attributes and the kind.
//! `Deserialize` is derived as ever: the attributes that no field has are passed over. All items of a partition are read
//! at once into an enum of entities with `#[serde(tag = "entity")]`.
//!
//! A template is a text for `format!`, so `{number:010}` keeps numbers of up to ten digits sorted: those of a `u32`. The functions of keys take
//! whatever is displayed as the field is; a field whose placeholder says how it is written, as `number` here, they take as a value of its
//! own type, since `"7"` would be filled up with blanks. A field may be a key attribute by itself:
//! `#[key(pk = "USER#{id}", sk = version)]`.
//!
//! A field that does not exist, a missing key or a field with the name of a key attribute does not compile:
//!
//! ```compile_fail
//! use hashrange::entity::Entity;
//!
//! #[derive(Entity)]
//! #[entity(kind = "user")]
//! #[key(pk = "USER#{idd}")] // the struct has no field `idd`; its fields are `id`
//! struct User {
//!     id: String,
//! }
//! ```
//!
//! Imports: nothing.

/// Derives [`trait@Entity`]; see the [module](self).
#[cfg(feature = "derive")]
pub use hashrange_derive::Entity;
#[doc(hidden)]
pub use serde;

use serde::Serialize;

/// A kind of item, with the attributes of its key.
pub trait Entity: Serialize {
    /// The kind, as it is stored.
    const KIND: &'static str;
    /// The attribute in which the kind is stored.
    const KIND_ATTRIBUTE: &'static str;
    /// What the sort keys of all items of the kind begin with; empty if that is nothing, or if there is no sort key.
    const SORT_PREFIX: &'static str;
    /// The type of the table's key: one value or a pair.
    type Key;

    /// The key of this item.
    fn primary_key(&self) -> Self::Key;
}
