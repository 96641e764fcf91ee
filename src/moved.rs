//! What a move into or out of a private slot came to.

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
    /// The allowance taken back; 0 if none was.
    pub(crate) allowance: u64,
}

/// Which of the owner's operations one was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn(pub(crate) u64);

impl Turn {
    /// Whether it is time to look at the clock: true for one in [`TICK`] operations. Every operation
    /// asks, so that no rhythm of gets and puts can step over it.
    #[inline(always)]
    pub(crate) fn is_tick(self) -> bool {
        self.0 & (2 * TICK - 1) == 0
    }
}
