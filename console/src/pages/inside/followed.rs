//! The answer of a step: its JSON, and for a request that was followed the points that it passed with what crashes there left.

use maud::{Markup, html};
use serde_json::Value;

/// Characters of an answer that are shown; a longer one is cut.
const MOST_CHARS: usize = 20_000;

/// An answer.
pub(crate) fn answer(answer: &Value) -> Markup {
    if let Some(points) = answer.get("points").and_then(Value::as_array) {
        return html! {
            (json(answer.get("answer").unwrap_or(&Value::Null)))
            (points_table(points))
        };
    }
    json(answer)
}

fn json(value: &Value) -> Markup {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    if let Some((at, _)) = text.char_indices().nth(MOST_CHARS) {
        text.truncate(at);
        text.push_str("\n… and more");
    }
    let is_error = value.get("error").is_some();
    html! { pre.answer.failed[is_error] tabindex="0" { (text) } }
}

/// The points of a request, with the crashes that were tried at each.
fn points_table(points: &[Value]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Points of the request" { table {
            caption { "At each point the power was cut on 16 copies of the disk, and each copy was recovered: how many had the request?" }
            thead { tr { th { "Point" } th { "What has happened" } th { "After a crash here" } } }
            tbody { @for point in points { (point_row(point)) } }
        } }
    }
}

fn point_row(point: &Value) -> Markup {
    let number = |name: &str| point.get(name).and_then(Value::as_u64).unwrap_or(0);
    let text = |name: &str| point.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (lost, kept, in_part) = (number("lost"), number("kept"), number("in_part"));
    let all = (lost + kept + in_part).max(1);
    let said = match (lost, kept, in_part) {
        (_, 0, 0) => "always lost".to_owned(),
        (0, _, 0) => "always kept".to_owned(),
        (_, _, 0) => format!("kept {kept} of {all} times"),
        _ => format!("kept {kept}, kept in part {in_part}, of {all}"),
    };
    html! {
        tr {
            td { code { (text("point")) } }
            td { (text("text")) }
            td {
                svg.crash viewBox="0 0 96 12" width="96" height="12" aria-hidden="true" {
                    rect.bar-back x="0" y="0" width="96" height="12" rx="2" {}
                    rect.bar x="0" y="0" width=(96 * kept / all) height="12" rx="2" {}
                    rect.series-1 x=(96 * kept / all) y="0" width=(96 * in_part / all) height="12" {}
                }
                (said)
            }
        }
    }
}
