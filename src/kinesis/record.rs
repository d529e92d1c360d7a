//! A record as Kinesis gets it: a change, its data stream, and how exactly it tells the time.

use crate::{
    item::json::push_string,
    manifest::StreamMeta,
    schema::{KinesisArn, RecordPrecision},
    stream::ChangeRecord,
};
use std::sync::Arc;

/// Who deleted an item whose time to live had ended.
const BY_TTL: &str = r#"{"type":"Service","principalId":"dynamodb.amazonaws.com"}"#;

/// A change of an item, for a Kinesis data stream.
#[derive(Clone, Debug)]
pub struct KinesisRecord {
    /// The change, with both images as far as they exist.
    pub change: ChangeRecord,
    /// How exactly the record tells the time.
    pub precision: RecordPrecision,
    stream: Arc<StreamMeta>,
}

impl KinesisRecord {
    pub(super) fn new(change: ChangeRecord, stream: &Arc<StreamMeta>) -> Self {
        let precision = stream.kinesis.as_ref().map(|feed| feed.precision).unwrap_or_default();
        Self { change, precision, stream: stream.clone() }
    }
    /// Name of the table.
    pub fn table_name(&self) -> &str {
        &self.stream.table_name
    }
    /// ARN of the data stream.
    pub fn stream_arn(&self) -> &str {
        self.stream.kinesis.as_ref().map_or("", |feed| &feed.stream_arn)
    }
    /// The identity of the record as a UUID; a record that comes again has the same.
    pub fn event_id(&self) -> String {
        let text = self.change.event_id_text();
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
    /// The record as the service writes it: JSON in UTF-8, without line breaks. `awsRegion` is that of the data stream.
    pub fn to_json(&self) -> String {
        let change = &self.change;
        let mut out = String::with_capacity(512 + 2 * change.size_bytes());
        let text = |out: &mut String, name: &str, value: &str| {
            out.push_str(name);
            push_string(value, out);
        };
        let region = KinesisArn::parse(self.stream_arn()).map_or("", |arn| arn.region);
        text(&mut out, "{\"awsRegion\":", region);
        text(&mut out, ",\"eventID\":", &self.event_id());
        text(&mut out, ",\"eventName\":", change.event.name());
        out.push_str(",\"userIdentity\":");
        out.push_str(if change.by_ttl { BY_TTL } else { "null" });
        text(&mut out, ",\"recordFormat\":\"application/json\",\"tableName\":", self.table_name());
        out.push_str(",\"dynamodb\":{\"ApproximateCreationDateTime\":");
        out.push_str(&self.created().to_string());
        out.push_str(",\"Keys\":");
        change.keys().push_dynamodb_json(&mut out);
        for (name, image) in [(",\"NewImage\":", &change.new), (",\"OldImage\":", &change.old)] {
            if let Some(image) = image {
                out.push_str(name);
                image.push_dynamodb_json(&mut out);
            }
        }
        out.push_str(",\"SizeBytes\":");
        out.push_str(&change.size_bytes().to_string());
        if self.precision == RecordPrecision::Microsecond {
            text(&mut out, ",\"ApproximateCreationDateTimePrecision\":", self.precision.name());
        }
        out.push_str("},\"eventSource\":\"aws:dynamodb\"}");
        out
    }
    /// When the change was committed, since 1970: in milliseconds or microseconds, as the precision says. The clock of the
    /// database has milliseconds, so the last three digits of microseconds are zeros.
    pub fn created(&self) -> u64 {
        match self.precision {
            RecordPrecision::Millisecond => self.change.at_millis,
            RecordPrecision::Microsecond => self.change.at_millis.saturating_mul(1_000),
        }
    }
}
