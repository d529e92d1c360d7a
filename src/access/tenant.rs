//! The policy that most programs with tenants need, in its safe form.

use super::{policy::Policy, policy_error::PolicyError};

impl Policy {
    /// Allows the operations on single items, batches of them, and queries, in one table and for partition keys that begin
    /// with a prefix; a prefix such as `t#7#` should end with a separator, or tenant `t#7` sees the items of `t#77`. Scans,
    /// streams, statements and indexes are not allowed. Characters of the prefix stand for themselves.
    ///
    /// Errors: table or prefix have characters that a policy cannot have.
    pub fn tenant(table: &str, prefix: &str) -> Result<Self, PolicyError> {
        let mut escaped = String::new();
        for character in prefix.chars() {
            match character {
                '*' | '?' | '$' => escaped.push_str(&format!("${{{character}}}")),
                other => escaped.push(other),
            }
        }
        let pattern = quoted(&format!("{escaped}*"));
        let resource = quoted(&format!("arn:*:dynamodb:*:*:table/{table}"));
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Tenant","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:Query","dynamodb:PutItem","dynamodb:UpdateItem","dynamodb:DeleteItem","dynamodb:BatchWriteItem","dynamodb:ConditionCheckItem"],"Resource":{resource},"Condition":{{"ForAllValues:StringLike":{{"dynamodb:LeadingKeys":{pattern}}},"Null":{{"dynamodb:LeadingKeys":"false"}}}}}}]}}"#
        );
        Self::parse(&document)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
