//! Where benches wait between two pictures: the contenders.

use crate::bench::Bench;
use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};
use stealpool::{Builder, Pool};

/// What all idle benches together may weigh: four large pictures.
pub(crate) const BUDGET: usize = 48 << 20;

/// Lends benches.
pub(crate) trait Benches: Sync {
    /// Without a bench.
    fn new() -> Self;

    /// Lends one.
    fn with(&self, work: impl FnOnce(&mut Bench));

    /// One ageing cycle, of who has such a thing.
    fn collect(&self) {}
}

/// The library.
pub(crate) struct Pooled(Pool<Bench>);

impl Benches for Pooled {
    fn new() -> Self {
        let settings = Builder::new().idle_bytes(BUDGET).collect_manually();
        Pooled(settings.build(Bench::new))
    }

    fn with(&self, work: impl FnOnce(&mut Bench)) {
        work(&mut self.0.get());
    }

    fn collect(&self) {
        self.0.collect();
    }
}

/// No pool.
pub(crate) struct Fresh;

impl Benches for Fresh {
    fn new() -> Self {
        Fresh
    }

    fn with(&self, work: impl FnOnce(&mut Bench)) {
        work(&mut Bench::new());
    }
}

/// One for each thread.
pub(crate) struct ThreadLocal;

thread_local! {
    static OWN: RefCell<Bench> = RefCell::new(Bench::new());
}

impl Benches for ThreadLocal {
    fn new() -> Self {
        ThreadLocal
    }

    fn with(&self, work: impl FnOnce(&mut Bench)) {
        OWN.with_borrow_mut(work);
    }
}

/// A list behind a lock.
pub(crate) struct Locked(Mutex<Vec<Bench>>);

impl Benches for Locked {
    fn new() -> Self {
        Locked(Mutex::default())
    }

    fn with(&self, work: impl FnOnce(&mut Bench)) {
        let list = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = list().pop();
        let mut bench = kept.unwrap_or_else(Bench::new);
        work(&mut bench);
        list().push(bench);
    }
}
