//! Guards read and write as what they hold does: a guard goes where a `Read`, `BufRead`, `Seek`, `Write` or
//! `fmt::Write` is wanted, by value, too (an encoder that owns its writer).

use crate::guard::{Guard, OwnedGuard};
use crate::policy::Policy;
use std::fmt;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};

macro_rules! pass_through {
    ($guard:ident, [$($lifetime:lifetime)?]) => {
        impl<$($lifetime,)? T: Read + Send + 'static, P: Policy<T>> Read for $guard<$($lifetime,)? T, P> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                (**self).read(into)
            }

            fn read_vectored(&mut self, into: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (**self).read_vectored(into)
            }

            fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
                (**self).read_to_end(into)
            }

            fn read_to_string(&mut self, into: &mut String) -> io::Result<usize> {
                (**self).read_to_string(into)
            }

            fn read_exact(&mut self, into: &mut [u8]) -> io::Result<()> {
                (**self).read_exact(into)
            }
        }

        impl<$($lifetime,)? T: BufRead + Send + 'static, P: Policy<T>> BufRead
            for $guard<$($lifetime,)? T, P>
        {
            fn fill_buf(&mut self) -> io::Result<&[u8]> {
                (**self).fill_buf()
            }

            fn consume(&mut self, count: usize) {
                (**self).consume(count);
            }

            fn read_until(&mut self, end: u8, into: &mut Vec<u8>) -> io::Result<usize> {
                (**self).read_until(end, into)
            }

            fn read_line(&mut self, into: &mut String) -> io::Result<usize> {
                (**self).read_line(into)
            }

            fn skip_until(&mut self, end: u8) -> io::Result<usize> {
                (**self).skip_until(end)
            }
        }

        impl<$($lifetime,)? T: Seek + Send + 'static, P: Policy<T>> Seek for $guard<$($lifetime,)? T, P> {
            fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                (**self).seek(to)
            }

            fn rewind(&mut self) -> io::Result<()> {
                (**self).rewind()
            }

            fn stream_position(&mut self) -> io::Result<u64> {
                (**self).stream_position()
            }

            fn seek_relative(&mut self, by: i64) -> io::Result<()> {
                Seek::seek_relative(&mut **self, by)
            }
        }

        impl<$($lifetime,)? T: Write + Send + 'static, P: Policy<T>> Write for $guard<$($lifetime,)? T, P> {
            fn write(&mut self, from: &[u8]) -> io::Result<usize> {
                (**self).write(from)
            }

            fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
                (**self).write_vectored(from)
            }

            fn flush(&mut self) -> io::Result<()> {
                (**self).flush()
            }

            fn write_all(&mut self, from: &[u8]) -> io::Result<()> {
                (**self).write_all(from)
            }

            fn write_fmt(&mut self, what: fmt::Arguments<'_>) -> io::Result<()> {
                (**self).write_fmt(what)
            }
        }

        impl<$($lifetime,)? T: fmt::Write + Send + 'static, P: Policy<T>> fmt::Write
            for $guard<$($lifetime,)? T, P>
        {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                (**self).write_str(text)
            }

            fn write_char(&mut self, character: char) -> fmt::Result {
                (**self).write_char(character)
            }

            fn write_fmt(&mut self, what: fmt::Arguments<'_>) -> fmt::Result {
                (**self).write_fmt(what)
            }
        }
    };
}

pass_through!(Guard, ['a]);
pass_through!(OwnedGuard, []);
