//! The decision on one request, by all policies that have a say.
//!
//! In IAM's order: a `Deny` anywhere denies. Root may do what nothing denies. Each boundary, session policy and service control
//! policy has to allow. Then, within one account, an `Allow` of the principal's own policies or of the resource's policy is
//! enough; across accounts both are needed.

use super::{
    ask::{Ask, Environment},
    key::Lookup,
    policy::{Effect, Policy},
    principal::{Principal, PrincipalKind},
    principals::Naming,
};
use std::sync::Arc;

/// Which of the policies that have a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyKind {
    /// Of the table or stream.
    Resource,
    /// Of the principal.
    Identity,
    /// The permissions boundary of the principal.
    Boundary,
    /// Of the session.
    Session,
    /// Of the organisation.
    ServiceControl,
}

impl PolicyKind {
    /// As DynamoDB's texts name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource-based policy",
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::ServiceControl => "service control policy",
        }
    }
    fn with_article(self) -> &'static str {
        match self {
            Self::Resource => "a resource-based policy",
            Self::Identity => "an identity-based policy",
            Self::Boundary => "a permissions boundary",
            Self::Session => "a session policy",
            Self::ServiceControl => "a service control policy",
        }
    }
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ground {
    /// Allowed: the principal is the root of the account that owns the resource.
    Root,
    /// Allowed by this statement.
    Allowed {
        /// Kind of the policy.
        kind: PolicyKind,
        /// Its position among those of its kind.
        policy: usize,
        /// Position of the statement.
        statement: usize,
    },
    /// Denied by this statement.
    Denied {
        /// Kind of the policy.
        kind: PolicyKind,
        /// Its position among those of its kind.
        policy: usize,
        /// Position of the statement.
        statement: usize,
    },
    /// Denied, because no policy of this kind allows it.
    NotAllowed {
        /// The kind.
        kind: PolicyKind,
    },
    /// Denied, because the resource's policy cannot be understood: an older version stored it.
    Unreadable,
}

/// Whether a request is allowed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it rests on.
    pub ground: Ground,
}

impl Decision {
    /// Whether the request may be carried out.
    pub fn is_allowed(&self) -> bool {
        matches!(self.ground, Ground::Root | Ground::Allowed { .. })
    }
    /// DynamoDB's text of the rejection; `None` if the request is allowed.
    pub fn refusal(&self, principal: &Principal, ask: &Ask<'_>) -> Option<String> {
        let (action, resource) = (ask.action, &ask.resource);
        let why = match self.ground {
            Ground::Root | Ground::Allowed { .. } => return None,
            Ground::Denied { kind, .. } => format!("with an explicit deny in {}", kind.with_article()),
            Ground::NotAllowed { kind } => format!("because no {} allows the {action} action", kind.name()),
            Ground::Unreadable => "because its resource-based policy cannot be understood".to_owned(),
        };
        Some(format!("User: {} is not authorized to perform: {action} on resource: {resource} {why}", principal.arn()))
    }
    /// ARN of the policy that denies explicitly, which the service has appended to its texts since 2026, region by region: of
    /// policies of the principal's own account that have a name. `None` otherwise.
    pub fn denying_policy(&self, principal: &Principal) -> Option<String> {
        let Ground::Denied { kind, policy, .. } = self.ground else { return None };
        let (_, policies) = groups(principal).into_iter().find(|(known, _)| *known == kind)?;
        let name = policies.get(policy)?.name();
        (!name.is_empty()).then(|| format!("arn:aws:iam::{}:policy/{name}", principal.account_id()))
    }
}

/// Decides on an ask of a principal; `of_resource` is the policy of the table or stream, if it has one.
pub fn decide(
    principal: &Principal,
    environment: &Environment,
    ask: &Ask<'_>,
    of_resource: Option<&Policy>,
) -> Decision {
    decide_at(principal, environment, environment.now_millis, ask, of_resource)
}

/// Decides as [`decide`] does, at another time than the environment's.
pub(crate) fn decide_at(
    principal: &Principal,
    environment: &Environment,
    now_millis: u64,
    ask: &Ask<'_>,
    of_resource: Option<&Policy>,
) -> Decision {
    Decision { ground: ground(principal, &Lookup { principal, environment, now_millis, ask }, of_resource) }
}

/// The policies of a principal, kind by kind, in the order in which a rejection names one.
pub(super) fn groups(principal: &Principal) -> [(PolicyKind, &[Arc<Policy>]); 4] {
    [
        (PolicyKind::Identity, &principal.policies),
        (PolicyKind::Boundary, principal.boundary.as_slice()),
        (PolicyKind::Session, &principal.session_policies),
        (PolicyKind::ServiceControl, &principal.service_control_policies),
    ]
}

fn ground(principal: &Principal, lookup: &Lookup<'_>, of_resource: Option<&Policy>) -> Ground {
    if let Some(statement) = of_resource.and_then(|policy| policy.first(Effect::Deny, lookup)) {
        return Ground::Denied { kind: PolicyKind::Resource, policy: 0, statement };
    }
    let groups = groups(principal);
    for (kind, policies) in groups {
        if let Some((policy, statement)) = first(policies, Effect::Deny, lookup) {
            return Ground::Denied { kind, policy, statement };
        }
    }
    let is_own = principal.account_id() == lookup.ask.resource.account();
    if matches!(principal.kind(), PrincipalKind::Root) && is_own {
        return Ground::Root;
    }
    let resource = of_resource.and_then(|policy| policy.closest_allow(lookup));
    let naming = resource.map_or(Naming::None, |(naming, _)| naming);
    let identity = first(&principal.policies, Effect::Allow, lookup);
    // Naming the account leaves it to the account's own policies.
    let by_resource = naming > Naming::Account;
    let granted = match (is_own, identity, resource) {
        (true, Some((policy, statement)), _) => Ground::Allowed { kind: PolicyKind::Identity, policy, statement },
        (true, None, Some((_, statement))) if by_resource => {
            Ground::Allowed { kind: PolicyKind::Resource, policy: 0, statement }
        }
        (false, Some(_), Some((_, statement))) => Ground::Allowed { kind: PolicyKind::Resource, policy: 0, statement },
        (false, _, None) => return Ground::NotAllowed { kind: PolicyKind::Resource },
        _ => return Ground::NotAllowed { kind: PolicyKind::Identity },
    };
    for (kind, policies) in groups.into_iter().skip(1) {
        // A resource policy that names the principal itself reaches past boundary and session, within one account.
        let reaches_past = is_own && naming == Naming::Itself && kind != PolicyKind::ServiceControl;
        let allows = |policy: &Arc<Policy>| policy.first(Effect::Allow, lookup).is_some();
        if !reaches_past && !policies.iter().all(allows) {
            return Ground::NotAllowed { kind };
        }
    }
    granted
}

fn first(policies: &[Arc<Policy>], effect: Effect, lookup: &Lookup<'_>) -> Option<(usize, usize)> {
    policies.iter().enumerate().find_map(|(at, policy)| Some((at, policy.first(effect, lookup)?)))
}
