//! `StartBulkPutItems`, `DescribeBulkOperation`, `CancelBulkOperation` and `ListBulkOperations`.

use super::{
    describe_table::absent,
    imports::{SourceMembers, check_bucket, check_owner},
    job_arns::{self, PageRequest},
};
use crate::{
    arn::{identity, table_id},
    context::Context,
    error::{Failure, Outcome},
    jobs::{
        TOKEN_MILLIS,
        records::{BulkRecord, BulkRequest, JobStatus},
    },
    json::{Reader, Token, Writer},
    shape::{self, JsonContext},
    table::{members, name::TableName},
    validate::Violations,
};

const MIN_UNITS: i64 = 1_024;
const OUTPUT_TYPES: &[&str] = &["ERROR", "CONDITION_CHECK_FAILURE"];

#[derive(Default)]
struct Request<'a> {
    table: TableName<'a>,
    source: SourceMembers,
    input: Option<&'a str>,
    output: Option<&'a str>,
    output_bucket: Option<String>,
    output_prefix: Option<String>,
    output_owner: Option<String>,
    sse_algorithm: Option<String>,
    sse_key: Option<String>,
    output_types: Option<Vec<String>>,
    max_units: Option<i64>,
    tier: Option<String>,
    token: Option<String>,
}

impl<'a> Request<'a> {
    fn decode(context: &Context<'_>, body: &'a [u8]) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            match name {
                "TableName" => request.table = TableName::new(shape::string(reader)?),
                "InputS3Configuration" => request.input = request.input(reader, name)?,
                "OutputS3Configuration" => request.output = request.output(reader, name)?,
                "MaxWriteRequestUnits" => request.max_units = shape::long(reader)?,
                "PerformanceTier" => request.tier = members::text(reader)?,
                "ClientToken" => request.token = members::text(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        request.table.check_control(context)?;
        request.check()?;
        Ok(request)
    }

    fn input(&mut self, reader: &mut Reader<'a>, name: &str) -> Result<Option<&'a str>, Failure> {
        let source = &mut self.source;
        whole(reader, name, |reader, name| {
            match name {
                "InputFormat" => source.format = members::text(reader)?,
                "InputCompressionType" => source.compression = members::text(reader)?,
                _ if source.place(reader, name)? => {}
                _ => reader.skip()?,
            }
            Ok(())
        })
    }

    fn output(&mut self, reader: &mut Reader<'a>, name: &str) -> Result<Option<&'a str>, Failure> {
        whole(reader, name, |reader, name| {
            match name {
                "S3Bucket" => self.output_bucket = members::text(reader)?,
                "S3KeyPrefix" => self.output_prefix = members::text(reader)?,
                "S3BucketOwner" => self.output_owner = members::text(reader)?,
                "S3SseAlgorithm" => self.sse_algorithm = members::text(reader)?,
                "S3SseKmsKeyId" => self.sse_key = members::text(reader)?,
                "OutputType" => self.output_types = members::strings(reader, "outputType")?,
                _ => reader.skip()?,
            }
            Ok(())
        })
    }

    fn check(&self) -> Result<(), Failure> {
        let mut violations = Violations::default();
        violations.not_null(&self.input, "inputS3Configuration");
        if self.input.is_some() {
            self.source.check("inputS3Configuration", &mut violations);
            let path = "inputS3Configuration.inputFormat";
            violations.not_null(&self.source.format, path);
            violations.one_of(self.source.format.as_deref(), path, &["DYNAMODB_JSON", "ION"]);
            let path = "inputS3Configuration.inputCompressionType";
            violations.one_of(self.source.compression.as_deref(), path, &["ZSTD", "NONE", "GZIP"]);
        }
        violations.not_null(&self.output, "outputS3Configuration");
        if self.output.is_some() {
            let path = |member: &str| format!("outputS3Configuration.{member}");
            check_bucket(self.output_bucket.as_deref(), &path("s3Bucket"), &mut violations);
            check_owner(self.output_owner.as_deref(), &path("s3BucketOwner"), &mut violations);
            violations.one_of(self.sse_algorithm.as_deref(), &path("s3SseAlgorithm"), &["AES256", "KMS"]);
            violations.not_null(&self.output_types, &path("outputType"));
            for kind in self.output_types.iter().flatten() {
                violations.one_of(Some(kind), &path("outputType"), OUTPUT_TYPES);
            }
        }
        violations.at_least(self.max_units, "maxWriteRequestUnits", MIN_UNITS);
        violations.one_of(self.tier.as_deref(), "performanceTier", &["STANDARD", "ACCELERATED"]);
        violations.finish()?;
        if self.sse_key.is_some() && self.sse_algorithm.as_deref() != Some("KMS") {
            return Err(Failure::validation("Invalid Request: KMS Key Id is not supported for this encryption type"));
        }
        Ok(())
    }

    fn fields(&self) -> BulkRequest {
        let tells = |kind: &str| self.output_types.iter().flatten().any(|wanted| wanted == kind);
        BulkRequest {
            table: self.table.given().to_owned(),
            source: self.source.source(),
            input: self.input.unwrap_or_default().to_owned(),
            output: self.output.unwrap_or_default().to_owned(),
            output_bucket: self.output_bucket.clone(),
            output_prefix: self.output_prefix.clone(),
            tells_errors: tells(OUTPUT_TYPES[0]),
            tells_condition_failures: tells(OUTPUT_TYPES[1]),
            max_units_per_sec: self.max_units.and_then(|units| u64::try_from(units).ok()),
            tier: self.tier.clone().unwrap_or_else(|| "STANDARD".to_owned()),
        }
    }
}

/// Decodes a structure, and returns it as it is written; `None` if it is null.
fn whole<'a>(
    reader: &mut Reader<'a>,
    class: &str,
    member: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Failure>,
) -> Result<Option<&'a str>, Failure> {
    let text = if reader.peek()? == Token::Object { Some(reader.clone().raw()?) } else { None };
    let is_there = shape::structure(reader, JsonContext::Field, class, member)?;
    Ok(text.filter(|_| is_there))
}

pub(super) fn start(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(context, body)?;
    let (fields, jobs, now_millis) = (request.fields(), context.jobs(), context.now_millis());
    if let Some(token) = &request.token {
        let is_twin = |known: &&BulkRecord| known.token == *token && now_millis < known.started_millis + TOKEN_MILLIS;
        if let Some(known) = jobs.records().list::<BulkRecord>()?.iter().rfind(is_twin) {
            if known.request == fields {
                return Ok(described(known));
            }
            let text = "The provided client token was already used with different parameters";
            return Err(Failure::service("IdempotentParameterMismatchException", text));
        }
    }
    let name = request.table.name();
    let table = context.database.describe_table(name).map_err(|error| absent(error, name))?;
    context.database.dynamic_table(name)?;
    if context.objects.is_none() {
        return Err(Failure::unsupported(
            "StartBulkPutItems: the server has no buckets (--object-dir, --object-store)",
        ));
    }
    let id = jobs.new_id::<BulkRecord>(now_millis)?;
    let record = BulkRecord {
        arn: format!("{}/bulk/{id}", context.owner.table_arn(name)),
        token: request.token.clone().unwrap_or_else(|| identity(&[b"token", id.as_bytes()])),
        id,
        table: name.to_owned(),
        table_id: table_id(&table.definition),
        request: fields,
        started_millis: now_millis,
        ended_millis: None,
        status: JobStatus::InProgress,
        failure: None,
        counts: Default::default(),
        written_bytes: 0,
        done_before: None,
        is_written: false,
    };
    jobs.start_bulk(&record)?;
    Ok(described(&record))
}

fn find(context: &Context<'_>, body: &[u8]) -> Result<BulkRecord, Failure> {
    let given = job_arns::decode(body, "BulkOperationArn")?;
    let id = given.rsplit_once("/bulk/").map_or("", |(_, id)| id);
    let found = context.jobs().records().get::<BulkRecord>(id)?.filter(|record| record.arn == given);
    found.ok_or_else(|| Failure::not_found(format!("Requested resource not found: Bulk operation: {given} not found")))
}

pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    Ok(described(&find(context, body)?))
}

pub(super) fn cancel(context: &Context<'_>, body: &[u8]) -> Outcome {
    let record = context.jobs().cancel_bulk(find(context, body)?)?;
    let mut out = Writer::with_capacity(256);
    out.begin_object();
    out.string_member("BulkOperationArn", &record.arn);
    out.string_member("BulkOperationStatus", record.status.name());
    out.end_object();
    Ok(out.into_bytes())
}

/// `BulkOperationDescription`.
fn described(record: &BulkRecord) -> Vec<u8> {
    let (request, counts) = (&record.request, &record.counts);
    let mut out = Writer::with_capacity(1_024);
    out.begin_object();
    out.name("BulkOperationDescription");
    out.begin_object();
    out.string_member("BulkOperationArn", &record.arn);
    out.string_member("BulkOperationStatus", record.status.name());
    out.name("TableDetails");
    out.begin_array();
    out.begin_object();
    out.string_member("TableName", &request.table);
    out.string_member("TableId", &record.table_id);
    out.end_object();
    out.end_array();
    out.string_member("ClientToken", &record.token);
    out.name("InputS3Configuration");
    out.json(&request.input);
    out.name("OutputS3Configuration");
    out.json(&request.output);
    out.time_member("StartTime", record.started_millis);
    if let Some(ended) = record.ended_millis {
        out.time_member("EndTime", ended);
        out.integer_member("TotalInputBytes", counts.processed_bytes);
        out.name("BulkOperationUsage");
        out.begin_array();
        out.begin_object();
        out.string_member("TableName", &request.table);
        out.integer_member("BulkPutBytes", record.written_bytes);
        out.name("Table");
        out.begin_object();
        out.integer_member("BulkPutBytes", record.written_bytes);
        out.end_object();
        out.end_object();
        out.end_array();
    }
    out.integer_member("ProcessedItemCount", counts.imported + counts.errors + counts.condition_failures);
    out.integer_member("ProcessedInputBytes", counts.processed_bytes);
    out.integer_member("FailedItemCount", counts.errors);
    if let Some(failure) = &record.failure {
        out.string_member("FailureCode", &failure.code);
        out.string_member("FailureMessage", &failure.message);
    }
    if let Some(units) = request.max_units_per_sec {
        out.integer_member("MaxWriteRequestUnits", units);
    }
    out.string_member("PerformanceTier", &request.tier);
    out.end_object();
    out.end_object();
    out.into_bytes()
}

pub(super) fn list(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = PageRequest::decode(body, "MaxResults")?;
    let bulks = context.jobs().records().list::<BulkRecord>()?;
    let (page, token) = request.cut(&bulks, |bulk| &bulk.id)?;
    let mut out = Writer::with_capacity(64 + page.len() * 256);
    out.begin_object();
    out.name("BulkOperationsSummaryList");
    out.begin_array();
    for bulk in page {
        out.begin_object();
        out.string_member("BulkOperationArn", &bulk.arn);
        out.string_member("BulkOperationStatus", bulk.status.name());
        out.time_member("StartTime", bulk.started_millis);
        out.optional_time_member("EndTime", bulk.ended_millis);
        out.end_object();
    }
    out.end_array();
    out.optional_member("NextToken", token.as_deref());
    out.end_object();
    Ok(out.into_bytes())
}
