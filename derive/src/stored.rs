//! Under which names serde stores the fields of a struct.

use syn::{Attribute, Expr, Field, Lit, LitStr, Meta, Token, ext::IdentExt, punctuated::Punctuated};

type Options = Punctuated<Meta, Token![,]>;

/// What `#[serde(..)]` attributes say. What is wrong with them is reported by serde.
pub struct SerdeOptions(Vec<Meta>);

impl SerdeOptions {
    pub fn of(attributes: &[Attribute]) -> Self {
        let of_serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
        let parsed = of_serde.filter_map(|attribute| attribute.parse_args_with(Options::parse_terminated).ok());
        Self(parsed.flatten().collect())
    }

    /// The option of a name.
    pub fn get(&self, name: &str) -> Option<&Meta> {
        self.0.iter().find(|option| option.path().is_ident(name))
    }

    /// The text of `name = ".."`, or of `name(serialize = "..")`.
    pub fn text(&self, name: &str) -> Option<LitStr> {
        match self.get(name)? {
            Meta::NameValue(pair) => text_of(&pair.value),
            Meta::List(list) => {
                let inner = list.parse_args_with(Options::parse_terminated).ok()?;
                Self(inner.into_iter().collect()).text("serialize")
            }
            Meta::Path(_) => None,
        }
    }
}

fn text_of(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The attribute in which serde stores a field of a struct with these options; `None` if there is no single one.
pub fn stored_name(field: &Field, of_struct: &SerdeOptions) -> Option<String> {
    let options = SerdeOptions::of(&field.attrs);
    if ["skip", "skip_serializing", "flatten"].iter().any(|name| options.get(name).is_some()) {
        return None;
    }
    if let Some(name) = options.text("rename") {
        return Some(name.value());
    }
    let name = field.ident.as_ref()?.unraw().to_string();
    Some(of_struct.text("rename_all").map_or_else(|| name.clone(), |rule| renamed(&name, &rule.value())))
}

/// A field's name by one of serde's rules.
fn renamed(field: &str, rule: &str) -> String {
    match rule {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => field.to_ascii_uppercase(),
        "PascalCase" => joined(field, true),
        "camelCase" => joined(field, false),
        "kebab-case" => field.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => field.to_ascii_uppercase().replace('_', "-"),
        _ => field.to_owned(),
    }
}

/// The words of a field's name in one, each with a capital letter but perhaps the first.
fn joined(field: &str, mut is_capital: bool) -> String {
    let mut name = String::new();
    for letter in field.chars() {
        match letter {
            '_' => is_capital |= !name.is_empty(),
            letter if is_capital => {
                name.push(letter.to_ascii_uppercase());
                is_capital = false;
            }
            letter if name.is_empty() => name.push(letter.to_ascii_lowercase()),
            letter => name.push(letter),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn stored(of_struct: Attribute, field: Field) -> Option<String> {
        stored_name(&field, &SerdeOptions::of(&[of_struct]))
    }

    #[test]
    fn fields_are_renamed_as_serde_does() {
        for (rule, name) in [
            ("lowercase", "due_date"),
            ("UPPERCASE", "DUE_DATE"),
            ("PascalCase", "DueDate"),
            ("camelCase", "dueDate"),
            ("snake_case", "due_date"),
            ("SCREAMING_SNAKE_CASE", "DUE_DATE"),
            ("kebab-case", "due-date"),
            ("SCREAMING-KEBAB-CASE", "DUE-DATE"),
        ] {
            let of_struct: Attribute = parse_quote!(#[serde(deny_unknown_fields, rename_all(serialize = #rule))]);
            assert_eq!(stored(of_struct, parse_quote!(due_date: u64)).as_deref(), Some(name), "{rule}");
        }
        let camel: Attribute = parse_quote!(#[serde(rename_all = "camelCase", crate = "x")]);
        assert_eq!(stored(camel.clone(), parse_quote!(_id: u64)).as_deref(), Some("id"));
        assert_eq!(stored(camel.clone(), parse_quote!(r#type: u64)).as_deref(), Some("type"));
        assert_eq!(
            stored(camel.clone(), parse_quote!(#[serde(default, rename = "at")] due_date: u64)).as_deref(),
            Some("at")
        );
        assert_eq!(stored(camel.clone(), parse_quote!(#[serde(skip_serializing)] due_date: u64)), None);
        assert_eq!(stored(camel, parse_quote!(#[serde(flatten)] rest: Rest)), None);
    }
}
