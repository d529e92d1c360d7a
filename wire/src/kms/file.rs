//! Keys from a file, for servers: read at the beginning, and again when it changes.
//!
//! ```json
//! {"keys": [
//!   {"id": "1234abcd-12ab-34cd-56ef-1234567890ab", "aliases": ["alias/orders"]},
//!   {"id": "old", "state": "disabled"},
//!   {"id": "for-signatures", "kind": "asymmetric"}
//! ]}
//! ```

use super::{Key, KeyKind, KeyService, KeyState, history::History};
use serde::Deserialize;
use std::{collections::BTreeSet, fmt};

/// A file of keys cannot be understood; the text says where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFileError(String);

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyFileError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    state: StateName,
    #[serde(default)]
    kind: KindName,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StateName {
    #[default]
    Enabled,
    Disabled,
    PendingDeletion,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindName {
    #[default]
    Symmetric,
    Asymmetric,
    Hmac,
    Denied,
}

impl From<StateName> for KeyState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Enabled => Self::Enabled,
            StateName::Disabled => Self::Disabled,
            StateName::PendingDeletion => Self::PendingDeletion,
        }
    }
}

impl From<KindName> for KeyKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Symmetric => Self::Symmetric,
            KindName::Asymmetric => Self::Asymmetric,
            KindName::Hmac => Self::Hmac,
            KindName::Denied => Self::Denied,
        }
    }
}

impl KeyService {
    /// Takes keys, states and aliases from a file. A key whose state is another than before has it from now on; one that
    /// was there before and is not in the file is deleted. Returns how many keys the file has.
    ///
    /// Errors: the text cannot be understood, or names a key or alias twice; nothing changes then.
    pub fn take_file(&self, text: &str) -> Result<usize, KeyFileError> {
        let file: File = serde_json::from_str(text).map_err(|error| KeyFileError(error.to_string()))?;
        let (mut ids, mut aliases) = (BTreeSet::new(), BTreeSet::new());
        for member in &file.keys {
            if member.id.is_empty() || member.id.contains([':', '/']) {
                return Err(KeyFileError(format!("{:?} is no id of a key", member.id)));
            }
            if !ids.insert(member.id.as_str()) {
                return Err(KeyFileError(format!("the key {:?} is there twice", member.id)));
            }
            for alias in &member.aliases {
                if !alias.starts_with("alias/") || !aliases.insert(alias.as_str()) {
                    return Err(KeyFileError(format!("{alias:?} has no beginning \"alias/\", or is there twice")));
                }
            }
        }
        let now_millis = self.clock.now_millis();
        let mut keys = self.write();
        for (id, key) in &mut keys.by_id {
            if !ids.contains(id.as_str()) {
                key.history.change(KeyState::Deleted, now_millis);
            }
        }
        keys.aliases.clear();
        let count = file.keys.len();
        for member in file.keys {
            let (kind, state) = (member.kind.into(), member.state.into());
            let new = || Key { kind, history: History::default() };
            let key = keys.by_id.entry(member.id.clone()).or_insert_with(new);
            key.kind = kind;
            key.history.change(state, now_millis);
            keys.aliases.extend(member.aliases.into_iter().map(|alias| (alias, member.id.clone())));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arn::Owner;
    use hashrange::Clock;

    #[test]
    fn a_file_is_taken_whole_or_not_at_all() {
        let keys = KeyService::new(Clock::manual(0));
        let resolves = |name: &str| keys.resolve(name, &Owner::default()).is_ok();
        assert_eq!(keys.take_file(r#"{"keys":[{"id":"a","aliases":["alias/x"]},{"id":"b"}]}"#), Ok(2));
        assert!(resolves("a") && resolves("b") && resolves("alias/x") && !resolves("alias/y"));
        for (bad, text) in [
            ("{", "EOF"),
            (r#"{"keys":[{"id":"a"},{"id":"a"}]}"#, "there twice"),
            (r#"{"keys":[{"id":"a/b"}]}"#, "no id of a key"),
            (r#"{"keys":[{"id":"c","aliases":["x"]}]}"#, "no beginning"),
            (r#"{"keys":[{"id":"c","state":"gone"}]}"#, "unknown variant `gone`"),
            (r#"{"keys":[{"id":"c","stat":"disabled"}]}"#, "unknown field `stat`"),
        ] {
            let error = keys.take_file(bad).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        assert!(resolves("a") && resolves("alias/x"));
        assert_eq!(keys.take_file(r#"{"keys":[{"id":"a","state":"disabled"}]}"#), Ok(1));
        assert!(!resolves("a") && !resolves("b") && !resolves("alias/x"));
    }
}
