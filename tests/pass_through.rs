//! Guards where readers and writers are wanted.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Cursor, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use stealpool::{Guard, Pool, policy};

static BUFFERS: Pool<Vec<u8>> = Pool::new(Vec::new);

type Cursors = Pool<
    Cursor<Vec<u8>>,
    stealpool::Closures<fn() -> Cursor<Vec<u8>>, fn(&mut Cursor<Vec<u8>>) -> bool>,
>;

fn cursors() -> Arc<Cursors> {
    let create: fn() -> Cursor<Vec<u8>> = || Cursor::new(Vec::new());
    let recycle: fn(&mut Cursor<Vec<u8>>) -> bool = |cursor| {
        cursor.set_position(0);
        cursor.get_mut().clear();
        true
    };
    Arc::new(Pool::new(policy(create).recycle_with(recycle)))
}

#[test]
fn an_encoder_may_own_its_writer() {
    let encoder = flate2::write::GzEncoder::new(BUFFERS.get(), flate2::Compression::fast());
    let mut encoder = io::BufWriter::new(encoder);
    encoder.write_all(&[7; 10_000]).unwrap();
    let encoder = encoder.into_inner().map_err(|error| error.into_error()).unwrap();
    let packed: Guard<'_, Vec<u8>> = encoder.finish().unwrap();
    assert!(packed.len() < 100);
    let mut unpacked = BUFFERS.get();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(*unpacked, [7; 10_000]);
}

#[test]
fn copies_go_through_guards() {
    let pool = cursors();
    let mut from = pool.get_owned();
    from.write_all(b"one\ntwo\nthree").unwrap();
    from.seek(SeekFrom::Start(0)).unwrap();
    let mut to = BUFFERS.get();
    assert_eq!(io::copy(&mut from, &mut to).unwrap(), 13);
    assert_eq!(*to, b"one\ntwo\nthree");

    from.seek(SeekFrom::Start(4)).unwrap();
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    assert_eq!(line, "two\n");
    assert_eq!(from.fill_buf().unwrap(), b"three");
    from.consume(2);
    let mut rest = Vec::new();
    from.read_until(b'e', &mut rest).unwrap();
    assert_eq!(rest, b"re");
    let lines: Vec<_> = BufReader::new({
        from.seek(SeekFrom::Start(0)).unwrap();
        from
    })
    .lines()
    .map(Result::unwrap)
    .collect();
    assert_eq!(lines, ["one", "two", "three"]);
    assert_eq!(pool.idle(), 1, "the reader owned the guard");
}

#[test]
fn several_slices_go_at_once_as_without_a_guard() {
    let pool = cursors();
    let mut guard = pool.get();
    let parts = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
    assert_eq!(guard.write_vectored(&parts).unwrap(), 4);
    guard.flush().unwrap();
    guard.rewind().unwrap();
    let (mut first, mut second) = ([0; 1], [0; 3]);
    let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(guard.read_vectored(&mut parts).unwrap(), 4);
    assert_eq!((&first, &second), (b"a", b"bcd"));
    assert!(guard.read_exact(&mut [0]).is_err());
    let mut text = String::new();
    guard.rewind().unwrap();
    guard.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abcd");
    assert_eq!(guard.stream_position().unwrap(), 4);
}

#[test]
fn text_and_bytes_are_formatted_into_guards() {
    static LINES: Pool<String> = Pool::new(String::new);
    fn greet(into: &mut impl std::fmt::Write) -> std::fmt::Result {
        into.write_char('>')?;
        into.write_str(" ")?;
        write!(into, "{:03}", 7)
    }
    let mut line = LINES.get();
    greet(&mut line).unwrap();
    write!(line, "!").unwrap();
    assert_eq!(*line, "> 007!");
    let mut bytes = BUFFERS.get();
    fn number(into: &mut impl Write) -> io::Result<()> {
        write!(into, "{:03}", 7)
    }
    number(&mut bytes).unwrap();
    assert_eq!(*bytes, b"007");
}

/// `BufReader` answers without throwing its buffer away; what `Seek` does by itself would not.
#[test]
fn a_position_is_asked_without_a_seek() {
    let create: fn() -> BufReader<Cursor<&'static [u8]>> =
        || BufReader::new(Cursor::new(b"one\ntwo\nthree\n"));
    let pool = Pool::new(policy(create).recycle_with(|_| true));
    let mut reader = pool.get();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(reader.stream_position().unwrap(), 4);
    assert_eq!(reader.buffer(), b"two\nthree\n");
    reader.seek_relative(4).unwrap();
    assert_eq!(reader.buffer(), b"three\n");
    reader.rewind().unwrap();
    assert_eq!(reader.fill_buf().unwrap(), b"one\ntwo\nthree\n");
}
