//! `EnableKinesisStreamingDestination`, `DisableKinesisStreamingDestination`, `UpdateKinesisStreamingDestination` and
//! `DescribeKinesisStreamingDestination`.
//!
//! The rules are those of [`hashrange::Database::kinesis`]; here are the members of requests and answers.

use super::describe_table::{absent, decode_name};
use crate::{
    arn::{Owner, table_id},
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape::{self, JsonContext},
    table::{members, name::TableName},
    validate::Violations,
};
use hashrange::{
    Error,
    error::Detail,
    schema::{DestinationStatus, RecordPrecision},
    streams::KinesisDestinations,
};

const PRECISIONS: &[&str] = &["MILLISECOND", "MICROSECOND"];
const PRECISION: &str = "ApproximateCreationDateTimePrecision";
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
    /// Decodes a request whose precision is in the member `configuration`.
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
        request.table.check_control(context)?;
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

    fn respond(&self, status: &str, configuration: &str, precision: Option<RecordPrecision>) -> Vec<u8> {
        let mut out = Writer::with_capacity(256);
        out.begin_object();
        out.string_member("TableName", self.table.name());
        out.string_member("StreamArn", &self.stream);
        out.string_member("DestinationStatus", status);
        if let Some(precision) = precision {
            out.name(configuration);
            out.begin_object();
            out.string_member(PRECISION, precision.name());
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
    destinations(context, request.table.name()).enable(&request.stream, request.precision)?;
    Ok(request.respond("ENABLING", configuration, request.precision))
}

/// Disables a destination, which goes on being described.
pub(super) fn disable(context: &Context<'_>, body: &[u8]) -> Outcome {
    let configuration = "EnableKinesisStreamingConfiguration";
    let request = Request::decode(context, body, configuration)?;
    let disabled = destinations(context, request.table.name()).disable(&request.stream)?;
    Ok(request.respond("DISABLING", configuration, disabled.precision))
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
    let updated = destinations(context, request.table.name()).update(&request.stream, precision);
    updated.map_err(|error| with_table_id(context, &request, precision, error))?;
    Ok(request.respond("UPDATING", configuration, Some(precision)))
}

/// The service names the table by its id where the precision is the one that is there.
fn with_table_id(context: &Context<'_>, request: &Request<'_>, precision: RecordPrecision, error: Error) -> Failure {
    let is_unchanged = matches!(error.detail(), Some(Detail::PrecisionUnchanged { .. }));
    match context.database.describe_table(request.table.name()) {
        Ok(table) if is_unchanged => Failure::validation(format!(
            "Invalid Request: Precision is already set to the desired value of {} for tableId: {}, kdsArn: {}",
            precision.name(),
            table_id(&table.definition),
            request.stream
        )),
        _ => error.into(),
    }
}

/// Describes all destinations that a table has or had.
pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let table = decode_name(context, body)?;
    let known = destinations(context, table.name()).list().map_err(|error| absent(error, table.name()))?;
    let mut out = Writer::with_capacity(256);
    out.begin_object();
    out.string_member("TableName", table.name());
    out.name("KinesisDataStreamDestinations");
    out.begin_array();
    for described in &known {
        let destination = &described.destination;
        out.begin_object();
        out.string_member("StreamArn", &destination.stream_arn);
        out.string_member("DestinationStatus", described.status.name());
        if described.status == DestinationStatus::EnableFailed {
            out.optional_member("DestinationStatusDescription", destination.failure.as_deref());
        }
        // The other precision is not shown, though a request named it.
        if destination.precision == Some(RecordPrecision::Microsecond) {
            out.string_member(PRECISION, RecordPrecision::Microsecond.name());
        }
        out.end_object();
    }
    out.end_array();
    out.end_object();
    Ok(out.into_bytes())
}

/// The destinations of a table, whose changes take as long as the server was told.
fn destinations(context: &Context<'_>, table: &str) -> KinesisDestinations {
    let Owner { region, account } = context.owner;
    context.database.kinesis(table).timing(context.timing.kinesis()).owned_by(region, account)
}
