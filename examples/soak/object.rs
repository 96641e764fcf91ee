//! An object that knows whether what happens to it is right.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicU8, AtomicU64};

/// The message of every panic that is wanted.
pub(crate) const ON_PURPOSE: &str = "on purpose";

/// What happened, over all pools.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) made: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) leaked: AtomicU64,
    pub(crate) gets: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) threads: AtomicU64,
    pub(crate) pools: AtomicU64,
    pub(crate) violations: AtomicU64,
}

impl Ledger {
    /// Notes that something is wrong, and says what, the first hundred times.
    pub(crate) fn violate(&self, what: &str) {
        if self.violations.fetch_add(1, AcqRel) < 100 {
            eprintln!("VIOLATION: {what}");
        }
    }

    pub(crate) fn alive(&self) -> u64 {
        let dropped = self.dropped.load(Acquire);
        self.made.load(Acquire).saturating_sub(dropped)
    }
}

const IDLE: u8 = 0;
const HELD: u8 = 1;
const DEAD: u8 = 2;

/// Words that a holder writes and the next one checks: plain memory, so that a missing happens-before or a
/// second holder shows.
const WORDS: usize = 8;

/// A pooled object.
pub(crate) struct Thing {
    state: AtomicU8,
    words: [u64; WORDS],
    /// Whether it was never lent: its maker holds it.
    is_new: bool,
    /// What its destructor does.
    pub(crate) explodes: bool,
    weight: usize,
    ledger: Arc<Ledger>,
}

impl Thing {
    /// A new one, which its maker holds.
    pub(crate) fn new(ledger: &Arc<Ledger>, seed: u64) -> Self {
        ledger.made.fetch_add(1, AcqRel);
        Thing {
            state: AtomicU8::new(HELD),
            words: [seed; WORDS],
            is_new: true,
            explodes: false,
            weight: (seed % 500) as usize,
            ledger: Arc::clone(ledger),
        }
    }

    /// The holder's first touch.
    pub(crate) fn taken(&mut self, seed: u64) {
        match self.state.swap(HELD, AcqRel) {
            DEAD => self.ledger.violate("a dropped object is lent"),
            HELD if !self.is_new => self.ledger.violate("an object is lent twice"),
            _ => {}
        }
        self.is_new = false;
        self.write(seed);
    }

    /// Checks what the last holder wrote, and writes something else.
    pub(crate) fn write(&mut self, seed: u64) {
        if self.words.iter().any(|word| *word != self.words[0]) {
            self.ledger.violate("an object is torn: two holders, or an old content");
        }
        self.words = [seed; WORDS];
    }

    /// The holder's last touch, in `recycle`.
    pub(crate) fn given(&mut self) {
        if self.state.swap(IDLE, AcqRel) != HELD {
            self.ledger.violate("an object comes back twice");
        }
        self.is_new = false;
        self.weight = (self.words[0] % 500) as usize;
    }

    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Whether it is lent, by what it knows itself.
    pub(crate) fn assert_held(&self) {
        if self.state.load(Acquire) != HELD {
            self.ledger.violate("an object in use is idle or dropped");
        }
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        if self.state.swap(DEAD, AcqRel) == DEAD {
            self.ledger.violate("an object is dropped twice");
        }
        self.ledger.dropped.fetch_add(1, AcqRel);
        if self.explodes && !std::thread::panicking() {
            self.ledger.panics.fetch_add(1, Relaxed);
            std::panic::panic_any(ON_PURPOSE);
        }
    }
}
