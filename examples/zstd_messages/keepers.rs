//! Where contexts wait between two messages: the contenders.

use crate::context::{Context, Counted};
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use stealpool::{Builder, KeyedPool, Policy, Recycle};

/// What all contexts of the pool together may weigh while they are idle: none of the large ones fits.
pub(crate) const BUDGET: usize = 32 << 20;

/// The same, with room for two of the large ones.
pub(crate) const AMPLE: usize = 160 << 20;

/// Lends contexts.
pub(crate) trait Keeper<C: Context>: Sync {
    /// Without a context.
    fn new() -> Self;

    /// Lends one for `level`.
    fn with(&self, level: i32, work: impl FnOnce(&mut Counted<C>));

    /// One ageing cycle, of who has such a thing.
    fn collect(&self) {}
}

/// How contexts for one level are made, cleaned and weighed.
#[derive(Debug)]
pub(crate) struct ForLevel(i32);

impl<C: Context> Policy<Counted<C>> for ForLevel {
    fn create(&self) -> Counted<C> {
        Counted::new(self.0)
    }

    fn recycle(&self, context: &mut Counted<C>) -> bool {
        context.recycle();
        true
    }

    fn footprint(&self, context: &Counted<C>) -> usize {
        context.footprint()
    }
}

/// A pool for each level, under one bound in bytes.
pub(crate) struct Pooled<C: Context, const BOUND: usize>(KeyedPool<i32, Counted<C>, ForLevel>);

impl<C: Context, const BOUND: usize> Keeper<C> for Pooled<C, BOUND> {
    fn new() -> Self {
        let settings = Builder::new().idle_bytes(BOUND).collect_manually();
        Pooled(KeyedPool::with_settings(settings, |&level| ForLevel(level)))
    }

    fn with(&self, level: i32, work: impl FnOnce(&mut Counted<C>)) {
        work(&mut self.0.get(&level));
    }

    fn collect(&self) {
        self.0.collect();
    }
}

/// One for each message.
pub(crate) struct Fresh;

impl<C: Context> Keeper<C> for Fresh {
    fn new() -> Self {
        Fresh
    }

    fn with(&self, level: i32, work: impl FnOnce(&mut Counted<C>)) {
        work(&mut Counted::new(level));
    }
}

/// One for each thread and level, as most programs that reuse contexts do it.
pub(crate) struct ThreadLocal;

thread_local! {
    static OWN: RefCell<HashMap<i32, Box<dyn Any>>> = RefCell::default();
}

impl<C: Context> Keeper<C> for ThreadLocal {
    fn new() -> Self {
        ThreadLocal
    }

    fn with(&self, level: i32, work: impl FnOnce(&mut Counted<C>)) {
        OWN.with_borrow_mut(|own| {
            let context = own.entry(level).or_insert_with(|| Box::new(Counted::<C>::new(level)));
            let context = context.downcast_mut::<Counted<C>>();
            let context = context.expect("a run has contexts of one kind");
            context.recycle();
            work(context);
        });
    }
}

/// A list for each level, behind one lock.
pub(crate) struct Locked<C: Context>(Mutex<HashMap<i32, Vec<Counted<C>>>>);

impl<C: Context> Keeper<C> for Locked<C> {
    fn new() -> Self {
        Locked(Mutex::default())
    }

    fn with(&self, level: i32, work: impl FnOnce(&mut Counted<C>)) {
        let lists = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lists().get_mut(&level).and_then(Vec::pop);
        let mut context = kept.unwrap_or_else(|| Counted::new(level));
        work(&mut context);
        context.recycle();
        lists().entry(level).or_default().push(context);
    }
}
