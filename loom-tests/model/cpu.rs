//! A model's thread that comes by restartable sequences.

use super::{Core, Held};
use crate::engine::{AnyObject, Batch};
use crate::sys::rseq;

/// A thread on a processor, in a core with sequences.
pub struct Cpu<'c, T> {
    core: &'c Core<T>,
}

impl<'c, T> Cpu<'c, T> {
    pub(super) fn new(core: &'c Core<T>) -> Self {
        Cpu { core }
    }

    /// Wakes up on this processor.
    pub fn migrate(&self, processor: usize) {
        rseq::migrate(processor);
    }

    /// A get, as the pool does it.
    pub fn get(&self) -> Option<Held<T>> {
        let engine = &self.core.engine;
        let table = engine.workers.table().expect("sequences");
        // SAFETY: the core's table.
        let object = unsafe { rseq::pop(table) };
        if object.is_null() {
            return engine.take().map(Held::of);
        }
        // SAFETY: the sequence has taken it out of a magazine of this core.
        Some(Held::of(unsafe { AnyObject::from_raw(object) }.weighing(1)))
    }

    /// A put likewise; what finds no room comes back.
    pub fn put(&self, held: Held<T>) -> Vec<Held<T>> {
        let engine = &self.core.engine;
        let table = engine.workers.table().expect("sequences");
        let object = held.0.into_any();
        let weight = object.weight();
        let object = object.into_raw();
        // SAFETY: the core's table, and an object that is ours.
        if unsafe { rseq::push(table, weight as u16, object) } != 0 {
            return Vec::new();
        }
        // SAFETY: the sequence did not take it.
        let object = unsafe { AnyObject::from_raw(object) };
        let mut refused = Batch::new();
        engine.give(object, weight, &mut refused);
        Core::<T>::held(refused)
    }
}
