//! The code that an entity gets.
//!
//! The fields are serialised by a twin of the struct, for which serde derives with the struct's own attributes
//! (`#[serde(remote)]`), and flattened into a map beside the attributes that are filled.

use crate::{
    model::{Entity, KeyAttribute},
    stored::SerdeOptions,
    template::Source,
};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, Field, Ident, LitStr, Type, ext::IdentExt};

pub fn expand(entity: &Entity) -> TokenStream {
    let serialize = serialize(entity);
    let implementation = implementation(entity);
    let constructors = constructors(entity);
    quote! {
        #[automatically_derived]
        const _: () = {
            #serialize
            #implementation
        };
        #constructors
    }
}

/// `Serialize`: the fields, the kind and the keys.
fn serialize(entity: &Entity) -> TokenStream {
    let name = &entity.name;
    let text = LitStr::new(&name.to_string(), Span::call_site());
    let container = &entity.serde;
    let fields = entity.fields.iter().map(|field| {
        let Field { ident, ty, .. } = field;
        let attributes = field.attrs.iter().filter(|attribute: &&Attribute| attribute.path().is_ident("serde"));
        quote! { #(#attributes)* #ident: #ty }
    });
    // With `tag`, serde stores the name of the struct, which is not that of the twin.
    let renamed = SerdeOptions::of(container).get("rename").is_none().then(|| {
        let plain = LitStr::new(&name.unraw().to_string(), Span::call_site());
        quote!(#[serde(rename = #plain)])
    });
    let filled: Vec<&KeyAttribute> = entity.filled().filter(|key| !entity.is_stored(key)).collect();
    let options = filled.iter().map(|key| options(key, entity));
    let members: Vec<Ident> = (0..filled.len()).map(|number| format_ident!("key_{number}")).collect();
    let types = filled.iter().map(|key| match &key.source {
        Source::Template(_) => quote!(::std::string::String),
        Source::Field(_) => {
            let of_field = type_of(key, &entity.fields);
            quote!(&'a #of_field)
        }
    });
    let values = filled.iter().map(|key| match &key.source {
        Source::Template(_) => value_of(key, &quote!(self.)),
        Source::Field(field) => quote!(&self.#field),
    });
    let (kind, kind_attribute) = (&entity.kind, &entity.kind_attribute);
    quote! {
        use ::hashrange::entity::serde;

        #[derive(serde::Serialize)]
        #[serde(crate = "::hashrange::entity::serde", remote = #text)]
        #renamed
        #(#container)*
        #[allow(dead_code, reason = "only its description is used")]
        struct HashrangeTwin { #(#fields,)* }

        struct HashrangeFields<'a>(&'a #name);

        impl serde::Serialize for HashrangeFields<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                HashrangeTwin::serialize(self.0, serializer)
            }
        }

        #[derive(serde::Serialize)]
        #[serde(crate = "::hashrange::entity::serde")]
        struct HashrangeStored<'a> {
            #[serde(flatten)]
            fields: HashrangeFields<'a>,
            #[serde(rename = #kind_attribute)]
            kind: &'static str,
            #(#options #members: #types,)*
        }

        impl serde::Serialize for #name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                let stored = HashrangeStored { fields: HashrangeFields(self), kind: #kind, #(#members: #values,)* };
                serde::Serialize::serialize(&stored, serializer)
            }
        }
    }
}

/// How a key attribute is stored. A field that is absent when it is `None` is so as a key attribute too, which is how an item
/// stays out of an index.
fn options(key: &KeyAttribute, entity: &Entity) -> TokenStream {
    let name = &key.name;
    let source = match &key.source {
        Source::Field(field) => entity.fields.iter().find(|known| known.ident.as_ref() == Some(field)),
        Source::Template(_) => None,
    };
    let left_out = source.and_then(|field| SerdeOptions::of(&field.attrs).text("skip_serializing_if"));
    match left_out {
        Some(path) if path.value() == "Option::is_none" => {
            quote!(#[serde(rename = #name, skip_serializing_if = #path)])
        }
        _ => quote!(#[serde(rename = #name)]),
    }
}

/// The value of a key attribute, from fields that `owner` has.
fn value_of(key: &KeyAttribute, owner: &TokenStream) -> TokenStream {
    match &key.source {
        Source::Field(field) => quote! { #owner #field },
        Source::Template(template) => template.filled(owner),
    }
}

fn type_of(key: &KeyAttribute, fields: &[Field]) -> TokenStream {
    match &key.source {
        Source::Template(_) => quote!(::std::string::String),
        Source::Field(name) => {
            let found = fields.iter().find(|field| field.ident.as_ref() == Some(name)).map(|field| &field.ty);
            quote!(#found)
        }
    }
}

/// Whether this is a `String`, which is written as any other text is.
fn is_text(of_field: &Type) -> bool {
    matches!(of_field, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "String"))
}

/// `Entity`.
fn implementation(entity: &Entity) -> TokenStream {
    let (name, kind, kind_attribute) = (&entity.name, &entity.kind, &entity.kind_attribute);
    let sort_prefix = entity.key.get(1).map_or_else(String::new, |key| key.source.prefix());
    let types: Vec<TokenStream> = entity.key.iter().map(|key| type_of(key, &entity.fields)).collect();
    let values = entity.key.iter().map(|key| {
        let value = value_of(key, &quote!(self.));
        if matches!(key.source, Source::Field(_)) { quote!(::core::clone::Clone::clone(&#value)) } else { value }
    });
    let (key_type, key_value) = match types.as_slice() {
        [only] => (quote!(#only), quote!(#(#values)*)),
        _ => (quote!((#(#types),*)), quote!((#(#values),*))),
    };
    quote! {
        impl ::hashrange::entity::Entity for #name {
            const KIND: &'static str = #kind;
            const KIND_ATTRIBUTE: &'static str = #kind_attribute;
            const SORT_PREFIX: &'static str = #sort_prefix;
            type Key = #key_type;
            fn primary_key(&self) -> #key_type {
                #key_value
            }
        }
    }
}

/// `User::key("u1")` and `User::partition_key("u1")`.
fn constructors(entity: &Entity) -> TokenStream {
    let (name, visibility) = (&entity.name, &entity.visibility);
    let key = constructor(entity, &entity.key, &format_ident!("key"), "The key of the item with these fields.");
    let doc = "The partition key of the items with these fields.";
    let partition = constructor(entity, &entity.key[..1], &format_ident!("partition_key"), doc);
    quote! {
        #[allow(dead_code, reason = "a program may need only some of them")]
        impl #name {
            #visibility #key
            #visibility #partition
        }
    }
}

fn constructor(entity: &Entity, keys: &[KeyAttribute], function: &Ident, doc: &str) -> TokenStream {
    let mut arguments: Vec<TokenStream> = Vec::new();
    let mut seen: Vec<&Ident> = Vec::new();
    for key in keys {
        for field in key.source.fields().iter().filter(|field| !seen.contains(field)).collect::<Vec<_>>() {
            seen.push(field);
            let of_field =
                entity.fields.iter().find(|known| known.ident.as_ref() == Some(field)).map(|known| &known.ty);
            let is_stored = |key: &KeyAttribute| matches!(&key.source, Source::Field(name) if name == field);
            let is_formatted = |key: &KeyAttribute| key.source.formats(field) && !of_field.is_some_and(is_text);
            arguments.push(if keys.iter().any(|key| is_stored(key) || is_formatted(key)) {
                quote!(#field: #of_field)
            } else {
                quote!(#field: impl ::core::fmt::Display)
            });
        }
    }
    let types: Vec<TokenStream> = keys.iter().map(|key| type_of(key, &entity.fields)).collect();
    let values = keys.iter().map(|key| match &key.source {
        Source::Field(field) => quote!(::core::clone::Clone::clone(&#field)),
        Source::Template(template) => template.filled(&TokenStream::new()),
    });
    let (result, value) = match types.as_slice() {
        [only] => (quote!(#only), quote!(#(#values)*)),
        _ => (quote!((#(#types),*)), quote!((#(#values),*))),
    };
    quote! {
        #[doc = #doc]
        fn #function(#(#arguments),*) -> #result { #value }
    }
}
