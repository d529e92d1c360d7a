//! The pull parser: the caller asks for what it expects next.
//!
//! A [`Reader`] walks over a text once, from front to back. The caller looks at the kind of the next value
//! ([`Reader::peek`]), then takes it as a string, a number, a literal, an object or an array, or skips it. Skipping is
//! a loop with a counter; taking apart objects and arrays recurses only as deep as the caller does. Both count the
//! same depth and reject more than [`MAX_DEPTH`].

use std::borrow::Cow;

/// Deepest nesting of a text. DynamoDB's own parser gives up at about the same depth, without a message.
const MAX_DEPTH: usize = 2_000;

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// It is not JSON. DynamoDB says no more than that either.
    Syntax,
    /// Objects and arrays are nested too deeply for the reader.
    TooDeep,
    /// A string holds one half of a surrogate pair, which stands for no character: what is stored could not be what was sent.
    LoneSurrogate,
    /// It is JSON, but a value is of another kind than the one expected there: what DynamoDB says of it.
    Kind(Cow<'static, str>),
}

/// The kind of the value that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `{..}`
    Object,
    /// `[..]`
    Array,
    /// `".."`
    String,
    /// A number.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

/// A position in a JSON text.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of a text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Which kind of value comes next.
    pub fn peek(&mut self) -> Result<Token, Malformed> {
        match self.peek_byte()? {
            b'{' => Ok(Token::Object),
            b'[' => Ok(Token::Array),
            b'"' => Ok(Token::String),
            b't' => Ok(Token::True),
            b'f' => Ok(Token::False),
            b'n' => Ok(Token::Null),
            b'-' | b'0'..=b'9' => Ok(Token::Number),
            _ => Err(Malformed::Syntax),
        }
    }

    /// Consumes `true`, `false` or `null`.
    pub fn literal(&mut self) -> Result<(), Malformed> {
        let word = match self.peek()? {
            Token::True => "true",
            Token::False => "false",
            Token::Null => "null",
            _ => return Err(Malformed::Syntax),
        };
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Malformed::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    /// Takes a number as it is written.
    pub fn number(&mut self) -> Result<&'a str, Malformed> {
        self.peek_byte()?;
        let start = self.at;
        self.take_if(b'-');
        if !self.take_if(b'0') && self.digits() == 0 {
            return Err(Malformed::Syntax);
        }
        if self.take_if(b'.') && self.digits() == 0 {
            return Err(Malformed::Syntax);
        }
        if self.take_if(b'e') || self.take_if(b'E') {
            let _sign = self.take_if(b'+') || self.take_if(b'-');
            if self.digits() == 0 {
                return Err(Malformed::Syntax);
            }
        }
        Ok(&self.text[start..self.at])
    }

    /// Takes a string; borrowed from the text unless it has escapes.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.peek_byte()?;
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.byte()? {
                b'"' => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                b'\\' => return self.escaped(start).map(Cow::Owned),
                0x00..=0x1f => return Err(Malformed::Syntax),
                _ => self.at += 1,
            }
        }
    }

    /// Takes an object; `member` is called at each value with the member's name, and has to consume the value.
    pub fn object<E: From<Malformed>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'{')?;
        self.enter()?;
        if self.peek_byte()? == b'}' {
            self.leave();
            return Ok(());
        }
        loop {
            let name = self.string()?;
            self.peek_byte()?;
            self.expect(b':')?;
            member(self, name)?;
            match self.peek_byte()? {
                b',' => self.at += 1,
                b'}' => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(Malformed::Syntax.into()),
            }
        }
    }

    /// Takes an array; `element` is called at each value, and has to consume it.
    pub fn array<E: From<Malformed>>(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.expect(b'[')?;
        self.enter()?;
        if self.peek_byte()? == b']' {
            self.leave();
            return Ok(());
        }
        loop {
            element(self)?;
            match self.peek_byte()? {
                b',' => self.at += 1,
                b']' => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(Malformed::Syntax.into()),
            }
        }
    }

    /// Takes any value as it is written.
    pub fn raw(&mut self) -> Result<&'a str, Malformed> {
        self.peek()?;
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// Skips one value of any kind, without recursion.
    pub fn skip(&mut self) -> Result<(), Malformed> {
        self.skip_and_measure().map(drop)
    }

    /// The same; how many levels of objects and arrays the value has.
    pub fn skip_and_measure(&mut self) -> Result<usize, Malformed> {
        // One bit per open bracket would do; a byte keeps it plain, and MAX_DEPTH bounds it.
        let mut open: Vec<u8> = Vec::new();
        let mut depth = 0;
        loop {
            depth = depth.max(open.len());
            match self.peek()? {
                Token::String => self.skip_string()?,
                Token::Number => self.number().map(drop)?,
                Token::True | Token::False | Token::Null => self.literal()?,
                Token::Object => {
                    self.at += 1;
                    if self.peek_byte()? == b'}' {
                        self.at += 1;
                    } else {
                        self.member_name()?;
                        self.open(&mut open, b'}')?;
                        continue;
                    }
                }
                Token::Array => {
                    self.at += 1;
                    if self.peek_byte()? == b']' {
                        self.at += 1;
                    } else {
                        self.open(&mut open, b']')?;
                        continue;
                    }
                }
            }
            if self.close(&mut open)? {
                return Ok(depth);
            }
        }
    }

    /// Only white space may follow the outermost value.
    pub fn finish(&mut self) -> Result<(), Malformed> {
        self.skip_white_space();
        if self.at == self.text.len() { Ok(()) } else { Err(Malformed::Syntax) }
    }

    /// The rest of an escaped string; `start` is where it begins, `at` is at the first backslash.
    fn escaped(&mut self, start: usize) -> Result<String, Malformed> {
        let mut out = String::from(&self.text[start..self.at]);
        loop {
            match self.byte()? {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                0x00..=0x1f => return Err(Malformed::Syntax),
                _ => {
                    let from = self.at;
                    while !matches!(self.byte()?, b'"' | b'\\' | 0x00..=0x1f) {
                        self.at += 1;
                    }
                    out.push_str(&self.text[from..self.at]);
                }
            }
        }
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Result<char, Malformed> {
        let kind = self.byte()?;
        self.at += 1;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex4()?;
                if (0xd800..0xdc00).contains(&high) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    let low = self.hex4()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        return char::from_u32(code).ok_or(Malformed::LoneSurrogate);
                    }
                }
                char::from_u32(high).ok_or(Malformed::LoneSurrogate)?
            }
            _ => return Err(Malformed::Syntax),
        })
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Malformed::Syntax)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + char::from(*digit).to_digit(16).ok_or(Malformed::Syntax)?;
        }
        self.at += 4;
        Ok(code)
    }

    fn skip_string(&mut self) -> Result<(), Malformed> {
        self.expect(b'"')?;
        loop {
            match self.byte()? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.at += 1;
                    self.escape()?;
                }
                0x00..=0x1f => return Err(Malformed::Syntax),
                _ => self.at += 1,
            }
        }
    }

    fn member_name(&mut self) -> Result<(), Malformed> {
        self.peek_byte()?;
        self.skip_string()?;
        self.peek_byte()?;
        self.expect(b':')
    }

    fn open(&mut self, open: &mut Vec<u8>, closer: u8) -> Result<(), Malformed> {
        open.push(closer);
        if self.depth + open.len() > MAX_DEPTH { Err(Malformed::TooDeep) } else { Ok(()) }
    }

    /// After a value inside `skip`: goes on to the next value, or closes brackets; true when none is left open.
    fn close(&mut self, open: &mut Vec<u8>) -> Result<bool, Malformed> {
        while let Some(&closer) = open.last() {
            match self.peek_byte()? {
                b',' => {
                    self.at += 1;
                    if closer == b'}' {
                        self.member_name()?;
                    }
                    return Ok(false);
                }
                byte if byte == closer => {
                    self.at += 1;
                    open.pop();
                }
                _ => return Err(Malformed::Syntax),
            }
        }
        Ok(true)
    }

    fn enter(&mut self) -> Result<(), Malformed> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Malformed::TooDeep) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn take_if(&mut self, byte: u8) -> bool {
        let is_next = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.take_if(byte) { Ok(()) } else { Err(Malformed::Syntax) }
    }

    fn byte(&self) -> Result<u8, Malformed> {
        self.text.as_bytes().get(self.at).copied().ok_or(Malformed::Syntax)
    }

    fn peek_byte(&mut self) -> Result<u8, Malformed> {
        self.skip_white_space();
        self.byte()
    }

    fn skip_white_space(&mut self) {
        while matches!(self.text.as_bytes().get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}
