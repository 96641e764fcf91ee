//! The only place of the pool's protocol that knows the platform: restartable sequences, barriers; and `std`, loom or
//! shuttle.
//!
//! Every atomic of the pool's protocol comes from this module, so that the code that ships is the
//! code the models explore. Two rules make that possible:
//!
//! * no `SeqCst` access anywhere: where a store must come before a later load, the code says
//!   `fence(SeqCst)` (loom models that fence and treats `SeqCst` accesses as `AcqRel`);
//! * memory that one party at a time may touch carries a [`Witness`], which is nothing in a real
//!   build and an access-checked cell under loom.

pub(crate) mod blocks;
pub(crate) mod chaos;
pub(crate) mod fast_path;
pub(crate) mod magazine;
#[cfg(not(loom))]
pub(crate) mod nesting;
pub(crate) mod once_box;
pub(crate) mod ref_slot;
pub(crate) mod rseq;

#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::atomic;

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic;

#[cfg(loom)]
pub(crate) use loom::sync::atomic;

/// Marks a stretch of code as exclusive. Under loom, two overlapping stretches fail the model.
#[derive(Default)]
pub(crate) struct Witness {
    #[cfg(loom)]
    cell: loom::cell::UnsafeCell<()>,
}

// SAFETY: loom sees to it that only one thread is inside at a time; that is what the cell is for.
#[cfg(loom)]
unsafe impl Sync for Witness {}

impl Witness {
    /// Runs `f` as an exclusive stretch.
    #[inline(always)]
    pub(crate) fn exclusive<R>(&self, f: impl FnOnce() -> R) -> R {
        #[cfg(loom)]
        return self.cell.with_mut(|_| f());
        #[cfg(not(loom))]
        f()
    }
}

/// How many processors the machine may have, those included that this process may not use now.
#[cfg(not(loom))]
pub(crate) fn processors() -> usize {
    #[cfg(all(target_os = "linux", not(any(shuttle, miri))))]
    {
        // SAFETY: takes a number.
        let configured = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
        usize::try_from(configured).unwrap_or(1).clamp(1, 8192)
    }
    #[cfg(not(all(target_os = "linux", not(any(shuttle, miri)))))]
    usable_processors()
}

/// How many processors this process may use, asked once.
#[cfg(not(loom))]
pub(crate) fn usable_processors() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    // Relaxed, both: every thread comes to the same answer.
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

/// A number for the calling thread to hash by.
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

/// Constants that shape the structures; smaller under loom, so that a model of a few steps still
/// meets every transition.
pub(crate) mod scale {
    /// Whether atomics are the machine's own, without a checker's bookkeeping in them.
    pub(crate) const REAL: bool = !cfg!(any(loom, shuttle));

    /// Workers for each processor, where there are no sequences. To loom, those that a model names.
    pub(crate) const WORKERS_EACH: usize = match () {
        () if REAL => 8,
        () if cfg!(loom) => 1,
        () => 2,
    };
    /// Without sequences, there may be at least so many workers.
    pub(crate) const LEAST_WORKERS: usize = if REAL { 64 } else { 1 };

    /// Puts into one magazine between two looks at the clock; a power of two.
    pub(crate) const TICK: u64 = if cfg!(loom) { 1 << 31 } else { 512 };
    /// Puts into one processor's slots, or gets there that find nothing. With puts into its magazine, and as many hits as
    /// puts, that makes fewer than four times [`TICK`] operations between two looks.
    pub(crate) const SLOW_TICK: u64 = TICK / 2;
}
