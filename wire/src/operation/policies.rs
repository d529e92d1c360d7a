//! `PutResourcePolicy`, `GetResourcePolicy` and `DeleteResourcePolicy`.
//!
//! A policy is kept with its table or with the table's stream, in the form in which it is read back, under a revision. Where
//! requests have principals, it decides on them; a document that could not be understood then is rejected.

use super::describe_table::absent;
use crate::{
    arn::{Arn, Owner},
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    policy, shape,
    timing::takes,
    validate::Violations,
};
use hashrange::{
    access::{Action, Ask, Policy, ResourceArn},
    admin::TableUpdate,
    schema::{ResourcePolicy, TableDefinition, TableSettings},
};

const MAX_ARN_CHARS: usize = 1_283;
const MAX_REVISION_CHARS: usize = 255;
/// The expectation that there is no policy yet.
const NO_POLICY: &str = "NO_POLICY";
const NOT_FOUND: &str = "Resource-based policy not found for the provided ResourceArn: ";

/// A table or its stream, by ARN.
struct Resource {
    arn: String,
    table: String,
    /// Label of the stream, if it is one.
    stream: Option<String>,
}

#[derive(Default)]
struct Request {
    arn: Option<String>,
    document: Option<String>,
    expected: Option<String>,
    /// The caller knows that it may not change the policy afterwards.
    confirmed: bool,
}

impl Request {
    fn decode(body: &[u8], needs_document: bool) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            let member = match name {
                "ResourceArn" => &mut request.arn,
                "Policy" => &mut request.document,
                "ExpectedRevisionId" => &mut request.expected,
                "ConfirmRemoveSelfResourceAccess" => {
                    request.confirmed = shape::boolean(reader)?.unwrap_or(false);
                    return Ok(());
                }
                _ => return Ok(reader.skip()?),
            };
            *member = shape::string(reader)?.map(std::borrow::Cow::into_owned);
            Ok(())
        })?;
        let mut violations = Violations::default();
        violations.not_null(&request.arn, "resourceArn");
        if let Some(arn) = &request.arn {
            violations.length(arn.chars().count(), arn, "resourceArn", 1, MAX_ARN_CHARS);
        }
        if needs_document {
            violations.not_null(&request.document, "policy");
        }
        if let Some(expected) = &request.expected {
            violations.length(expected.chars().count(), expected, "expectedRevisionId", 1, MAX_REVISION_CHARS);
        }
        violations.finish()?;
        Ok(request)
    }

    fn resource(&self, owner: &Owner) -> Result<Resource, Failure> {
        let arn = self.arn.as_deref().unwrap_or_default();
        if !arn.starts_with("arn:") {
            return Err(Failure::invalid_parameter(format_args!("ARNs must start with 'arn:': {arn}")));
        }
        let Some(parsed) = Arn::parse(arn) else {
            let text = format!("Provided Arn is not a DynamoDB resource arn: {arn}");
            return Err(Failure::invalid_parameter(text));
        };
        if !owner.has_region_of(&parsed) {
            return Err(Failure::invalid_parameter(format_args!("Invalid resource Arn: {arn}")));
        }
        if parsed.account != owner.account {
            // The apostrophe is the service's.
            let text = "This action is only supported by accounts that match the resource owner\u{2019}s account.";
            return Err(Failure::validation(text));
        }
        let stream = match parsed.part {
            None => None,
            Some(part) => match part.strip_prefix("stream/") {
                Some(label) => Some(label.to_owned()),
                None => {
                    return Err(Failure::invalid_parameter(format_args!(
                        "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}"
                    )));
                }
            },
        };
        Ok(Resource { arn: arn.to_owned(), table: parsed.table.to_owned(), stream })
    }

    /// The revision that is expected has to be the present one.
    fn check_expected(&self, resource: &Resource, present: Option<&ResourcePolicy>) -> Result<(), Failure> {
        let Some(expected) = self.expected.as_deref() else { return Ok(()) };
        let fits = match present {
            None => expected == NO_POLICY,
            Some(policy) => expected == policy.revision_millis.to_string(),
        };
        if fits {
            return Ok(());
        }
        Err(Failure::service(
            "PolicyNotFoundException",
            format!(
                "{NOT_FOUND}Requested update for policy with revision id {expected}, but the policy associated to target \
                 table {} did not match",
                resource.table
            ),
        ))
    }
}

impl Resource {
    /// The policy of the resource among a table's settings.
    fn policy<'s>(&self, settings: &'s mut TableSettings) -> &'s mut Option<ResourcePolicy> {
        if self.stream.is_some() { &mut settings.stream_policy } else { &mut settings.policy }
    }

    /// The stream, if it is one, has to be the table's latest.
    fn check_exists(&self, context: &Context<'_>, table: &TableDefinition) -> Result<(), Failure> {
        let Some(label) = &self.stream else { return Ok(()) };
        let latest = table.latest_stream_millis().map(hashrange::date::label);
        if latest.as_ref() == Some(label) {
            return Ok(());
        }
        let arn = format!("{}/stream/{label}", context.owner.table_arn(&self.table));
        Err(Failure::not_found(format!("Requested resource not found: Stream: {arn} not found")))
    }

    /// Policies change only so often, where changes take their time.
    fn check_pause(&self, context: &Context<'_>, present: Option<&ResourcePolicy>) -> Result<(), Failure> {
        let Some(present) = present else { return Ok(()) };
        if context.is_under_way(present.revision_millis, takes::POLICY) {
            return Err(Failure::service(
                "ResourceInUseException",
                format!(
                    "Attempt to change a resource which is still in use: Table is pending previous resource-based policy \
                     update: {}",
                    self.table
                ),
            ));
        }
        if !context.is_under_way(present.revision_millis, takes::POLICY_PAUSE) {
            return Ok(());
        }
        let subject = match &self.stream {
            Some(label) => format!("stream {label}"),
            None => format!("table {}", self.table),
        };
        let again = hashrange::date::label(present.revision_millis + takes::POLICY_PAUSE);
        let pause = takes::POLICY_PAUSE;
        Err(Failure::service(
            "ThrottlingException",
            format!(
                "Resource-based policy for {subject} modified within the previous {pause} milliseconds. Please try again \
                 after {again}Z."
            ),
        ))
    }

    /// Changes the policy of the resource; `change` is given the present one and says whether to replace it.
    fn change(
        &self,
        context: &Context<'_>,
        change: impl FnOnce(&mut Option<ResourcePolicy>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let decide = |table: &TableDefinition| {
            self.check_exists(context, table)?;
            let mut settings = table.settings.clone();
            change(self.policy(&mut settings))?;
            let settings = (settings != table.settings).then(|| Box::new(settings));
            Ok::<_, Failure>(TableUpdate { settings, ..TableUpdate::default() })
        };
        context.database.update_table_with(&self.table, decide).map(drop)
    }
}

/// A document in the form in which it is read back. One under which the owner could not change the policy any more has to be
/// `confirmed`.
pub(super) fn canonical(
    document: &str,
    owner: &Owner,
    of: policy::Resource,
    confirmed: bool,
) -> Result<String, Failure> {
    let policy = policy::parse(document, &owner.account, of).map_err(Failure::validation)?;
    if policy.shuts_out && !confirmed {
        let text = "The new resource policy will not allow you to update the resource policy in the future.";
        return Err(Failure::access_denied(text));
    }
    match Policy::parse_of_resource(&policy.document) {
        Ok(_) => Ok(policy.document),
        Err(error) => Err(Failure::invalid_parameter(format_args!("Invalid policy document: {error}"))),
    }
}

/// A caller that could not put a policy any more has to say that it means it.
fn check_lock_out(
    context: &Context<'_>,
    request: &Request,
    resource: &Resource,
    document: &str,
) -> Result<(), Failure> {
    let Some(restricted) = context.restricted.filter(|_| !request.confirmed) else { return Ok(()) };
    let (Some(arn), Ok(policy)) = (ResourceArn::parse(&*resource.arn), Policy::parse_of_resource(document)) else {
        return Ok(());
    };
    if restricted.would_allow(&Ask::new(Action::PutResourcePolicy, arn), &policy) {
        return Ok(());
    }
    Err(Failure::access_denied(
        "The new resource policy will not allow you to update the resource policy in the future.",
    ))
}

pub(super) fn put(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body, true)?;
    let resource = request.resource(context.owner)?;
    let of = if resource.stream.is_some() { policy::Resource::Stream } else { policy::Resource::Table };
    let document = canonical(request.document.as_deref().unwrap_or_default(), context.owner, of, request.confirmed)?;
    check_lock_out(context, &request, &resource, &document)?;
    let now_millis = context.now_millis();
    let mut revision = String::new();
    resource.change(context, |policy| {
        request.check_expected(&resource, policy.as_ref())?;
        if let Some(present) = policy.as_ref().filter(|present| present.document == document) {
            revision = present.revision_millis.to_string();
            return Ok(());
        }
        resource.check_pause(context, policy.as_ref())?;
        // Two changes of one millisecond have two revisions all the same.
        let next = policy.as_ref().map_or(0, |present| present.revision_millis + 1);
        let revision_millis = now_millis.max(next);
        revision = revision_millis.to_string();
        *policy = Some(ResourcePolicy { document, revision_millis });
        Ok(())
    })?;
    let mut out = Writer::with_capacity(48);
    out.begin_object();
    out.string_member("RevisionId", &revision);
    out.end_object();
    Ok(out.into_bytes())
}

pub(super) fn get(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body, false)?;
    let resource = request.resource(context.owner)?;
    let table = context.database.describe_table(&resource.table).map_err(|error| absent(error, &resource.table))?;
    resource.check_exists(context, &table.definition)?;
    let mut settings = table.definition.settings.clone();
    let Some(policy) = resource.policy(&mut settings).take() else {
        return Err(Failure::service("PolicyNotFoundException", format!("{NOT_FOUND}{}", resource.arn)));
    };
    let mut out = Writer::with_capacity(64 + policy.document.len());
    out.begin_object();
    out.string_member("Policy", &policy.document);
    out.string_member("RevisionId", &policy.revision_millis.to_string());
    out.end_object();
    Ok(out.into_bytes())
}

pub(super) fn delete(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body, false)?;
    let resource = request.resource(context.owner)?;
    let mut revision = None;
    resource.change(context, |policy| {
        request.check_expected(&resource, policy.as_ref())?;
        resource.check_pause(context, policy.as_ref())?;
        revision = policy.take().map(|gone| gone.revision_millis.to_string());
        Ok(())
    })?;
    let mut out = Writer::with_capacity(48);
    out.begin_object();
    if let Some(revision) = revision {
        out.string_member("RevisionId", &revision);
    }
    out.end_object();
    Ok(out.into_bytes())
}
