//! An object on loan: what a guard lets through, and how it ends.

mod common;

use common::{Census, MAGAZINE, hits, processors};
use std::borrow::{Borrow, BorrowMut};
use std::collections::HashMap;
use std::fmt::Write;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use stealpool::{Builder, Guard, OwnedGuard, Policy, Pool, Recycle, policy};

const MANUAL: Builder = Builder::new().collect_manually();

#[test]
fn guards_are_two_words() {
    struct Fixed;
    impl Policy<[u8; 4096]> for Fixed {
        fn create(&self) -> [u8; 4096] {
            [0; 4096]
        }
        fn recycle(&self, _: &mut [u8; 4096]) -> bool {
            true
        }
    }
    const WORDS: usize = 2 * size_of::<usize>();
    assert_eq!(size_of::<Guard<'static, [u8; 4096], Fixed>>(), WORDS);
    assert_eq!(size_of::<OwnedGuard<[u8; 4096], Fixed>>(), WORDS);
    assert_eq!(size_of::<Guard<'static, ()>>(), WORDS);
    assert_eq!(size_of::<Option<Guard<'static, Vec<u8>>>>(), WORDS, "with a niche");
    assert_eq!(size_of::<Option<OwnedGuard<Vec<u8>>>>(), WORDS, "with a niche");
}

/// Both kinds of guard, in the same test.
macro_rules! with_each_guard {
    ($pool:expr, |$guard:ident| $body:block) => {{
        let pool = Arc::new($pool);
        {
            #[allow(unused_mut, reason = "not every body changes the object")]
            let mut $guard = pool.get();
            $body
        }
        {
            #[allow(unused_mut, reason = "not every body changes the object")]
            let mut $guard = pool.get_owned();
            $body
        }
        assert_eq!(Arc::strong_count(&pool), 1);
    }};
}

#[test]
fn a_guard_is_used_like_the_object() {
    with_each_guard!(MANUAL.build(Vec::<u8>::new), |guard| {
        guard.extend_from_slice(b"abc");
        guard[0] = b'x';
        assert_eq!(guard.len(), 3);
        assert_eq!(&guard[1..], b"bc");
        let slice: &[u8] = guard.as_ref();
        assert_eq!(slice, b"xbc");
        let slice: &mut [u8] = guard.as_mut();
        slice[1] = b'y';
        let vec: &Vec<u8> = guard.borrow();
        assert_eq!(vec, b"xyc");
        let vec: &mut Vec<u8> = guard.borrow_mut();
        vec.truncate(1);
        assert_eq!(*guard, b"x");
        assert_eq!(guard.iter().copied().sum::<u8>(), b'x');
    });
}

#[test]
fn a_guard_prints_like_the_object() {
    with_each_guard!(MANUAL.build(String::new), |guard| {
        write!(guard, "a\"b").expect("memory is there");
        assert_eq!(format!("{guard}"), "a\"b");
        assert_eq!(format!("{guard:?}"), "\"a\\\"b\"");
        assert_eq!(format!("{guard:>5}|{guard:<5}|"), "  a\"b|a\"b  |");
        assert_eq!(format!("{guard:p}"), format!("{:p}", std::ptr::from_ref(&*guard)));
    });
    with_each_guard!(MANUAL.build(policy(|| vec![1, 2]).recycle_with(|_| true)), |guard| {
        assert_eq!(format!("{guard:#?}"), "[\n    1,\n    2,\n]");
    });
}

#[test]
fn a_guard_passes_where_a_reference_is_asked() {
    fn opens(path: impl AsRef<Path>) -> usize {
        path.as_ref().components().count()
    }
    with_each_guard!(MANUAL.build(PathBuf::new), |guard| {
        guard.push("a/b");
        assert_eq!(opens(&*guard), 2);
        assert_eq!(<_ as AsRef<Path>>::as_ref(&guard), Path::new("a/b"));
        assert_eq!(opens(guard), 2);
    });
}

/// Associated functions never hide a method of the object.
#[test]
fn the_objects_own_methods_win() {
    struct Shelf(u32);
    impl Shelf {
        #[expect(clippy::wrong_self_convention, reason = "the name is what the test is about")]
        fn into_inner(&self) -> u32 {
            self.0
        }
        fn put(&mut self, n: u32) {
            self.0 = n;
        }
        fn discard(&self) -> &'static str {
            "the shelf's"
        }
    }
    with_each_guard!(MANUAL.build(policy(|| Shelf(1)).recycle_with(|_| true)), |guard| {
        guard.put(7);
        assert_eq!((guard.into_inner(), guard.discard()), (7, "the shelf's"));
    });
}

#[test]
fn into_inner_takes_the_object_out_for_good() {
    let census = Census::new();
    let pool = census.pool();
    let (a, b) = (Guard::into_inner(pool.get()), OwnedGuard::into_inner(pool.get_owned()));
    assert_eq!((a.id, b.id), (0, 1));
    assert_eq!((pool.idle(), pool.stats().discarded), (0, 0));
    assert_eq!((census.recycled(), census.dropped()), (0, 0));
    assert_eq!(Arc::strong_count(&pool), 1);
    drop(pool);
    assert_eq!(census.dropped(), 0);
    drop((a, b));
    assert_eq!(census.dropped(), 2);
}

#[test]
fn discard_drops_the_object_at_once() {
    let census = Census::new();
    let pool = census.pool();
    Guard::discard(pool.get());
    OwnedGuard::discard(pool.get_owned());
    assert_eq!((census.dropped(), census.recycled(), pool.idle()), (2, 0, 0));
    assert_eq!(pool.stats().discarded, 2);
    assert_eq!(Arc::strong_count(&pool), 1);
}

#[test]
fn put_returns_the_object_now() {
    let census = Census::new();
    let pool = census.pool();
    Guard::put(pool.get());
    assert_eq!((census.recycled(), pool.idle()), (1, 1));
    OwnedGuard::put(pool.get_owned());
    assert_eq!((census.recycled(), pool.idle(), census.made()), (2, 1, 1));
    assert_eq!(Arc::strong_count(&pool), 1);
}

#[test]
fn wrap_lends_an_object_from_outside() {
    let census = Census::new();
    let pool = census.pool();
    let mut lent = pool.wrap(census.object());
    lent.weight = 5;
    assert_eq!((pool.stats().gets, pool.stats().creates), (0, 0));
    drop(lent);
    drop(pool.wrap_owned(census.object()));
    assert_eq!((pool.idle(), pool.stats().idle_bytes, pool.stats().puts), (2, 5, 2));
    assert_eq!(pool.get().id, 1, "the newest first");
    let inside = Guard::into_inner(pool.wrap(census.object()));
    assert_eq!((inside.id, pool.idle()), (2, 2));
}

/// Any number of objects may be on loan, each in its own place.
#[test]
fn guards_never_alias() {
    let pool: Pool<u64, _> = MANUAL.build(policy(|| 0).recycle_with(|_| true));
    for round in 0..5u64 {
        let mut held: Vec<_> = (0..200).map(|_| pool.get()).collect();
        held.iter_mut().zip(0..).for_each(|(guard, i)| **guard = round * 1000 + i);
        assert!(held.iter().zip(0..).all(|(guard, i)| **guard == round * 1000 + i));
        held.rotate_left(round as usize);
    }
    assert_eq!(pool.stats().creates, 200);
}

/// A guard that is dropped on another thread leaves its object there, and the pool is one.
#[test]
fn a_guard_may_be_dropped_on_another_thread() {
    // More than all magazines hold.
    let rounds = 4 * MAGAZINE * processors();
    let census = Census::new();
    let pool = census.pool();
    thread::scope(|scope| {
        for _ in 0..rounds {
            let guard = pool.get();
            scope.spawn(move || drop(guard)).join().unwrap();
        }
    });
    assert!(
        census.made() <= 1 + MAGAZINE * processors(),
        "one wanders, the others wait in magazines"
    );
    assert_eq!((census.recycled(), census.dropped()), (rounds, 0));
    let stats = pool.stats();
    let expected = ((rounds - census.made()) as u64, rounds as u64);
    assert_eq!((hits(&stats), stats.puts), expected);
}

/// Get here, drop there, for ever: objects flow back by stealing, and do not pile up there.
#[test]
fn a_pipeline_reuses_its_objects() {
    let census = Census::new();
    let pool = census.pool();
    let (send, receive) = std::sync::mpsc::sync_channel(4);
    let consumer = thread::spawn(move || receive.into_iter().for_each(drop));
    for _ in 0..common::scaled(100_000) {
        send.send(pool.get_owned()).unwrap();
    }
    drop(send);
    consumer.join().unwrap();
    // Four in the channel, one on either side, and what the magazines hold.
    assert!(census.made() <= 6 + MAGAZINE * processors(), "{}", pool.stats());
    assert!(pool.stats().hit_rate() > 0.99 || cfg!(miri), "few rounds under Miri");
}

/// A leaked guard costs its object and nothing else: nobody waits for it.
#[test]
fn a_guard_may_be_leaked() {
    let census = Census::new();
    let pool = census.pool();
    mem::forget(pool.get());
    drop([pool.get(), pool.get()]);
    assert_eq!((pool.idle(), census.made()), (2, 3));
    assert_eq!(pool.collect().aged, 2);
    assert_eq!(pool.collect().dropped, 2);
    assert_eq!(pool.clear(), 0);
    drop(pool);
    assert_eq!((census.made(), census.dropped()), (3, 2));

    // A guard that owns its pool leaks that, too.
    let pool = census.pool();
    pool.put(census.object());
    mem::forget(pool.get_owned());
    drop(pool);
    assert_eq!(census.dropped(), 2);
}

#[test]
fn guards_may_be_swapped_and_stored() {
    let pool: Pool<Vec<u8>> = MANUAL.build(Vec::new);
    let other: Pool<Vec<u8>> = MANUAL.build(Vec::new);
    let (mut a, mut b) = (pool.get(), other.get());
    a.push(1);
    mem::swap(&mut a, &mut b);
    assert_eq!(*b, [1]);
    let mut map = HashMap::from([("a", a), ("b", b)]);
    map.remove("a");
    assert_eq!((pool.idle(), other.idle()), (0, 1), "each goes home to its own pool");
    drop(map);
    assert_eq!((pool.idle(), other.idle()), (1, 1));
    // The objects themselves may be swapped, too: a pool does not know its own.
    mem::swap(&mut *pool.get(), &mut *other.get());
    assert_eq!((pool.idle(), other.idle()), (1, 1));
}

#[test]
fn a_guards_object_may_be_replaced() {
    let census = Census::new();
    let pool = census.pool();
    let mut guard = pool.get();
    let old = mem::replace(&mut *guard, census.object());
    assert_eq!((old.id, guard.id), (0, 1));
    drop(guard);
    assert_eq!(pool.get().id, 1);
    drop(old);
    assert_eq!(census.alive(), 1);
}

/// A policy need not be `'static`, nor an object `Sync`.
#[test]
fn policies_may_borrow() {
    let made = std::sync::atomic::AtomicUsize::new(0);
    {
        let pool: Pool<std::cell::Cell<u32>, _> = MANUAL.build(
            policy(|| {
                made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                std::cell::Cell::new(0)
            })
            .recycle_with(|cell: &mut std::cell::Cell<u32>| {
                cell.set(0);
                true
            }),
        );
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| pool.get().set(7));
            }
        });
        assert_eq!(pool.get().get(), 0);
    }
    assert!((1..=4).contains(&made.into_inner()));
}

#[test]
fn a_policy_refuses_what_is_not_worth_keeping() {
    struct Lines;
    impl Policy<String> for Lines {
        fn create(&self) -> String {
            String::with_capacity(80)
        }
        fn recycle(&self, line: &mut String) -> bool {
            line.clear();
            line.capacity() <= 1000
        }
    }
    let pool = MANUAL.build(Lines);
    pool.get().reserve(1001);
    assert_eq!((pool.idle(), pool.stats().discarded), (0, 1));
    pool.get().push('x');
    assert_eq!((pool.idle(), pool.stats().idle_bytes), (1, size_of::<String>()));
    assert!(pool.get().is_empty());
}

#[test]
fn types_say_how_they_are_recycled() {
    #[derive(Default)]
    struct Request {
        path: String,
        headers: Vec<(String, String)>,
        keep_alive: bool,
    }
    impl Recycle for Request {
        fn recycle(&mut self) {
            self.path.clear();
            self.headers.clear();
            self.keep_alive = false;
        }
        fn footprint(&self) -> usize {
            self.path.capacity() + self.headers.capacity() * size_of::<(String, String)>()
        }
    }
    let pool = MANUAL.build(Request::default);
    {
        let mut request = pool.get();
        request.path.push_str("/search");
        request.headers.push(("a".into(), "b".into()));
        request.keep_alive = true;
    }
    assert!(pool.stats().idle_bytes >= 7 + 48);
    let request = pool.get();
    assert!(request.path.is_empty() && request.headers.is_empty() && !request.keep_alive);
    assert!(request.path.capacity() >= 7 && request.headers.capacity() >= 1);
}

#[test]
fn std_types_pool_as_they_are() {
    use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet, LinkedList, VecDeque};
    use std::ffi::OsString;
    use std::io::Cursor;
    fn comes_back_empty<T: Default + Recycle + Send + 'static>(
        fill: impl Fn(&mut T),
        is_empty: impl Fn(&T) -> bool,
    ) {
        let pool = MANUAL.build(T::default);
        fill(&mut pool.get());
        assert_eq!(pool.idle(), 1);
        assert!(is_empty(&pool.get()), "{}", std::any::type_name::<T>());
    }
    comes_back_empty::<Vec<u8>>(|x| x.push(1), Vec::is_empty);
    comes_back_empty::<VecDeque<u8>>(|x| x.push_back(1), VecDeque::is_empty);
    comes_back_empty::<BinaryHeap<u8>>(|x| x.push(1), BinaryHeap::is_empty);
    comes_back_empty::<LinkedList<u8>>(|x| x.push_back(1), LinkedList::is_empty);
    comes_back_empty::<HashMap<u8, u8>>(|x| assert_eq!(x.insert(1, 1), None), HashMap::is_empty);
    comes_back_empty::<BTreeMap<u8, u8>>(|x| assert_eq!(x.insert(1, 1), None), BTreeMap::is_empty);
    comes_back_empty::<HashSet<u8>>(|x| assert!(x.insert(1)), HashSet::is_empty);
    comes_back_empty::<BTreeSet<u8>>(|x| assert!(x.insert(1)), BTreeSet::is_empty);
    comes_back_empty::<String>(|x| x.push('x'), String::is_empty);
    comes_back_empty::<OsString>(|x| x.push("x"), |x| x.is_empty());
    comes_back_empty::<PathBuf>(|x| x.push("x"), |x| x.as_os_str().is_empty());
    comes_back_empty::<Box<Vec<u8>>>(|x| x.push(1), |x| x.is_empty());
    comes_back_empty::<(Vec<u8>, String)>(|x| x.0.push(1), |x| x.0.is_empty());
    comes_back_empty::<Cursor<Vec<u8>>>(
        |x| {
            x.get_mut().push(1);
            x.set_position(1);
        },
        |x| x.get_ref().is_empty() && x.position() == 0,
    );
}
