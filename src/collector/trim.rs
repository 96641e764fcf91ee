//! Asks the system's allocator to return free memory to the system.
//!
//! Dropping an object returns its memory to the allocator, which may keep it. glibc returns only what is free at the
//! end of an arena. One small object in use there keeps hundreds of megabytes. `malloc_trim` returns free pages
//! between objects in use in all arenas, but of free ends only that of the first arena. It holds the lock of one arena
//! at a time, so it is called only after many drops, by the collector's thread or [`pulse`](super::Collector::pulse).

use std::sync::{Mutex, PoisonError};

/// The number of dropped objects from which on a trim is worthwhile.
const OBJECTS: usize = 1000;

/// The dropped bytes from which on a trim is worthwhile.
const BYTES: usize = 1 << 20;

/// What has been dropped since the last trim. When the load falls slowly, each cycle drops little, and the sum is much.
#[derive(Default)]
pub(super) struct Dropped(Mutex<Sum>);

#[derive(Default)]
struct Sum {
    objects: usize,
    bytes: usize,
}

impl Dropped {
    /// Adds these. Says whether a trim is worthwhile now, and then begins anew.
    pub(super) fn add(&self, objects: usize, bytes: usize) -> bool {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sum.objects = sum.objects.saturating_add(objects);
        sum.bytes = sum.bytes.saturating_add(bytes);
        let is_due = sum.objects >= OBJECTS || sum.bytes >= BYTES;
        if is_due {
            *sum = Sum::default();
        }
        is_due
    }
}

/// Returns free pages to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn trim() {
    // SAFETY: it takes any integer, is thread-safe, and uses free memory only.
    unsafe { libc::malloc_trim(0) };
}

/// Does nothing: no allocator is known here that must be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn trim() {}

/// Sets the size from which on the free end of any arena is returned when memory is freed.
///
/// `mallopt` is documented as unsafe while other threads allocate. For this parameter it writes two aligned words, the
/// threshold and that it is fixed, which other threads read as hints: each value of either is valid, in each order.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn set_threshold(bytes: usize) {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // SAFETY: takes two numbers. Other threads that allocate meanwhile read an old or a new threshold; see above.
    unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, bytes) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn set_threshold(_: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_drops_add_up() {
        let dropped = Dropped::default();
        assert!(!dropped.add(1, BYTES - 1) && dropped.add(1, 1), "by bytes");
        assert!(!dropped.add(OBJECTS - 1, 0) && dropped.add(1, 0), "by number");
        assert!(dropped.add(1, usize::MAX) && !dropped.add(1, 0), "anew");
    }
}
