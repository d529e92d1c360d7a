//! Kinesis data streams that a table sends its changes to: their states, and the rules by which they pass from one to another.
//!
//! A destination is a setting of its table, so it is logged, and a copy of the database has it. While one is enabled, the
//! table has a change stream of its own for it ([`StreamPurpose::Kinesis`]), with both images, whatever the stream shows that
//! readers have. How long the states before `ACTIVE` and `DISABLED` last is a model of the service, which lasts no time
//! unless it is asked for.

use super::{StreamView, TableDefinition, TableSettings};
use crate::error::{Detail, Error, Result};
use serde::{Deserialize, Serialize};

/// How exactly records for Kinesis tell the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordPrecision {
    /// To the millisecond.
    #[default]
    Millisecond,
    /// To the microsecond.
    Microsecond,
}

impl RecordPrecision {
    /// DynamoDB's name: `MILLISECOND` or `MICROSECOND`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Millisecond => "MILLISECOND",
            Self::Microsecond => "MICROSECOND",
        }
    }
}

/// What a change stream of a table is for. A table has at most one open stream for each purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamPurpose {
    /// DynamoDB Streams: programs read it.
    Readers,
    /// Its records go to a Kinesis destination; no program sees it.
    Kinesis,
}

impl StreamPurpose {
    /// All purposes.
    pub const ALL: [Self; 2] = [Self::Readers, Self::Kinesis];
}

/// Where the records of a change stream go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KinesisFeed {
    /// ARN of the data stream.
    pub stream_arn: String,
    /// How exactly its records tell the time.
    pub precision: RecordPrecision,
}

/// How long changes of destinations take, in milliseconds. By default they are done at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KinesisTiming {
    /// From enabling to `ACTIVE` or `ENABLE_FAILED`.
    pub enabling_millis: u64,
    /// From disabling to `DISABLED`.
    pub disabling_millis: u64,
    /// From another precision to `ACTIVE`.
    pub updating_millis: u64,
}

/// The state of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestinationStatus {
    /// It will be active soon. Changes are kept for it already.
    Enabling,
    /// It gets the changes of the table.
    Active,
    /// It will be disabled soon. Later changes are not kept for it.
    Disabling,
    /// It gets no changes.
    Disabled,
    /// It could not be enabled.
    EnableFailed,
    /// It gets the changes of the table, and its precision is being changed.
    Updating,
}

impl DestinationStatus {
    /// DynamoDB's name, such as `ACTIVE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabling => "ENABLING",
            Self::Active => "ACTIVE",
            Self::Disabling => "DISABLING",
            Self::Disabled => "DISABLED",
            Self::EnableFailed => "ENABLE_FAILED",
            Self::Updating => "UPDATING",
        }
    }
}

/// A Kinesis data stream that a table sends its changes to, or sent them to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KinesisDestination {
    /// ARN of the data stream, as the request gave it.
    pub stream_arn: String,
    /// Whether it is enabled. A disabled one is described for as long as the table exists.
    pub is_enabled: bool,
    /// How exactly its records tell the time, if the request said so.
    pub precision: Option<RecordPrecision>,
    /// When it was enabled or disabled, in milliseconds since 1970.
    pub switched_millis: u64,
    /// When its precision was last changed, in milliseconds since 1970.
    pub updated_millis: Option<u64>,
    /// The label of its change stream, in milliseconds since 1970; unlike that of any other the table had for a destination.
    /// Absent if an older version enabled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_millis: Option<u64>,
    /// Why it could not be enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl KinesisDestination {
    /// Its state at a time.
    pub fn status(&self, now_millis: u64, timing: &KinesisTiming) -> DestinationStatus {
        // A clock that was set back behind the change keeps nothing waiting.
        let is_recent = |since_millis: u64, takes_millis: u64| {
            now_millis.checked_sub(since_millis).is_some_and(|age_millis| age_millis < takes_millis)
        };
        if !self.is_enabled {
            return match (&self.failure, self.switched_millis) {
                (Some(_), since) if is_recent(since, timing.enabling_millis) => DestinationStatus::Enabling,
                (Some(_), _) => DestinationStatus::EnableFailed,
                (None, since) if is_recent(since, timing.disabling_millis) => DestinationStatus::Disabling,
                (None, _) => DestinationStatus::Disabled,
            };
        }
        if is_recent(self.switched_millis, timing.enabling_millis) {
            DestinationStatus::Enabling
        } else if self.updated_millis.is_some_and(|since| is_recent(since, timing.updating_millis)) {
            DestinationStatus::Updating
        } else {
            DestinationStatus::Active
        }
    }

    fn label_millis(&self) -> u64 {
        self.label_millis.unwrap_or(self.switched_millis)
    }
}

/// A change of destinations: when it is asked for, and how long changes take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangeTime {
    pub now_millis: u64,
    pub timing: KinesisTiming,
}

const INVALID_STATE: &str = "Table is not in a valid state to enable Kinesis Streaming Destination: ";

impl TableSettings {
    /// Enables a destination, of which a table has at most one that is enabled; with `failure` one that cannot be reached.
    pub(crate) fn enable_kinesis(
        &mut self,
        stream_arn: &str,
        precision: Option<RecordPrecision>,
        failure: Option<String>,
        time: ChangeTime,
    ) -> Result<KinesisDestination> {
        let ChangeTime { now_millis, timing } = time;
        let destinations = &mut self.kinesis_destinations;
        let is_over = |known: &KinesisDestination| {
            matches!(known.status(now_millis, &timing), DestinationStatus::Disabled | DestinationStatus::EnableFailed)
        };
        if !destinations.iter().all(is_over) {
            return Err(Error::validation(format!(
                "{INVALID_STATE}EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE \
                 operation."
            )));
        }
        let later = destinations.iter().map(|known| known.label_millis().saturating_add(1));
        let enabled = KinesisDestination {
            stream_arn: stream_arn.to_owned(),
            is_enabled: failure.is_none(),
            precision,
            switched_millis: now_millis,
            updated_millis: None,
            label_millis: Some(later.fold(now_millis, u64::max)),
            failure,
        };
        match destinations.iter_mut().find(|known| known.stream_arn == stream_arn) {
            Some(known) => known.clone_from(&enabled),
            None => destinations.push(enabled.clone()),
        }
        Ok(enabled)
    }

    /// Disables a destination, which goes on being described.
    pub(crate) fn disable_kinesis(&mut self, stream_arn: &str, time: ChangeTime) -> Result<KinesisDestination> {
        let ChangeTime { now_millis, timing } = time;
        let known = self.kinesis_destinations.iter_mut().find(|known| known.stream_arn == stream_arn);
        let is_active =
            |known: &&mut KinesisDestination| known.status(now_millis, &timing) == DestinationStatus::Active;
        let Some(known) = known.filter(is_active) else {
            return Err(Error::validation(format!(
                "{INVALID_STATE}KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
            )));
        };
        known.is_enabled = false;
        known.switched_millis = now_millis;
        Ok(known.clone())
    }

    /// Changes the precision of an enabled destination.
    pub(crate) fn update_kinesis(
        &mut self,
        table: &str,
        stream_arn: &str,
        precision: RecordPrecision,
        time: ChangeTime,
    ) -> Result<KinesisDestination> {
        let known = self.kinesis_destinations.iter_mut().find(|known| known.stream_arn == stream_arn);
        let Some(known) = known.filter(|known| known.is_enabled) else {
            return Err(Error::validation(format!(
                "No streaming destination with streamArn: {stream_arn} found for table with tableName: {table}"
            )));
        };
        if known.precision.unwrap_or_default() == precision {
            let text = format!(
                "Invalid Request: Precision is already set to the desired value of {} for tableName: {table}, kdsArn: \
                 {stream_arn}",
                precision.name()
            );
            return Err(Error::validation(text).with_detail(Detail::PrecisionUnchanged { table: table.to_owned() }));
        }
        known.precision = Some(precision);
        known.updated_millis = Some(time.now_millis);
        Ok(known.clone())
    }

    /// The destination that gets the table's changes.
    fn enabled_kinesis(&self) -> Option<&KinesisDestination> {
        self.kinesis_destinations.iter().find(|destination| destination.is_enabled)
    }
}

/// A change stream that a table's definition asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedStream {
    /// Which images its records carry.
    pub view: StreamView,
    /// Its label, in milliseconds since 1970.
    pub label_millis: u64,
    /// Where its records go, if no program reads them.
    pub kinesis: Option<KinesisFeed>,
}

impl TableDefinition {
    /// Whether changes of the table's items are kept in a stream, for readers or for a Kinesis destination.
    #[inline]
    pub(crate) fn has_change_stream(&self) -> bool {
        self.stream.is_some() || self.settings.enabled_kinesis().is_some()
    }
    /// The images that its stream for a purpose shows, if it has one.
    #[inline]
    pub(crate) fn stream_view(&self, purpose: StreamPurpose) -> Option<StreamView> {
        match purpose {
            StreamPurpose::Readers => self.stream.as_ref().map(|stream| stream.view),
            StreamPurpose::Kinesis => self.settings.enabled_kinesis().map(|_| StreamView::NewAndOld),
        }
    }
    /// The stream for a purpose that it asks for.
    pub(crate) fn wanted_stream(&self, purpose: StreamPurpose) -> Option<WantedStream> {
        let view = self.stream_view(purpose)?;
        Some(match purpose {
            StreamPurpose::Readers => {
                WantedStream { view, label_millis: self.stream.as_ref()?.label_millis, kinesis: None }
            }
            StreamPurpose::Kinesis => {
                let destination = self.settings.enabled_kinesis()?;
                let precision = destination.precision.unwrap_or_default();
                let feed = KinesisFeed { stream_arn: destination.stream_arn.clone(), precision };
                WantedStream { view, label_millis: destination.label_millis(), kinesis: Some(feed) }
            }
        })
    }
}

/// The parts of a data stream's ARN: `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KinesisArn<'a> {
    /// Region, such as `us-east-1`.
    pub region: &'a str,
    /// Account, 12 digits.
    pub account: &'a str,
    /// Name of the data stream: 1 to 128 characters of `[a-zA-Z0-9_.-]`.
    pub name: &'a str,
}

impl<'a> KinesisArn<'a> {
    /// Takes an ARN apart; `None` if it is not one of a Kinesis data stream.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.strip_prefix("arn:")?.splitn(5, ':');
        let (partition, service) = (fields.next()?, fields.next()?);
        let (region, account) = (fields.next()?, fields.next()?);
        let name = fields.next()?.strip_prefix("stream/")?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let is_name = (1..=128).contains(&name.len()) && name.bytes().all(is_named);
        let is_kinesis = partition.starts_with("aws") && service == "kinesis" && !region.is_empty();
        (is_kinesis && is_account && is_name).then_some(Self { region, account, name })
    }
}
