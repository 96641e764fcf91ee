//! Pools in programs of tasks: futures that are dropped at each of their awaits, guards of both kinds that go with their
//! tasks from worker to worker, and buffers that leave as `Bytes`.
//!
//! `cancel.rs` drops tasks at random polls, `owned.rs` has what a single guard may do, `in_turn.rs` counts what the
//! blocking threads of a runtime make.

mod common;

use bytes::Bytes;
use common::pause::pause;
use common::{Census, Counted, CountedPool, Puppet, patiently};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Waker};
use std::thread;
use stealpool::{Builder, Guard, OwnedGuard, Pool, Recycle};
use tokio::runtime::Runtime;

const MANUAL: Builder = Builder::new().collect_manually();

/// Polls a new future `k` times and ends it by `drops`, for each `k` from 0 until it is ready. `check` comes after each.
/// How often the future was pending before it was ready.
fn at_each_await<F: Future>(
    new: impl Fn() -> F,
    drops: impl Fn(Pin<Box<F>>),
    mut check: impl FnMut(usize),
) -> usize {
    let mut context = Context::from_waker(Waker::noop());
    for polls in 0.. {
        let mut future = Box::pin(new());
        let is_ready = (0..polls).any(|_| future.as_mut().poll(&mut context).is_ready());
        drops(future);
        check(polls);
        if is_ready {
            return polls - 1;
        }
    }
    unreachable!("it is ready some time");
}

/// Drops futures of a kind at each of their awaits: on the thread that polled them and on another one, in a pool that has
/// objects and in one that is empty each time. Nothing is lent afterwards, and each object came back once or was let go.
fn dropped_at_each_await<F>(awaits: usize, job: impl Fn(Arc<CountedPool>, Census) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for (elsewhere, empty) in [(false, false), (false, true), (true, false), (true, true)] {
        let puppet = Puppet::new();
        let census = Census::watched();
        let pool = census.pool();
        let new = || job(Arc::clone(&pool), census.clone());
        let drops = |future: Pin<Box<F>>| match elsewhere {
            true => puppet.run(move || drop(future)),
            false => drop(future),
        };
        let check = |polls: usize| {
            let stats = pool.stats();
            assert_eq!(stats.live, stats.idle, "after {polls} polls something is lent: {stats}");
            assert_eq!(census.alive(), stats.idle, "after {polls} polls: {stats}");
            assert_eq!(census.recycled() as u64, stats.puts, "after {polls} polls: {stats}");
            assert_eq!(Arc::strong_count(&pool), 1);
            if empty {
                pool.clear();
            }
        };
        assert_eq!(at_each_await(new, drops, check), awaits);
        assert!(pool.stats().puts > awaits as u64 / 2, "{}", pool.stats());
        puppet.end();
        census.checked(pool.idle());
    }
}

/// Objects of guards of both kinds; one whose constructor is a future; a constructor that fails.
async fn journey(pool: Arc<CountedPool>, census: Census) {
    async fn make(census: &Census) -> Counted {
        let made = census.object();
        pause().await;
        made
    }
    let first = pool.get_owned();
    first.took();
    pause().await;
    let second = pool.get(); // borrows from the task's own `Arc`
    second.took();
    assert_ne!(first.id, second.id);
    pause().await;
    let made = make(&census).await;
    // Dropped if another one is idle by now.
    let third = pool.try_get_with(|| Ok::<_, Infallible>(made));
    let third = third.unwrap_or_else(|never| match never {});
    third.took();
    assert!(third.id != first.id && third.id != second.id);
    pause().await;
    drop(second);
    pause().await;
    if let Ok(found) = pool.try_get_with(|| Err("no memory card")) {
        found.took();
        pause().await;
    } else {
        pause().await;
    }
    Guard::put(third);
    pause().await;
}

#[test]
fn a_future_that_is_dropped_at_any_await_gives_back_what_it_holds() {
    dropped_at_each_await(7, journey);
}

/// Objects that leave the pool: thrown away; taken out, and brought back in the one way and in the other.
async fn partings(pool: Arc<CountedPool>, _: Census) {
    let broken = pool.get_owned();
    broken.took();
    pause().await;
    broken.let_go();
    OwnedGuard::discard(broken);
    pause().await;
    let take_out = || {
        let guard = pool.get_owned();
        guard.took();
        guard.let_go();
        OwnedGuard::into_inner(guard)
    };
    let object = take_out();
    pause().await;
    pool.put(object);
    pause().await;
    let object = take_out();
    pause().await;
    let wrapped = pool.wrap_owned(object);
    pause().await;
    drop(wrapped);
    pause().await;
}

#[test]
fn objects_that_leave_are_neither_lost_nor_doubled_at_any_await() {
    dropped_at_each_await(7, partings);
}

/// Of two futures that hold an object each, the one that is late is dropped within a poll of the other.
async fn race(pool: Arc<CountedPool>, _: Census) {
    async fn hold(pool: &CountedPool, pauses: usize) {
        let guard = pool.get();
        guard.took();
        for _ in 0..pauses {
            pause().await;
        }
    }
    let mine = pool.get_owned();
    mine.took();
    tokio::select! {
        biased;
        () = hold(&pool, 6) => unreachable!("it is late"),
        () = hold(&pool, 3) => {}
    }
    let stats = pool.stats();
    assert_eq!(stats.live - stats.idle, 1, "{stats}");
    tokio::join!(hold(&pool, 2), hold(&pool, 1));
    pause().await;
}

#[test]
fn futures_within_a_future_give_back_what_they_hold() {
    dropped_at_each_await(6, race);
}

/// Throws its object away unless the work was done.
struct Armed(Option<OwnedGuard<Counted, common::Maker>>);

impl Drop for Armed {
    fn drop(&mut self) {
        if let Some(guard) = self.0.take() {
            guard.let_go();
            OwnedGuard::discard(guard);
        }
    }
}

#[test]
fn work_that_is_not_done_throws_its_object_away_at_any_await() {
    let census = Census::watched();
    let pool = census.pool();
    let work = || async {
        let mut armed = Armed(Some(pool.get_owned()));
        armed.0.iter().for_each(|guard| guard.took());
        for _ in 0..4 {
            pause().await;
        }
        drop(armed.0.take()); // done
        pause().await;
    };
    let check = |polls: usize| {
        let stats = pool.stats();
        // Not polled, it has no object; from the fifth poll on, the work is done.
        let (thrown, kept) = (polls.min(4), polls.saturating_sub(4));
        assert_eq!((stats.drops.by_hand, stats.puts), (thrown as u64, kept as u64), "{stats}");
        assert_eq!((stats.live, census.alive()), (stats.idle, stats.idle), "{stats}");
    };
    assert_eq!(at_each_await(work, drop, check), 5);
    census.checked(pool.idle());
}

fn runtime(workers: usize) -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers).build().expect("a runtime")
}

/// A buffer that a census counts.
struct Page {
    bytes: Vec<u8>,
    counted: Counted,
}

impl Recycle for Page {
    fn recycle(&mut self) {
        self.bytes.clear();
        self.counted.recycle();
    }

    fn footprint(&self) -> usize {
        self.bytes.capacity()
    }
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

type Pages = Pool<Page, Box<dyn Fn() -> Page + Send + Sync>>;

fn pages(census: &Census) -> Pages {
    let census = census.clone();
    MANUAL.build(Box::new(move || Page { bytes: Vec::new(), counted: census.object() }))
}

/// How often a task has gone on on another thread than the one it was pending on.
static MOVES: AtomicUsize = AtomicUsize::new(0);

/// Lets other tasks run. What is in a page must be the same afterwards.
async fn hold(page: &mut Page, number: u32) {
    page.counted.took();
    assert!(page.bytes.is_empty(), "recycled");
    page.bytes.extend_from_slice(&number.to_le_bytes());
    for _ in 0..3 {
        let here = thread::current().id();
        tokio::task::yield_now().await;
        MOVES.fetch_add(usize::from(thread::current().id() != here), AcqRel);
        assert_eq!(page.bytes, number.to_le_bytes(), "nobody else has it");
    }
}

/// Guards that own an `Arc` and guards of a pool that lives for ever, each held over awaits.
#[test]
fn guards_of_both_kinds_go_with_their_tasks_to_other_workers() {
    static FOR_EVER: OnceLock<Pages> = OnceLock::new();
    let censuses = [Census::watched(), Census::watched()];
    let for_ever: &'static Pages = FOR_EVER.get_or_init(|| pages(&censuses[0]));
    let shared = Arc::new(pages(&censuses[1]));
    let runtime = runtime(4);
    let mut tasks = 0;
    let round = || {
        let spawned = (0..100).map(|task| {
            let shared = Arc::clone(&shared);
            runtime.spawn(async move {
                let mut first: Guard<'static, Page, _> = for_ever.get();
                hold(&mut first, task).await;
                let mut second = shared.get_owned();
                hold(&mut second, task + 1).await;
                assert_eq!(first.bytes, task.to_le_bytes());
            })
        });
        let spawned: Vec<_> = spawned.collect();
        for task in spawned {
            runtime.block_on(task).expect("no task panics");
        }
        tasks += 100;
        MOVES.load(Acquire) >= 100
    };
    assert!(patiently(round), "tasks stay where they are");
    drop(runtime);
    assert_eq!(Arc::strong_count(&shared), 1);
    for (pool, census) in [for_ever, &*shared].into_iter().zip(censuses) {
        let stats = pool.stats();
        assert_eq!((stats.gets, stats.puts), (tasks, tasks), "{stats}");
        assert_eq!((stats.live, census.made()), (stats.idle, stats.idle), "{stats}");
        census.checked(stats.idle);
    }
}

/// Each body in four slices: two end in tasks, one on a thread of no runtime, one where it was made. The page comes back
/// with the last of them, whichever that is, and is whole until then.
#[test]
fn slices_of_a_body_end_on_threads_of_all_kinds() {
    const BODIES: usize = common::scaled(20_000);
    const TASKS: usize = 4;
    let census = Census::watched();
    let pool = Arc::new(pages(&census));
    let (to_thread, inbox) = mpsc::sync_channel::<(u8, Bytes)>(8);
    fn check(byte: u8, slice: &Bytes) {
        assert!(slice.len() == 25 && slice.iter().all(|other| *other == byte), "{byte}: {slice:?}");
    }
    let outsider =
        thread::spawn(move || inbox.iter().map(|(byte, slice)| check(byte, &slice)).count());
    let runtime = runtime(2);
    let receivers = runtime.block_on(async {
        let mut senders = Vec::new();
        let mut receivers = Vec::new();
        for _ in 0..2 {
            let (send, mut receive) = tokio::sync::mpsc::channel::<(u8, Bytes)>(8);
            senders.push(send);
            receivers.push(tokio::spawn(async move {
                let mut count = 0;
                while let Some((byte, slice)) = receive.recv().await {
                    tokio::task::yield_now().await;
                    check(byte, &slice);
                    count += 1;
                }
                count
            }));
        }
        let makers: Vec<_> = (0..TASKS)
            .map(|task| {
                let (pool, senders, to_thread) =
                    (Arc::clone(&pool), senders.clone(), to_thread.clone());
                tokio::spawn(async move {
                    for number in 0..BODIES / TASKS {
                        let byte = (task + TASKS * number) as u8;
                        let mut page = pool.get_owned();
                        page.counted.took();
                        page.bytes.resize(100, byte);
                        let body = Bytes::from_owner(page);
                        senders[0].send((byte, body.slice(..25))).await.expect("it reads on");
                        senders[1].send((byte, body.slice(25..50))).await.expect("it reads on");
                        let (slice, to_thread) = (body.slice(50..75), to_thread.clone());
                        let sent =
                            tokio::task::spawn_blocking(move || to_thread.send((byte, slice)));
                        sent.await.expect("no panic").expect("it reads on");
                        check(byte, &body.slice(75..));
                    }
                })
            })
            .collect();
        for maker in makers {
            maker.await.expect("no task panics");
        }
        receivers
    });
    drop(to_thread);
    for receiver in receivers {
        assert_eq!(runtime.block_on(receiver).expect("no task panics"), BODIES);
    }
    assert_eq!(outsider.join().expect("no panic"), BODIES);
    drop(runtime);
    let stats = pool.stats();
    assert_eq!((stats.gets as usize, census.recycled()), (BODIES, BODIES), "{stats}");
    assert_eq!((stats.live, census.made()), (stats.idle, stats.idle), "{stats}");
    census.checked(stats.idle);
}

#[cfg(feature = "bytes")]
mod bytes_mut {
    use super::{MANUAL, at_each_await, runtime};
    use bytes::{Buf, BufMut, Bytes, BytesMut};
    use std::cell::RefCell;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::thread;
    use stealpool::Pool;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

    const CAPACITY: usize = 1 << 10;

    /// The next frame, a length and as many bytes, if all of it is there: a part of the buffer, not a copy.
    fn next(buffer: &mut BytesMut) -> Option<Bytes> {
        let length = usize::from(*buffer.first()?);
        if buffer.len() <= length {
            return None;
        }
        buffer.advance(1);
        Some(buffer.split_to(length).freeze())
    }

    /// Reads frames until the other side has no more.
    async fn read(
        mut from: impl AsyncRead + Unpin,
        pool: &Pool<BytesMut>,
        mut then: impl FnMut(Bytes),
    ) -> io::Result<()> {
        let mut buffer = pool.get();
        assert!(buffer.is_empty(), "recycled");
        while from.read_buf(&mut *buffer).await? > 0 {
            while let Some(frame) = next(&mut buffer) {
                then(frame);
            }
        }
        assert!(buffer.is_empty(), "a half frame is left");
        Ok(())
    }

    /// Frames of 0 to 199 bytes. All bytes of a connection are its number.
    fn sent(connection: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        for length in (0..200).map(|frame| (frame * 7 + usize::from(connection)) % 200) {
            bytes.put_u8(length as u8);
            bytes.put_bytes(connection, length);
        }
        bytes
    }

    /// A hundred connections of 64 bytes each way. Buffers come back and are used again while frames that were split off
    /// from them live on: nobody writes into those.
    #[test]
    fn frames_outlive_the_buffer_they_were_read_into() {
        static BUFFERS: Pool<BytesMut> = MANUAL.build(|| BytesMut::with_capacity(CAPACITY));
        let runtime = runtime(2);
        let tasks: Vec<_> = (0..100)
            .map(|connection| {
                let (near, mut far) = tokio::io::duplex(64);
                runtime.spawn(async move { far.write_all(&sent(connection)).await });
                runtime.spawn(async move {
                    let mut frames = Vec::new();
                    read(near, &BUFFERS, |frame| frames.push(frame)).await?;
                    Ok::<_, io::Error>((connection, frames))
                })
            })
            .collect();
        let all: Vec<_> = tasks
            .into_iter()
            .map(|task| runtime.block_on(task).expect("no task panics").expect("no error"))
            .collect();
        let stats = BUFFERS.stats();
        assert_eq!((stats.gets, stats.puts, stats.live), (100, 100, stats.idle), "{stats}");
        for (connection, frames) in &all {
            assert_eq!(frames.len(), 200);
            let whole = |frame: &Bytes| frame.iter().all(|byte| byte == connection);
            assert!(frames.iter().all(whole), "{connection}: {frames:?}");
        }
        thread::spawn(move || drop(all)).join().expect("no panic");
        drop(runtime);
        // With no frame left, a buffer has its whole memory again once it has come back.
        let idle: Vec<BytesMut> = BUFFERS.drain().collect();
        assert_eq!(idle.len(), stats.idle);
        idle.into_iter().for_each(|buffer| BUFFERS.put(buffer));
        let is_whole = |buffer: &BytesMut| buffer.is_empty() && buffer.capacity() >= CAPACITY;
        assert!(BUFFERS.drain().all(|buffer| is_whole(&buffer)));
    }

    /// Three bytes a read, after a pause.
    struct Drip<'a> {
        rest: &'a [u8],
        ready: bool,
    }

    impl AsyncRead for Drip<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.ready = !self.ready;
            if self.ready {
                return Poll::Pending;
            }
            let (some, rest) = self.rest.split_at(self.rest.len().min(3));
            into.put_slice(some);
            self.rest = rest;
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_read_loop_that_is_dropped_at_any_await_gives_its_buffer_back() {
        let pool: Pool<BytesMut> = MANUAL.build(|| BytesMut::with_capacity(CAPACITY));
        let bytes = b"\x05hello\x00\x07, world\x01!";
        let expected: [&[u8]; 4] = [b"hello", b"", b", world", b"!"];
        let frames = RefCell::new(Vec::new());
        let new = || async {
            frames.borrow_mut().clear();
            let from = Drip { rest: bytes, ready: false };
            read(from, &pool, |frame| frames.borrow_mut().push(frame)).await.expect("no error");
        };
        let check = |polls: usize| {
            let stats = pool.stats();
            assert_eq!((stats.live, stats.puts), (stats.idle, polls as u64), "{stats}");
            // What was read is whole, although its buffer came back.
            let frames = frames.borrow();
            assert_eq!(frames[..], expected[..frames.len()]);
        };
        assert_eq!(at_each_await(new, drop, check), bytes.len().div_ceil(3) + 1);
        assert_eq!(frames.borrow().len(), expected.len());
    }
}
