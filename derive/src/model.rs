//! What the attributes of a struct say.

use crate::{
    stored::{SerdeOptions, stored_name},
    template::{Source, Template, no_field},
};
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Result, Token, Visibility,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

/// The attribute in which the kind is stored unless the struct says otherwise.
const KIND_ATTRIBUTE: &str = "entity";

/// A struct that is an entity.
pub struct Entity {
    pub name: Ident,
    pub visibility: Visibility,
    pub kind: LitStr,
    pub kind_attribute: String,
    /// One or two attributes of the table's key.
    pub key: Vec<KeyAttribute>,
    /// Attributes of keys of indexes.
    pub index: Vec<KeyAttribute>,
    pub fields: Vec<Field>,
    /// The `#[serde(..)]` attributes of the struct.
    pub serde: Vec<Attribute>,
}

/// An attribute that is filled.
pub struct KeyAttribute {
    pub name: String,
    pub source: Source,
}

impl Entity {
    pub fn read(input: &DeriveInput) -> Result<Self> {
        let Data::Struct(data) = &input.data else {
            let message = "an entity is a struct; for items of several kinds derive `Deserialize` for an enum with \
                           #[serde(tag = \"entity\")]";
            return Err(Error::new(input.ident.span(), message));
        };
        let Fields::Named(fields) = &data.fields else {
            return Err(Error::new(input.ident.span(), "an entity has named fields, which become attributes"));
        };
        if !input.generics.params.is_empty() {
            return Err(Error::new(input.generics.span(), "an entity has no type parameters and no lifetimes"));
        }
        let known: Vec<Ident> = fields.named.iter().filter_map(|field| field.ident.clone()).collect();
        let (kind, kind_attribute) = read_kind(input)?;
        let key = read_keys(input, "key", &known)?;
        if key.is_empty() || key.len() > 2 {
            let message = "say which attributes are the key: #[key(pk = \"USER#{id}\", sk = \"PROFILE\")], with one or two \
                           of them";
            return Err(Error::new(input.ident.span(), message));
        }
        let entity = Self {
            name: input.ident.clone(),
            visibility: input.vis.clone(),
            kind,
            kind_attribute,
            key,
            index: read_keys(input, "index", &known)?,
            fields: fields.named.iter().cloned().collect(),
            serde: input.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")).cloned().collect(),
        };
        entity.check()?;
        Ok(entity)
    }

    /// All attributes that are filled, those of the key first.
    pub fn filled(&self) -> impl Iterator<Item = &KeyAttribute> {
        self.key.iter().chain(&self.index)
    }

    /// Whether serde stores a field in the attribute that it fills, so that nothing else has to.
    pub fn is_stored(&self, attribute: &KeyAttribute) -> bool {
        let Source::Field(source) = &attribute.source else { return false };
        self.fields
            .iter()
            .any(|field| field.ident.as_ref() == Some(source) && self.is_stored_as(field, &attribute.name))
    }

    fn is_stored_as(&self, field: &Field, attribute: &str) -> bool {
        stored_name(field, &SerdeOptions::of(&self.serde)).is_some_and(|stored| stored == attribute)
    }

    fn check(&self) -> Result<()> {
        let mut names: Vec<&str> = vec![&self.kind_attribute];
        if let Some(field) = self.fields.iter().find(|field| self.is_stored_as(field, &self.kind_attribute)) {
            let message = format!(
                "the attribute `{}` says which kind an item is; rename the field, or choose another attribute for the \
                 kind: #[entity(attribute = \"..\")]",
                self.kind_attribute
            );
            return Err(Error::new(field.span(), message));
        }
        for attribute in self.filled() {
            let other = |field: &&Field| {
                let is_source =
                    matches!(&attribute.source, Source::Field(source) if field.ident.as_ref() == Some(source));
                !is_source && self.is_stored_as(field, &attribute.name)
            };
            if let Some(field) = self.fields.iter().find(other) {
                let (name, filled_by) = (
                    &attribute.name,
                    match &attribute.source {
                        Source::Template(_) => "a template",
                        Source::Field(_) => "another field",
                    },
                );
                let message =
                    format!("the attribute `{name}` is filled by {filled_by}; remove the field, or rename it");
                return Err(Error::new(field.span(), message));
            }
            if names.contains(&attribute.name.as_str()) {
                let message = format!("the attribute `{}` is filled twice", attribute.name);
                return Err(Error::new(self.name.span(), message));
            }
            names.push(&attribute.name);
        }
        if let Some(denying) = SerdeOptions::of(&self.serde).get("deny_unknown_fields") {
            let message =
                "an item of an entity has more attributes than the struct has fields: remove deny_unknown_fields";
            return Err(Error::new(denying.span(), message));
        }
        Ok(())
    }
}

fn read_kind(input: &DeriveInput) -> Result<(LitStr, String)> {
    let (mut kind, mut kind_attribute) = (None, None);
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("entity")) {
        attribute.parse_nested_meta(|meta| {
            let place = match meta.path.get_ident().map(Ident::to_string).as_deref() {
                Some("kind") => &mut kind,
                Some("attribute") => &mut kind_attribute,
                _ => return Err(meta.error("expected `kind = \"..\"` or `attribute = \"..\"`")),
            };
            *place = Some(meta.value()?.parse::<LitStr>()?);
            Ok(())
        })?;
    }
    let missing = || Error::new(input.ident.span(), "say which kind of item it is: #[entity(kind = \"user\")]");
    let attribute = kind_attribute.map_or_else(|| KIND_ATTRIBUTE.to_owned(), |text: LitStr| text.value());
    Ok((kind.ok_or_else(missing)?, attribute))
}

fn read_keys(input: &DeriveInput, attribute_name: &str, known: &[Ident]) -> Result<Vec<KeyAttribute>> {
    let mut keys = Vec::new();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident(attribute_name)) {
        for Assignment { name, value } in attribute.parse_args_with(Punctuated::<_, Token![,]>::parse_terminated)? {
            let source = match value {
                Value::Text(text) => Source::Template(Template::read(text, known)?),
                Value::Field(field) if known.contains(&field) => Source::Field(field),
                Value::Field(field) => return Err(Error::new(field.span(), no_field(&field.to_string(), known))),
            };
            keys.push(KeyAttribute { name, source });
        }
    }
    Ok(keys)
}

/// `name = value`, where the name may be a text too.
struct Assignment {
    name: String,
    value: Value,
}

enum Value {
    Text(LitStr),
    Field(Ident),
}

impl Parse for Assignment {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = if input.peek(LitStr) {
            input.parse::<LitStr>()?.value()
        } else {
            input.call(Ident::parse_any)?.unraw().to_string()
        };
        input.parse::<Token![=]>()?;
        let value = if input.peek(LitStr) { Value::Text(input.parse()?) } else { Value::Field(input.parse()?) };
        Ok(Self { name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn rejected(input: DeriveInput) -> String {
        Entity::read(&input).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn no_attribute_is_stored_twice() {
        let kind = rejected(parse_quote! {
            #[entity(kind = "event")]
            #[key(pk = "EVENT#{id}")]
            struct Event { id: String, entity: String }
        });
        assert!(kind.contains("which kind an item is"), "{kind}");
        let raw = rejected(parse_quote! {
            #[entity(kind = "event", attribute = "type")]
            #[key(pk = "EVENT#{id}")]
            struct Event { id: String, r#type: String }
        });
        assert!(raw.contains("which kind an item is"), "{raw}");
        let renamed = rejected(parse_quote! {
            #[entity(kind = "user")]
            #[key(pk = "USER#{id}")]
            struct User { id: String, #[serde(rename = "pk")] partition: String }
        });
        assert!(renamed.contains("`pk` is filled by a template"), "{renamed}");
        let renamed_all = rejected(parse_quote! {
            #[entity(kind = "user")]
            #[key(PK = "USER#{id}")]
            #[serde(rename_all = "UPPERCASE")]
            struct User { id: String, pk: String }
        });
        assert!(renamed_all.contains("`PK` is filled by a template"), "{renamed_all}");
        let elsewhere = rejected(parse_quote! {
            #[entity(kind = "user")]
            #[key(pk = "USER#{id}")]
            struct User { id: String, #[serde(rename = "partition")] pk: String, #[serde(skip)] entity: String }
        });
        assert_eq!(elsewhere, "");
    }

    #[test]
    fn unknown_attributes_may_not_be_denied() {
        let denied = rejected(parse_quote! {
            #[entity(kind = "user")]
            #[key(pk = "USER#{id}")]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            struct User { id: String }
        });
        assert!(denied.contains("remove deny_unknown_fields"), "{denied}");
    }
}
