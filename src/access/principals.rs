//! Whom a statement of a resource policy is about.

use super::{
    json::Json,
    policy_error::PolicyError,
    principal::{Principal, PrincipalKind},
};

/// How a statement names a principal. The closer it names it, the more an `Allow` is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Naming {
    /// Not at all.
    None,
    /// By its account: all principals in it whom a policy of their own allows.
    Account,
    /// With all others.
    Everybody,
    /// By the role of its session.
    Role,
    /// By its own ARN.
    Itself,
}

/// The principals of a statement.
#[derive(Clone, Debug)]
pub(super) struct Principals {
    /// `NotPrincipal`: all but these.
    is_negated: bool,
    named: Vec<Named>,
}

#[derive(Clone, Debug, PartialEq)]
enum Named {
    Everybody,
    Account(String),
    Arn(String),
    /// A service or an identity provider, which no principal here is.
    Other,
}

impl Principals {
    /// Reads a principal. Errors: it has another form, or an ARN with wildcards.
    pub fn parse(value: &Json, is_negated: bool) -> Result<Self, PolicyError> {
        let mut named = Vec::new();
        match value {
            Json::Text(text) if text == "*" => named.push(Named::Everybody),
            Json::Object(kinds) if !kinds.is_empty() => {
                for (kind, names) in kinds {
                    let read = names.texts().map_err(|error| error.within(kind))?;
                    for name in read {
                        named.push(Named::parse(kind, name).map_err(|error| error.within(kind))?);
                    }
                }
            }
            _ => return Err(PolicyError::new("a principal is \"*\" or an object such as {\"AWS\": \"111122223333\"}")),
        }
        Ok(Self { is_negated, named })
    }

    /// How they name a principal.
    pub fn naming(&self, principal: &Principal) -> Naming {
        let naming = self.named.iter().map(|named| named.naming(principal)).max().unwrap_or(Naming::None);
        match (self.is_negated, naming) {
            (false, naming) => naming,
            (true, Naming::None) => Naming::Everybody,
            (true, _) => Naming::None,
        }
    }
}

impl Named {
    fn parse(kind: &str, name: &str) -> Result<Self, PolicyError> {
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        match kind {
            "AWS" if name == "*" => Ok(Self::Everybody),
            "AWS" if is_account(name) => Ok(Self::Account(name.to_owned())),
            "AWS" => {
                let account = name.split(':').nth(4).unwrap_or_default();
                if !name.starts_with("arn:") || !is_account(account) || name.contains(['*', '?']) {
                    let text = format!("{name:?} is neither \"*\", an account of 12 digits nor the ARN of a principal");
                    return Err(PolicyError::new(text));
                }
                let is_root = name.ends_with(":root");
                Ok(if is_root { Self::Account(account.to_owned()) } else { Self::Arn(name.to_owned()) })
            }
            "Service" | "Federated" | "CanonicalUser" => Ok(Self::Other),
            _ => Err(PolicyError::new("no such kind of principal; there are AWS, Service and Federated")),
        }
    }
    fn naming(&self, principal: &Principal) -> Naming {
        match self {
            Self::Everybody => Naming::Everybody,
            Self::Account(account) if account == principal.account_id() => Naming::Account,
            Self::Arn(arn) if arn == principal.arn() => Naming::Itself,
            Self::Arn(arn)
                if matches!(principal.kind(), PrincipalKind::Session { .. }) && arn == principal.policy_arn() =>
            {
                Naming::Role
            }
            _ => Naming::None,
        }
    }
}
