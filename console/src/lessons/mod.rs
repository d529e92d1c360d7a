//! Guided lessons: a text with steps, which run on a scratch database that belongs to the reader alone.
//!
//! A lesson is one Markdown file, whose code blocks are its steps. [`Lesson::parse`] reads it, a [`Run`] carries it out on a
//! [`Lab`], and what a step is expected to answer is part of the file, so that each lesson is its own test.
//! `docs/lessons.md` describes the format for teachers. Nothing here knows of HTTP: pages and the command line call it alike.
//!
//! Imports: nothing.

mod action;
mod builtin;
mod expectation;
mod folder;
mod lab;
mod lesson;
mod run;
mod setup;

pub(crate) use action::{pin, step as step_json};
pub use builtin::built_in;
pub use expectation::Check;
pub use folder::{LessonError, read_folder};
pub use lab::Lab;
pub(crate) use lab::{MOST_COPIED_BYTES, copied_bytes};
pub use lesson::{Block, Lesson, Step, StepKind};
pub use run::{Answered, Run};
pub use setup::Setup;
