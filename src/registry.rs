//! All workers of one pool: join, adopt an orphan, find one that has something.
//!
//! The registry only grows, and is freed with the pool, so a reader needs neither a pin nor a lock.
//! It grows no further than the peak number of live threads (and of those that look into an orphan's slot
//! just then): a thread that ends leaves its worker, with what is in it, to the next that comes. A worker is named by its index and its tenancy,
//! never by its address.
//!
//! # Who has something
//!
//! A thief does not ask every worker. Two bitmaps, one a side, say who may have something, and a
//! word above each says which words of it are not zero, so a miss among a thousand idle workers
//! looks at two words.
//!
//! A set bit may be stale; a clear bit is exact: **if a deque holds an object that its owner is done
//! putting, its bit is set.** The owner pushes, then looks at the bit; the thief clears the bit, then
//! looks at the deque. Between the two steps each makes a `fence(SeqCst)`, so at least one of them
//! sees what the other did: the owner sets the bit again, or the thief does. The upper word follows
//! the lower ones by the same rule.

use crate::allowance::Allowance;
use crate::generation::Side;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use crate::sync::atomic::{AtomicU64, AtomicUsize, fence};
use crate::sync::buckets::Buckets;
use crate::sync::chaos::point;
use crate::sync::scale::HINT_BITS;
use crate::worker::{FIRST_TENANCY, Owner, Tenancy, Worker};

/// The workers of one pool.
#[derive(Debug)]
pub(crate) struct Registry<T> {
    workers: Buckets<Worker<T>>,
    joined: AtomicUsize,
    orphans: AtomicUsize,
    hints: [Hints; 2],
    /// Who of the orphans may have something in the private slot.
    legacies: Hints,
    /// Whose private slots may be deeper than one object.
    deep: Hints,
}

impl<T> Registry<T> {
    pub(crate) fn new() -> Self {
        Registry {
            workers: Buckets::new(),
            joined: AtomicUsize::new(0),
            orphans: AtomicUsize::new(0),
            hints: [Hints::new(), Hints::new()],
            legacies: Hints::new(),
            deep: Hints::new(),
        }
    }

    /// A worker for the calling thread: an orphan if there is one, else a new one, whose private
    /// slot gets `allowance`. `None` when the registry is full.
    pub(crate) fn join(&self, allowance: Allowance) -> Option<(&Worker<T>, Tenancy)> {
        point("registry: joining");
        // Relaxed: a hint; a worker is claimed by its own exchange.
        if self.orphans.load(Relaxed) != 0 {
            for worker in self.iter() {
                if let Some(tenancy) = worker.move_in() {
                    point("registry: adopted");
                    // Relaxed: a hint. It may wrap below zero before `leave` adds its one.
                    self.orphans.fetch_sub(1, Relaxed);
                    return Some((worker, tenancy));
                }
            }
        }
        // AcqRel: pairs with the Acquire in `iter`, so that what comes later sees this worker.
        let index = self.joined.fetch_add(1, AcqRel);
        point("registry: reserved");
        let Some(worker) = self.workers.get_or_grow(index, Worker::reserved) else {
            // Relaxed: only undoes the reservation of an index that has no place.
            self.joined.fetch_sub(1, Relaxed);
            return None;
        };
        worker.furnish(index, allowance);
        Some((worker, FIRST_TENANCY))
    }

    /// The worker of this index, if there is one.
    pub(crate) fn get(&self, index: usize) -> Option<&Worker<T>> {
        self.workers.get(index)
    }

    /// Ends a tenancy. Runs no user code: what the worker holds stays for others to take.
    pub(crate) fn leave(&self, worker: &Worker<T>, tenancy: Tenancy) {
        if worker.move_out(tenancy) {
            point("registry: left");
            // Release: a thread that happens-after this one ended finds the orphan.
            self.orphans.fetch_add(1, Release);
            if worker.is_legacy() {
                self.legacies.raise(worker.index());
            }
        }
    }

    /// Asks the orphans that may have something in their private slots, until `look` returns
    /// something. `look` may move in for a moment.
    pub(crate) fn find_legacy<R>(
        &self,
        random: u64,
        mut look: impl FnMut(&Worker<T>) -> Option<R>,
    ) -> Option<R> {
        self.legacies.find(
            || self.len(),
            random,
            |index| {
                let worker = self.workers.get(index);
                match worker.and_then(&mut look) {
                    Some(found) => Look::Found(found),
                    None => Look::Nothing(move || worker.is_none_or(|worker| !worker.is_legacy())),
                }
            },
        )
    }

    /// Every worker that has ever joined.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Worker<T>> {
        (0..self.len()).filter_map(|index| self.workers.get(index))
    }

    /// How many workers there are.
    pub(crate) fn len(&self) -> usize {
        // Acquire: pairs with the AcqRel in `join`.
        self.joined
            .load(Acquire)
            .min(<Buckets<Worker<T>>>::CAPACITY)
    }

    /// To be called after an owner has pushed: makes the push known to thieves.
    pub(crate) fn announce(&self, owner: Owner<'_, T>, side: Side) {
        self.hints[side as usize].raise(owner.worker().index());
    }

    /// To be called after an owner has made its private slot deeper.
    pub(crate) fn announce_depth(&self, owner: Owner<'_, T>) {
        self.deep.raise(owner.worker().index());
    }

    /// Makes every private slot shallow again: somebody has found nothing. Owners let go of what is
    /// below the newest object with their next put.
    pub(crate) fn recall(&self) {
        self.deep.find(
            || self.len(),
            0,
            |index| {
                let worker = self.workers.get(index);
                worker.inspect(|worker| worker.private.set_depth(1));
                let shallow = move || worker.is_none_or(|worker| worker.private.depth() == 1);
                Look::<(), _>::Nothing(shallow)
            },
        );
    }

    /// Asks the workers that may have something in their deques of one side, from a random one on,
    /// until `look` returns something.
    pub(crate) fn find<R>(
        &self,
        side: Side,
        random: u64,
        mut look: impl FnMut(&Worker<T>) -> Option<R>,
    ) -> Option<R> {
        self.hints[side as usize].find(
            || self.len(),
            random,
            |index| {
                let worker = self.workers.get(index);
                let found = worker.and_then(&mut look);
                let empty = move || {
                    worker
                        .and_then(|worker| worker.deque(side))
                        .is_none_or(|deque| deque.is_empty())
                };
                match found {
                    Some(found) => Look::Found(found),
                    None => Look::Nothing(empty),
                }
            },
        )
    }
}

/// A bitmap of workers that may have something.
#[derive(Debug)]
struct Hints {
    /// Bit `w % HINT_BITS` says that a word `w` may be non-zero.
    upper: AtomicU64,
    words: Buckets<AtomicU64>,
}

/// What looking at one worker came to.
enum Look<R, E> {
    Found(R),
    /// Nothing found; the closure tells whether there is still nothing.
    Nothing(E),
}

impl Hints {
    fn new() -> Self {
        Hints {
            upper: AtomicU64::new(0),
            words: Buckets::new(),
        }
    }

    /// Sets the bit of `index`. The caller has just pushed.
    fn raise(&self, index: usize) {
        let (word_index, bit) = split(index);
        let Some(word) = self.words.get_or_grow(word_index, || AtomicU64::new(0)) else {
            return;
        };
        point("bitmap: raising");
        // Pairs with the fence in `find`: our push or its clearing is seen by the other.
        fence(SeqCst);
        // Relaxed: the fence orders it.
        if word.load(Relaxed) & bit == 0 {
            // Release: pairs with the Acquire in `find`, for the deque's pointer.
            word.fetch_or(bit, Release);
            // Pairs with the fence in `lower`: our bit or its clearing is seen by the other.
            fence(SeqCst);
        }
        // Also if the bit was set: a thief that stands still between clearing the upper one and its second
        // look hides no push but those that were on their way.
        let upper_bit = split(word_index).1;
        // Relaxed: the fence orders it.
        if self.upper.load(Relaxed) & upper_bit == 0 {
            // Relaxed: the lower words carry the publication.
            self.upper.fetch_or(upper_bit, Relaxed);
        }
    }

    /// Looks at every index below `len`, which may grow, whose bit is set, from a random one on.
    fn find<R, E: Fn() -> bool>(
        &self,
        len: impl Fn() -> usize,
        random: u64,
        mut look: impl FnMut(usize) -> Look<R, E>,
    ) -> Option<R> {
        let known = len();
        // Relaxed: a reader that must see a bit is ordered with it by the user's own means.
        let upper = self.upper.load(Relaxed);
        let start = random as u32 % HINT_BITS;
        for upper_bit in bits_from(upper, start) {
            let mut any = false;
            for (word_index, word) in self.words_under(upper_bit, known) {
                // Acquire: pairs with the Release in `raise`.
                let bits = word.load(Acquire);
                for bit in bits_from(bits, (random >> 32) as u32 % HINT_BITS) {
                    let index = word_index * HINT_BITS as usize + bit as usize;
                    match look(index) {
                        Look::Found(found) => return Some(found),
                        Look::Nothing(still_empty) => {
                            // Relaxed: the fence orders it before the second look.
                            word.fetch_and(!(1 << bit), Relaxed);
                            point("bitmap: cleared");
                            // Pairs with the fence in `raise`.
                            fence(SeqCst);
                            if !still_empty() {
                                self.raise(index);
                            }
                        }
                    }
                }
                any |= bits != 0;
            }
            if !any {
                self.lower(upper_bit, &len);
            }
        }
        None
    }

    /// Clears a bit of the upper word whose lower words were all zero.
    fn lower(&self, upper_bit: u32, len: impl Fn() -> usize) {
        point("bitmap: lowering");
        // Relaxed: the fence orders it before the second look.
        self.upper.fetch_and(!(1 << upper_bit), Relaxed);
        point("bitmap: lowered");
        // Pairs with the second fence in `raise`.
        fence(SeqCst);
        // Relaxed: the fence orders it, and the number of workers, which was less perhaps before it.
        if self
            .words_under(upper_bit, len())
            .any(|(_, word)| word.load(Relaxed) != 0)
        {
            // Relaxed: the lower words carry the publication.
            self.upper.fetch_or(1 << upper_bit, Relaxed);
        }
    }

    /// The lower words that one bit of the upper word stands for, for `len` workers.
    fn words_under(&self, upper_bit: u32, len: usize) -> impl Iterator<Item = (usize, &AtomicU64)> {
        let words = len.div_ceil(HINT_BITS as usize);
        (upper_bit as usize..words)
            .step_by(HINT_BITS as usize)
            .filter_map(|index| Some((index, self.words.get(index)?)))
    }
}

/// The word of an index and its bit there.
fn split(index: usize) -> (usize, u64) {
    (index / HINT_BITS as usize, 1 << (index as u32 % HINT_BITS))
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
