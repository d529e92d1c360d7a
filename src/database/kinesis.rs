//! Kinesis destinations of tables: enabled, disabled, described, and delivered to a sink.

use super::Database;
use crate::{
    engine::TableUpdate,
    error::{Error, ErrorKind, Result},
    kinesis::{Delivery, DeliveryStats, KinesisSink},
    ledger::MetricSeries,
    schema::{
        ChangeTime, DestinationStatus, KinesisArn, KinesisDestination, KinesisTiming, RecordPrecision, TableDefinition,
        TableSettings,
    },
};
use std::sync::Arc;

/// The Kinesis destinations of one table: [`Database::kinesis`].
#[derive(Clone, Debug)]
pub struct KinesisDestinations {
    database: Database,
    table: String,
    timing: KinesisTiming,
    owner: Option<(String, String)>,
}

/// A destination, its state, and what became of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationDescription {
    /// The setting of the table.
    pub destination: KinesisDestination,
    /// Its state now.
    pub status: DestinationStatus,
    /// What became of its records since the database was opened.
    pub delivery: DeliveryStats,
}

impl Database {
    /// The Kinesis destinations of a table. A table has at most one that is enabled. Its changes, with both images, are kept
    /// in a change stream that only the database reads, whether or not the table has a stream for readers, and go to the
    /// sink of the database ([`Database::deliver_to_kinesis`]). Without a sink they wait, as long as records of streams are
    /// kept ([`OpenOptions::stream_retention`](crate::OpenOptions::stream_retention), 24 hours by default).
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S, streams::KinesisRecord};
    /// use std::sync::{Arc, Mutex};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::options().background(false).in_memory()?;
    /// let orders = db.create_table("orders").hash::<S>("id").create()?;
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let sink = seen.clone();
    /// db.deliver_to_kinesis(move |records: &[KinesisRecord]| {
    ///     sink.lock().unwrap().extend(records.iter().map(|record| record.change.event.name()));
    ///     Ok::<_, hashrange::Error>(())
    /// })?;
    /// db.kinesis("orders").enable("arn:aws:kinesis:us-east-1:000000000000:stream/changes", None)?;
    /// orders.put(&Item::new().with("id", "o1").with("total", 1))?;
    /// orders.put(&Item::new().with("id", "o1").with("total", 2))?;
    /// orders.delete("o1")?;
    /// while db.step()? != hashrange::inspect::Work::Idle {}
    /// assert_eq!(*seen.lock().unwrap(), ["INSERT", "MODIFY", "REMOVE"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn kinesis(&self, table: impl Into<String>) -> KinesisDestinations {
        let (database, timing) = (self.clone(), KinesisTiming::default());
        KinesisDestinations { database, table: table.into(), timing, owner: None }
    }

    /// Hands the records of all Kinesis destinations to a sink, from now on and until the database is closed: on a thread of
    /// its own, or by [`Database::step`] in a database without threads. Records that waited come first.
    ///
    /// Each record comes at least once, and those of an item in the order of their commits. A record comes again after a
    /// failure of the sink, and after a crash if that took the position away: it is written buffered. A sink that fails or panics
    /// is tried again with pauses of up to a minute; [`Database::health`] has the failure meanwhile.
    ///
    /// Errors: the database has a sink; it is closed; no thread can be started.
    pub fn deliver_to_kinesis(&self, sink: impl KinesisSink + 'static) -> Result<()> {
        let sink: Arc<dyn KinesisSink> = Arc::new(sink);
        let deliveries = &self.inner.deliveries;
        if !deliveries.begin(sink.clone()) {
            let text = "the database has a sink for Kinesis destinations; it keeps it until it is closed";
            return Err(Error::new(ErrorKind::InUse, "ResourceInUseException", text));
        }
        let mut delivery = Delivery::new(self.inner.engine.clone(), sink, deliveries.clone());
        self.inner.maintenance.add_delivery(Box::new(move |patience| delivery.run(patience)))
    }
}

impl Database {
    /// CloudWatch's metrics of Kinesis destinations, by table, for the last 180 minutes in which records were delivered or could
    /// not be: `AgeOfOldestUnreplicatedRecord` at each attempt, in milliseconds; `ConsumedChangeDataCaptureUnits`, one for
    /// each KB of the larger image; `FailedToReplicateRecordCount`, of records that the sink dropped.
    pub fn kinesis_metrics(&self) -> Vec<MetricSeries> {
        self.inner.deliveries.metrics()
    }
}

impl KinesisDestinations {
    /// Lets changes take time, as they do in the service, by the clock of the database: a model that this handle asks for.
    /// Which changes are rejected depends on it.
    #[must_use]
    pub fn timing(self, timing: KinesisTiming) -> Self {
        Self { timing, ..self }
    }
    /// Data streams of other regions and accounts cannot be enabled.
    #[must_use]
    pub fn owned_by(self, region: impl Into<String>, account: impl Into<String>) -> Self {
        Self { owner: Some((region.into(), account.into())), ..self }
    }

    /// Enables a destination. Changes from this moment on are kept for it. What cannot be an ARN of a data stream, one of
    /// another owner, and one that the sink does not have are accepted, as the service accepts them, and become
    /// `ENABLE_FAILED` ([`KinesisDestination::failure`]).
    ///
    /// # Errors
    /// Validation: the table has another destination that is neither `DISABLED` nor `ENABLE_FAILED`. Not found.
    pub fn enable(&self, stream_arn: &str, precision: Option<RecordPrecision>) -> Result<KinesisDestination> {
        let failure = self.check(stream_arn).err();
        self.change(|_, settings, time| settings.enable_kinesis(stream_arn, precision, failure, time))
    }
    /// Disables a destination, which stays described. It gets what was committed before.
    ///
    /// # Errors
    /// Validation: it is not `ACTIVE`, or there is none of that ARN. Not found.
    pub fn disable(&self, stream_arn: &str) -> Result<KinesisDestination> {
        self.change(|_, settings, time| settings.disable_kinesis(stream_arn, time))
    }
    /// Changes the precision of a destination: of records that are delivered from now on.
    ///
    /// # Errors
    /// Validation: no destination of that ARN is enabled, or it has that precision ([`Detail::PrecisionUnchanged`]). Not found.
    ///
    /// [`Detail::PrecisionUnchanged`]: crate::error::Detail::PrecisionUnchanged
    pub fn update(&self, stream_arn: &str, precision: RecordPrecision) -> Result<KinesisDestination> {
        self.change(|table, settings, time| settings.update_kinesis(&table.name, stream_arn, precision, time))
    }
    /// All destinations that the table has or had, in the order in which they were first enabled. Errors: not found.
    pub fn list(&self) -> Result<Vec<DestinationDescription>> {
        let table = self.database.describe_table(&self.table)?.definition;
        let now_millis = self.database.clock().now_millis();
        let describe = |destination: &KinesisDestination| DestinationDescription {
            destination: destination.clone(),
            status: destination.status(now_millis, &self.timing),
            delivery: self.database.inner.deliveries.stats(table.id, &destination.stream_arn),
        };
        Ok(table.settings.kinesis_destinations.iter().map(describe).collect())
    }

    /// Why a data stream cannot be enabled.
    fn check(&self, stream_arn: &str) -> std::result::Result<(), String> {
        let Some(arn) = KinesisArn::parse(stream_arn) else {
            return Err(format!("{stream_arn} is no ARN of a Kinesis data stream"));
        };
        if self.owner.as_ref().is_some_and(|(region, account)| arn.region != region || arn.account != account) {
            return Err(format!("{stream_arn} belongs to another region or account"));
        }
        self.database.inner.deliveries.check(stream_arn)
    }

    fn change(
        &self,
        change: impl FnOnce(&TableDefinition, &mut TableSettings, ChangeTime) -> Result<KinesisDestination>,
    ) -> Result<KinesisDestination> {
        let time = ChangeTime { now_millis: self.database.clock().now_millis(), timing: self.timing };
        let mut changed = None;
        self.database.update_table_with(&self.table, |table| {
            let mut settings = table.settings.clone();
            changed = Some(change(table, &mut settings, time)?);
            Ok::<_, Error>(TableUpdate { settings: Some(Box::new(settings)), ..TableUpdate::default() })
        })?;
        changed.ok_or_else(|| Error::validation("the destination was not changed"))
    }
}
