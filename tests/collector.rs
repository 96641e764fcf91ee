//! The background collector: memory comes back without anyone's help, and users do no ageing work.
//!
//! A collector is one for the process, so each test runs in a process of its own.

mod common;
#[cfg(target_os = "linux")]
mod seccomp;

use common::{Census, HEAVIEST, Puppet, in_child, patiently};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Collector, Pool, PressureSource, PressureStatus, PressureSwitch, Sleep};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A collector without a system's pressure source.
fn every(interval: Duration) -> Collector {
    let builder = Collector::builder().every(interval).on_memory_pressure(false);
    builder.spawn().expect("none runs yet")
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    in_child("settings_that_make_no_sense_are_errors", || {
        let zero = Collector::builder().every(Duration::ZERO).spawn();
        assert_eq!(zero.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let one = every(HOUR);
        let error = Collector::builder().spawn().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("already"), "{error}");
        drop(one);
        drop(every(Duration::MAX));
        drop(every(Duration::from_nanos(1)));
    });
}

/// Panics where it is told to.
struct Fragile {
    name: bool,
    drop: bool,
}

impl PressureSource for Fragile {
    fn name(&self) -> String {
        assert!(!self.name, "a panic of the test");
        String::from("fragile")
    }
    fn wait(&mut self, _: &Sleep) -> io::Result<bool> {
        Ok(false)
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(!self.drop || thread::panicking(), "a panic of the test");
    }
}

fn assert_ages_on_use() {
    let census = Census::new();
    let pool = census.pool_with(Builder::new().collect_every(Duration::ZERO));
    (0..10_000).for_each(|_| drop(pool.get()));
    assert!(pool.stats().cycles > 0, "on use");
}

/// Nothing has changed: users age what they use, and another collector may begin.
fn assert_none_runs() {
    assert_ages_on_use();
    drop(every(HOUR));
}

#[test]
fn a_spawn_that_unwinds_changes_nothing() {
    in_child("a_spawn_that_unwinds_changes_nothing", || {
        let spawn = |name, drop| {
            let source = Fragile { name, drop };
            catch_unwind(AssertUnwindSafe(|| Collector::builder().pressure(source).spawn()))
        };
        assert!(spawn(true, false).is_err());
        assert_none_runs();
        assert!(spawn(true, true).is_err());
        assert_none_runs();
        // The thread of this one dies of its source's destructor when it is told to end.
        drop(spawn(false, true).expect("no panic").expect("none runs"));
        assert_none_runs();
        // One that comes second panics on the way out.
        let first = every(HOUR);
        assert!(spawn(false, true).is_err());
        drop(first);
        assert_none_runs();
    });
}

/// Not even when the source panics on the way.
#[test]
#[cfg(target_os = "linux")]
fn a_spawn_without_a_thread_changes_nothing() {
    in_child("a_spawn_without_a_thread_changes_nothing", || {
        seccomp::refuse_threads();
        for drop in [false, true, false] {
            let source = Fragile { name: false, drop };
            let builder = Collector::builder().pressure(source);
            let spawned = catch_unwind(AssertUnwindSafe(|| builder.spawn()));
            match spawned {
                Ok(spawned) => {
                    // glibc hands on what the system says; musl says `EAGAIN`.
                    let expected = match cfg!(target_env = "musl") {
                        true => io::ErrorKind::WouldBlock,
                        false => io::ErrorKind::PermissionDenied,
                    };
                    assert_eq!(spawned.unwrap_err().kind(), expected);
                }
                Err(_) => assert!(drop),
            }
            assert_ages_on_use();
        }
    });
}

#[test]
fn objects_of_parked_threads_come_back() {
    in_child("objects_of_parked_threads_come_back", || {
        let census = Census::new();
        let pools: Vec<_> = (0..3).map(|_| census.pool()).collect();
        let threads: Vec<_> = (0..3).map(|_| Puppet::new()).collect();
        for (pool, thread) in pools.iter().zip(&threads) {
            let pool = Arc::clone(pool);
            thread.run(move || drop((0..100).map(|_| pool.get()).collect::<Vec<_>>()));
        }
        assert_eq!(census.alive(), 300);
        let _collector = every(MILLISECOND);
        assert!(patiently(|| census.alive() == 0));
        assert!(pools.iter().all(|pool| pool.stats().drops.aged == 100));
        threads.into_iter().for_each(Puppet::end);
    });
}

/// What is in use, or used in each interval, stays.
#[test]
fn the_working_set_stays() {
    in_child("the_working_set_stays", || {
        let census = Census::new();
        let pool = census.pool();
        let collector = every(HOUR);
        for _ in 0..100 {
            let held: Vec<_> = (0..10).map(|_| pool.get()).collect();
            collector.pulse();
            drop(held);
            drop((0..10).map(|_| pool.get()).collect::<Vec<_>>());
        }
        assert_eq!((census.made(), census.alive()), (10, 10));
    });
}

#[test]
fn users_do_no_ageing_while_one_runs() {
    in_child("users_do_no_ageing_while_one_runs", || {
        let census = Census::new();
        let pool = census.pool_with(Builder::new().collect_every(Duration::ZERO));
        let use_it = || (0..10_000).for_each(|_| drop(pool.get()));
        let collector = every(HOUR);
        use_it();
        assert_eq!(pool.stats().cycles, 0);
        drop(collector);
        use_it();
        assert!(pool.stats().cycles > 0, "they do again");
    });
}

#[test]
fn a_destructor_that_panics_is_reported() {
    struct Bomb;
    impl stealpool::Recycle for Bomb {
        fn recycle(&mut self) {}
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    in_child("a_destructor_that_panics_is_reported", || {
        let bombs: Pool<Bomb> = Builder::new().name("bombs").build(|| Bomb);
        drop((bombs.get(), bombs.get()));
        let census = Census::new();
        let others = census.pool();
        drop(others.get());
        let reports = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reports);
        let collector = Collector::builder()
            .every(MILLISECOND)
            .on_panic(move |report| {
                assert_eq!((report.pool(), report.message()), (Some("bombs"), Some("boom")));
                assert_eq!(report.payload().downcast_ref(), Some(&"boom"));
                assert_eq!(report.to_string(), "a destructor panicked in pool bombs: boom");
                assert!(format!("{report:?}").contains("boom"));
                count.fetch_add(1, AcqRel);
                panic!("the hook panics, too");
            })
            .spawn()
            .unwrap();
        assert!(patiently(|| bombs.idle() == 0 && census.alive() == 0));
        assert!(patiently(|| reports.load(Acquire) == 1));
        drop(others.get());
        assert!(patiently(|| census.alive() == 0), "it goes on");
        drop(collector);
    });
}

#[test]
fn pressure_drops_everything_idle() {
    in_child("pressure_drops_everything_idle", || {
        let census = Census::new();
        let (pool, thread) = (census.pool(), Puppet::new());
        let switch = PressureSwitch::new();
        let relieved = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&relieved);
        let collector = Collector::builder()
            .every(HOUR)
            .pressure(switch.clone())
            .on_cycle(move |report| {
                count.fetch_add(report.relieved, AcqRel);
            })
            .spawn()
            .unwrap();
        let status = PressureStatus::Watching(String::from("switch"));
        assert_eq!(collector.pressure_source(), status);
        for round in 1..=3 {
            let theirs = Arc::clone(&pool);
            let lent = pool.get();
            thread.run(move || drop((0..100).map(|_| theirs.get()).collect::<Vec<_>>()));
            switch.raise();
            assert!(patiently(|| pool.idle() == 0));
            assert!(patiently(|| census.alive() == 1), "what is lent stays");
            drop(stealpool::Guard::into_inner(lent));
            assert!(patiently(|| relieved.load(Acquire) == 100 * round));
            assert_eq!(pool.stats().drops.cleared, 100 * round as u64);
        }
        thread.end();
    });
}

type Wait = fn() -> io::Result<bool>;

/// A source that is no good, in some way.
struct Fails {
    waits: Arc<AtomicUsize>,
    how: Wait,
}

impl PressureSource for Fails {
    fn name(&self) -> String {
        assert_eq!(self.waits.load(Acquire), 0, "a panic of a name");
        String::from("fails")
    }
    fn wait(&mut self, _: &Sleep) -> io::Result<bool> {
        self.waits.fetch_add(1, AcqRel);
        (self.how)()
    }
}

impl Drop for Fails {
    fn drop(&mut self) {
        panic!("a panic of a source that goes");
    }
}

/// An error whose text panics.
#[derive(Debug)]
struct Untold;

impl std::fmt::Display for Untold {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a panic of an error");
    }
}

impl std::error::Error for Untold {}

#[test]
fn a_source_that_fails_is_put_out_of_use() {
    in_child("a_source_that_fails_is_put_out_of_use", || {
        let ways: [(Wait, &str); 3] = [
            (|| Err(io::Error::other("no such thing")), "no such thing"),
            (|| panic!("a source"), "panicked"),
            (|| Err(io::Error::other(Untold)), "panicked"),
        ];
        for (how, reason) in ways {
            let census = Census::new();
            let pool = census.pool();
            drop(pool.get());
            let waits = Arc::new(AtomicUsize::new(0));
            let source = Fails { waits: Arc::clone(&waits), how };
            let builder = Collector::builder().every(MILLISECOND);
            let collector = builder.pressure(source).spawn().unwrap();
            assert!(patiently(|| census.alive() == 0), "it goes on without");
            let status = collector.pressure_source();
            assert!(
                matches!(&status, PressureStatus::Off(text) if text.contains(reason) && text.contains("fails")),
                "{status}"
            );
            assert_eq!(waits.load(Acquire), 1);
            // And still does.
            drop(pool.get());
            assert!(patiently(|| census.alive() == 0));
            assert!(Collector::builder().spawn().is_err(), "one runs");
        }
    });
}

/// A source may sleep a little at a time; the collector still ends when it is told to.
#[test]
fn a_source_may_sleep_in_slices() {
    #[derive(Default)]
    struct Slices {
        slept: Arc<AtomicUsize>,
        ended: Arc<AtomicUsize>,
    }
    impl PressureSource for Slices {
        fn name(&self) -> String {
            String::from("slices")
        }
        fn wait(&mut self, sleep: &Sleep) -> io::Result<bool> {
            while !sleep.is_over() {
                assert!(sleep.remaining().is_none_or(|left| left <= 2 * HOUR));
                sleep.park_for(MILLISECOND);
                self.slept.fetch_add(1, AcqRel);
            }
            // Returns at once, from now on.
            assert_eq!(sleep.remaining(), Some(Duration::ZERO));
            sleep.park_for(HOUR);
            sleep.park();
            self.ended.fetch_add(1, AcqRel);
            Ok(false)
        }
    }
    in_child("a_source_may_sleep_in_slices", || {
        let source = Slices::default();
        let (slept, ended) = (Arc::clone(&source.slept), Arc::clone(&source.ended));
        let pool = Census::new().pool();
        let _lent = pool.get();
        let builder = Collector::builder().every(HOUR).trim(false);
        assert!(format!("{builder:?}").contains("3600s"));
        let collector = builder.pressure(source).spawn().unwrap();
        assert!(patiently(|| slept.load(Acquire) > 3), "an hour's sleep");
        let status = collector.pressure_source();
        assert_eq!(status, PressureStatus::Watching(String::from("slices")));
        assert_eq!(status.to_string(), "slices");
        assert!(format!("{collector:?}").contains("slices"));
        drop(collector);
        assert!(ended.load(Acquire) > 0);
    });
}

/// A thousand objects at one go: enough to have the allocator asked for free pages.
#[test]
fn a_report_says_what_was_dropped() {
    in_child("a_report_says_what_was_dropped", || {
        let census = Census::new();
        let pool = census.pool();
        pool.reserve(1_500);
        let aged = Arc::new(AtomicUsize::new(0));
        let sum = Arc::clone(&aged);
        let collector = Collector::builder()
            .every(MILLISECOND)
            .on_cycle(move |report| {
                let text = report.to_string();
                assert!(text.contains(&format!("dropped {} aged", report.aged)));
                sum.fetch_add(report.aged, AcqRel);
            })
            .spawn()
            .unwrap();
        assert!(patiently(|| census.alive() == 0));
        assert!(patiently(|| aged.load(Acquire) == 1_500));
        drop(collector);
    });
}

#[test]
fn a_source_that_returns_early_does_not_make_it_spin() {
    in_child("a_source_that_returns_early_does_not_make_it_spin", || {
        let pool = Census::new().pool();
        let _lent = pool.get();
        let waits = Arc::new(AtomicUsize::new(0));
        let source = Fails { waits: Arc::clone(&waits), how: || Ok(false) };
        let builder = Collector::builder().every(HOUR);
        let collector = builder.pressure(source).spawn().unwrap();
        std::thread::sleep(20 * MILLISECOND);
        drop(collector);
        assert!(waits.load(Acquire) <= 2);
    });
}

#[test]
fn what_comes_after_a_time_without_objects_is_aged_too() {
    in_child("what_comes_after_a_time_without_objects_is_aged_too", || {
        let _collector = every(MILLISECOND);
        let census = Census::new();
        let pool = census.pool();
        for round in 0..50 {
            match round % 3 {
                0 => drop(pool.get()),
                1 => pool.put(census.object()),
                _ => pool.reserve(3),
            }
            assert!(patiently(|| census.alive() == 0), "round {round}");
        }
    });
}

/// Pools that come after their collector have magazines like all others.
#[test]
fn a_collector_before_any_pool() {
    in_child("a_collector_before_any_pool", || {
        let _collector = every(HOUR);
        std::thread::sleep(20 * MILLISECOND);
        let pool = Census::new().pool();
        (0..100).for_each(|_| drop(pool.get()));
        assert_eq!(pool.stats().private_hits, 99, "{}", pool.stats());
    });
}

/// Hooks run without a lock held: they may use the collector.
#[test]
fn a_hook_may_use_the_collector() {
    in_child("a_hook_may_use_the_collector", || {
        struct Bomb;
        impl stealpool::Recycle for Bomb {
            fn recycle(&mut self) {}
        }
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("boom");
            }
        }
        let own: Arc<std::sync::OnceLock<Collector>> = Arc::default();
        let (here, there) = (Arc::clone(&own), Arc::clone(&own));
        let reports = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reports);
        let builder = Collector::builder()
            .every(MILLISECOND)
            .on_cycle(move |_| {
                here.get().map(Collector::pulse);
            })
            .on_panic(move |_| {
                there.get().map(Collector::pulse);
                count.fetch_add(1, AcqRel);
            });
        own.set(builder.spawn().unwrap()).unwrap();
        let bombs: Pool<Bomb> = Pool::new(|| Bomb);
        for round in 1..=3 {
            drop(bombs.get());
            assert!(patiently(|| reports.load(Acquire) == round));
        }
    });
}

#[test]
fn pools_may_come_and_go_while_it_runs() {
    in_child("pools_may_come_and_go_while_it_runs", || {
        let census = Census::new();
        let collector = every(Duration::from_nanos(1));
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let census = &census;
                scope.spawn(move || {
                    let mut random = common::Random::new(seed);
                    for _ in 0..common::scaled(5_000) {
                        let pool = census.pool();
                        let held: Vec<_> = (0..random.below(5)).map(|_| pool.get()).collect();
                        drop(held);
                        drop(pool.get());
                    }
                });
            }
        });
        drop(collector);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_collector_may_be_owned_by_what_it_drops() {
    struct Owner(Option<Collector>);
    impl stealpool::Recycle for Owner {
        fn recycle(&mut self) {}
    }
    in_child("a_collector_may_be_owned_by_what_it_drops", || {
        let pool: Pool<Owner> = Pool::new(|| Owner(None));
        pool.get().0 = Some(every(MILLISECOND));
        assert!(patiently(|| pool.idle() == 0));
        // Its thread ends by itself.
        assert!(patiently(|| Collector::builder().spawn().is_ok()));
    });
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::io::Write;
    use std::path::PathBuf;

    fn file(name: &str) -> PathBuf {
        let name = format!("stealpool-{}-{name}", std::process::id());
        std::env::temp_dir().join(name)
    }

    /// Runs in a child of one thread, where the environment may be changed.
    fn with_variables<R>(variables: &[(&str, &str)], run: impl FnOnce() -> R) -> R {
        for (name, value) in variables {
            // SAFETY: no other thread of this process reads the environment meanwhile.
            unsafe { std::env::set_var(name, value) };
        }
        run()
    }

    fn status() -> PressureStatus {
        Collector::builder().spawn().unwrap().pressure_source()
    }

    #[test]
    fn systemd_may_switch_it_off() {
        in_child("linux::systemd_may_switch_it_off", || {
            let off = with_variables(&[("MEMORY_PRESSURE_WATCH", "/dev/null")], status);
            assert!(matches!(off, PressureStatus::Off(reason) if reason.contains("/dev/null")));
        });
    }

    /// A wrong setting is passed over: the system's own file is watched, or the reason told.
    #[test]
    fn what_cannot_be_watched_is_passed_over() {
        in_child("linux::what_cannot_be_watched_is_passed_over", || {
            let readable = file("not-base64");
            std::fs::write(&readable, "").unwrap();
            let wrong = [
                ("/no/such/file", ""),
                ("relative", ""),
                ("/dev/zero", ""),
                (readable.to_str().unwrap(), "%%%"),
            ];
            for (watch, write) in wrong {
                let variables =
                    [("MEMORY_PRESSURE_WATCH", watch), ("MEMORY_PRESSURE_WRITE", write)];
                match with_variables(&variables, status) {
                    PressureStatus::Watching(name) => assert_ne!(name, watch),
                    PressureStatus::Off(reason) => assert!(reason.contains(watch), "{reason}"),
                    other => panic!("{other}"),
                }
            }
            std::fs::remove_file(readable).unwrap();
        });
    }

    /// systemd's protocol, over a FIFO.
    #[test]
    fn a_fifo_signals_pressure() {
        in_child("linux::a_fifo_signals_pressure", || {
            let path = file("fifo");
            let made = std::process::Command::new("mkfifo").arg(&path).status();
            assert!(made.unwrap().success());
            let census = Census::new();
            let pool = census.pool();
            let variables = [("MEMORY_PRESSURE_WATCH", path.to_str().unwrap())];
            let builder = Collector::builder().every(HOUR);
            let collector = with_variables(&variables, || builder.spawn().unwrap());
            let name = path.display().to_string();
            assert_eq!(collector.pressure_source(), PressureStatus::Watching(name));
            let mut manager = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            for _ in 0..3 {
                drop((pool.get(), pool.get()));
                manager.write_all(b"x").unwrap();
                assert!(patiently(|| pool.idle() == 0));
            }
            drop(collector);
            std::fs::remove_file(path).unwrap();
        });
    }

    /// systemd's protocol, over a socket: what is to be written is written, and its end is noticed.
    #[test]
    fn a_socket_signals_pressure() {
        in_child("linux::a_socket_signals_pressure", || {
            use std::io::Read;
            let path = file("socket");
            let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
            let pool = Census::new().pool();
            let variables = [
                ("MEMORY_PRESSURE_WATCH", path.to_str().unwrap()),
                ("MEMORY_PRESSURE_WRITE", "Zm9v"),
            ];
            let builder = Collector::builder().every(HOUR);
            let collector = with_variables(&variables, || builder.spawn().unwrap());
            let (mut manager, _) = listener.accept().unwrap();
            let mut written = [0; 3];
            manager.read_exact(&mut written).unwrap();
            assert_eq!(&written, b"foo");
            drop(pool.get());
            manager.write_all(b"pressure").unwrap();
            assert!(patiently(|| pool.idle() == 0));
            drop(manager);
            assert!(patiently(|| matches!(collector.pressure_source(), PressureStatus::Off(_))));
            std::fs::remove_file(path).unwrap();
        });
    }
}

/// Figures that no machine has: the collector goes on.
#[test]
fn huge_footprints_do_not_stop_it() {
    in_child("huge_footprints_do_not_stop_it", || {
        let huge = || stealpool::policy(|| ()).recycle_with(|_| true).footprint_with(|_| HEAVIEST);
        let pools: Vec<Pool<(), _>> = (0..3).map(|_| Pool::new(huge())).collect();
        let use_all = || {
            for pool in &pools {
                drop((0..32_000).map(|_| pool.get()).collect::<Vec<_>>());
            }
        };
        use_all();
        let sum = pools.iter().fold(stealpool::Stats::default(), |mut sum, pool| {
            sum += pool.stats();
            sum
        });
        assert_eq!(sum.idle, 96_000);
        assert!(
            sum.idle_bytes >= HEAVIEST.saturating_add(1).saturating_mul(3),
            "{}",
            sum.idle_bytes
        );
        // Of one pool, too.
        for objects in [33_000, 66_000, 140_000] {
            drop((0..objects).map(|_| pools[0].get()).collect::<Vec<_>>());
            assert!(pools[0].stats().idle_bytes >= HEAVIEST.saturating_add(1));
        }
        stealpool::set_idle_budget(usize::MAX - 1);
        stealpool::set_idle_budget(1000);
        assert!(pools.iter().all(|pool| pool.idle() == 0));
        stealpool::set_idle_budget(usize::MAX);
        use_all();
        let collector = every(MILLISECOND);
        assert!(patiently(|| pools.iter().all(|pool| pool.idle() == 0)));
        use_all();
        collector.pulse();
        collector.pulse();
        // The background's own cycle may still be dropping.
        assert!(patiently(|| pools.iter().all(|pool| pool.idle() == 0)));
    });
}
