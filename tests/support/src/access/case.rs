//! Random policies and requests, small enough that they meet each other often.

use super::naive::{Facts, Outcome, evaluate};
use hashrange::access::{Action, ArnScope, Ask, Environment, Ground, Policy, PolicyKind, Principal, decide, explain};
use serde_json::{Map, Value, json};

/// A principal with its policies, and what it asks for.
#[derive(Debug)]
pub struct Case {
    policies: Vec<(&'static str, Value)>,
    is_session: bool,
    tag: Option<&'static str>,
    action: Action,
    index: bool,
    keys: Option<Vec<&'static str>>,
    attributes: Option<Vec<&'static str>>,
    select: Option<&'static str>,
    full_scan: Option<bool>,
}

/// Where choices come from: a number below another one.
type Choices<'c> = &'c mut dyn FnMut(usize) -> usize;

fn pick<'t, T: ?Sized>(choices: Choices<'_>, from: &[&'t T]) -> &'t T {
    from[choices(from.len())]
}

const VALUES: &[&str] = &["t1", "t2", "t1#7", "T1", "*", "", "7", "7.0"];
const ACTIONS: [Action; 6] =
    [Action::GetItem, Action::PutItem, Action::Query, Action::Scan, Action::BatchGetItem, Action::PartiQLSelect];
const USER: &str = "arn:aws:iam::000000000000:user/alice";
const SESSION: &str = "arn:aws:sts::000000000000:assumed-role/tenant/alice";
const ROLE: &str = "arn:aws:iam::000000000000:role/tenant";

impl Case {
    /// A case, by choices.
    pub fn generate(choices: Choices<'_>) -> Self {
        let mut policies = Vec::new();
        for (kind, most) in [("identity", 3), ("boundary", 2), ("session", 2), ("resource", 2)] {
            // Boundaries and sessions are rare, or little would be allowed.
            let count = if kind == "identity" || choices(2) == 0 { choices(most) } else { 0 };
            (0..count).for_each(|_| policies.push((kind, document(choices, kind == "resource"))));
        }
        let strings = |choices: Choices<'_>| (0..choices(3)).map(|_| pick(choices, VALUES)).collect();
        Self {
            policies,
            is_session: choices(3) == 0,
            tag: [None, Some("t1"), Some("*"), Some("t2")][choices(4)],
            action: ACTIONS[choices(ACTIONS.len())],
            index: choices(4) == 0,
            keys: (choices(4) > 0).then(|| strings(choices)),
            attributes: (choices(3) > 0).then(|| strings(choices)),
            select: [None, Some("SPECIFIC_ATTRIBUTES"), Some("ALL_ATTRIBUTES")][choices(3)],
            full_scan: [None, Some(true), Some(false)][choices(3)],
        }
    }

    /// Whether both evaluators agree, and the explanation with them; the answer is what they say.
    ///
    /// # Panics
    /// They do not.
    pub fn check(&self) -> Outcome {
        let (principal, of_resource) = self.principal();
        let scope = ArnScope::default();
        let resource = if self.index { scope.index("T", "G") } else { scope.table("T") };
        let mut ask = Ask::new(self.action, resource);
        if let Some(keys) = &self.keys {
            ask = ask.partition_keys(keys.iter().copied());
        }
        if let Some(names) = &self.attributes {
            ask = ask.attributes(names.iter().copied());
        }
        (ask.select, ask.full_table_scan) = (self.select, self.full_scan);
        let environment = Environment::default();
        let decision = decide(&principal, &environment, &ask, of_resource.as_ref());
        let actual = match decision.ground {
            Ground::Allowed { .. } => Outcome::Allowed,
            Ground::Denied { kind, .. } => Outcome::Denied(name(kind)),
            Ground::NotAllowed { kind } => Outcome::NotAllowed(name(kind)),
            other => panic!("{other:?} cannot be the ground here"),
        };
        let expected = evaluate(
            &self.policies,
            self.action.name(),
            ask.resource.as_str(),
            &self.arns().map(str::to_owned),
            &self.facts(),
        );
        assert_eq!(actual, expected, "{self:#?}");
        let explanation = explain(&principal, &environment, &ask, of_resource.as_ref());
        assert_eq!(explanation.decision, decision);
        assert_eq!(explanation.refusal.is_none(), decision.is_allowed());
        let deciding: Vec<_> = explanation.statements.iter().filter(|report| report.decides(&decision)).collect();
        assert!(deciding.iter().all(|report| report.mismatch.is_none()), "{explanation}");
        let rests_on_one = matches!(decision.ground, Ground::Allowed { .. } | Ground::Denied { .. });
        assert_eq!(deciding.len(), usize::from(rests_on_one), "{explanation}");
        actual
    }

    fn arns(&self) -> [&'static str; 2] {
        if self.is_session { [SESSION, ROLE] } else { [USER, "no role"] }
    }

    fn principal(&self) -> (Principal, Option<Policy>) {
        let mut principal =
            if self.is_session { Principal::session("tenant", "alice") } else { Principal::user("alice") };
        if let Some(tag) = self.tag {
            principal = principal.tag("tenant", tag);
        }
        let mut of_resource = None;
        for (kind, document) in &self.policies {
            let text = document.to_string();
            match *kind {
                "resource" => of_resource = Some(Policy::parse_of_resource(&text).unwrap()),
                "identity" => principal = principal.policy(Policy::parse(&text).unwrap()),
                "boundary" => principal = principal.boundary(Policy::parse(&text).unwrap()),
                _ => principal = principal.session_policy(Policy::parse(&text).unwrap()),
            }
        }
        (principal, of_resource)
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        let mut set = |key: &str, values: Vec<String>| drop(facts.insert(key.to_owned(), values));
        let texts = |values: &Vec<&str>| values.iter().map(|value| (*value).to_owned()).collect();
        self.keys.iter().for_each(|keys| set("dynamodb:leadingkeys", texts(keys)));
        self.attributes.iter().for_each(|names| set("dynamodb:attributes", texts(names)));
        self.select.iter().for_each(|select| set("dynamodb:select", vec![(*select).to_owned()]));
        self.full_scan.iter().for_each(|full| set("dynamodb:fulltablescan", vec![full.to_string()]));
        self.tag.iter().for_each(|tag| set("aws:principaltag/tenant", vec![(*tag).to_owned()]));
        let arn = if self.is_session { ROLE } else { USER };
        set("aws:principalarn", vec![arn.to_owned()]);
        if !self.is_session {
            set("aws:username", vec!["alice".to_owned()]);
        }
        facts
    }
}

fn name(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Resource => "resource",
        PolicyKind::Identity => "identity",
        PolicyKind::Boundary => "boundary",
        PolicyKind::Session => "session",
        other => panic!("the generator makes no {other:?}"),
    }
}

fn document(choices: Choices<'_>, of_resource: bool) -> Value {
    let statements: Vec<Value> = (0..1 + choices(3)).map(|_| statement(choices, of_resource)).collect();
    let version = pick(choices, &["2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"]);
    json!({"Version": version, "Statement": statements})
}

fn statement(choices: Choices<'_>, of_resource: bool) -> Value {
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    add("Effect", pick(choices, &["Allow", "Allow", "Allow", "Deny"]).into());
    let action = pick(
        choices,
        &["dynamodb:*", "*", "dynamodb:GetItem", "dynamodb:?et*", "DynamoDB:q*ry", "s3:*", "dynamodb:PartiQL*"],
    );
    add(if choices(6) == 0 { "NotAction" } else { "Action" }, action.into());
    let resource = pick(
        choices,
        &[
            "*",
            "arn:aws:dynamodb:*:*:table/T",
            "arn:aws:dynamodb:*:*:table/T*",
            "arn:aws:dynamodb:us-east-1:000000000000:table/T/index/*",
            "arn:aws:dynamodb:*:*:table/${aws:PrincipalTag/tenant, 'T'}",
            "arn:*:*:*:*:table/?",
            "arn:aws:dynamodb:*:*:table/U",
        ],
    );
    add(if choices(8) == 0 { "NotResource" } else { "Resource" }, resource.into());
    if of_resource {
        let principal = match choices(5) {
            0 => json!("*"),
            1 => json!({"AWS": "000000000000"}),
            2 => json!({"AWS": [SESSION, "arn:aws:iam::000000000000:user/bob"]}),
            3 => json!({"AWS": ROLE}),
            _ => json!({"AWS": USER}),
        };
        add("Principal", principal);
    }
    let mut condition = Map::new();
    for _ in 0..choices(3) {
        let (operator, key, values) = line(choices);
        let keys = condition.entry(operator).or_insert_with(|| json!({}));
        keys[key] = values;
    }
    if !condition.is_empty() {
        add("Condition", condition.into());
    }
    members.into()
}

fn line(choices: Choices<'_>) -> (String, String, Value) {
    let patterns = |choices: Choices<'_>, from: &[&str]| -> Value {
        let values: Vec<&str> = (0..1 + choices(2)).map(|_| pick(choices, from)).collect();
        if values.len() == 1 { values[0].into() } else { json!(values) }
    };
    match choices(8) {
        0 => {
            let key = pick(choices, &["dynamodb:LeadingKeys", "dynamodb:Attributes", "aws:PrincipalTag/tenant"]);
            ("Null".to_owned(), key.to_owned(), pick(choices, &["true", "false"]).into())
        }
        1 => {
            let suffix = pick(choices, &["", "IfExists"]);
            (format!("Bool{suffix}"), "dynamodb:FullTableScan".to_owned(), pick(choices, &["true", "false"]).into())
        }
        2 => {
            let operator =
                pick(choices, &["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"]);
            let operator = format!("{}{operator}", pick(choices, &["", "ForAllValues:", "ForAnyValue:"]));
            (operator, "dynamodb:leadingkeys".to_owned(), patterns(choices, &["7", "0", "100"]))
        }
        3 => {
            let operator = pick(choices, &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLikeIfExists"]);
            let arns = [USER, ROLE, "arn:aws:iam::*:user/al*", "arn:aws:iam::*:user/${aws:username}", "*"];
            (operator.to_owned(), "aws:PrincipalArn".to_owned(), patterns(choices, &arns))
        }
        _ => {
            let prefix = pick(choices, &["", "ForAllValues:", "ForAllValues:", "ForAnyValue:"]);
            let names = ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringLike", "StringNotLike"];
            let operator = format!("{prefix}{}{}", pick(choices, &names), pick(choices, &["", "", "IfExists"]));
            let keys = [
                "dynamodb:LeadingKeys",
                "dynamodb:LeadingKeys",
                "DynamoDB:attributes",
                "dynamodb:Select",
                "aws:username",
            ];
            let key = pick(choices, &keys).to_owned();
            let values = [
                "t1",
                "t*",
                "t?",
                "*#7",
                "${aws:PrincipalTag/tenant}",
                "${aws:PrincipalTag/tenant}#*",
                "${*}",
                "SPECIFIC*",
                "${aws:username, 'x'}",
            ];
            (operator, key, patterns(choices, &values))
        }
    }
}
