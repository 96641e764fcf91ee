//! The slots: places for idle objects that every processor may take from.
//!
//! Each processor has a line of slots, a few for each side. Each slot holds one chain of objects. A get takes the newest
//! chain of its own processor, or steals the oldest of another's. What it leaves of the chain stays in the slot, or moves
//! to the thief's processor. Chains age where they are.
//!
//! .NET's `DefaultObjectPool` has the same shape. Here each processor has one, and a slot holds a chain, so that half a
//! magazine moves by one exchange.

mod slot;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub(crate) use slot::Claim;

use super::{Chain, Side};
use crate::sys::OnceBox;
use crate::sys::atomic::AtomicUsize;
use crate::sys::atomic::Ordering::Relaxed;
use crate::sys::magazine::CAPACITY;
use crate::sys::scale::REAL;
use slot::Slot;

/// How many slots a line has for each side.
const SLOTS: usize = if REAL { 4 } else { 2 };

/// The longest rest of a chain that a thief takes home.
const MOVED: u64 = CAPACITY as u64;

/// The slots of a pool's processors.
pub(crate) struct Slots {
    /// Made at the first use; each line is made when its processor first needs it.
    lines: OnceBox<Box<[OnceBox<Line>]>>,
    processors: usize,
    /// All lines that exist have smaller indices.
    made: AtomicUsize,
}

/// One processor's slots: [`SLOTS`] for each side, and another line if too many threads have slots claimed at once.
#[repr(align(64))]
struct Line {
    sides: [[Slot; SLOTS]; 2],
    more: OnceBox<Line>,
}

/// What is in slots, and how much came and went.
#[derive(Clone, Copy, Default)]
pub(crate) struct Census {
    pub(crate) objects: u64,
    pub(crate) bytes: u128,
    pub(crate) puts: u64,
    pub(crate) hits: u64,
}

impl Line {
    fn new() -> Self {
        Line { sides: [(); 2].map(|()| std::array::from_fn(|_| Slot::new())), more: OnceBox::new() }
    }

    /// This line and the processor's lines after it.
    #[inline]
    fn and_more(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |line| line.more.get())
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.sides.iter().flatten()
    }

    /// Claims an empty slot, above the full ones if possible.
    #[inline]
    fn empty_slot(&self, side: Side) -> Option<Claim<'_>> {
        let slots = &self.sides[side as usize];
        let above = slots.iter().rposition(Slot::is_full).map_or(0, |top| top + 1);
        let mut order = (above..SLOTS).chain(0..above);
        order.find_map(|at| slots[at].claim_empty())
    }

    /// Adds a chain. If a user's put came with it, counts that, and returns whether it is time to look at the clock.
    #[inline]
    fn add(&self, side: Side, chain: Chain, is_put: bool) -> bool {
        match self.fill(side, chain, is_put) {
            Ok(ticks) => ticks,
            Err(chain) => self.add_anywhere(side, chain, is_put),
        }
    }

    /// Adds a chain to a later line, or joins it to another chain. Makes a new line if as many slots are
    /// claimed as there are lines: a preempted thread keeps its chain from all others, so that chain should be short.
    #[cold]
    fn add_anywhere(&self, side: Side, chain: Chain, is_put: bool) -> bool {
        let (mut last, mut lines, mut claimed, mut left) = (self, 0, 0, Err(chain));
        for line in self.and_more() {
            last = line;
            lines += 1;
            let slots = &line.sides[side as usize];
            claimed += slots.iter().filter(|slot| slot.look().is_none()).count();
            left = left.or_else(|chain| line.fill(side, chain, is_put));
        }
        if claimed < lines {
            for line in self.and_more() {
                left = left.or_else(|chain| line.join(side, chain, is_put));
            }
        }
        loop {
            match left {
                Ok(ticks) => return ticks,
                Err(chain) => {
                    last = last.more.get_or_make(Line::new);
                    left = last.fill(side, chain, is_put);
                }
            }
        }
    }

    /// Puts a chain into an empty slot. Returns the chain if there is none.
    #[inline]
    fn fill(&self, side: Side, chain: Chain, is_put: bool) -> Result<bool, Chain> {
        match self.empty_slot(side) {
            Some(mut claim) => {
                claim.chain = Some(chain);
                Ok(is_put && claim.count_put())
            }
            None => Err(chain),
        }
    }

    /// Joins a chain to the shortest chain, or to any slot that can be claimed. Returns the chain if no
    /// slot can be claimed, or if it would become too long.
    fn join(&self, side: Side, chain: Chain, is_put: bool) -> Result<bool, Chain> {
        let mut chain = chain;
        let slots = &self.sides[side as usize];
        let shortest = slots.iter().rev().min_by_key(|slot| slot.measure().length());
        for slot in shortest.into_iter().chain(slots) {
            if let Some(mut claim) = slot.claim(|_| true) {
                match claim.add(chain) {
                    Ok(()) => return Ok(is_put && claim.count_put()),
                    Err(back) => chain = back,
                }
            }
        }
        Err(chain)
    }
}

impl Slots {
    /// No slots yet, for this many processors.
    pub(crate) fn new(processors: usize) -> Self {
        Slots { lines: OnceBox::new(), processors, made: AtomicUsize::new(0) }
    }

    #[inline]
    fn line(&self, index: usize) -> Option<&Line> {
        self.lines.get()?.get(index)?.get()
    }

    /// The line of this processor; makes it if needed. The first line if there is no such processor.
    #[inline]
    fn line_or_make(&self, index: usize) -> &Line {
        let none = || (0..self.processors.max(1)).map(|_| OnceBox::new()).collect();
        let lines = self.lines.get_or_make(none);
        let index = if index < lines.len() { index } else { 0 };
        lines[index].get().unwrap_or_else(|| {
            if REAL {
                // Relaxed: stored before the line is published, so a thread that sees the line sees this.
                self.made.fetch_max(index + 1, Relaxed);
            }
            lines[index].get_or_make(Line::new)
        })
    }

    /// The processors' places for lines, up to the last one that may be filled.
    #[inline]
    fn lines(&self) -> &[OnceBox<Line>] {
        // Relaxed: as in `line_or_make`. Models have few processors, and search all.
        let made = if REAL { self.made.load(Relaxed) } else { self.processors };
        match made {
            0 => &[],
            made => self.lines.get().map_or(&[], |lines| &lines[..made]),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Line> {
        self.lines().iter().filter_map(OnceBox::get).flat_map(Line::and_more)
    }

    /// The first result of `look` over all lines, from this processor's on.
    // Loops, because a chain of iterators is slow here.
    #[inline]
    fn find<'s, R>(
        &'s self,
        first: usize,
        mut look: impl FnMut(&'s Line) -> Option<R>,
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

    /// Puts a user's object into a slot of this processor. Returns whether it is time to look at the clock.
    #[inline]
    pub(crate) fn put(&self, side: Side, index: usize, chain: Chain) -> bool {
        self.line_or_make(index).add(side, chain, true)
    }

    /// Adds a chain from a magazine to the slots of this processor.
    pub(crate) fn add(&self, side: Side, index: usize, chain: Chain) {
        self.line_or_make(index).add(side, chain, false);
    }

    /// Moves a thief's rest of a chain to an empty slot of this processor. Returns the chain if there is none, or if it
    /// is longer than [`MOVED`]: then other processors live on it too.
    pub(crate) fn move_to(&self, side: Side, index: usize, chain: Chain) -> Result<(), Chain> {
        match chain.len() {
            ..=MOVED => self.line_or_make(index).fill(side, chain, false).map(drop),
            _ => Err(chain),
        }
    }

    /// Claims the newest chain of this processor.
    #[inline]
    pub(crate) fn newest(&self, side: Side, index: usize) -> Option<Claim<'_>> {
        let mut lines = self.line(index)?.and_more();
        lines.find_map(|line| line.sides[side as usize].iter().rev().find_map(Slot::claim_full))
    }

    /// Claims the oldest chain of the first processor that has one, from this one on.
    #[inline]
    pub(crate) fn oldest(&self, side: Side, first: usize) -> Option<Claim<'_>> {
        self.find(first, |line| line.sides[side as usize].iter().find_map(Slot::claim_full))
    }

    /// Claims the chains of one side, one at a time.
    pub(crate) fn chains(&self, side: Side) -> impl Iterator<Item = Claim<'_>> {
        let slots = self.iter().flat_map(move |line| &line.sides[side as usize]);
        slots.filter_map(Slot::claim_full)
    }

    /// Whether all slots of a side are empty and none is claimed.
    #[inline]
    pub(crate) fn is_bare(&self, side: Side) -> bool {
        let bare = |slot: &Slot| slot.look().is_some_and(|chain| chain.is_null());
        let other = |line: &Line| !line.sides[side as usize].iter().all(bare);
        self.find(0, |line| other(line).then_some(())).is_none()
    }

    /// The sums over all slots.
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
