//! What a move into or out of a private slot came to.

use crate::allowance::Part;
use crate::object::{Chain, Object};
use crate::sync::scale::TICK;

/// What became of a put.
#[derive(Debug)]
pub(crate) enum Placed<T> {
    /// The object is in the slot.
    Kept,
    /// The object is in the slot, and what was there before must go further down.
    Displaced(Chain<T>),
    /// The slot is claimed, or not allowed to hold so much: the object must go further down. Its
    /// weight is not noted in it.
    Refused(Object<T>),
}

/// What was found in a slot.
#[derive(Debug)]
pub(crate) struct Seized<T> {
    pub(crate) chain: Option<Chain<T>>,
    /// What was taken back of the allowance, if it was asked for.
    pub(crate) lent: Option<Part>,
}

/// Which of a slot's arrivals one was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Turn(pub(crate) u32);

impl Turn {
    /// Whether it is time to look at the clock: true for one in [`TICK`] arrivals.
    #[inline(always)]
    pub(crate) fn is_tick(self) -> bool {
        self.0 & (TICK - 1) == 0
    }
}
