//! `#[derive(Entity)]`: a struct as one kind of item of a table, its keys filled from templates.
//!
//! Use it through the crate `hashrange`, feature `derive`; its module `entity` tells how.

mod expand;
mod model;
mod stored;
mod template;

use proc_macro::TokenStream;

/// Makes a struct an entity: see the module `entity` of the crate `hashrange`.
///
/// - `#[entity(kind = "user")]` (required) names the kind, which is stored beside the fields in the attribute `entity`, or
///   in the one that `attribute = "type"` names.
/// - `#[key(pk = "USER#{id}", sk = "PROFILE")]` (required) are the attributes of the table's key, partition key first. A
///   text is a template with fields in braces, formatted as by `format!`; a bare name is a field, stored as it is.
/// - `#[index(gsi1pk = "MAIL#{mail}")]` (any number) are attributes of keys of indexes, in the same form.
///
/// It implements `serde::Serialize`, with the `#[serde(..)]` attributes of the struct, so `Serialize` is not derived beside
/// it; `Deserialize` is.
#[proc_macro_derive(Entity, attributes(entity, key, index, serde))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    let expanded = model::Entity::read(&input).map(|entity| expand::expand(&entity));
    expanded.unwrap_or_else(|error| error.to_compile_error()).into()
}
