//! Asks the system's allocator to return free memory to the system.
//!
//! Dropping an object returns its memory to the allocator, which may keep it. glibc returns only what is free at the
//! end of an arena. One small object in use there keeps hundreds of megabytes. `malloc_trim` returns free pages
//! wherever they are. It holds the lock of one arena at a time, so only the collector calls it, and only after many
//! drops.

/// The number of dropped objects from which on a trim is worthwhile.
const OBJECTS: usize = 1000;

/// The dropped bytes from which on a trim is worthwhile.
const BYTES: usize = 1 << 20;

/// Whether a trim is worthwhile after so many drops.
pub(super) fn is_due(objects: usize, bytes: usize) -> bool {
    objects >= OBJECTS || bytes >= BYTES
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
