//! Any number of objects that left the pool together, to be dropped or handed out one by one.
//!
//! A batch allocates nothing: it links its objects by their own links.

use super::{AnyObject, Chain};
use std::fmt;

/// A stack of any number of objects, without their type.
#[must_use = "dropping it leaks the objects"]
pub(crate) struct Batch {
    /// Each object's weight is its own, not that of the chain.
    top: Option<Chain>,
    count: usize,
}

impl Batch {
    /// No object.
    pub(crate) fn new() -> Self {
        Batch { top: None, count: 0 }
    }

    /// How many objects.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds every object of `chain`.
    pub(crate) fn add(&mut self, chain: Chain) {
        let mut rest = Some(chain);
        while let Some(chain) = rest {
            let (object, next) = chain.split();
            self.top = Some(Chain::unmeasured(object, self.top.take()));
            self.count += 1;
            rest = next;
        }
    }

    /// Takes one object out.
    pub(crate) fn pop(&mut self) -> Option<AnyObject> {
        let (object, below) = self.top.take()?.pop_front();
        self.top = below;
        self.count -= 1;
        Some(object)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("len", &self.count).finish()
    }
}
