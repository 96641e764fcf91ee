//! The platform: restartable sequences and barriers, and the choice of `std`, loom or shuttle.
//!
//! Every atomic of the pool's protocol comes from this module. So the models explore the code that ships. There are two
//! rules.
//!
//! * No access is `SeqCst`. Where a store must come before a later load, there is a `fence(SeqCst)`: loom models that
//!   fence, and treats `SeqCst` accesses as `AcqRel`.
//! * Memory that one thread at a time may use has a [`Witness`]. It is nothing in a real build, and a checked cell under
//!   loom.

pub(crate) mod blocks;
pub(crate) mod chaos;
pub(crate) mod fast_path;
pub(crate) mod magazine;
#[cfg(not(loom))]
pub(crate) mod nesting;
pub(crate) mod once_box;
pub(crate) mod ref_slot;
pub(crate) mod rseq;

pub(crate) use chaos::point;
pub(crate) use fast_path::FastPath;
#[cfg(not(loom))]
pub(crate) use fast_path::fast_path;
pub(crate) use once_box::OnceBox;

#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::atomic;

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic;

#[cfg(loom)]
pub(crate) use loom::sync::atomic;

/// Marks a section of code as exclusive. Under loom, two overlapping sections fail the model.
#[derive(Default)]
pub(crate) struct Witness {
    #[cfg(loom)]
    cell: loom::cell::UnsafeCell<()>,
}

// SAFETY: loom fails the model if two threads are inside at a time; the cell exists for that check.
#[cfg(loom)]
unsafe impl Sync for Witness {}

impl Witness {
    /// Runs `f` as an exclusive section.
    #[inline(always)]
    pub(crate) fn exclusive<R>(&self, f: impl FnOnce() -> R) -> R {
        #[cfg(loom)]
        return self.cell.with_mut(|_| f());
        #[cfg(not(loom))]
        f()
    }
}

/// How many processors the machine may have, including those that this process may not use now.
#[cfg(not(loom))]
pub(crate) fn processors() -> usize {
    #[cfg(all(target_os = "linux", not(any(shuttle, miri))))]
    {
        // SAFETY: any number is allowed.
        let configured = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
        usize::try_from(configured).unwrap_or(1).clamp(1, 8192)
    }
    #[cfg(not(all(target_os = "linux", not(any(shuttle, miri)))))]
    usable_processors()
}

/// How many processors this process may use, read once.
#[cfg(not(loom))]
pub(crate) fn usable_processors() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    // Relaxed, both: every thread stores the same number.
    let known = PROCESSORS.load(Relaxed);
    if known != 0 {
        return known;
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    PROCESSORS.store(processors, Relaxed);
    processors
}

#[cfg(not(any(loom, shuttle)))]
mod shard;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use shard::{move_to_shard, shard};

/// The calling thread's shard.
#[cfg(any(loom, shuttle))]
pub(crate) fn shard() -> usize {
    #[cfg(shuttle)]
    return usize::from(shuttle::current::me());
    #[cfg(loom)]
    return 0;
}

/// Moves the calling thread to another shard.
#[cfg(any(loom, shuttle))]
pub(crate) fn move_to_shard(_: usize) {}

/// Constants of the data structures. They are smaller under loom, so that a model of a few steps reaches every
/// transition.
pub(crate) mod scale {
    /// Whether atomics are the machine's own, not a checker's.
    pub(crate) const REAL: bool = !cfg!(any(loom, shuttle));

    /// Without sequences, the number of workers of one processor.
    pub(crate) const WORKERS_EACH: usize = match () {
        () if REAL => 8,
        () if cfg!(loom) => 1,
        () => 2,
    };
    /// Without sequences, the least number of workers.
    pub(crate) const LEAST_WORKERS: usize = if REAL { 64 } else { 1 };

    /// The number of puts into one magazine between two looks at the clock. A power of two.
    pub(crate) const TICK: u64 = if cfg!(loom) { 1 << 31 } else { 512 };
    /// The number of a processor's creations between two looks, and of its gets that find nothing and create nothing.
    pub(crate) const MISS_TICK: u64 = TICK / 2;
    /// The number of puts into one slot between two looks. A processor has eight slots, or more: then all that is about
    /// four times [`TICK`] operations, with as many hits as puts.
    pub(crate) const SLOT_TICK: u64 = TICK / 16;
}
