//! Where the objects of an export are, and the files that list them.
//!
//! ```text
//! PREFIX/AWSDynamoDB/ID/_started                             empty, written first
//! PREFIX/AWSDynamoDB/ID/data/NAME.json.gz                    of a full export
//! PREFIX/AWSDynamoDB/data/NAME.json.gz                       of an incremental export
//! PREFIX/AWSDynamoDB/ID/manifest-files.json                  a line for each data file
//! PREFIX/AWSDynamoDB/ID/manifest-files.md5
//! PREFIX/AWSDynamoDB/ID/manifest-summary.json
//! PREFIX/AWSDynamoDB/ID/manifest-summary.md5                 written last: the export is complete
//! ```

use super::DataFormat;
use crate::json::Writer;
use hashrange::{date, item::base64};
use md5::{Digest, Md5};
use sha2::Sha256;

/// Letters of the names of data files.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const NAME_LETTERS: usize = 26;

/// The keys of one export.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// `AWSDynamoDB/`, with the prefix before it.
    base: String,
    id: String,
}

impl Layout {
    pub(crate) fn new(prefix: Option<&str>, id: &str) -> Self {
        let prefix = prefix.unwrap_or_default();
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        Self { base: format!("{prefix}{slash}AWSDynamoDB/"), id: id.to_owned() }
    }
    /// The key of a file that belongs to the export alone.
    pub(crate) fn own(&self, name: &str) -> String {
        format!("{}{}/{name}", self.base, self.id)
    }
    /// The key of the data file of that number. The same export gives the same names, so that one that is begun again writes
    /// over what it left.
    pub(crate) fn data(&self, number: usize, is_incremental: bool, format: DataFormat) -> String {
        let digest = Sha256::digest(format!("{}/{number}", self.id));
        let name: String = digest.iter().cycle().take(NAME_LETTERS).map(|byte| letter(*byte)).collect();
        let folder = if is_incremental { format!("{}data/", self.base) } else { self.own("data/") };
        format!("{folder}{name}.{}", format.ending())
    }
}

fn letter(byte: u8) -> char {
    char::from(LETTERS[usize::from(byte % 32)])
}

/// A data file that was written.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    pub(crate) key: String,
    pub(crate) items: u64,
    /// MD5 of the object as it is stored.
    pub(crate) md5: [u8; 16],
}

/// `manifest-files.json`.
pub(crate) fn files(data: &[DataFile]) -> Vec<u8> {
    let mut lines = Vec::new();
    for file in data {
        let mut out = Writer::with_capacity(256);
        out.begin_object();
        out.integer_member("itemCount", file.items);
        out.string_member("md5Checksum", &base64::encode(&file.md5));
        // What S3 gives an object that was uploaded in one part.
        let of_parts: String = Md5::digest(file.md5).iter().map(|byte| format!("{byte:02x}")).collect();
        out.string_member("etag", &format!("{of_parts}-1"));
        out.string_member("dataFileS3Key", &file.key);
        out.end_object();
        lines.extend_from_slice(&out.into_bytes());
        lines.push(b'\n');
    }
    lines
}

/// The content of a `.md5` file: base64, 24 letters, no newline.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    base64::encode(&Md5::digest(bytes))
}

/// What `manifest-summary.json` says.
pub(crate) struct Summary<'a> {
    pub(crate) export_arn: &'a str,
    pub(crate) start_millis: u64,
    pub(crate) end_millis: u64,
    pub(crate) table_arn: &'a str,
    pub(crate) table_id: &'a str,
    pub(crate) span: Span,
    pub(crate) bucket: &'a str,
    pub(crate) prefix: Option<&'a str>,
    pub(crate) sse_algorithm: &'a str,
    pub(crate) sse_key: Option<&'a str>,
    pub(crate) files_key: &'a str,
    pub(crate) billed_bytes: u64,
    pub(crate) items: u64,
    pub(crate) format: DataFormat,
}

/// The time that an export is about, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    /// All of the table at one moment.
    Full { at_millis: u64 },
    /// What changed from one moment to another.
    Incremental { from_millis: u64, to_millis: u64, view: &'static str },
}

impl Summary<'_> {
    /// `manifest-summary.json`, in one line.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(1_024);
        let time = |out: &mut Writer, name: &str, millis: u64| out.string_member(name, &instant(millis));
        out.begin_object();
        let version = if matches!(self.span, Span::Full { .. }) { "2020-06-30" } else { "2023-08-01" };
        out.string_member("version", version);
        out.string_member("exportArn", self.export_arn);
        time(&mut out, "startTime", self.start_millis);
        time(&mut out, "endTime", self.end_millis);
        out.string_member("tableArn", self.table_arn);
        out.string_member("tableId", self.table_id);
        match self.span {
            Span::Full { at_millis } => time(&mut out, "exportTime", at_millis),
            Span::Incremental { from_millis, to_millis, .. } => {
                time(&mut out, "exportFromTime", from_millis);
                time(&mut out, "exportToTime", to_millis);
            }
        }
        out.string_member("s3Bucket", self.bucket);
        optional(&mut out, "s3Prefix", self.prefix);
        out.string_member("s3SseAlgorithm", self.sse_algorithm);
        optional(&mut out, "s3SseKmsKeyId", self.sse_key);
        out.string_member("manifestFilesS3Key", self.files_key);
        out.integer_member("billedSizeBytes", self.billed_bytes);
        out.integer_member("itemCount", self.items);
        out.string_member("outputFormat", self.format.name());
        if let Span::Incremental { view, .. } = self.span {
            out.string_member("outputView", view);
            out.string_member("exportType", "INCREMENTAL_EXPORT");
        }
        out.end_object();
        out.into_bytes()
    }
}

fn optional(out: &mut Writer, name: &str, text: Option<&str>) {
    out.name(name);
    match text {
        Some(text) => out.string(text),
        None => out.null(),
    }
}

/// A time as manifests write it: `2020-11-04T07:28:34.028Z`.
pub(crate) fn instant(millis: u64) -> String {
    format!("{}Z", date::label(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_slash_behind_the_prefix() {
        for (prefix, expected) in [
            (None, "AWSDynamoDB/1-a/_started"),
            (Some(""), "AWSDynamoDB/1-a/_started"),
            (Some("foo"), "foo/AWSDynamoDB/1-a/_started"),
            (Some("foo/"), "foo/AWSDynamoDB/1-a/_started"),
        ] {
            assert_eq!(Layout::new(prefix, "1-a").own("_started"), expected);
        }
        let layout = Layout::new(Some("p"), "1-a");
        let (full, part) = (layout.data(0, false, DataFormat::Ion), layout.data(0, true, DataFormat::DynamoDbJson));
        assert!(full.starts_with("p/AWSDynamoDB/1-a/data/") && full.ends_with(".ion.gz"), "{full}");
        assert!(part.starts_with("p/AWSDynamoDB/data/") && part.ends_with(".json.gz"), "{part}");
        assert_ne!(full, layout.data(1, false, DataFormat::Ion));
    }

    #[test]
    fn checksums_are_base64_of_md5() {
        assert_eq!(checksum(b"hello"), "XUFAKrxLKna5cZ2REBfFkg==");
        let file = DataFile { key: "k".to_owned(), items: 3, md5: Md5::digest(b"hello").into() };
        let expected = "{\"itemCount\":3,\"md5Checksum\":\"XUFAKrxLKna5cZ2REBfFkg==\",\
                        \"etag\":\"62109206880d38a4010a98e11243924a-1\",\"dataFileS3Key\":\"k\"}\n";
        assert_eq!(String::from_utf8(files(&[file])).unwrap(), expected);
    }
}
