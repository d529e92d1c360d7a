//! `update-table`: adds and removes global indexes, sets time to live, change stream and deletion protection.

use super::create::parse_global;
use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output, session};
use clap::{Args, ValueEnum};
use hashrange::{
    Database,
    admin::{IndexSpec, TableUpdate},
    observe::{Failure as BackgroundFailure, Job, Subject},
    schema::{IndexStatus, Projection, StreamView},
};
use std::{thread, time::Duration};

/// How often it is looked whether an index is filled.
const WAIT_INTERVAL: Duration = Duration::from_millis(20);
/// Failures in a row, with pauses that become longer, after which the command no longer waits for an index.
const MOST_ATTEMPTS: u64 = 5;

/// Arguments of `update-table`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct UpdateTable {
    /// Name of the table
    table: String,
    /// Add a global index, and wait until it is filled
    #[arg(long, value_name = "INDEX=NAME:TYPE[,NAME:TYPE]", value_parser = parse_global, group = "change")]
    add_index: Option<IndexSpec>,
    /// What the new index holds besides keys: all, keys, or names of attributes with commas between
    #[arg(long, value_name = "ATTRIBUTES", default_value = "all", requires = "add_index")]
    project: String,
    /// Remove a global index
    #[arg(long, value_name = "INDEX", group = "change")]
    remove_index: Option<String>,
    /// Delete items when the time in this attribute has come (a number of seconds since 1970)
    #[arg(long, value_name = "ATTRIBUTE", group = "change", conflicts_with = "no_ttl")]
    ttl: Option<String>,
    /// Let items live for ever
    #[arg(long, group = "change")]
    no_ttl: bool,
    /// Keep a stream of changes with these images of items, or none
    #[arg(long, value_enum, value_name = "IMAGES", group = "change")]
    stream: Option<Images>,
    /// Reject the deletion of the table
    #[arg(long, value_name = "ON", group = "change")]
    deletion_protection: Option<bool>,
}

/// What a change stream shows of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Images {
    /// No stream
    Off,
    /// The key
    Keys,
    /// The item as it was
    Old,
    /// The item as it is
    New,
    /// Both
    Both,
}

impl Images {
    fn view(self) -> Option<StreamView> {
        match self {
            Self::Off => None,
            Self::Keys => Some(StreamView::KeysOnly),
            Self::Old => Some(StreamView::OldImage),
            Self::New => Some(StreamView::NewImage),
            Self::Both => Some(StreamView::NewAndOld),
        }
    }
}

impl UpdateTable {
    /// Changes the table: settings first, then an index that goes, then one that comes. Each is one change of its own.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open(args)?;
        let ttl = self.ttl.clone().map(Some);
        let settings = TableUpdate {
            stream: self.stream.map(Images::view),
            deletion_protection: self.deletion_protection,
            ttl_attribute: if self.no_ttl { Some(None) } else { ttl },
            ..TableUpdate::default()
        };
        let has_settings =
            self.stream.is_some() || self.deletion_protection.is_some() || self.ttl.is_some() || self.no_ttl;
        let change = |update| {
            let changed = database.update_table(&self.table, update);
            changed.map_err(|error| session::explain(&database, &self.table, error))
        };
        if has_settings {
            change(settings)?;
        }
        if let Some(index) = &self.remove_index {
            change(TableUpdate { delete_index: Some(index.clone()), ..TableUpdate::default() })?;
        }
        if let Some(index) = &self.add_index {
            let index = IndexSpec { projection: self.projection(), ..index.clone() };
            let name = index.name.clone();
            change(TableUpdate { create_index: Some(index), ..TableUpdate::default() })?;
            self.wait(&database, &name)?;
        }
        database.close()?;
        output::remark(format_args!("changed table {}", self.table));
        Ok(Outcome::Done)
    }

    fn projection(&self) -> Projection {
        match self.project.as_str() {
            "all" => Projection::All,
            "keys" => Projection::KeysOnly,
            names => Projection::Include(names.split(',').map(|name| name.trim().to_owned()).collect()),
        }
    }

    /// Waits until the index is filled. Errors: filling fails again and again. A process that ends before leaves the rest to the next one that opens the folder.
    fn wait(&self, database: &Database, index: &str) -> Result<(), Failure> {
        loop {
            let table = database.describe_table(&self.table)?;
            let status = table.definition.index(index).map(|index| index.status);
            if status.is_none_or(|status| status == IndexStatus::Active) {
                return Ok(());
            }
            let health = database.health();
            if let Some(failure) = health.writing_ended {
                return Err(failure.error.into());
            }
            let filled = Subject::Index { table: self.table.clone(), index: index.to_owned() };
            let is_of_it = |failure: &BackgroundFailure| failure.job == Job::Backfill && failure.subject == filled;
            if let Some(failure) = health.failures.into_iter().find(is_of_it)
                && failure.attempts >= MOST_ATTEMPTS
            {
                let text = "the index is not filled yet; the next program that opens the folder goes on with it";
                output::remark(format_args!("hashrange: {text}"));
                return Err(failure.error.into());
            }
            thread::sleep(WAIT_INTERVAL);
        }
    }
}
