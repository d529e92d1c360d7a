//! Who sends requests, and by which policies.

use super::{policy::Policy, tested::Tested};
use std::sync::Arc;

/// The account of principals that name none.
const DEFAULT_ACCOUNT: &str = "000000000000";

/// Kinds of principals.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrincipalKind {
    /// The account itself, to which everything is allowed that no policy denies.
    Root,
    /// A user.
    User {
        /// The user's name.
        name: String,
    },
    /// A session of a role.
    Session {
        /// The role's name.
        role: String,
        /// The session's name.
        session: String,
    },
}

impl PrincipalKind {
    /// The value of `aws:PrincipalType`.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Root => "Account",
            Self::User { .. } => "User",
            Self::Session { .. } => "AssumedRole",
        }
    }
}

/// Who sends a request: a user, a session of a role, or an account's root, with the policies that decide what it may do.
/// Without any policy it may do nothing, except as root.
#[derive(Clone, Debug)]
pub struct Principal {
    kind: PrincipalKind,
    account: String,
    arn: String,
    policy_arn: String,
    pub(super) user_id: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) policies: Vec<Arc<Policy>>,
    pub(super) boundary: Option<Arc<Policy>>,
    pub(super) session_policies: Vec<Arc<Policy>>,
    pub(super) service_control_policies: Vec<Arc<Policy>>,
    pub(super) is_strict: bool,
    /// Kinds of condition keys that one of its policies names.
    tested: Tested,
}

impl Principal {
    fn of_kind(kind: PrincipalKind) -> Self {
        Self {
            kind,
            account: String::new(),
            arn: String::new(),
            policy_arn: String::new(),
            user_id: None,
            tags: Vec::new(),
            attributes: Vec::new(),
            policies: Vec::new(),
            boundary: None,
            session_policies: Vec::new(),
            service_control_policies: Vec::new(),
            is_strict: false,
            tested: Tested::default(),
        }
        .account(DEFAULT_ACCOUNT)
    }
    /// A user of this name: what most programs call a principal. The same as [`user`](Self::user).
    pub fn new(name: impl Into<String>) -> Self {
        Self::user(name)
    }
    /// A user of this name.
    pub fn user(name: impl Into<String>) -> Self {
        Self::of_kind(PrincipalKind::User { name: name.into() })
    }
    /// A session of a role.
    pub fn session(role: impl Into<String>, session: impl Into<String>) -> Self {
        Self::of_kind(PrincipalKind::Session { role: role.into(), session: session.into() })
    }
    /// An account's root.
    pub fn root() -> Self {
        Self::of_kind(PrincipalKind::Root)
    }
    /// Of this account, 12 digits. Default: `000000000000`, to which a database's tables belong by default.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        let account = &self.account;
        (self.arn, self.policy_arn) = match &self.kind {
            PrincipalKind::Root => (format!("arn:aws:iam::{account}:root"), format!("arn:aws:iam::{account}:root")),
            PrincipalKind::User { name } => {
                (format!("arn:aws:iam::{account}:user/{name}"), format!("arn:aws:iam::{account}:user/{name}"))
            }
            PrincipalKind::Session { role, session } => (
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
                format!("arn:aws:iam::{account}:role/{role}"),
            ),
        };
        self
    }
    /// With this unique id, the value of `aws:userid`.
    #[must_use]
    pub fn user_id(mut self, id: impl Into<String>) -> Self {
        self.user_id = Some(id.into());
        self
    }
    /// With a tag, the value of `aws:PrincipalTag/name`. Names of tags ignore case.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((name.into(), value.into()));
        self
    }
    /// With the value of another condition key, such as `cognito-identity.amazonaws.com:sub`.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }
    /// A policy, after it is noted what it tests.
    fn noted(&mut self, policy: impl Into<Arc<Policy>>) -> Arc<Policy> {
        let policy = policy.into();
        self.tested = self.tested | policy.tested;
        policy
    }
    /// Kinds of condition keys that its policies name.
    pub(crate) fn tested(&self) -> Tested {
        self.tested
    }
    /// With a policy that grants or denies. A principal may have any number.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<Arc<Policy>>) -> Self {
        let policy = self.noted(policy);
        self.policies.push(policy);
        self
    }
    /// Limited by a permissions boundary: what it does not allow stays denied.
    #[must_use]
    pub fn boundary(mut self, policy: impl Into<Arc<Policy>>) -> Self {
        let policy = self.noted(policy);
        self.boundary = Some(policy);
        self
    }
    /// Limited by a session policy.
    #[must_use]
    pub fn session_policy(mut self, policy: impl Into<Arc<Policy>>) -> Self {
        let policy = self.noted(policy);
        self.session_policies.push(policy);
        self
    }
    /// Limited by a service control policy of the organisation.
    #[must_use]
    pub fn service_control_policy(mut self, policy: impl Into<Arc<Policy>>) -> Self {
        let policy = self.noted(policy);
        self.service_control_policies.push(policy);
        self
    }
    /// Rejects what only a missing `dynamodb:LeadingKeys` would allow: in IAM, `ForAllValues` is true for a request that
    /// names no partition key, so that a `Scan` under such a condition reads the items of all.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.is_strict = true;
        self
    }
    /// All of its policies: those that grant, boundaries, those of sessions and organisations.
    pub fn all_policies(&self) -> impl Iterator<Item = &Policy> {
        let limits = self.boundary.iter().chain(&self.session_policies).chain(&self.service_control_policies);
        self.policies.iter().chain(limits).map(|policy| &**policy)
    }
    /// What kind of principal it is.
    pub fn kind(&self) -> &PrincipalKind {
        &self.kind
    }
    /// The account, 12 digits.
    pub fn account_id(&self) -> &str {
        &self.account
    }
    /// The ARN that rejections name.
    pub fn arn(&self) -> &str {
        &self.arn
    }
    /// The value of `aws:PrincipalArn`: of a session, the ARN of its role.
    pub fn policy_arn(&self) -> &str {
        &self.policy_arn
    }
}
