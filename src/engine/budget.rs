//! The bounds on idle objects: one on their number, one on their bytes. Several pools may share them (`keyed`).
//!
//! Both bounds hold at every moment. An object in a slot is charged when it goes there, and refunded when it leaves. A
//! magazine is charged as a whole: it reserves a [`Share`] when its first object comes, and keeps it while objects come
//! and go. So the fast path touches nothing shared. Shares together never exceed half of each bound; the other half is
//! for slots. Section 8 of `docs/design.md` says when a share is given back.

use super::HEAVIEST;
use crate::sys::atomic::AtomicU64;
use crate::sys::atomic::Ordering::Relaxed;
use crate::sys::magazine::{CAPACITY, MOST_BYTES};
use std::sync::Arc;

/// How much one magazine may hold.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    /// 0: no object may be in a magazine.
    pub(crate) objects: u64,
    /// The sum of their weights.
    pub(crate) bytes: u64,
}

/// The bounds of one pool, or of several together: clones share the sums. `None`: no bound.
#[derive(Clone)]
pub(crate) struct Budget(Option<Arc<Accounts>>);

/// The sums, each with its bound.
struct Accounts {
    objects: Account,
    bytes: Account,
    reserved_objects: Account,
    reserved_bytes: Account,
}

impl Budget {
    /// Bounds on idle objects and on their bytes. `u64::MAX` is no bound, and so are more bytes than an object can weigh.
    pub(crate) fn new(objects: u64, bytes: u64) -> Self {
        let bytes = if bytes > HEAVIEST as u64 { u64::MAX } else { bytes };
        if objects == u64::MAX && bytes == u64::MAX {
            return Budget(None);
        }
        Budget(Some(Arc::new(Accounts {
            objects: Account::new(objects),
            bytes: Account::new(bytes),
            reserved_objects: Account::new(half(objects)),
            reserved_bytes: Account::new(half(bytes)),
        })))
    }

    /// Objects and bytes charged now, reserved shares included.
    #[allow(dead_code, reason = "asked by models and tests")]
    pub(crate) fn charged(&self) -> (u64, u64) {
        let charged =
            |accounts: &Arc<Accounts>| (accounts.objects.charged(), accounts.bytes.charged());
        self.0.as_ref().map_or((0, 0), charged)
    }

    /// Whether there is no bound at all.
    #[inline]
    pub(crate) fn is_unbounded(&self) -> bool {
        self.0.is_none()
    }

    /// The share of one magazine of at most `capacity` objects, with one magazine for each processor.
    pub(crate) fn share(&self, processors: usize, capacity: usize) -> Share {
        let of = |account: &Account, most: u64| match account.bound {
            u64::MAX => most,
            bound => (half(bound) / processors.max(1) as u64).min(most),
        };
        let capacity = capacity.min(CAPACITY) as u64;
        let Some(accounts) = &self.0 else {
            return Share { objects: capacity, bytes: MOST_BYTES };
        };
        Share { objects: of(&accounts.objects, capacity), bytes: of(&accounts.bytes, MOST_BYTES) }
    }

    /// Charges for objects that go to slots. `false`: no room, nothing charged.
    #[inline]
    pub(crate) fn charge(&self, objects: u64, bytes: u64) -> bool {
        let Some(accounts) = &self.0 else { return true };
        charge_both((&accounts.objects, objects), (&accounts.bytes, bytes))
    }

    /// Undoes a [`charge`](Self::charge).
    #[inline]
    pub(crate) fn refund(&self, objects: u64, bytes: u64) {
        if let Some(accounts) = &self.0 {
            accounts.objects.refund(objects);
            accounts.bytes.refund(bytes);
        }
    }

    /// Reserves the share of a magazine. `false`: no room, nothing reserved.
    pub(crate) fn reserve(&self, share: Share) -> bool {
        let Some(accounts) = &self.0 else { return true };
        let (objects, bytes) = (&accounts.reserved_objects, &accounts.reserved_bytes);
        if !charge_both((objects, share.objects), (bytes, share.bytes)) {
            return false;
        }
        if self.charge(share.objects, share.bytes) {
            return true;
        }
        objects.refund(share.objects);
        bytes.refund(share.bytes);
        false
    }

    /// Undoes a [`reserve`](Self::reserve), except that these objects and bytes of the magazine stay charged.
    pub(crate) fn release(&self, share: Share, objects: u64, bytes: u64) {
        let Some(accounts) = &self.0 else { return };
        debug_assert!(objects <= share.objects && bytes <= share.bytes);
        accounts.reserved_objects.refund(share.objects);
        accounts.reserved_bytes.refund(share.bytes);
        self.refund(share.objects.saturating_sub(objects), share.bytes.saturating_sub(bytes));
    }
}

fn half(bound: u64) -> u64 {
    if bound == u64::MAX { bound } else { bound / 2 }
}

/// Charges two accounts, or none.
fn charge_both(one: (&Account, u64), other: (&Account, u64)) -> bool {
    if !one.0.charge(one.1) {
        return false;
    }
    let both = other.0.charge(other.1);
    if !both {
        one.0.refund(one.1);
    }
    both
}

/// A sum that never exceeds its bound.
struct Account {
    bound: u64,
    used: AtomicU64,
}

impl Account {
    fn new(bound: u64) -> Self {
        Account { bound, used: AtomicU64::new(0) }
    }

    fn charge(&self, amount: u64) -> bool {
        if self.bound == u64::MAX {
            return true;
        }
        let within = |used: u64| used.checked_add(amount).filter(|sum| *sum <= self.bound);
        // Relaxed: the exchange keeps the sum exact, and publishes nothing.
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
    fn shares_are_at_most_half_of_each_bound() {
        let share = |budget: Budget, processors| {
            let share = budget.share(processors, CAPACITY);
            (share.objects, share.bytes)
        };
        assert_eq!(share(Budget::new(u64::MAX, u64::MAX), 64), (64, MOST_BYTES));
        assert_eq!(share(Budget::new(64, u64::MAX), 4), (8, MOST_BYTES));
        assert_eq!(share(Budget::new(200, u64::MAX), 1), (64, MOST_BYTES));
        assert_eq!(share(Budget::new(u64::MAX, 1000), 4), (64, 125));
        assert_eq!(share(Budget::new(7, u64::MAX), 4), (0, MOST_BYTES), "none");
    }

    #[test]
    fn magazines_are_lent_at_most_half() {
        let budget = Budget::new(8, 100);
        let share = budget.share(2, CAPACITY);
        assert!(budget.reserve(share) && budget.reserve(share));
        assert!(!budget.reserve(share), "more than half");
        assert!(budget.charge(4, 50), "the other half");
        assert!(!budget.charge(1, 0));
        budget.release(share, 1, 15);
        assert_eq!(budget.charged(), (7, 90), "what it held stays charged");
        assert!(!budget.reserve(share), "the room is taken");
        budget.release(share, 0, 0);
        budget.refund(5, 65);
        assert_eq!(budget.charged(), (0, 0));
        assert!(budget.reserve(share), "all of it came back");
        budget.release(share, 0, 0);
        assert!(budget.charge(7, 0) && !budget.reserve(share), "no room");
        budget.refund(7, 0);
        assert!(budget.reserve(share) && budget.reserve(share), "which reserved nothing");
    }
}
