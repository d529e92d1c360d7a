//! `TagResource`, `UntagResource` and `ListTagsOfResource`.

use crate::{
    arn::{self, Arn},
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape,
    table::members::{self, Tag},
    validate::Violations,
};
use hashrange::admin::TableUpdate;
use std::borrow::Cow;

/// Tags with such keys are the service's own.
const RESERVED_PREFIX: &str = "aws:";
/// What keys and values may hold besides letters, numbers and spaces.
const ALLOWED_SIGNS: &str = "+-=._:/@";
/// Tags of one page of a listing.
const PAGE: usize = 10;

pub(super) fn tag(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut resource, mut tags) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "ResourceArn" => resource = shape::string(reader)?,
            "Tags" => tags = members::tags(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.not_null(&resource, "resourceArn");
    violations.not_null(&tags, "tags");
    for (position, tag) in tags.iter().flatten().enumerate() {
        check(tag, &format!("tags.{}.member", position + 1), &mut violations);
    }
    violations.finish()?;
    let table = table_of(context, &resource.unwrap_or_default())?;
    let tags = pairs(tags.unwrap_or_default())?;
    if tags.is_empty() {
        return Err(Failure::validation("Atleast one Tag needs to be provided as Input."));
    }
    change(context, &table, TableUpdate { put_tags: tags, ..TableUpdate::default() })
}

pub(super) fn untag(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut resource, mut keys) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "ResourceArn" => resource = shape::string(reader)?,
            "TagKeys" => keys = members::strings(reader, "tagKeys")?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.not_null(&resource, "resourceArn");
    violations.not_null(&keys, "tagKeys");
    violations.finish()?;
    let table = table_of(context, &resource.unwrap_or_default())?;
    let keys = keys.unwrap_or_default();
    if keys.is_empty() {
        return Err(Failure::validation("Atleast one Tag Key needs to be provided as Input."));
    }
    change(context, &table, TableUpdate { remove_tags: keys, ..TableUpdate::default() })
}

pub(super) fn list(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut resource, mut next) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "ResourceArn" => resource = shape::string(reader)?,
            "NextToken" => next = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.not_null(&resource, "resourceArn");
    violations.finish()?;
    let resource = resource.unwrap_or_default();
    let denied = || {
        Failure::access_denied(format!(
            "User: arn:aws:iam::{}:user/local is not authorized to perform: dynamodb:ListTagsOfResource on resource: \
             {resource}",
            context.owner.account
        ))
    };
    let table = table_of(context, &resource)
        .map_err(|failure| if failure.name() == "ResourceNotFoundException" { denied() } else { failure })?;
    let description = context.database.describe_table(&table).map_err(|_| denied())?;
    let tags = &description.definition.tags;
    let start = next_page(next, tags.len())?;
    write_page(tags, start)
}

fn write_page(tags: &[(String, String)], start: usize) -> Outcome {
    let end = tags.len().min(start + PAGE);
    let mut out = Writer::with_capacity(64 + 64 * PAGE);
    out.begin_object();
    out.name("Tags");
    out.begin_array();
    for (key, value) in tags.get(start..end).unwrap_or_default() {
        out.begin_object();
        out.string_member("Key", key);
        out.string_member("Value", value);
        out.end_object();
    }
    out.end_array();
    if end < tags.len() {
        out.string_member("NextToken", &end.to_string());
    }
    out.end_object();
    Ok(out.into_bytes())
}

/// A page token is the number of tags on earlier pages.
fn next_page(token: Option<Cow<'_, str>>, count: usize) -> Result<usize, Failure> {
    let Some(token) = token else { return Ok(0) };
    token.parse().ok().filter(|start| *start <= count).ok_or_else(|| Failure::validation("Invalid NextToken"))
}

/// Constraints on a tag.
pub(super) fn check(tag: &Tag, path: &str, violations: &mut Violations) {
    let (key_path, value_path) = (format!("{path}.key"), format!("{path}.value"));
    violations.not_null(&tag.key, &key_path);
    if let Some(key) = &tag.key {
        violations.length(key.chars().count(), key, &key_path, 1, 128);
    }
    violations.not_null(&tag.value, &value_path);
    if let Some(value) = &tag.value {
        violations.length(value.chars().count(), value, &value_path, 0, 256);
    }
}

/// Tags as the engine keeps them; of several with one key the last counts.
pub(super) fn pairs(tags: Vec<Tag>) -> Result<Vec<(String, String)>, Failure> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for tag in tags {
        let (key, value) = (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        if key.starts_with(RESERVED_PREFIX) {
            let text = format!("Tag Key cannot be prefixed with {RESERVED_PREFIX}, Key: {key}");
            return Err(Failure::validation(text));
        }
        if let Some(text) = [&key, &value].into_iter().find(|text| !text.chars().all(is_allowed)) {
            let text = format!("Tags consist of letters, numbers, spaces and any of {ALLOWED_SIGNS}: {text}");
            return Err(Failure::invalid_parameter(text));
        }
        pairs.retain(|(known, _)| *known != key);
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// The characters of keys and values.
fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || ALLOWED_SIGNS.contains(character)
}

/// The table that an ARN names, which has to be one of ours.
fn table_of(context: &Context<'_>, resource: &str) -> Result<String, Failure> {
    match Arn::parse(resource) {
        Some(arn @ Arn { part: None, .. }) => {
            if context.owner.owns(&arn) && context.database.describe_table(arn.table).is_ok() {
                return Ok(arn.table.to_owned());
            }
            // The misspelling is DynamoDB's.
            let text = format!("Requested resource not found: ResourcArn: {resource} not found");
            Err(Failure::not_found(text))
        }
        _ => Err(Failure::validation(arn::malformed(resource))),
    }
}

/// Changes tags; the answer has no body.
fn change(context: &Context<'_>, table: &str, update: TableUpdate) -> Outcome {
    context.database.update_table(table, update)?;
    Ok(Vec::new())
}
