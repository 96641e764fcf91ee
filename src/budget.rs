//! What may stay idle: a bound on the number of objects and one on their bytes.
//!
//! Both bounds hold at every moment. An object below the private slots is charged when it goes there
//! and refunded when it leaves. A private slot is lent an *allowance*: one object of up to so many
//! bytes, charged once and kept while objects come and go, so that the hot path touches nothing
//! shared. Lent allowances never exceed half of either bound; the other half is there for whoever
//! gives back more than it takes. A cycle takes the allowance of an idle slot back.
//!
//! A pool without bounds skips all of this.

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;

/// The bounds of one pool, and what is charged against them.
#[derive(Debug)]
pub(crate) struct Budget {
    objects: Account,
    bytes: Account,
    lent_objects: Account,
    lent_bytes: Account,
}

impl Budget {
    /// Bounds on idle objects and on their bytes; `u64::MAX` is none.
    pub(crate) fn new(objects: u64, bytes: u64) -> Self {
        let half = |bound: u64| if bound == u64::MAX { bound } else { bound / 2 };
        Budget {
            objects: Account::new(objects),
            bytes: Account::new(bytes),
            lent_objects: Account::new(half(objects)),
            lent_bytes: Account::new(half(bytes)),
        }
    }

    /// Objects and bytes charged now, lent allowances included.
    #[allow(dead_code, reason = "asked by models and tests")]
    pub(crate) fn charged(&self) -> (u64, u64) {
        (self.objects.charged(), self.bytes.charged())
    }

    /// Objects and bytes lent to private slots now.
    #[allow(dead_code, reason = "asked by models and tests")]
    pub(crate) fn lent(&self) -> (u64, u64) {
        (self.lent_objects.charged(), self.lent_bytes.charged())
    }

    /// Whether there is no bound at all.
    pub(crate) fn is_unbounded(&self) -> bool {
        self.objects.bound == u64::MAX && self.bytes.bound == u64::MAX
    }

    /// Charges for objects that go below the private slots. `false`: no room, nothing charged.
    pub(crate) fn charge(&self, objects: u64, bytes: u64) -> bool {
        if self.is_unbounded() {
            return true;
        }
        if !self.objects.charge(objects) {
            return false;
        }
        if !self.bytes.charge(bytes) {
            self.objects.refund(objects);
            return false;
        }
        true
    }

    /// Undoes a [`charge`](Self::charge).
    pub(crate) fn refund(&self, objects: u64, bytes: u64) {
        if !self.is_unbounded() {
            self.objects.refund(objects);
            self.bytes.refund(bytes);
        }
    }

    /// Raises a private slot's allowance from `from` so that it covers an object of `bytes`. An
    /// allowance is one more than the bytes it covers; 0 covers no object, not even a weightless one.
    pub(crate) fn lend(&self, from: u64, bytes: u64) -> Option<u64> {
        let objects = u64::from(from == 0);
        let more = bytes - from.saturating_sub(1);
        if !self.lent_objects.charge(objects) {
            return None;
        }
        if !self.lent_bytes.charge(more) {
            self.lent_objects.refund(objects);
            return None;
        }
        if !self.charge(objects, more) {
            self.lent_objects.refund(objects);
            self.lent_bytes.refund(more);
            return None;
        }
        Some(bytes + 1)
    }

    /// Undoes a [`lend`](Self::lend) that raised an allowance.
    pub(crate) fn unlend(&self, from: u64, raised: u64) {
        let objects = u64::from(from == 0);
        let more = raised - 1 - from.saturating_sub(1);
        self.lent_objects.refund(objects);
        self.lent_bytes.refund(more);
        self.refund(objects, more);
    }

    /// Takes a whole allowance back, of which a chain that goes below keeps its part.
    pub(crate) fn convert(&self, allowance: u64, objects: u64, bytes: u64) {
        if allowance != 0 && !self.is_unbounded() {
            self.lent_objects.refund(1);
            self.lent_bytes.refund(allowance - 1);
            self.refund(1 - objects.min(1), (allowance - 1).saturating_sub(bytes));
        }
    }

    /// Takes a whole allowance back.
    pub(crate) fn reclaim(&self, allowance: u64) {
        self.convert(allowance, 0, 0);
    }
}

/// A sum that never exceeds its bound.
#[derive(Debug)]
struct Account {
    bound: u64,
    used: AtomicU64,
}

impl Account {
    fn new(bound: u64) -> Self {
        Account {
            bound,
            used: AtomicU64::new(0),
        }
    }

    fn charge(&self, amount: u64) -> bool {
        if self.bound == u64::MAX {
            return true;
        }
        let within = |used: u64| used.checked_add(amount).filter(|sum| *sum <= self.bound);
        // Relaxed: a sum kept exact by the exchange; it publishes nothing.
        self.used.fetch_update(Relaxed, Relaxed, within).is_ok()
    }

    fn charged(&self) -> u64 {
        // Relaxed: a figure.
        self.used.load(Relaxed)
    }

    fn refund(&self, amount: u64) {
        if self.bound != u64::MAX {
            // Relaxed: as in `charge`.
            self.used.fetch_sub(amount, Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_charge_beyond_either_bound_changes_nothing() {
        let budget = Budget::new(2, 100);
        assert!(budget.charge(1, 60));
        assert!(!budget.charge(1, 41), "bytes");
        assert!(budget.charge(1, 40));
        assert!(!budget.charge(1, 0), "objects");
        budget.refund(2, 100);
        assert!(budget.charge(2, 100));
    }

    #[test]
    fn slots_are_lent_at_most_half() {
        let budget = Budget::new(4, 100);
        let first = budget.lend(0, 30).expect("30 of 50 bytes");
        assert!(budget.lend(0, 21).is_none(), "51 of 50 bytes");
        let second = budget.lend(0, 20).expect("50 of 50 bytes");
        assert!(budget.lend(0, 0).is_none(), "3 of 2 objects");
        assert!(budget.charge(2, 50), "the other half");
        assert!(!budget.charge(1, 0));
        budget.reclaim(first);
        assert_eq!(
            budget.lend(second, 50),
            Some(51),
            "a raise charges the difference"
        );
        budget.reclaim(51);
        budget.refund(2, 50);
        assert_eq!(budget.charged(), (0, 0));
        assert!(budget.charge(4, 100), "all of it came back");
    }

    #[test]
    fn weightless_objects_still_count() {
        let budget = Budget::new(2, u64::MAX);
        let lent = budget.lend(0, 0).expect("one of one");
        assert_eq!(lent, 1);
        assert!(budget.lend(0, 0).is_none());
    }

    #[test]
    fn no_bound_means_no_arithmetic() {
        let budget = Budget::new(u64::MAX, u64::MAX);
        assert!(budget.is_unbounded());
        assert!(budget.charge(u64::MAX, u64::MAX));
        budget.refund(1, 1);
        budget.reclaim(u64::MAX);
    }
}
