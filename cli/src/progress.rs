//! A progress bar on standard error, shown only where a person looks at it.

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Read};

/// A bar over the bytes of an input, or a counter where the total is unknown.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar over `bytes`; hidden unless standard error is a terminal.
    pub(crate) fn new(bytes: Option<u64>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
        let template = match bytes {
            Some(_) => "{bar:40} {percent:>3} %  {bytes} of {total_bytes}  {msg}  {eta} left",
            None => "{spinner} {bytes}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// A bar over about `items` items; hidden unless standard error is a terminal.
    #[cfg(feature = "copy")]
    pub(crate) fn of_items(items: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(items), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos} of about {human_len}  {msg}  {per_sec}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Moves the bar by `items`.
    #[cfg(feature = "copy")]
    pub(crate) fn advance(&self, items: u64) {
        self.0.inc(items);
    }

    /// A reader that moves the bar.
    pub(crate) fn reading<R: Read>(&self, reader: R) -> impl Read + use<R> {
        self.0.wrap_read(reader)
    }

    /// The remark beside the bar.
    pub(crate) fn say(&self, text: String) {
        self.0.set_message(text);
    }

    /// Prints a line on standard error without spoiling the bar.
    pub(crate) fn remark(&self, text: &str) {
        self.0.suspend(|| output::remark(text));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
