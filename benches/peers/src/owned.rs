//! Guards that hold their pool by an `Arc`: what a task keeps over an `.await`, or sends to another thread.

use crate::peers::{AsOpool, Cleaned, Plain, Slot};
use crate::shelf::{AsItSays, BOUND, Held, Shelf};
use crate::thing::Thing;
use std::sync::Arc;
use stealpool::{Guard, OwnedGuard, Pool};

/// `get_owned`, of a pool behind an `Arc`.
pub struct Stealpool<T: Thing>(Arc<Pool<T, AsItSays>>);

impl<T: Thing> Shelf<T> for Stealpool<T> {
    const NAME: &'static str = "stealpool";
    type Lent<'a> = OwnedGuard<T, AsItSays>;
    fn new() -> Self {
        Stealpool(Arc::new(Pool::new(AsItSays)))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        self.0.get_owned()
    }
}

impl<T: Thing> Held for OwnedGuard<T, AsItSays> {
    #[inline]
    fn touch(&mut self) {
        T::touch(self);
    }
}

/// `get`, of a pool that is never dropped: such a guard is `'static`, and counts nothing.
pub struct Leaked<T: Thing>(&'static Pool<T, AsItSays>);

impl<T: Thing> Shelf<T> for Leaked<T> {
    const NAME: &'static str = "stealpool, &'static";
    type Lent<'a> = Guard<'static, T, AsItSays>;
    fn new() -> Self {
        Leaked(Box::leak(Box::new(Pool::new(AsItSays))))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        self.0.get()
    }
}

pub struct ObjectPool<T: Thing>(Arc<object_pool::Pool<T>>);

impl<T: Thing> Shelf<T> for ObjectPool<T> {
    const NAME: &'static str = "object-pool";
    type Lent<'a> = Cleaned<object_pool::ReusableOwned<T>, T>;
    fn new() -> Self {
        ObjectPool(Arc::new(object_pool::Pool::new(0, T::make)))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        Cleaned::new(self.0.pull_owned(T::make))
    }
}

pub struct Linear<T: Thing>(Arc<lockfree_object_pool::LinearObjectPool<T>>);

impl<T: Thing> Shelf<T> for Linear<T> {
    const NAME: &'static str = "lockfree-object-pool, linear";
    type Lent<'a> = Plain<lockfree_object_pool::LinearOwnedReusable<T>>;
    fn new() -> Self {
        let pool = lockfree_object_pool::LinearObjectPool::new(T::make, T::reset);
        Linear(Arc::new(pool))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        Plain(self.0.pull_owned())
    }
}

pub struct Opool<T: Thing>(Arc<opool::Pool<AsOpool, T>>);

impl<T: Thing> Shelf<T> for Opool<T> {
    const NAME: &'static str = "opool";
    type Lent<'a> = Plain<opool::RcGuard<AsOpool, T>>;
    fn new() -> Self {
        Opool(opool::Pool::new(BOUND, AsOpool).to_rc())
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        Plain(Arc::clone(&self.0).get_rc())
    }
}

pub struct Slab<T: Thing>(Arc<sharded_slab::Pool<Slot<T>>>);

pub struct SlabGuard<T: Thing>(
    Option<sharded_slab::pool::OwnedRefMut<Slot<T>>>,
    Arc<sharded_slab::Pool<Slot<T>>>,
);

impl<T: Thing> Shelf<T> for Slab<T> {
    const NAME: &'static str = "sharded-slab";
    type Lent<'a> = SlabGuard<T>;
    fn new() -> Self {
        Slab(Arc::new(sharded_slab::Pool::new()))
    }
    #[inline]
    fn get(&self) -> Self::Lent<'_> {
        let guard = Arc::clone(&self.0).create_owned();
        SlabGuard(Some(guard.expect("the slab has room")), Arc::clone(&self.0))
    }
}

impl<T: Thing> Held for SlabGuard<T> {
    #[inline]
    fn touch(&mut self) {
        if let Some(guard) = &mut self.0 {
            guard.0.touch();
        }
    }
}

impl<T: Thing> Drop for SlabGuard<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(guard) = self.0.take() {
            let key = guard.key();
            // The slot is freed by `clear`, once the guard is gone.
            drop(guard);
            self.1.clear(key);
        }
    }
}
