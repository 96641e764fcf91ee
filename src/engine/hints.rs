//! Which workers may have something in their deques of one side: a bit for each.
//!
//! A push raises the bit of its worker; a thief that finds nothing lowers it, and looks once more. Both have
//! a fence between their two steps, so that a push and its lowering do not miss each other.

use crate::sys::atomic::AtomicU64;
use crate::sys::atomic::Ordering::SeqCst;
use crate::sys::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sys::atomic::fence;
use crate::sys::chaos::point;
use crate::sys::scale::HINT_BITS;

/// A bitmap of workers that may have something.
#[derive(Debug)]
pub(crate) struct Hints {
    words: Box<[AtomicU64]>,
}

/// What looking at one worker came to.
pub(crate) enum Look<R, E> {
    Found(R),
    /// Nothing found; the closure tells whether there is still nothing.
    Nothing(E),
}

impl Hints {
    /// For so many workers, of which none has anything.
    pub(crate) fn new(workers: usize) -> Self {
        let words = 0..workers.div_ceil(HINT_BITS as usize);
        Hints {
            words: words.map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Sets the bit of a worker, into whose deque the caller has just pushed.
    #[inline]
    pub(crate) fn raise(&self, index: usize) {
        let word = &self.words[index / HINT_BITS as usize];
        let bit = 1 << (index as u32 % HINT_BITS);
        point("hints: raising");
        // Pairs with the fence in `find`: our push or its lowering is seen by the other.
        fence(SeqCst);
        // Relaxed: the fence orders it.
        if word.load(Relaxed) & bit == 0 {
            // Release: pairs with the Acquire in `find`, for the deque's pointer.
            word.fetch_or(bit, Release);
        }
    }

    /// Looks at every worker whose bit is set, from a random one on.
    #[inline]
    pub(crate) fn find<R, E: Fn() -> bool>(
        &self,
        random: u64,
        look: impl FnMut(usize) -> Look<R, E>,
    ) -> Option<R> {
        if self.is_empty() {
            return None;
        }
        self.search(random, look)
    }

    /// Whether no bit is set just now.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: what is raised just now may be missed as well.
        self.words.iter().all(|word| word.load(Relaxed) == 0)
    }

    #[inline(never)]
    fn search<R, E: Fn() -> bool>(
        &self,
        random: u64,
        mut look: impl FnMut(usize) -> Look<R, E>,
    ) -> Option<R> {
        // A multiplication and a shift: a division would cost more than all the rest.
        let start = (((random & 0xffff_ffff) * self.words.len() as u64) >> 32) as usize;
        for at in (start..self.words.len()).chain(0..start) {
            // Acquire: pairs with the Release in `raise`.
            let bits = self.words[at].load(Acquire);
            for bit in bits_from(bits, (random >> 32) as u32 % HINT_BITS) {
                let index = at * HINT_BITS as usize + bit as usize;
                match look(index) {
                    Look::Found(found) => return Some(found),
                    Look::Nothing(still_nothing) => {
                        // Relaxed: the fence orders it before the second look.
                        self.words[at].fetch_and(!(1 << bit), Relaxed);
                        point("hints: lowered");
                        // Pairs with the fence in `raise`.
                        fence(SeqCst);
                        if !still_nothing() {
                            self.raise(index);
                        }
                    }
                }
            }
        }
        None
    }
}

/// The set bits of `word`, in ascending order from `start` on, wrapping.
fn bits_from(word: u64, start: u32) -> impl Iterator<Item = u32> {
    let below = (1u64 << start) - 1;
    let mut halves = [word & !below, word & below];
    std::iter::from_fn(move || {
        let half = halves.iter_mut().find(|half| **half != 0)?;
        let bit = half.trailing_zeros();
        *half &= *half - 1;
        Some(bit)
    })
}
