//! A streaming parser: one pooled record for each element of a JSON array of any length.
//!
//! Three kinds of object are pooled, and each guard lives as long as it is needed: the chunk from
//! the first read to the end of the array, the token while one record is parsed, the record until
//! the caller drops it. Every `?` below returns early and gives back what is held: no path forgets.

mod record;
mod source;

pub(crate) use record::{Record, Value};
pub(crate) use source::{Error, Problem};

use record::{Kind, Span};
use source::{Chunk, Source};
use std::io::Read;
use stealpool::{Builder, Guard, Pool};

/// Values may be nested this deep, a record itself being at depth 0.
pub(crate) const MAX_DEPTH: usize = 128;

/// Strings and numbers longer than this, and records that weigh more, are not worth keeping: the
/// next ones are small again.
const KEEP_BYTES: usize = 1 << 20;

/// What parsing borrows. One set serves any number of parses, in turn or at the same time.
pub(crate) struct Pools {
    /// Pieces of the input.
    pub(crate) chunks: Pool<Chunk>,
    /// Strings and numbers while they are put together.
    pub(crate) tokens: Pool<Vec<u8>>,
    /// Elements of the array.
    pub(crate) records: Pool<Record>,
}

impl Pools {
    /// Empty pools; nothing is allocated before the first parse.
    pub(crate) const fn new() -> Self {
        let some = Builder::new().max_object_bytes(KEEP_BYTES);
        Pools {
            chunks: Builder::new().name("chunks").build(Chunk::new),
            tokens: some.name("tokens").build(Vec::new),
            records: some.name("records").build(Record::new),
        }
    }
}

/// The elements of a JSON array, one after the other. Ends after the first error.
pub(crate) struct Records<'p, R> {
    pools: &'p Pools,
    /// `None` once the array has ended, well or badly: the chunk is back in its pool by then.
    source: Option<Source<'p, R>>,
    is_first: bool,
    bytes: u64,
}

impl<'p, R: Read> Records<'p, R> {
    /// Starts to parse what `reader` yields. A large read each time: no `BufReader` is needed.
    pub(crate) fn new(reader: R, pools: &'p Pools) -> Self {
        let source = Some(Source::new(reader, pools.chunks.get()));
        Records { pools, source, is_first: true, bytes: 0 }
    }

    /// Bytes parsed so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.source.as_ref().map_or(self.bytes, |source| source.offset())
    }

    fn advance(&mut self) -> Result<Option<Guard<'p, Record>>, Error> {
        let Some(source) = &mut self.source else {
            return Ok(None);
        };
        if std::mem::take(&mut self.is_first) {
            source.expect(b'[', "'[', the beginning of an array")?;
            if source.skip_blank()? == Some(b']') {
                source.bump();
                return finish(source);
            }
        } else {
            match source.skip_blank()? {
                Some(b',') => source.bump(),
                Some(b']') => {
                    source.bump();
                    return finish(source);
                }
                found => return Err(source.unexpected("',' or ']' after a record", found)),
            }
        }
        let mut record = self.pools.records.get();
        let mut token = self.pools.tokens.get();
        let mut parser = Parser { source, token: &mut token, record: &mut record };
        parser.value(None, 0)?;
        Ok(Some(record))
    }
}

impl<'p, R: Read> Iterator for Records<'p, R> {
    type Item = Result<Guard<'p, Record>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance();
        if !matches!(result, Ok(Some(_))) {
            self.bytes = self.bytes();
            self.source = None;
        }
        result.transpose()
    }
}

/// After the array only blanks may follow.
fn finish<'p, R: Read>(source: &mut Source<'_, R>) -> Result<Option<Guard<'p, Record>>, Error> {
    match source.skip_blank()? {
        None => Ok(None),
        found => Err(source.unexpected("nothing after the array", found)),
    }
}

/// The parser of one record.
struct Parser<'a, 'p, R> {
    source: &'a mut Source<'p, R>,
    token: &'a mut Vec<u8>,
    record: &'a mut Record,
}

impl<R: Read> Parser<'_, '_, R> {
    fn value(&mut self, name: Option<Span>, depth: usize) -> Result<(), Error> {
        match self.source.skip_blank()? {
            Some(b'{' | b'[') if depth == MAX_DEPTH => Err(self.source.fail(Problem::TooDeep)),
            Some(b'{') => self.object(name, depth),
            Some(b'[') => self.array(name, depth),
            Some(b'"') => {
                let text = self.string()?;
                self.add(name, Kind::Text(text), depth)
            }
            Some(b'-' | b'0'..=b'9') => {
                let text = self.number()?;
                self.add(name, Kind::Number(text), depth)
            }
            Some(b't') => self.word("true", name, Kind::Bool(true), depth),
            Some(b'f') => self.word("false", name, Kind::Bool(false), depth),
            Some(b'n') => self.word("null", name, Kind::Null, depth),
            found => Err(self.source.unexpected("a value", found)),
        }
    }

    fn add(&mut self, name: Option<Span>, kind: Kind, depth: usize) -> Result<(), Error> {
        self.record.push(name, kind, depth);
        Ok(())
    }

    fn object(&mut self, name: Option<Span>, depth: usize) -> Result<(), Error> {
        self.source.bump();
        self.add(name, Kind::Object, depth)?;
        if self.source.skip_blank()? == Some(b'}') {
            self.source.bump();
            return Ok(());
        }
        loop {
            match self.source.skip_blank()? {
                Some(b'"') => {}
                found => {
                    return Err(self.source.unexpected("'\"', the beginning of a name", found));
                }
            }
            let member = self.string()?;
            self.source.expect(b':', "':' after a name")?;
            self.value(Some(member), depth + 1)?;
            match self.source.skip_blank()? {
                Some(b',') => self.source.bump(),
                Some(b'}') => break,
                found => return Err(self.source.unexpected("',' or '}' after a member", found)),
            }
        }
        self.source.bump();
        Ok(())
    }

    fn array(&mut self, name: Option<Span>, depth: usize) -> Result<(), Error> {
        self.source.bump();
        self.add(name, Kind::Array, depth)?;
        if self.source.skip_blank()? == Some(b']') {
            self.source.bump();
            return Ok(());
        }
        loop {
            self.value(None, depth + 1)?;
            match self.source.skip_blank()? {
                Some(b',') => self.source.bump(),
                Some(b']') => break,
                found => return Err(self.source.unexpected("',' or ']' after an element", found)),
            }
        }
        self.source.bump();
        Ok(())
    }

    fn word(
        &mut self,
        word: &'static str,
        name: Option<Span>,
        kind: Kind,
        depth: usize,
    ) -> Result<(), Error> {
        for byte in word.bytes() {
            match self.source.peek()? {
                Some(found) if found == byte => self.source.bump(),
                found => return Err(self.source.unexpected(word, found)),
            }
        }
        self.add(name, kind, depth)
    }

    /// A number, kept as its text: JSON sets no limit to its digits.
    fn number(&mut self) -> Result<Span, Error> {
        self.token.clear();
        self.take_if(|byte| byte == b'-')?;
        if !self.take_if(|byte| byte == b'0')? {
            self.digits()?;
        }
        if self.take_if(|byte| byte == b'.')? {
            self.digits()?;
        }
        if self.take_if(|byte| matches!(byte, b'e' | b'E'))? {
            self.take_if(|byte| matches!(byte, b'+' | b'-'))?;
            self.digits()?;
        }
        let text = std::str::from_utf8(self.token).expect("all of it is ASCII");
        Ok(self.record.keep(text))
    }

    fn digits(&mut self) -> Result<(), Error> {
        if !self.take_if(|byte| byte.is_ascii_digit())? {
            let found = self.source.peek()?;
            return Err(self.source.unexpected("a digit", found));
        }
        while self.take_if(|byte| byte.is_ascii_digit())? {}
        Ok(())
    }

    /// Moves the next byte to the token if it is one of these.
    fn take_if(&mut self, is_wanted: impl Fn(u8) -> bool) -> Result<bool, Error> {
        match self.source.peek()? {
            Some(byte) if is_wanted(byte) => {
                self.token.push(byte);
                self.source.bump();
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A string, unescaped, kept in the record.
    fn string(&mut self) -> Result<Span, Error> {
        let start = self.source.offset();
        self.source.bump();
        self.token.clear();
        loop {
            let rest = self.source.rest()?;
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let length = plain.unwrap_or(rest.len());
            self.token.extend_from_slice(&rest[..length]);
            self.source.skip(length);
            if plain.is_none() && length > 0 {
                continue;
            }
            match self.source.peek()? {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                found => return Err(self.source.unexpected("the rest of a string", found)),
            }
        }
        self.source.bump();
        match std::str::from_utf8(self.token) {
            Ok(text) => Ok(self.record.keep(text)),
            Err(_) => Err(Error { offset: start, problem: Problem::NotUtf8 }),
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        let start = self.source.offset();
        self.source.bump();
        let character = match self.source.peek()? {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte as char,
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.source.bump();
                let character = self.code_point(start)?;
                self.token.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            found => return Err(self.source.unexpected("an escape", found)),
        };
        self.source.bump();
        self.token.push(character as u8);
        Ok(())
    }

    /// What follows `\u`: four digits, or two surrogates. The escape began at `start`.
    fn code_point(&mut self, start: u64) -> Result<char, Error> {
        let first = self.four_digits()?;
        let lone = Error { offset: start, problem: Problem::LoneSurrogate };
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(lone);
        }
        for byte in *b"\\u" {
            match self.source.peek()? {
                Some(found) if found == byte => self.source.bump(),
                None => return Err(self.source.unexpected("the other half of a pair", None)),
                Some(_) => return Err(lone),
            }
        }
        match self.four_digits()? {
            second @ 0xdc00..0xe000 => {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                char::from_u32(code).ok_or(lone)
            }
            _ => Err(lone),
        }
    }

    fn four_digits(&mut self) -> Result<u32, Error> {
        let mut number = 0;
        for _ in 0..4 {
            let found = self.source.peek()?;
            let Some(digit) = found.and_then(|byte| (byte as char).to_digit(16)) else {
                return Err(self.source.unexpected("a hexadecimal digit", found));
            };
            number = number * 16 + digit;
            self.source.bump();
        }
        Ok(number)
    }
}
