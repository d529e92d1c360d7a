//! Texts that are the elements of a JSON array, or values one after the other, without reading the array as a whole.
//!
//! Only the borders of elements are looked for here: brackets are matched, strings are skipped over. Whether an element
//! is well formed is for its parser to say. A closing bracket that matches nothing ends the element, so that a slip
//! spoils one element and not all that follow.

use super::{MAX_RECORD_BYTES, Text, as_text, lines::BYTE_ORDER_MARK, too_long};
use std::io::{self, BufRead, ErrorKind};

/// Brackets that may be open at a time. Items nest 32 levels, and the parser rejects what is deeper; what is this deep is
/// no data.
const MAX_OPEN_BRACKETS: usize = 10_000;

/// The elements of an input.
pub(super) struct Elements<R> {
    input: R,
    scanner: Scanner,
    line: u64,
}

/// Where the scanner is.
#[derive(Clone, Copy, PartialEq)]
enum ScanState {
    /// Nothing but space was seen.
    Start,
    /// Before an element.
    Between,
    /// In an element that begins with a bracket or a quote.
    Inside,
    /// In a number or word.
    Word,
    /// Behind the array.
    Behind,
    /// Nothing more will be taken.
    End,
}

struct Scanner {
    place: ScanState,
    in_array: bool,
    element: Vec<u8>,
    element_line: u64,
    too_long: bool,
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
}

/// What a byte did.
enum Step {
    /// It was taken.
    Taken,
    /// It was taken, and the element ends with it.
    Last,
    /// The element ended before it; it has to be looked at again.
    Before,
    /// It shows that the input is no longer what it should be.
    Broken(&'static str),
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, scanner: Scanner::new(), line: 1 }
    }
}

impl<R: BufRead> Iterator for Elements<R> {
    type Item = io::Result<Text>;

    fn next(&mut self) -> Option<io::Result<Text>> {
        let Self { input, scanner, line } = self;
        loop {
            if scanner.place == ScanState::End {
                return None;
            }
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Some(Err(error)),
            };
            if chunk.is_empty() {
                return scanner.end_of_input(*line).map(Ok);
            }
            let mut used = 0;
            let mut found = None;
            for byte in chunk {
                let step = scanner.step(*byte, *line);
                if !matches!(step, Step::Before) {
                    used += 1;
                    *line += u64::from(*byte == b'\n');
                }
                match step {
                    Step::Taken => continue,
                    Step::Last | Step::Before => found = Some(scanner.take()),
                    Step::Broken(what) => {
                        scanner.place = ScanState::End;
                        found = Some(Text { line: *line, text: Err(what.to_owned()) });
                    }
                }
                break;
            }
            input.consume(used);
            if found.is_some() {
                return found.map(Ok);
            }
        }
    }
}

impl Scanner {
    fn new() -> Self {
        Self {
            place: ScanState::Start,
            in_array: false,
            element: Vec::new(),
            element_line: 1,
            too_long: false,
            open: Vec::new(),
            in_string: false,
            escaped: false,
        }
    }

    fn step(&mut self, byte: u8, line: u64) -> Step {
        match (self.place, byte) {
            (ScanState::Start | ScanState::Between | ScanState::Behind, b' ' | b'\t' | b'\r' | b'\n') => Step::Taken,
            (ScanState::Start, byte) if BYTE_ORDER_MARK.contains(&byte) => Step::Taken,
            (ScanState::Start, b'[') => {
                self.in_array = true;
                self.place = ScanState::Between;
                Step::Taken
            }
            (ScanState::Between, b',') => Step::Taken,
            (ScanState::Between, b']') if self.in_array => {
                self.place = ScanState::Behind;
                Step::Taken
            }
            (ScanState::Start | ScanState::Between, byte) => {
                self.element_line = line;
                self.place = if matches!(byte, b'{' | b'[' | b'"') { ScanState::Inside } else { ScanState::Word };
                self.inside(byte)
            }
            (ScanState::Behind, _) => Step::Broken("there is something behind the end of the array"),
            (ScanState::Inside, byte) => self.inside(byte),
            (ScanState::Word, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'{' | b'[' | b'"') => Step::Before,
            (ScanState::Word, byte) => {
                self.push(byte);
                Step::Taken
            }
            (ScanState::End, _) => Step::Taken,
        }
    }

    fn inside(&mut self, byte: u8) -> Step {
        if self.in_string {
            self.push(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    if self.open.is_empty() {
                        return Step::Last;
                    }
                }
                _ => {}
            }
            return Step::Taken;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' if self.open.len() >= MAX_OPEN_BRACKETS => {
                return Step::Broken("the nesting is too deep to be data; what follows was not read");
            }
            b'{' | b'[' => self.open.push(byte),
            b'}' | b']' => {
                let partner = if byte == b'}' { b'{' } else { b'[' };
                match self.open.iter().rposition(|open| *open == partner) {
                    Some(position) => self.open.truncate(position),
                    None => self.open.clear(),
                }
                if self.open.is_empty() && byte == b']' && self.element.first() != Some(&b'[') && self.in_array {
                    return Step::Before; // it closes the array; the element was never closed
                }
            }
            _ => {}
        }
        self.push(byte);
        if self.open.is_empty() && !self.in_string && self.place == ScanState::Inside {
            Step::Last
        } else {
            Step::Taken
        }
    }

    fn push(&mut self, byte: u8) {
        if self.element.len() < MAX_RECORD_BYTES {
            self.element.push(byte);
        } else {
            self.too_long = true;
        }
    }

    /// The element that is complete, or as complete as it gets.
    fn take(&mut self) -> Text {
        let text = if self.too_long { Err(too_long()) } else { as_text(&self.element) };
        self.element.clear();
        self.open.clear();
        (self.too_long, self.in_string, self.escaped) = (false, false, false);
        self.place = ScanState::Between;
        Text { line: self.element_line, text }
    }

    fn end_of_input(&mut self, line: u64) -> Option<Text> {
        let last = match self.place {
            ScanState::Inside | ScanState::Word => Some(self.take()),
            ScanState::Between if self.in_array => {
                Some(Text { line, text: Err("the input ends before the array does".to_owned()) })
            }
            _ => None,
        };
        self.place = ScanState::End;
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn elements(input: &str) -> Vec<(u64, String)> {
        // A buffer of one byte puts a border between any two bytes.
        let texts = Elements::new(BufReader::with_capacity(1, input.as_bytes()));
        texts
            .map(|text| text.unwrap())
            .map(|text| (text.line, text.text.unwrap_or_else(|e| format!("! {e}"))))
            .collect()
    }

    fn texts(input: &str) -> Vec<String> {
        elements(input).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn an_array_is_cut_into_its_elements() {
        let input = "\n[ {\"a\":[1,{\"b\":\"]}\\\"\"}]},\n{}\n,3 , \"x,]\",[1,[2]] ]\n";
        let expected = ["{\"a\":[1,{\"b\":\"]}\\\"\"}]}", "{}", "3", "\"x,]\"", "[1,[2]]"];
        assert_eq!(texts(input), expected);
        assert_eq!(elements(input).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 4, 4]);
        assert!(texts(" [ ] ").is_empty() && texts("").is_empty());
    }

    #[test]
    fn values_may_stand_without_an_array() {
        assert_eq!(texts("{\"a\":1}\n{\"a\":2}{\"a\":3}"), ["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
        assert_eq!(texts("\u{FEFF}[{}]"), ["{}"]);
    }

    #[test]
    fn a_slip_spoils_one_element() {
        assert_eq!(texts("[{\"a\":},{\"b\":1}]"), ["{\"a\":}", "{\"b\":1}"]);
        assert_eq!(texts("[{\"a\":[1},{\"b\":1}]"), ["{\"a\":[1}", "{\"b\":1}"]);
        assert_eq!(texts("[{\"a\":1]},{\"b\":1}]")[0], "{\"a\":1");
        assert_eq!(texts("[{\"b\":1},x y,{\"b\":2}]"), ["{\"b\":1}", "x", "y", "{\"b\":2}"]);
    }

    #[test]
    fn an_input_that_ends_early_says_so() {
        assert_eq!(texts("[{\"a\":1},{\"b\""), ["{\"a\":1}", "{\"b\""]);
        assert_eq!(
            elements("[{\"a\":1},\n"),
            [(1, "{\"a\":1}".to_owned()), (2, "! the input ends before the array does".to_owned())]
        );
        assert_eq!(texts("[{}] {}"), ["{}", "! there is something behind the end of the array"]);
    }

    #[test]
    fn what_is_too_much_is_not_kept() {
        let long = format!("[\"{}\",{{}}]", "x".repeat(MAX_RECORD_BYTES));
        let texts: Vec<Text> = Elements::new(long.as_bytes()).map(|text| text.unwrap()).collect();
        assert_eq!(texts[0].text, Err(too_long()));
        assert_eq!(texts[1].text, Ok("{}".to_owned()));
        let deep = "[".repeat(MAX_OPEN_BRACKETS + 2);
        let texts: Vec<Text> = Elements::new(deep.as_bytes()).map(|text| text.unwrap()).collect();
        assert!(texts.len() == 1 && texts[0].text.is_err());
    }
}
