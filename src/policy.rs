//! Policies: how a pool makes, cleans and weighs objects.

use crate::recycle::Recycle;
use std::fmt;

/// How a pool makes objects, cleans them when they come back, and weighs them.
///
/// Every `Fn() -> T` is a policy if `T: Recycle`: the function creates, and [`Recycle`] does the rest. A type of your own
/// can be a policy too. For a `T` of another crate, [`policy`] makes one from closures.
///
/// These methods may use the same pool, and they may panic. A panic goes to the caller. The object is then dropped, and
/// the pool stays correct. No result can make the pool unsound. A wrong footprint only makes its figures wrong.
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

    /// Brings an object back to the state of a new one. `false`: the pool drops it.
    fn recycle(&self, object: &mut T) -> bool;

    /// The bytes that the object keeps allocated while it is idle. Called once, after `recycle`.
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

/// A policy made from closures, for a type that does not implement [`Recycle`].
///
/// * `create` makes an object.
/// * [`recycle_with`](Closures::recycle_with) cleans one. It is required unless `T: Recycle`.
/// * [`footprint_with`](Closures::footprint_with) weighs one. The default is [`Recycle::footprint`] if `T: Recycle` also
///   cleans. Otherwise it is `size_of::<T>()`, without what `T` owns on the heap.
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

/// The policy that [`policy`] returns.
#[derive(Clone, Copy)]
pub struct Closures<C, R = ByType, F = ByType> {
    create: C,
    recycle: R,
    footprint: F,
}

/// No closure: the type's [`Recycle`] is used. A footprint without `Recycle` is the type's size.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByType;

impl<C, R, F> fmt::Debug for Closures<C, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closures").finish_non_exhaustive()
    }
}

impl<C, F> Closures<C, ByType, F> {
    /// Sets how an object is cleaned when it comes back. The pool drops the object if `recycle` returns `false`.
    ///
    /// Without [`footprint_with`](Self::footprint_with), objects then weigh `size_of::<T>()`, even if `T: Recycle`. A
    /// pool with a bound in bytes needs both:
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
    /// Sets how an object is weighed, in bytes.
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
