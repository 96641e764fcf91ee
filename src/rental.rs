//! Is it worth looking into the slots of others before an object is created?
//!
//! A look costs a heavy fence, and takes from a thread what it may want next; a creation costs what the
//! constructor costs, and an object more in memory. This is the ski-rental problem: rent (look) until
//! the rents add up to the price, then buy (create). It never costs more than twice the best choice,
//! whatever comes: A. Karlin et al., *Competitive snoopy caching*, Algorithmica 3, 1988.
//!
//! Both costs are measured. One that was measured too long (the thread was not running) is forgotten
//! soon: a shorter one counts at once, a longer one by an eighth.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What a look is taken to cost before one was made, in nanoseconds. So a constructor that takes less
/// is never compared at all.
const FIRST_LOOK: u64 = 5_000;

/// What looks and creations cost in one pool.
#[derive(Debug)]
pub(crate) struct Rental {
    /// Nanoseconds of a creation; 0 before the first.
    creation: AtomicU64,
    look: AtomicU64,
    /// Nanoseconds spent on looks since the last creation that they could have paid for.
    spent: AtomicU64,
}

impl Rental {
    pub(crate) fn new() -> Self {
        Rental {
            creation: AtomicU64::new(0),
            look: AtomicU64::new(FIRST_LOOK),
            spent: AtomicU64::new(0),
        }
    }

    /// Whether no creation has been timed.
    pub(crate) fn is_new(&self) -> bool {
        // Relaxed: a figure.
        self.creation.load(Relaxed) == 0
    }

    /// Whether to look. `false`: create.
    pub(crate) fn pays(&self) -> bool {
        // Relaxed, here and below: figures to decide by.
        let creation = self.creation.load(Relaxed);
        let look = self.look.load(Relaxed);
        if creation < look {
            return false;
        }
        if self.spent.fetch_add(look, Relaxed).saturating_add(look) <= creation {
            return true;
        }
        self.spent.store(0, Relaxed);
        false
    }

    /// Notes what a look took.
    pub(crate) fn looked(&self, took: Duration) {
        // Not less than a fence could ever take, so that looks are never free.
        note(&self.look, nanos(took).max(500));
    }

    /// Notes what a creation took.
    pub(crate) fn created(&self, took: Duration) {
        note(&self.creation, nanos(took).max(1));
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn note(figure: &AtomicU64, new: u64) {
    // Relaxed, both: a lost update is a lost sample.
    let old = figure.load(Relaxed);
    let next = if old == 0 || new < old {
        new
    } else {
        old + (new - old).min(old) / 8
    };
    figure.store(next, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rental(creation: u64) -> Rental {
        let rental = Rental::new();
        rental.created(Duration::from_nanos(creation));
        rental
    }

    #[test]
    fn nothing_is_known_before_the_first_creation() {
        assert!(!Rental::new().pays());
    }

    #[test]
    fn a_cheap_creation_is_never_put_off() {
        let rental = rental(FIRST_LOOK - 1);
        assert!((0..100).all(|_| !rental.pays()));
    }

    #[test]
    fn looks_may_cost_as_much_as_one_creation() {
        let rental = rental(10 * FIRST_LOOK);
        for _ in 0..3 {
            assert_eq!((0..100).take_while(|_| rental.pays()).count(), 10);
        }
    }

    #[test]
    fn a_sample_that_is_too_long_is_soon_forgotten() {
        let rental = rental(1_000_000_000);
        rental.created(Duration::from_nanos(100));
        assert!(!rental.pays());
        rental.created(Duration::from_secs(1));
        assert!(!rental.pays(), "a longer one counts by an eighth");
    }

    #[test]
    fn a_dear_look_is_worth_less() {
        let rental = rental(100_000);
        rental.looked(Duration::from_nanos(1_000));
        assert_eq!((0..200).take_while(|_| rental.pays()).count(), 100);
    }
}
