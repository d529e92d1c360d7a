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

use super::{
    policy_file_error::PolicyFileError,
    principals::{Entry, FileOptions, Principals},
};
use crate::http::signature::Credentials;
use hashrange::access::{Policy, Principal};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt, marker::PhantomData, sync::Arc};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'t> {
    account: Option<String>,
    #[serde(default = "yes")]
    abac: bool,
    #[serde(default)]
    names_policies: bool,
    #[serde(default, borrow)]
    policies: Unique<&'t RawValue>,
    #[serde(borrow)]
    principals: Vec<&'t RawValue>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member<'t> {
    name: String,
    access_key_id: String,
    secret: Option<String>,
    secret_env: Option<String>,
    #[serde(default)]
    kind: Kind,
    role: Option<String>,
    account: Option<String>,
    #[serde(default)]
    tags: Unique<String>,
    #[serde(default)]
    attributes: Unique<String>,
    #[serde(default, borrow)]
    policies: Vec<&'t RawValue>,
    #[serde(borrow)]
    boundary: Option<&'t RawValue>,
    #[serde(default, borrow)]
    session_policies: Vec<&'t RawValue>,
    #[serde(default)]
    strict: bool,
}

/// Members of an object by name. One that is there twice is rejected, since one of the two would be ignored.
struct Unique<V>(Vec<(String, V)>);

impl<V> Default for Unique<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'t, V: Deserialize<'t>> Deserialize<'t> for Unique<V> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<V>(PhantomData<V>);
        impl<'t, V: Deserialize<'t>> Visitor<'t> for Members<V> {
            type Value = Unique<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'t>>(self, mut entries: A) -> Result<Unique<V>, A::Error> {
                let mut members: Vec<(String, V)> = Vec::new();
                while let Some(name) = entries.next_key::<String>()? {
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format_args!("the member {name:?} is there twice")));
                    }
                    members.push((name, entries.next_value()?));
                }
                Ok(Unique(members))
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
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
    /// Errors: what cannot be understood, with its line; a principal without secret, or with the key id of another one; a
    /// name of a policy that is not there.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, PolicyFileError> {
        let place = Place { file: text, environment: &environment };
        let file: File<'_> = place.read(text)?;
        let account = file.account.unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned());
        if !is_account(&account) {
            return Err(PolicyFileError::new(1, format!("account: {account:?} has not 12 digits")));
        }
        let mut named = Named::new();
        for (name, document) in file.policies.0 {
            let policy = place.policy(document, &format!("policies.{name}"))?;
            named.insert(name.clone(), Arc::new(policy.named(&name)));
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(file.principals.len());
        for raw in file.principals {
            let member: Member<'_> = place.read(raw.get())?;
            let name = member.name.clone();
            let at = |reason: String| place.error(raw.get(), format!("principal {name}: {reason}"));
            let entry = place.entry(member, &account, &named, &at)?;
            if entries.iter().any(|other| other.has_key_of(&entry)) {
                return Err(at("another principal has the same access_key_id".to_owned()));
            }
            entries.push(entry);
        }
        if entries.is_empty() {
            return Err(PolicyFileError::new(1, "principals: there is none".to_owned()));
        }
        Ok(Self::new(account, FileOptions { abac: file.abac, names_policies: file.names_policies }, entries))
    }
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

type Named = BTreeMap<String, Arc<Policy>>;

/// The file that is read, whose parts know their lines.
struct Place<'t> {
    file: &'t str,
    environment: &'t dyn Fn(&str) -> Option<String>,
}

impl<'t> Place<'t> {
    /// The line of a part of the file, from 1.
    fn line_of(&self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.file.as_ptr() as usize);
        1 + self.file.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }
    fn error(&self, part: &str, reason: String) -> PolicyFileError {
        PolicyFileError::new(self.line_of(part), reason)
    }
    /// Reads a part of the file as JSON of a type.
    fn read<V: Deserialize<'t>>(&self, part: &'t str) -> Result<V, PolicyFileError> {
        serde_json::from_str(part).map_err(|error| {
            let text = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let line = self.line_of(part) + error.line().saturating_sub(1);
            PolicyFileError::new(line, text.strip_suffix(&place).unwrap_or(&text).to_owned())
        })
    }
    /// Reads a policy of the file; `name` is what errors call it.
    fn policy(&self, document: &RawValue, name: &str) -> Result<Policy, PolicyFileError> {
        let document = document.get();
        Policy::parse(document).map_err(|error| {
            let line = match error.line() {
                Some(line) => self.line_of(document) + line - 1,
                None => self.line_of(part_at(document, error.path())),
            };
            let separator = if error.path().is_empty() { "" } else { "." };
            PolicyFileError::new(line, format!("{name}{separator}{}: {}", error.path(), error.reason()))
        })
    }
    /// A policy by its name, or a document.
    fn policy_of(
        &self,
        value: &RawValue,
        named: &Named,
        principal: &str,
        member: &str,
    ) -> Result<Arc<Policy>, PolicyFileError> {
        let place = format!("principal {principal}: {member}");
        match serde_json::from_str::<String>(value.get()) {
            Ok(name) => named
                .get(&name)
                .cloned()
                .ok_or_else(|| self.error(value.get(), format!("{place}: there is no policy of the name {name:?}"))),
            Err(_) => self.policy(value, &place).map(Arc::new),
        }
    }

    fn secret(&self, secret: Option<String>, variable: Option<String>) -> Result<String, String> {
        match (secret, variable) {
            (Some(secret), None) => Ok(secret),
            (None, Some(name)) => {
                (self.environment)(&name).ok_or_else(|| format!("secret_env: the environment has no variable {name}"))
            }
            _ => Err("one of secret and secret_env is needed".to_owned()),
        }
    }

    fn entry(
        &self,
        member: Member<'t>,
        account: &str,
        named: &Named,
        at: &dyn Fn(String) -> PolicyFileError,
    ) -> Result<Entry, PolicyFileError> {
        let secret_access_key = self.secret(member.secret, member.secret_env).map_err(at)?;
        let credentials = Credentials { access_key_id: member.access_key_id, secret_access_key };
        if !credentials.are_complete() {
            return Err(at("access_key_id or secret is empty".to_owned()));
        }
        let name = member.name;
        let principal = match (member.kind, member.role) {
            (Kind::User, None) => Principal::user(&name),
            (Kind::Root, None) => Principal::root(),
            (Kind::Session, Some(role)) => Principal::session(role, &name),
            (Kind::Session, None) => return Err(at("role: a session needs one".to_owned())),
            (_, Some(_)) => return Err(at("role: only a session has one".to_owned())),
        };
        let account = member.account.as_deref().unwrap_or(account);
        if !is_account(account) {
            return Err(at(format!("account: {account:?} has not 12 digits")));
        }
        let mut principal = principal.account(account);
        for (tag, value) in member.tags.0 {
            principal = principal.tag(tag, value);
        }
        for (key, value) in member.attributes.0 {
            principal = principal.attribute(key, value);
        }
        for (at, policy) in member.policies.into_iter().enumerate() {
            principal = principal.policy(self.policy_of(policy, named, &name, &format!("policies[{at}]"))?);
        }
        for (at, policy) in member.session_policies.into_iter().enumerate() {
            let policy = self.policy_of(policy, named, &name, &format!("session_policies[{at}]"))?;
            principal = principal.session_policy(policy);
        }
        if let Some(policy) = member.boundary {
            principal = principal.boundary(self.policy_of(policy, named, &name, "boundary")?);
        }
        let principal = Arc::new(if member.strict { principal.strict() } else { principal });
        Ok(Entry { credentials, principal })
    }
}

/// The part of a document at a path such as `Statement[2].Condition.StringLike`, as far as there is one.
fn part_at<'t>(document: &'t str, path: &str) -> &'t str {
    let (mut here, mut rest) = (document, path);
    while !rest.is_empty() {
        let inner: Option<(&RawValue, usize)> = if let Some((number, _)) =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            match serde_json::from_str::<Vec<&RawValue>>(here) {
                Ok(list) => {
                    let element = number.parse::<usize>().ok().and_then(|at| list.get(at).copied());
                    element.map(|element| (element, number.len() + 2))
                }
                // One statement that is in no list.
                Err(_) => {
                    rest = &rest[number.len() + 2..];
                    continue;
                }
            }
        } else {
            let name = rest.trim_start_matches('.');
            let dots = rest.len() - name.len();
            let members = serde_json::from_str::<Unique<&RawValue>>(here).map(|members| members.0).unwrap_or_default();
            let is_next = |known: &str| {
                name.strip_prefix(known).is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
            };
            let longest = members.into_iter().filter(|(known, _)| is_next(known)).max_by_key(|(known, _)| known.len());
            longest.map(|(known, value)| (value, dots + known.len()))
        };
        let Some((value, length)) = inner else { break };
        (here, rest) = (value.get(), &rest[length..]);
    }
    here
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
            (with(r#""secret":"s","account":"1""#), "principal a: account: \"1\" has not 12 digits"),
            (with(r#""secret":"s","tags":{"t":"1","t":"2"}"#), "the member \"t\" is there twice"),
            (with(r#""secret":"s","policies":["some"]"#), "principal a: policies[0]: there is no policy of the name"),
            (
                with(r#""secret":"s","policies":[{"Statement":[]}]"#),
                "principal a: policies[0].Statement: a policy has 1 to",
            ),
            (with(r#""secret":"s","kind":"session""#), "role: a session needs one"),
            (with(r#""secret":"s","role":"r""#), "role: only a session has one"),
            (format!("{0},{0}", with(r#""secret":"s""#)), "the same access_key_id"),
        ] {
            let error = parse(&principals).map(drop).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn errors_name_the_line_of_the_file() {
        let file = r#"{
  "policies": {
    "own": {"Version": "2012-10-17", "Statement": [
      {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"},
      {"Effect": "Allow",
       "Action": "dynamodb:*",
       "Resource": "*",
       "Condition": {
         "StringEquals": {"www.amazon.com:user_id": "a",
           "aws:username": "b"}
       }}
    ]},
    "one": {"Statement":
      {"Effect": "Allow", "Action": "dynamodb:*",
       "Resource": "*"}}
  },
  "principals": [
    {"name": "a", "access_key_id": "A", "secret": "s",
     "policies": ["own",
       "one"]},
    {"name": "b", "access_key_id": "B",
     "secret": "s"}
  ]
}"#;
        assert!(Principals::parse(file, |_| None).is_ok());
        for (from, to, expected) in [
            (
                "\"aws:username\"",
                "\"aws:user_name:\"",
                "line 10: policies.own.Statement[1].Condition.StringEquals.aws:user_name:: ",
            ),
            ("\"StringEquals\"", "\"StringIs\"", "line 9: policies.own.Statement[1].Condition.StringIs: "),
            (
                "\"Action\": \"dynamodb:*\",\n       \"Resource\": \"*\",",
                "\"Action\": \"GetItem\",\n       \"Resource\": \"*\",",
                "line 6: policies.own.Statement[1].Action: ",
            ),
            (
                "       \"Resource\": \"*\"}}",
                "       \"Resource\": \"x\"}}",
                "line 15: policies.one.Statement[0].Resource: ",
            ),
            (
                "\"Effect\": \"Deny\"",
                "\"Effect\": \"Deny\", \"Effect\": \"Allow\"",
                "line 4: policies.own: the text is no JSON: the member \"Effect\" is there twice",
            ),
            ("       \"one\"]", "       \"two\"]", "line 20: principal a: policies[1]: there is no policy"),
            ("     \"secret\": \"s\"}", "     \"secrets\": \"s\"}", "line 22: unknown field `secrets`"),
            ("\"access_key_id\": \"B\"", "\"access_key_id\": \"A\"", "line 21: principal b: another principal"),
            ("  ]\n}", "  ]\n}}", "line 24: trailing characters"),
            ("\"one\": {", "\"own\": {", "line 13: the member \"own\" is there twice"),
        ] {
            assert!(file.contains(from), "{from}");
            let error = Principals::parse(&file.replacen(from, to, 1), |_| None).map(drop).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error} and not {expected}");
        }
    }
}
