//! Lessons: the list, and each as a page on which its steps are run.

use super::{
    inside::{followed, picture},
    layout::{self, Section},
    prose,
};
use crate::{
    answer::{self, Answer},
    api::lessons,
    context::Context,
    lessons::{Answered, Block, Lesson, Step},
    refusal::Refusal,
    request::Request,
    sessions::LessonRun,
};
use maud::{Markup, html};

/// Answers `/console/lessons` and what is below it.
pub(crate) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.is_read(), path) {
        (true, []) => Ok(layout::page(context, Section::Lessons, "Lessons", list(context))),
        (true, [name]) => page(context, name, request.parameter("run")),
        (false, [name, "runs"]) => {
            let run = lessons::begin(context, name)?;
            Ok(answer::see_other(&format!("/console/lessons/{name}?run={run}#step-1")))
        }
        (false, [name, "runs", run, "step"]) => step(context, request, name, run),
        (false, [_, "runs", run, "try"]) => try_out(context, request, run),
        (_, [] | [_] | [_, "runs"] | [_, "runs", _, "step" | "try"]) => Err(Refusal::method()),
        _ => Err(Refusal::not_found("there is no such page below lessons")),
    }
}

fn list(context: &Context) -> Markup {
    html! {
        (layout::inside_assets())
        p.hint {
            "Each lesson takes about five minutes. It runs on a scratch database of its own, so nothing you do there changes your data. "
            "You may change the text of every step before you run it."
        }
        ol.lessons {
            @for lesson in &context.lessons {
                li {
                    h2 { a href=(format!("/console/lessons/{}", lesson.name)) { (lesson.title) } }
                    p { (prose::inline(&lesson.summary)) }
                }
            }
        }
        p.quiet {
            "A lesson is a text file. Teachers can write their own and show them here: " code { "hashrange console --lessons FOLDER" } "."
        }
    }
}

/// What a page needs to know of the lesson under way.
struct Shown<'a> {
    name: &'a str,
    run: Option<&'a str>,
    answered: &'a [(String, Answered)],
}

impl Shown<'_> {
    fn next(&self) -> usize {
        self.answered.len() + 1
    }
}

fn page(context: &Context, name: &str, run: Option<&str>) -> Result<Answer, Refusal> {
    let lesson = lessons::find(context, name)?;
    let Some(run) = run else {
        let shown = Shown { name, run: None, answered: &[] };
        let content = html! {
            (lead(&lesson))
            form.row hx-post=(format!("/console/lessons/{name}/runs")) { button.main type="submit" { "Begin the lesson" } }
            (body(&lesson, &shown))
        };
        return Ok(layout::page(context, Section::Lessons, &lesson.title, content));
    };
    let found = context.runs.find(run)?;
    let under_way = found.lock();
    if under_way.run.lesson().name != lesson.name {
        return Err(Refusal::not_found("this is another lesson under way"));
    }
    let shown = Shown { name, run: Some(run), answered: &under_way.answered };
    let content = html! {
        (lead(&lesson))
        form.row hx-post=(format!("/console/lessons/{name}/runs")) { button type="submit" { "Begin again" } }
        (body(&lesson, &shown))
        (try_form(name, run))
        div #picture { (picture(under_way.run.lab().database())?) }
    };
    Ok(layout::page(context, Section::Lessons, &lesson.title, content))
}

fn lead(lesson: &Lesson) -> Markup {
    html! {
        (layout::inside_assets())
        p { a href="/console/lessons" { "Lessons" } }
        p.lead { (prose::inline(&lesson.summary)) }
    }
}

fn body(lesson: &Lesson, shown: &Shown<'_>) -> Markup {
    html! {
        div.lesson {
            @for block in &lesson.blocks {
                @match block {
                    Block::Heading(text) => { h2 { (text) } }
                    Block::Paragraph(text) => { p { (prose::inline(text)) } }
                    Block::List(points) => { ul { @for point in points { li { (prose::inline(point)) } } } }
                    Block::Step(step) => { (step_part(step, shown, false)) }
                }
            }
        }
    }
}

/// A step: done with its answer, next with its button, or still to come. `is_swapped` for one that replaces itself in a page.
fn step_part(step: &Step, shown: &Shown<'_>, is_swapped: bool) -> Markup {
    let id = format!("step-{}", step.number);
    let done = shown.answered.get(step.number - 1);
    let is_next = shown.run.is_some() && step.number == shown.next();
    html! {
        section.step.next[is_next] id=(id) hx-swap-oob=[is_swapped.then_some("true")] aria-label=(format!("Step {}", step.number)) {
            p.what { strong { "Step " (step.number) } " · " (step.kind) }
            @if let Some((text, answered)) = done {
                pre { (text) }
                (followed::answer(&answered.answer))
                (checks(answered))
            } @else if let (true, Some(run)) = (is_next, shown.run) {
                form hx-post=(format!("/console/lessons/{}/runs/{run}/step", shown.name)) hx-target=(format!("#{id}")) hx-swap="outerHTML" {
                    input type="hidden" name="step" value=(step.number);
                    textarea.short name="text" rows=(step.text.lines().count().max(1)) aria-label=(format!("Text of step {}", step.number)) spellcheck="false" { (step.text) }
                    button.main type="submit" { "Run step " (step.number) }
                }
            } @else {
                pre { (step.text) }
            }
        }
    }
}

fn checks(answered: &Answered) -> Markup {
    html! {
        @if answered.checks.is_empty() {
        } @else if answered.is_as_expected() {
            p.good { "✓ as expected" }
        } @else {
            @for check in answered.checks.iter().filter(|check| !check.met) {
                p.warn { "✗ expected: " code { (check.expected) } }
            }
        }
    }
}

fn step(context: &Context, request: &Request, name: &str, run: &str) -> Result<Answer, Refusal> {
    let found = context.runs.find(run)?;
    let answered = lessons::step(&found, request.number("step", u64::MAX)?, request.parameter("text"))?;
    let under_way = found.lock();
    let lesson = under_way.run.lesson();
    let shown = Shown { name, run: Some(run), answered: &under_way.answered };
    let done = lesson.steps().nth(answered.step - 1);
    let next = lesson.steps().nth(answered.step);
    Ok(answer::html(html! {
        @if let Some(step) = done { (step_part(step, &shown, false)) }
        @if let Some(step) = next { (step_part(step, &shown, true)) }
        (picture_again(&under_way)?)
    }))
}

fn picture_again(run: &LessonRun) -> Result<Markup, Refusal> {
    Ok(html! { div #picture hx-swap-oob="innerHTML" { (picture(run.run.lab().database())?) } })
}

fn try_form(name: &str, run: &str) -> Markup {
    html! {
        section.step aria-label="Try something" {
            p.what { strong { "Try something" } " · your own statement, on the scratch database of this lesson" }
            form hx-post=(format!("/console/lessons/{name}/runs/{run}/try")) hx-target="#tried" {
                textarea.short name="text" aria-label="Your statement" required spellcheck="false" {}
                div.row {
                    div { select name="kind" aria-label="What it is" { option value="sql" { "PartiQL" } option value="do" { "an action, such as flush" } } }
                    button type="submit" { "Run" }
                }
            }
            div #tried aria-live="polite" {}
        }
    }
}

fn try_out(context: &Context, request: &Request, run: &str) -> Result<Answer, Refusal> {
    let (kind, text) = (crate::api::bench::kind(request)?, request.required("text")?);
    let found = context.runs.find(run)?;
    let mut under_way = found.lock();
    let answered = under_way.run.try_out(&kind, text);
    Ok(answer::html(html! { (followed::answer(&answered.answer)) (picture_again(&under_way)?) }))
}
