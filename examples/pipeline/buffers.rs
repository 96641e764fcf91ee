//! Where buffers come from and go to: the contenders.

use crossbeam_queue::ArrayQueue;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use stealpool::{Builder, OwnedGuard, Pool};

/// Bytes of a batch.
pub(crate) const BATCH: usize = 400_000;

/// Buffers made so far.
static CREATED: AtomicU64 = AtomicU64::new(0);

/// How many buffers were made so far.
pub(crate) fn created() -> u64 {
    // Relaxed: a figure.
    CREATED.load(Relaxed)
}

fn make() -> Vec<u8> {
    // Relaxed: a figure.
    CREATED.fetch_add(1, Relaxed);
    Vec::with_capacity(BATCH)
}

/// Gives buffers to producers and takes them from consumers.
pub(crate) trait Buffers: Sync {
    /// A buffer on its way; dropped where it is no longer needed.
    type Lent: DerefMut<Target = Vec<u8>> + Send;

    /// Without a buffer.
    fn new() -> Self;

    /// An empty buffer.
    fn take(&self) -> Self::Lent;

    /// The consumer is done with it.
    fn give(&self, buffer: Self::Lent) {
        drop(buffer);
    }

    /// One ageing cycle, of who has such a thing.
    fn collect(&self) {}
}

/// The library.
pub(crate) struct Pooled(Arc<Pool<Vec<u8>>>);

impl Buffers for Pooled {
    type Lent = OwnedGuard<Vec<u8>>;

    fn new() -> Self {
        Pooled(Arc::new(Builder::new().collect_manually().build(make)))
    }

    fn take(&self) -> Self::Lent {
        self.0.get_owned()
    }

    fn collect(&self) {
        self.0.collect();
    }
}

/// A buffer and nothing else.
#[derive(Debug)]
pub(crate) struct Plain(Vec<u8>);

impl Deref for Plain {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Plain {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// The allocator.
pub(crate) struct Fresh;

impl Buffers for Fresh {
    type Lent = Plain;

    fn new() -> Self {
        Fresh
    }

    fn take(&self) -> Plain {
        Plain(make())
    }
}

/// A list for each thread, with a bound.
pub(crate) struct ThreadLocal;

thread_local! {
    static OWN: RefCell<Vec<Plain>> = const { RefCell::new(Vec::new()) };
}

/// The most that a thread keeps: programs that do this have some such bound, or grow without end.
const KEPT: usize = 64;

impl Buffers for ThreadLocal {
    type Lent = Plain;

    fn new() -> Self {
        ThreadLocal
    }

    fn take(&self) -> Plain {
        OWN.with_borrow_mut(Vec::pop).unwrap_or_else(|| Plain(make()))
    }

    fn give(&self, mut buffer: Plain) {
        buffer.clear();
        OWN.with_borrow_mut(|own| {
            if own.len() < KEPT {
                own.push(buffer);
            }
        });
    }
}

/// A bounded queue that all share.
pub(crate) struct Queue(ArrayQueue<Plain>);

impl Buffers for Queue {
    type Lent = Plain;

    fn new() -> Self {
        // As large as mysql_async's.
        Queue(ArrayQueue::new(128))
    }

    fn take(&self) -> Plain {
        self.0.pop().unwrap_or_else(|| Plain(make()))
    }

    fn give(&self, mut buffer: Plain) {
        buffer.clear();
        // What does not fit is dropped.
        let _ = self.0.push(buffer);
    }
}

/// A channel from the consumers back to the producers.
pub(crate) struct Back {
    sender: Sender<Plain>,
    receiver: Mutex<Receiver<Plain>>,
}

impl Buffers for Back {
    type Lent = Plain;

    fn new() -> Self {
        let (sender, receiver) = channel();
        let receiver = Mutex::new(receiver);
        Back { sender, receiver }
    }

    fn take(&self) -> Plain {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.try_recv().unwrap_or_else(|_| Plain(make()))
    }

    fn give(&self, mut buffer: Plain) {
        buffer.clear();
        // Its other end is in the same struct.
        let _ = self.sender.send(buffer);
    }
}
