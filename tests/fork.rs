//! A process that forks while its threads use a pool: the child goes on with what it has.
#![cfg(unix)]

mod common;
mod forked;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod seccomp;

use common::{Census, CountedPool, MAGAZINE, in_child, processors};
use forked::fork_and;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use stealpool::{Builder, Collector, Guard, KeyedPool, PressureSwitch};

/// What a child does with a pool that other threads were in the middle of using.
fn use_it(pool: &CountedPool) {
    for round in 0..100 {
        let held: Vec<_> = (0..5).map(|_| pool.get()).collect();
        let ids: std::collections::BTreeSet<usize> = held.iter().map(|object| object.id).collect();
        assert_eq!(ids.len(), 5, "distinct");
        drop(held);
        drop(pool.try_get().map(Guard::into_inner));
        if round % 10 == 0 {
            pool.collect();
        }
    }
    pool.clear();
    drop(pool.drain());
    // What was in the magazines that the parent's threads held stays lost.
    let lost = MAGAZINE * processors();
    assert!(pool.idle() <= lost, "{:?}", pool.stats());
    // An object of our own survives one cycle and not two, as ever.
    drop(pool.get());
    pool.collect();
    assert!(pool.idle() >= 1);
    pool.collect();
    drop(pool.get());
}

#[test]
fn a_quiet_pool_is_whole_in_the_child() {
    in_child("a_quiet_pool_is_whole_in_the_child", || {
        let census = Census::new();
        let pool = census.pool();
        drop([pool.get(), pool.get(), pool.get()]);
        let status = fork_and(|| {
            assert_eq!(pool.idle(), 3);
            use_it(&pool);
            let fresh = census.pool();
            use_it(&fresh);
            pool.collect();
            pool.collect();
            assert_eq!(pool.idle(), 0);
        });
        assert_eq!(status, 0);
        assert_eq!((pool.idle(), census.made()), (3, 3), "the parent's is its own");
    });
}

/// Magazines in which threads were at work keep their share of a bound, for those threads may hold guards of the
/// pool for ever; so do objects that they had in hand. Half of the bound is in no share.
#[test]
fn a_bound_has_room_in_a_child() {
    in_child("a_bound_has_room_in_a_child", || {
        let settings = Builder::new().max_idle(16);
        let keyed = KeyedPool::with_settings(settings, |_: &usize| || vec![0_u8; 9]);
        let switch = PressureSwitch::new();
        let collector = Collector::builder().pressure(switch.clone()).spawn();
        let collector = collector.expect("none runs yet");
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..3 {
                let (keyed, stop, switch, collector) = (&keyed, &stop, &switch, &collector);
                scope.spawn(move || {
                    while !stop.load(Acquire) {
                        drop((0..1 + thread).map(|_| keyed.get(&0)).collect::<Vec<_>>());
                        match thread {
                            0 => _ = collector.pressure_source(),
                            1 => switch.raise(),
                            _ => _ = keyed.collect(),
                        }
                    }
                });
            }
            assert!(common::patiently(|| keyed.stats().gets > 10_000));
            let failed = (0..100).find(|_| {
                let status = fork_and(|| {
                    keyed.clear();
                    drop((0..40).map(|_| keyed.get(&99)).collect::<Vec<_>>());
                    assert!(keyed.stats().idle > 0, "{}", keyed.stats());
                    // Nor does anybody wait for a lock.
                    _ = format!("{collector:?}");
                    switch.raise();
                    collector.pulse();
                });
                status != 0
            });
            stop.store(true, Release);
            assert_eq!(failed, None);
        });
    });
}

#[test]
fn a_busy_pool_is_usable_in_the_child() {
    in_child("a_busy_pool_is_usable_in_the_child", || {
        let census = Census::new();
        let pool = census.pool();
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (pool, stop) = (Arc::clone(&pool), Arc::clone(&stop));
                thread::spawn(move || {
                    while !stop.load(Acquire) {
                        drop((0..1 + thread).map(|_| pool.get()).collect::<Vec<_>>());
                        if thread == 2 {
                            pool.collect();
                        }
                    }
                })
            })
            .collect();
        drop([pool.get(), pool.get()]);
        // Past the first uses: what a process sets up once, a child cannot finish.
        assert!(common::patiently(|| pool.stats().gets > 10_000 && pool.stats().cycles > 10));
        for fork in 0..if cfg!(debug_assertions) { 50 } else { 200 } {
            // More than the magazines hold.
            drop((0..3 * MAGAZINE * processors()).map(|_| pool.get()).collect::<Vec<_>>());
            let status = fork_and(|| {
                use_it(&pool);
                use_it(&census.pool());
            });
            assert_eq!(status, 0, "fork {fork}");
        }
        stop.store(true, Release);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(pool.idle(), census.alive());
    });
}

/// A collector's thread stays in the parent. The child ages on use, and may start a collector of its own.
#[test]
fn a_child_has_no_collector() {
    in_child("a_child_has_no_collector", || {
        let census = Census::new();
        let settings = stealpool::Builder::new().collect_every(std::time::Duration::ZERO);
        let pool = census.pool_with(settings);
        drop((pool.get(), pool.get()));
        let builder = || stealpool::Collector::builder().on_memory_pressure(false);
        let mut collector = Some(builder().spawn().expect("none runs yet"));
        let status = fork_and(|| {
            drop(collector.take());
            (0..10_000).for_each(|_| drop(pool.get()));
            assert!(pool.stats().cycles > 0, "on use");
            drop(pool.wrap(census.object()));
            let own = builder().every(std::time::Duration::from_millis(1)).spawn();
            let own = own.expect("the parent's is not ours");
            assert!(common::patiently(|| pool.idle() == 0));
            drop(own);
            let again = builder().spawn();
            drop(again.expect("the one before has ended"));
        });
        assert_eq!(status, 0);
        let collector = collector.expect("the child's is a copy");
        (0..10_000).for_each(|_| drop(pool.get()));
        assert_eq!(pool.stats().cycles, 0, "the parent's runs still");
        drop(collector);
    });
}

/// What a collector has stopped when the process forks is lost to the child, and no other object. It keeps its share
/// of the bound, for the collector's thread has the pool in hand for ever. In the parent the cycle goes on.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_magazine_that_was_stopped_stays_closed_in_the_child() {
    let name = "a_magazine_that_was_stopped_stays_closed_in_the_child";
    in_child(name, || {
        if !common::hides() {
            return println!("SKIP: without sequences, no collector waits for a barrier");
        }
        let census = Census::new();
        let makes = census.clone();
        let bound = 16 * processors();
        let settings = Builder::new().collect_manually().max_idle(bound);
        let keyed = KeyedPool::with_settings(settings, move |_: &u32| makes.maker());
        let keyed = Arc::new(keyed);
        let fill = |keyed: &KeyedPool<_, _, _>| drop([keyed.get(&1), keyed.get(&1), keyed.get(&1)]);
        // The bound is shared out among the processors that are there before a thread is kept on one.
        drop(keyed.get(&0));
        keyed.clear();
        // On two processors, for the child's may be another one.
        if let Some(other) = common::apart() {
            let same = Arc::clone(&keyed);
            other.run(move || fill(&same));
            other.end();
        }
        fill(&keyed);
        let stopped = census.alive();
        let same = Arc::clone(&keyed);
        let cycle = in_the_middle::begin(move || same.collect());
        let status = fork_and(|| {
            assert!(keyed.try_get(&1).is_none(), "nobody opens them");
            for _ in 0..100 {
                drop((0..5).map(|_| keyed.get(&1)).collect::<Vec<_>>());
                assert!(keyed.try_get(&1).is_some(), "below them");
            }
            let figures = (keyed.stats().idle, census.alive());
            assert_eq!(figures, (stopped + 5, stopped + 5));
            (0..2).for_each(|_| _ = keyed.collect());
            assert_eq!((keyed.stats().idle, census.alive()), (stopped, stopped));
            keyed.clear();
            drop((0..2 * bound).map(|_| keyed.get(&2)).collect::<Vec<_>>());
            let idle = keyed.stats().idle;
            assert_eq!(census.alive(), stopped + idle);
            assert!(idle >= bound / 2 && idle <= bound, "{idle} of {bound}");
        });
        let collected = cycle.end();
        assert_eq!(status, 0);
        assert_eq!((collected.aged, collected.dropped), (stopped, 0));
        assert_eq!((keyed.stats().idle, census.alive()), (stopped, stopped));
        (0..2).for_each(|_| _ = keyed.collect());
        assert_eq!((keyed.stats().idle, census.alive()), (0, 0));
    });
}

/// A cycle that stands between its stop of a magazine and the barrier after it: there its thread gets a signal, whose
/// handler waits.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod in_the_middle {
    use super::common::patiently;
    use super::seccomp::trap_barriers;
    use std::ffi::c_void;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::{Acquire, Release};
    use std::thread::{self, JoinHandle};
    use std::{mem, ptr};

    static IS_THERE: AtomicBool = AtomicBool::new(false);
    static MAY_GO_ON: AtomicBool = AtomicBool::new(false);

    extern "C" fn wait(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
        IS_THERE.store(true, Release);
        while !MAY_GO_ON.load(Acquire) {
            // SAFETY: waits for a millisecond, for no file.
            unsafe { libc::poll(ptr::null_mut(), 0, 1) };
        }
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: the kernel's, valid until the handler is over. What the call answers: it is done.
        unsafe { (*context).uc_mcontext.gregs[libc::REG_RAX as usize] = 0 };
    }

    pub(super) struct Cycle<R>(JoinHandle<R>);

    /// Runs a cycle in a thread of its own, up to the middle.
    pub(super) fn begin<R: Send + 'static>(cycle: impl FnOnce() -> R + Send + 'static) -> Cycle<R> {
        // SAFETY: plain data; all zeros mean no flags and an empty mask.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        let handler = wait as extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: the handler touches atomics and its own context only, and waits by a call that a handler may use.
        let set = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()) };
        assert_eq!(set, 0);
        let thread = thread::spawn(move || {
            trap_barriers();
            cycle()
        });
        assert!(patiently(|| IS_THERE.load(Acquire)), "no barrier");
        Cycle(thread)
    }

    impl<R> Cycle<R> {
        pub(super) fn end(self) -> R {
            let command = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
            // SAFETY: takes integers only. In place of the call that was trapped.
            let done = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
            assert_eq!(done, 0);
            MAY_GO_ON.store(true, Release);
            self.0.join().expect("it has ended")
        }
    }
}
