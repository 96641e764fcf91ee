//! What the shared store keeps its chains in: a stack, and to loom a locked queue, which stands for anything that
//! is linearizable. The stack has models of its own.

#[cfg(not(loom))]
pub(crate) use super::stack::Stack as Shelf;

/// Stands in for the stack.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct Shelf<V>(loom::sync::Mutex<std::collections::VecDeque<V>>);

#[cfg(loom)]
impl<V> Shelf<V> {
    pub(crate) fn new() -> Self {
        Shelf(loom::sync::Mutex::new(std::collections::VecDeque::new()))
    }
    pub(crate) fn add(&self, value: V) {
        self.0.lock().expect("no user code").push_back(value);
    }
    pub(crate) fn take(&self) -> Option<V> {
        self.0.lock().expect("no user code").pop_front()
    }
}
