//! Templates of key attributes: `USER#{id}`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Ident, LitStr, Result, ext::IdentExt};

/// A key attribute's value.
#[derive(Clone)]
pub enum Source {
    /// A text with fields in it.
    Template(Template),
    /// A field, stored as it is.
    Field(Ident),
}

/// A text that `format!` takes, and the fields that it names.
#[derive(Clone)]
pub struct Template {
    pub text: LitStr,
    pub fields: Vec<Ident>,
    /// Those of which a placeholder says how they are written: `{number:010}`.
    pub formatted: Vec<Ident>,
}

impl Source {
    /// The fields that it names, each once.
    pub fn fields(&self) -> &[Ident] {
        match self {
            Self::Template(template) => &template.fields,
            Self::Field(field) => std::slice::from_ref(field),
        }
    }
    /// Whether a template says how the field is written. Values of other types would be written in another way then.
    pub fn formats(&self, field: &Ident) -> bool {
        matches!(self, Self::Template(template) if template.formatted.contains(field))
    }
    /// What every value begins with.
    pub fn prefix(&self) -> String {
        match self {
            Self::Template(template) => {
                let text = template.text.value();
                let end = placeholders(&text).next().map_or(text.len(), |(at, _)| at);
                text[..end].replace("{{", "{").replace("}}", "}")
            }
            Self::Field(_) => String::new(),
        }
    }
}

impl Template {
    /// The text with values for the fields. A field `r#type` is `type` in it.
    pub fn filled(&self, owner: &TokenStream) -> TokenStream {
        let (text, fields) = (&self.text, &self.fields);
        let names = fields.iter().map(IdentExt::unraw);
        quote! { ::std::format!(#text, #(#names = #owner #fields),*) }
    }
    /// Reads a template; `known` are the fields of the struct.
    pub fn read(text: LitStr, known: &[Ident]) -> Result<Self> {
        let mut fields: Vec<Ident> = Vec::new();
        let mut formatted = Vec::new();
        let value = text.value();
        for (_, inner) in placeholders(&value) {
            let name = inner.split(':').next().unwrap_or_default().trim();
            if name.is_empty() {
                let message = "a placeholder names a field: write `{id}`; a brace is written `{{`";
                return Err(Error::new(text.span(), message));
            }
            let Some(field) = known.iter().find(|field| field.unraw() == name) else {
                return Err(Error::new(text.span(), no_field(name, known)));
            };
            if !fields.contains(field) {
                fields.push(field.clone());
            }
            if inner.contains(':') {
                formatted.push(field.clone());
            }
        }
        Ok(Self { text, fields, formatted })
    }
}

/// What is said of a field that the struct lacks.
pub fn no_field(name: &str, known: &[Ident]) -> String {
    let names: Vec<String> = known.iter().map(|field| format!("`{}`", field.unraw())).collect();
    format!("the struct has no field `{name}`; its fields are {}", names.join(", "))
}

/// The contents of the braces, and where each begins.
fn placeholders(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + text[from..].find(['{', '}'])?;
            let rest = &text[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                from = at + 2;
                continue;
            }
            let inner = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(inner, _)| inner);
            // An unmatched brace is reported by `format!`.
            let inner = inner?;
            from = at + inner.len() + 2;
            return Some((at, inner));
        }
    })
}
