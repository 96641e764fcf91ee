//! User code that uses the pool which is just calling it: no deadlock, nothing lost, nothing twice.
//! (thread_local-rs#94 and #97 were such a constructor.)

mod common;

use common::{Census, Counted, in_child};
use std::cell::Cell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};
use stealpool::{Builder, Guard, OwnedGuard, Policy, Pool, Recycle};

const MANUAL: Builder = Builder::new().collect_manually();

#[derive(Clone, Copy, Debug, PartialEq)]
enum Callback {
    Create,
    Recycle,
    Footprint,
    Drop,
}

/// Calls back into the pool, from one of the callbacks, no deeper than three levels.
struct Hook {
    from: Callback,
    what: fn(&Arc<HookedPool>, &Arc<Hook>),
    pool: OnceLock<Weak<HookedPool>>,
    census: Census,
    depth: AtomicUsize,
    calls: AtomicUsize,
}

impl Hook {
    fn called(self: &Arc<Self>, from: Callback) {
        if from != self.from {
            return;
        }
        let pool = self.pool.get().and_then(Weak::upgrade);
        let deep = self.depth.fetch_add(1, AcqRel);
        if let (Some(pool), 0..3) = (pool, deep) {
            self.calls.fetch_add(1, AcqRel);
            (self.what)(&pool, self);
        }
        self.depth.fetch_sub(1, AcqRel);
    }

    fn object(self: &Arc<Self>) -> Hooked {
        Hooked { hook: Arc::clone(self), _counted: self.census.object() }
    }
}

struct Hooked {
    hook: Arc<Hook>,
    _counted: Counted,
}

impl Drop for Hooked {
    fn drop(&mut self) {
        self.hook.called(Callback::Drop);
    }
}

type HookedPool = Pool<Hooked, Hooking>;

struct Hooking(Arc<Hook>);

impl Policy<Hooked> for Hooking {
    fn create(&self) -> Hooked {
        self.0.called(Callback::Create);
        self.0.object()
    }
    fn recycle(&self, _: &mut Hooked) -> bool {
        self.0.called(Callback::Recycle);
        true
    }
    fn footprint(&self, _: &Hooked) -> usize {
        self.0.called(Callback::Footprint);
        1
    }
}

type What = (&'static str, fn(&Arc<HookedPool>, &Arc<Hook>));

const WHAT: [What; 16] = [
    ("get", |pool, _| drop(pool.get())),
    ("get two", |pool, _| drop([pool.get(), pool.get()])),
    ("try_get", |pool, _| drop(pool.try_get())),
    ("get_with", |pool, hook| drop(pool.get_with(|| hook.object()))),
    ("get_owned", |pool, _| drop(pool.get_owned())),
    ("put", |pool, hook| pool.put(hook.object())),
    ("wrap", |pool, hook| drop(pool.wrap(hook.object()))),
    ("into_inner", |pool, _| drop(Guard::into_inner(pool.get()))),
    ("discard", |pool, _| OwnedGuard::discard(pool.get_owned())),
    ("collect", |pool, _| {
        pool.collect();
    }),
    ("clear", |pool, _| {
        pool.clear();
    }),
    ("drain", |pool, _| drop(pool.drain())),
    ("drain half", |pool, _| drop(pool.drain().next())),
    ("reserve", |pool, _| pool.reserve(2)),
    ("look", |pool, _| {
        assert!(pool.idle() <= 1000 && pool.stats().idle <= 1000);
        assert!(format!("{pool:?}").contains("Pool"));
    }),
    ("another pool", |_, hook| {
        let other: Pool<Vec<Counted>> = Pool::new(Vec::new);
        other.put(vec![hook.census.object()]);
        drop([other.get(), other.get()]);
        other.collect();
    }),
];

#[test]
fn any_callback_may_do_anything_with_the_pool() {
    let settings = [
        MANUAL,
        MANUAL.max_idle(2),
        MANUAL.idle_bytes(3),
        Builder::new().collect_every(Duration::ZERO),
    ];
    for settings in settings {
        for from in [Callback::Create, Callback::Recycle, Callback::Footprint, Callback::Drop] {
            for (name, what) in WHAT {
                re_enter(settings, from, name, what);
            }
        }
    }
}

fn re_enter(settings: Builder, from: Callback, name: &str, what: fn(&Arc<HookedPool>, &Arc<Hook>)) {
    let hook = Arc::new(Hook {
        from,
        what,
        pool: OnceLock::new(),
        census: Census::new(),
        depth: AtomicUsize::new(0),
        calls: AtomicUsize::new(0),
    });
    let pool = Arc::new(settings.build(Hooking(Arc::clone(&hook))));
    hook.pool.set(Arc::downgrade(&pool)).expect("set once");
    let census = &hook.census;
    let check = |step: &str| {
        let stats = pool.stats();
        assert_eq!(stats.idle, census.alive(), "{name} from {from:?}, {step}: {stats}");
    };
    for _ in 0..3 {
        drop([pool.get(), pool.get(), pool.get()]);
        check("hold 3");
        drop(pool.get_owned());
        check("hold 1");
        pool.put(hook.object());
        check("put");
        pool.collect();
        check("collect");
        Guard::discard(pool.get());
        check("discard");
        pool.collect();
        pool.collect();
        check("collect twice");
        pool.reserve(3);
        check("reserve");
        drop(pool.drain());
        check("drain");
        drop([pool.get(), pool.get()]);
        pool.clear();
        check("clear");
    }
    // Past a look at the clock or two.
    (0..3000).for_each(|_| drop(pool.get()));
    check("many");
    drop(pool);
    assert_eq!(census.alive(), 0, "{name} from {from:?}");
    assert!(hook.calls.load(Acquire) > 0, "{name} from {from:?}: never called");
    assert_eq!(hook.depth.load(Acquire), 0);
}

/// A constructor that takes a spare part from the same pool, five levels down: each level has an
/// object of its own.
#[test]
fn a_constructor_may_get_from_its_own_pool() {
    struct Nest {
        pool: OnceLock<Weak<Pool<Vec<usize>, Nest>>>,
        level: AtomicUsize,
    }
    impl Policy<Vec<usize>> for Nest {
        fn create(&self) -> Vec<usize> {
            let level = self.level.fetch_add(1, AcqRel);
            if level == 4 {
                return vec![level];
            }
            let pool = self.pool.get().and_then(Weak::upgrade).expect("it lives");
            let part = pool.get();
            let mut whole = part.clone();
            whole.push(level);
            whole
        }
        fn recycle(&self, _: &mut Vec<usize>) -> bool {
            true
        }
    }
    let nest = Nest { pool: OnceLock::new(), level: AtomicUsize::new(0) };
    let pool = Arc::new(MANUAL.build(nest));
    pool.policy().pool.set(Arc::downgrade(&pool)).expect("set once");
    let outermost = pool.get();
    assert_eq!(*outermost, [4, 3, 2, 1, 0]);
    let stats = pool.stats();
    assert_eq!((stats.creates, stats.idle, stats.gets), (5, 4, 5));
}

/// An idle object that owns the last handle of another pool: dropping it drops that pool.
#[test]
fn a_destructor_may_drop_another_pool() {
    let census = Census::new();
    let pool: Pool<Vec<Arc<common::CountedPool>>, _> =
        MANUAL.build(stealpool::policy(Vec::new).recycle_with(|_| true));
    let fill = || {
        let inner = census.pool();
        drop([inner.get(), inner.get()]);
        pool.put(vec![inner]);
    };
    (0..3).for_each(|_| fill());
    pool.collect();
    assert_eq!(census.alive(), 6);
    pool.collect();
    assert_eq!(census.alive(), 0, "collected");
    (0..3).for_each(|_| fill());
    pool.clear();
    assert_eq!(census.alive(), 0, "cleared");
    (0..3).for_each(|_| fill());
    drop(pool);
    assert_eq!(census.alive(), 0, "dropped");
}

/// An idle object may even own the last handle of its own pool; a cycle then ends both.
#[test]
fn a_destructor_may_drop_its_own_pool() {
    in_child("a_destructor_may_drop_its_own_pool", || {
        struct Loop {
            _home: Option<Arc<Pool<Loop, Empty>>>,
            _counted: Counted,
        }
        struct Empty;
        impl Policy<Loop> for Empty {
            fn create(&self) -> Loop {
                unreachable!("all come from outside")
            }
            fn recycle(&self, _: &mut Loop) -> bool {
                true
            }
        }
        let census = Census::new();
        let pool = Arc::new(MANUAL.build(Empty));
        for home in [None, Some(Arc::clone(&pool)), None] {
            pool.put(Loop { _home: home, _counted: census.object() });
        }
        drop(pool);
        assert_eq!(census.alive(), 3);
        stealpool::collect_all();
        assert_eq!(census.alive(), 3);
        stealpool::collect_all();
        assert_eq!(census.alive(), 0);
        assert_eq!(stealpool::collect_all(), stealpool::Collected::default());
    });
}

/// Objects of one pool that use another, which uses the first.
#[test]
fn two_pools_may_use_each_other() {
    struct Cross {
        other: OnceLock<Weak<Pool<Vec<u8>, Cross>>>,
        depth: AtomicUsize,
    }
    impl Cross {
        fn touch(&self) {
            if self.depth.fetch_add(1, AcqRel) < 3 {
                if let Some(other) = self.other.get().and_then(Weak::upgrade) {
                    drop([other.get(), other.get()]);
                    other.collect();
                }
            }
            self.depth.fetch_sub(1, AcqRel);
        }
    }
    impl Policy<Vec<u8>> for Cross {
        fn create(&self) -> Vec<u8> {
            self.touch();
            Vec::new()
        }
        fn recycle(&self, _: &mut Vec<u8>) -> bool {
            self.touch();
            true
        }
    }
    let new =
        || Arc::new(MANUAL.build(Cross { other: OnceLock::new(), depth: AtomicUsize::new(0) }));
    let (a, b) = (new(), new());
    a.policy().other.set(Arc::downgrade(&b)).expect("set once");
    b.policy().other.set(Arc::downgrade(&a)).expect("set once");
    for _ in 0..10 {
        drop([a.get(), a.get()]);
        drop(b.get());
    }
    for pool in [&a, &b] {
        let stats = pool.stats();
        assert_eq!(stats.gets, stats.puts, "{stats}");
        assert_eq!(stats.creates, stats.idle as u64 + stats.aged_out, "{stats}");
    }
}

/// Whatever callback runs on behalf of an owned guard may let the pool's last handle go: the guard keeps
/// the pool until the callback is over.
#[test]
fn the_last_handle_may_go_in_any_callback() {
    struct Home {
        from: Callback,
        handle: Mutex<Option<Arc<Pool<Guest, Host>>>>,
        census: Census,
    }
    impl Home {
        fn called(&self, from: Callback) {
            if from == self.from {
                let handle = self.handle.lock().expect("no panic").take();
                drop(handle);
            }
        }
    }
    struct Guest {
        home: Arc<Home>,
        _counted: Counted,
    }
    impl Drop for Guest {
        fn drop(&mut self) {
            self.home.called(Callback::Drop);
        }
    }
    struct Host(Arc<Home>);
    impl Policy<Guest> for Host {
        fn create(&self) -> Guest {
            self.0.called(Callback::Create);
            Guest { home: Arc::clone(&self.0), _counted: self.0.census.object() }
        }
        fn recycle(&self, _: &mut Guest) -> bool {
            self.0.called(Callback::Recycle);
            self.0.from != Callback::Drop
        }
        fn footprint(&self, _: &Guest) -> usize {
            self.0.called(Callback::Footprint);
            1
        }
    }
    for from in [Callback::Create, Callback::Recycle, Callback::Footprint, Callback::Drop] {
        let home = Arc::new(Home { from, handle: Mutex::new(None), census: Census::new() });
        let pool = Arc::new(MANUAL.build(Host(Arc::clone(&home))));
        pool.put(Host(Arc::clone(&home)).create());
        let held = [pool.get_owned(), pool.get_owned()];
        let watch = Arc::downgrade(&pool);
        *home.handle.lock().expect("no panic") = Some(Arc::clone(&pool));
        if from == Callback::Create {
            drop(pool.get_owned());
            drop(pool);
            assert_eq!(watch.strong_count(), 2, "the guards'");
        } else {
            drop(pool);
        }
        let [first, second] = held;
        drop(first);
        assert!(home.handle.lock().expect("no panic").is_none(), "{from:?}");
        assert_eq!(watch.strong_count(), 1, "{from:?}");
        drop(second);
        assert_eq!((watch.strong_count(), home.census.alive()), (0, 0), "{from:?}");
    }
}

thread_local! {
    /// Destructors that run now, one within the other; the most there have been; and how many ran at all.
    static NESTED: Cell<(usize, usize, usize)> = const { Cell::new((0, 0, 0)) };
}

/// Puts two others into the pool when it is dropped, if it is told to.
struct Hydra {
    heads: bool,
    pool: Weak<HydraPool>,
}
type HydraPool = Pool<Hydra, Box<dyn Fn() -> Hydra + Send + Sync>>;

impl Recycle for Hydra {
    fn recycle(&mut self) {}
}

impl Drop for Hydra {
    fn drop(&mut self) {
        let (now, most, all) = NESTED.get();
        NESTED.set((now + 1, most.max(now + 1), all + 1));
        if let (true, Some(pool)) = (self.heads, self.pool.upgrade()) {
            for _ in 0..2 {
                let pool_again = Weak::clone(&self.pool);
                pool.put(Hydra { heads: false, pool: pool_again });
            }
        }
        let (now, most, all) = NESTED.get();
        NESTED.set((now - 1, most, all));
    }
}

/// Objects whose destructors use the pool wait by the thousand for a cycle on use to drop them: each call drops a
/// few, and none of them runs within the destructor of another to no end.
#[test]
fn destructors_that_put_do_not_drop_each_other_in_turn() {
    const MANY: usize = 3_000;
    let pool: Arc<HydraPool> = Arc::new_cyclic(|weak| {
        let weak = Weak::clone(weak);
        let make = move || Hydra { heads: true, pool: Weak::clone(&weak) };
        let make: Box<dyn Fn() -> Hydra + Send + Sync> = Box::new(make);
        Builder::new().collect_every(Duration::from_millis(200)).build(make)
    });
    drop((0..MANY).map(|_| pool.get()).collect::<Vec<_>>());
    let begun = Instant::now();
    while NESTED.get().2 == 0 {
        drop(pool.get());
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", pool.stats());
    }
    let (mut most_at_once, mut all) = (0, 0);
    while all < MANY / 2 {
        let before = all;
        drop(pool.get());
        all = NESTED.get().2;
        most_at_once = most_at_once.max(all - before);
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", pool.stats());
    }
    let (_, deepest, _) = NESTED.get();
    // At the end of a cycle, what the magazines held is dropped, too.
    let most = 64 + common::MAGAZINE * common::processors();
    assert!(most_at_once <= most, "{most_at_once} for one get");
    assert_eq!(deepest, 1, "one within the other");
}

/// Holds another object of its pool, which its destructor gives back.
#[derive(Default)]
struct Parent {
    child: Option<Guard<'static, Parent, Family>>,
}

struct Family;

impl Policy<Parent> for Family {
    fn create(&self) -> Parent {
        Parent::default()
    }
    fn recycle(&self, _: &mut Parent) -> bool {
        true
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let (now, most, all) = NESTED.get();
        NESTED.set((now + 1, most.max(now + 1), all + 1));
        drop(self.child.take());
        let (now, most, all) = NESTED.get();
        NESTED.set((now - 1, most, all));
    }
}

/// Each of many idle objects holds a guard of the same pool: whatever drops them, on a thread with a stack of 2 MiB,
/// none is dropped within the destructor of another.
#[test]
fn destructors_that_give_back_a_guard_do_not_drop_each_other_in_turn() {
    const MANY: usize = 50_000;
    type Way = fn(&'static Pool<Parent, Family>);
    const SETTINGS: Builder = Builder::new().collect_every(Duration::from_millis(50));
    static POOLS: [Pool<Parent, Family>; 5] = [
        SETTINGS.build(Family),
        MANUAL.build(Family),
        MANUAL.build(Family),
        MANUAL.build(Family),
        MANUAL.max_idle(MANY).build(Family),
    ];
    let on_use: Way = |pool| {
        let begun = Instant::now();
        while pool.stats().aged_out == 0 {
            drop([pool.get(), pool.get()]);
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", pool.stats());
        }
        // Bursts, so that objects go down in the pool.
        while NESTED.get().2 < MANY / 2 {
            drop((0..40).map(|_| pool.get()).collect::<Vec<_>>());
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", pool.stats());
        }
    };
    // A child that finds no room either goes with its parent.
    let over_the_bound: Way = |pool| {
        let one = |_| {
            let mut parent = pool.wrap(Parent::default());
            parent.child = Some(pool.wrap(Parent::default()));
            parent
        };
        drop((0..1_000).map(one).collect::<Vec<_>>());
        assert!(pool.stats().overflowed >= 1_000);
        pool.clear();
    };
    let ways: [(Way, usize); 5] = [
        (on_use, 1),
        (|pool| _ = (pool.collect(), pool.collect()), 1),
        (|pool| _ = pool.clear(), 1),
        (|pool| drop(pool.drain()), 1),
        (over_the_bound, 2),
    ];
    for (pool, (way, most)) in POOLS.iter().zip(ways) {
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let job = move || {
            let mut parents: Vec<_> = (0..MANY).map(|_| pool.get()).collect();
            for parent in &mut parents {
                parent.child = Some(pool.get());
            }
            drop(parents);
            way(pool);
            NESTED.get()
        };
        let (_, deepest, all) = thread.spawn(job).unwrap().join().unwrap();
        assert!(all >= MANY / 2, "{all}");
        assert_eq!(deepest, most, "one within the other");
    }
}
