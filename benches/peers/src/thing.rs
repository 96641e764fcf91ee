//! What is pooled: the same constructor, the same reset and the same use for every contender.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What one thread has created and dropped. A place for each thread: one for all would be what the
/// works with several threads measure.
#[derive(Default)]
#[repr(align(128))]
struct Counts {
    created: AtomicU64,
    dropped: AtomicU64,
}

/// Of all threads that ever counted; few, and they stay.
static ALL: Mutex<Vec<&'static Counts>> = Mutex::new(Vec::new());
/// Places of threads that have ended, to be used again.
static FREE: Mutex<Vec<&'static Counts>> = Mutex::new(Vec::new());

thread_local! {
    static MINE: Cell<Option<&'static Counts>> = const { Cell::new(None) };
    static PLACE: Place = const { Place };
}

struct Place;

impl Drop for Place {
    fn drop(&mut self) {
        FREE.lock().expect("nobody panics").extend(MINE.take());
    }
}

fn mine() -> &'static Counts {
    MINE.get().unwrap_or_else(|| {
        let used = FREE.lock().expect("nobody panics").pop();
        let counts = used.unwrap_or_else(|| {
            let counts: &'static Counts = Box::leak(Box::default());
            ALL.lock().expect("nobody panics").push(counts);
            counts
        });
        // At a thread's very end the place stays taken.
        let _ending = PLACE.try_with(|_| ());
        MINE.set(Some(counts));
        counts
    })
}

fn sum(count: impl Fn(&Counts) -> &AtomicU64) -> u64 {
    let all = ALL.lock().expect("nobody panics");
    all.iter().map(|counts| count(counts).load(Relaxed)).sum()
}

/// Objects created so far, by everybody.
pub fn created() -> u64 {
    sum(|counts| &counts.created)
}

/// Vectors and dear objects that exist: of use as a difference, where nothing else is made.
pub fn live() -> u64 {
    created() - sum(|counts| &counts.dropped)
}

/// Only its thread adds to it.
fn add(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}

/// To be called for each object that is made.
pub fn count_creation() {
    add(&mine().created);
}

/// Keeps the processor busy for this long, as an expensive constructor does.
pub fn toil(long: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < long {
        std::hint::spin_loop();
    }
}

/// An object that can be pooled.
pub trait Thing: Send + Sync + 'static {
    /// The memory that one needs: what the contenders without a pool allocate.
    const BYTES: usize;
    /// Whether that memory must be zero.
    const ZEROED: bool = false;

    fn make() -> Self;
    /// Brings it back to the state of a new one.
    fn reset(&mut self);
    /// Uses it: writes one byte a page.
    fn touch(&mut self);
}

fn write(bytes: &mut [u8]) {
    bytes.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::hint::black_box(bytes.as_mut_ptr());
}

/// Eight bytes.
pub struct Word(u64);

impl Thing for Word {
    const BYTES: usize = 8;

    fn make() -> Self {
        count_creation();
        Word(0)
    }
    fn reset(&mut self) {
        self.0 = 0;
    }
    fn touch(&mut self) {
        self.0 = std::hint::black_box(1);
    }
}

/// A vector with room for `N` bytes.
pub struct Buffer<const N: usize>(Vec<u8>);

impl<const N: usize> Thing for Buffer<N> {
    const BYTES: usize = N;

    fn make() -> Self {
        count_creation();
        Buffer(Vec::with_capacity(N))
    }
    fn reset(&mut self) {
        self.0.clear();
    }
    fn touch(&mut self) {
        touch_vec(&mut self.0);
    }
}

impl<const N: usize> Drop for Buffer<N> {
    fn drop(&mut self) {
        add(&mine().dropped);
    }
}

/// `N` bytes, all zero before each use.
pub struct Zeroed<const N: usize>(Vec<u8>);

impl<const N: usize> Thing for Zeroed<N> {
    const BYTES: usize = N;
    const ZEROED: bool = true;

    fn make() -> Self {
        count_creation();
        Zeroed(vec![0; N])
    }
    fn reset(&mut self) {
        self.0.fill(0);
    }
    fn touch(&mut self) {
        write(&mut self.0);
    }
}

/// Writes one byte a page into the vector's room.
#[inline]
pub fn touch_vec(vec: &mut Vec<u8>) {
    touch_uninit(vec.spare_capacity_mut());
}

/// The same, of the room alone.
pub fn touch_uninit(room: &mut [MaybeUninit<u8>]) {
    room.iter_mut().step_by(4096).for_each(|byte| {
        byte.write(1);
    });
    std::hint::black_box(room.as_mut_ptr());
}

/// A vector with room for 1 GiB, to which nobody writes.
pub struct Vast(Vec<u8>);

impl Thing for Vast {
    const BYTES: usize = 1 << 30;

    fn make() -> Self {
        count_creation();
        Vast(Vec::with_capacity(1 << 30))
    }
    fn reset(&mut self) {
        self.0.clear();
    }
    fn touch(&mut self) {
        std::hint::black_box(self.0.capacity());
    }
}

/// Nothing at all.
pub struct Unit;

impl Thing for Unit {
    const BYTES: usize = 0;

    fn make() -> Self {
        count_creation();
        Unit
    }
    fn reset(&mut self) {}
    fn touch(&mut self) {
        std::hint::black_box(self);
    }
}

/// A vector that a use fills with `N` numbers, one after the other. It begins without memory, and keeps what it has.
pub struct Numbers<const N: usize>(Vec<usize>);

impl<const N: usize> Thing for Numbers<N> {
    const BYTES: usize = N * size_of::<usize>();

    fn make() -> Self {
        count_creation();
        Numbers(Vec::new())
    }
    fn reset(&mut self) {
        self.0.clear();
    }
    fn touch(&mut self) {
        for number in 0..N {
            self.0.push(number);
        }
        std::hint::black_box(self.0.as_ptr());
    }
}

/// 64 KiB in line, moved by whoever moves objects.
pub struct Inline([u8; 64 << 10]);

impl Thing for Inline {
    const BYTES: usize = 64 << 10;

    fn make() -> Self {
        count_creation();
        Inline([0; 64 << 10])
    }
    fn reset(&mut self) {
        self.0[0] = 0;
    }
    fn touch(&mut self) {
        write(&mut self.0);
    }
}

/// Takes a millisecond to make.
pub struct Dear(u64);

impl Thing for Dear {
    const BYTES: usize = 8;

    fn make() -> Self {
        count_creation();
        toil(Duration::from_millis(1));
        Dear(0)
    }
    fn reset(&mut self) {
        self.0 = 0;
    }
    fn touch(&mut self) {
        self.0 = std::hint::black_box(1);
    }
}

impl Drop for Dear {
    fn drop(&mut self) {
        add(&mine().dropped);
    }
}
