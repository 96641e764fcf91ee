//! The pools of others, each used as its documentation says.

use crate::shelf::{BOUND, Held, Shelf};
use crate::thing::{Buffer, Thing, count_creation};
use std::marker::PhantomData;
use std::ops::DerefMut;

/// A guard of a pool that does not reset: does it before it goes back.
pub struct Cleaned<G, T>(Option<G>, PhantomData<fn(T)>)
where
    G: DerefMut<Target = T>,
    T: Thing;

impl<G: DerefMut<Target = T>, T: Thing> Cleaned<G, T> {
    #[inline]
    pub fn new(guard: G) -> Self {
        Cleaned(Some(guard), PhantomData)
    }

    /// The guard, without a reset.
    fn into_inner(mut self) -> G {
        self.0.take().expect("a guard until here")
    }
}

impl<G: DerefMut<Target = T>, T: Thing> Held for Cleaned<G, T> {
    #[inline]
    fn touch(&mut self) {
        if let Some(guard) = &mut self.0 {
            guard.touch();
        }
    }
}

impl<G: DerefMut<Target = T>, T: Thing> Drop for Cleaned<G, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(guard) = &mut self.0 {
            guard.reset();
        }
    }
}

/// A guard of a pool that resets by itself.
pub struct Plain<G>(pub G);

impl<G: DerefMut<Target = T>, T: Thing> Held for Plain<G> {
    #[inline]
    fn touch(&mut self) {
        self.0.touch();
    }
}

pub struct ObjectPool<T: Thing>(object_pool::Pool<T>);

impl<T: Thing> Shelf<T> for ObjectPool<T> {
    const NAME: &'static str = "object-pool";
    type Lent<'a> = Cleaned<object_pool::Reusable<'a, T>, T>;
    fn new() -> Self {
        ObjectPool(object_pool::Pool::new(0, T::make))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        Cleaned::new(self.0.pull(T::make))
    }
    const DISCARDS: bool = true;
    fn discard(lent: Self::Lent<'_>) {
        drop(lent.into_inner().detach());
    }
    const ATTACHES: bool = true;
    #[inline]
    fn detach_and_attach(&self) {
        let (pool, object) = self.0.pull(T::make).detach();
        pool.attach(object);
    }
}

pub struct Linear<T: Thing>(lockfree_object_pool::LinearObjectPool<T>);

impl<T: Thing> Shelf<T> for Linear<T> {
    const NAME: &'static str = "lockfree-object-pool, linear";
    type Lent<'a> = Plain<lockfree_object_pool::LinearReusable<'a, T>>;
    fn new() -> Self {
        Linear(lockfree_object_pool::LinearObjectPool::new(T::make, T::reset))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        Plain(self.0.pull())
    }
}

pub struct AsOpool;

impl<T: Thing> opool::PoolAllocator<T> for AsOpool {
    #[inline]
    fn allocate(&self) -> T {
        T::make()
    }
    #[inline]
    fn reset(&self, object: &mut T) {
        object.reset();
    }
}

pub struct Opool<T: Thing>(opool::Pool<AsOpool, T>);

impl<T: Thing> Shelf<T> for Opool<T> {
    const NAME: &'static str = "opool";
    type Lent<'a> = Plain<opool::RefGuard<'a, AsOpool, T>>;
    fn new() -> Self {
        Opool(opool::Pool::new(BOUND, AsOpool))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        Plain(self.0.get())
    }
    const DISCARDS: bool = true;
    fn discard(lent: Self::Lent<'_>) {
        drop(lent.0.into_inner());
    }
}

pub struct Regex<T: Thing>(regex_automata::util::pool::Pool<T, fn() -> T>);

impl<T: Thing + std::panic::UnwindSafe + std::panic::RefUnwindSafe> Shelf<T> for Regex<T> {
    const NAME: &'static str = "regex-automata";
    type Lent<'a> = Cleaned<regex_automata::util::pool::PoolGuard<'a, T, fn() -> T>, T>;
    fn new() -> Self {
        Regex(regex_automata::util::pool::Pool::new(T::make))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        Cleaned::new(self.0.get())
    }
}

/// What sharded-slab stores: it wants `Default` and `Clear`.
pub struct Slot<T>(pub T);

impl<T: Thing> Default for Slot<T> {
    fn default() -> Self {
        Slot(T::make())
    }
}

impl<T: Thing> sharded_slab::Clear for Slot<T> {
    fn clear(&mut self) {
        self.0.reset();
    }
}

pub struct Slab<T: Thing>(sharded_slab::Pool<Slot<T>>);

pub struct SlabGuard<'a, T: Thing> {
    pool: &'a sharded_slab::Pool<Slot<T>>,
    guard: Option<sharded_slab::pool::RefMut<'a, Slot<T>>>,
}

impl<T: Thing> Shelf<T> for Slab<T> {
    const NAME: &'static str = "sharded-slab";
    type Lent<'a> = SlabGuard<'a, T>;
    fn new() -> Self {
        Slab(sharded_slab::Pool::new())
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        SlabGuard { pool: &self.0, guard: Some(self.0.create().expect("the slab has room")) }
    }
}

impl<T: Thing> Held for SlabGuard<'_, T> {
    #[inline]
    fn touch(&mut self) {
        if let Some(guard) = &mut self.guard {
            guard.0.touch();
        }
    }
}

impl<T: Thing> Drop for SlabGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            let key = guard.key();
            // The slot is freed by `clear`, once the guard is gone.
            drop(guard);
            self.pool.clear(key);
        }
    }
}

pub struct Deadpool<T: Thing>(deadpool::unmanaged::Pool<T>);

impl<T: Thing> Shelf<T> for Deadpool<T> {
    const NAME: &'static str = "deadpool, unmanaged";
    const LENDS: usize = BOUND;
    type Lent<'a> = Cleaned<deadpool::unmanaged::Object<T>, T>;
    fn new() -> Self {
        Deadpool(deadpool::unmanaged::Pool::new(BOUND))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        loop {
            if let Ok(object) = self.0.try_get() {
                return Cleaned::new(object);
            }
            // It creates nothing itself.
            if self.0.try_add(T::make()).is_err() {
                std::thread::yield_now();
            }
        }
    }
    const DISCARDS: bool = true;
    fn discard(lent: Self::Lent<'_>) {
        drop(deadpool::unmanaged::Object::take(lent.into_inner()));
    }
    const ATTACHES: bool = true;
    #[inline]
    fn detach_and_attach(&self) {
        let lent = <Self as Shelf<T>>::get(self);
        let object = deadpool::unmanaged::Object::take(lent.into_inner());
        let _full = self.0.try_add(object);
    }
}

pub struct Poolshark(poolshark::global::Pool<Vec<u8>>);

pub struct Shark<const N: usize>(poolshark::global::GPooled<Vec<u8>>);

impl<const N: usize> Shelf<Buffer<N>> for Poolshark {
    const NAME: &'static str = "poolshark";
    // It holds vectors of its own.
    const TELLS: bool = false;
    type Lent<'a> = Shark<N>;
    fn new() -> Self {
        Poolshark(poolshark::global::Pool::new(BOUND, N))
    }
    #[inline]
    fn get(&self) -> Shark<N> {
        let mut buffer = self.0.take();
        if buffer.capacity() < N {
            count_creation();
            buffer.reserve_exact(N);
        }
        Shark(buffer)
    }
}

impl<const N: usize> Held for Shark<N> {
    #[inline]
    fn touch(&mut self) {
        crate::thing::touch_vec(&mut self.0);
    }
}

pub struct Zeropool(zeropool::ZeroPool);

pub struct Zero<'a>(zeropool::BufUninit<'a>);

impl<const N: usize> Shelf<Buffer<N>> for Zeropool {
    const NAME: &'static str = "zeropool";
    // It holds vectors of its own.
    const TELLS: bool = false;
    type Lent<'a> = Zero<'a>;
    fn new() -> Self {
        Zeropool(zeropool::ZeroPool::new().max_buffers_per_class(BOUND))
    }
    #[inline]
    fn get(&self) -> Zero<'_> {
        Zero(self.0.alloc_uninit(N))
    }
}

impl Held for Zero<'_> {
    #[inline]
    fn touch(&mut self) {
        crate::thing::touch_uninit(self.0.as_uninit_mut());
    }
}
