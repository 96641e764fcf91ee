//! What the user decides: make an object, clean it, keep it or not.

use crate::recycle::Recycle;
use std::fmt;

/// How a pool makes objects, cleans them when they come back, and weighs them.
///
/// Every `Fn() -> T` is a policy when `T: Recycle`: it creates, and `T` says the rest. A type of your
/// own can be one too; and [`policy`] makes one of closures, for a `T` of another crate.
///
/// The pool calls these methods outside of its protocol: they may use the same pool, and they may
/// panic. A panic goes to the caller; the object at hand is dropped, the pool and its counts stay
/// right. No answer can make the pool unsound: a wrong footprint only makes the books wrong.
///
/// ```
/// use stealpool::{Policy, Pool};
///
/// struct Lines {
///     width: usize,
/// }
///
/// impl Policy<String> for Lines {
///     fn create(&self) -> String {
///         String::with_capacity(self.width)
///     }
///     fn recycle(&self, line: &mut String) -> bool {
///         line.clear();
///         line.capacity() <= 16 * self.width // a few long lines shall not stay
///     }
///     fn footprint(&self, line: &String) -> usize {
///         line.capacity()
///     }
/// }
///
/// let pool = Pool::new(Lines { width: 80 });
/// assert!(pool.get().capacity() >= 80);
/// ```
pub trait Policy<T> {
    /// Makes an object.
    fn create(&self) -> T;

    /// Brings an object back to the state of a new one. `false`: drop it.
    fn recycle(&self, object: &mut T) -> bool;

    /// The bytes that the object keeps alive while idle. Asked once, when it comes back clean.
    fn footprint(&self, object: &T) -> usize {
        size_of_val(object)
    }
}

impl<T: Recycle, F: Fn() -> T> Policy<T> for F {
    #[inline]
    fn create(&self) -> T {
        self()
    }

    #[inline]
    fn recycle(&self, object: &mut T) -> bool {
        object.recycle();
        true
    }

    #[inline]
    fn footprint(&self, object: &T) -> usize {
        object.footprint()
    }
}

/// A policy made of closures, for a type that does not implement [`Recycle`].
///
/// `create` makes an object. [`recycle_with`](Closures::recycle_with) says how to clean one, and is
/// required unless `T: Recycle`; [`footprint_with`](Closures::footprint_with) says what one weighs
/// (default: `T::footprint()` where `T: Recycle` does both, else `size_of::<T>()`, which leaves out
/// what `T` owns on the heap).
///
/// ```
/// use stealpool::{Pool, policy};
///
/// # struct Parser { scratch: Vec<u8> }
/// # impl Parser { fn new() -> Self { Parser { scratch: Vec::new() } } fn reset(&mut self) { self.scratch.clear() } }
/// let parsers = Pool::new(
///     policy(Parser::new)
///         .recycle_with(|parser: &mut Parser| {
///             parser.reset();
///             parser.scratch.capacity() <= 1 << 20 // else drop it
///         })
///         .footprint_with(|parser: &Parser| parser.scratch.capacity()),
/// );
/// drop(parsers.get());
/// assert_eq!(parsers.idle(), 1);
/// ```
pub const fn policy<C>(create: C) -> Closures<C> {
    Closures { create, recycle: ByType, footprint: ByType }
}

/// What [`policy`] makes.
#[derive(Clone, Copy)]
pub struct Closures<C, R = ByType, F = ByType> {
    create: C,
    recycle: R,
    footprint: F,
}

/// Stands for "as the type says": its [`Recycle`], or for a footprint without one, its size.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByType;

impl<C, R, F> fmt::Debug for Closures<C, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closures").finish_non_exhaustive()
    }
}

impl<C, F> Closures<C, ByType, F> {
    /// Sets how an object is cleaned when it comes back; `false` drops it.
    ///
    /// From then on objects weigh `size_of::<T>()` unless
    /// [`footprint_with`](Self::footprint_with) says otherwise, also those of a `T: Recycle`. A
    /// pool with a bound in bytes wants both:
    ///
    /// ```
    /// use stealpool::{Builder, Recycle, policy};
    ///
    /// let pages = Builder::new().max_object_bytes(64 << 10).build(
    ///     policy(|| vec![0u8; 4096])
    ///         .recycle_with(|page: &mut Vec<u8>| {
    ///             page.fill(0); // zeroed instead of emptied
    ///             true
    ///         })
    ///         .footprint_with(Recycle::footprint),
    /// );
    /// drop(pages.get());
    /// assert_eq!(pages.stats().idle_bytes, 4096);
    /// ```
    pub fn recycle_with<T, R>(self, recycle: R) -> Closures<C, R, F>
    where
        C: Fn() -> T,
        R: Fn(&mut T) -> bool,
    {
        Closures { create: self.create, recycle, footprint: self.footprint }
    }
}

impl<C, R> Closures<C, R, ByType> {
    /// Sets what an object weighs, in bytes.
    pub fn footprint_with<T, F>(self, footprint: F) -> Closures<C, R, F>
    where
        C: Fn() -> T,
        F: Fn(&T) -> usize,
    {
        Closures { create: self.create, recycle: self.recycle, footprint }
    }
}

impl<T, C> Policy<T> for Closures<C, ByType, ByType>
where
    T: Recycle,
    C: Fn() -> T,
{
    fn create(&self) -> T {
        (self.create)()
    }
    fn recycle(&self, object: &mut T) -> bool {
        object.recycle();
        true
    }
    fn footprint(&self, object: &T) -> usize {
        object.footprint()
    }
}

impl<T, C, F> Policy<T> for Closures<C, ByType, F>
where
    T: Recycle,
    C: Fn() -> T,
    F: Fn(&T) -> usize,
{
    fn create(&self) -> T {
        (self.create)()
    }
    fn recycle(&self, object: &mut T) -> bool {
        object.recycle();
        true
    }
    fn footprint(&self, object: &T) -> usize {
        (self.footprint)(object)
    }
}

impl<T, C, R> Policy<T> for Closures<C, R, ByType>
where
    C: Fn() -> T,
    R: Fn(&mut T) -> bool,
{
    fn create(&self) -> T {
        (self.create)()
    }
    fn recycle(&self, object: &mut T) -> bool {
        (self.recycle)(object)
    }
}

impl<T, C, R, F> Policy<T> for Closures<C, R, F>
where
    C: Fn() -> T,
    R: Fn(&mut T) -> bool,
    F: Fn(&T) -> usize,
{
    fn create(&self) -> T {
        (self.create)()
    }
    fn recycle(&self, object: &mut T) -> bool {
        (self.recycle)(object)
    }
    fn footprint(&self, object: &T) -> usize {
        (self.footprint)(object)
    }
}
