//! A thread's shard, where there are no sequences.
//!
//! On Linux, Android and Windows it is the number of the thread's processor, read now and then. Elsewhere it is a hash of
//! the address of a thread-local variable: unlike a number for each new thread, addresses come back, so short threads
//! use few workers. A thread whose worker is closed moves to another shard. Two threads may have the same shard.

use std::cell::Cell;
use std::ptr;

/// How many calls use the same number before the processor is read again.
const LASTS: u32 = 256;

std::thread_local! {
    // It has no destructor, so it can be used while other thread-locals are destroyed.
    static SHARD: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// The calling thread's shard.
#[inline]
pub(crate) fn shard() -> usize {
    SHARD.with(|shard| {
        let (number, left) = shard.get();
        if left == 0 {
            return look(shard);
        }
        shard.set((number, left - 1));
        number as usize
    })
}

/// Moves the calling thread to another shard for a while.
pub(crate) fn move_to_shard(number: usize) {
    SHARD.with(|shard| shard.set((number as u32, LASTS)));
}

#[cold]
fn look(shard: &Cell<(u32, u32)>) -> usize {
    let number = processor().unwrap_or_else(|| {
        // An address of thread-local memory, without the low bits that are equal for all threads.
        let address = ptr::from_ref(shard).addr() >> 6;
        (address.wrapping_mul(0x9e37_79b1) >> 8) as u32
    });
    shard.set((number, LASTS));
    number as usize
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
fn processor() -> Option<u32> {
    // SAFETY: it has no arguments, and returns -1 if the system does not know.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(all(windows, not(miri)))]
fn processor() -> Option<u32> {
    // Its number within its group of up to 64 processors.
    #[link(name = "kernel32")]
    unsafe extern "system" {
        safe fn GetCurrentProcessorNumber() -> u32;
    }
    Some(GetCurrentProcessorNumber())
}

#[cfg(any(not(any(target_os = "linux", target_os = "android", windows)), miri))]
fn processor() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::{move_to_shard, shard};

    #[test]
    fn a_thread_that_moves_stays_there_for_a_while() {
        let here = shard();
        move_to_shard(here + 1);
        assert!((0..100).all(|_| shard() == here + 1));
    }
}
