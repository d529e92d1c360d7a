//! Why a request is allowed or denied: each statement, and what keeps it from applying.

use super::{
    ask::{Ask, Environment},
    decision::{Decision, Ground, PolicyKind, decide_at, groups},
    key::Lookup,
    policy::{Effect, Failed, Policy, Statement},
    principal::Principal,
};
use std::fmt;

/// What keeps a statement from applying to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is about other principals.
    Principal,
    /// It is about other actions.
    Action {
        /// As the document writes them.
        patterns: Vec<String>,
    },
    /// It is about other resources.
    Resource {
        /// As the document writes them.
        patterns: Vec<String>,
    },
    /// A variable in it has no value, and no default.
    Variable {
        /// The key.
        key: String,
    },
    /// A line of its condition does not hold.
    Condition {
        /// The operator as the document writes it.
        operator: String,
        /// The key.
        key: String,
        /// The values of the policy.
        wanted: Vec<String>,
        /// The values of the request; `None` if the key is missing there.
        found: Option<Vec<String>>,
    },
}

/// A statement, and whether it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementReport {
    /// Kind of the policy.
    pub kind: PolicyKind,
    /// Position of the policy among those of its kind.
    pub policy: usize,
    /// Name of the policy; empty if it has none.
    pub policy_name: String,
    /// Position of the statement in the policy.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// What it does where it applies.
    pub effect: Effect,
    /// What keeps it from applying; `None` if it applies.
    pub mismatch: Option<Mismatch>,
}

/// A decision with all statements that had a say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// DynamoDB's text, if it is a rejection.
    pub refusal: Option<String>,
    /// The statements, in the order in which they are looked at.
    pub statements: Vec<StatementReport>,
}

/// Decides as [`decide`](super::decide) does, and says why.
pub fn explain(
    principal: &Principal,
    environment: &Environment,
    ask: &Ask<'_>,
    of_resource: Option<&Policy>,
) -> Explanation {
    explain_at(principal, environment, environment.now_millis, ask, of_resource)
}

/// Explains as [`explain`] does, at another time than the environment's.
pub(crate) fn explain_at(
    principal: &Principal,
    environment: &Environment,
    now_millis: u64,
    ask: &Ask<'_>,
    of_resource: Option<&Policy>,
) -> Explanation {
    let lookup = Lookup { principal, environment, now_millis, ask };
    let decision = decide_at(principal, environment, now_millis, ask, of_resource);
    let mut statements = Vec::new();
    let mut add = |kind: PolicyKind, at: usize, policy: &Policy| {
        let reports = policy.statements.iter().enumerate();
        statements.extend(reports.map(|(statement_at, statement)| StatementReport {
            kind,
            policy: at,
            policy_name: policy.name().to_owned(),
            statement: statement_at,
            sid: statement.sid.clone(),
            effect: statement.effect,
            mismatch: statement.applies(&lookup).err().map(|failed| mismatch(statement, failed, &lookup)),
        }));
    };
    of_resource.into_iter().for_each(|policy| add(PolicyKind::Resource, 0, policy));
    for (kind, policies) in groups(principal) {
        policies.iter().enumerate().for_each(|(at, policy)| add(kind, at, policy));
    }
    Explanation { decision, refusal: decision.refusal(principal, ask), statements }
}

fn mismatch(statement: &Statement, failed: Failed<'_>, lookup: &Lookup<'_>) -> Mismatch {
    match failed {
        Failed::Principal => Mismatch::Principal,
        Failed::Action => Mismatch::Action { patterns: statement.action_patterns.clone() },
        Failed::Resource => Mismatch::Resource { patterns: statement.resource_patterns.clone() },
        Failed::Variable(key) => Mismatch::Variable { key: key.to_string() },
        Failed::Condition(line) => Mismatch::Condition {
            operator: line.operator_name.clone(),
            key: line.key.to_string(),
            wanted: line.values.clone(),
            found: lookup.find(&line.key).to_texts(),
        },
    }
}

fn list(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    format!("[{}]", quoted.join(", "))
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal => f.write_str("it is about other principals"),
            Self::Action { patterns } => write!(f, "it is about other actions: {}", list(patterns)),
            Self::Resource { patterns } => write!(f, "it is about other resources: {}", list(patterns)),
            Self::Variable { key } => write!(f, "the variable ${{{key}}} has no value"),
            Self::Condition { operator, key, wanted, found } => {
                write!(f, "the condition {operator} {key} {} does not hold: the request has ", list(wanted))?;
                match found {
                    None => f.write_str("no value there"),
                    Some(found) => f.write_str(&list(found)),
                }
            }
        }
    }
}

impl StatementReport {
    /// Whether the decision rests on it.
    pub fn decides(&self, decision: &Decision) -> bool {
        match decision.ground {
            Ground::Allowed { kind, policy, statement } | Ground::Denied { kind, policy, statement } => {
                (kind, policy, statement) == (self.kind, self.policy, self.statement)
            }
            _ => false,
        }
    }
}

impl fmt::Display for StatementReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.policy_name.is_empty() {
            write!(f, " {}", self.policy + 1)?;
        } else {
            write!(f, " {}", self.policy_name)?;
        }
        match &self.sid {
            Some(sid) => write!(f, ", statement {sid}")?,
            None => write!(f, ", statement {}", self.statement + 1)?,
        }
        write!(f, " ({:?}): ", self.effect)?;
        match &self.mismatch {
            None => f.write_str("applies"),
            Some(mismatch) => write!(f, "does not apply, {mismatch}"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.refusal, self.decision.ground) {
            (Some(refusal), _) => writeln!(f, "denied: {refusal}")?,
            (None, Ground::Root) => writeln!(f, "allowed: the principal is the root of the account")?,
            (None, _) => writeln!(f, "allowed")?,
        }
        for statement in &self.statements {
            let mark = if statement.decides(&self.decision) { "->" } else { "  " };
            writeln!(f, "{mark} {statement}")?;
        }
        Ok(())
    }
}
