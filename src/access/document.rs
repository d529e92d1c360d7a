//! From a document to a policy.

use super::{
    action::ActionSet,
    arn::ArnPattern,
    condition::Line,
    json::Json,
    policy::{Effect, Policy, Statement, Version},
    policy_error::PolicyError,
    principals::Principals,
    template::Variables,
    tested::Tested,
};

/// Most bytes of a document.
const MAX_DOCUMENT_BYTES: usize = 64 << 10;
/// Most statements of a document.
const MAX_STATEMENTS: usize = 1_000;

/// Whose policy it is: those of resources name principals, those of identities do not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Identity,
    Resource,
}

impl Policy {
    /// Reads a policy of an identity: of a user, a role, a boundary, a session. Errors: what cannot be understood, with its
    /// place; more than 64 KiB or 1,000 statements.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        read(document, Holder::Identity)
    }
    /// Reads the policy of a table or stream, whose statements say to whom they apply. Errors: as [`parse`](Self::parse).
    pub fn parse_of_resource(document: &str) -> Result<Self, PolicyError> {
        read(document, Holder::Resource)
    }
}

fn read(document: &str, holder: Holder) -> Result<Policy, PolicyError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(PolicyError::new(format!("the document has more than {MAX_DOCUMENT_BYTES} bytes")));
    }
    let allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{ff}');
    if let Some(character) = document.chars().find(|character| !allowed(*character)) {
        return Err(PolicyError::new(format!("the character {character:?} may not be in a policy")));
    }
    let json = Json::read(document)?;
    let (mut version, mut id, mut statements) = (Version::V2008, None, None);
    for (name, value) in json.object()? {
        match name.as_str() {
            "Version" => version = read_version(value).map_err(|error| error.within(name))?,
            "Id" => id = Some(value.text().map_err(|error| error.within(name))?.to_owned()),
            "Statement" => statements = Some(value),
            other => return Err(PolicyError::new(format!("a policy has no member {other:?}"))),
        }
    }
    let Some(statements) = statements else { return Err(PolicyError::new("the member Statement is missing")) };
    let list = match statements {
        Json::List(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    if list.is_empty() || list.len() > MAX_STATEMENTS {
        let text = format!("a policy has 1 to {MAX_STATEMENTS} statements, not {}", list.len());
        return Err(PolicyError::new(text).within("Statement"));
    }
    let mut read: Vec<Statement> = Vec::with_capacity(list.len());
    let mut tested = Tested::default();
    for (at, statement) in list.iter().enumerate() {
        let statement = read_statement(statement, holder, version, &mut tested);
        let statement = statement.and_then(|statement| match &statement.sid {
            Some(sid) if read.iter().any(|known| known.sid.as_ref() == Some(sid)) => {
                Err(PolicyError::new(format!("another statement has the Sid {sid:?} already")))
            }
            _ => Ok(statement),
        });
        read.push(statement.map_err(|error| error.within(&format!("[{at}]")).within("Statement"))?);
    }
    Ok(Policy { name: id.unwrap_or_default(), statements: read, version, tested })
}

fn read_version(value: &Json) -> Result<Version, PolicyError> {
    match value.text()? {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => Err(PolicyError::new(format!("the version {other:?} is neither 2012-10-17 nor 2008-10-17"))),
    }
}

/// Members of a statement as they are found.
#[derive(Default)]
struct Members<'a> {
    sid: Option<String>,
    effect: Option<Effect>,
    principals: Option<Principals>,
    actions: Option<(ActionSet, Vec<&'a str>)>,
    resources: Option<(bool, Vec<&'a str>)>,
    conditions: Vec<Line>,
}

impl<'a> Members<'a> {
    fn read(&mut self, name: &str, value: &'a Json, holder: Holder, with_variables: bool) -> Result<(), PolicyError> {
        match name {
            "Sid" => self.sid = Some(value.text()?.to_owned()),
            "Effect" => {
                let text = value.text()?;
                self.effect = Some(match text {
                    _ if text.eq_ignore_ascii_case("allow") => Effect::Allow,
                    _ if text.eq_ignore_ascii_case("deny") => Effect::Deny,
                    _ => return Err(PolicyError::new(format!("{text:?} is neither \"Allow\" nor \"Deny\""))),
                });
            }
            "Principal" | "NotPrincipal" => {
                if holder == Holder::Identity {
                    let text = "only policies of tables and streams name principals; this one belongs to its holder";
                    return Err(PolicyError::new(text));
                }
                only_one(&self.principals, "Principal")?;
                self.principals = Some(Principals::parse(value, name == "NotPrincipal")?);
            }
            "Action" | "NotAction" => {
                only_one(&self.actions, "Action")?;
                let patterns = value.texts()?;
                let mut set = ActionSet::default();
                for pattern in &patterns {
                    set = set.union(ActionSet::of_pattern(pattern)?);
                }
                self.actions = Some((if name == "NotAction" { set.complement() } else { set }, patterns));
            }
            "Resource" | "NotResource" => {
                only_one(&self.resources, "Resource")?;
                self.resources = Some((name == "NotResource", value.texts()?));
            }
            "Condition" => self.conditions = Line::parse_all(value, with_variables)?,
            _ => return Err(PolicyError::new("a statement has no such member")),
        }
        Ok(())
    }
}

fn only_one<T>(present: &Option<T>, name: &str) -> Result<(), PolicyError> {
    match present {
        None => Ok(()),
        Some(_) => Err(PolicyError::new(format!("a statement has either {name} or Not{name}"))),
    }
}

/// Reads a statement, and adds what it tests.
fn read_statement(
    json: &Json,
    holder: Holder,
    version: Version,
    tested: &mut Tested,
) -> Result<Statement, PolicyError> {
    let with_variables = version == Version::V2012;
    let mut members = Members::default();
    for (name, value) in json.object()? {
        members.read(name, value, holder, with_variables).map_err(|error| error.within(name))?;
    }
    let missing = |name: &str| PolicyError::new(format!("the member {name} is missing"));
    let effect = members.effect.ok_or_else(|| missing("Effect"))?;
    let (actions, action_patterns) = members.actions.ok_or_else(|| missing("Action"))?;
    let (is_not_resource, patterns) = members.resources.ok_or_else(|| missing("Resource"))?;
    if holder == Holder::Resource && members.principals.is_none() {
        return Err(missing("Principal"));
    }
    let member = if is_not_resource { "NotResource" } else { "Resource" };
    let resources = patterns.iter().map(|pattern| ArnPattern::parse(pattern, with_variables));
    let resources: Vec<ArnPattern> = resources.collect::<Result<_, _>>().map_err(|error| error.within(member))?;
    let mut variables = Variables::default();
    resources.iter().for_each(|pattern| pattern.add_variables(&mut variables));
    members.conditions.iter().for_each(|line| line.add_variables(&mut variables));
    let keys = variables.all.iter().chain(members.conditions.iter().map(|line| &line.key));
    *tested = keys.fold(*tested, |tested, key| tested | Tested::of(key));
    Ok(Statement {
        sid: members.sid,
        effect,
        principals: members.principals,
        actions,
        action_patterns: action_patterns.into_iter().map(str::to_owned).collect(),
        is_not_resource,
        resources,
        resource_patterns: patterns.into_iter().map(str::to_owned).collect(),
        conditions: members.conditions,
        variables: variables.required,
    })
}
