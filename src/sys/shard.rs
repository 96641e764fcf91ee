//! A thread's shard, where there are no sequences.
//!
//! On Linux it is the number of the thread's processor, read now and then. Elsewhere it is the thread's own number,
//! given to it at its first call. A thread whose worker is closed moves to another shard. Two threads may have the same
//! shard.

use std::cell::Cell;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// How many calls use the same number before the processor is read again.
const LASTS: u32 = 256;

std::thread_local! {
    // It has no destructor, so it can be used while other thread-locals are destroyed.
    static SHARD: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    /// The thread's own number. 0: it has none yet.
    static NUMBER: Cell<u32> = const { Cell::new(0) };
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
    let number = processor().unwrap_or_else(thread_number);
    shard.set((number, LASTS));
    number as usize
}

/// The calling thread's number.
fn thread_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NUMBER.with(|number| {
        if number.get() == 0 {
            // Relaxed: only the number counts. After 2^32 threads, two may share one.
            number.set(NEXT.fetch_add(1, Relaxed));
        }
        number.get()
    })
}

#[cfg(all(target_os = "linux", not(miri)))]
fn processor() -> Option<u32> {
    // SAFETY: it has no arguments, and returns -1 if the system does not know.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn processor() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::{move_to_shard, shard, thread_number};
    use std::thread;

    #[test]
    fn a_thread_keeps_its_number_and_shares_it_with_no_other() {
        let own = thread_number();
        let mut numbers: Vec<_> = (0..20)
            .map(|_| thread::spawn(|| (thread_number(), thread_number())))
            .map(|thread| thread.join().unwrap())
            .map(|(first, then)| {
                assert_eq!(first, then);
                first
            })
            .collect();
        numbers.push(thread_number());
        assert_eq!(numbers.last(), Some(&own));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 21);
    }

    #[test]
    fn a_thread_that_moves_stays_there_for_a_while() {
        let here = shard();
        move_to_shard(here + 1);
        assert!((0..100).all(|_| shard() == here + 1));
    }
}
