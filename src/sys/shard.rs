//! Which shard a thread uses, where no sequence finds its processor.
//!
//! On Linux the number of its processor, asked for now and then; elsewhere a number of the thread itself. Who finds
//! its shard in other hands moves to another. A guess in any case: two threads may have the same.

use std::cell::Cell;
use std::ptr;

/// For so many calls a processor's number is good enough.
const LASTS: u32 = 256;

std::thread_local! {
    // No destructor, so it is there while other thread-locals end.
    static SHARD: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// The calling thread's number.
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
        // The address of what is the thread's own, without the bits that are the same for all.
        let address = ptr::from_ref(shard).addr() >> 6;
        (address.wrapping_mul(0x9e37_79b1) >> 8) as u32
    });
    shard.set((number, LASTS));
    number as usize
}

#[cfg(all(target_os = "linux", not(miri)))]
fn processor() -> Option<u32> {
    // SAFETY: takes nothing; -1 where the system does not know.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn processor() -> Option<u32> {
    None
}
