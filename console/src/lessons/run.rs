//! A lesson that is being carried out, step by step.

use super::{
    expectation::{Check, Expectation},
    lab::Lab,
    lesson::{Lesson, Step, StepKind},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// A lesson and the scratch database on which it runs.
#[derive(Debug)]
pub struct Run {
    lesson: Arc<Lesson>,
    lab: Lab,
    next: usize,
}

/// What a step led to.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// Number of the step; 0 for one that is not of the lesson.
    pub step: usize,
    /// Its answer. What failed has the members `error` and `message`.
    pub answer: Value,
    /// What was expected of it.
    pub checks: Vec<Check>,
}

impl Answered {
    /// Whether everything is as expected.
    pub fn is_as_expected(&self) -> bool {
        self.checks.iter().all(|check| check.met)
    }
}

impl Run {
    /// Begins a lesson. Errors: the scratch database cannot be made.
    pub fn begin(lesson: Arc<Lesson>) -> hashrange::Result<Self> {
        let lab = Lab::new(&lesson.setup)?;
        Ok(Self { lesson, lab, next: 0 })
    }
    /// The lesson.
    pub fn lesson(&self) -> &Arc<Lesson> {
        &self.lesson
    }
    /// The step that comes next; `None` at the end.
    pub fn next_step(&self) -> Option<&Step> {
        self.lesson.steps().nth(self.next)
    }
    /// The scratch database.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }
    /// Carries out the next step; `None` at the end. With another text than the lesson's, nothing is expected of the answer,
    /// and what the step keeps for later steps is kept if it is there.
    pub fn step(&mut self, text: Option<&str>) -> Option<Answered> {
        let lesson = self.lesson.clone();
        let step = lesson.steps().nth(self.next)?;
        self.next += 1;
        let same = |text: &str| text.trim().replace("\r\n", "\n") == step.text.trim();
        let is_changed = text.is_some_and(|text| !same(text));
        let answer = self.lab.run(&step.kind, text.unwrap_or(&step.text));
        let lab = &mut self.lab;
        let checks =
            step.expectations.iter().map(|expected| expected.check(&answer, &mut |name, value| lab.keep(name, value)));
        let mut checks: Vec<Check> = checks.collect();
        if is_changed {
            checks.clear();
        } else if !step.expectations.iter().any(Expectation::is_about_failure) {
            checks.extend(unexpected_failure(&answer));
        }
        Some(Answered { step: step.number, answer, checks })
    }
    /// Carries out something that is not in the lesson, on its database.
    pub fn try_out(&mut self, kind: &StepKind, text: &str) -> Answered {
        Answered { step: 0, answer: self.lab.run(kind, text), checks: Vec::new() }
    }
}

/// The check that a failed step does not meet if its lesson says nothing of the failure.
fn unexpected_failure(answer: &Value) -> Option<Check> {
    let failed = [answer, answer.get("answer").unwrap_or(&Value::Null)]
        .into_iter()
        .find(|answer| answer["error"].is_string())?;
    let found = json!({ "error": failed["error"], "message": failed["message"] });
    Some(Check { expected: "the step does not fail".to_owned(), met: false, found: Some(found) })
}
