//! The actions of CloudWatch by which programs read the service's metrics, in CloudWatch's JSON protocol: `GetMetricData`,
//! `GetMetricStatistics`, `ListMetrics`, and `GetInsightRuleReport` for the rules that contributor insights make.
//!
//! They answer from the database's ledger. Metrics have a value for each minute; a longer period adds minutes up. Expressions
//! of metrics are not computed.

use super::insights::Rule;
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Malformed,
};
use hashrange::{
    AttributeValue, Item,
    ledger::{KeyHeat, Ledger, MetricPoint, MetricSeries, ResourceHeat},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The one namespace whose metrics are here.
const NAMESPACE: &str = "AWS/DynamoDB";
/// Queries of one request.
const MAX_QUERIES: usize = 500;
/// Values of one answer.
const MAX_POINTS: usize = 100_800;
/// Points of one answer of statistics.
const MAX_DATAPOINTS: usize = 1_440;
/// Metrics of one page of a listing.
const PAGE: usize = 500;
/// Contributors that the service ranks for a rule.
const MAX_CONTRIBUTORS: usize = 25;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: Metric,
    period: u64,
    stat: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDataQuery {
    id: String,
    metric_stat: Option<MetricStat>,
    expression: Option<String>,
    label: Option<String>,
    return_data: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricData {
    #[serde(default)]
    metric_data_queries: Vec<MetricDataQuery>,
    start_time: f64,
    end_time: f64,
    scan_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricStatistics {
    #[serde(flatten)]
    metric: Metric,
    start_time: f64,
    end_time: f64,
    period: u64,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMetrics {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetInsightRuleReport {
    rule_name: String,
    max_contributor_count: Option<usize>,
    order_by: Option<String>,
}

/// An error as CloudWatch says it.
fn failure(name: &'static str, message: impl Into<String>) -> Failure {
    let mut failure = Failure::service(name, message);
    failure.0.namespace = "com.amazonaws.cloudwatch.v2010_08_01";
    failure
}

fn invalid(message: impl Into<String>) -> Failure {
    failure("InvalidParameterValueException", message)
}

fn parse<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| if error.is_data() { invalid(error.to_string()) } else { Malformed::Syntax.into() })
}

fn ledger(context: &Context<'_>) -> Result<Ledger, Failure> {
    context.database.ledger().map_err(|_| {
        invalid("the server keeps no ledger, from which metrics come: start it with --metrics or --ledger")
    })
}

/// The metrics of the ledger, of Kinesis destinations, and how long changes take to other regions.
fn metrics(context: &Context<'_>, ledger: &Ledger) -> Result<Vec<MetricSeries>, Failure> {
    let mut metrics = ledger.metrics();
    metrics.extend(context.database.kinesis_metrics());
    if let Some(world) = context.world {
        metrics.extend(world.metrics(&context.owner.region)?);
    }
    Ok(metrics)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a negative or absurd time becomes the nearest one"
)]
fn millis(epoch_seconds: f64) -> u64 {
    (epoch_seconds * 1_000.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 and counts stay far below 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

/// Values of metrics over a time, by period.
pub(super) fn get_metric_data(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request: GetMetricData = parse(body)?;
    if request.metric_data_queries.is_empty() || request.metric_data_queries.len() > MAX_QUERIES {
        return Err(invalid(format!("MetricDataQueries has 1 to {MAX_QUERIES} members")));
    }
    if request.start_time >= request.end_time {
        return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
    }
    let (from, until) = (millis(request.start_time), millis(request.end_time));
    let is_ascending = request.scan_by.as_deref() == Some("TimestampAscending");
    let ledger = ledger(context)?;
    let metrics = metrics(context, &ledger)?;
    let mut results = Vec::new();
    let mut points_left = MAX_POINTS;
    for query in &request.metric_data_queries {
        let stat = check(query)?;
        let mut points = points_of(&metrics, &ledger, stat, from, until);
        let is_complete = points.len() <= points_left;
        if !is_ascending {
            points.reverse();
        }
        points.truncate(points_left);
        points_left -= points.len();
        if query.return_data == Some(false) {
            continue;
        }
        let label = query.label.as_deref().or(stat.metric.metric_name.as_deref()).unwrap_or_default();
        let (times, values): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        results.push(json!({
            "Id": query.id, "Label": label, "Timestamps": times, "Values": values,
            "StatusCode": if is_complete { "Complete" } else { "PartialData" },
        }));
    }
    write(&json!({"MetricDataResults": results, "Messages": []}))
}

/// What a query asks for, if it is something that can be answered.
fn check(query: &MetricDataQuery) -> Result<&MetricStat, Failure> {
    let Some(stat) = &query.metric_stat else {
        let text = match &query.expression {
            Some(_) => "Metric expressions are not supported here",
            None => "a metric data query needs a MetricStat",
        };
        return Err(invalid(format!("{text}: query {}", query.id)));
    };
    check_period("MetricDataQueries.member.MetricStat.Period", stat.period)?;
    check_statistic(&stat.stat)?;
    Ok(stat)
}

fn check_period(parameter: &str, secs: u64) -> Result<(), Failure> {
    if secs == 0 || !secs.is_multiple_of(60) {
        return Err(invalid(format!("The parameter {parameter} must be a multiple of 60.")));
    }
    Ok(())
}

fn check_statistic(name: &str) -> Result<(), Failure> {
    let no_samples = MetricPoint::none();
    let is_percentile = name
        .strip_prefix('p')
        .is_some_and(|rest| rest.parse::<f64>().is_ok_and(|percent| (0.0..=100.0).contains(&percent)));
    if no_samples.statistic(name).is_none() && !is_percentile {
        return Err(invalid(format!("The statistic {name} is not supported")));
    }
    Ok(())
}

/// Begins of periods, in seconds, and values, in the order of time.
fn points_of(metrics: &[MetricSeries], ledger: &Ledger, stat: &MetricStat, from: u64, until: u64) -> Vec<(f64, f64)> {
    let value = |(begin, point): (u64, MetricPoint)| Some((float(begin / 1_000), point.statistic(&stat.stat)?));
    periods_of(metrics, ledger, (&stat.metric, stat.period), from, until).into_iter().filter_map(value).collect()
}

/// What a metric has in each period, by when the period began.
fn periods_of(
    metrics: &[MetricSeries],
    ledger: &Ledger,
    (metric, period_secs): (&Metric, u64),
    from: u64,
    until: u64,
) -> BTreeMap<u64, MetricPoint> {
    let period = period_secs.saturating_mul(1_000);
    let mut merged: BTreeMap<u64, MetricPoint> = BTreeMap::new();
    let found = metrics.iter().find(|series| is_asked_for(series, metric));
    let points = found.map(|series| series.points.as_slice()).unwrap_or_default();
    let inside = |minute: u64| minute >= from && minute < until;
    for point in points.iter().filter(|point| inside(point.minute_millis)) {
        let begin = point.minute_millis / period * period;
        match merged.get_mut(&begin) {
            Some(known) => known.merge(point),
            None => drop(merged.insert(begin, point.clone())),
        }
    }
    // A table that does nothing reports that it consumes nothing, as the service does.
    if is_idle_reported(ledger, metric) {
        let first = from.max(ledger.began_millis) / period * period;
        let last = until.min(ledger.ended_millis.saturating_add(1));
        let mut begin = first;
        while begin < last && merged.len() <= MAX_POINTS {
            if inside(begin.max(from)) {
                merged.entry(begin).or_insert_with(MetricPoint::none);
            }
            begin += period;
        }
    }
    merged
}

/// Statistics of one metric over a time, by period.
pub(super) fn get_metric_statistics(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request: GetMetricStatistics = parse(body)?;
    if request.start_time >= request.end_time {
        return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
    }
    check_period("Period", request.period)?;
    if request.statistics.is_empty() && request.extended_statistics.is_empty() {
        return Err(invalid("At least one of the parameters Statistics and ExtendedStatistics must be specified."));
    }
    request.statistics.iter().chain(&request.extended_statistics).try_for_each(|name| check_statistic(name))?;
    let metric = &request.metric;
    let ledger = ledger(context)?;
    let metrics = metrics(context, &ledger)?;
    let unit = metrics.iter().find(|series| is_asked_for(series, metric)).map_or("Count", |series| series.unit);
    let (from, until) = (millis(request.start_time), millis(request.end_time));
    let periods = periods_of(&metrics, &ledger, (metric, request.period), from, until);
    if periods.len() > MAX_DATAPOINTS {
        let text = format!("there are {} datapoints, and at most {MAX_DATAPOINTS} can be returned", periods.len());
        return Err(failure("InvalidParameterCombinationException", text));
    }
    let points = periods.into_iter().map(|(begin, point)| {
        let mut shown = json!({"Timestamp": float(begin / 1_000), "Unit": unit});
        for name in &request.statistics {
            shown[name] = point.statistic(name).into();
        }
        for name in &request.extended_statistics {
            if let Some(value) = point.statistic(name) {
                shown["ExtendedStatistics"][name] = value.into();
            }
        }
        shown
    });
    write(&json!({"Label": metric.metric_name, "Datapoints": points.collect::<Vec<_>>()}))
}

/// Whether a series is the one of these names and dimensions.
fn is_asked_for(series: &MetricSeries, metric: &Metric) -> bool {
    let is_same = |dimension: &Dimension| {
        let given = dimension.value.as_deref();
        series.dimensions.iter().any(|(name, value)| *name == dimension.name && Some(value.as_str()) == given)
    };
    metric.namespace.as_deref().is_none_or(|namespace| namespace == NAMESPACE)
        && metric.metric_name.as_deref() == Some(series.name)
        && metric.dimensions.len() == series.dimensions.len()
        && metric.dimensions.iter().all(is_same)
}

/// Whether it is the consumption of a table or index that exists.
fn is_idle_reported(ledger: &Ledger, metric: &Metric) -> bool {
    let value =
        |wanted: &str| metric.dimensions.iter().find(|one| one.name == wanted).and_then(|one| one.value.as_deref());
    let (table, index) = (value("TableName"), value("GlobalSecondaryIndexName"));
    let is_consumption =
        matches!(metric.metric_name.as_deref(), Some("ConsumedReadCapacityUnits" | "ConsumedWriteCapacityUnits"));
    let count = usize::from(table.is_some()) + usize::from(index.is_some());
    is_consumption
        && metric.dimensions.len() == count
        && ledger.resources.iter().any(|row| {
            !row.is_deleted && !row.is_local && Some(row.table.as_str()) == table && row.index.as_deref() == index
        })
}

/// Names and dimensions of the metrics that there are.
pub(super) fn list_metrics(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request: ListMetrics = parse(body)?;
    let is_here = request.namespace.as_deref().is_none_or(|namespace| namespace == NAMESPACE);
    let matches = |series: &MetricSeries| {
        let has = |wanted: &Dimension| {
            let has_value = |value: &str| wanted.value.as_deref().is_none_or(|wanted| wanted == value);
            series.dimensions.iter().any(|(name, value)| *name == wanted.name && has_value(value))
        };
        is_here
            && request.metric_name.as_deref().is_none_or(|name| name == series.name)
            && request.dimensions.iter().all(has)
    };
    let all = metrics(context, &ledger(context)?)?;
    let metrics: Vec<MetricSeries> = all.into_iter().filter(matches).collect();
    let start = match &request.next_token {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .ok()
            .filter(|start| *start < metrics.len())
            .ok_or_else(|| invalid("the parameter NextToken is invalid"))?,
    };
    let page = metrics.iter().skip(start).take(PAGE).map(|series| {
        let dimensions = series.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value}));
        json!({
            "Namespace": NAMESPACE, "MetricName": series.name, "Dimensions": dimensions.collect::<Vec<_>>(),
        })
    });
    let mut answer = json!({"Metrics": page.collect::<Vec<_>>()});
    if start + PAGE < metrics.len() {
        answer["NextToken"] = Value::from((start + PAGE).to_string());
    }
    write(&answer)
}

/// The keys that a rule of contributor insights ranks.
pub(super) fn get_insight_rule_report(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request: GetInsightRuleReport = parse(body)?;
    let most = request.max_contributor_count.unwrap_or(10).min(MAX_CONTRIBUTORS);
    let rule = Rule::named(context, &request.rule_name).ok_or_else(|| {
        failure("ResourceNotFoundException", format!("Insight rule {} does not exist", request.rule_name))
    })?;
    let heat = context.database.heat(&rule.table.name).map_err(|_| {
        invalid("the server keeps no ledger, from which insights come: start it with --metrics or --ledger")
    })?;
    let resource = heat.resources.iter().find(|resource| resource.index == rule.index);
    let mut keys: Vec<&KeyHeat> = resource.map(|found| ranking(found, &rule).iter().collect()).unwrap_or_default();
    let is_by_peak = request.order_by.as_deref() == Some("Maximum");
    if is_by_peak {
        keys.sort_by_key(|key| std::cmp::Reverse(key.peak_minute_weight));
    }
    // Weights of what was consumed are thousandths.
    let scale = |weight: u64| if rule.is_of_throttles() { float(weight) } else { float(weight) / 1_000.0 };
    let labels = rule.key_labels();
    let contributors = keys.iter().take(most).map(|key| {
        let texts = labels.iter().map(|label| text_of(&key.key, label));
        let value = scale(if is_by_peak { key.peak_minute_weight } else { key.weight });
        json!({"Keys": texts.collect::<Vec<_>>(), "ApproximateAggregateValue": value, "Datapoints": []})
    });
    let total: f64 = keys.iter().map(|key| scale(key.weight)).sum();
    write(&json!({
        "KeyLabels": labels,
        "AggregationStatistic": "SUM",
        "AggregateValue": total,
        "ApproximateUniqueCount": keys.len(),
        "Contributors": contributors.collect::<Vec<_>>(),
        "MetricDatapoints": [],
    }))
}

fn ranking<'h>(resource: &'h ResourceHeat, rule: &Rule) -> &'h [KeyHeat] {
    match (rule.is_of_throttles(), rule.is_of_whole_keys()) {
        (false, false) => &resource.accessed_partition_keys,
        (false, true) => &resource.accessed_keys,
        (true, false) => &resource.throttled_partition_keys,
        (true, true) => &resource.throttled_keys,
    }
}

/// A key attribute as insights show it: texts as they are.
fn text_of(key: &Item, attribute: &str) -> String {
    match key.get(attribute) {
        Some(AttributeValue::S(text)) => text.clone(),
        Some(value) => value.to_json().trim_matches('"').to_owned(),
        None => String::new(),
    }
}

fn write(answer: &Value) -> Outcome {
    Ok(answer.to_string().into_bytes())
}
