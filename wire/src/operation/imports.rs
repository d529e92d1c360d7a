//! `ImportTable`, `DescribeImport` and `ListImports`.

use super::{
    create_table,
    job_arns::{self, PageRequest},
};
use crate::{
    arn::identity,
    context::Context,
    error::{Failure, Outcome},
    jobs::{
        TOKEN_MILLIS,
        records::{ImportRecord, JobStatus, Source, is_loading},
    },
    json::{Reader, Token, Writer},
    shape::{self, JsonContext},
    table::{members, quotas},
    transfer::Compression,
    validate::Violations,
};

/// Longest name of a bucket, and longest key.
const MAX_BUCKET_CHARS: usize = 255;
const MAX_KEY_CHARS: usize = 1_024;
const BUCKET_PATTERN: &str = "^[a-z0-9A-Z]+[\\.\\-\\w]*[a-z0-9A-Z]+$";
const MAX_COLUMNS: usize = 255;
/// What may separate fields.
const DELIMITERS: &str = ",;:|\t ";
/// Imports that may go on at a time.
const MAX_IMPORTS: usize = 50;

/// Constraints on the name of a bucket.
pub(super) fn check_bucket(bucket: Option<&str>, path: &str, violations: &mut Violations) {
    let Some(bucket) = bucket else { return };
    violations.length(bucket.chars().count(), bucket, path, 0, MAX_BUCKET_CHARS);
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let fits = bucket.len() >= 2
        && is_end(bucket.bytes().next())
        && is_end(bucket.bytes().last())
        && bucket.bytes().all(is_part);
    if !fits {
        violations.add(bucket, path, format_args!("satisfy regular expression pattern: {BUCKET_PATTERN}"));
    }
}

/// Constraints on the account that a bucket belongs to.
pub(super) fn check_owner(owner: Option<&str>, path: &str, violations: &mut Violations) {
    if let Some(owner) = owner
        && !(owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit()))
    {
        violations.add(owner, path, "satisfy regular expression pattern: [0-9]{12}");
    }
}

/// Where items are read from, as requests have it.
#[derive(Default)]
pub(super) struct SourceMembers {
    pub(super) bucket: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) format: Option<String>,
    pub(super) compression: Option<String>,
    delimiter: Option<String>,
    header: Option<Vec<String>>,
    has_csv: bool,
}

impl SourceMembers {
    /// Decodes a member that names the objects.
    pub(super) fn place(&mut self, reader: &mut Reader<'_>, name: &str) -> Result<bool, Failure> {
        match name {
            "S3Bucket" => self.bucket = members::text(reader)?,
            "S3KeyPrefix" => self.prefix = members::text(reader)?,
            "S3BucketOwner" => self.owner = members::text(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn csv(&mut self, reader: &mut Reader<'_>) -> Result<(), Failure> {
        self.has_csv = shape::structure(reader, JsonContext::Field, "CsvOptions", |reader, name| {
            match name {
                "Delimiter" => self.delimiter = members::text(reader)?,
                "HeaderList" => self.header = members::strings(reader, "headerList")?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Constraints on the members by themselves; `under` is the path of those that name the objects.
    pub(super) fn check(&self, under: &str, violations: &mut Violations) {
        violations.not_null(&self.bucket, &format!("{under}.s3Bucket"));
        check_bucket(self.bucket.as_deref(), &format!("{under}.s3Bucket"), violations);
        check_owner(self.owner.as_deref(), &format!("{under}.s3BucketOwner"), violations);
        if let Some(prefix) = &self.prefix {
            violations.length(prefix.chars().count(), prefix, &format!("{under}.s3KeyPrefix"), 0, MAX_KEY_CHARS);
        }
        if let Some(delimiter) = &self.delimiter {
            let path = "inputFormatOptions.csv.delimiter";
            violations.length(delimiter.chars().count(), delimiter, path, 1, 1);
            if delimiter.chars().count() != 1 || !DELIMITERS.contains(delimiter.as_str()) {
                violations.add(delimiter, path, "satisfy regular expression pattern: [,;:|\\t ]");
            }
        }
        if let Some(header) = &self.header {
            let shown = format!("[{}]", header.join(", "));
            violations.length(header.len(), &shown, "inputFormatOptions.csv.headerList", 1, MAX_COLUMNS);
        }
    }

    /// What the job reads.
    pub(super) fn source(&self) -> Source {
        Source {
            bucket: self.bucket.clone().unwrap_or_default(),
            prefix: self.prefix.clone(),
            bucket_owner: self.owner.clone(),
            format: self.format.clone().unwrap_or_default(),
            compression: self.compression.as_deref().and_then(Compression::named).unwrap_or_default(),
            delimiter: self.delimiter.clone(),
            header: self.header.clone(),
        }
    }
}

#[derive(Default)]
struct Request<'a> {
    source: SourceMembers,
    has_source: bool,
    parameters: Option<&'a str>,
    token: Option<String>,
}

impl<'a> Request<'a> {
    fn decode(body: &'a [u8]) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            let source = &mut request.source;
            match name {
                "S3BucketSource" => {
                    request.has_source = shape::structure(reader, JsonContext::Field, name, |reader, name| {
                        if source.place(reader, name)? { Ok(()) } else { Ok(reader.skip()?) }
                    })?;
                }
                "InputFormat" => source.format = members::text(reader)?,
                "InputCompressionType" => source.compression = members::text(reader)?,
                "InputFormatOptions" => {
                    shape::structure(reader, JsonContext::Field, name, |reader, name| match name {
                        "Csv" => source.csv(reader),
                        _ => Ok(reader.skip()?),
                    })?;
                }
                "TableCreationParameters" => match reader.peek()? {
                    Token::Null => reader.literal()?,
                    Token::Object => request.parameters = Some(reader.raw()?),
                    _ => drop(shape::structure(reader, JsonContext::Field, name, |reader, _| Ok(reader.skip()?))?),
                },
                "ClientToken" => request.token = members::text(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        request.check()?;
        Ok(request)
    }

    fn check(&self) -> Result<(), Failure> {
        let mut violations = Violations::default();
        violations.not_null(&self.has_source.then_some(()), "s3BucketSource");
        violations.not_null(&self.source.format, "inputFormat");
        violations.not_null(&self.parameters, "tableCreationParameters");
        violations.one_of(self.source.format.as_deref(), "inputFormat", &["DYNAMODB_JSON", "ION", "CSV"]);
        violations.one_of(self.source.compression.as_deref(), "inputCompressionType", &["ZSTD", "NONE", "GZIP"]);
        if self.has_source {
            self.source.check("s3BucketSource", &mut violations);
        }
        violations.finish()?;
        match self.source.format.as_deref() {
            Some(format) if format != "CSV" && self.source.has_csv => {
                let text = "Invalid Request: Unsupported InputFormatOptions for the given input format";
                Err(Failure::validation(format!("{text}: {format}.")))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn import(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    let parameters = request.parameters.unwrap_or_default();
    let creation = create_table::Request::decode_import(parameters.as_bytes())?;
    creation.table.check_control(context)?;
    creation.check_members(Violations::under("tableCreationParameters."))?;
    let name = creation.table.name().to_owned();
    let spec = creation.into_spec(context)?;
    quotas::check_new(context, &spec)?;
    check_definition(&spec)?;
    if context.objects.is_none() {
        return Err(Failure::unsupported("ImportTable: the server has no buckets (--object-dir, --object-store)"));
    }
    let (jobs, now_millis) = (context.jobs(), context.now_millis());
    let imports = jobs.records().list::<ImportRecord>()?;
    if let Some(token) = &request.token {
        let is_twin = |known: &&ImportRecord| known.token == *token && now_millis < known.started_millis + TOKEN_MILLIS;
        if let Some(known) = imports.iter().rfind(is_twin) {
            if known.table != name {
                let text = "Import conflict: Duplicate request detected with conflicting parameters";
                return Err(Failure::service("ImportConflictException", text));
            }
            let stands = context.root.describe_table(&name).is_ok();
            return if known.status.is_open() || !stands { Ok(described(context, known)) } else { Err(taken(&name)) };
        }
    }
    if let Ok(table) = context.root.describe_table(&name) {
        let is_imported = imports.iter().any(|import| import.table == name && import.status.is_open());
        if !(is_loading(&table.definition) && is_imported) {
            return Err(taken(&name));
        }
    }
    if imports.iter().filter(|import| import.status.is_open()).count() >= MAX_IMPORTS {
        let text = format!("Subscriber limit exceeded: Only {MAX_IMPORTS} imports can run at a time");
        return Err(Failure::limit_exceeded(text));
    }
    let id = jobs.new_id::<ImportRecord>(now_millis)?;
    let mut record = ImportRecord {
        arn: format!("{}/import/{id}", context.owner.table_arn(&name)),
        table_id: identity(&[b"table of import", id.as_bytes()]),
        token: request.token.unwrap_or_else(|| identity(&[b"token", id.as_bytes()])),
        id,
        table: name,
        definition: None,
        source: request.source.source(),
        parameters: parameters.to_owned(),
        started_millis: now_millis,
        ended_millis: None,
        status: JobStatus::InProgress,
        failure: None,
        counts: Default::default(),
    };
    jobs.import(&mut record, spec)?;
    Ok(described(context, &record))
}

fn taken(table: &str) -> Failure {
    Failure::service("ResourceInUseException", format!("Table already exists: {table}"))
}

/// Rejects what the engine would reject, before a job is promised.
fn check_definition(spec: &hashrange::admin::TableSpec) -> Result<(), Failure> {
    let scratch = hashrange::Database::options().background(false).in_memory()?;
    scratch.create_table_from(spec.clone())?;
    Ok(())
}

pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let given = job_arns::decode(body, "ImportArn")?;
    let arn = job_arns::parse(context, &given, "Import")?;
    let record = context.jobs().records().get::<ImportRecord>(&arn.id)?.filter(|record| record.table == arn.table);
    let missing = || Failure::service("ImportNotFoundException", format!("Import not found: {given}"));
    Ok(described(context, &record.ok_or_else(missing)?))
}

fn write_place(out: &mut Writer, context: &Context<'_>, source: &Source) {
    out.name("S3BucketSource");
    out.begin_object();
    out.string_member("S3BucketOwner", source.bucket_owner.as_deref().unwrap_or(&context.owner.account));
    out.string_member("S3Bucket", &source.bucket);
    out.optional_member("S3KeyPrefix", source.prefix.as_deref());
    out.end_object();
}

/// `ImportTableDescription`.
fn described(context: &Context<'_>, record: &ImportRecord) -> Vec<u8> {
    let (owner, source, counts) = (context.owner, &record.source, &record.counts);
    let mut out = Writer::with_capacity(1_024 + record.parameters.len());
    out.begin_object();
    out.name("ImportTableDescription");
    out.begin_object();
    out.string_member("ImportArn", &record.arn);
    out.string_member("ImportStatus", record.status.name());
    out.string_member("TableArn", &owner.table_arn(&record.table));
    out.string_member("TableId", &record.table_id);
    out.string_member("ClientToken", &record.token);
    write_place(&mut out, context, source);
    out.string_member("CloudWatchLogGroupArn", &log_group(context));
    out.string_member("InputFormat", &source.format);
    if source.delimiter.is_some() || source.header.is_some() {
        out.name("InputFormatOptions");
        out.begin_object();
        out.name("Csv");
        out.begin_object();
        out.optional_member("Delimiter", source.delimiter.as_deref());
        if let Some(header) = &source.header {
            out.name("HeaderList");
            out.begin_array();
            header.iter().for_each(|name| out.string(name));
            out.end_array();
        }
        out.end_object();
        out.end_object();
    }
    out.string_member("InputCompressionType", source.compression.name());
    out.name("TableCreationParameters");
    out.json(&record.parameters);
    out.time_member("StartTime", record.started_millis);
    out.optional_time_member("EndTime", record.ended_millis);
    out.integer_member("ErrorCount", counts.errors);
    out.integer_member("ProcessedItemCount", counts.imported + counts.errors);
    out.integer_member("ImportedItemCount", counts.imported);
    out.integer_member("ProcessedSizeBytes", counts.processed_bytes);
    if let Some(failure) = &record.failure {
        out.string_member("FailureCode", &failure.code);
        out.string_member("FailureMessage", &failure.message);
    }
    out.end_object();
    out.end_object();
    out.into_bytes()
}

fn log_group(context: &Context<'_>) -> String {
    format!("arn:aws:logs:{}:{}:log-group:/aws-dynamodb/imports:*", context.owner.region, context.owner.account)
}

pub(super) fn list(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = PageRequest::decode(body, "PageSize")?;
    let mut imports = context.jobs().records().list::<ImportRecord>()?;
    if let Some(name) = request.table_name() {
        imports.retain(|import| import.table == name);
    }
    let (page, token) = request.cut(&imports, |import| &import.id)?;
    let mut out = Writer::with_capacity(64 + page.len() * 512);
    out.begin_object();
    out.name("ImportSummaryList");
    out.begin_array();
    for import in page {
        out.begin_object();
        out.string_member("ImportArn", &import.arn);
        out.string_member("ImportStatus", import.status.name());
        out.string_member("TableArn", &context.owner.table_arn(&import.table));
        write_place(&mut out, context, &import.source);
        out.string_member("CloudWatchLogGroupArn", &log_group(context));
        out.string_member("InputFormat", &import.source.format);
        out.time_member("StartTime", import.started_millis);
        out.optional_time_member("EndTime", import.ended_millis);
        out.end_object();
    }
    out.end_array();
    out.optional_member("NextToken", token.as_deref());
    out.end_object();
    Ok(out.into_bytes())
}
