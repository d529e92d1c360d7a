//! Policy documents: whether one is well formed, and the one form in which it is read back.
//!
//! Two documents that mean the same in an obvious way (white space, the order of members, lists of one) have one form, so that
//! a tool that puts what it has read finds nothing changed.

mod elements;

use serde_json::{Map, Value};

/// What a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// A table, its indexes included.
    Table,
    /// The stream of a table.
    Stream,
}

/// A policy that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The document as it is read back.
    pub(crate) document: String,
    /// Whether the owner could not replace it any more.
    pub(crate) shuts_out: bool,
}

/// Most bytes of a document, white space counted.
const MAX_BYTES: usize = 20_480;
/// The version that a document without one has.
const FIRST_VERSION: &str = "2008-10-17";
/// Members of a statement, in the order in which they are read back.
const MEMBERS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const INVALID: &str = "One or more parameter values were invalid: ";

/// The policy that a document is; `account` is the owner's. The error is the text of the rejection.
pub(crate) fn parse(document: &str, account: &str, of: Resource) -> Result<Policy, String> {
    if document.len() > MAX_BYTES {
        return Err(format!("{INVALID}Maximum policy size of {MAX_BYTES} bytes exceeded"));
    }
    let refuse = |what: &str| Err(format!("{INVALID}Invalid policy document: {what}"));
    let mut members = match serde_json::from_str(document) {
        Ok(Value::Object(members)) if members.is_empty() => return refuse("Syntax error at position (1,2)"),
        Ok(Value::Object(members)) => members,
        Ok(Value::Null) => return refuse("This text appears not to be a policy"),
        _ => return refuse("This policy contains invalid Json"),
    };
    let statements = match members.remove("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements,
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return refuse("Could not parse the policy: Statement is empty!"),
    };
    let version = members.remove("Version");
    let version = version.as_ref().and_then(Value::as_str).unwrap_or(FIRST_VERSION);
    let mut text = format!("{{\"Version\":{}", Value::from(version));
    if let Some(id) = members.remove("Id") {
        text.push_str(&format!(",\"Id\":{id}"));
    }
    if let Some(unknown) = members.keys().next() {
        return refuse(&format!("Unknown field {unknown}"));
    }
    let mut shuts_out = false;
    let mut ids: Vec<String> = Vec::new();
    let mut written = Vec::with_capacity(statements.len());
    for statement in statements {
        let Value::Object(statement) = statement else { return refuse("This policy contains invalid Json") };
        if let Some(id) = statement.get("Sid").and_then(Value::as_str) {
            if ids.iter().any(|known| known == id) {
                return refuse("The Statement Ids in the policy are not unique");
            }
            ids.push(id.to_owned());
        }
        if is_unbounded(&statement) {
            return Err(
                "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to \
                        ensure least-privilege form of access"
                    .to_owned(),
            );
        }
        let statement = match canonical_statement(statement, account) {
            Ok(statement) => statement,
            Err(what) => return refuse(&what),
        };
        check_elements(&statement, of).map_err(|what| format!("{INVALID}{what}"))?;
        shuts_out |= elements::shuts_out(&statement, account);
        written.push(in_order(&statement));
    }
    text.push_str(&format!(",\"Statement\":[{}]}}", written.join(",")));
    Ok(Policy { document: text, shuts_out })
}

/// What a statement names has to be there.
fn check_elements(statement: &Map<String, Value>, of: Resource) -> Result<(), String> {
    for member in ["Action", "NotAction"] {
        statement.get(member).map_or(Ok(()), |actions| elements::check_actions(actions, of))?;
    }
    for member in ["Principal", "NotPrincipal"] {
        statement.get(member).map_or(Ok(()), elements::check_principals)?;
    }
    Ok(())
}

/// A statement as it is read back.
fn in_order(statement: &Map<String, Value>) -> String {
    let members =
        MEMBERS.iter().filter_map(|member| Some(format!("{}:{}", Value::from(*member), statement.get(*member)?)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn canonical_statement(mut statement: Map<String, Value>, account: &str) -> Result<Map<String, Value>, String> {
    let effect = match statement.get("Effect").and_then(Value::as_str) {
        Some(effect) if effect.eq_ignore_ascii_case("allow") => "Allow",
        Some(effect) if effect.eq_ignore_ascii_case("deny") => "Deny",
        Some(effect) => return Err(format!("Invalid effect: {effect}")),
        None => return Err("Missing required field Effect".to_owned()),
    };
    statement.insert("Effect".to_owned(), effect.into());
    for (field, other) in [("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")] {
        if !statement.contains_key(field) && !statement.contains_key(other) {
            return Err(format!("Missing required field {field}"));
        }
    }
    let mut canonical = Map::new();
    for member in MEMBERS {
        let Some(value) = statement.remove(member) else { continue };
        let value = match member {
            "Principal" | "NotPrincipal" => canonical_principal(value, account)?,
            _ => without_lists_of_one(value),
        };
        canonical.insert(member.to_owned(), value);
    }
    match statement.keys().next() {
        Some(unknown) => Err(format!("Unknown field {unknown}")),
        None => Ok(canonical),
    }
}

/// Principals; the number of an account stands for its root.
fn canonical_principal(principal: Value, account: &str) -> Result<Value, String> {
    let Value::Object(mut kinds) = principal else {
        let is_everybody = principal.as_str() == Some("*");
        return if is_everybody { Ok(principal) } else { Err("Syntax error at position (1,1)".to_owned()) };
    };
    let root = |value: Value| match value.as_str() {
        Some(number) if number.len() == account.len() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            Value::from(format!("arn:aws:iam::{number}:root"))
        }
        _ => value,
    };
    if let Some(accounts) = kinds.get_mut("AWS") {
        *accounts = match accounts.take() {
            Value::Array(accounts) => Value::Array(accounts.into_iter().map(root).collect()),
            account => root(account),
        };
    }
    Ok(without_lists_of_one(Value::Object(kinds)))
}

/// Lists of one are what they hold, also in the members of an object.
fn without_lists_of_one(value: Value) -> Value {
    match value {
        Value::Array(mut elements) if elements.len() == 1 => elements.remove(0),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, without_lists_of_one(value))).collect())
        }
        value => value,
    }
}

/// Whether a statement allows something to every principal without any condition.
fn is_unbounded(statement: &Map<String, Value>) -> bool {
    let is_star = |value: &Value| match value {
        Value::Array(values) => values.iter().any(|value| value.as_str() == Some("*")),
        value => value.as_str() == Some("*"),
    };
    let allows =
        statement.get("Effect").and_then(Value::as_str).is_some_and(|effect| effect.eq_ignore_ascii_case("allow"));
    let everybody = statement.get("Principal").is_some_and(|principal| match principal {
        Value::Object(kinds) => kinds.get("AWS").is_some_and(is_star),
        principal => is_star(principal),
    });
    allows && everybody && !has_condition(statement)
}

/// Whether a statement has a condition that a request can fail.
fn has_condition(statement: &Map<String, Value>) -> bool {
    let is_empty = |lines: &Value| lines.as_object().is_some_and(Map::is_empty);
    let operators = statement.get("Condition").and_then(Value::as_object);
    operators.is_some_and(|operators| operators.values().any(|lines| !is_empty(lines)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(document: &str, account: &str) -> Result<String, String> {
        parse(document, account, Resource::Table).map(|policy| policy.document)
    }

    const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Deny","Principal":"*","Action":"dynamodb:*","Resource":"*"}]}"#;

    #[test]
    fn a_document_has_one_form() {
        let account = "111122223333";
        for same in [
            DENY.to_owned(),
            r#" {"Statement": {"Resource": ["*"], "Effect": "deny", "Action": ["dynamodb:*"], "Principal": "*", "Sid": "a"},
                 "Version": "2012-10-17"} "#
                .to_owned(),
        ] {
            let text = canonical(&same, account).unwrap();
            assert_eq!(text, DENY);
            assert_eq!(canonical(&text, account).unwrap(), text);
        }
        let one = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":["111122223333"]},"Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"*"}]}"#;
        assert_eq!(
            canonical(one, account).unwrap(),
            r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"*"}]}"#
        );
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        let big = format!("{DENY}{}", " ".repeat(MAX_BYTES));
        let allow = DENY.replace("Deny", "Allow");
        let twice = DENY.replace("]}", &format!(",{}", &DENY[DENY.find('[').unwrap() + 1..]));
        for (document, text) in [
            ("", "This policy contains invalid Json"),
            ("[]", "This policy contains invalid Json"),
            ("null", "This text appears not to be a policy"),
            ("{}", "Syntax error at position"),
            (r#"{"Version":"2012-10-17"}"#, "Statement is empty!"),
            (r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*"}]}"#, "Missing required field Resource"),
            (r#"{"Statement":[{"Effect":"Deny","Principal":"1","Action":"*","Resource":"*"}]}"#, "Syntax error"),
            (&twice, "not unique"),
            (&allow, "unbounded access"),
            (&allow.replace("\"Sid\"", "\"Condition\":{},\"Sid\""), "unbounded access"),
            (&allow.replace("\"Sid\"", "\"Condition\":{\"Bool\":{}},\"Sid\""), "unbounded access"),
            (&big, "Maximum policy size of 20480 bytes exceeded"),
        ] {
            let refusal = canonical(document, "1").unwrap_err();
            assert!(refusal.contains(text), "{document}: {refusal}");
        }
    }

    #[test]
    fn the_owner_shuts_itself_out_by_a_denial_that_concerns_it() {
        let owner = "arn:aws:iam::111122223333:root";
        for (principal, action, shuts_out) in [
            (r#""*""#, r#""Action":"dynamodb:*""#, true),
            (r#""*""#, r#""Action":"dynamodb:PutResourcePolicy""#, true),
            (r#""*""#, r#""Action":["dynamodb:Scan","dynamodb:put*"]"#, true),
            (r#""*""#, r#""NotAction":"dynamodb:Scan""#, true),
            (&format!(r#"{{"AWS":"{owner}"}}"#), r#""Action":"*""#, true),
            (r#"{"AWS":"111122223333"}"#, r#""Action":"*""#, true),
            (r#"{"AWS":"arn:aws:iam::111122223333:user/a"}"#, r#""Action":"*""#, false),
            (r#""*""#, r#""Action":"dynamodb:DeleteResourcePolicy""#, false),
            (r#""*""#, r#""NotAction":"dynamodb:PutResourcePolicy""#, false),
        ] {
            let document =
                format!(r#"{{"Statement":[{{"Effect":"Deny","Principal":{principal},{action},"Resource":"*"}}]}}"#);
            let policy = parse(&document, "111122223333", Resource::Table).unwrap();
            assert_eq!(policy.shuts_out, shuts_out, "{document}");
            for (condition, shuts_out) in [
                ("{}", shuts_out),
                (r#"{"Bool":{}}"#, shuts_out),
                (r#"{"Bool":{"aws:SecureTransport":"true"}}"#, false),
            ] {
                let conditional = document.replace(r#""Resource""#, &format!(r#""Condition":{condition},"Resource""#));
                let policy = parse(&conditional, "111122223333", Resource::Table).unwrap();
                assert_eq!(policy.shuts_out, shuts_out, "{conditional}");
            }
        }
    }
}
