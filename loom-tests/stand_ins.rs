
/// Stands in for the deque's buffer: slots are atomics, so that a speculative read is no data race.
mod buffer_stand_in {
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use std::marker::PhantomData;
    use std::mem::{self, MaybeUninit};

    pub(crate) struct Buffer<T> {
        slots: *mut AtomicUsize,
        pub(crate) cap: usize,
        holds: PhantomData<T>,
    }

    unsafe impl<T> Send for Buffer<T> {}

    impl<T> Clone for Buffer<T> {
        fn clone(&self) -> Self {
            *self
        }
    }
    impl<T> Copy for Buffer<T> {}

    impl<T> Buffer<T> {
        pub(crate) fn alloc(cap: usize) -> Self {
            assert_eq!(mem::size_of::<T>(), mem::size_of::<usize>(), "an element is one word");
            let slots: Box<[AtomicUsize]> = (0..cap).map(|_| AtomicUsize::new(0)).collect();
            Buffer { slots: Box::into_raw(slots).cast(), cap, holds: PhantomData }
        }
        pub(crate) unsafe fn dealloc(self) {
            drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.slots, self.cap)));
        }
        unsafe fn slot(&self, index: super::WorkerIndex) -> &AtomicUsize {
            &*self.slots.offset((index & (self.cap as super::WorkerIndex - 1)) as isize)
        }
        pub(crate) unsafe fn write(&self, index: super::WorkerIndex, element: MaybeUninit<T>) {
            self.slot(index).store(mem::transmute_copy(&element), Ordering::Relaxed);
        }
        pub(crate) unsafe fn read(&self, index: super::WorkerIndex) -> MaybeUninit<T> {
            mem::transmute_copy(&self.slot(index).load(Ordering::Relaxed))
        }
        pub(crate) unsafe fn drop_at(&self, index: super::WorkerIndex) {
            drop(self.read(index).assume_init());
        }
    }
}

/// Stands in for crossbeam-epoch: a pin is its fence, and what is retired is freed when the execution
/// is over, so that a stale read is a wrong value and not freed memory.
pub(crate) mod epoch_stand_in {
    use loom::sync::atomic::{fence, AtomicPtr, Ordering};
    use std::cell::RefCell;
    use std::marker::PhantomData;
    use std::mem;

    pub(crate) struct Guard;

    static GUARD: Guard = Guard;

    std::thread_local! {
        // All threads of a model run on one thread of the system.
        static RETIRED: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) fn pin() -> Guard {
        fence(Ordering::SeqCst);
        Guard
    }
    pub(crate) fn is_pinned() -> bool {
        false
    }
    pub(crate) unsafe fn unprotected() -> &'static Guard {
        &GUARD
    }
    /// To be called when an execution is over.
    pub(crate) fn drain() {
        let retired = RETIRED.with(|retired| mem::take(&mut *retired.borrow_mut()));
        retired.into_iter().for_each(|free| free());
    }

    impl Guard {
        pub(crate) unsafe fn defer_unchecked<F: FnOnce() -> R, R>(&self, free: F) {
            let free: Box<dyn FnOnce() + '_> = Box::new(move || drop(free()));
            let free: Box<dyn FnOnce()> = mem::transmute(free);
            RETIRED.with(|retired| retired.borrow_mut().push(free));
        }
        pub(crate) fn flush(&self) {}
    }

    pub(crate) struct Atomic<T>(AtomicPtr<T>);

    impl<T> Atomic<T> {
        pub(crate) fn new(value: T) -> Self {
            Atomic(AtomicPtr::new(Box::into_raw(Box::new(value))))
        }
        pub(crate) fn load<'g>(&self, order: Ordering, _: &'g Guard) -> Shared<'g, T> {
            Shared(self.0.load(order), PhantomData)
        }
        pub(crate) fn swap<'g>(&self, new: Shared<'g, T>, order: Ordering, _: &'g Guard) -> Shared<'g, T> {
            Shared(self.0.swap(new.0, order), PhantomData)
        }
    }

    pub(crate) struct Owned<T>(Box<T>);

    impl<T> Owned<T> {
        pub(crate) fn new(value: T) -> Self {
            Owned(Box::new(value))
        }
        pub(crate) fn into_shared<'g>(self, _: &'g Guard) -> Shared<'g, T> {
            Shared(Box::into_raw(self.0), PhantomData)
        }
        pub(crate) fn into_box(self) -> Box<T> {
            self.0
        }
    }

    pub(crate) struct Shared<'g, T>(*mut T, PhantomData<&'g T>);

    impl<T> Clone for Shared<'_, T> {
        fn clone(&self) -> Self {
            *self
        }
    }
    impl<T> Copy for Shared<'_, T> {}
    impl<T> PartialEq for Shared<'_, T> {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl<'g, T> Shared<'g, T> {
        pub(crate) unsafe fn deref(&self) -> &'g T {
            &*self.0
        }
        pub(crate) unsafe fn into_owned(self) -> Owned<T> {
            Owned(Box::from_raw(self.0))
        }
    }
}
