//! What may stay idle: a bound on the number of objects and one on their bytes.
//!
//! Both bounds hold at every moment. An object below the private slots is charged when it goes there
//! and refunded when it leaves. A private slot is lent an *allowance*: so many objects of up to so many
//! bytes in all, charged once and kept while objects come and go, so that the hot path touches nothing
//! shared. Lent allowances never exceed half of either bound; the other half is there for whoever
//! gives back more than it takes. A cycle takes the allowance of an idle slot back.
//!
//! A pool without bounds skips all of this. Several pools may share one budget (`keyed.rs`).

use crate::allowance::{Allowance, Part};
use crate::object::Chain;
use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

/// The bounds of one pool, or of several together: clones keep one sum. `None`: no bound.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Option<Arc<Books>>);

/// What is charged against which bounds.
#[derive(Debug)]
struct Books {
    objects: Account,
    bytes: Account,
    lent_objects: Account,
    lent_bytes: Account,
}

impl Budget {
    /// Bounds on idle objects and on their bytes; `u64::MAX` is none.
    pub(crate) fn new(objects: u64, bytes: u64) -> Self {
        if objects == u64::MAX && bytes == u64::MAX {
            return Budget(None);
        }
        let half = |bound: u64| if bound == u64::MAX { bound } else { bound / 2 };
        Budget(Some(Arc::new(Books {
            objects: Account::new(objects),
            bytes: Account::new(bytes),
            lent_objects: Account::new(half(objects)),
            lent_bytes: Account::new(half(bytes)),
        })))
    }

    /// Objects and bytes charged now, lent allowances included.
    #[allow(dead_code, reason = "asked by models and tests")]
    pub(crate) fn charged(&self) -> (u64, u64) {
        let charged = |books: &Arc<Books>| (books.objects.charged(), books.bytes.charged());
        self.0.as_ref().map_or((0, 0), charged)
    }

    /// Objects and bytes lent to private slots now.
    #[allow(dead_code, reason = "asked by models and tests")]
    pub(crate) fn lent(&self) -> (u64, u64) {
        let lent = |books: &Arc<Books>| (books.lent_objects.charged(), books.lent_bytes.charged());
        self.0.as_ref().map_or((0, 0), lent)
    }

    /// Whether there is no bound at all.
    pub(crate) fn is_unbounded(&self) -> bool {
        self.0.is_none()
    }

    /// Charges for objects that go below the private slots. `false`: no room, nothing charged.
    pub(crate) fn charge(&self, objects: u64, bytes: u64) -> bool {
        let Some(books) = &self.0 else { return true };
        if !books.objects.charge(objects) {
            return false;
        }
        if !books.bytes.charge(bytes) {
            books.objects.refund(objects);
            return false;
        }
        true
    }

    /// Undoes a [`charge`](Self::charge).
    pub(crate) fn refund(&self, objects: u64, bytes: u64) {
        if let Some(books) = &self.0 {
            books.objects.refund(objects);
            books.bytes.refund(bytes);
        }
    }

    /// Raises a private slot's allowance. `false`: no room, nothing lent.
    pub(crate) fn lend(&self, from: Allowance, to: Allowance) -> bool {
        let Some(books) = &self.0 else { return true };
        let Part { objects, bytes } = to.beyond(from);
        if !books.lent_objects.charge(objects) {
            return false;
        }
        if !books.lent_bytes.charge(bytes) {
            books.lent_objects.refund(objects);
            return false;
        }
        if !self.charge(objects, bytes) {
            books.lent_objects.refund(objects);
            books.lent_bytes.refund(bytes);
            return false;
        }
        true
    }

    /// Undoes a [`lend`](Self::lend).
    pub(crate) fn unlend(&self, from: Allowance, to: Allowance) {
        let Some(books) = &self.0 else { return };
        let Part { objects, bytes } = to.beyond(from);
        books.lent_objects.refund(objects);
        books.lent_bytes.refund(bytes);
        self.refund(objects, bytes);
    }

    /// Takes back what a slot was lent; a chain that goes below keeps of it what it needs there.
    pub(crate) fn take_back<T>(&self, lent: Option<Part>, chain: Option<&Chain<T>>) {
        let Some((books, lent)) = self.0.as_ref().zip(lent) else {
            return;
        };
        let (objects, bytes) = chain.map_or((0, 0), |chain| (chain.len(), chain.weight()));
        debug_assert!(objects <= lent.objects && bytes <= lent.bytes);
        books.lent_objects.refund(lent.objects);
        books.lent_bytes.refund(lent.bytes);
        self.refund(
            lent.objects.saturating_sub(objects),
            lent.bytes.saturating_sub(bytes),
        );
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
    use crate::object::Object;

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

    const NOTHING: Allowance = Allowance::NOTHING;
    const NO_CHAIN: Option<&Chain<()>> = None;

    #[test]
    fn slots_are_lent_at_most_half() {
        let budget = Budget::new(4, 100);
        let first = Allowance::new(1, 30);
        assert!(budget.lend(NOTHING, first), "30 of 50 bytes");
        assert!(
            !budget.lend(NOTHING, Allowance::new(1, 21)),
            "51 of 50 bytes"
        );
        let second = Allowance::new(1, 20);
        assert!(budget.lend(NOTHING, second), "50 of 50 bytes");
        assert!(
            !budget.lend(NOTHING, Allowance::new(1, 0)),
            "3 of 2 objects"
        );
        assert!(
            !budget.lend(second, Allowance::new(2, 20)),
            "3 of 2 objects"
        );
        assert!(budget.charge(2, 50), "the other half");
        assert!(!budget.charge(1, 0));
        budget.take_back(Some(first.beyond(NOTHING)), NO_CHAIN);
        let raised = Allowance::new(1, 50);
        assert!(
            budget.lend(second, raised),
            "a raise charges the difference"
        );
        budget.take_back(Some(raised.beyond(NOTHING)), NO_CHAIN);
        budget.refund(2, 50);
        assert_eq!((budget.charged(), budget.lent()), ((0, 0), (0, 0)));
        assert!(budget.charge(4, 100), "all of it came back");
    }

    #[test]
    fn a_chain_keeps_its_part_of_an_allowance() {
        let budget = Budget::new(8, 100);
        let allowance = Allowance::new(4, 40);
        assert!(budget.lend(NOTHING, allowance));
        let chain = Chain::of(Object::new(()).weighing(15));
        budget.take_back(Some(allowance.beyond(NOTHING)), Some(&chain));
        assert_eq!((budget.charged(), budget.lent()), ((1, 15), (0, 0)));
    }

    #[test]
    fn weightless_objects_still_count() {
        let budget = Budget::new(2, u64::MAX);
        let one = Allowance::new(1, 0);
        assert!(budget.lend(NOTHING, one), "one of one");
        assert!(!budget.lend(NOTHING, one));
        budget.unlend(NOTHING, one);
        assert!(budget.lend(NOTHING, one));
    }

    #[test]
    fn no_bound_means_no_arithmetic() {
        let budget = Budget::new(u64::MAX, u64::MAX);
        assert!(budget.is_unbounded() && !Budget::new(u64::MAX, 1).is_unbounded());
        assert!(budget.charge(u64::MAX, u64::MAX));
        budget.refund(1, 1);
    }
}
