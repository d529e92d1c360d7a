//! The evaluator.

use serde_json::Value;
use std::collections::BTreeMap;

/// What a request has under each condition key, by names in small letters; absent keys are missing.
pub type Facts = BTreeMap<String, Vec<String>>;

/// How a decision ends, and the kind of policy that it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    Denied(&'static str),
    NotAllowed(&'static str),
}

/// Keys that have any number of values.
const SETS: [&str; 3] = ["dynamodb:leadingkeys", "dynamodb:attributes", "aws:tagkeys"];

/// One decision. `policies` are the documents with their kinds; `arns` are the principal's own ARN and, of a session, its role's.
pub fn evaluate(
    policies: &[(&'static str, Value)],
    action: &str,
    resource: &str,
    arns: &[String],
    facts: &Facts,
) -> Outcome {
    let request = Request { action, resource, arns, facts };
    for kind in ["resource", "identity", "boundary", "session"] {
        if documents(policies, kind).any(|document| request.strength(document, "Deny") > 0) {
            return Outcome::Denied(kind);
        }
    }
    let by_resource = documents(policies, "resource").map(|document| request.strength(document, "Allow")).max();
    let by_identity = documents(policies, "identity").any(|document| request.strength(document, "Allow") > 0);
    // Naming the account is not enough.
    if !by_identity && by_resource.unwrap_or(0) < 2 {
        return Outcome::NotAllowed("identity");
    }
    for kind in ["boundary", "session"] {
        let all = documents(policies, kind).all(|document| request.strength(document, "Allow") > 0);
        // Naming the user or session itself reaches past them.
        if !all && by_resource.unwrap_or(0) < 4 {
            return Outcome::NotAllowed(kind);
        }
    }
    Outcome::Allowed
}

fn documents<'p>(policies: &'p [(&'static str, Value)], kind: &'static str) -> impl Iterator<Item = &'p Value> {
    policies.iter().filter(move |(its, _)| *its == kind).map(|(_, document)| document)
}

struct Request<'r> {
    action: &'r str,
    resource: &'r str,
    arns: &'r [String],
    facts: &'r Facts,
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Request<'_> {
    /// How closely the statements of an effect that apply name the principal; 0 if none applies.
    fn strength(&self, document: &Value, effect: &str) -> u8 {
        let has_variables = document["Version"] == "2012-10-17";
        let statements = list(&document["Statement"]);
        let applying = statements.into_iter().filter(|statement| statement["Effect"] == effect);
        applying.map(|statement| self.statement(statement, effect == "Allow", has_variables)).max().unwrap_or(0)
    }

    fn statement(&self, statement: &Value, is_allow: bool, has_variables: bool) -> u8 {
        if has_variables && !self.variables_have_values(&statement.to_string()) {
            return 0;
        }
        let action = |pattern: &Value| {
            like(&plain(&text(pattern).to_lowercase()), &format!("dynamodb:{}", self.action).to_lowercase())
        };
        let named = match (statement.get("Action"), statement.get("NotAction")) {
            (Some(actions), _) => list(actions).into_iter().any(action),
            (_, Some(actions)) => !list(actions).into_iter().any(action),
            _ => false,
        };
        let resource = |pattern: &Value| {
            let pattern = text(pattern);
            pattern == "*" || self.arn_like(&pattern, self.resource, has_variables)
        };
        let about = match (statement.get("Resource"), statement.get("NotResource")) {
            (Some(resources), _) => list(resources).into_iter().any(resource),
            (_, Some(resources)) => !list(resources).into_iter().any(resource),
            _ => false,
        };
        let mut holds = true;
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            for (key, values) in keys.as_object().into_iter().flatten() {
                let values: Vec<String> = list(values).into_iter().map(text).collect();
                holds &= self.line(operator, key, &values, is_allow, has_variables);
            }
        }
        if named && about && holds { self.naming(statement) } else { 0 }
    }

    /// 4 by the ARN of the user or session, 3 by that of the role, 2 as everybody, 1 by the account.
    fn naming(&self, statement: &Value) -> u8 {
        let Some(principal) = statement.get("Principal") else { return 4 };
        if principal == "*" {
            return 2;
        }
        let strength = |name: &Value| match name.as_str().unwrap_or_default() {
            "*" => 2,
            "000000000000" => 1,
            arn if arn == self.arns[0] => 4,
            arn if self.arns.len() > 1 && arn == self.arns[1] => 3,
            _ => 0,
        };
        list(&principal["AWS"]).into_iter().map(strength).max().unwrap_or(0)
    }

    fn line(&self, operator: &str, key: &str, wanted: &[String], is_allow: bool, has_variables: bool) -> bool {
        let key = key.to_lowercase();
        let found = self.facts.get(&key);
        if operator == "Null" {
            return wanted.iter().any(|wanted| (wanted == "true") == found.is_none());
        }
        let (prefix, rest) = operator.split_once(':').unwrap_or(("", operator));
        let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
        let is_negated = name.contains("Not");
        let one = |value: &String| {
            let any = wanted.iter().any(|wanted| self.compares(&name.replace("Not", ""), wanted, value, has_variables));
            any != is_negated
        };
        let found = match found {
            None if if_exists => return true,
            None => &Vec::new(),
            Some(found) => found,
        };
        match prefix {
            "ForAllValues" => found.iter().all(one),
            "ForAnyValue" => found.iter().any(one),
            _ if found.is_empty() => is_negated,
            _ if SETS.contains(&key.as_str()) && !is_allow => found.iter().any(one),
            _ => found.iter().all(one),
        }
    }

    fn compares(&self, operator: &str, wanted: &str, value: &str, has_variables: bool) -> bool {
        let number = |text: &str| text.parse::<f64>().ok();
        let numbers = number(wanted).zip(number(value));
        let tokens = |wildcards: bool| self.tokens(wanted, has_variables, wildcards);
        match operator {
            "StringEquals" => like(&tokens(false), value),
            "StringEqualsIgnoreCase" => {
                let lower = tokens(false).into_iter().map(|token| match token {
                    Token::Character(one) => Token::Character(one.to_ascii_lowercase()),
                    other => other,
                });
                like(&lower.collect::<Vec<_>>(), &value.to_ascii_lowercase())
            }
            "StringLike" => like(&tokens(true), value),
            "NumericEquals" => numbers.is_some_and(|(wanted, value)| value == wanted),
            "NumericLessThan" => numbers.is_some_and(|(wanted, value)| value < wanted),
            "NumericGreaterThanEquals" => numbers.is_some_and(|(wanted, value)| value >= wanted),
            "Bool" => value == wanted,
            "ArnEquals" | "ArnLike" => wanted == "*" || self.arn_like(wanted, value, has_variables),
            other => panic!("the generator makes no {other}"),
        }
    }

    fn arn_like(&self, pattern: &str, arn: &str, has_variables: bool) -> bool {
        // No variable of the generator stands before the last part, so that cutting at colons is safe there.
        let patterns: Vec<&str> = pattern.splitn(6, ':').collect();
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let fits = |(pattern, part): (&&str, &&str)| like(&self.tokens(pattern, has_variables, true), part);
        patterns.len() == 6 && parts.len() == 6 && patterns.iter().zip(&parts).all(fits)
    }

    fn tokens(&self, pattern: &str, has_variables: bool, wildcards: bool) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            if let Some((name, after)) =
                rest.strip_prefix("${").filter(|_| has_variables).and_then(|rest| rest.split_once('}'))
            {
                let (key, default) = name.split_once(", ").map_or((name, None), |(key, default)| (key, Some(default)));
                let value = match key {
                    "*" | "?" | "$" => key.to_owned(),
                    key => match self.facts.get(&key.to_lowercase()) {
                        Some(values) => values[0].clone(),
                        None => default.unwrap_or_default().trim_matches('\'').to_owned(),
                    },
                };
                tokens.extend(value.chars().map(Token::Character));
                rest = after;
                continue;
            }
            tokens.push(match first {
                '*' if wildcards => Token::Any,
                '?' if wildcards => Token::One,
                other => Token::Character(other),
            });
            rest = &rest[first.len_utf8()..];
        }
        tokens
    }

    fn variables_have_values(&self, statement: &str) -> bool {
        statement.split("${").skip(1).all(|rest| {
            let name = rest.split('}').next().unwrap_or_default();
            matches!(name, "*" | "?" | "$") || name.contains(',') || self.facts.contains_key(&name.to_lowercase())
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Character(char),
    Any,
    One,
}

fn plain(pattern: &str) -> Vec<Token> {
    let token = |one| match one {
        '*' => Token::Any,
        '?' => Token::One,
        other => Token::Character(other),
    };
    pattern.chars().map(token).collect()
}

fn like(pattern: &[Token], text: &str) -> bool {
    let mut rest = text.chars();
    match pattern {
        [] => text.is_empty(),
        [Token::Any, others @ ..] => like(others, text) || (rest.next().is_some() && like(pattern, rest.as_str())),
        [Token::One, others @ ..] => rest.next().is_some() && like(others, rest.as_str()),
        [Token::Character(one), others @ ..] => rest.next() == Some(*one) && like(others, rest.as_str()),
    }
}
