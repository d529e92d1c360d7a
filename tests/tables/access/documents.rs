//! Documents that are refused, with the place and the reason; and remarks on those that are not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::access::Policy;

fn identity(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
}

/// Reads documents that are refused, each with the place and the reason of its error.
#[track_caller]
fn assert_refused(cases: &[(String, &str, &str)]) {
    for (document, path, reason) in cases {
        let error = Policy::parse(document).unwrap_err();
        assert_eq!(error.path(), *path, "{error}");
        assert!(error.reason().contains(reason), "{error}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused_with_its_place() {
    let many = format!("[{}]", vec![r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#; 1_001].join(","));
    assert_refused(&[
        ("{".to_owned(), "", "no JSON"),
        ("[]".to_owned(), "", "an object is expected, not a list"),
        ("{}".to_owned(), "", "Statement is missing"),
        (r#"{"Statement":[]}"#.to_owned(), "Statement", "1 to 1000 statements"),
        (format!(r#"{{"Statement":{many}}}"#), "Statement", "1 to 1000 statements, not 1001"),
        (" ".repeat(65_537), "", "more than 65536 bytes"),
        ("\u{100}".to_owned(), "", "may not be in a policy"),
        (r#"{"Version":"2020-01-01","Statement":[]}"#.to_owned(), "Version", "neither"),
        (r#"{"Sid":"x","Statement":[]}"#.to_owned(), "", "no member \"Sid\""),
        (identity(r#"{"Effect":"Allow","Resource":"*"}"#), "Statement[0]", "Action is missing"),
        (identity(r#"{"Effect":"Allow","Action":"dynamodb:*"}"#), "Statement[0]", "Resource is missing"),
        (identity(r#"{"Action":"dynamodb:*","Resource":"*"}"#), "Statement[0]", "Effect is missing"),
        (identity(r#"{"Effect":"Perhaps","Action":"*","Resource":"*"}"#), "Statement[0].Effect", "neither"),
        (identity(r#"{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}"#), "", "there twice"),
        (
            identity(r#"{"Effect":"Allow","Action":"GetItem","Resource":"*"}"#),
            "Statement[0].Action",
            "names no service",
        ),
        (identity(r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#), "Statement[0].Action", "list is empty"),
        (
            identity(r#"{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}"#),
            "Statement[0].NotAction",
            "either",
        ),
        (
            identity(r#"{"Effect":"Allow","Action":"*","Resource":"table/T"}"#),
            "Statement[0].Resource",
            "ARN of six parts",
        ),
        (
            identity(r#"{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}"#),
            "Statement[0].Principal",
            "belongs to its holder",
        ),
        (
            identity(r#"{"Effect":"Allow","Action":"*","Resource":"*","Conditions":{}}"#),
            "Statement[0].Conditions",
            "no such member",
        ),
        (
            identity(
                r#"{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"}"#,
            ),
            "Statement[1]",
            "Sid \"a\" already",
        ),
    ]);
    let without_principal = identity(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
    assert!(Policy::parse_of_resource(&without_principal).unwrap_err().reason().contains("Principal is missing"));
    let wild = identity(
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Principal":{"AWS":"arn:aws:iam::000000000000:user/*"}}"#,
    );
    assert_eq!(Policy::parse_of_resource(&wild).unwrap_err().path(), "Statement[0].Principal.AWS");
}

#[test]
fn conditions_that_cannot_be_understood_are_refused_with_their_place() {
    let condition = |condition: &str| {
        identity(&format!(r#"{{"Effect":"Deny","Action":"dynamodb:*","Resource":"*","Condition":{condition}}}"#))
    };
    assert_refused(&[
        (condition(r#"{"StringIs":{"aws:username":"a"}}"#), "Statement[0].Condition.StringIs", "no condition operator"),
        (
            condition(r#"{"NullIfExists":{"aws:username":"true"}}"#),
            "Statement[0].Condition.NullIfExists",
            "neither a prefix",
        ),
        (
            condition(r#"{"StringEquals":{"dynamodb:Leading":"a"}}"#),
            "Statement[0].Condition.StringEquals.dynamodb:Leading",
            "no condition key",
        ),
        (
            condition(r#"{"Bool":{"aws:SecureTransport":"yes"}}"#),
            "Statement[0].Condition.Bool.aws:SecureTransport",
            "no boolean",
        ),
        (
            condition(r#"{"NumericEquals":{"aws:EpochTime":"x"}}"#),
            "Statement[0].Condition.NumericEquals.aws:EpochTime",
            "no number",
        ),
        (
            condition(r#"{"DateLessThan":{"aws:CurrentTime":"soon"}}"#),
            "Statement[0].Condition.DateLessThan.aws:CurrentTime",
            "no date",
        ),
        (
            condition(r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}"#),
            "Statement[0].Condition.IpAddress.aws:SourceIp",
            "no IP",
        ),
        (
            condition(r#"{"StringLike":{"aws:userid":"${aws:username"}}"#),
            "Statement[0].Condition.StringLike.aws:userid",
            "does not end",
        ),
        (
            condition(r#"{"StringLike":{"aws:userid":"${dynamodb:LeadingKeys}"}}"#),
            "Statement[0].Condition.StringLike.aws:userid",
            "single one",
        ),
        (
            condition(r#"{"StringEquals":{"aws:username":[]}}"#),
            "Statement[0].Condition.StringEquals.aws:username",
            "empty",
        ),
        (
            condition(r#"{"StringEquals":{"aws:username":{}}}"#),
            "Statement[0].Condition.StringEquals.aws:username",
            "a value is expected",
        ),
    ]);
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    assert!(Policy::parse(&deep).is_err());
}

#[test]
fn remarks_name_what_is_rarely_meant() {
    let remarks = |statement: &str| {
        let policy = Policy::parse(&identity(statement)).unwrap();
        policy.remarks().into_iter().map(|remark| remark.to_string()).collect::<Vec<_>>().join("\n")
    };
    let trap = remarks(
        r#"{"Effect":"Allow","Action":["dynamodb:Query","dynamodb:Scan"],"Resource":"*",
            "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"t1"}}}"#,
    );
    assert!(trap.contains("also holds for a request without dynamodb:LeadingKeys"), "{trap}");
    assert!(trap.contains("does not limit Scan"), "{trap}");
    let unknown = remarks(r#"{"Effect":"Allow","Action":"dynamodb:TransactWriteItems","Resource":"*"}"#);
    assert!(unknown.contains("names no action"), "{unknown}");
    let columns = remarks(
        r#"{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem"],"Resource":"*",
            "Condition":{"ForAllValues:StringEquals":{"dynamodb:Attributes":["pk"]}}}"#,
    );
    for part in ["dynamodb:Select", "dynamodb:ReturnValues", "replace whole items"] {
        assert!(columns.contains(part), "{columns}");
    }
    let old = Policy::parse(
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:dynamodb:*:*:table/${aws:username}"}}"#,
    );
    assert!(old.unwrap().remarks()[0].text.contains("plain text in version 2008-10-17"));
    let fine = Policy::tenant("orders", "t#7#").unwrap();
    assert_eq!(fine.remarks(), []);
}
