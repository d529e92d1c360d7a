//! The file of a lesson: prose in Markdown, and steps in its code blocks.

use super::{expectation::Expectation, setup::Setup};
use std::fmt;

/// Times that one step may be repeated at most.
const MOST_TIMES: u64 = 10_000;

/// A lesson.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Its name: letters, digits and hyphens, as in the address of its page.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What a reader learns, in one sentence or two.
    pub summary: String,
    /// What the scratch database is opened with.
    pub setup: Setup,
    /// Everything below the summary, in its order.
    pub blocks: Vec<Block>,
}

/// A part of a lesson.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph. It may have `code` in backticks and **words** between two asterisks.
    Paragraph(String),
    /// The points of a list, which are like paragraphs.
    List(Vec<String>),
    /// A step, by its place among [`Lesson::steps`].
    Step(Step),
}

/// Something that is carried out.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number, from 1 on.
    pub number: usize,
    /// The line of the file in which it begins.
    pub line: usize,
    /// How its text is carried out.
    pub kind: StepKind,
    /// Its text.
    pub text: String,
    /// What its answer is expected to be.
    pub expectations: Vec<Expectation>,
}

/// How the text of a step is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A statement of PartiQL.
    Statement {
        /// The commit as of which it reads; a number, or a kept value such as `${before}`. `None` for now.
        at: Option<String>,
        /// Whether it is followed from point to point.
        is_followed: bool,
    },
    /// The JSON body of a request.
    Request {
        /// DynamoDB's name of the operation.
        operation: String,
        /// How many times it is sent; `${i}` in the text counts from 0.
        times: u64,
        /// Whether it is followed from point to point.
        is_followed: bool,
    },
    /// Something that is done to the database or to its machine: one line.
    Action,
}

/// What carrying it out does, in words.
impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_followed = match self {
            Self::Statement { at, is_followed } => {
                f.write_str("a statement of PartiQL")?;
                if let Some(commit) = at {
                    write!(f, ", as of commit {commit}")?;
                }
                *is_followed
            }
            Self::Request { operation, times, is_followed } => {
                match times {
                    1 => write!(f, "a request {operation}")?,
                    _ => write!(f, "{times} requests {operation}")?,
                }
                *is_followed
            }
            Self::Action => {
                f.write_str("an action")?;
                false
            }
        };
        if is_followed { f.write_str(", followed through the engine") } else { Ok(()) }
    }
}

/// What is wrong in a file, and in which line.
pub(super) type Fault = (usize, String);

impl Lesson {
    /// Reads a lesson from the text of its file. Errors: number of the line, counted from 1, and what is wrong there.
    pub fn parse(name: &str, text: &str) -> Result<Self, Fault> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(is_name) {
            let text = "the name of a lesson, which is that of its file, has small letters, digits and hyphens only";
            return Err((1, text.to_owned()));
        }
        let mut reader = Reader { lines: text.lines().enumerate().collect(), at: 0 };
        let title = reader.title()?;
        let (line, summary) = reader.paragraph().ok_or((2, "the title is followed by a summary".to_owned()))?;
        if summary.starts_with("```") {
            return Err((line, "the title is followed by a summary".to_owned()));
        }
        let mut lesson = Self { name: name.to_owned(), title, summary, setup: Setup::default(), blocks: Vec::new() };
        while let Some((line, block)) = reader.paragraph() {
            lesson.take(line, block, &mut reader)?;
        }
        let has_steps = lesson.steps().next().is_some();
        if has_steps { Ok(lesson) } else { Err((1, "a lesson needs at least one step".to_owned())) }
    }

    /// Its steps.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Step(step) => Some(step),
            _ => None,
        })
    }

    fn take(&mut self, line: usize, block: String, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let Some(info) = block.strip_prefix("```") else {
            let taken = match block.strip_prefix("## ") {
                Some(heading) => Block::Heading(heading.trim().to_owned()),
                None if block.starts_with("- ") => Block::List(points(&block)),
                None => Block::Paragraph(block),
            };
            self.blocks.push(taken);
            return Ok(());
        };
        let text = reader.fenced(line)?;
        let words: Vec<&str> = info.split_whitespace().collect();
        match words.as_slice() {
            ["setup"] if self.steps().next().is_some() => {
                return Err((line, "the setup comes before the first step".to_owned()));
            }
            ["setup"] => self.setup = Setup::parse(&text).map_err(|(at, what)| (line + at, what))?,
            ["expect"] => self.expect(line, &text)?,
            [] => return Err((line, "a code block says what it is: sql, json, do, expect or setup".to_owned())),
            words => {
                let kind = kind(words).map_err(|what| (line, what))?;
                let number = self.steps().count() + 1;
                self.blocks.push(Block::Step(Step { number, line, kind, text, expectations: Vec::new() }));
            }
        }
        Ok(())
    }

    fn expect(&mut self, line: usize, text: &str) -> Result<(), Fault> {
        let Some(Block::Step(step)) = self.blocks.last_mut() else {
            return Err((line, "what is expected stands right below its step".to_owned()));
        };
        for (at, said) in (1..).zip(text.lines()).filter(|(_, said)| !said.trim().is_empty()) {
            step.expectations.push(Expectation::parse(said.trim()).map_err(|what| (line + at, what))?);
        }
        Ok(())
    }
}

fn kind(words: &[&str]) -> Result<StepKind, String> {
    Ok(match words {
        ["sql"] => StepKind::Statement { at: None, is_followed: false },
        ["sql", "followed"] => StepKind::Statement { at: None, is_followed: true },
        ["sql", "at", commit] => StepKind::Statement { at: Some((*commit).to_owned()), is_followed: false },
        ["json", operation] => StepKind::Request { operation: (*operation).to_owned(), times: 1, is_followed: false },
        ["json", operation, "followed"] => {
            StepKind::Request { operation: (*operation).to_owned(), times: 1, is_followed: true }
        }
        ["json", operation, times, "times"] => {
            let number = times.parse().ok().filter(|times| (1..=MOST_TIMES).contains(times));
            let times = number.ok_or(format!("{times}: a step is done 1 to {MOST_TIMES} times"))?;
            StepKind::Request { operation: (*operation).to_owned(), times, is_followed: false }
        }
        ["do"] => StepKind::Action,
        words => return Err(format!("there is no kind of block `{}`; docs/lessons.md lists them", words.join(" "))),
    })
}

fn points(block: &str) -> Vec<String> {
    let mut points: Vec<String> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("- "), points.last_mut()) {
            (Some(point), _) => points.push(point.trim().to_owned()),
            (None, Some(point)) => {
                point.push(' ');
                point.push_str(line.trim());
            }
            (None, None) => {}
        }
    }
    points
}

/// The lines of a file.
struct Reader<'a> {
    lines: Vec<(usize, &'a str)>,
    at: usize,
}

impl Reader<'_> {
    fn title(&mut self) -> Result<String, Fault> {
        let title =
            self.paragraph().and_then(|(_, first)| first.strip_prefix("# ").map(|title| title.trim().to_owned()));
        title.ok_or((1, "a lesson begins with `# ` and its title".to_owned()))
    }

    /// The next lines that belong together, with the number of the first one: a heading, the first line of a code block, or
    /// the lines up to an empty one.
    fn paragraph(&mut self) -> Option<(usize, String)> {
        while self.lines.get(self.at)?.1.trim().is_empty() {
            self.at += 1;
        }
        let (index, first) = self.lines[self.at];
        let mut text = first.trim_end().to_owned();
        self.at += 1;
        if first.starts_with("```") || first.starts_with('#') {
            return Some((index + 1, text));
        }
        let is_list = first.starts_with("- ");
        while let Some((_, line)) = self.lines.get(self.at) {
            if line.trim().is_empty() || line.starts_with("```") || line.starts_with('#') {
                break;
            }
            text.push(if is_list { '\n' } else { ' ' });
            text.push_str(if is_list { line.trim_end() } else { line.trim() });
            self.at += 1;
        }
        Some((index + 1, text))
    }

    /// The text of a code block up to its end.
    fn fenced(&mut self, line: usize) -> Result<String, Fault> {
        let rest = &self.lines[self.at..];
        let end = rest.iter().position(|(_, text)| text.trim_end() == "```");
        let end = end.ok_or((line, "the code block has no end".to_owned()))?;
        let text: Vec<&str> = rest[..end].iter().map(|(_, text)| *text).collect();
        self.at += end + 1;
        Ok(text.join("\n"))
    }
}
