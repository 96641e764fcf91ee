//! Guards implement `Read`, `BufRead`, `Seek`, `Write` and `fmt::Write` if their objects do. So an encoder that owns
//! its writer can own a guard.

use crate::guard::{Guard, OwnedGuard};
use crate::policy::Policy;
use std::fmt;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};

/// Implements a trait for both guards by forwarding these methods to the object.
macro_rules! pass_through {
    ($trait:path { $($method:ident($($argument:ident: $type:ty),*) -> $result:ty;)* }) => {
        pass_through!([Guard<'a, T, P>, 'a] $trait { $($method($($argument: $type),*) -> $result;)* });
        pass_through!([OwnedGuard<T, P>,] $trait { $($method($($argument: $type),*) -> $result;)* });
    };
    ([$guard:ty, $($lifetime:lifetime)?] $trait:path {
        $($method:ident($($argument:ident: $type:ty),*) -> $result:ty;)*
    }) => {
        impl<$($lifetime,)? T: $trait + Send + 'static, P: Policy<T>> $trait for $guard {
            $(fn $method(&mut self, $($argument: $type),*) -> $result {
                <T as $trait>::$method(self, $($argument),*)
            })*
        }
    };
}

pass_through!(Read {
    read(into: &mut [u8]) -> io::Result<usize>;
    read_vectored(into: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
    read_to_end(into: &mut Vec<u8>) -> io::Result<usize>;
    read_to_string(into: &mut String) -> io::Result<usize>;
    read_exact(into: &mut [u8]) -> io::Result<()>;
});
pass_through!(BufRead {
    fill_buf() -> io::Result<&[u8]>;
    consume(count: usize) -> ();
    read_until(end: u8, into: &mut Vec<u8>) -> io::Result<usize>;
    read_line(into: &mut String) -> io::Result<usize>;
    skip_until(end: u8) -> io::Result<usize>;
});
pass_through!(Seek {
    seek(to: SeekFrom) -> io::Result<u64>;
    rewind() -> io::Result<()>;
    stream_position() -> io::Result<u64>;
    seek_relative(by: i64) -> io::Result<()>;
});
pass_through!(Write {
    write(from: &[u8]) -> io::Result<usize>;
    write_vectored(from: &[IoSlice<'_>]) -> io::Result<usize>;
    flush() -> io::Result<()>;
    write_all(from: &[u8]) -> io::Result<()>;
    write_fmt(what: fmt::Arguments<'_>) -> io::Result<()>;
});
pass_through!(fmt::Write {
    write_str(text: &str) -> fmt::Result;
    write_char(character: char) -> fmt::Result;
    write_fmt(what: fmt::Arguments<'_>) -> fmt::Result;
});
