//! The members of requests about tables, decoded as they are and checked one by one.

use super::units::{self, Units};
use crate::{
    error::Failure,
    json::Reader,
    shape::{self, JsonContext},
    validate::{Violations, values},
};
use std::borrow::Cow;

/// Longest name of a key attribute, and of an attribute that an index names, in characters.
const MAX_NAME_CHARS: usize = 255;

/// An element of a `KeySchema`, or of `AttributeDefinitions` (then `kind` is the type).
#[derive(Clone, Debug, Default)]
pub(crate) struct NamedKind {
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<String>,
}

impl NamedKind {
    /// The name; empty if absent (which the constraints reject).
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
    /// The kind; empty if absent (which the constraints reject).
    pub(crate) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_default()
    }
}

/// `Projection`.
#[derive(Debug, Default)]
pub(crate) struct ProjectionMember {
    pub(crate) kind: Option<String>,
    pub(crate) attributes: Option<Vec<String>>,
}

/// An index of `CreateTable`, or one to create in `UpdateTable`.
#[derive(Debug, Default)]
pub(crate) struct IndexMember {
    pub(crate) name: Option<String>,
    pub(crate) keys: Option<Vec<NamedKind>>,
    pub(crate) projection: Option<ProjectionMember>,
    pub(crate) throughput: Option<Units>,
    pub(crate) on_demand: Option<Units>,
    pub(crate) warm: Option<Units>,
}

impl IndexMember {
    /// The name; empty if absent (which the constraints reject).
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
    /// The elements of its key schema.
    pub(crate) fn keys(&self) -> &[NamedKind] {
        self.keys.as_deref().unwrap_or_default()
    }
}

/// `StreamSpecification`.
#[derive(Debug, Default)]
pub(crate) struct StreamMember {
    pub(crate) enabled: Option<bool>,
    pub(crate) view: Option<String>,
}

/// A tag.
#[derive(Debug, Default)]
pub(crate) struct Tag {
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
}

/// A string that is kept beyond the request.
pub(crate) fn text(reader: &mut Reader<'_>) -> Result<Option<String>, Failure> {
    Ok(shape::string(reader)?.map(Cow::into_owned))
}

/// Elements of a list that are looked at: every list here is rejected for its length well before.
const MAX_ELEMENTS: usize = 1_024;

/// A list of structures.
pub(crate) fn structures<T>(
    reader: &mut Reader<'_>,
    path: &str,
    one: impl FnMut(&mut Reader<'_>) -> Result<Option<T>, Failure>,
) -> Result<Option<Vec<T>>, Failure> {
    Ok(shape::counted(reader, path, MAX_ELEMENTS, one)?.map(|found| found.kept))
}

/// A list of names.
pub(crate) fn strings(reader: &mut Reader<'_>, path: &str) -> Result<Option<Vec<String>>, Failure> {
    shape::strings(reader, path, MAX_ELEMENTS)
}

/// An element of `KeySchema` (`kind` = `KeyType`) or `AttributeDefinitions` (`kind` = `AttributeType`).
pub(crate) fn named_kind(reader: &mut Reader<'_>, class: &str, kind: &str) -> Result<Option<NamedKind>, Failure> {
    let mut element = NamedKind::default();
    let present = shape::structure(reader, JsonContext::Element, class, |reader, name| {
        match name {
            "AttributeName" => element.name = text(reader)?,
            _ if name == kind => element.kind = text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(present.then_some(element))
}

/// `KeySchema`.
pub(crate) fn key_schema(reader: &mut Reader<'_>) -> Result<Option<Vec<NamedKind>>, Failure> {
    structures(reader, "keySchema", |reader| named_kind(reader, "KeySchemaElement", "KeyType"))
}

/// `AttributeDefinitions`.
pub(crate) fn attribute_definitions(reader: &mut Reader<'_>) -> Result<Option<Vec<NamedKind>>, Failure> {
    structures(reader, "attributeDefinitions", |reader| named_kind(reader, "AttributeDefinition", "AttributeType"))
}

fn projection(reader: &mut Reader<'_>) -> Result<Option<ProjectionMember>, Failure> {
    let mut projection = ProjectionMember::default();
    let present = shape::structure(reader, JsonContext::Field, "Projection", |reader, name| {
        match name {
            "ProjectionType" => projection.kind = text(reader)?,
            "NonKeyAttributes" => projection.attributes = strings(reader, "nonKeyAttributes")?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(present.then_some(projection))
}

/// An index.
pub(crate) fn index(reader: &mut Reader<'_>, place: JsonContext, class: &str) -> Result<Option<IndexMember>, Failure> {
    let mut index = IndexMember::default();
    let present = shape::structure(reader, place, class, |reader, name| {
        match name {
            "IndexName" => index.name = text(reader)?,
            "KeySchema" => index.keys = key_schema(reader)?,
            "Projection" => index.projection = projection(reader)?,
            "ProvisionedThroughput" => index.throughput = units::throughput(reader)?,
            "OnDemandThroughput" => index.on_demand = units::on_demand(reader)?,
            "WarmThroughput" => index.warm = units::warm(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(present.then_some(index))
}

/// `StreamSpecification`.
pub(crate) fn stream(reader: &mut Reader<'_>) -> Result<Option<StreamMember>, Failure> {
    let mut stream = StreamMember::default();
    let present = shape::structure(reader, JsonContext::Field, "StreamSpecification", |reader, name| {
        match name {
            "StreamEnabled" => stream.enabled = shape::boolean(reader)?,
            "StreamViewType" => stream.view = text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(present.then_some(stream))
}

/// `Tags`.
pub(crate) fn tags(reader: &mut Reader<'_>) -> Result<Option<Vec<Tag>>, Failure> {
    structures(reader, "tags", |reader| {
        let mut tag = Tag::default();
        let present = shape::structure(reader, JsonContext::Element, "Tag", |reader, name| {
            match name {
                "Key" => tag.key = text(reader)?,
                "Value" => tag.value = text(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(present.then_some(tag))
    })
}

/// Constraints on `AttributeDefinitions`.
pub(crate) fn check_definitions(definitions: &[NamedKind], violations: &mut Violations) {
    for (position, definition) in definitions.iter().enumerate() {
        let path = format!("attributeDefinitions.{}.member", position + 1);
        check_key_name(&definition.name, &format!("{path}.attributeName"), violations);
        let kind_path = format!("{path}.attributeType");
        violations.not_null(&definition.kind, &kind_path);
        violations.one_of(definition.kind.as_deref(), &kind_path, values::ATTRIBUTE_TYPE);
    }
}

/// Constraints on a `KeySchema` of at most `most` elements.
pub(crate) fn check_key_schema(keys: &Option<Vec<NamedKind>>, path: &str, most: usize, violations: &mut Violations) {
    violations.not_null(keys, path);
    let Some(keys) = keys else { return };
    violations.length(keys.len(), &shown_key_schema(keys), path, 1, most);
    for (position, key) in keys.iter().enumerate() {
        let path = format!("{path}.{}.member", position + 1);
        check_key_name(&key.name, &format!("{path}.attributeName"), violations);
        let kind_path = format!("{path}.keyType");
        violations.not_null(&key.kind, &kind_path);
        violations.one_of(key.kind.as_deref(), &kind_path, values::KEY_TYPE);
    }
}

fn check_key_name(name: &Option<String>, path: &str, violations: &mut Violations) {
    violations.not_null(name, path);
    if let Some(name) = name {
        violations.length(name.chars().count(), name, path, 1, MAX_NAME_CHARS);
    }
}

/// A key schema as messages print it.
fn shown_key_schema(keys: &[NamedKind]) -> String {
    let elements: Vec<String> = keys
        .iter()
        .take(16)
        .map(|key| format!("KeySchemaElement(attributeName={}, keyType={})", key.name(), key.kind()))
        .collect();
    format!("[{}]", elements.join(", "))
}

/// Constraints on an index.
pub(crate) fn check_index(index: &IndexMember, path: &str, most_keys: usize, violations: &mut Violations) {
    let name_path = format!("{path}.indexName");
    violations.required_name(&index.name, &name_path);
    check_key_schema(&index.keys, &format!("{path}.keySchema"), most_keys, violations);
    let projection_path = format!("{path}.projection");
    violations.not_null(&index.projection, &projection_path);
    if let Some(projection) = &index.projection {
        let kind_path = format!("{projection_path}.projectionType");
        violations.one_of(projection.kind.as_deref(), &kind_path, values::PROJECTION_TYPE);
        if let Some(attributes) = &projection.attributes {
            let shown = format!("[{}]", attributes.iter().take(32).cloned().collect::<Vec<_>>().join(", "));
            let path = format!("{projection_path}.nonKeyAttributes");
            violations.length(attributes.len(), &shown, &path, 1, 20);
            if attributes.iter().any(|name| !(1..=MAX_NAME_CHARS).contains(&name.chars().count())) {
                let constraint = "satisfy constraint: [Member must have length less than or equal to 255, Member must \
                                  have length greater than or equal to 1]";
                violations.add(&shown, &path, constraint);
            }
        }
    }
    units::check_throughput(index.throughput, &format!("{path}.provisionedThroughput"), violations);
}
