//! `lesson`: guided lessons in the terminal, each on a scratch database of its own.

use crate::{
    failure::Failure,
    lessons,
    outcome::Outcome,
    output::{self, Output},
};
use clap::Args;
use hashrange_console::lessons::{Answered, Block, Lesson, Run, Step};
use serde_json::Value;
use std::{
    io::{self, BufRead as _, IsTerminal as _},
    path::PathBuf,
    sync::Arc,
};

/// Width of the text, in characters.
const WIDTH: usize = 90;
/// Lines of an answer that are shown.
const ANSWER_LINES: usize = 40;

/// Arguments of `lesson`.
#[derive(Debug, Args)]
pub(crate) struct LessonCommand {
    /// Name of the lesson; without it the lessons are listed, or with --check all of them are carried out
    name: Option<String>,
    /// Folder of lessons of your own, one in each file NAME.md; they come behind those of the program
    #[arg(long, value_name = "DIR")]
    lessons: Option<PathBuf>,
    /// Carry out all steps without waiting for a key, and fail if a step does not answer as the lesson expects
    #[arg(long)]
    check: bool,
}

impl LessonCommand {
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let lessons = lessons::all(self.lessons.as_deref())?;
        let mut out = Output::new();
        let wanted: Vec<&Arc<Lesson>> = match &self.name {
            Some(name) => lessons.iter().filter(|lesson| lesson.name == *name).collect(),
            None if self.check => lessons.iter().collect(),
            None => {
                list(&lessons, &mut out)?;
                return out.finish().map(|()| Outcome::Done);
            }
        };
        if let (true, Some(name)) = (wanted.is_empty(), &self.name) {
            let text = format!("there is no lesson {name}; `hashrange lesson` lists those that there are");
            return Err(Failure::Usage(text));
        }
        let mut unmet = 0;
        for lesson in wanted {
            unmet += show(lesson, self.waits(), &mut out)?;
        }
        out.finish()?;
        if unmet > 0 {
            output::remark(format_args!("{unmet} answers are not as the lesson expects"));
        }
        Ok(if self.check && unmet > 0 { Outcome::Denied } else { Outcome::Done })
    }

    fn waits(&self) -> bool {
        !self.check && io::stdin().is_terminal() && io::stdout().is_terminal()
    }
}

fn list(lessons: &[Arc<Lesson>], out: &mut Output) -> Result<(), Failure> {
    let width = lessons.iter().map(|lesson| lesson.name.chars().count()).max().unwrap_or(0);
    for lesson in lessons {
        out.line(format_args!("{:width$}  {}", lesson.name, lesson.title))?;
    }
    out.line("\nhashrange lesson NAME begins one.")
}

/// Shows a lesson and carries out its steps; the number of answers that are not as expected.
fn show(lesson: &Arc<Lesson>, waits: bool, out: &mut Output) -> Result<usize, Failure> {
    let mut run = Run::begin(lesson.clone())?;
    let mut unmet = 0;
    out.line(format_args!("{}\n", lesson.title.to_uppercase()))?;
    paragraph("", &lesson.summary, out)?;
    for block in &lesson.blocks {
        match block {
            Block::Heading(text) => out.line(format_args!("\n{}\n{}\n", text, "-".repeat(text.chars().count())))?,
            Block::Paragraph(text) => paragraph("", text, out)?,
            Block::List(points) => points.iter().try_for_each(|point| paragraph("- ", point, out))?,
            Block::Step(step) => {
                begin(step, waits, out)?;
                if let Some(answered) = run.step(None) {
                    unmet += answer(&answered, out)?;
                }
            }
        }
    }
    Ok(unmet)
}

fn begin(step: &Step, waits: bool, out: &mut Output) -> Result<(), Failure> {
    out.line(format_args!("  [step {}: {}]", step.number, step.kind))?;
    step.text.lines().try_for_each(|line| out.line(format_args!("  | {line}")))?;
    if waits {
        out.text("  Enter runs it ")?;
        out.flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(|error| Failure::io("cannot read from the terminal", error))?;
    }
    Ok(())
}

/// Shows an answer; the number of its checks that are not met.
fn answer(answered: &Answered, out: &mut Output) -> Result<usize, Failure> {
    match answered.answer.get("points").and_then(Value::as_array) {
        Some(points) => points.iter().try_for_each(|point| out.line(point_line(point)))?,
        None => {
            let text = serde_json::to_string_pretty(&answered.answer).unwrap_or_default();
            text.lines().take(ANSWER_LINES).try_for_each(|line| out.line(format_args!("  {line}")))?;
            if text.lines().count() > ANSWER_LINES {
                out.line("  ... and more")?;
            }
        }
    }
    for check in answered.checks.iter().filter(|check| !check.met) {
        let found = check.found.as_ref().map_or("nothing".to_owned(), Value::to_string);
        out.line(format_args!("  NOT AS EXPECTED: {}; found {found}", check.expected))?;
    }
    out.line("")?;
    Ok(answered.checks.iter().filter(|check| !check.met).count())
}

/// A point of a request that was followed, with how many of the crashes there kept the request.
fn point_line(point: &Value) -> String {
    let text = |name: &str| point.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |name: &str| point.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (kept, all) = (number("kept"), number("kept") + number("lost") + number("in_part"));
    format!("  {:<15} a crash keeps it {kept:>2} of {all} times: {}", text("point"), text("text"))
}

/// A paragraph of prose without its marks, in lines that fit.
fn paragraph(begin: &str, text: &str, out: &mut Output) -> Result<(), Failure> {
    let text = text.replace("**", "");
    let (mut line, indent) = (begin.to_owned(), " ".repeat(begin.len()));
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.trim() != begin.trim() {
            out.line(&line)?;
            line.clone_from(&indent);
        }
        if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
        }
        line.push_str(word);
    }
    out.line(format_args!("{line}\n"))
}
