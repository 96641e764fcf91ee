//! What is below the magazines: slots, each with one chain of objects, a few for each processor, open to every thread.
//!
//! A processor has slots of both sides, which age where they stand. A get takes the newest of its own processor, or the
//! oldest of another's; what it leaves of a chain stays in the slot, or comes along to the thief's.
//!
//! The shape is that of .NET's `DefaultObjectPool`, of which each processor has one here; a slot holds a chain, not
//! an object, so that half a magazine goes down and comes up by one exchange.

mod slot;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub(crate) use slot::Claim;

use super::counters::Ticker;
use super::generation::Side;
use super::object::Chain;
use crate::sys::atomic::AtomicUsize;
use crate::sys::atomic::Ordering::Relaxed;
use crate::sys::once_box::OnceBox;
use crate::sys::scale::REAL;
use slot::Slot;

/// Slots of one side.
const SLOTS: usize = if REAL { 4 } else { 2 };

/// A chain that comes out of a magazine is added to another one up to so many objects: a thief takes them all at once.
const MERGED: u64 = 56;

/// The slots of a pool's processors.
pub(crate) struct Slots<T> {
    /// Made when something first goes past a magazine, each when its processor first needs it.
    lines: OnceBox<Box<[OnceBox<Line<T>>]>>,
    processors: usize,
    /// Lines that were made have indices below this.
    made: AtomicUsize,
}

/// One processor's: [`SLOTS`] of each side, and more if so many threads have them in hand at once.
#[repr(align(64))]
struct Line<T> {
    sides: [[Slot<T>; SLOTS]; 2],
    /// At the clock, as puts grow.
    ticker: Ticker,
    more: OnceBox<Line<T>>,
}

/// What is in slots, and what came and went.
#[derive(Clone, Copy, Default)]
pub(crate) struct Census {
    pub(crate) objects: u64,
    pub(crate) bytes: u128,
    pub(crate) puts: u64,
    pub(crate) hits: u64,
}

impl<T> Line<T> {
    fn new() -> Self {
        Line {
            sides: [(); 2].map(|()| std::array::from_fn(|_| Slot::new())),
            ticker: Ticker::default(),
            more: OnceBox::new(),
        }
    }

    /// This one, and those of the same processor after it.
    #[inline]
    fn and_more(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |line| line.more.get())
    }

    fn slots(&self) -> impl Iterator<Item = &Slot<T>> {
        self.sides.iter().flatten()
    }

    #[inline]
    fn puts(&self) -> u64 {
        self.slots().map(|slot| slot.puts.get()).sum()
    }

    /// Whether it is for this put, here or in a later line, to look at the clock.
    #[inline]
    fn is_time(&self) -> bool {
        self.ticker.is_due(self.and_more().map(Line::puts).sum())
    }

    /// An empty slot, above the full ones if there is one.
    #[inline]
    fn empty_slot(&self, side: Side) -> Option<Claim<'_, T>> {
        let slots = &self.sides[side as usize];
        let above = slots.iter().rposition(Slot::is_full).map_or(0, |top| top + 1);
        let mut order = (above..SLOTS).chain(0..above);
        order.find_map(|at| slots[at].claim_empty())
    }

    /// The newest chain, if it can grow by so many objects to no more than [`MERGED`].
    fn short_chain(&self, side: Side, objects: u64) -> Option<Claim<'_, T>> {
        let slots = &self.sides[side as usize];
        let newest = slots.iter().rfind(|slot| slot.is_full())?;
        (newest.measure().length() + objects <= MERGED).then(|| newest.claim_full())?
    }

    /// Adds a chain, of so many puts, to a later line, or else to a chain. If others have slots in hand, makes a line for it
    /// instead: a chain that a thread has in hand when it stops to run is out of reach, and should be short.
    #[cold]
    fn add_anywhere(&self, side: Side, chain: Chain<T>, puts: u64) {
        let (mut last, mut in_hand, mut left) = (self, false, Err(chain));
        for line in self.and_more() {
            last = line;
            in_hand |= line.sides[side as usize].iter().any(|slot| slot.look().is_none());
            left = left.or_else(|chain| line.fill(side, chain, puts));
        }
        if !in_hand {
            for line in self.and_more() {
                left = left.or_else(|chain| line.join(side, chain, puts));
            }
        }
        while let Err(chain) = left {
            last = last.more.get_or_make(Line::new);
            left = last.fill(side, chain, puts);
        }
    }

    /// Puts a chain, of so many puts, into an empty slot. Gives it back if there is none.
    #[inline]
    fn fill(&self, side: Side, chain: Chain<T>, puts: u64) -> Result<(), Chain<T>> {
        match self.empty_slot(side) {
            Some(mut claim) => {
                claim.slot.puts.add(puts);
                claim.chain = Some(chain);
                Ok(())
            }
            None => Err(chain),
        }
    }

    /// Adds a chain, of so many puts, to the shortest chain, or to whatever slot can be claimed. Gives it back if none can,
    /// or it is too much for them.
    fn join(&self, side: Side, chain: Chain<T>, puts: u64) -> Result<(), Chain<T>> {
        let mut chain = chain;
        let slots = &self.sides[side as usize];
        let shortest = slots.iter().rev().min_by_key(|slot| slot.measure().length());
        for slot in shortest.into_iter().chain(slots) {
            if let Some(mut claim) = slot.claim(|_| true) {
                match claim.add(chain) {
                    Ok(()) => {
                        slot.puts.add(puts);
                        return Ok(());
                    }
                    Err(back) => chain = back,
                }
            }
        }
        Err(chain)
    }
}

impl<T> Slots<T> {
    /// None yet, for so many processors.
    pub(crate) fn new(processors: usize) -> Self {
        Slots { lines: OnceBox::new(), processors, made: AtomicUsize::new(0) }
    }

    #[inline]
    fn line(&self, index: usize) -> Option<&Line<T>> {
        self.lines.get()?.get(index)?.get()
    }

    /// The line of that processor, made if need be; of the first one, if there is no such processor.
    #[inline]
    fn line_or_make(&self, index: usize) -> &Line<T> {
        let none = || (0..self.processors.max(1)).map(|_| OnceBox::new()).collect();
        let lines = self.lines.get_or_make(none);
        let index = if index < lines.len() { index } else { 0 };
        lines[index].get().unwrap_or_else(|| {
            if REAL {
                // Relaxed: before the line is published, so who has seen the line sees this.
                self.made.fetch_max(index + 1, Relaxed);
            }
            lines[index].get_or_make(Line::new)
        })
    }

    /// Those of all processors that may have one.
    #[inline]
    fn lines(&self) -> &[OnceBox<Line<T>>] {
        // Relaxed: as in `line_or_make`. Models have few processors, and look at all.
        let made = if REAL { self.made.load(Relaxed) } else { self.processors };
        match made {
            0 => &[],
            made => self.lines.get().map_or(&[], |lines| &lines[..made]),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Line<T>> {
        self.lines().iter().filter_map(OnceBox::get).flat_map(Line::and_more)
    }

    /// What is found first, from that processor's on.
    // Loops, for a chain of iterators is slow here.
    #[inline]
    fn find<'s, R>(
        &'s self,
        first: usize,
        mut look: impl FnMut(&'s Line<T>) -> Option<R>,
    ) -> Option<R> {
        let lines = self.lines();
        if lines.is_empty() {
            return None;
        }
        let (before, after) = lines.split_at(first.min(lines.len()));
        for lines in [after, before] {
            for line in lines.iter().filter_map(OnceBox::get).flat_map(Line::and_more) {
                if let Some(found) = look(line) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// Puts a user's object into a slot of that processor; whether it is time to look at the clock.
    #[inline]
    pub(crate) fn put(&self, side: Side, index: usize, chain: Chain<T>) -> bool {
        let line = self.line_or_make(index);
        if let Err(chain) = line.fill(side, chain, 1) {
            line.add_anywhere(side, chain, 1);
        }
        line.is_time()
    }

    /// Adds a chain of objects that were in a magazine, or were to go there, to the slots of that processor.
    pub(crate) fn add(&self, side: Side, index: usize, chain: Chain<T>) {
        let line = self.line_or_make(index);
        let slot = line.short_chain(side, chain.len());
        let added = match slot.or_else(|| line.empty_slot(side)) {
            Some(mut claim) => claim.add(chain),
            None => Err(chain),
        };
        if let Err(chain) = added {
            line.add_anywhere(side, chain, 0);
        }
    }

    /// Adds what a thief has left of a chain to the slots of its own processor. Gives it back if none is empty, or if it
    /// is longer than [`MERGED`]: then others live on it, too.
    pub(crate) fn move_to(
        &self,
        side: Side,
        index: usize,
        chain: Chain<T>,
    ) -> Result<(), Chain<T>> {
        match chain.len() {
            ..=MERGED => self.line_or_make(index).fill(side, chain, 0),
            _ => Err(chain),
        }
    }

    /// The newest chain of that processor.
    #[inline]
    pub(crate) fn newest(&self, side: Side, index: usize) -> Option<Claim<'_, T>> {
        let mut lines = self.line(index)?.and_more();
        lines.find_map(|line| line.sides[side as usize].iter().rev().find_map(Slot::claim_full))
    }

    /// The oldest chain of a processor, from that one on.
    #[inline]
    pub(crate) fn oldest(&self, side: Side, first: usize) -> Option<Claim<'_, T>> {
        self.find(first, |line| line.sides[side as usize].iter().find_map(Slot::claim_full))
    }

    /// The chains of one side, each claimed when it is asked for.
    pub(crate) fn chains(&self, side: Side) -> impl Iterator<Item = Claim<'_, T>> {
        let slots = self.iter().flat_map(move |line| &line.sides[side as usize]);
        slots.filter_map(Slot::claim_full)
    }

    /// Whether a side has nothing, and nobody has a slot of it in hand, where something may be left.
    #[inline]
    pub(crate) fn is_bare(&self, side: Side) -> bool {
        let bare = |slot: &Slot<T>| slot.look().is_some_and(|chain| chain.is_null());
        let other = |line: &Line<T>| !line.sides[side as usize].iter().all(bare);
        self.find(0, |line| other(line).then_some(())).is_none()
    }

    /// All of them together.
    pub(crate) fn census(&self) -> Census {
        let mut sum = Census::default();
        for slot in self.iter().flat_map(Line::slots) {
            if slot.is_full() {
                sum.objects += slot.measure().length();
                sum.bytes += u128::from(slot.measure().weight());
            }
            sum.puts += slot.puts.get();
            sum.hits += slot.hits.get();
        }
        sum
    }
}
