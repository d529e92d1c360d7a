//! `EnableKinesisStreamingDestination`, `DisableKinesisStreamingDestination`, `UpdateKinesisStreamingDestination` and
//! `DescribeKinesisStreamingDestination`.
//!
//! Which data stream a table is to feed is kept and described. Nothing is sent: there is no Kinesis here.

use super::describe_table::{absent, decode_name};
use crate::{
    arn::table_id,
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape::{self, JsonContext},
    table::{members, name::TableName},
    timing::takes,
    validate::Violations,
};
use hashrange::{
    admin::TableUpdate,
    schema::{KinesisDestination, RecordPrecision, TableDefinition},
};

const PRECISIONS: &[&str] = &["MILLISECOND", "MICROSECOND"];
const PRECISION: &str = "ApproximateCreationDateTimePrecision";
const INVALID_STATE: &str = "Table is not in a valid state to enable Kinesis Streaming Destination: ";

/// A request that names a table and a data stream.
#[derive(Default)]
struct Request<'a> {
    table: TableName<'a>,
    stream: String,
    /// The member with a precision, as far as it is there.
    precision: Option<RecordPrecision>,
    has_configuration: bool,
}

impl<'a> Request<'a> {
    /// Decodes a request whose precision stands in the member `configuration`.
    fn decode(context: &Context<'_>, body: &'a [u8], configuration: &str) -> Result<Self, Failure> {
        let mut request = Self::default();
        let (mut stream, mut precision) = (None, None);
        shape::request(body, |reader, name| {
            match name {
                "TableName" => request.table = TableName::new(shape::string(reader)?),
                "StreamArn" => stream = members::text(reader)?,
                _ if name == configuration => {
                    request.has_configuration = shape::structure(reader, JsonContext::Field, name, |reader, name| {
                        match name {
                            PRECISION => precision = members::text(reader)?,
                            _ => reader.skip()?,
                        }
                        Ok(())
                    })?;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        request.table.check_control(context.profile)?;
        let mut violations = Violations::default();
        violations.not_null(&stream, "streamArn");
        if let Some(stream) = &stream {
            violations.length(stream.chars().count(), stream, "streamArn", 37, 1_024);
        }
        let mut path = configuration.to_owned();
        path[..1].make_ascii_lowercase();
        let path = format!("{path}.approximateCreationDateTimePrecision");
        violations.one_of(precision.as_deref(), &path, PRECISIONS);
        violations.finish()?;
        request.stream = stream.unwrap_or_default();
        request.precision = precision.map(|name| match name.as_str() {
            "MICROSECOND" => RecordPrecision::Microsecond,
            _ => RecordPrecision::Millisecond,
        });
        Ok(request)
    }

    /// Changes the destinations of the table as `change` says, and answers with the destination of the request.
    fn change(
        &self,
        context: &Context<'_>,
        change: impl FnOnce(&TableDefinition, &mut Vec<KinesisDestination>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let decide = |table: &TableDefinition| {
            let mut settings = table.settings.clone();
            change(table, &mut settings.kinesis_destinations)?;
            Ok::<_, Failure>(TableUpdate { settings: Some(Box::new(settings)), ..TableUpdate::default() })
        };
        context.database.update_table_with(self.table.name(), decide)?;
        Ok(())
    }

    fn respond(&self, status: &str, configuration: &str, precision: Option<RecordPrecision>) -> Vec<u8> {
        let mut out = Writer::with_capacity(256);
        out.begin_object();
        out.string_member("TableName", self.table.name());
        out.string_member("StreamArn", &self.stream);
        out.string_member("DestinationStatus", status);
        if let Some(precision) = precision {
            out.name(configuration);
            out.begin_object();
            out.string_member(PRECISION, precision_name(precision));
            out.end_object();
        }
        out.end_object();
        out.into_bytes()
    }
}

/// Enables a destination; a table has at most one that is enabled.
pub(super) fn enable(context: &Context<'_>, body: &[u8]) -> Outcome {
    let configuration = "EnableKinesisStreamingConfiguration";
    let request = Request::decode(context, body, configuration)?;
    let now_millis = context.now_millis();
    request.change(context, |_, destinations| {
        if destinations.iter().any(|known| known.is_enabled || status(context, known) == "DISABLING") {
            return Err(Failure::validation(format!(
                "{INVALID_STATE}EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE \
                 operation."
            )));
        }
        let enabled = KinesisDestination {
            stream_arn: request.stream.clone(),
            is_enabled: true,
            precision: request.precision,
            switched_millis: now_millis,
            updated_millis: None,
        };
        match destinations.iter_mut().find(|known| known.stream_arn == request.stream) {
            Some(known) => *known = enabled,
            None => destinations.push(enabled),
        }
        Ok(())
    })?;
    Ok(request.respond("ENABLING", configuration, request.precision))
}

/// Disables a destination, which goes on being described.
pub(super) fn disable(context: &Context<'_>, body: &[u8]) -> Outcome {
    let configuration = "EnableKinesisStreamingConfiguration";
    let request = Request::decode(context, body, configuration)?;
    let now_millis = context.now_millis();
    let mut precision = None;
    request.change(context, |_, destinations| {
        let known = destinations.iter_mut().find(|known| known.stream_arn == request.stream);
        let Some(known) = known.filter(|known| status(context, known) == "ACTIVE") else {
            return Err(Failure::validation(format!(
                "{INVALID_STATE}KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
            )));
        };
        known.is_enabled = false;
        known.switched_millis = now_millis;
        precision = known.precision;
        Ok(())
    })?;
    Ok(request.respond("DISABLING", configuration, precision))
}

/// Changes the precision of a destination.
pub(super) fn update(context: &Context<'_>, body: &[u8]) -> Outcome {
    let configuration = "UpdateKinesisStreamingConfiguration";
    let request = Request::decode(context, body, configuration)?;
    let Some(precision) = request.precision else {
        let text = "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration \
                    cannot be null or contain only null values";
        return Err(Failure::validation(text));
    };
    let now_millis = context.now_millis();
    request.change(context, |table, destinations| {
        let known = destinations.iter_mut().find(|known| known.stream_arn == request.stream);
        let Some(known) = known.filter(|known| known.is_enabled) else {
            return Err(Failure::validation(format!(
                "No streaming destination with streamArn: {} found for table with tableName: {}",
                request.stream, table.name
            )));
        };
        if known.precision.unwrap_or(RecordPrecision::Millisecond) == precision {
            return Err(Failure::validation(format!(
                "Invalid Request: Precision is already set to the desired value of {} for tableId: {}, kdsArn: {}",
                precision_name(precision),
                table_id(table),
                request.stream
            )));
        }
        known.precision = Some(precision);
        known.updated_millis = Some(now_millis);
        Ok(())
    })?;
    Ok(request.respond("UPDATING", configuration, Some(precision)))
}

/// Describes all destinations that a table has or had.
pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let table = decode_name(context, body)?;
    let description = context.database.describe_table(table.name()).map_err(|error| absent(error, table.name()))?;
    let mut out = Writer::with_capacity(256);
    out.begin_object();
    out.string_member("TableName", &description.definition.name);
    out.name("KinesisDataStreamDestinations");
    out.begin_array();
    for destination in &description.definition.settings.kinesis_destinations {
        out.begin_object();
        out.string_member("StreamArn", &destination.stream_arn);
        out.string_member("DestinationStatus", status(context, destination));
        if let Some(precision) = destination.precision {
            out.string_member(PRECISION, precision_name(precision));
        }
        out.end_object();
    }
    out.end_array();
    out.end_object();
    Ok(out.into_bytes())
}

fn status(context: &Context<'_>, destination: &KinesisDestination) -> &'static str {
    let switched_millis = destination.switched_millis;
    if !destination.is_enabled {
        let goes = context.is_under_way(switched_millis, takes::KINESIS_DISABLING);
        return if goes { "DISABLING" } else { "DISABLED" };
    }
    if context.is_under_way(switched_millis, takes::KINESIS_ENABLING) {
        "ENABLING"
    } else if context.is_under_way(destination.updated_millis, takes::KINESIS_UPDATING) {
        "UPDATING"
    } else {
        "ACTIVE"
    }
}

fn precision_name(precision: RecordPrecision) -> &'static str {
    match precision {
        RecordPrecision::Millisecond => PRECISIONS[0],
        RecordPrecision::Microsecond => PRECISIONS[1],
    }
}
