//! Guards: a guard lends an object, and dropping it gives the object back.
//!
//! Both guards have two words: the pool and the object. A guard takes the object out of itself before any user code
//! runs. So the object is given back or dropped exactly once, even if user code panics.

mod pass_through;

use crate::engine::{Object, Outcome};
use crate::policy::Policy;
use crate::pool::Pool;
use std::borrow::{Borrow, BorrowMut};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::Arc;

/// An object lent by a borrowed pool.
///
/// Dropping the guard, on any thread, gives the object back: it is recycled, judged, and kept or dropped. If the thread
/// is panicking, the object is dropped, because its state is unknown.
///
/// Its methods are associated functions, so that they never hide a method of `T`.
///
/// ```
/// use stealpool::{Guard, Pool};
///
/// static POOL: Pool<Vec<u8>> = Pool::new(Vec::new);
///
/// let mut a: Guard<'static, Vec<u8>> = POOL.get();
/// a.push(1);
/// Guard::put(a); // the same as drop(a)
/// assert_eq!(POOL.idle(), 1);
///
/// let b = POOL.get();
/// Guard::discard(b); // dropped, not returned
/// let c: Vec<u8> = Guard::into_inner(POOL.get()); // leaves the pool
/// assert_eq!((POOL.idle(), c.len()), (0, 0));
/// ```
pub struct Guard<'a, T: Send + 'static, P: Policy<T> = fn() -> T> {
    pool: &'a Pool<T, P>,
    object: ManuallyDrop<Object<T>>,
}

/// An object lent by a shared pool. It is `Send + 'static`, for `.await`, `spawn` and `Bytes::from_owner`.
///
/// The guard holds the pool's `Arc`. So the pool lives at least as long, and the guard costs two reference-count
/// operations more than a [`Guard`]. A `static` or leaked pool does not need it: its `get` returns a `Guard<'static>`.
///
/// ```
/// use std::sync::Arc;
/// use stealpool::{OwnedGuard, Pool};
///
/// let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new(Vec::new));
/// let mut buffer: OwnedGuard<Vec<u8>> = pool.get_owned();
/// let sent = std::thread::spawn(move || {
///     buffer.extend_from_slice(b"made here, dropped there");
///     buffer.len()
/// });
/// assert_eq!(sent.join().unwrap(), 24);
/// assert_eq!(pool.idle(), 1);
/// ```
pub struct OwnedGuard<T: Send + 'static, P: Policy<T> = fn() -> T> {
    pool: Arc<Pool<T, P>>,
    object: ManuallyDrop<Object<T>>,
}

/// The methods of both guards.
macro_rules! guard {
    ($guard:ident, $pool:ty, [$($lifetime:lifetime)?]) => {
        impl<$($lifetime,)? T: Send + 'static, P: Policy<T>> $guard<$($lifetime,)? T, P> {
            #[inline]
            #[cfg_attr(feature = "loans", track_caller)]
            pub(crate) fn new(pool: $pool, object: Object<T>) -> Self {
                #[cfg(feature = "loans")]
                pool.state().loans.begin(&object);
                $guard { pool, object: ManuallyDrop::new(object) }
            }

            #[inline]
            fn dismantle(guard: Self) -> ($pool, Object<T>) {
                let mut guard = ManuallyDrop::new(guard);
                // SAFETY: `guard` is never dropped nor used again.
                let object = unsafe { ManuallyDrop::take(&mut guard.object) };
                // SAFETY: as above.
                let pool = unsafe { ptr::read(&guard.pool) };
                #[cfg(feature = "loans")]
                pool.state().loans.end(&object);
                (pool, object)
            }

            /// Takes the object out. It leaves the pool for good, and does not count as discarded.
            pub fn into_inner(guard: Self) -> T {
                let (pool, object) = Self::dismantle(guard);
                pool.count(Outcome::Released, 1);
                let value = object.into_value();
                // Dropped here: a result is leaked if a destructor panics after it (rust-lang/rust#47949).
                {
                    let _last = pool;
                }
                value
            }

            /// Drops the object instead of giving it back.
            ///
            /// # Panics
            ///
            /// If the object's destructor panics.
            pub fn discard(guard: Self) {
                let (pool, object) = Self::dismantle(guard);
                pool.discard(object, Outcome::Discarded);
            }

            /// Gives the object back now. The same as dropping the guard.
            ///
            /// # Panics
            ///
            /// If the policy panics, or the destructor of an object that is not kept.
            pub fn put(guard: Self) {
                drop(guard);
            }
        }

        impl<$($lifetime,)? T: Send + 'static, P: Policy<T>> Drop for $guard<$($lifetime,)? T, P> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the guard is not used after its drop.
                let object = unsafe { ManuallyDrop::take(&mut self.object) };
                #[cfg(feature = "loans")]
                self.pool.state().loans.end(&object);
                self.pool.give_back(object);
            }
        }

        impl<$($lifetime,)? T: Send + 'static, P: Policy<T>> Deref for $guard<$($lifetime,)? T, P> {
            type Target = T;
            #[inline]
            fn deref(&self) -> &T {
                self.object.value()
            }
        }

        impl<$($lifetime,)? T: Send + 'static, P: Policy<T>> DerefMut for $guard<$($lifetime,)? T, P> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                self.object.value_mut()
            }
        }

        impl<$($lifetime,)? T: AsRef<U> + Send + 'static, P: Policy<T>, U: ?Sized> AsRef<U>
            for $guard<$($lifetime,)? T, P>
        {
            fn as_ref(&self) -> &U {
                self.object.value().as_ref()
            }
        }

        impl<$($lifetime,)? T: AsMut<U> + Send + 'static, P: Policy<T>, U: ?Sized> AsMut<U>
            for $guard<$($lifetime,)? T, P>
        {
            fn as_mut(&mut self) -> &mut U {
                self.object.value_mut().as_mut()
            }
        }

        impl<$($lifetime,)? T: Send + 'static, P: Policy<T>> Borrow<T> for $guard<$($lifetime,)? T, P> {
            fn borrow(&self) -> &T {
                self
            }
        }

        impl<$($lifetime,)? T: Send + 'static, P: Policy<T>> BorrowMut<T> for $guard<$($lifetime,)? T, P> {
            fn borrow_mut(&mut self) -> &mut T {
                self
            }
        }

        impl<$($lifetime,)? T: fmt::Debug + Send + 'static, P: Policy<T>> fmt::Debug
            for $guard<$($lifetime,)? T, P>
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($lifetime,)? T: fmt::Display + Send + 'static, P: Policy<T>> fmt::Display
            for $guard<$($lifetime,)? T, P>
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($lifetime,)? T: Send + 'static, P: Policy<T>> fmt::Pointer
            for $guard<$($lifetime,)? T, P>
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Pointer::fmt(&ptr::from_ref(&**self), f)
            }
        }
    };
}

guard!(Guard, &'a Pool<T, P>, ['a]);
guard!(OwnedGuard, Arc<Pool<T, P>>, []);

// The guards' `Send` and `Sync` follow from their fields: an `Object<T>` is `Sync` only for `T: Sync`.
const _: () = {
    const fn two_words<G>() {
        assert!(size_of::<G>() == 2 * size_of::<usize>());
    }
    two_words::<Guard<'static, Vec<u8>>>();
    two_words::<OwnedGuard<Vec<u8>>>();
};
