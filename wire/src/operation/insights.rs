//! `UpdateContributorInsights`, `DescribeContributorInsights` and `ListContributorInsights`.

use super::describe_table::absent;
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape,
    table::{members, name::TableName},
    timing::takes,
    validate::Violations,
};
use hashrange::{
    admin::{TableDescription, TableUpdate},
    schema::{IndexKind, Insights, InsightsMode, KeyAttribute, TableDefinition},
};
use std::sync::Arc;

const MODES: &[&str] = &["ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"];
/// Summaries of one page of a listing.
const PAGE: usize = 100;
/// Rules of all insights of an account.
const MAX_RULES: usize = 100;

/// What the requests ask about.
#[derive(Default)]
struct Request<'a> {
    table: TableName<'a>,
    index: Option<String>,
    action: Option<String>,
    mode: Option<String>,
}

impl<'a> Request<'a> {
    fn decode(context: &Context<'_>, body: &'a [u8], needs_action: bool) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            match name {
                "TableName" => request.table = TableName::new(shape::string(reader)?),
                "IndexName" => request.index = members::text(reader)?,
                "ContributorInsightsAction" => request.action = members::text(reader)?,
                "ContributorInsightsMode" => request.mode = members::text(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        request.table.check_control(context)?;
        let mut violations = Violations::default();
        if needs_action {
            violations.not_null(&request.action, "contributorInsightsAction");
        }
        violations.one_of(request.action.as_deref(), "contributorInsightsAction", &["ENABLE", "DISABLE"]);
        violations.one_of(request.mode.as_deref(), "contributorInsightsMode", MODES);
        if let Some(index) = &request.index {
            violations.name(index, "indexName", true);
        }
        violations.finish()?;
        Ok(request)
    }

    /// The index, if one is named, has to be a global one of the table.
    fn check_index(&self, table: &TableDefinition) -> Result<(), Failure> {
        let Some(name) = &self.index else { return Ok(()) };
        if table.index(name).is_some_and(|index| index.kind == IndexKind::Global) {
            return Ok(());
        }
        Err(Failure::not_found(format!("Requested resource not found: Index: {name} not found")))
    }
}

/// Turns insights on or off.
pub(super) fn update(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(context, body, true)?;
    let enables = request.action.as_deref() == Some("ENABLE");
    let asked = request.mode.as_deref().map(|mode| match mode {
        "THROTTLED_KEYS" => InsightsMode::ThrottledKeys,
        _ => InsightsMode::AccessedAndThrottledKeys,
    });
    let now_millis = context.now_millis();
    let of_others = if enables { rules_of_others(context, &request) } else { 0 };
    let decide = |table: &TableDefinition| {
        request.check_index(table)?;
        let mut settings = table.settings.clone();
        let known = settings.insights.iter_mut().find(|known| known.index == request.index);
        match known {
            Some(known) => {
                if enables && !known.is_enabled {
                    known.enabled_millis = now_millis;
                }
                known.is_enabled = enables;
                known.has_failed = false;
                known.mode = asked.unwrap_or(known.mode);
                known.changed_millis = now_millis;
            }
            None if enables => settings.insights.push(Insights {
                index: request.index.clone(),
                is_enabled: true,
                mode: asked.unwrap_or_default(),
                enabled_millis: now_millis,
                changed_millis: now_millis,
                has_failed: false,
            }),
            None => {}
        }
        if let Some(known) = settings.insights.iter_mut().find(|known| known.index == request.index && known.is_enabled)
            && of_others + kinds(table, known).len() > MAX_RULES
        {
            (known.is_enabled, known.has_failed) = (false, true);
        }
        let settings = (settings != table.settings).then(|| Box::new(settings));
        Ok::<_, Failure>(TableUpdate { settings, ..TableUpdate::default() })
    };
    let table = context.database.update_table_with(request.table.name(), decide)?;
    let known = of(&table.definition, request.index.as_deref());
    let mut out = Writer::with_capacity(192);
    out.begin_object();
    out.string_member("TableName", &table.definition.name);
    if let Some(index) = &request.index {
        out.string_member("IndexName", index);
    }
    out.string_member("ContributorInsightsStatus", if enables { "ENABLING" } else { "DISABLING" });
    out.string_member(
        "ContributorInsightsMode",
        mode_name(known.map_or(asked.unwrap_or_default(), |known| known.mode)),
    );
    out.end_object();
    Ok(out.into_bytes())
}

/// Describes insights, also where they never were on.
pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(context, body, false)?;
    let name = request.table.name();
    let table = context.database.describe_table(name).map_err(|error| absent(error, name))?.definition;
    request.check_index(&table)?;
    let known = of(&table, request.index.as_deref());
    let mut out = Writer::with_capacity(512);
    out.begin_object();
    out.string_member("TableName", &table.name);
    if let Some(index) = &request.index {
        out.string_member("IndexName", index);
    }
    if let Some(known) = known.filter(|known| known.is_enabled) {
        out.name("ContributorInsightsRuleList");
        out.begin_array();
        rules(&table, known).iter().for_each(|rule| out.string(rule));
        out.end_array();
    }
    out.string_member("ContributorInsightsStatus", status(context, known));
    if let Some(known) = known {
        out.name("LastUpdateDateTime");
        out.epoch_seconds(known.changed_millis);
        out.string_member("ContributorInsightsMode", mode_name(known.mode));
        if known.has_failed && status(context, Some(known)) == "FAILED" {
            out.name("FailureException");
            out.begin_object();
            out.string_member("ExceptionName", "LimitExceededException");
            let text = format!("The account has {MAX_RULES} rules of contributor insights at most");
            out.string_member("ExceptionDescription", &text);
            out.end_object();
        }
    }
    out.end_object();
    Ok(out.into_bytes())
}

/// Lists insights of one table or of all.
pub(super) fn list(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut table, mut token, mut most) = (None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = shape::string(reader)?,
            "NextToken" => token = members::text(reader)?,
            "MaxResults" => most = shape::integer(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.at_most(most.map(i64::from), "maxResults", PAGE as i64);
    violations.finish()?;
    let tables = match table {
        None => context.database.list_tables(),
        Some(table) => {
            let table = TableName::new(Some(table));
            table.check_control(context)?;
            context.database.describe_table(table.name()).map_err(|error| absent(error, table.name()))?;
            vec![table.name().to_owned()]
        }
    };
    let descriptions = tables.iter().filter_map(|table| context.database.describe_table(table).ok());
    let found: Vec<(String, Insights)> = descriptions
        .flat_map(|table| {
            let table = table.definition;
            let all = table.settings.insights.clone();
            all.into_iter().map(move |insights| (table.name.clone(), insights))
        })
        .collect();
    let start =
        match token {
            None => 0,
            Some(token) => token.parse::<usize>().ok().filter(|start| *start <= found.len()).ok_or_else(|| {
                Failure::validation(format!("Invalid Request: Provided nextToken is invalid: {token}"))
            })?,
        };
    let most = most.and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0).unwrap_or(PAGE);
    let end = found.len().min(start + most);
    let mut out = Writer::with_capacity(64 + 160 * (end - start));
    out.begin_object();
    out.name("ContributorInsightsSummaries");
    out.begin_array();
    for (table, insights) in &found[start..end] {
        out.begin_object();
        out.string_member("TableName", table);
        if let Some(index) = &insights.index {
            out.string_member("IndexName", index);
        }
        out.string_member("ContributorInsightsStatus", status(context, Some(insights)));
        out.string_member("ContributorInsightsMode", mode_name(insights.mode));
        out.end_object();
    }
    out.end_array();
    if end < found.len() {
        out.string_member("NextToken", &end.to_string());
    }
    out.end_object();
    Ok(out.into_bytes())
}

fn of<'t>(table: &'t TableDefinition, index: Option<&str>) -> Option<&'t Insights> {
    table.settings.insights.iter().find(|known| known.index.as_deref() == index)
}

fn status(context: &Context<'_>, insights: Option<&Insights>) -> &'static str {
    let Some(insights) = insights else { return "DISABLED" };
    match (insights.is_enabled, context.is_under_way(insights.changed_millis, takes::INSIGHTS)) {
        (false, is_under_way) if insights.has_failed => {
            if is_under_way {
                "ENABLING"
            } else {
                "FAILED"
            }
        }
        (true, true) => "ENABLING",
        (true, false) => "ENABLED",
        (false, true) => "DISABLING",
        (false, false) => "DISABLED",
    }
}

fn mode_name(mode: InsightsMode) -> &'static str {
    match mode {
        InsightsMode::AccessedAndThrottledKeys => MODES[0],
        InsightsMode::ThrottledKeys => MODES[1],
    }
}

/// A rule that insights make: partition keys, and with a sort key also whole keys, each accessed (C) and throttled (T).
pub(super) struct Rule {
    pub(super) table: Arc<TableDefinition>,
    pub(super) index: Option<String>,
    kind: &'static str,
}

impl Rule {
    /// The rule with a name, if insights that are on make it.
    pub(super) fn named(context: &Context<'_>, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(RULE_PREFIX)?;
        // The table's name is in the rule's, but names of indexes may follow it: every table is asked.
        context.database.list_tables().iter().find_map(|table| {
            if !rest.contains(table.as_str()) {
                return None;
            }
            let table = context.database.describe_table(table).ok()?.definition;
            let on = table.settings.insights.iter().filter(|known| known.is_enabled);
            let found = on.clone().find_map(|insights| {
                let at = rules(&table, insights).iter().position(|rule| rule == name)?;
                Some((insights.index.clone(), *kinds(&table, insights).get(at)?))
            });
            found.map(|(index, kind)| Self { table: table.clone(), index, kind })
        })
    }
    /// Whether it ranks by how often keys were throttled, and not by what they consumed.
    pub(super) fn is_of_throttles(&self) -> bool {
        self.kind.ends_with('T')
    }
    /// Whether it ranks whole keys.
    pub(super) fn is_of_whole_keys(&self) -> bool {
        self.kind.starts_with("SK")
    }
    /// Names of the attributes of its keys.
    pub(super) fn key_labels(&self) -> Vec<String> {
        let index = self.index.as_deref().and_then(|name| self.table.index(name));
        let (hash, sort): (&[KeyAttribute], &[KeyAttribute]) = match index {
            None => (std::slice::from_ref(&self.table.key.hash), self.table.key.range.as_slice()),
            Some(index) => (&index.hash, &index.range),
        };
        let sort = if self.is_of_whole_keys() { sort } else { &[] };
        hash.iter().chain(sort).map(|attribute| attribute.name.clone()).collect()
    }
}

/// Rules that insights make which are on, but for those that a request is about.
fn rules_of_others(context: &Context<'_>, request: &Request<'_>) -> usize {
    let tables = context.database.list_tables();
    let tables = tables.iter().filter_map(|table| context.database.describe_table(table).ok());
    let count = |table: TableDescription| {
        let table = table.definition;
        let is_other = |one: &&Insights| table.name != request.table.name() || one.index != request.index;
        let on = table.settings.insights.iter().filter(|one| one.is_enabled).filter(is_other);
        on.map(|one| kinds(&table, one).len()).sum::<usize>()
    };
    tables.map(count).sum()
}

const RULE_PREFIX: &str = "DynamoDBContributorInsights-";

fn kinds(table: &TableDefinition, insights: &Insights) -> &'static [&'static str] {
    let index = insights.index.as_deref().and_then(|name| table.index(name));
    let has_sort_key = index.map_or(table.key.range.is_some(), |index| !index.range.is_empty());
    match (insights.mode, has_sort_key) {
        (InsightsMode::AccessedAndThrottledKeys, true) => &["PKC", "PKT", "SKC", "SKT"],
        (InsightsMode::AccessedAndThrottledKeys, false) => &["PKC", "PKT"],
        (InsightsMode::ThrottledKeys, true) => &["PKT", "SKT"],
        (InsightsMode::ThrottledKeys, false) => &["PKT"],
    }
}

/// Names of the rules.
fn rules(table: &TableDefinition, insights: &Insights) -> Vec<String> {
    let resource = match &insights.index {
        None => table.name.clone(),
        Some(index) => format!("{}-{index}", table.name),
    };
    let stamp = insights.enabled_millis;
    kinds(table, insights).iter().map(|kind| format!("{RULE_PREFIX}{kind}-{resource}-{stamp}")).collect()
}
