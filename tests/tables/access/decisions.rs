//! The test vectors of decisions: a policy, a request, the result.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::access::{
    Action, ArnScope, Ask, Environment, Ground, Mismatch, Policy, PolicyKind, Principal, decide, explain,
};

fn policy(statements: &str) -> Policy {
    Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)).unwrap()
}

/// A statement that allows actions on table `T`, under a condition.
fn allow(actions: &str, condition: &str) -> String {
    statement("Allow", actions, condition)
}

fn statement(effect: &str, actions: &str, condition: &str) -> String {
    let actions: Vec<String> = actions.split(' ').map(|action| format!("\"dynamodb:{action}\"")).collect();
    format!(
        r#"{{"Effect":"{effect}","Action":[{}],"Resource":"arn:aws:dynamodb:*:*:table/T","Condition":{{{condition}}}}}"#,
        actions.join(",")
    )
}

fn alice(statements: &str) -> Principal {
    Principal::user("alice").tag("tenant", "t1").policy(policy(statements))
}

fn table(action: Action) -> Ask<'static> {
    Ask::new(action, ArnScope::default().table("T"))
}

fn is_allowed(principal: &Principal, ask: &Ask<'_>) -> bool {
    decide(principal, &Environment::default(), ask, None).is_allowed()
}

fn refusal(principal: &Principal, ask: &Ask<'_>) -> String {
    decide(principal, &Environment::default(), ask, None).refusal(principal, ask).unwrap_or_default()
}

const LEADING_T1: &str = r#""ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["t1"]}"#;

#[test]
fn actions_and_resources() {
    let none = Principal::user("alice");
    assert_eq!(
        refusal(&none, &table(Action::GetItem)),
        "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: dynamodb:GetItem on resource: \
         arn:aws:dynamodb:us-east-1:000000000000:table/T because no identity-based policy allows the dynamodb:GetItem \
         action"
    );
    let reader = alice(&allow("GetItem", ""));
    assert!(is_allowed(&reader, &table(Action::GetItem)));
    assert!(!is_allowed(&reader, &table(Action::PutItem)));
    let all_but = alice(&format!("{},{}", allow("*", ""), statement("Deny", "DeleteItem", "")));
    assert!(
        refusal(&all_but, &table(Action::DeleteItem)).ends_with("with an explicit deny in an identity-based policy")
    );
    let querier = alice(&allow("Query", ""));
    let index = Ask::new(Action::Query, ArnScope::default().index("T", "G"));
    assert!(is_allowed(&querier, &table(Action::Query)));
    assert!(
        refusal(&querier, &index).contains("on resource: arn:aws:dynamodb:us-east-1:000000000000:table/T/index/G ")
    );
    let unknown = alice(&allow("TransactWriteItems", ""));
    assert!(refusal(&unknown, &table(Action::PutItem)).contains("dynamodb:PutItem"));
}

#[test]
fn wildcards_stay_inside_a_part_of_an_arn() {
    let scope = ArnScope::default();
    let resources =
        [scope.table("T"), scope.table("T2"), scope.index("T", "G"), scope.stream("T", "2026-11-29T00:00:00.000")];
    for (pattern, expected) in [
        ("arn:aws:dynamodb:us-east-1:000000000000:table/T", [true, false, false, false]),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/T*", [true, true, true, true]),
        ("arn:aws:dynamodb:*:*:table/T/index/*", [false, false, true, false]),
        ("arn:aws:dynamodb:*:*:table/T/stream/*", [false, false, false, true]),
        ("arn:aws:dynamodb:*:*:table/?", [true, false, false, false]),
        ("arn:aws:dynamodb:*:table/T", [false; 4]),
        ("arn:aws:dynamodb:eu-*:*:table/*", [false; 4]),
        ("*", [true; 4]),
    ] {
        let text = format!(r#"{{"Effect":"Allow","Action":"dynamodb:*","Resource":"{pattern}"}}"#);
        let Ok(policy) = Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{text}}}"#)) else {
            assert_eq!(expected, [false; 4], "{pattern} is refused, which matches nothing either");
            continue;
        };
        let principal = Principal::user("alice").policy(policy);
        let found = resources.clone().map(|arn| is_allowed(&principal, &Ask::new(Action::Query, arn)));
        assert_eq!(found, expected, "{pattern}");
    }
}

#[test]
fn leading_keys() {
    let one = alice(&allow("GetItem Query BatchGetItem Scan", LEADING_T1));
    let keys = |action, keys: &[&'static str]| table(action).partition_keys(keys.to_vec());
    for action in [Action::GetItem, Action::Query, Action::BatchGetItem] {
        assert!(is_allowed(&one, &keys(action, &["t1"])));
        assert!(!is_allowed(&one, &keys(action, &["t2"])));
    }
    assert!(is_allowed(&one, &keys(Action::BatchGetItem, &["t1", "t1"])));
    assert!(!is_allowed(&one, &keys(Action::BatchGetItem, &["t1", "t2"])));
    // The trap of the language, and the two ways out of it.
    assert!(is_allowed(&one, &table(Action::Scan)));
    assert!(!is_allowed(&one.clone().strict(), &table(Action::Scan)));
    let guarded = alice(&allow("Scan GetItem", &format!(r#"{LEADING_T1},"Null":{{"dynamodb:LeadingKeys":"false"}}"#)));
    assert!(!is_allowed(&guarded, &table(Action::Scan)));
    assert!(is_allowed(&guarded, &keys(Action::GetItem, &["t1"])));
    let deny = statement("Deny", "*", r#""ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":["t2"]}"#);
    let denied = alice(&format!("{},{deny}", allow("*", "")));
    assert!(!is_allowed(&denied, &keys(Action::GetItem, &["t2"])));
    assert!(!is_allowed(&denied, &keys(Action::BatchGetItem, &["t1", "t2"])));
    assert!(is_allowed(&denied, &table(Action::Scan)));
    // Without a prefix all values have to match in an Allow, and one is enough in a Deny.
    let plain = r#""StringEquals":{"dynamodb:LeadingKeys":"t1"}"#;
    assert!(!is_allowed(&alice(&allow("*", plain)), &keys(Action::BatchGetItem, &["t1", "t2"])));
    let both = format!("{},{}", allow("*", ""), statement("Deny", "*", plain));
    assert!(!is_allowed(&alice(&both), &keys(Action::BatchGetItem, &["t1", "t2"])));
}

#[test]
fn variables_are_data() {
    let line = |value: &str| format!(r#""ForAllValues:StringLike":{{"dynamodb:LeadingKeys":"{value}"}}"#);
    let tagged = |tag: Option<&str>, value: &str| {
        let principal = Principal::user("alice").policy(policy(&allow("GetItem", &line(value))));
        tag.map_or(principal.clone(), |tag| principal.tag("Tenant", tag))
    };
    let key = |key: &'static str| table(Action::GetItem).partition_keys([key]);
    let variable = "${aws:PrincipalTag/tenant}#*";
    assert!(is_allowed(&tagged(Some("t1"), variable), &key("t1#7")));
    assert!(!is_allowed(&tagged(Some("t1"), variable), &key("t2#7")));
    assert!(!is_allowed(&tagged(None, variable), &key("#7")), "a missing variable is no empty text");
    assert!(!is_allowed(&tagged(Some("*"), variable), &key("t2#7")), "a tag is no pattern");
    assert!(is_allowed(&tagged(Some("*"), variable), &key("*#7")));
    assert!(is_allowed(&tagged(None, "${aws:PrincipalTag/tenant, 'pub'}#*"), &key("pub#1")));
    assert!(is_allowed(&tagged(None, "${*}${?}${$}"), &key("*?$")));
    assert!(!is_allowed(&tagged(None, "${*}"), &key("x")));
    let negated = r#""StringNotEquals":{"aws:username":"${aws:PrincipalTag/missing}"}"#;
    assert!(!is_allowed(&alice(&allow("GetItem", negated)), &key("t1")));
}

#[test]
fn columns() {
    let attributes = |names: &str| format!(r#""ForAllValues:StringEquals":{{"dynamodb:Attributes":{names}}}"#);
    let get = |names: &[&'static str], select: &'static str| {
        let mut ask = table(Action::GetItem).partition_keys(["x"]).attributes(names.to_vec());
        ask.select = Some(select);
        ask
    };
    let loose = alice(&allow("GetItem", &attributes(r#"["pk","sk","a"]"#)));
    assert!(is_allowed(&loose, &get(&["pk", "sk", "a"], "SPECIFIC_ATTRIBUTES")));
    assert!(!is_allowed(&loose, &get(&["pk", "sk", "a", "b"], "SPECIFIC_ATTRIBUTES")));
    assert!(is_allowed(&loose, &get(&["pk", "sk"], "ALL_ATTRIBUTES")), "the whole item, without the guard");
    let select = r#","StringEqualsIfExists":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}"#;
    let tight = alice(&allow("GetItem", &(attributes(r#"["pk","sk","a"]"#) + select)));
    assert!(!is_allowed(&tight, &get(&["pk", "sk"], "ALL_ATTRIBUTES")));
    assert!(!is_allowed(
        &alice(&allow("GetItem", &attributes(r#"["pk","a"]"#))),
        &get(&["pk", "sk", "a"], "SPECIFIC_ATTRIBUTES")
    ));
    let returned = r#","StringEqualsIfExists":{"dynamodb:ReturnValues":["NONE","UPDATED_NEW"]}"#;
    let updater = alice(&allow("UpdateItem", &(attributes(r#"["pk","sk","a"]"#) + returned)));
    let update = |values: &'static str| {
        let mut ask = table(Action::UpdateItem).attributes(["pk", "sk", "a"]);
        ask.return_values = Some(values);
        ask
    };
    assert!(!is_allowed(&updater, &update("ALL_NEW")));
    assert!(is_allowed(&updater, &update("NONE")));
    let secret = alice(&allow("UpdateItem", r#""ForAllValues:StringNotLike":{"dynamodb:Attributes":"secret*"}"#));
    assert!(!is_allowed(&secret, &table(Action::UpdateItem).attributes(["pk", "secretX"])));
    assert!(is_allowed(&secret, &table(Action::UpdateItem).attributes(["pk", "a"])));
}

#[test]
fn other_keys() {
    let enclosed = alice(&allow("PutItem", r#""StringEquals":{"dynamodb:EnclosingOperation":"TransactWriteItems"}"#));
    let mut put = table(Action::PutItem);
    assert!(!is_allowed(&enclosed, &put));
    put.enclosing_operation = Some("TransactWriteItems");
    assert!(is_allowed(&enclosed, &put));
    let no_scans = statement("Deny", "PartiQLSelect", r#""Bool":{"dynamodb:FullTableScan":true}"#);
    let statements = alice(&format!("{},{no_scans}", allow("PartiQLSelect", "")));
    let mut select = table(Action::PartiQLSelect);
    select.full_table_scan = Some(true);
    assert!(!is_allowed(&statements, &select));
    select.full_table_scan = Some(false);
    assert!(is_allowed(&statements, &select));
    let without = alice(&allow("GetItem", r#""StringNotEquals":{"aws:PrincipalTag/x":"1"}"#));
    assert!(is_allowed(&without, &table(Action::GetItem)));
    let until = alice(&allow("*", r#""DateLessThan":{"aws:CurrentTime":"2026-11-29T12:00:00Z"}"#));
    for (now_millis, expected) in [(1_795_953_599_999, true), (1_795_953_600_000, false)] {
        let mut environment = Environment::default();
        environment.now_millis = now_millis;
        assert_eq!(decide(&until, &environment, &table(Action::GetItem), None).is_allowed(), expected);
    }
    let inside = alice(&allow("*", r#""IpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]}"#));
    for (address, expected) in [
        ("10.1.2.3", true),
        ("11.1.2.3", false),
        ("2001:db8::1", true),
        ("2001:db9::1", false),
        ("::ffff:10.1.2.3", true),
    ] {
        let mut environment = Environment::default();
        environment.source_ip = Some(address.parse().unwrap());
        assert_eq!(decide(&inside, &environment, &table(Action::GetItem), None).is_allowed(), expected, "{address}");
    }
}

#[test]
fn boundaries_and_roots() {
    let bounded = alice(&allow("*", "")).boundary(policy(&allow("GetItem", "")));
    assert!(is_allowed(&bounded, &table(Action::GetItem)));
    assert!(
        refusal(&bounded, &table(Action::PutItem))
            .ends_with("because no permissions boundary allows the dynamodb:PutItem action")
    );
    let session =
        Principal::session("tenant", "s1").policy(policy(&allow("*", ""))).session_policy(policy(&allow("Query", "")));
    let text = refusal(&session, &table(Action::PutItem));
    assert!(text.starts_with("User: arn:aws:sts::000000000000:assumed-role/tenant/s1 is not"), "{text}");
    assert!(text.ends_with("because no session policy allows the dynamodb:PutItem action"), "{text}");
    assert!(is_allowed(&Principal::root(), &table(Action::DeleteTable)));
    assert!(!is_allowed(&Principal::root().account("111122223333"), &table(Action::DeleteTable)));
}

#[test]
fn policies_of_resources() {
    let of_table = |statement: &str| {
        Policy::parse_of_resource(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)).unwrap()
    };
    let ground = |principal: &Principal, action, resource: &Policy| {
        decide(principal, &Environment::default(), &table(action), Some(resource)).ground
    };
    let grant = |principal: &str| {
        of_table(&format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"dynamodb:GetItem","Resource":"*"}}"#))
    };
    let by_arn = r#"{"AWS":"arn:aws:iam::000000000000:user/alice"}"#;
    let nobody = Principal::user("alice");
    let allowed = |ground: Ground| matches!(ground, Ground::Allowed { kind: PolicyKind::Resource, .. });
    assert!(allowed(ground(&nobody, Action::GetItem, &grant(by_arn))));
    assert!(allowed(ground(&nobody, Action::GetItem, &grant(r#"{"AWS":"*"}"#))));
    let identity = Ground::NotAllowed { kind: PolicyKind::Identity };
    assert_eq!(ground(&nobody, Action::GetItem, &grant(r#"{"AWS":"000000000000"}"#)), identity);
    assert_eq!(ground(&Principal::user("bob"), Action::GetItem, &grant(by_arn)), identity);
    let deny = of_table(r#"{"Effect":"Deny","Principal":"*","Action":"dynamodb:PutItem","Resource":"*"}"#);
    let mighty = alice(&allow("*", ""));
    let denied = decide(&mighty, &Environment::default(), &table(Action::PutItem), Some(&deny));
    let text = denied.refusal(&mighty, &table(Action::PutItem)).unwrap();
    assert!(text.ends_with("with an explicit deny in a resource-based policy"), "{text}");
    // Another account needs both, and gets by its own policies alone nothing.
    let stranger = |policies: bool| {
        let principal = Principal::user("alice").account("111122223333");
        if policies { principal.policy(policy(&allow("*", ""))) } else { principal }
    };
    let account = grant(r#"{"AWS":"111122223333"}"#);
    assert!(allowed(ground(&stranger(true), Action::GetItem, &account)));
    assert_eq!(ground(&stranger(false), Action::GetItem, &account), identity);
    let none = decide(&stranger(true), &Environment::default(), &table(Action::GetItem), None).ground;
    assert_eq!(none, Ground::NotAllowed { kind: PolicyKind::Resource });
    // A grant to the user reaches past a boundary, a grant to the role does not.
    let bounded = Principal::user("alice").boundary(policy(&allow("Query", "")));
    assert!(allowed(ground(&bounded, Action::GetItem, &grant(by_arn))));
    let session = Principal::session("tenant", "s").session_policy(policy(&allow("Query", "")));
    let by_role = grant(r#"{"AWS":"arn:aws:iam::000000000000:role/tenant"}"#);
    assert_eq!(ground(&session, Action::GetItem, &by_role), Ground::NotAllowed { kind: PolicyKind::Session });
    let by_session = grant(r#"{"AWS":"arn:aws:sts::000000000000:assumed-role/tenant/s"}"#);
    assert!(allowed(ground(&session, Action::GetItem, &by_session)));
}

#[test]
fn an_explanation_says_which_condition_failed() {
    let principal = alice(&format!("{},{}", allow("Query", ""), allow("GetItem", LEADING_T1)));
    let ask = table(Action::GetItem).partition_keys(["t2"]);
    let explanation = explain(&principal, &Environment::default(), &ask, None);
    assert!(matches!(explanation.statements[0].mismatch, Some(Mismatch::Action { .. })));
    let Some(Mismatch::Condition { key, wanted, found, .. }) = &explanation.statements[1].mismatch else {
        panic!("{explanation}");
    };
    assert_eq!((key.as_str(), wanted.as_slice()), ("dynamodb:LeadingKeys", ["t1".to_owned()].as_slice()));
    assert_eq!(found.as_deref(), Some(["t2".to_owned()].as_slice()));
    let text = explanation.to_string();
    assert!(text.contains(r#"the condition ForAllValues:StringEquals dynamodb:LeadingKeys ["t1"] does not hold: the request has ["t2"]"#), "{text}");
    let allowed = explain(&principal, &Environment::default(), &table(Action::Query), None);
    assert!(allowed.to_string().contains("-> identity-based policy 1, statement 1 (Allow): applies"), "{allowed}");
}

#[test]
fn a_tenant_has_its_own_keys_and_nothing_else() {
    let tenant = Principal::user("t").policy(Policy::tenant("T", "t*7#").unwrap());
    assert!(is_allowed(&tenant, &table(Action::PutItem).partition_keys(["t*7#1"])));
    assert!(!is_allowed(&tenant, &table(Action::PutItem).partition_keys(["t77#1"])), "the prefix is no pattern");
    assert!(!is_allowed(&tenant, &table(Action::Scan)));
    assert!(!is_allowed(
        &tenant,
        &Ask::new(Action::Query, ArnScope::default().index("T", "G")).partition_keys(["t*7#1"])
    ));
    assert!(!is_allowed(&tenant, &Ask::new(Action::GetItem, ArnScope::default().table("U")).partition_keys(["t*7#1"])));
}

/// `: <ARN>` behind an explicit deny of a policy with a name; not of a resource's policy, and not where none denies.
#[test]
fn the_policy_that_denies_is_named() {
    let named = policy(&statement("Deny", "PutItem", "")).named("no-writes");
    let principal = Principal::user("alice").policy(policy(&allow("*", ""))).policy(named);
    let decide = |action| decide(&principal, &Environment::default(), &table(action), None);
    let arn = "arn:aws:iam::000000000000:policy/no-writes";
    assert_eq!(decide(Action::PutItem).denying_policy(&principal).as_deref(), Some(arn));
    assert_eq!(decide(Action::GetItem).denying_policy(&principal), None);
    let db = hashrange::Database::in_memory().unwrap().as_principal(principal.clone());
    let put = table(Action::PutItem);
    let text = |db: &hashrange::RestrictedDatabase| db.authorize(&put).unwrap_err().message().to_owned();
    assert!(text(&db).ends_with("in an identity-based policy"), "{}", text(&db));
    let naming = db.names_policies(true);
    assert!(text(&naming).ends_with(&format!("in an identity-based policy: {arn}")), "{}", text(&naming));
}
