//! The allocator that the environment names, for the whole of a process.

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use tikv_jemallocator::Jemalloc;

/// Names an allocator of [`NAMES`].
pub(crate) const VARIABLE: &str = "FRESH_OR_POOLED_ALLOCATOR";
/// What there is; the first is the default.
pub(crate) const NAMES: [&str; 3] = ["system", "mimalloc", "jemalloc"];

/// Passes everything on to one allocator.
#[derive(Debug)]
pub(crate) struct Chosen;

const UNKNOWN: u8 = u8::MAX;
static CHOICE: AtomicU8 = AtomicU8::new(UNKNOWN);

#[inline]
fn choice() -> u8 {
    // Relaxed: whoever looks first finds the same as all others.
    match CHOICE.load(Relaxed) {
        UNKNOWN => choose(),
        known => known,
    }
}

/// Reads the variable without allocating; the environment does not change.
#[cold]
fn choose() -> u8 {
    // SAFETY: the name ends with a nul, and nothing in this program sets variables.
    let value = unsafe { libc::getenv(c"FRESH_OR_POOLED_ALLOCATOR".as_ptr()) };
    let mut found = 0;
    if !value.is_null() {
        // SAFETY: `getenv` gives a string that ends with a nul.
        let value = unsafe { std::ffi::CStr::from_ptr(value) };
        let index = NAMES.iter().position(|name| name.as_bytes() == value.to_bytes());
        found = index.unwrap_or(0) as u8;
    }
    // Relaxed: see `choice`.
    CHOICE.store(found, Relaxed);
    found
}

// SAFETY: all methods pass their arguments on to one and the same correct allocator, for the choice, once
// made, stands: a block goes back to where it came from.
unsafe impl GlobalAlloc for Chosen {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match choice() {
            // SAFETY: the caller vouches for `layout`.
            1 => unsafe { MiMalloc.alloc(layout) },
            // SAFETY: the same.
            2 => unsafe { Jemalloc.alloc(layout) },
            // SAFETY: the same.
            _ => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match choice() {
            // SAFETY: the caller vouches for `layout`.
            1 => unsafe { MiMalloc.alloc_zeroed(layout) },
            // SAFETY: the same.
            2 => unsafe { Jemalloc.alloc_zeroed(layout) },
            // SAFETY: the same.
            _ => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match choice() {
            // SAFETY: the caller vouches for all three; the block is of this allocator.
            1 => unsafe { MiMalloc.realloc(block, layout, size) },
            // SAFETY: the same.
            2 => unsafe { Jemalloc.realloc(block, layout, size) },
            // SAFETY: the same.
            _ => unsafe { System.realloc(block, layout, size) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match choice() {
            // SAFETY: the caller vouches for both; the block is of this allocator.
            1 => unsafe { MiMalloc.dealloc(block, layout) },
            // SAFETY: the same.
            2 => unsafe { Jemalloc.dealloc(block, layout) },
            // SAFETY: the same.
            _ => unsafe { System.dealloc(block, layout) },
        }
    }
}
