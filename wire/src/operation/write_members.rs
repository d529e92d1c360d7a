//! Members that `PutItem`, `UpdateItem` and `DeleteItem` share: conditions, what to return, what to report.

use crate::{
    capacity::{self, Report},
    context::Context,
    error::Failure,
    expressions::{Expressions, Parsed},
    json::{Reader, Writer},
    legacy::{self, Expectations},
    profile::{MessageDialect, Profile},
    shape,
    table::name::TableName,
    validate::{Violations, values},
    value::{self, Attributes, Decoder},
};
use hashrange::{
    Item,
    expression::Condition,
    request::{ReturnValues, WriteOutput},
};
use std::borrow::Cow;

/// The shared members.
pub(super) struct WriteMembers<'a> {
    /// The layer that reads the request.
    pub(super) dialect: MessageDialect,
    pub(super) table: TableName<'a>,
    pub(super) expressions: Expressions<'a>,
    pub(super) expected: Option<Expectations>,
    conditional_operator: Option<Cow<'a, str>>,
    return_values: Option<Cow<'a, str>>,
    report: Option<Cow<'a, str>>,
    collection_metrics: Option<Cow<'a, str>>,
    on_condition_failure: Option<Cow<'a, str>>,
}

/// Decodes a request. One that has a value of a form that only the older layer reads is read by that layer as a whole: `decode`
/// says whether it has.
pub(super) fn decoded<T>(
    profile: Profile,
    decode: impl Fn(Decoder) -> Result<(T, bool), Failure>,
) -> Result<T, Failure> {
    let (request, is_older) = decode(Decoder { profile, dialect: MessageDialect::Write })?;
    if !is_older {
        return Ok(request);
    }
    Ok(decode(Decoder { profile, dialect: MessageDialect::Older })?.0)
}

impl<'a> WriteMembers<'a> {
    /// Members of an operation with these expressions.
    pub(super) fn new(expressions: &'static [&'static str], dialect: MessageDialect) -> Self {
        Self {
            dialect,
            table: TableName::default(),
            expressions: Expressions::of(expressions),
            expected: None,
            conditional_operator: None,
            return_values: None,
            report: None,
            collection_metrics: None,
            on_condition_failure: None,
        }
    }

    /// Whether the older layer reads the request, because of a value in it; `main` is the item or key.
    pub(super) fn is_older(&self, main: &Option<Attributes>) -> bool {
        self.expressions.has_older_form || main.as_ref().is_some_and(|main| main.has_older_form)
    }

    /// A text about the request itself.
    pub(super) fn rejected(&self, profile: Profile, text: String) -> Failure {
        Failure::validation(profile.request(self.dialect, text))
    }

    /// Decodes one of the shared members; skips a member that no operation of these knows.
    pub(super) fn member(&mut self, reader: &mut Reader<'a>, name: &str, decoder: Decoder) -> Result<(), Failure> {
        match name {
            "TableName" => self.table = TableName::new(shape::string(reader)?),
            "Expected" => self.expected = legacy::expectations(reader, decoder)?,
            "ConditionalOperator" => self.conditional_operator = shape::string(reader)?,
            "ReturnValues" => self.return_values = shape::string(reader)?,
            "ReturnConsumedCapacity" => self.report = shape::string(reader)?,
            "ReturnItemCollectionMetrics" => self.collection_metrics = shape::string(reader)?,
            "ReturnValuesOnConditionCheckFailure" => self.on_condition_failure = shape::string(reader)?,
            _ => {
                if !self.expressions.member(reader, name, decoder)? {
                    reader.skip()?;
                }
            }
        }
        Ok(())
    }

    /// Checks what is checked alone, then all members by themselves; `main` is the member with item or key.
    pub(super) fn check_members<T>(
        &self,
        context: &Context<'_>,
        main: &Option<T>,
        main_path: &str,
        both_name_faults: bool,
    ) -> Result<(), Failure> {
        // An update that lacks its key is told so with everything else that is wrong with it.
        let profile = context.profile;
        let tells_all = main.is_none() && both_name_faults && profile.joins_faults_of_a_missing_key();
        if !tells_all {
            self.table.check_alone(context, self.dialect)?;
        }
        let mut violations = Violations::default();
        capacity::check(self.report.as_deref(), &mut violations);
        if tells_all && self.table.is_empty() {
            violations.length(0, "", "tableName", 1, 255);
        } else {
            self.table.check(&mut violations, "tableName", both_name_faults && !tells_all);
        }
        let metrics = self.collection_metrics.as_deref();
        violations.one_of(metrics, "returnItemCollectionMetrics", values::COLLECTION_METRICS);
        let operator = self.conditional_operator.as_deref();
        if tells_all {
            violations.one_of(operator, "conditionalOperator", values::CONDITIONAL_OPERATOR);
            violations.one_of(self.return_values.as_deref(), "returnValues", values::RETURN_VALUES);
            violations.not_null(main, main_path);
        } else {
            violations.not_null(main, main_path);
            violations.one_of(operator, "conditionalOperator", values::CONDITIONAL_OPERATOR);
        }
        if profile.return_values_is_constraint() || self.dialect == MessageDialect::Older {
            violations.one_of(self.return_values.as_deref(), "returnValues", values::RETURN_VALUES);
        }
        let on_failure = self.on_condition_failure.as_deref();
        violations.one_of(on_failure, "returnValuesOnConditionCheckFailure", values::ON_CONDITION_FAILURE);
        violations.finish()?;
        let unknown = self.return_values.as_deref().is_some_and(|given| !values::RETURN_VALUES.contains(&given));
        if unknown { Err(Failure::validation(Profile::UNKNOWN_RETURN_VALUES)) } else { Ok(()) }
    }

    /// Expressions and the older parameters do not go together; `more` are older parameters of one operation.
    pub(super) fn check_mixing(&self, profile: Profile, more: &[(&'static str, bool)]) -> Result<(), Failure> {
        let mut older = more.to_vec();
        older.push(("Expected", self.expected.is_some()));
        older.push(("ConditionalOperator", self.conditional_operator.is_some()));
        self.expressions.check_mixing(&older, profile, self.dialect)
    }

    /// What shall be returned; `old_only` if the operation can return old values only.
    pub(super) fn return_values(&self, profile: Profile, old_only: bool) -> Result<ReturnValues, Failure> {
        let values = match self.return_values.as_deref() {
            Some("ALL_OLD") => ReturnValues::AllOld,
            Some("ALL_NEW") => ReturnValues::AllNew,
            Some("UPDATED_OLD") => ReturnValues::UpdatedOld,
            Some("UPDATED_NEW") => ReturnValues::UpdatedNew,
            _ => ReturnValues::None,
        };
        if old_only && !matches!(values, ReturnValues::None | ReturnValues::AllOld) {
            let text = "ReturnValues can only be ALL_OLD or NONE".to_owned();
            return Err(self.rejected(profile, text));
        }
        Ok(values)
    }

    /// Checks the older condition.
    pub(super) fn older_condition(&self, profile: Profile) -> Result<Option<Condition>, Failure> {
        let operator = self.conditional_operator.as_deref();
        legacy::expected_condition(self.expected.as_ref(), operator, profile, self.dialect)
    }

    /// Parses the expressions.
    pub(super) fn parse(&mut self, profile: Profile) -> Result<Parsed, Failure> {
        self.expressions.parse(profile, self.dialect)
    }

    /// Whether the error of a failed condition shall carry the item.
    pub(super) fn returns_old_on_failure(&self) -> bool {
        self.on_condition_failure.as_deref() == Some("ALL_OLD")
    }

    /// The response; `key` has at least the key attributes of the item.
    pub(super) fn respond(&self, context: &Context<'_>, output: &WriteOutput, key: &Item) -> Vec<u8> {
        let size = output.attributes.as_ref().map_or(0, |item| item.size_bytes() * 2);
        let mut out = Writer::with_capacity(64 + size);
        out.begin_object();
        if let Some(item) = &output.attributes {
            out.name("Attributes");
            value::write_item(&mut out, item);
        }
        let report = Report::of(self.report.as_deref());
        capacity::write_member(&mut out, report, self.table.given(), &output.consumed);
        if self.collection_metrics.as_deref() == Some("SIZE")
            && let Ok(table) = context.database.dynamic_table(self.table.name())
            && capacity::has_collections(&table.definition())
        {
            out.name("ItemCollectionMetrics");
            capacity::write_collection_metrics(&mut out, &table, key);
        }
        out.end_object();
        out.into_bytes()
    }
}
