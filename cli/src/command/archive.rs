//! `archive`: what an archive holds, whether it is whole, and removal of what is too old.

use crate::{
    failure::Failure,
    outcome::Outcome,
    output::Output,
    places::{PLACES, place},
    text::counted,
    when::parse_seconds,
};
use clap::{Args, Subcommand};
use hashrange::{
    Clock, date,
    history::{Archive as StoredArchive, ArchiveStatus},
};
use std::path::PathBuf;

/// Arguments of `archive`.
#[derive(Debug, Args)]
pub(crate) struct Archive {
    #[command(subcommand)]
    action: Action,
}

/// Which archive is meant.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The archive
    #[arg(help = format!("The archive: {PLACES}"))]
    archive: String,
    /// s3://BUCKET/PREFIX is the folder DIR/BUCKET/PREFIX
    #[arg(long, value_name = "DIR")]
    object_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show from when to when a database can be restored
    Status {
        #[command(flatten)]
        named: Named,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read every object and compare it with the catalog
    Verify {
        #[command(flatten)]
        named: Named,
    },
    /// Remove what no restore of the last days needs; also while a server archives there
    Prune {
        #[command(flatten)]
        named: Named,
        /// How far back a restore must be possible: 12h, 35d, ...
        #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
        keep: u64,
        /// How long a restore may take that begins now: what it needs is removed by a later prune
        #[arg(long, value_name = "TIME", value_parser = parse_seconds, default_value = "1d")]
        grace: u64,
    },
}

impl Named {
    /// Opens it.
    pub(crate) fn open(&self) -> Result<StoredArchive, Failure> {
        Ok(StoredArchive::open(place(&self.archive, self.object_dir.as_deref(), false)?)?)
    }
}

impl Archive {
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let mut output = Output::new();
        match &self.action {
            Action::Status { named, json } => show(&named.open()?.status(), *json, &mut output)?,
            Action::Verify { named } => {
                let status = named.open()?.verify()?;
                let (objects, entries) = (counted(status.objects as u64, "object"), status.entries);
                output.line(format_args!("no damage: {objects} with {} bytes in {entries} entries", status.bytes))?;
            }
            Action::Prune { named, keep, grace } => {
                let now_millis = Clock::system().now_millis();
                let horizon_millis = now_millis.saturating_sub(keep.saturating_mul(1000));
                let pruned = named.open()?.prune(now_millis, horizon_millis, grace.saturating_mul(1000))?;
                output.line(format_args!(
                    "{} bytes removed, {} bytes wait for a later prune",
                    pruned.bytes, pruned.waiting_bytes
                ))?;
            }
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}

fn show(status: &ArchiveStatus, json: bool, output: &mut Output) -> Result<(), Failure> {
    if json {
        return output.line(serde_json::json!(status));
    }
    for timeline in &status.timelines {
        output.line(format_args!(
            "timeline {:016x}: from commit {} ({}) to commit {} ({}), {}, {}",
            timeline.timeline,
            timeline.earliest.commit,
            date::label(timeline.earliest.at_millis),
            timeline.latest.commit,
            date::label(timeline.latest.at_millis),
            counted(timeline.bases as u64, "base"),
            counted(timeline.gaps as u64, "gap")
        ))?;
        if let Some((parent, commit)) = timeline.parent {
            output.line(format_args!("  it left timeline {parent:016x} after commit {commit}"))?;
        }
    }
    let (objects, entries) = (counted(status.objects as u64, "object"), status.entries);
    let encrypted = if status.is_encrypted { ", encrypted" } else { "" };
    output.line(format_args!("{objects} with {} bytes in {entries} entries{encrypted}", status.bytes))
}
