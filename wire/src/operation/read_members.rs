//! Members that `Query`, `Scan`, `GetItem` and `BatchGetItem` share.

use crate::{
    capacity::{self, Report},
    error::Failure,
    expressions::Expressions,
    json::{Reader, Writer},
    legacy::{self, Conditions},
    profile::{MessageDialect, Profile},
    shape,
    table::name::TableName,
    validate::{Violations, values},
    value::{self, Attributes, Decoder},
};
use hashrange::{
    expression::{Condition, ProjectionExpression},
    item::size::check_name,
    request::{Page, PageOptions, Select},
};
use std::borrow::Cow;

/// Most names in `AttributesToGet`.
const MAX_ATTRIBUTES: usize = 255;

/// `AttributesToGet`, up to one name more than it may have.
pub(super) fn attributes_to_get(reader: &mut Reader<'_>) -> Result<Option<Vec<String>>, Failure> {
    shape::strings(reader, "attributesToGet", MAX_ATTRIBUTES + 1)
}

/// Constraint on `AttributesToGet`.
pub(super) fn check_attributes_to_get(attributes: Option<&[String]>, path: &str, violations: &mut Violations) {
    if let Some(attributes) = attributes {
        let shown = attributes.iter().take(32).cloned().collect::<Vec<_>>().join(", ");
        violations.length(attributes.len(), &format!("[{shown}]"), path, 1, MAX_ATTRIBUTES);
    }
}

/// The older form of a projection: names of attributes, each once.
pub(super) fn projection(attributes: Option<&[String]>) -> Result<Option<ProjectionExpression>, Failure> {
    let Some(attributes) = attributes else { return Ok(None) };
    attributes.iter().try_for_each(|name| check_name(name))?;
    let mut sorted: Vec<&str> = attributes.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::invalid_parameter(format_args!("Duplicate value in attribute name: {}", pair[0])));
    }
    Ok(Some(ProjectionExpression::of_attributes(attributes.iter().map(String::as_str))?))
}

/// The members that `Query` and `Scan` share.
#[derive(Default)]
pub(super) struct ReadMembers<'a> {
    pub(super) table: TableName<'a>,
    pub(super) index: Option<Cow<'a, str>>,
    pub(super) expressions: Expressions<'a>,
    pub(super) filter: Option<Conditions>,
    pub(super) attributes: Option<Vec<String>>,
    pub(super) start: Option<Attributes>,
    pub(super) limit: Option<i32>,
    conditional_operator: Option<Cow<'a, str>>,
    select: Option<Cow<'a, str>>,
    report: Option<Cow<'a, str>>,
    consistent: Option<bool>,
}

impl<'a> ReadMembers<'a> {
    /// Members of an operation with these expressions.
    pub(super) fn new(expressions: &'static [&'static str]) -> Self {
        Self { expressions: Expressions::of(expressions), ..Self::default() }
    }

    /// Decodes one of the shared members; skips a member that neither operation knows. `filter` is the name of the
    /// older form of the filter.
    pub(super) fn member(
        &mut self,
        reader: &mut Reader<'a>,
        name: &str,
        filter: &str,
        decoder: Decoder,
    ) -> Result<(), Failure> {
        match name {
            "TableName" => self.table = TableName::new(shape::string(reader)?),
            "IndexName" => self.index = shape::string(reader)?,
            "AttributesToGet" => self.attributes = attributes_to_get(reader)?,
            "ConditionalOperator" => self.conditional_operator = shape::string(reader)?,
            "ConsistentRead" => self.consistent = shape::boolean(reader)?,
            "ExclusiveStartKey" => self.start = decoder.attributes(reader)?,
            "Limit" => self.limit = shape::integer(reader)?,
            "ReturnConsumedCapacity" => self.report = shape::string(reader)?,
            "Select" => self.select = shape::string(reader)?,
            _ if name == filter => self.filter = legacy::conditions(reader, decoder)?,
            _ => {
                if !self.expressions.member(reader, name, decoder)? {
                    reader.skip()?;
                }
            }
        }
        Ok(())
    }

    /// Adds what is wrong with the members by themselves, as far as both operations check it alike.
    pub(super) fn check_members(
        &self,
        profile: Profile,
        voice: MessageDialect,
        both_name_faults: bool,
        filter_path: &str,
        violations: &mut Violations,
    ) {
        violations.one_of(self.select.as_deref(), "select", values::SELECT);
        if let Some(index) = self.index.as_deref() {
            violations.name(index, "indexName", true);
        }
        capacity::check(self.report.as_deref(), violations);
        self.table.check(violations, "tableName", both_name_faults);
        let operator = self.conditional_operator.as_deref();
        violations.one_of(operator, "conditionalOperator", values::CONDITIONAL_OPERATOR);
        check_attributes_to_get(self.attributes.as_deref(), "attributesToGet", violations);
        if let Some(limit) = self.limit
            && limit < 1
        {
            violations.push(profile.small_number(voice, "Limit", limit, 1));
        }
        legacy::check_operators(self.filter.as_ref(), filter_path, violations);
    }

    /// An unknown `ConditionalOperator` of a query, where that is told alone.
    pub(super) fn check_operator_alone(&self, profile: Profile) -> Result<(), Failure> {
        let is_unknown = |operator: &str| !values::CONDITIONAL_OPERATOR.contains(&operator);
        if profile.tells_operator_alone() && self.conditional_operator.as_deref().is_some_and(is_unknown) {
            let text = "Failed to satisfy constraint: Member must satisfy enum value set: [ALL, OR]";
            return Err(Failure::validation(text));
        }
        Ok(())
    }

    /// Older parameters that are there, for the check of mixing, in the order in which messages list them; `first`
    /// are those of one operation.
    pub(super) fn older(&self, first: &[(&'static str, bool)]) -> Vec<(&'static str, bool)> {
        let mut older = first.to_vec();
        older.push(("ConditionalOperator", self.conditional_operator.is_some()));
        older.push(("AttributesToGet", self.attributes.is_some()));
        older
    }

    /// `AND` or `OR` for the older form of the filter.
    pub(super) fn conditional_operator(&self) -> Option<&str> {
        self.conditional_operator.as_deref()
    }

    /// The values of the start key keep the rules of values.
    pub(super) fn check_start(&self, profile: Profile) -> Result<(), Failure> {
        let Some(start) = &self.start else { return Ok(()) };
        start.check().map_err(|text| {
            // These families of faults never got the prefix in the older layer, and the first does not in the newer one.
            let bare =
                ["contains duplicates", "number set", "numeric value", "significant digits", "number with magnitude"];
            let families = if profile == Profile::May2026 { &bare[..] } else { &bare[..1] };
            let is_bare = families.iter().any(|part| text.contains(part));
            if is_bare { Failure::validation(text) } else { Failure::validation(format!("{START_KEY}: {text}")) }
        })
    }

    /// What to return of each item, which has to go with projection and index.
    pub(super) fn select(&self, profile: Profile, verb: &str) -> Result<Select, Failure> {
        let refuse = |text: String| Err(Failure::validation(profile.select(text)));
        let projects = if self.expressions.text("ProjectionExpression").is_some() {
            Some("ProjectionExpression")
        } else {
            self.attributes.as_ref().map(|_| "AttributesToGet")
        };
        match (self.select.as_deref(), projects) {
            (Some("SPECIFIC_ATTRIBUTES"), None) => refuse(
                "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
                    .to_owned(),
            ),
            (Some(select @ ("COUNT" | "ALL_ATTRIBUTES" | "ALL_PROJECTED_ATTRIBUTES")), Some(member)) => {
                let what = profile.chosen(select);
                refuse(format!("Cannot specify the {member} when choosing to get {what}"))
            }
            (Some("ALL_PROJECTED_ATTRIBUTES"), None) if self.index.is_none() => refuse(format!(
                "ALL_PROJECTED_ATTRIBUTES can be used only when {} using an IndexName",
                profile.verb(verb)
            )),
            (Some("COUNT"), None) => Ok(Select::Count),
            (Some("ALL_ATTRIBUTES"), None) => Ok(Select::AllAttributes),
            _ => Ok(Select::Default),
        }
    }

    /// What shall be read, and how it is presented.
    pub(super) fn page_options(
        &self,
        select: Select,
        filter: Option<Condition>,
        projection: Option<ProjectionExpression>,
    ) -> PageOptions<'_> {
        let mut options = PageOptions::default();
        options.index = self.index.as_deref().map(Cow::Borrowed);
        options.filter = filter;
        options.projection = projection;
        options.select = select;
        options.limit = self.limit.and_then(|limit| usize::try_from(limit).ok());
        options.consistent_read = self.consistent.unwrap_or(false);
        options.exclusive_start_key = self.start.as_ref().map(|start| Cow::Borrowed(&start.item));
        options
    }

    /// The response.
    pub(super) fn respond(&self, page: &Page, select: Select) -> Vec<u8> {
        let size: usize = page.items.iter().map(|item| item.size_bytes() * 2).sum();
        let mut out = Writer::with_capacity(256 + size);
        out.begin_object();
        out.integer_member("Count", page.count as u64);
        if select != Select::Count {
            out.name("Items");
            out.begin_array();
            page.items.iter().for_each(|item| value::write_item(&mut out, item));
            out.end_array();
        }
        if let Some(key) = page.last_evaluated_key() {
            out.name("LastEvaluatedKey");
            value::write_key(&mut out, &key);
        }
        out.integer_member("ScannedCount", page.scanned_count as u64);
        let report = Report::of(self.report.as_deref());
        capacity::write_member(&mut out, report, self.table.given(), &page.consumed);
        out.end_object();
        out.into_bytes()
    }
}

const START_KEY: &str = "The provided starting key is invalid";
