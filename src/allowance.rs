//! What a private slot may hold: so many objects of so many bytes in all.
//!
//! A pool without bounds allows [everything](Allowance::EVERYTHING); one with bounds lends each slot a
//! part of them (see `budget.rs`). One word, so that a put asks with one comparison.

use crate::object::Measure;

/// Objects (16 bits) and bytes (48 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance(Measure);

impl Allowance {
    /// Covers no object, not even a weightless one.
    pub(crate) const NOTHING: Self = Allowance(Measure::from_bits(0));
    pub(crate) const EVERYTHING: Self = Allowance(Measure::from_bits(u64::MAX));

    /// At least one object.
    pub(crate) fn new(objects: u64, bytes: u64) -> Self {
        debug_assert!(objects > 0);
        Allowance(Measure::new(bytes, objects))
    }

    pub(crate) fn objects(self) -> u64 {
        self.0.length()
    }

    pub(crate) fn bytes(self) -> u64 {
        self.0.weight()
    }

    /// Whether one object of this weight may be there.
    #[inline(always)]
    pub(crate) fn covers_one(self, weight: u64) -> bool {
        // The objects of an allowance that is not nothing break the tie.
        Measure::new(weight, 0).to_bits() < self.to_bits()
    }

    /// Whether a line of this measure may be there.
    #[inline]
    pub(crate) fn covers(self, line: Measure) -> bool {
        line.length() <= self.objects() && line.weight() <= self.bytes()
    }

    /// The least that covers this one and so much.
    pub(crate) fn raised_to(self, objects: u64, bytes: u64) -> Self {
        Allowance::new(self.objects().max(objects), self.bytes().max(bytes))
    }

    /// What it is more than a smaller one.
    pub(crate) fn beyond(self, less: Self) -> Part {
        Part {
            objects: self.objects() - less.objects(),
            bytes: self.bytes() - less.bytes(),
        }
    }

    #[inline]
    pub(crate) const fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Allowance(Measure::from_bits(bits))
    }
}

/// A part of an allowance, which the budget has lent or gets back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::object::HEAVIEST;

    #[test]
    fn an_allowance_covers_what_it_says() {
        let two = Allowance::new(2, 100);
        assert!(two.covers_one(100) && !two.covers_one(101));
        assert!(two.covers(Measure::new(100, 2)));
        assert!(!two.covers(Measure::new(100, 3)) && !two.covers(Measure::new(101, 2)));
        assert_eq!(two.raised_to(1, 200), Allowance::new(2, 200));
        assert_eq!(Allowance::NOTHING.raised_to(1, 0), Allowance::new(1, 0));
    }

    #[test]
    fn nothing_covers_nothing_and_everything_the_heaviest() {
        assert!(!Allowance::NOTHING.covers_one(0));
        assert!(Allowance::new(1, 0).covers_one(0));
        assert!(Allowance::EVERYTHING.covers_one(HEAVIEST as u64));
        assert!(Allowance::EVERYTHING.covers(Measure::new(HEAVIEST as u64, 0xffff)));
    }
}
