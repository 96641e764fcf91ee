//! The contenders of our own making: stealpool, no pool under three allocators, and the shelves that
//! people build from a lock, a queue or a thread-local.

use crate::thing::Thing;
use crossbeam_queue::{ArrayQueue, SegQueue};
use std::alloc::{GlobalAlloc, Layout, System};
use std::any::{Any, TypeId};
use std::cell::{RefCell, UnsafeCell};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::time::Duration;
use stealpool::{Builder, Guard, Policy, Pool};
use thread_local::ThreadLocal;

/// How many idle objects a contender that needs a bound may keep.
pub const BOUND: usize = 4096;

/// Something that lends objects; a lent one goes back when it is dropped.
pub trait Shelf<T: Thing>: Send + Sync + 'static {
    const NAME: &'static str;
    /// Whether it says how many objects it makes, and how many it has.
    const TELLS: bool = true;
    type Lent<'a>: Held
    where
        Self: 'a;

    fn new() -> Self;
    fn get(&self) -> Self::Lent<'_>;

    /// How many objects it lends at once.
    const LENDS: usize = usize::MAX;

    /// Whether an object can be taken out for good.
    const DISCARDS: bool = false;
    /// Takes it out and drops it, if that can be done.
    fn discard(lent: Self::Lent<'_>) {
        drop(lent);
    }

    /// Whether what was taken out can come back.
    const ATTACHES: bool = false;
    /// Takes an object out for good, and gives it back.
    fn detach_and_attach(&self) {}

    /// Whether idle objects age.
    const AGES: bool = false;
    /// One step of ageing.
    fn cycle(&self) {}
    /// One that ages by itself, a step each so often.
    fn ageing(_each: Duration) -> Self
    where
        Self: Sized,
    {
        Self::new()
    }
    /// Frees everything idle, if there is a way.
    fn clear(&self) {}
}

/// An object in use.
pub trait Held {
    fn touch(&mut self);
}

/// The policy of all: make and reset as the object says.
pub struct AsItSays;

impl<T: Thing> Policy<T> for AsItSays {
    #[inline]
    fn create(&self) -> T {
        T::make()
    }
    #[inline]
    fn recycle(&self, object: &mut T) -> bool {
        object.reset();
        true
    }
    #[inline]
    fn footprint(&self, _: &T) -> usize {
        T::BYTES
    }
}

/// With `BOUNDED`, as many idle objects as the others may have.
pub struct Stealpool<T: Thing, const BOUNDED: bool>(Pool<T, AsItSays>);

impl<T: Thing, const BOUNDED: bool> Shelf<T> for Stealpool<T, BOUNDED> {
    const NAME: &'static str = if BOUNDED { "stealpool, max_idle" } else { "stealpool" };
    type Lent<'a> = Guard<'a, T, AsItSays>;

    fn new() -> Self {
        // Ten seconds, the default.
        Self::ageing(Duration::from_secs(10))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        self.0.get()
    }
    const DISCARDS: bool = true;
    fn discard(lent: Self::Lent<'_>) {
        Guard::discard(lent);
    }
    const ATTACHES: bool = true;
    #[inline]
    fn detach_and_attach(&self) {
        self.0.put(Guard::into_inner(self.0.get()));
    }
    const AGES: bool = true;
    fn cycle(&self) {
        self.0.collect();
    }
    fn ageing(each: Duration) -> Self {
        let bound = if BOUNDED { BOUND } else { usize::MAX };
        let builder = Builder::new().collect_every(each).max_idle(bound);
        Stealpool(builder.build(AsItSays))
    }
    fn clear(&self) {
        self.0.clear();
    }
}

impl<T: Thing> Held for Guard<'_, T, AsItSays> {
    #[inline]
    fn touch(&mut self) {
        T::touch(self);
    }
}

/// An allocator with a name.
pub trait Allocator: GlobalAlloc + Send + Sync + 'static {
    const NAME: &'static str;
    const THIS: &'static Self;
}

impl Allocator for System {
    const NAME: &'static str = "no pool, system malloc";
    const THIS: &'static Self = &System;
}

impl Allocator for mimalloc::MiMalloc {
    const NAME: &'static str = "no pool, mimalloc";
    const THIS: &'static Self = &mimalloc::MiMalloc;
}

impl Allocator for tikv_jemallocator::Jemalloc {
    const NAME: &'static str = "no pool, jemalloc";
    const THIS: &'static Self = &tikv_jemallocator::Jemalloc;
}

impl Allocator for snmalloc_rs::SnMalloc {
    const NAME: &'static str = "no pool, snmalloc";
    const THIS: &'static Self = &snmalloc_rs::SnMalloc;
}

/// Allocates the object's memory each time.
pub struct NoPool<A>(PhantomData<A>);

pub struct Raw<A: Allocator, T: Thing> {
    memory: NonNull<u8>,
    kind: PhantomData<(A, T)>,
}

// SAFETY: owns its memory, as a `Box` does, and allocators are thread-safe.
unsafe impl<A: Allocator, T: Thing> Send for Raw<A, T> {}

impl<A: Allocator, T: Thing> Raw<A, T> {
    const LAYOUT: Layout = match Layout::from_size_align(T::BYTES, 8) {
        Ok(layout) => layout,
        Err(_) => panic!("a size that can be had"),
    };
}

impl<A: Allocator, T: Thing> Shelf<T> for NoPool<A> {
    const NAME: &'static str = A::NAME;
    type Lent<'a> = Raw<A, T>;

    fn new() -> Self {
        NoPool(PhantomData)
    }
    #[inline]
    fn get(&self) -> Raw<A, T> {
        count_creation_of::<T>();
        let memory = match T::ZEROED {
            // SAFETY: the layout is not empty.
            true => unsafe { A::THIS.alloc_zeroed(Raw::<A, T>::LAYOUT) },
            // SAFETY: as above.
            false => unsafe { A::THIS.alloc(Raw::<A, T>::LAYOUT) },
        };
        Raw { memory: NonNull::new(memory).expect("memory"), kind: PhantomData }
    }
    const DISCARDS: bool = true;
}

/// No pool has no constructor to count for, but one that takes its time.
#[inline]
fn count_creation_of<T: Thing>() {
    if TypeId::of::<T>() == TypeId::of::<crate::thing::Dear>() {
        drop(T::make());
    }
}

impl<A: Allocator, T: Thing> Held for Raw<A, T> {
    #[inline]
    fn touch(&mut self) {
        for at in (0..T::BYTES).step_by(4096) {
            // SAFETY: inside the allocation.
            unsafe { self.memory.as_ptr().add(at).write_volatile(1) };
        }
    }
}

impl<A: Allocator, T: Thing> Drop for Raw<A, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: allocated in `get` with this allocator and this layout.
        unsafe { A::THIS.dealloc(self.memory.as_ptr(), Self::LAYOUT) };
    }
}

/// Where a [`Back`] goes.
pub trait Store<T: Thing>: Send + Sync + 'static {
    const NAME: &'static str;
    fn new() -> Self;
    fn take(&self) -> Option<Box<T>>;
    fn give(&self, object: Box<T>);
    fn clear(&self) {}
}

/// A store as a shelf: boxes are made once and moved as pointers.
pub struct Boxes<S>(S);

pub struct Back<'a, T: Thing, S: Store<T>> {
    store: &'a S,
    object: Option<Box<T>>,
}

impl<T: Thing, S: Store<T>> Shelf<T> for Boxes<S> {
    const NAME: &'static str = S::NAME;
    type Lent<'a> = Back<'a, T, S>;

    fn new() -> Self {
        Boxes(S::new())
    }
    #[inline]
    fn get(&self) -> Back<'_, T, S> {
        let object = self.0.take().unwrap_or_else(|| Box::new(T::make()));
        Back { store: &self.0, object: Some(object) }
    }
    const DISCARDS: bool = true;
    fn discard(mut lent: Self::Lent<'_>) {
        lent.object = None;
    }
    const ATTACHES: bool = true;
    #[inline]
    fn detach_and_attach(&self) {
        let object = self.0.take().unwrap_or_else(|| Box::new(T::make()));
        self.0.give(object);
    }
    fn clear(&self) {
        self.0.clear();
    }
}

impl<T: Thing, S: Store<T>> Held for Back<'_, T, S> {
    #[inline]
    fn touch(&mut self) {
        if let Some(object) = &mut self.object {
            object.touch();
        }
    }
}

impl<T: Thing, S: Store<T>> Drop for Back<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        if let Some(mut object) = self.object.take() {
            object.reset();
            self.store.give(object);
        }
    }
}

impl<T: Thing> Store<T> for Mutex<Vec<Box<T>>> {
    const NAME: &'static str = "Mutex<Vec>";
    fn new() -> Self {
        Mutex::new(Vec::new())
    }
    fn take(&self) -> Option<Box<T>> {
        self.lock().expect("nobody panics").pop()
    }
    fn give(&self, object: Box<T>) {
        self.lock().expect("nobody panics").push(object);
    }
    fn clear(&self) {
        // Under the lock, as it is most often written.
        self.lock().expect("nobody panics").clear();
    }
}

impl<T: Thing> Store<T> for ArrayQueue<Box<T>> {
    const NAME: &'static str = "ArrayQueue";
    fn new() -> Self {
        ArrayQueue::new(BOUND)
    }
    fn take(&self) -> Option<Box<T>> {
        self.pop()
    }
    fn give(&self, object: Box<T>) {
        let _full = self.push(object);
    }
    fn clear(&self) {
        while self.pop().is_some() {}
    }
}

impl<T: Thing> Store<T> for SegQueue<Box<T>> {
    const NAME: &'static str = "SegQueue";
    fn new() -> Self {
        SegQueue::new()
    }
    fn take(&self) -> Option<Box<T>> {
        self.pop()
    }
    fn give(&self, object: Box<T>) {
        self.push(object);
    }
    fn clear(&self) {
        while self.pop().is_some() {}
    }
}

/// A list for each thread that uses the pool, from the crate `thread_local`.
pub struct PerThread<T: Thing>(ThreadLocal<RefCell<Vec<Box<T>>>>);

impl<T: Thing> Store<T> for PerThread<T> {
    const NAME: &'static str = "crate thread_local";
    fn new() -> Self {
        PerThread(ThreadLocal::new())
    }
    #[inline]
    fn take(&self) -> Option<Box<T>> {
        self.0.get_or_default().borrow_mut().pop()
    }
    #[inline]
    fn give(&self, object: Box<T>) {
        self.0.get_or_default().borrow_mut().push(object);
    }
}

/// A vector for each thread, as `thread_local!` gives it: one for the whole process, whatever pools
/// there are. Cannot say what other threads hold.
pub struct Local;

thread_local! {
    static LOCAL: UnsafeCell<Vec<Box<dyn Any>>> = const { UnsafeCell::new(Vec::new()) };
}

impl<T: Thing> Store<T> for Local {
    const NAME: &'static str = "thread_local! Vec";
    fn new() -> Self {
        // What an earlier work has left in this thread is of another kind.
        // SAFETY: as in `take`.
        LOCAL.with(|local| unsafe { &mut *local.get() }.clear());
        Local
    }
    #[inline]
    fn take(&self) -> Option<Box<T>> {
        // SAFETY: the reference ends before any other code runs.
        let object = LOCAL.with(|local| unsafe { &mut *local.get() }.pop())?;
        object.downcast().ok()
    }
    #[inline]
    fn give(&self, object: Box<T>) {
        // SAFETY: as in `take`.
        LOCAL.with(|local| unsafe { &mut *local.get() }.push(object));
    }
}
