//! The part of the demonstration in which a bad deploy loses a table, and history gives it back.

use super::{Cities, Tour};
use crate::{failure::Failure, stopwatch::Stopwatch, text::grouped};
use hashrange::{
    Database, Error,
    admin::TableSpec,
    history::{HistoryOptions, Moment},
};
use std::{thread, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

impl Tour<'_> {
    /// Loses the table of cities, and gets it back as it was a second before.
    pub(super) fn bad_deploy(&mut self, database: &Database) -> Result<(), Failure> {
        self.heading("A bad deploy drops a table; get it back as it was the second before")?;
        let kept = database.history_options();
        if kept.is_none() {
            database.keep_history(HistoryOptions::default())?;
        }
        let count = |database: &Database| -> Result<u64, Failure> {
            let cities: Cities = database.table("cities")?;
            Ok(cities.scan().items().count() as u64)
        };
        let before = count(database)?;
        let good_millis = database.clock().now_millis();
        thread::sleep(SECOND);
        database.delete_table("cities")?;
        self.say(format_args!("{} cities, and a second later the table is gone", grouped(before)))?;

        let watch = Stopwatch::start();
        let past = database.at(Moment::Instant(good_millis))?;
        let opened = watch.elapsed();
        let spec = TableSpec::like(&past.describe_table("cities")?.definition, "cities");
        database.restore_table(&past, "cities", spec)?;
        let took = watch.elapsed();
        let after = count(database)?;
        if !is_same(&past.table("cities")?, &database.table("cities")?)? {
            let text = "the restored table is another one than the table a second before";
            return Err(Error::corrupt("of table cities", 0, text.to_owned()).into());
        }
        self.say(format_args!(
            "the database as it was a second before, opened in {opened}; it can be read like any other"
        ))?;
        self.say(format_args!("{} cities restored in {took}, every item compared", grouped(after)))?;
        drop(past);
        if kept.is_none() {
            database.stop_history()?;
        }
        Ok(())
    }
}

/// Whether two tables have the same items.
fn is_same(one: &Cities, other: &Cities) -> Result<bool, Failure> {
    let (mut one, mut other) = (one.scan().items(), other.scan().items());
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(true),
            (Some(one), Some(other)) if one.to_item() == other.to_item() => {}
            _ => return Ok(false),
        }
    }
}
