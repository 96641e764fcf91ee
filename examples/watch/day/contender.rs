//! Three ways to come by a buffer.

use crossbeam_queue::ArrayQueue;
use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use stealpool::{Builder, Guard, Pool};

/// Threads of the service.
pub(crate) const THREADS: usize = 128;
/// Each thread holds a body and an answer at most.
const AT_ONCE: usize = 2 * THREADS;
/// A buffer that has grown beyond this is not kept, neither by the pool nor by the queue.
const TOO_BIG: usize = 1 << 20;

static POOL: Pool<Vec<u8>> =
    Builder::new().name("bodies").max_object_bytes(TOO_BIG).build(Vec::new);
static QUEUE: LazyLock<ArrayQueue<Vec<u8>>> = LazyLock::new(|| ArrayQueue::new(AT_ONCE));
static MADE: AtomicU64 = AtomicU64::new(0);

/// Where buffers come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Contender {
    Stealpool,
    Queue,
    NoPool,
}

/// A buffer on loan.
pub(crate) enum Buffer {
    Pooled(Guard<'static, Vec<u8>>),
    Queued(Vec<u8>),
    Fresh(Vec<u8>),
}

impl Contender {
    pub(crate) const ALL: [Contender; 3] =
        [Contender::Stealpool, Contender::Queue, Contender::NoPool];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Contender::Stealpool => "stealpool",
            Contender::Queue => "ArrayQueue",
            Contender::NoPool => "no pool",
        }
    }

    /// An empty buffer. It may have room, from an earlier use.
    pub(crate) fn get(self) -> Buffer {
        let fresh = || {
            // Relaxed: a count, read after the threads have ended.
            MADE.fetch_add(1, Relaxed);
            Vec::new()
        };
        match self {
            Contender::Stealpool => Buffer::Pooled(POOL.get()),
            Contender::Queue => Buffer::Queued(QUEUE.pop().unwrap_or_else(fresh)),
            Contender::NoPool => Buffer::Fresh(fresh()),
        }
    }

    /// Buffers made so far.
    pub(crate) fn made(self) -> u64 {
        match self {
            Contender::Stealpool => POOL.stats().creates,
            // Relaxed: the threads have ended.
            Contender::Queue | Contender::NoPool => MADE.load(Relaxed),
        }
    }

    /// Bytes of idle buffers. Empties the queue.
    pub(crate) fn idle_bytes(self) -> usize {
        match self {
            Contender::Stealpool => POOL.stats().idle_bytes,
            Contender::Queue => {
                std::iter::from_fn(|| QUEUE.pop()).map(|buffer| buffer.capacity()).sum()
            }
            Contender::NoPool => 0,
        }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        match self {
            Buffer::Pooled(guard) => guard,
            Buffer::Queued(vec) | Buffer::Fresh(vec) => vec,
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        match self {
            Buffer::Pooled(guard) => guard,
            Buffer::Queued(vec) | Buffer::Fresh(vec) => vec,
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Buffer::Queued(vec) = self else {
            return; // a guard gives back by itself
        };
        let mut vec = std::mem::take(vec);
        vec.clear();
        if vec.capacity() <= TOO_BIG {
            // What finds the queue full is dropped.
            drop(QUEUE.push(vec));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// Held by a test that counts what is made.
    pub(crate) fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn a_buffer_comes_back_empty_unless_it_is_too_big() {
        let _alone = alone();
        for contender in Contender::ALL {
            // What is smaller may be in the magazine of another processor.
            for (size, kept) in [(100 << 10, true), (TOO_BIG + 1, false)] {
                contender.get().resize(size, 1);
                let before = contender.made();
                let buffer = contender.get();
                assert!(buffer.is_empty());
                let made = contender.made() - before;
                let made_one = !kept || contender == Contender::NoPool;
                assert_eq!(made, u64::from(made_one), "{contender:?}, {size}");
                // It would come back.
                std::mem::forget(buffer);
                assert_eq!(contender.idle_bytes(), 0);
            }
        }
    }
}
