//! The least that things can cost, by what is not a pool.

use crate::shelf::{Held, Shelf};
use crate::thing::{Buffer, Dear, Thing};
use std::cell::Cell;
use std::ptr;
use std::sync::OnceLock;

/// A list of vectors of 1 KiB through a pointer in each. Only its thread sees it, and it never shrinks.
pub struct FreeList;

struct Node {
    object: Buffer<1024>,
    next: *mut Node,
}

thread_local! {
    // Without a destructor, which would cost: for threads that live as long as the process.
    static FIRST: Cell<*mut Node> = const { Cell::new(ptr::null_mut()) };
}

pub struct Listed(*mut Node);

impl Shelf<Buffer<1024>> for FreeList {
    const NAME: &'static str = "thread_local! free list";
    type Lent<'a> = Listed;

    fn new() -> Self {
        FreeList
    }
    #[inline]
    fn get(&self) -> Listed {
        let first = FIRST.get();
        if first.is_null() {
            let object = Thing::make();
            let next = ptr::null_mut();
            return Listed(Box::into_raw(Box::new(Node { object, next })));
        }
        // SAFETY: nodes in the list are whole and nobody else's.
        FIRST.set(unsafe { (*first).next });
        Listed(first)
    }
}

impl Held for Listed {
    #[inline]
    fn touch(&mut self) {
        // SAFETY: taken out of the list, so ours.
        unsafe { (*self.0).object.touch() };
    }
}

impl Drop for Listed {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: ours until it is put at the head of the list.
        unsafe {
            (*self.0).object.reset();
            (*self.0).next = FIRST.get();
        }
        FIRST.set(self.0);
    }
}

/// One object is made, and nobody takes it: what is left is what the threads do besides.
pub struct TurnsAlone(OnceLock<Dear>);

pub struct Untouched;

impl Shelf<Dear> for TurnsAlone {
    const NAME: &'static str = "the turns alone";
    type Lent<'a> = Untouched;

    fn new() -> Self {
        TurnsAlone(OnceLock::new())
    }
    fn get(&self) -> Untouched {
        self.0.get_or_init(Dear::make);
        Untouched
    }
}

impl Held for Untouched {
    fn touch(&mut self) {}
}
