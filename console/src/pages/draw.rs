//! Drawings as SVG. Shapes have classes for colours, and a text beside them says the same in numbers.

use super::format;
use crate::api::{
    costs::Minute,
    moment,
    over_time::{Line, OverTime},
};
use maud::{Markup, html};

/// Height of bars.
const HEIGHT: f64 = 120.0;
/// Width of a minute.
const STEP: f64 = 12.0;
/// Steps of the heat scale, darkest last.
const SHADES: usize = 5;
/// Size of a cell of the map.
const CELL: f64 = 18.0;
/// Characters of the name of a row that are shown.
const NAME_CHARS: usize = 44;
/// Width of a character of a name.
const CHAR: f64 = 6.7;

/// Units of each minute as stacked bars: reads below, writes above.
pub(super) fn minutes(minutes: &[Minute], currency: Option<&str>) -> Markup {
    let most = minutes.iter().map(|minute| minute.read_units + minute.write_units).fold(1.0, f64::max);
    let width = 60.0f64.mul_add(STEP, 60.0);
    let scale = |units: f64| units / most * HEIGHT;
    let label = format!("Units a minute over {} minutes; the highest minute had {most:.1}.", minutes.len());
    html! {
        div.wide tabindex="0" role="region" aria-label="Units over time" {
        svg.map width=(width) height=(HEIGHT + 30.0) viewBox={ "0 0 " (width) " " (HEIGHT + 30.0) } role="img" aria-label=(label) {
            line.axis x1="50" x2=(width) y1=(HEIGHT + 5.0) y2=(HEIGHT + 5.0) {}
            text x="46" y="14" text-anchor="end" { (format!("{most:.0}")) }
            text x="46" y=(HEIGHT + 8.0) text-anchor="end" { "0" }
            @for (position, minute) in minutes.iter().enumerate() {
                @let x = (position as f64).mul_add(STEP, 52.0);
                @let (read, write) = (scale(minute.read_units), scale(minute.write_units));
                g {
                    title { (time(minute.minute_millis)) ": " (format!("{:.1}", minute.read_units)) " read units, " (format!("{:.1}", minute.write_units)) " write units, " (minute.throttled) " throttled" (cost(minute.nanos, currency)) }
                    rect.series-0 x=(x) y=(HEIGHT + 5.0 - read) width=(STEP - 2.0) height=(read) {}
                    rect.series-1 x=(x) y=(HEIGHT + 5.0 - read - write) width=(STEP - 2.0) height=(write) {}
                }
            }
            @if let (Some(first), Some(last)) = (minutes.first(), minutes.last()) {
                text x="52" y=(HEIGHT + 24.0) { (time(first.minute_millis)) }
                @if minutes.len() > 8 {
                    text x=((minutes.len() as f64).mul_add(STEP, 52.0)) y=(HEIGHT + 24.0) text-anchor="end" { (time(last.minute_millis)) }
                }
            }
        }
        }
        p.quiet { span.key-0 { "■" } " read units " span.key-1 { "■" } " write units, by the minute" }
    }
}

/// Hour and minute of a time.
fn time(millis: u64) -> String {
    moment::text(millis).get(11..16).unwrap_or_default().to_owned()
}

/// Names the day of the last minute that is drawn, if it is not today.
pub(super) fn day(last_millis: Option<u64>, now_millis: u64) -> Markup {
    let day = |millis| moment::text(millis).get(..10).unwrap_or_default().to_owned();
    let other = last_millis.map(day).filter(|last| *last != day(now_millis));
    html! { @if let Some(day) = other { p { "Nothing was consumed since " (day) " (UTC): the minutes that are drawn are of that day." } } }
}

/// A share, 0 to 1, as a bar.
pub(super) fn share(share: f64) -> Markup {
    let width = share.clamp(0.0, 1.0) * 100.0;
    html! {
        svg.share viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.bar-back width="100" height="10" {}
            rect.bar width=(width) height="10" {}
        }
    }
}

/// An amount behind other figures, where there are prices.
fn cost(nanos: u64, currency: Option<&str>) -> String {
    currency.map(|currency| format!(", {} {currency}", format::amount(nanos))).unwrap_or_default()
}

/// Parts over minutes: the more a cell consumed, the stronger its colour. `row` says what a row is.
pub(super) fn map(name: &str, row: &str, over_time: &OverTime, currency: Option<&str>) -> Markup {
    let OverTime { minutes, lines } = over_time;
    if lines.is_empty() {
        return html! { p { "Nothing was consumed in the minutes that are kept." } };
    }
    let strongest = lines.iter().flat_map(|line| line.weights().zip(minutes).map(move |cell| (line, cell)));
    let strongest = strongest.max_by(|(_, (a, _)), (_, (b, _))| a.total_cmp(b));
    let most = strongest.map_or(0.0, |(_, (weight, _))| weight);
    let strongest = strongest.map(|(line, (_, minute))| format!("{} at {}", name_of(line), time(*minute)));
    let chars = lines.iter().map(|line| name_of(line).chars().count().min(NAME_CHARS)).max().unwrap_or(0);
    let names = (chars as f64 + 1.0).mul_add(CHAR, 12.0);
    let width = (minutes.len() as f64).mul_add(CELL, names + 10.0).max(names + 100.0);
    let height = (lines.len() as f64).mul_add(CELL, 24.0);
    let strongest = strongest.unwrap_or_default();
    let label = format!("{} rows over {} minutes. The strongest cell: {strongest}.", lines.len(), minutes.len());
    html! {
        div.wide tabindex="0" role="region" aria-label=(name) {
            svg.map width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } role="img" aria-label=(label) {
                rect.h0 x=(names) y="0" width=(minutes.len() as f64 * CELL) height=(lines.len() as f64 * CELL) {}
                @for (position, line) in lines.iter().enumerate() { (map_line(line, (names, position as f64 * CELL), minutes, most, currency)) }
                @if let Some(first) = minutes.first() { text x=(names) y=(height - 6.0) { (time(*first)) } }
                @if let (Some(last), true) = (minutes.last(), minutes.len() > 6) {
                    text x=((minutes.len() as f64).mul_add(CELL, names)) y=(height - 6.0) text-anchor="end" { (time(*last)) }
                }
            }
        }
        p.quiet {
            "A row is " (row) ", a column is a minute. A cell counts three for a write unit and one for a read unit. The strongest has "
            (format!("{most:.1}")) ": " (strongest) "."
        }
    }
}

/// What a row is called. The JSON API has `-` for a table where others have an index; people need no word for it.
fn name_of(line: &Line) -> String {
    line.names.iter().filter(|name| *name != "-").map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn map_line(line: &Line, (left, y): (f64, f64), minutes: &[u64], most: f64, currency: Option<&str>) -> Markup {
    let name = name_of(line);
    let shown = match name.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.clone(),
    };
    let cells = line.weights().zip(line.read_units.iter().zip(&line.write_units)).zip(line.nanos.iter().zip(minutes));
    html! {
        text x="4" y=(y + 13.0) { (shown) title { (name) } }
        @for (column, ((weight, (read, write)), (nanos, minute))) in cells.enumerate() {
            @if weight > 0.0 {
                rect class={ "cell h" (shade(weight, most)) } x=((column as f64).mul_add(CELL, left)) y=(y) width=(CELL) height=(CELL) {
                    title { (name) " at " (time(*minute)) ": " (format!("{read:.1}")) " read units, " (format!("{write:.1}")) " write units" (cost(*nanos, currency)) }
                }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a step of a scale of five")]
fn shade(weight: f64, most: f64) -> usize {
    if weight <= 0.0 || most <= 0.0 {
        return 0;
    }
    // By the square root, so that what is small beside the darkest cell is seen too.
    (((weight / most).sqrt() * SHADES as f64).ceil() as usize).clamp(1, SHADES)
}
