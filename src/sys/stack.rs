//! A stack that any thread may use, and that nobody ever waits for.
//!
//! Who takes takes all by one exchange, keeps the first, and puts the rest back: no pointer is followed that
//! another thread might free, which leaves no room for ABA. Meanwhile the stack looks empty to others. What a
//! thread has in hand when its process is forked is lost in the child, and nothing is left half done there.

use super::atomic::AtomicPtr;
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

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

    /// Takes the newest out.
    pub(crate) fn take(&self) -> Option<V> {
        let (first, rest) = pop_node(self.swap_out())?;
        if !rest.is_null() {
            self.put_back(rest);
        }
        Some(first)
    }

    /// Puts back a list that was taken out, below what has come since.
    fn put_back(&self, list: *mut Node<V>) {
        // Release: as in `add`. Relaxed: the walk below, if something has come.
        if self
            .top
            .compare_exchange(ptr::null_mut(), list, Release, Relaxed)
            .is_ok()
        {
            return;
        }
        let mut last = list;
        // SAFETY: the list is this thread's alone since it was taken out by an exchange.
        while let Some(below) = NonNull::new(unsafe { (*last).below }) {
            last = below.as_ptr();
        }
        // Relaxed: the exchange decides.
        let mut top = self.top.load(Relaxed);
        loop {
            // SAFETY: as above.
            unsafe { (*last).below = top };
            // Release: as in `add`.
            match self.top.compare_exchange_weak(top, list, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn each_value_is_taken_once() {
        let stack: Arc<Stack<usize>> = Arc::new(Stack::new());
        let user = |base: usize| {
            let stack = Arc::clone(&stack);
            thread::spawn(move || {
                let mut taken = Vec::new();
                for i in 0..2_000 {
                    stack.add(base + i);
                    if i % 3 != 0 {
                        taken.extend(stack.take());
                    }
                }
                taken
            })
        };
        let users = [user(0), user(2_000), user(4_000)];
        let mut all: Vec<_> = users
            .into_iter()
            .flat_map(|user| user.join().expect("no panic"))
            .collect();
        all.extend(std::iter::from_fn(|| stack.take()));
        all.sort_unstable();
        assert!(all.into_iter().eq(0..6_000));
    }
}
