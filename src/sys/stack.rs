//! A stack for what is to be dropped, but not now: anyone pushes, anyone takes all.
//!
//! Taking all by one exchange leaves no room for ABA: no pointer is followed that another thread might free.

use super::atomic::AtomicPtr;
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use std::marker::PhantomData;
use std::ptr;

/// One thing and what lies below it.
#[derive(Debug)]
struct Node<V> {
    value: V,
    below: *mut Node<V>,
}

/// The stack.
#[derive(Debug)]
pub(crate) struct Stack<V> {
    top: AtomicPtr<Node<V>>,
    /// Neither `Send` nor `Sync` by itself, as the pointer is for any `V`.
    owns: PhantomData<*mut V>,
}

// SAFETY: what lies there goes with the whole, as a `Vec`'s entries.
unsafe impl<V: Send> Send for Stack<V> {}
// SAFETY: who shares it may put a `V` in and take another's out; no `&V` is ever given out.
unsafe impl<V: Send> Sync for Stack<V> {}

impl<V> Stack<V> {
    pub(crate) fn new() -> Self {
        Stack {
            top: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// Adds one. Allocates a link.
    pub(crate) fn add(&self, value: V) {
        // Relaxed: the exchange decides.
        let mut below = self.top.load(Relaxed);
        let node = Box::into_raw(Box::new(Node { value, below }));
        // Release: pairs with the Acquire in `swap_out`; the node is built.
        while let Err(now) = self
            .top
            .compare_exchange_weak(below, node, Release, Relaxed)
        {
            below = now;
            // SAFETY: nobody else knows of `node` until the exchange succeeds.
            unsafe { (*node).below = below };
        }
    }

    /// Everything, linked as it was; nobody else has it from now on.
    fn swap_out(&self) -> *mut Node<V> {
        // Acquire: pairs with the Release in `add`.
        self.top.swap(ptr::null_mut(), Acquire)
    }

    /// Takes all out, the last one first.
    pub(crate) fn take_all(&self) -> Vec<V> {
        let mut top = self.swap_out();
        let next = || {
            let (found, below) = pop_node(top)?;
            top = below;
            Some(found)
        };
        std::iter::from_fn(next).collect()
    }
}

/// The top of a stack that was taken out, and what lies below.
fn pop_node<V>(top: *mut Node<V>) -> Option<(V, *mut Node<V>)> {
    if top.is_null() {
        return None;
    }
    // SAFETY: `top` came from `Box::into_raw` in `add` and was taken out of the stack by an exchange,
    // so it is this thread's alone.
    let node = unsafe { Box::from_raw(top) };
    Some((node.value, node.below))
}

impl<V> Drop for Stack<V> {
    fn drop(&mut self) {
        self.take_all().into_iter().for_each(drop);
    }
}
