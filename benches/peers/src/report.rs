//! What came out: rows, as a table on the screen, as JSON and as a chart.

use crate::{engines::nothing, goals, measure::median};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{fmt::Write as _, path::Path};

/// One engine at one workload.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Name of the workload.
    pub workload: String,
    /// Name of the engine.
    pub engine: String,
    /// Operations a second: the median of all rounds.
    pub median_ops_per_sec: f64,
    /// That by the same figure of the fastest engine that is not ours; absent where no other engine took part.
    pub ratio_to_fastest_peer: Option<f64>,
    /// What is wanted of ours: a ratio, or a time; absent for other engines.
    pub goal: Option<String>,
    /// Whether that was reached.
    pub meets_goal: Option<bool>,
    /// The slowest round.
    pub min_ops_per_sec: f64,
    /// The fastest round.
    pub max_ops_per_sec: f64,
    /// Rounds.
    pub rounds: usize,
    /// Time of a single call, in microseconds: median, 99 %, 99.9 %, longest. Absent where calls were not timed.
    pub percentiles_micros: Option<[f64; 4]>,
    /// What else was measured with it: bytes on disk for a byte of items, and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, f64)>,
}

/// The figures of one engine at one workload, before the engines are compared.
#[derive(Debug)]
pub struct Figures {
    pub workload: String,
    pub engine: String,
    pub ops_per_sec: Vec<f64>,
    pub percentiles_micros: Option<[f64; 4]>,
    pub facts: Vec<(String, f64)>,
}

const OURS: &str = "hashrange";

/// Compares the engines of each workload.
pub fn rows(figures: Vec<Figures>) -> Vec<Row> {
    let fastest = |workload: &str| {
        let is_peer = |other: &&Figures| other.engine != OURS && other.engine != nothing::NAME;
        let peers = figures.iter().filter(|other| other.workload == workload).filter(is_peer);
        peers.map(|other| median(other.ops_per_sec.clone())).reduce(f64::max)
    };
    let row = |one: &Figures| {
        let median_ops_per_sec = median(one.ops_per_sec.clone());
        let ratio = fastest(&one.workload).map(|peer| median_ops_per_sec / peer);
        let goal = (one.engine == OURS).then(|| goals::of(&one.workload));
        Row {
            workload: one.workload.clone(),
            engine: one.engine.clone(),
            median_ops_per_sec,
            ratio_to_fastest_peer: ratio,
            goal: goal.map(|goal| goal.to_string()),
            meets_goal: goal.and_then(|goal| goal.is_met(median_ops_per_sec, ratio)),
            min_ops_per_sec: one.ops_per_sec.iter().copied().fold(f64::INFINITY, f64::min),
            max_ops_per_sec: one.ops_per_sec.iter().copied().fold(0.0, f64::max),
            rounds: one.ops_per_sec.len(),
            percentiles_micros: one.percentiles_micros,
            facts: one.facts.clone(),
        }
    };
    figures.iter().map(row).collect()
}

fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn short(ops_per_sec: f64) -> String {
    match ops_per_sec {
        many if many >= 9_999_500.0 => format!("{:.1}M", many / 1e6),
        many if many >= 999_500.0 => format!("{:.2}M", many / 1e6),
        some if some >= 9_950.0 => format!("{:.0}k", some / 1e3),
        some if some >= 999.5 => format!("{:.1}k", some / 1e3),
        few => format!("{few:.0}"),
    }
}

/// The table, in Markdown: operations a second, ours by the fastest peer's, what is wanted of that, and whether it is reached.
pub fn table(rows: &[Row]) -> String {
    let engines = in_order(rows.iter().map(|row| row.engine.as_str()).filter(|engine| *engine != nothing::NAME));
    let mut text = format!("| operations a second | {} | ratio | goal |\n", engines.join(" | "));
    let _ = writeln!(text, "|---|{}---|", "---:|".repeat(engines.len() + 1));
    for workload in in_order(rows.iter().map(|row| row.workload.as_str())) {
        let of = |engine: &str| rows.iter().find(|row| row.workload == workload && row.engine == engine);
        let _ = write!(text, "| {workload} |");
        for engine in &engines {
            let cell = of(engine).map_or_else(|| "-".to_owned(), |row| short(row.median_ops_per_sec));
            let _ = write!(text, " {cell} |");
        }
        let ratio = of(OURS).and_then(|row| row.ratio_to_fastest_peer);
        let _ = write!(text, " {} |", ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")));
        let goal = of(OURS).and_then(|row| Some((row.goal.as_deref()?, row.meets_goal)));
        let _ = match goal {
            Some((goal, Some(is_met))) => writeln!(text, " {goal}: {} |", if is_met { "yes" } else { "no" }),
            Some((goal, None)) => writeln!(text, " {goal} |"),
            None => writeln!(text, " - |"),
        };
    }
    text
}

/// What the harness takes of each call: the figures of an engine that does nothing, in nanoseconds.
pub fn harness(rows: &[Row]) -> String {
    let idle: Vec<_> = rows.iter().filter(|row| row.engine == nothing::NAME).collect();
    let nanos: Vec<_> =
        idle.iter().map(|row| format!("{} {:.0}", row.workload, 1e9 / row.median_ops_per_sec)).collect();
    if nanos.is_empty() { String::new() } else { format!("harness, nanoseconds an operation: {}\n", nanos.join("; ")) }
}

const BEGIN: &str = "<!-- peers: begin -->";
const END: &str = "<!-- peers: end -->";

/// Puts the table into a Markdown file, between two marks.
pub fn write_markdown(rows: &[Row], path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let written =
        marked(&text, &table(rows)).with_context(|| format!("{} has no {BEGIN} and {END}", path.display()))?;
    std::fs::write(path, written).with_context(|| format!("cannot write {}", path.display()))
}

/// A text with something else between its marks.
fn marked(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, behind) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{behind}"))
}

/// What was measured beside operations a second, a line for each engine.
pub fn facts(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| !row.facts.is_empty()) {
        let facts: Vec<_> = row.facts.iter().map(|(name, figure)| format!("{name} {figure:.2}")).collect();
        let _ = writeln!(text, "{}, {}: {}", row.workload, row.engine, facts.join(", "));
    }
    text
}

/// The rows as a JSON array.
pub fn write_json(rows: &[Row], path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(rows)?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

const COLOURS: [&str; 8] = ["#1b6ca8", "#b8b8b8", "#c98b3c", "#7a9e5e", "#a05c7b", "#6f6f9e", "#59a3a3", "#8c6d46"];

/// A chart in SVG: for each workload a bar for each engine, as long as its figure by the fastest.
pub fn write_chart(rows: &[Row], path: &Path) -> Result<()> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.engine != nothing::NAME).collect();
    let engines = in_order(rows.iter().map(|row| row.engine.as_str()));
    let workloads = in_order(rows.iter().map(|row| row.workload.as_str()));
    let (left, width, bar, gap) = (270, 560, 11, 12);
    let group = |workload: &str| rows.iter().filter(|row| row.workload == workload).count();
    let bars: usize = workloads.iter().map(|workload| group(workload)).sum();
    let height = 70 + bars * bar + workloads.len() * gap;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"12\" y=\"20\" \
         font-size=\"14\">Operations a second, by the fastest of each row</text>\n",
        left + width + 110
    );
    for (place, engine) in engines.iter().enumerate() {
        let x = 12 + place * 105;
        let colour = COLOURS[place % COLOURS.len()];
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"32\" width=\"10\" height=\"10\" fill=\"{colour}\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"41\">{engine}</text>", x + 15);
    }
    let mut y = 60;
    for workload in workloads {
        let of_workload: Vec<_> = rows.iter().filter(|row| row.workload == workload).collect();
        let fastest = of_workload.iter().map(|row| row.median_ops_per_sec).fold(1e-9, f64::max);
        let middle = y + of_workload.len() * bar / 2 + 4;
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{workload}</text>", left - 8);
        for row in of_workload {
            let place = engines.iter().position(|engine| *engine == row.engine).unwrap_or_default();
            let length = (row.median_ops_per_sec / fastest * width as f64).max(1.0);
            let colour = COLOURS[place % COLOURS.len()];
            let _ = writeln!(
                svg,
                "<rect x=\"{left}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\" font-size=\"9\">{}</text>",
                bar - 1,
                left as f64 + length + 4.0,
                y + bar - 2,
                short(row.median_ops_per_sec)
            );
            y += bar;
        }
        y += gap;
    }
    svg.push_str("</svg>\n");
    std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(engine: &str, workload: &str, ops_per_sec: f64) -> Figures {
        let (engine, workload) = (engine.to_owned(), workload.to_owned());
        Figures { workload, engine, ops_per_sec: vec![ops_per_sec], percentiles_micros: None, facts: Vec::new() }
    }

    #[test]
    fn goals_are_compared_with_peers_and_with_times() {
        let rows = rows(vec![
            figures(OURS, "get", 250.0),
            figures("other", "get", 100.0),
            figures(nothing::NAME, "get", 1e9),
            figures(OURS, "query of 10", 240.0),
            figures("other", "query of 10", 100.0),
            figures(OURS, "open and get", 2_000.0),
            figures(OURS, "open and get after a kill", 99.0),
            figures(OURS, "no such row", 1.0),
        ]);
        let text = table(&rows);
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(lines[0], "| get | 250 | 100 | 2.50 | 2.5: yes |");
        assert_eq!(lines[1], "| query of 10 | 240 | 100 | 2.40 | 2.5: no |");
        assert_eq!(lines[2], "| open and get | 2.0k | - | - | 0.5 ms: yes |");
        assert_eq!(lines[3], "| open and get after a kill | 99 | - | - | 10 ms: no |");
        assert_eq!(lines[4], "| no such row | 1 | - | - | 1.0 |");
        assert_eq!(harness(&rows), "harness, nanoseconds an operation: get 1\n");
        assert_eq!(harness(&rows[..2]), "");
    }

    #[test]
    fn a_table_takes_the_place_between_the_marks() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(marked(&text, "new\n").unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert!(marked("a", "new").is_none());
    }
}
