//! `Pool::debug_loans`: who holds the objects, by the feature `loans`.
#![cfg(feature = "loans")]

use std::sync::Arc;
use std::thread;
use stealpool::{Guard, KeyedPool, Loan, Pool};

type Buffers = Pool<Vec<u8>>;

fn lines(loans: &[Loan]) -> Vec<u32> {
    loans.iter().map(|loan| loan.location().line()).collect()
}

/// Each way to take an object, and the line that took it.
#[test]
fn each_get_is_listed_with_the_line_that_called_it() {
    let pool: Arc<Buffers> = Arc::new(Pool::new(Vec::new));
    let first = line!() + 1;
    let a = pool.get();
    let b = pool.wrap(Vec::new());
    let c = pool.get_with(Vec::new);
    let d = pool.try_get_with(|| Ok::<_, ()>(Vec::new()));
    let e = pool.get_owned();
    let f = pool.wrap_owned(Vec::new());
    assert_eq!(lines(&pool.debug_loans()), (first..first + 6).collect::<Vec<_>>());
    assert!(pool.debug_loans().iter().all(|loan| loan.location().file() == file!()));
    drop((a, b, c, d, e, f));
    assert!(pool.debug_loans().is_empty());
    let first = line!() + 1;
    let a = pool.try_get();
    let b = pool.try_get_owned();
    assert_eq!(lines(&pool.debug_loans()), [first, first + 1]);
    drop((a, b));
    assert!(pool.debug_loans().is_empty());
}

#[test]
fn each_way_to_end_a_loan_ends_it() {
    let pool: Buffers = Pool::new(Vec::new);
    drop(pool.get());
    Guard::put(pool.get());
    Guard::discard(pool.get());
    Guard::into_inner(pool.get());
    pool.put(Vec::new());
    _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _lent = pool.get();
        panic!("while it is lent");
    }));
    assert!(pool.debug_loans().is_empty());
}

#[test]
fn a_forgotten_guard_is_found_by_its_line() {
    let pool: Buffers = Pool::new(Vec::new);
    std::mem::forget(pool.get());
    let leaked = line!() - 1;
    for _ in 0..100 {
        drop([pool.get(), pool.get()]);
    }
    let loans = pool.debug_loans();
    assert_eq!((lines(&loans), pool.live() - pool.idle()), (vec![leaked], 1));
    let said = loans[0].to_string();
    assert!(said.starts_with(&format!("{}:{leaked}:", file!())), "{said}");
}

#[test]
fn a_key_names_the_caller_too() {
    let pools = KeyedPool::new(|_: &u8| Vec::<u8>::new);
    let lent = pools.get(&1);
    let line = line!() - 1;
    assert_eq!(lines(&pools.pool(&1).debug_loans()), [line]);
    drop(lent);
    let found = pools.try_get(&1);
    let line = line!() - 1;
    assert_eq!(lines(&pools.pool(&1).debug_loans()), [line]);
    drop(found);
}

/// Objects go from thread to thread, and are in the list once while lent.
#[test]
fn threads_agree_on_who_holds_what() {
    let pool: Arc<Buffers> = Arc::new(Pool::new(Vec::new));
    thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::sync_channel(8);
        for _ in 0..3 {
            let (pool, send) = (Arc::clone(&pool), send.clone());
            scope.spawn(move || (0..2_000).for_each(|_| send.send(pool.get_owned()).unwrap()));
        }
        drop(send);
        for lent in receive {
            assert!(pool.debug_loans().len() <= 8 + 3 + 1);
            drop(lent);
        }
    });
    assert!(pool.debug_loans().is_empty());
}
