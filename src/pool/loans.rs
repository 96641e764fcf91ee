//! Who holds the objects of a pool. Only with the feature `loans`.
//!
//! A table maps the address of each lent object to the place in the source that took it. An object has one owner, so its
//! address is in the table once. A lock guards the table: this is for finding leaks, not for production.

use super::Pool;
use crate::engine::object::Object;
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An object that is lent: who took it, and when. See [`Pool::debug_loans`].
#[derive(Clone, Copy, Debug)]
pub struct Loan {
    location: &'static Location<'static>,
    since: Instant,
    number: u64,
}

impl Loan {
    /// The call that took the object.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// How long the object has been lent.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

/// `src/main.rs:12:20, 3.2 s`
impl fmt::Display for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:.1} s", self.location, self.age().as_secs_f64())
    }
}

/// The loans of a pool.
#[derive(Default)]
pub(crate) struct Loans(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_address: HashMap<usize, Loan>,
    /// How many there were.
    count: u64,
}

impl Loans {
    fn with<R>(&self, act: impl FnOnce(&mut Table) -> R) -> R {
        // Nothing panics in between.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[track_caller]
    pub(crate) fn begin<T>(&self, object: &Object<T>) {
        let (location, since) = (Location::caller(), Instant::now());
        self.with(|table| {
            table.count += 1;
            let loan = Loan { location, since, number: table.count };
            table.by_address.insert(object.address(), loan);
        });
    }

    pub(crate) fn end<T>(&self, object: &Object<T>) {
        self.with(|table| table.by_address.remove(&object.address()));
    }
}

impl<T: Send + 'static, P> Pool<T, P> {
    /// The objects that are lent now, the longest lent first. Needs the feature `loans`.
    ///
    /// [`live`](Self::live) says how many objects have leaked, and this says where they were taken. A guard that was
    /// [forgotten](std::mem::forget) stays in the list.
    ///
    /// With the feature on, each get and each put locks a table and allocates. So turn it on only to find a leak. A child
    /// of a fork may wait for that lock for ever, and so may a global allocator that uses the pool. Without the feature
    /// there is no table, and guards record nothing.
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// std::mem::forget(pool.get());
    /// drop(pool.get());
    /// let loans = pool.debug_loans();
    /// assert_eq!(loans.len(), 1);
    /// println!("taken at {}", loans[0]); // src/main.rs:12:20, 3.2 s
    /// ```
    pub fn debug_loans(&self) -> Vec<Loan> {
        let Some(state) = self.state.get() else { return Vec::new() };
        let loans = &state.loans;
        let mut loans: Vec<Loan> = loans.with(|table| table.by_address.values().copied().collect());
        loans.sort_by_key(|loan| loan.number);
        loans
    }
}
