//! The lessons that are part of the program.

use super::lesson::Lesson;
use std::sync::{Arc, LazyLock};

macro_rules! files {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../../lessons/", $name, ".md")))),*] };
}

/// Names and texts, in the order in which they are best read.
const FILES: &[(&str, &str)] = files![
    "partitions",
    "hot-keys",
    "indexes",
    "conditions",
    "transactions",
    "log-and-crash",
    "runs-and-compaction",
    "streams",
    "time-to-live",
    "time-travel",
];

/// The lessons that are part of the program, in the order in which they are best read.
pub fn built_in() -> &'static [Arc<Lesson>] {
    static LESSONS: LazyLock<Vec<Arc<Lesson>>> = LazyLock::new(|| {
        // A test reads every one of them, so that none is left out.
        FILES.iter().filter_map(|(name, text)| Lesson::parse(name, text).ok().map(Arc::new)).collect()
    });
    &LESSONS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lessons::Run;

    #[test]
    fn every_file_is_a_lesson() {
        for (name, text) in FILES {
            if let Err((line, fault)) = Lesson::parse(name, text) {
                panic!("lessons/{name}.md:{line}: {fault}");
            }
        }
        assert_eq!(built_in().len(), 10);
    }

    /// Each lesson is a test: what it expects of its steps is what they answer.
    #[test]
    fn every_step_answers_as_its_lesson_expects() {
        let mut faults = Vec::new();
        for lesson in built_in() {
            let mut run = Run::begin(lesson.clone()).expect("a scratch database");
            while let Some(line) = run.next_step().map(|step| step.line) {
                let Some(answered) = run.step(None) else { break };
                for check in answered.checks.iter().filter(|check| !check.met) {
                    let (expected, found, answer) = (&check.expected, &check.found, &answered.answer);
                    faults.push(format!("{}.md:{line}: {expected}, found {found:?} in\n{answer:#}", lesson.name));
                }
            }
            run.lab().database().verify().expect("the scratch database is whole");
        }
        assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    }

    /// A lesson always goes the same way: clock and chance are its own.
    #[test]
    fn a_lesson_goes_the_same_way_twice() {
        let lesson = built_in().iter().find(|lesson| lesson.name == "log-and-crash").expect("it is there");
        let answers = || {
            let mut run = Run::begin(lesson.clone()).expect("a scratch database");
            std::iter::from_fn(|| run.step(None)).map(|answered| answered.answer.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(answers(), answers());
    }
}
