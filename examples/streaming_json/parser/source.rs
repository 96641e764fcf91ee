//! The input, chunk by chunk, and what can be wrong with it.

use std::fmt;
use std::io::{self, Read};
use stealpool::{Guard, Recycle};

/// Bytes asked for in one read.
pub(crate) const CHUNK: usize = 64 << 10;

/// A piece of the input.
pub(crate) struct Chunk {
    bytes: Box<[u8]>,
    /// The unread part.
    at: usize,
    end: usize,
}

impl Chunk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Chunk { bytes: vec![0; CHUNK].into(), at: 0, end: 0 }
    }
}

impl Recycle for Chunk {
    fn recycle(&mut self) {
        (self.at, self.end) = (0, 0);
    }

    fn footprint(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }
}

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Error {
    /// Bytes of input before the place.
    pub(crate) offset: u64,
    pub(crate) problem: Problem,
}

/// What is wrong.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Another byte, or the end of the input, is where something else belongs.
    Unexpected { wanted: &'static str, found: Option<u8> },
    /// Values are nested too deep.
    TooDeep,
    /// The string that begins here is not UTF-8.
    NotUtf8,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// The input cannot be read.
    Read(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: ", self.offset)?;
        match &self.problem {
            Problem::Unexpected { wanted, found: None } => {
                write!(f, "expected {wanted}, found the end")
            }
            Problem::Unexpected { wanted, found: Some(byte) } => {
                write!(f, "expected {wanted}, found {}", Shown(*byte))
            }
            Problem::TooDeep => write!(f, "nested deeper than {}", super::MAX_DEPTH),
            Problem::NotUtf8 => f.write_str("a string that is not UTF-8"),
            Problem::LoneSurrogate => f.write_str("half of a surrogate pair"),
            Problem::Read(error) => write!(f, "cannot read on: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Read(error) => Some(error),
            _ => None,
        }
    }
}

/// A byte for the eye.
struct Shown(u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            byte @ 0x20..0x7f => write!(f, "'{}'", byte as char),
            byte => write!(f, "the byte 0x{byte:02x}"),
        }
    }
}

/// A reader and the chunk that it fills.
pub(crate) struct Source<'p, R> {
    reader: R,
    chunk: Guard<'p, Chunk>,
    /// Bytes in the chunks before this one.
    before: u64,
}

impl<'p, R: Read> Source<'p, R> {
    /// A source that has read nothing yet.
    pub(crate) fn new(reader: R, chunk: Guard<'p, Chunk>) -> Self {
        Source { reader, chunk, before: 0 }
    }

    /// The unread part of the chunk, of the next one if it was empty. Empty at the end.
    pub(crate) fn rest(&mut self) -> Result<&[u8], Error> {
        if self.chunk.at == self.chunk.end {
            self.refill()?;
        }
        let chunk = &*self.chunk;
        Ok(&chunk.bytes[chunk.at..chunk.end])
    }

    #[cold]
    fn refill(&mut self) -> Result<(), Error> {
        let chunk = &mut *self.chunk;
        self.before += chunk.end as u64;
        (chunk.at, chunk.end) = (0, 0);
        loop {
            match self.reader.read(&mut chunk.bytes) {
                Ok(length) => {
                    chunk.end = length;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error { offset: self.before, problem: Problem::Read(error) });
                }
            }
        }
    }

    /// The next byte, which stays. `None` at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, Error> {
        Ok(self.rest()?.first().copied())
    }

    /// Passes over the byte that was peeked at.
    pub(crate) fn bump(&mut self) {
        self.skip(1);
    }

    /// Passes over as many bytes of the rest.
    pub(crate) fn skip(&mut self, length: usize) {
        let chunk = &mut *self.chunk;
        chunk.at = (chunk.at + length).min(chunk.end);
    }

    /// Passes over blanks and peeks at what follows.
    pub(crate) fn skip_blank(&mut self) -> Result<Option<u8>, Error> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.bump(),
                found => return Ok(found),
            }
        }
    }

    /// Passes over blanks and this byte.
    pub(crate) fn expect(&mut self, byte: u8, wanted: &'static str) -> Result<(), Error> {
        match self.skip_blank()? {
            Some(found) if found == byte => {
                self.bump();
                Ok(())
            }
            found => Err(self.unexpected(wanted, found)),
        }
    }

    /// Bytes of input before the next one.
    pub(crate) fn offset(&self) -> u64 {
        self.before + self.chunk.at as u64
    }

    /// An error at the next byte.
    pub(crate) fn fail(&self, problem: Problem) -> Error {
        Error { offset: self.offset(), problem }
    }

    /// The error that the next byte is not what belongs there.
    pub(crate) fn unexpected(&self, wanted: &'static str, found: Option<u8>) -> Error {
        self.fail(Problem::Unexpected { wanted, found })
    }
}
