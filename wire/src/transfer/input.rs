//! The items of objects, record by record.
//!
//! A record that is no item is left out, and the next one is read. Bytes that are no record end their object: what follows
//! cannot be told from them.

use super::{
    Compression, DataFormat,
    csv_rows::{CsvForm, CsvRows},
    ion,
    json::{self, Read, Unreadable},
    unpack::unpacked,
};
use std::io::{self, BufRead};

/// Longest text of one record, in bytes; an item of the largest size, escaped throughout, is shorter.
pub(crate) const MAX_RECORD_BYTES: usize = 16 << 20;

/// How objects hold items.
#[derive(Clone, Debug)]
pub(crate) enum InputForm {
    Data(DataFormat),
    Csv(CsvForm),
}

/// What was found at one place of an object.
pub(crate) enum Found {
    /// A record: an item, or what is wrong with it.
    Record(Read),
    /// Nothing that can be read; the object ends with it.
    End(String),
}

/// Calls `each` with what an object holds until it says false. Errors: those of `each`.
pub(crate) fn each_record<E>(
    object: Box<dyn io::Read + Send>,
    compression: Compression,
    form: &InputForm,
    mut each: impl FnMut(Found) -> Result<bool, E>,
) -> Result<(), E> {
    let input = match unpacked(object, compression) {
        Ok(input) => input,
        Err(error) => return each(Found::End(error.to_string())).map(drop),
    };
    match form {
        InputForm::Data(format) => texts(input, *format, each),
        InputForm::Csv(form) => {
            let mut rows = CsvRows::new(input, form);
            while let Some(row) = rows.next() {
                let ends = row.is_err();
                if !each(row.map_or_else(Found::End, Found::Record))? || ends {
                    break;
                }
            }
            Ok(())
        }
    }
}

/// The records of text in one of the two formats. A record may take several lines.
fn texts<E>(
    mut input: Box<dyn BufRead>,
    format: DataFormat,
    mut each: impl FnMut(Found) -> Result<bool, E>,
) -> Result<(), E> {
    let mut buffer = Vec::new();
    loop {
        // What is incomplete is tried again when it is twice as long, so that a long record is not read over and over.
        let wanted = buffer.len() * 2;
        let is_end = match read_lines(&mut input, &mut buffer, wanted) {
            Ok(is_end) => is_end,
            Err(error) => return each(Found::End(error.to_string())).map(drop),
        };
        let used = match take_records(&buffer, format, is_end, &mut each)? {
            Taken::Used(used) => used,
            Taken::Stop => return Ok(()),
        };
        buffer.drain(..used);
        if is_end {
            return Ok(());
        }
        if buffer.len() > MAX_RECORD_BYTES {
            return each(Found::End("a record is too long".to_owned())).map(drop);
        }
    }
}

/// Adds whole lines until there are so many bytes, at least one line; says whether the input has ended.
fn read_lines(input: &mut dyn BufRead, buffer: &mut Vec<u8>, wanted: usize) -> io::Result<bool> {
    loop {
        let room = (MAX_RECORD_BYTES + 1).saturating_sub(buffer.len()) as u64;
        let read = io::Read::take(&mut *input, room).read_until(b'\n', buffer)?;
        if read == 0 {
            return Ok(room > 0);
        }
        if buffer.len() >= wanted || buffer.len() > MAX_RECORD_BYTES {
            return Ok(false);
        }
    }
}

enum Taken {
    Used(usize),
    Stop,
}

fn take_records<E>(
    buffer: &[u8],
    format: DataFormat,
    is_end: bool,
    each: &mut impl FnMut(Found) -> Result<bool, E>,
) -> Result<Taken, E> {
    let text = match std::str::from_utf8(buffer) {
        Ok(text) => text,
        // A record that is longer than what is read at a time may be cut within a character.
        Err(cut) if cut.error_len().is_none() && !is_end => {
            std::str::from_utf8(&buffer[..cut.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => {
            each(Found::End("the bytes are not UTF-8".to_owned()))?;
            return Ok(Taken::Stop);
        }
    };
    let mut at = 0;
    loop {
        let next = match format {
            // What ends with the input ends as it would with a newline.
            DataFormat::Ion if is_end => ion::next_record(&format!("{}\n", &text[at..])),
            DataFormat::Ion => ion::next_record(&text[at..]),
            DataFormat::DynamoDbJson => json::next_record(&text[at..]),
        };
        match next {
            Ok(None) => return Ok(Taken::Used(text.len())),
            Ok(Some((read, used))) => {
                at += used;
                if !each(Found::Record(read))? {
                    return Ok(Taken::Stop);
                }
            }
            Err(Unreadable::Incomplete) if !is_end => return Ok(Taken::Used(at)),
            Err(Unreadable::Incomplete) => {
                each(Found::End("the last record is not complete".to_owned()))?;
                return Ok(Taken::Stop);
            }
            Err(Unreadable::Malformed) => {
                each(Found::End("the bytes are no record".to_owned()))?;
                return Ok(Taken::Stop);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn read(bytes: &[u8], compression: Compression, format: DataFormat) -> Vec<String> {
        let mut found = Vec::new();
        let object: Box<dyn io::Read + Send> = Box::new(io::Cursor::new(bytes.to_vec()));
        let each = |one| {
            found.push(match one {
                Found::Record(Ok(record)) => record.item.to_json(),
                Found::Record(Err(_)) => "bad".to_owned(),
                Found::End(_) => "end".to_owned(),
            });
            Ok::<_, Infallible>(true)
        };
        each_record(object, compression, &InputForm::Data(format), each).unwrap();
        found
    }

    #[test]
    fn records_are_read_until_bytes_are_none() {
        let json = DataFormat::DynamoDbJson;
        let lines = b"{\"Item\":{\"a\":{\"N\":\"1\"}}}\n\n{\"Item\":{\"a\":{\"N\":\"x\"}}}\n{\"other\":1}\n {\"Item\":{}}\ngarbage\n{}";
        assert_eq!(read(lines, Compression::None, json), ["{\"a\":1}", "bad", "bad", "{}", "end"]);
        let spread = b"{\n \"Item\":\n {\"a\": {\"S\": \"x\"}}\n}{\"Item\":{}}";
        assert_eq!(read(spread, Compression::None, json), ["{\"a\":\"x\"}", "{}"]);
        assert_eq!(read(b"{\"Item\":{", Compression::None, json), ["end"]);
        assert_eq!(read(b"\xff\n", Compression::None, json), ["end"]);
        assert_eq!(read(b"", Compression::Gzip, json), [] as [&str; 0]);
        assert_eq!(read(b"{\"Item\":{}}", Compression::Gzip, json), ["end"]);
        assert_eq!(read(b"{\"Item\":{}}", Compression::Zstd, json), ["end"]);
        let ion = b"$ion_1_0 {Item:{a:1}}\n$ion_1_0 {Item:{a:sym}}\n$ion_1_0 {Item:{a:2";
        assert_eq!(read(ion, Compression::None, DataFormat::Ion), ["{\"a\":1}", "bad", "end"]);
        assert_eq!(read(b"{Item:{a:1}}", Compression::None, DataFormat::Ion), ["{\"a\":1}"]);
    }

    #[test]
    fn what_is_read_at_a_time_may_end_within_a_character() {
        let text = "{\"Item\":{}} {\"Item\":{\"a\":{\"S\":\"\u{20ac}";
        for cut in 1..3 {
            let mut found = 0;
            let mut each = |one| {
                assert!(matches!(one, Found::Record(Ok(_))));
                found += 1;
                Ok::<_, Infallible>(true)
            };
            let bytes = &text.as_bytes()[..text.len() - cut];
            let taken = take_records(bytes, DataFormat::DynamoDbJson, false, &mut each).unwrap();
            assert!(matches!(taken, Taken::Used(11 | 12)));
            assert_eq!(found, 1);
        }
    }

    #[test]
    fn a_frame_of_zstd_with_another_checksum_is_damaged() {
        // `printf '{"Item":{}}\n' | zstd -q`: one block as it is, and a checksum.
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x61, 0, 0];
        frame.extend_from_slice(b"{\"Item\":{}}\n");
        frame.extend_from_slice(&[0x24, 0xc3, 0x4d, 0x6f]);
        assert_eq!(read(&frame, Compression::Zstd, DataFormat::DynamoDbJson), ["{}"]);
        let last = frame.len() - 1;
        frame[last] ^= 1;
        assert_eq!(read(&frame, Compression::Zstd, DataFormat::DynamoDbJson).last().unwrap(), "end");
    }

    #[test]
    fn frames_of_zstd_follow_one_another() {
        // Two frames of `zstd -q`, and one to be skipped between them.
        let frame = |text: &[u8]| {
            let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, u8::try_from(text.len()).unwrap()];
            let header = 1 | (u32::try_from(text.len()).unwrap() << 3);
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.extend_from_slice(text);
            frame
        };
        let mut bytes = frame(b"{\"Item\":{}}\n{\"It");
        bytes.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
        bytes.extend_from_slice(&frame(b"em\":{\"a\":{\"N\":\"1\"}}}\n"));
        assert_eq!(read(&bytes, Compression::Zstd, DataFormat::DynamoDbJson), ["{}", "{\"a\":1}"]);
        bytes.pop();
        assert_eq!(read(&bytes, Compression::Zstd, DataFormat::DynamoDbJson).last().unwrap(), "end");
    }
}
