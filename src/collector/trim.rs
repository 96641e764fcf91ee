//! Asks the system's allocator to give back what is free.
//!
//! Dropping an object gives its memory to the allocator, which may keep it: glibc gives back what is free
//! at the end of an arena, and one small object in use there is in the way of hundreds of megabytes.
//! `malloc_trim` gives back whole free pages wherever they are. It holds the lock of one arena at a time
//! meanwhile, so it is called by the collector only, and only when much was dropped.

/// Objects dropped at one go that make a trim worth while.
const OBJECTS: usize = 1000;

/// Bytes that do.
const BYTES: usize = 1 << 20;

/// Whether a trim is worth while after so much was dropped.
pub(super) fn is_due(objects: usize, bytes: usize) -> bool {
    objects >= OBJECTS || bytes >= BYTES
}

/// Gives free pages back to the system, if its allocator knows how.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn trim() {
    // SAFETY: takes an integer, may be called at any time from any thread, and touches free memory only.
    unsafe { libc::malloc_trim(0) };
}

/// Gives free pages back to the system: no allocator is known here that must be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn trim() {}
