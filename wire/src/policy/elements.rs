//! What the elements of a statement may name: actions, principals, and whether the owner shuts itself out.

use super::Resource;
use serde_json::{Map, Value};

/// Prefix of all actions.
const PREFIX: &str = "dynamodb:";
/// Actions on a stream. In the policy of a table they are rejected.
const STREAM_ACTIONS: [&str; 3] = ["DescribeStream", "GetRecords", "GetShardIterator"];
/// Actions on a table, a stream or the whole account by this name and no other.
const ACTIONS: [&str; 65] = [
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "CancelBulkOperation",
    "ConditionCheckItem",
    "CreateBackup",
    "CreateGlobalTable",
    "CreateTable",
    "CreateTableReplica",
    "DeleteItem",
    "DeleteResourcePolicy",
    "DeleteTable",
    "DeleteTableReplica",
    "DescribeBulkOperation",
    "DescribeContinuousBackups",
    "DescribeContributorInsights",
    "DescribeEndpoints",
    "DescribeGlobalTable",
    "DescribeGlobalTableSettings",
    "DescribeKinesisStreamingDestination",
    "DescribeLimits",
    "DescribeReservedCapacity",
    "DescribeReservedCapacityOfferings",
    "DescribeTable",
    "DescribeTableReplicaAutoScaling",
    "DescribeTimeToLive",
    "DisableKinesisStreamingDestination",
    "EnableKinesisStreamingDestination",
    "ExecuteStatement",
    "ExecuteTransaction",
    "ExportTableToPointInTime",
    "GetAbacStatus",
    "GetItem",
    "GetResourcePolicy",
    "InjectError",
    "ListBulkOperations",
    "ListTagsOfResource",
    "PartiQLDelete",
    "PartiQLInsert",
    "PartiQLSelect",
    "PartiQLUpdate",
    "PurchaseReservedCapacityOfferings",
    "PutItem",
    "PutResourcePolicy",
    "Query",
    "ReadDataForReplication",
    "ReplicateSettings",
    "RestoreTableFromAwsBackup",
    "RestoreTableToPointInTime",
    "Scan",
    "SearchVectors",
    "StartAwsBackupJob",
    "StartBulkPutItems",
    "TagResource",
    "TransactGetItems",
    "TransactWriteItems",
    "UntagResource",
    "UpdateContinuousBackups",
    "UpdateContributorInsights",
    "UpdateItem",
    "UpdateKinesisStreamingDestination",
    "UpdateTable",
    "UpdateTableReplicaAutoScaling",
    "UpdateTimeToLive",
    "WriteDataForReplication",
];
/// Services that may be principals.
const SERVICES: [&str; 2] = ["redshift.amazonaws.com", "replication.dynamodb.amazonaws.com"];

/// The strings of an element that is one string or a list of them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// Whether a text has the form of a pattern, in which `*` stands for any text and `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut in_text, mut star) = (0, 0, None);
    while in_text < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(one) if *one == '?' || *one == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => {
                // The last star stands for one character more.
                let Some((of_star, taken)) = star else { return false };
                star = Some((of_star, taken + 1));
                at = of_star + 1;
                in_text = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// Whether an element of actions covers an action, given without its prefix. Case does not matter.
fn covers(element: &Value, action: &str) -> bool {
    let action = format!("{PREFIX}{action}").to_ascii_lowercase();
    texts(element).iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
}

/// Rejects actions that there are not on such a resource.
pub(super) fn check_actions(element: &Value, of: Resource) -> Result<(), String> {
    let is_known = |action: &&str| {
        let action = action.to_ascii_lowercase();
        let Some(name) = action.strip_prefix(PREFIX) else { return action == "*" };
        let mut known = ACTIONS.iter().chain(STREAM_ACTIONS.iter().filter(|_| of == Resource::Stream));
        known.any(|known| matches(name, &known.to_ascii_lowercase()))
    };
    let unknown: Vec<String> =
        texts(element).iter().filter(|action| !is_known(action)).map(|action| format!("\"{action}\"")).collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => {
            Err(format!("Invalid policy document: The following action names are invalid: {}", unknown.join(", ")))
        }
    }
}

/// Rejects principals that there cannot be.
pub(super) fn check_principals(principal: &Value) -> Result<(), String> {
    let Value::Object(kinds) = principal else { return Ok(()) };
    for (kind, named) in kinds {
        match kind.as_str() {
            "AWS" if texts(named).iter().all(|name| is_identity(name)) => {}
            "Service" if texts(named).iter().all(|name| SERVICES.contains(name)) => {}
            "Service" => return Err("Invalid policy document: Policy contains invalid service principal".to_owned()),
            _ => return Err("Invalid principal in policy document.".to_owned()),
        }
    }
    Ok(())
}

/// All principals (`*`), the number of an account, or the ARN of an identity. Whether that one exists is not known here.
fn is_identity(name: &str) -> bool {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    match parts.as_slice() {
        [one] => *one == "*" || is_account(one),
        ["arn", partition, "iam" | "sts", "", account, identity] => {
            let kinds = ["root", "user/", "role/", "federated-user/", "assumed-role/"];
            partition.starts_with("aws") && is_account(account) && kinds.iter().any(|kind| identity.starts_with(kind))
        }
        _ => false,
    }
}

/// Whether the owner of the account could not replace the policy any more under a statement, which is in its canonical form. A
/// statement with a condition is not looked at.
pub(super) fn shuts_out(statement: &Map<String, Value>, account: &str) -> bool {
    let get = |name: &str| statement.get(name);
    let owner = format!("arn:aws:iam::{account}:root");
    let is_owner = |principal: &Value| match principal {
        Value::Object(kinds) => {
            kinds.get("AWS").is_some_and(|named| texts(named).iter().any(|n| *n == "*" || *n == owner))
        }
        everybody => everybody.as_str() == Some("*"),
    };
    let denies = get("Effect").and_then(Value::as_str) == Some("Deny") && !super::has_condition(statement);
    let concerns = get("Principal").map_or_else(|| get("NotPrincipal").is_some_and(|p| !is_owner(p)), is_owner);
    let action = "PutResourcePolicy";
    let is_meant =
        get("Action").map_or_else(|| get("NotAction").is_some_and(|a| !covers(a, action)), |a| covers(a, action));
    denies && concerns && is_meant
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn actions_are_known_by_pattern_and_resource() {
        for (element, of, unknown) in [
            (json!("*"), Resource::Table, ""),
            (json!("dynamodb:*"), Resource::Table, ""),
            (json!(["dynamodb:GetItem", "DynamoDB:get*", "dynamodb:?can"]), Resource::Table, ""),
            (json!("dynamodb:GetRecords"), Resource::Stream, ""),
            (json!("dynamodb:GetRecords"), Resource::Table, "\"dynamodb:GetRecords\""),
            (json!("dynamodb:ListStreams"), Resource::Stream, "\"dynamodb:ListStreams\""),
            (json!(["s3:GetObject", "dynamodb:Scan", "Fly"]), Resource::Table, "\"s3:GetObject\", \"Fly\""),
        ] {
            let refusal = check_actions(&element, of).err().unwrap_or_default();
            assert_eq!(refusal.rsplit("invalid: ").next().unwrap(), unknown, "{element}");
        }
    }

    #[test]
    fn principals_have_a_form() {
        for right in [
            json!("*"),
            json!({"AWS": "*"}),
            json!({"AWS": ["111122223333", "arn:aws:iam::111122223333:role/a/b"]}),
            json!({"Service": "redshift.amazonaws.com"}),
        ] {
            assert_eq!(check_principals(&right), Ok(()), "{right}");
        }
        for (wrong, text) in [
            (json!({"AWS": "me"}), "Invalid principal"),
            (json!({"AWS": "arn:aws:iam::1:root"}), "Invalid principal"),
            (json!({"Human": "111122223333"}), "Invalid principal"),
            (json!({"Service": "ec2.amazonaws.com"}), "invalid service principal"),
        ] {
            assert!(check_principals(&wrong).unwrap_err().contains(text), "{wrong}");
        }
    }

    #[test]
    fn stars_and_question_marks_match() {
        for (pattern, text, fits) in [
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*a*a", "bababa", true),
            ("a?", "ab", true),
            ("a?", "a", false),
            ("", "", true),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
