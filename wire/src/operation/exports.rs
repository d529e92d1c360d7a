//! `ExportTableToPointInTime`, `DescribeExport` and `ListExports`.

use super::{
    backups::millis,
    continuous_backups::{self, Window},
    job_arns::{self, PageRequest},
};
use crate::{
    arn::{self, Arn},
    context::Context,
    error::{Failure, Outcome},
    jobs::{
        ExportFilter, TOKEN_MILLIS,
        records::{ChangesSpan, ExportRecord, ExportRequest, JobStatus},
    },
    json::{Token, Writer},
    shape::{self, JsonContext},
    table::{members, name::TableName},
    transfer::{DataFormat, manifest::instant},
    validate::Violations,
};
use hashrange::schema::TableDefinition;

/// Exports that may go on at a time.
const MAX_EXPORTS: usize = 300;
/// The shortest and longest time that an incremental export is about.
const SPAN_MILLIS: std::ops::RangeInclusive<u64> = 15 * 60 * 1000..=24 * 60 * 60 * 1000;

/// A request as it is sent.
#[derive(Default)]
struct Request {
    table: Option<String>,
    bucket: Option<String>,
    format: Option<String>,
    kind: Option<String>,
    token: Option<String>,
    has_span: bool,
    fields: ExportRequest,
}

impl Request {
    fn decode(body: &[u8]) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            let fields = &mut request.fields;
            match name {
                "TableArn" => request.table = members::text(reader)?,
                "S3Bucket" => request.bucket = members::text(reader)?,
                "S3Prefix" => fields.prefix = members::text(reader)?,
                "S3BucketOwner" => fields.bucket_owner = members::text(reader)?,
                "S3SseAlgorithm" => fields.sse_algorithm = members::text(reader)?,
                "S3SseKmsKeyId" => fields.sse_key = members::text(reader)?,
                "ExportFormat" => request.format = members::text(reader)?,
                "ExportType" => request.kind = members::text(reader)?,
                "ExportTime" => fields.export_millis = shape::double(reader)?.map(millis),
                "ClientToken" => request.token = members::text(reader)?,
                "FilterSpecification" if reader.peek()? == Token::Object => {
                    fields.filter = Some(reader.raw()?.to_owned())
                }
                "IncrementalExportSpecification" => {
                    request.has_span = shape::structure(reader, JsonContext::Field, name, |reader, name| {
                        match name {
                            "ExportFromTime" => fields.from_millis = shape::double(reader)?.map(millis),
                            "ExportToTime" => fields.to_millis = shape::double(reader)?.map(millis),
                            "ExportViewType" => fields.view = members::text(reader)?,
                            _ => reader.skip()?,
                        }
                        Ok(())
                    })?;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        request.check()?;
        request.fields.table_arn = request.table.clone().unwrap_or_default();
        request.fields.bucket = request.bucket.clone().unwrap_or_default();
        request.fields.is_incremental = request.kind.as_deref() == Some("INCREMENTAL_EXPORT");
        if request.format.as_deref() == Some("ION") {
            request.fields.format = DataFormat::Ion;
        }
        Ok(request)
    }

    /// Constraints on the members by themselves.
    fn check(&self) -> Result<(), Failure> {
        let fields = &self.fields;
        let mut violations = Violations::default();
        violations.not_null(&self.table, "tableArn");
        violations.not_null(&self.bucket, "s3Bucket");
        super::imports::check_bucket(self.bucket.as_deref(), "s3Bucket", &mut violations);
        super::imports::check_owner(fields.bucket_owner.as_deref(), "s3BucketOwner", &mut violations);
        if let Some(prefix) = &fields.prefix {
            violations.length(prefix.chars().count(), prefix, "s3Prefix", 0, 1_024);
        }
        violations.one_of(self.format.as_deref(), "exportFormat", &["DYNAMODB_JSON", "ION"]);
        violations.one_of(self.kind.as_deref(), "exportType", &["INCREMENTAL_EXPORT", "FULL_EXPORT"]);
        violations.one_of(fields.sse_algorithm.as_deref(), "s3SseAlgorithm", &["AES256", "KMS"]);
        if let Some(key) = &fields.sse_key {
            violations.length(key.chars().count(), key, "s3SseKmsKeyId", 1, 2_048);
        }
        let path = "incrementalExportSpecification.exportViewType";
        violations.one_of(fields.view.as_deref(), path, &["NEW_IMAGE", "NEW_AND_OLD_IMAGES"]);
        violations.finish()
    }

    /// What goes with what.
    fn check_couplings(&self) -> Result<(), Failure> {
        let refuse = |text: &str| Err(Failure::validation(format!("Invalid Request: {text}")));
        match (self.kind.as_deref(), self.has_span) {
            (None, true) => refuse(
                "Export Type expected to be Incremental Export when incremental export specification is provided",
            ),
            (Some("FULL_EXPORT"), true) => {
                refuse("When Export Type is Full Export , Incremental Export Specification should not be provided")
            }
            (Some("INCREMENTAL_EXPORT"), false) => {
                refuse("Incremental Export Specification expected when export type is set as Incremental Export")
            }
            (Some("INCREMENTAL_EXPORT"), true) if self.fields.from_millis.is_none() => {
                refuse("ExportFromTime must be provided in IncrementalExportSpecification")
            }
            _ if self.fields.sse_key.is_some() && self.fields.sse_algorithm.as_deref() != Some("KMS") => {
                refuse("KMS Key Id is not supported for this encryption type")
            }
            _ => Ok(()),
        }
    }

    /// The table, by its ARN.
    fn table(&self, context: &Context<'_>) -> Result<TableName<'static>, Failure> {
        let given = self.fields.table_arn.clone();
        match Arn::parse(&given) {
            None => return Err(Failure::invalid_parameter("tableArn is not a valid ARN")),
            Some(arn) if arn.part.is_some() => {
                return Err(Failure::validation("Invalid Request: Table ARN is invalid."));
            }
            Some(arn) if !context.owner.owns(&arn) => return Err(Failure::access_denied("Access is denied")),
            Some(_) => {}
        }
        Ok(TableName::new(Some(given.into())))
    }

    /// From when to when an incremental export goes.
    fn span(&self, context: &Context<'_>, table: &TableDefinition) -> Result<Option<ChangesSpan>, Failure> {
        let refuse = |text: String| Err(Failure::service("InvalidExportTimeException", text));
        let Some(from_millis) = self.fields.from_millis.filter(|_| self.fields.is_incremental) else { return Ok(None) };
        if from_millis < table.created_millis / 1000 * 1000 {
            return refuse(format!(
                "Incremental export period from time cannot be less than the table creation time : {}",
                instant(from_millis)
            ));
        }
        let Window { earliest_millis, latest_millis } = continuous_backups::recovery(context, table)?;
        if from_millis < earliest_millis / 1000 * 1000 {
            return refuse("Export Time is invalid".to_owned());
        }
        let to_millis = self.fields.to_millis.unwrap_or(latest_millis.min(context.now_millis()));
        if to_millis > context.now_millis() {
            return refuse(format!(
                "Incremental export period to time cannot be greater than the current time : {}",
                instant(to_millis)
            ));
        }
        let length = to_millis.saturating_sub(from_millis);
        if length < *SPAN_MILLIS.start() {
            let text = "Difference between export period from time and export period to time is less than 15 minutes";
            return refuse(text.to_owned());
        }
        if length > *SPAN_MILLIS.end() {
            let text = "Difference between export period from time and export period to time is greater than 24 hours";
            return refuse(text.to_owned());
        }
        let shows_old = self.fields.view.as_deref() != Some("NEW_IMAGE");
        Ok(Some(ChangesSpan { from_millis: from_millis.max(earliest_millis), to_millis, shows_old }))
    }

    /// The moment of a full export, in milliseconds since 1970; `None` for the present.
    fn moment(&self, context: &Context<'_>, table: &TableDefinition) -> Result<Option<u64>, Failure> {
        let Window { earliest_millis, latest_millis } = continuous_backups::recovery(context, table)?;
        let Some(asked) = self.fields.export_millis else { return Ok(None) };
        let refuse = |text: &str| Err(Failure::service("InvalidExportTimeException", text));
        let now_millis = context.now_millis();
        if asked < earliest_millis / 1000 * 1000 || asked > now_millis.max(latest_millis) {
            return refuse("Export Time is invalid");
        }
        if asked > latest_millis {
            return refuse("Point in Time Recovery is not available for specified export time");
        }
        Ok((asked < now_millis).then_some(asked.max(earliest_millis)))
    }
}

pub(super) fn export(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    request.check_couplings()?;
    let filter = request.fields.filter.as_deref().map(ExportFilter::parse).transpose()?;
    if request.fields.is_incremental && filter.as_ref().is_some_and(|filter| filter.key_condition().is_some()) {
        let text = "Invalid FilterSpecification: KeyConditionExpression is supported for full exports only";
        return Err(Failure::validation(text));
    }
    let name = request.table(context)?;
    let jobs = context.jobs();
    let now_millis = context.now_millis();
    if let Some(token) = &request.token {
        let is_twin = |known: &&ExportRecord| known.token == *token && now_millis < known.started_millis + TOKEN_MILLIS;
        if let Some(known) = jobs.records().list::<ExportRecord>()?.iter().find(is_twin) {
            if known.request == request.fields {
                return Ok(described(context, known));
            }
            let text = "Export conflict: Duplicate request detected with conflicting parameters";
            return Err(Failure::service("ExportConflictException", text));
        }
    }
    // What this request found in the history stays there until its export is recorded.
    let _history = jobs.board.hold_history();
    let definition = continuous_backups::table(context, &name)?;
    let span = request.span(context, &definition)?;
    let moment = if span.is_none() { request.moment(context, &definition)? } else { None };
    filter.map_or(Ok(()), |filter| filter.check(context.root, &definition.name))?;
    if context.objects.is_none() {
        return Err(Failure::unsupported(
            "ExportTableToPointInTime: the server has no buckets (--object-dir, --object-store)",
        ));
    }
    if jobs.records().list::<ExportRecord>()?.iter().filter(|export| export.status.is_open()).count() >= MAX_EXPORTS {
        let text = format!("Subscriber limit exceeded: Only {MAX_EXPORTS} exports can run at a time");
        return Err(Failure::limit_exceeded(text));
    }
    let id = jobs.new_id::<ExportRecord>(now_millis)?;
    let record = ExportRecord {
        arn: format!("{}/export/{id}", context.owner.table_arn(&definition.name)),
        token: request.token.unwrap_or_else(|| arn::identity(&[b"token", id.as_bytes()])),
        id,
        table: definition.name.clone(),
        table_id: arn::table_id(&definition),
        table_number: definition.id,
        key: definition.key.attributes().map(|key| key.name.clone()).collect(),
        at_millis: request.fields.export_millis.unwrap_or(now_millis),
        read_millis: moment,
        commit: moment.is_none().then(|| jobs.last_commit()),
        request: request.fields,
        span,
        started_millis: now_millis,
        ended_millis: None,
        status: JobStatus::InProgress,
        failure: None,
        items: 0,
        billed_bytes: 0,
        manifest: None,
    };
    jobs.export(&record)?;
    Ok(described(context, &record))
}

pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let given = job_arns::decode(body, "ExportArn")?;
    let arn = job_arns::parse(context, &given, "Export")?;
    // The service says it twice.
    let missing = |what: &str| Failure::service("ExportNotFoundException", format!("Export not found: {what}"));
    if arn.region != context.owner.region {
        return Err(missing("Invalid export arn"));
    }
    let record = context.jobs().records().get::<ExportRecord>(&arn.id)?.filter(|record| record.table == arn.table);
    let record = record.ok_or_else(|| missing(&format!("Export not found: {given}")))?;
    Ok(described(context, &record))
}

/// `ExportDescription`.
fn described(context: &Context<'_>, record: &ExportRecord) -> Vec<u8> {
    let request = &record.request;
    let mut out = Writer::with_capacity(1_024);
    out.begin_object();
    out.name("ExportDescription");
    out.begin_object();
    out.string_member("ExportArn", &record.arn);
    out.string_member("ExportStatus", record.status.name());
    out.time_member("StartTime", record.started_millis);
    out.optional_time_member("EndTime", record.ended_millis.filter(|_| !record.status.is_open()));
    match record.span {
        None => out.time_member("ExportTime", record.at_millis),
        Some(span) => {
            out.string_member("ExportType", "INCREMENTAL_EXPORT");
            out.name("IncrementalExportSpecification");
            out.begin_object();
            out.time_member("ExportFromTime", request.from_millis.unwrap_or(span.from_millis));
            out.time_member("ExportToTime", span.to_millis);
            out.string_member("ExportViewType", span.view());
            out.end_object();
        }
    }
    out.string_member("TableArn", &context.owner.table_arn(&record.table));
    out.string_member("TableId", &record.table_id);
    out.string_member("ClientToken", &record.token);
    out.string_member("DestinationType", "S3");
    out.string_member("S3Bucket", &request.bucket);
    out.optional_member("S3BucketOwner", request.bucket_owner.as_deref());
    out.optional_member("S3Prefix", request.prefix.as_deref());
    out.string_member("S3SseAlgorithm", request.sse_algorithm.as_deref().unwrap_or("AES256"));
    out.optional_member("S3SseKmsKeyId", request.sse_key.as_deref());
    out.string_member("ExportFormat", request.format.name());
    if let Some(filter) = &request.filter {
        out.name("FilterSpecification");
        out.json(filter);
    }
    if record.status == JobStatus::Completed {
        out.integer_member("ItemCount", record.items);
        out.integer_member("BilledSizeBytes", record.billed_bytes);
        out.optional_member("ExportManifest", record.manifest.as_deref());
    }
    if let Some(failure) = &record.failure {
        out.string_member("FailureCode", &failure.code);
        out.string_member("FailureMessage", &failure.message);
    }
    out.end_object();
    out.end_object();
    out.into_bytes()
}

pub(super) fn list(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = PageRequest::decode(body, "MaxResults")?;
    let mut exports = context.jobs().records().list::<ExportRecord>()?;
    if let Some(name) = request.table_name() {
        // Exports of a table that is gone are not found by its name, also if another has it now.
        let present = context.root.describe_table(name).ok().map(|table| table.definition.id);
        exports.retain(|export| export.table == name && Some(export.table_number) == present);
    }
    let (page, token) = request.cut(&exports, |export| &export.id)?;
    let mut out = Writer::with_capacity(64 + page.len() * 256);
    out.begin_object();
    out.name("ExportSummaries");
    out.begin_array();
    for export in page {
        out.begin_object();
        out.string_member("ExportArn", &export.arn);
        out.string_member("ExportStatus", export.status.name());
        let kind = if export.span.is_some() { "INCREMENTAL_EXPORT" } else { "FULL_EXPORT" };
        out.string_member("ExportType", kind);
        out.end_object();
    }
    out.end_array();
    out.optional_member("NextToken", token.as_deref());
    out.end_object();
    Ok(out.into_bytes())
}
