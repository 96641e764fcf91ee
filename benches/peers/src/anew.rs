//! No pool at all, for works where an object is more than its memory.

use crate::shelf::{Held, Shelf};
use crate::thing::Thing;

/// Makes each object anew.
pub struct Anew;

pub struct New<T>(T);

impl<T: Thing> Shelf<T> for Anew {
    const NAME: &'static str = "no pool, system malloc";
    type Lent<'a> = New<T>;

    fn new() -> Self {
        Anew
    }
    #[inline]
    fn get(&self) -> New<T> {
        New(T::make())
    }
}

impl<T: Thing> Held for New<T> {
    #[inline]
    fn touch(&mut self) {
        self.0.touch();
    }
}
