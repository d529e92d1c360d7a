//! Files of rules: JSON, read and checked before the first item moves.

use super::{
    path::{Found, Path},
    values::{HashKey, Look},
};
use crate::{failure::Failure, private_file};
use clap::Args;
use hashrange::{AttributeValue, Item};
use serde::Deserialize;
use std::path::PathBuf;

/// Bytes that a key must have at least.
const LEAST_KEY_BYTES: usize = 16;
/// Variable that names the file of the key.
const KEY_FILE_VARIABLE: &str = "HASHRANGE_MASK_KEY_FILE";

/// Where rules and their key come from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Source {
    /// File of rules that hash, drop or make up attributes on their way; see docs/mask.md
    #[arg(long, value_name = "RULES")]
    mask: Option<PathBuf>,
    /// File of the key that values are hashed with, 16 bytes or more; the same key makes the same hashes
    #[arg(long, value_name = "FILE", env = KEY_FILE_VARIABLE)]
    mask_key_file: Option<PathBuf>,
}

/// The rules of all tables.
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    rules: Vec<Rule>,
    others: Others,
    key: HashKey,
    /// A keyed hash of the file of rules.
    #[cfg(feature = "copy")]
    fingerprint: String,
}

#[derive(Clone, Debug)]
struct Rule {
    table: Option<String>,
    path: Path,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Keep,
    Drop,
    Hash(Vec<Template>),
    Fake(Look),
}

/// What becomes of attributes that no rule names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Others {
    #[default]
    Keep,
    Drop,
    Hash,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    others: Others,
    rules: Vec<FileRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRule {
    table: Option<String>,
    attribute: String,
    #[serde(rename = "do")]
    action: FileAction,
    #[serde(rename = "as")]
    look: Option<Look>,
    #[serde(default)]
    templates: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileAction {
    Keep,
    Drop,
    Hash,
    Fake,
}

impl Source {
    /// Reads rules and key, if rules are named. Errors: a file that cannot be read or understood, a key that is short or that
    /// others may read, rules that need a key without one, an option that names a key where no rules are.
    pub(crate) fn read(&self) -> Result<Option<Masks>, Failure> {
        let Some(path) = &self.mask else { return self.without_rules() };
        let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
        let text = private_file::read(path)?;
        let file: File = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let others = file.others;
        let rules = file.rules.into_iter().map(Rule::read).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        if let Some(rule) = rules.iter().find(|rule| others != Others::Keep && !rule.path.is_whole()) {
            return Err(wrong(format!(
                "a rule for a part of {} lets its other parts pass, which \"others\" forbids; name {0} as a whole",
                rule.path.attribute()
            )));
        }
        let needs_key =
            others == Others::Hash || rules.iter().any(|rule| matches!(rule.action, Action::Hash(_) | Action::Fake(_)));
        let key = match &self.mask_key_file {
            Some(path) => read_key(path)?,
            None if needs_key => {
                return Err(wrong("these rules hash or make up values; say --mask-key-file".to_owned()));
            }
            None => Vec::new(),
        };
        let key = HashKey(key);
        #[cfg(feature = "copy")]
        let fingerprint = key.fingerprint(&text);
        Ok(Some(Masks {
            rules,
            others,
            key,
            #[cfg(feature = "copy")]
            fingerprint,
        }))
    }

    /// The variable may name a key for all commands, and is not read here. The option asks for a mask that would be missing.
    fn without_rules(&self) -> Result<Option<Masks>, Failure> {
        let of_variable = std::env::var_os(KEY_FILE_VARIABLE).map(PathBuf::from);
        if self.mask_key_file.is_some() && self.mask_key_file != of_variable {
            return Err(Failure::Usage("--mask-key-file: say --mask too; without rules nothing is masked".to_owned()));
        }
        Ok(None)
    }
}

fn read_key(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    private_file::check(path, private_file::Others::Nothing)?;
    let key = private_file::read(path)?;
    let key = key.trim_ascii();
    if key.len() < LEAST_KEY_BYTES {
        return Err(Failure::Usage(format!(
            "{}: the key has {} bytes; {LEAST_KEY_BYTES} are needed",
            path.display(),
            key.len()
        )));
    }
    Ok(key.to_vec())
}

impl Rule {
    fn read(rule: FileRule) -> Result<Self, String> {
        let path = Path::parse(&rule.attribute)?;
        let at = |why: &str| format!("the rule of {}: {why}", rule.attribute);
        if rule.action != FileAction::Hash && !rule.templates.is_empty() {
            return Err(at("templates are for hash"));
        }
        let action = match (rule.action, rule.look) {
            (FileAction::Fake, Some(look)) => Action::Fake(look),
            (FileAction::Fake, None) => return Err(at("fake needs \"as\": name, email, phone or text")),
            (_, Some(_)) => return Err(at("\"as\" is for fake")),
            (FileAction::Keep, None) => Action::Keep,
            (FileAction::Drop, None) => Action::Drop,
            (FileAction::Hash, None) => {
                Action::Hash(rule.templates.iter().map(|text| Template::parse(text)).collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { table: rule.table, path, action })
    }

    fn is_of(&self, table: &str) -> bool {
        self.table.as_deref().is_none_or(|name| name == table)
    }
}

impl Masks {
    /// Checks that the keys of a table keep telling items apart. Errors: a rule that drops or makes up a key attribute; a key
    /// attribute that no rule names where all such attributes are dropped.
    pub(crate) fn check<'k>(&self, table: &str, key: impl IntoIterator<Item = &'k str>) -> Result<(), Failure> {
        for attribute in key {
            let mut of_key =
                self.rules_of(table).filter_map(|rule| Some((rule, rule.path.names(attribute)?))).peekable();
            if of_key.peek().is_none() && self.others == Others::Drop {
                let text =
                    format!("--mask: no rule names {attribute}, which is in the key of {table}; hash or keep it");
                return Err(Failure::Usage(text));
            }
            let is_unfit =
                |(rule, is_whole): (&Rule, bool)| matches!(rule.action, Action::Drop | Action::Fake(_)) || !is_whole;
            if of_key.any(is_unfit) {
                let text =
                    format!("--mask: {attribute} is in the key of {table}, where values must stay apart; hash it");
                return Err(Failure::Usage(text));
            }
        }
        Ok(())
    }

    /// An item of a table, or the key of one, as the rules leave it.
    pub(crate) fn apply(&self, table: &str, item: Item) -> Item {
        let Item(attributes) = item;
        let named = |name: &str| self.rules_of(table).any(|rule| rule.path.names(name).is_some());
        let left = attributes.into_iter().filter_map(|(name, value)| match self.others {
            Others::Keep => Some((name, value)),
            _ if named(&name) => Some((name, value)),
            Others::Hash => Some((name, self.key.value(value))),
            Others::Drop => None,
        });
        let mut attributes = left.collect();
        // Of several rules for one place the first one counts.
        let mut done: Vec<&Path> = Vec::new();
        for rule in self.rules_of(table) {
            if !done.contains(&&rule.path) {
                rule.path.replace(&mut attributes, &|value, found| self.change(&rule.action, value, found));
                done.push(&rule.path);
            }
        }
        Item(attributes)
    }

    fn rules_of<'m>(&'m self, table: &'m str) -> impl Iterator<Item = &'m Rule> {
        self.rules.iter().filter(move |rule| rule.is_of(table))
    }

    /// Tells these rules with their key from others, and gives away neither.
    #[cfg(feature = "copy")]
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn change(&self, action: &Action, value: AttributeValue, found: Found) -> Option<AttributeValue> {
        match (action, value) {
            // Only a part may pass, and this value has no such part.
            (Action::Keep, _) if found == Found::OtherShape => None,
            (Action::Keep, value) => Some(value),
            (Action::Drop, _) => None,
            (Action::Fake(look), value) => Some(self.key.fake(*look, &value)),
            (Action::Hash(templates), AttributeValue::S(text)) => {
                let by_template = templates.iter().find_map(|template| template.hash(&text, &self.key));
                Some(AttributeValue::S(by_template.unwrap_or_else(|| self.key.text(&text))))
            }
            (Action::Hash(_), value) => Some(self.key.value(value)),
        }
    }
}

/// A text with parts that are hashed, such as `USER#{}`: what is around them stays.
#[derive(Clone, Debug)]
struct Template(Vec<String>);

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<String> = text.split("{}").map(str::to_owned).collect();
        let inner = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default();
        if parts.len() < 2 || inner.iter().any(String::is_empty) {
            return Err(format!(
                "the template {text:?} needs {{}} for each part that is hashed, with a text between two"
            ));
        }
        Ok(Self(parts))
    }

    /// The text with its parts hashed; nothing if it has another form.
    fn hash(&self, text: &str, key: &HashKey) -> Option<String> {
        let (first, others) = self.0.split_first()?;
        let mut left = text.strip_prefix(first.as_str())?;
        let mut hashed = first.clone();
        for (at, literal) in others.iter().enumerate() {
            let is_last = at + 1 == others.len();
            let part =
                if is_last { left.strip_suffix(literal.as_str())? } else { left.split_once(literal.as_str())?.0 };
            if part.is_empty() {
                return None;
            }
            left = &left[part.len() + literal.len()..];
            hashed.push_str(&key.text(part));
            hashed.push_str(literal);
        }
        Some(hashed)
    }
}
