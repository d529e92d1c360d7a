//! The file that names principals, their keys and their policies.
//!
//! ```json
//! {
//!   "account": "000000000000",
//!   "policies": {
//!     "own-orders": {"Version": "2012-10-17", "Statement": [{
//!       "Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"],
//!       "Resource": "arn:aws:dynamodb:*:*:table/orders",
//!       "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:PrincipalTag/tenant}"},
//!                     "Null": {"dynamodb:LeadingKeys": "false"}}}]}
//!   },
//!   "principals": [
//!     {"name": "one", "access_key_id": "ONE", "secret_env": "SECRET_OF_ONE", "tags": {"tenant": "t1"},
//!      "policies": ["own-orders"]}
//!   ]
//! }
//! ```
//!
//! A policy of a principal is the name of one under `policies`, or a document.

use super::principals::{Entry, Principals};
use crate::http::signature::Credentials;
use hashrange::access::{Policy, Principal};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A policy file cannot be understood; the text says where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFileError(String);

impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyFileError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    account: Option<String>,
    #[serde(default)]
    policies: BTreeMap<String, Box<RawValue>>,
    principals: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    name: String,
    access_key_id: String,
    secret: Option<String>,
    secret_env: Option<String>,
    #[serde(default)]
    kind: Kind,
    role: Option<String>,
    account: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    policies: Vec<Box<RawValue>>,
    boundary: Option<Box<RawValue>>,
    #[serde(default)]
    session_policies: Vec<Box<RawValue>>,
    #[serde(default)]
    strict: bool,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    User,
    Session,
    Root,
}

/// Account of a file that names none.
const DEFAULT_ACCOUNT: &str = "000000000000";

impl Principals {
    /// Reads a file. `environment` has the variables that `secret_env` names.
    ///
    /// Errors: what cannot be understood, with line and column or with the place in a policy; a principal without secret, or
    /// with the key id of another one; a name of a policy that is not there.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, PolicyFileError> {
        let file: File = serde_json::from_str(text).map_err(|error| PolicyFileError(error.to_string()))?;
        let account = file.account.unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned());
        check_account(&account)?;
        let mut named = BTreeMap::new();
        for (name, document) in &file.policies {
            let policy =
                Policy::parse(document.get()).map_err(|error| PolicyFileError(format!("policies.{name}: {error}")))?;
            named.insert(name.clone(), Arc::new(policy.named(name)));
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(file.principals.len());
        for member in file.principals {
            let name = member.name.clone();
            let entry = read_member(member, &account, &named, &environment).and_then(|entry| {
                let is_taken = entries.iter().any(|other| other.has_key_of(&entry));
                if is_taken { Err("another principal has the same access_key_id".to_owned()) } else { Ok(entry) }
            });
            entries.push(entry.map_err(|error| PolicyFileError(format!("principal {name}: {error}")))?);
        }
        if entries.is_empty() {
            return Err(PolicyFileError("principals: there is none".to_owned()));
        }
        Ok(Self::new(account, entries))
    }
}

fn check_account(account: &str) -> Result<(), PolicyFileError> {
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(()) } else { Err(PolicyFileError(format!("account: {account:?} has not 12 digits"))) }
}

type Named = BTreeMap<String, Arc<Policy>>;

fn read_member(
    member: Member,
    account: &str,
    named: &Named,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<Entry, String> {
    let secret = match (member.secret, member.secret_env) {
        (Some(secret), None) => secret,
        (None, Some(name)) => {
            environment(&name).ok_or_else(|| format!("secret_env: the environment has no variable {name}"))?
        }
        _ => return Err("one of secret and secret_env is needed".to_owned()),
    };
    let credentials = Credentials { access_key_id: member.access_key_id, secret_access_key: secret };
    if !credentials.are_complete() {
        return Err("access_key_id or secret is empty".to_owned());
    }
    let principal = match (member.kind, member.role) {
        (Kind::User, None) => Principal::user(member.name),
        (Kind::Root, None) => Principal::root(),
        (Kind::Session, Some(role)) => Principal::session(role, member.name),
        (Kind::Session, None) => return Err("role: a session needs one".to_owned()),
        (_, Some(_)) => return Err("role: only a session has one".to_owned()),
    };
    let mut principal = principal.account(member.account.as_deref().unwrap_or(account));
    for (name, value) in member.tags {
        principal = principal.tag(name, value);
    }
    for (name, value) in member.attributes {
        principal = principal.attribute(name, value);
    }
    for (at, policy) in member.policies.iter().enumerate() {
        principal = principal.policy(read_policy(policy, named).map_err(|error| format!("policies[{at}]: {error}"))?);
    }
    for (at, policy) in member.session_policies.iter().enumerate() {
        let policy = read_policy(policy, named).map_err(|error| format!("session_policies[{at}]: {error}"))?;
        principal = principal.session_policy(policy);
    }
    if let Some(policy) = &member.boundary {
        principal = principal.boundary(read_policy(policy, named).map_err(|error| format!("boundary: {error}"))?);
    }
    let principal = Arc::new(if member.strict { principal.strict() } else { principal });
    Ok(Entry { credentials, principal })
}

/// A policy by its name, or a document.
fn read_policy(value: &RawValue, named: &Named) -> Result<Arc<Policy>, String> {
    match serde_json::from_str::<String>(value.get()) {
        Ok(name) => named.get(&name).cloned().ok_or_else(|| format!("there is no policy of the name {name:?}")),
        Err(_) => Policy::parse(value.get()).map(Arc::new).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(principals: &str) -> Result<Principals, PolicyFileError> {
        let document =
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}}"#;
        let text = format!(r#"{{"policies":{{"all":{document}}},"principals":[{principals}]}}"#);
        Principals::parse(&text, |name| (name == "SECRET").then(|| "from outside".to_owned()))
    }

    #[test]
    fn a_file_is_read() {
        let one = r#"{"name":"one","access_key_id":"K1","secret":"s","policies":["all"],"tags":{"tenant":"t1"}}"#;
        let two = r#"{"name":"two","access_key_id":"K2","secret_env":"SECRET","kind":"session","role":"r"}"#;
        let principals = parse(&format!("{one},{two}")).unwrap();
        assert_eq!(principals.find("K1").unwrap().principal.arn(), "arn:aws:iam::000000000000:user/one");
        let two = principals.find("K2").unwrap();
        assert_eq!(two.principal.arn(), "arn:aws:sts::000000000000:assumed-role/r/two");
        assert_eq!(two.credentials.secret_access_key, "from outside");
        assert!(principals.find("K3").is_none());
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_its_place() {
        let with = |members: &str| format!(r#"{{"name":"a","access_key_id":"K",{members}}}"#);
        for (principals, text) in [
            (String::new(), "principals: there is none"),
            (with(r#""secret":"s","polices":[]"#), "unknown field `polices`"),
            (with(r#""policies":[]"#), "principal a: one of secret and secret_env"),
            (with(r#""secret_env":"NONE""#), "has no variable NONE"),
            (with(r#""secret":"""#), "is empty"),
            (with(r#""secret":"s","policies":["some"]"#), "principal a: policies[0]: there is no policy of the name"),
            (
                with(r#""secret":"s","policies":[{"Statement":[]}]"#),
                "principal a: policies[0]: Statement: a policy has 1 to",
            ),
            (with(r#""secret":"s","kind":"session""#), "role: a session needs one"),
            (with(r#""secret":"s","role":"r""#), "role: only a session has one"),
            (format!("{0},{0}", with(r#""secret":"s""#)), "the same access_key_id"),
        ] {
            let error = parse(&principals).map(drop).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        let error = Principals::parse("{\n  \"principals\": 7\n}", |_| None).map(drop).unwrap_err().to_string();
        assert!(error.contains("line 2 column"), "{error}");
        let error =
            Principals::parse(r#"{"policies":{"p":{"Statement":{"Effect":"Allow"}}},"principals":[]}"#, |_| None);
        assert!(error.map(drop).unwrap_err().to_string().starts_with("policies.p: Statement[0]: the member Action"));
    }
}
