//! Lessons, and lessons under way.

use crate::{
    answer::{self, Answer},
    context::Context,
    lessons::{Answered, Block, Lesson, Run},
    refusal::Refusal,
    request::Request,
    sessions::LessonRun,
};
use parking_lot::Mutex;
use serde::Serialize;
use std::sync::Arc;

/// A lesson in the list.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: &'a str,
    summary: &'a str,
    steps: usize,
}

/// A part of a lesson.
#[derive(Serialize)]
#[serde(tag = "block", rename_all = "snake_case")]
enum Shown<'a> {
    Heading { text: &'a str },
    Paragraph { text: &'a str },
    List { points: &'a [String] },
    Step { number: usize, kind: String, text: &'a str },
}

/// A lesson by its name. Errors: there is none.
pub(crate) fn find(context: &Context, name: &str) -> Result<Arc<Lesson>, Refusal> {
    let found = context.lessons.iter().find(|lesson| lesson.name == name).cloned();
    found.ok_or_else(|| Refusal::not_found(format!("there is no lesson {name}")))
}

/// Begins a lesson; its number. Errors: there is none; the scratch database cannot be made.
pub(crate) fn begin(context: &Context, name: &str) -> Result<u64, Refusal> {
    let run = Run::begin(find(context, name)?)?;
    Ok(context.runs.begin(LessonRun { run, answered: Vec::new() }))
}

/// Carries out the next step, with another text if one is given. Errors: the lesson is over; it is gone; it is not the step
/// that comes next.
pub(crate) fn step(run: &Mutex<LessonRun>, number: Option<u64>, text: Option<&str>) -> Result<Answered, Refusal> {
    let mut run = run.lock();
    let Some(next) = run.run.next_step() else { return Err(Refusal::invalid("the lesson is over")) };
    if number.is_some_and(|number| number != next.number as u64) {
        return Err(Refusal::invalid(format!("step {} comes next", next.number)));
    }
    let carried_out = text.unwrap_or(&next.text).to_owned();
    let answered = run.run.step(text).ok_or_else(|| Refusal::invalid("the lesson is over"))?;
    run.answered.push((carried_out, answered.clone()));
    Ok(answered)
}

/// Answers `/console/api/lessons` and what is below it.
pub(crate) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    #[derive(Serialize)]
    struct Begun {
        run: u64,
    }
    match (request.is_read(), path) {
        (true, []) => Ok(answer::json(&context.lessons.iter().map(|lesson| listed(lesson)).collect::<Vec<_>>())),
        (true, [name]) => {
            let lesson = find(context, name)?;
            Ok(answer::json(&lesson.blocks.iter().map(shown).collect::<Vec<_>>()))
        }
        (false, [name, "runs"]) => Ok(answer::json(&Begun { run: begin(context, name)? })),
        (false, [_, "runs", run, "step"]) => {
            let text = request.parameter("text");
            Ok(answer::json(&step(&*context.runs.find(run)?, request.number("step", u64::MAX)?, text)?))
        }
        (false, [_, "runs", run, "try"]) => {
            let (kind, text) = (super::bench::kind(request)?, request.required("text")?);
            let run = context.runs.find(run)?;
            let answered = run.lock().run.try_out(&kind, text);
            Ok(answer::json(&answered))
        }
        (_, [] | [_] | [_, "runs"] | [_, "runs", _, "step" | "try"]) => Err(Refusal::method()),
        _ => Err(Refusal::not_found("the API has no such address below lessons; docs/inside.md lists them")),
    }
}

fn listed(lesson: &Lesson) -> Listed<'_> {
    Listed { name: &lesson.name, title: &lesson.title, summary: &lesson.summary, steps: lesson.steps().count() }
}

fn shown(block: &Block) -> Shown<'_> {
    match block {
        Block::Heading(text) => Shown::Heading { text },
        Block::Paragraph(text) => Shown::Paragraph { text },
        Block::List(points) => Shown::List { points },
        Block::Step(step) => Shown::Step { number: step.number, kind: step.kind.to_string(), text: &step.text },
    }
}
