//! Threads for which the kernel keeps no restartable sequences, among others for which it does, and processes
//! that have none at all: each gets and puts as ever, past the magazines or by exchanges, and all counts are
//! exact.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;
mod seccomp;

use common::{Census, MAGAZINE, Puppet, hits, in_child, processors};
use seccomp::refuse_rseq;
use std::arch::asm;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output};
use std::sync::{Arc, Barrier};
use std::{env, io, thread};
use stealpool::FastPath;

/// The area of the calling thread: where it is, and what length it is registered with.
struct Area {
    at: usize,
    length: usize,
}

const UNREGISTER: i32 = 1;
const SIGNATURE: u32 = 0x5305_3053;

impl Area {
    fn call(&self, flags: i32) -> bool {
        let (at, length) = (self.at, self.length);
        // SAFETY: the calling thread's own area, registered or unregistered by it alone.
        unsafe { libc::syscall(libc::SYS_rseq, at, length, flags, SIGNATURE) == 0 }
    }

    /// Takes the calling thread's area away. It must be given back before the thread ends.
    fn take_away() -> Self {
        // SAFETY: a name with a zero at its end.
        let offset = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
        // SAFETY: the C library has it, for sequences are at work.
        let offset = unsafe { offset.cast::<isize>().read() };
        let pointer: usize;
        // SAFETY: the first word at the thread pointer is the thread pointer.
        unsafe { asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, readonly)) };
        let at = pointer.wrapping_add_signed(offset);
        // The C library's secret.
        let lengths = (20..=1024).step_by(4);
        let areas = lengths.map(|length| Area { at, length });
        let area = areas.into_iter().find(|area| area.call(UNREGISTER));
        area.unwrap_or_else(|| panic!("{}", io::Error::last_os_error()))
    }

    fn give_back(self) {
        assert!(self.call(0), "{}", io::Error::last_os_error());
    }
}

/// Runs `body` in a thread that has no area meanwhile.
fn without_area<R>(body: impl FnOnce() -> R) -> R {
    let area = Area::take_away();
    let result = body();
    area.give_back();
    result
}

fn has_sequences() -> bool {
    let has = stealpool::fast_path() == FastPath::Sequence;
    if !has {
        println!("SKIP: no restartable sequences here");
    }
    has
}

#[test]
fn a_thread_without_an_area_uses_what_all_share() {
    in_child("a_thread_without_an_area_uses_what_all_share", || {
        if !has_sequences() {
            return;
        }
        common::stay_here();
        let census = Census::new();
        let pool = census.pool();
        drop([pool.get(), pool.get()]);
        let workers = pool.stats().workers;
        without_area(|| {
            // Both are in a magazine, and it is not this thread's.
            drop([pool.get(), pool.get(), pool.get()]);
            assert_eq!((census.made(), pool.idle()), (5, 5));
            drop([pool.get(), pool.get(), pool.get()]);
            assert_eq!((census.made(), pool.idle()), (5, 5));
            assert!(pool.try_get().is_some());
            let stats = pool.stats();
            assert_eq!((stats.gets, stats.puts), (9, 9), "{stats}");
            assert_eq!((stats.local_hits, stats.private_hits), (4, 0), "{stats}");
            assert!(
                stats.workers <= workers + 1,
                "it counts as one of the first processor: {stats}"
            );
        });
        // Others find what it has left.
        let all: Vec<_> = (0..5).map(|_| pool.get()).collect();
        let stats = pool.stats();
        let below = stats.local_hits + stats.steals;
        assert_eq!((census.made(), below), (5, 4 + 3), "{stats}");
        assert_eq!(stats.private_hits, 2, "{stats}");
        drop(all);
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

#[test]
fn the_first_to_use_a_pool_may_have_no_area() {
    in_child("the_first_to_use_a_pool_may_have_no_area", || {
        if !has_sequences() {
            return;
        }
        let census = Census::new();
        let pool = census.pool();
        without_area(|| {
            for _ in 0..100 {
                drop([pool.get(), pool.get()]);
            }
            pool.reserve(20);
            pool.collect();
            assert_eq!((pool.idle(), census.made()), (20, 20));
            assert!(pool.stats().workers <= 1, "it counts as one of the first processor");
        });
        assert_eq!(hits(&pool.stats()), 198);
        drop(pool.get());
        assert_eq!(census.made(), 20);
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
        drop(pool.get());
    });
}

/// Some have one, some have none, some lose theirs while they hold objects and get it back.
#[test]
fn counts_are_exact_whoever_has_an_area() {
    const THREADS: usize = 9;
    const ROUNDS: usize = common::scaled(20_000);
    in_child("counts_are_exact_whoever_has_an_area", || {
        if !has_sequences() {
            return;
        }
        let census = Census::new();
        let pool = census.pool();
        let start = Arc::new(Barrier::new(THREADS + 1));
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (pool, start) = (Arc::clone(&pool), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    let rounds = |rounds| {
                        (0..rounds).for_each(|_| drop([pool.get(), pool.get(), pool.get()]));
                    };
                    match thread % 3 {
                        0 => rounds(ROUNDS),
                        1 => without_area(|| rounds(ROUNDS)),
                        _ => (0..ROUNDS / 10).for_each(|_| {
                            let held = [pool.get(), pool.get()];
                            let back = without_area(|| {
                                drop(held);
                                rounds(9);
                                pool.get()
                            });
                            drop(back);
                        }),
                    }
                })
            })
            .collect();
        start.wait();
        while !threads.iter().all(thread::JoinHandle::is_finished) {
            pool.collect();
            thread::sleep(std::time::Duration::from_millis(1));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let stats = pool.stats();
        let gets = (THREADS * 3 * ROUNDS) as u64;
        assert_eq!((stats.gets, stats.puts), (gets, gets), "{stats}");
        assert_eq!(stats.creates as usize, census.made(), "{stats}");
        assert_eq!(hits(&stats), gets - stats.creates, "{stats}");
        assert_eq!((stats.idle, stats.live), (census.alive(), census.alive()));
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

/// What a thread without an area collects is what others have in their magazines too.
#[test]
fn a_collector_needs_no_area() {
    in_child("a_collector_needs_no_area", || {
        if !has_sequences() {
            return;
        }
        let census = Census::new();
        let pool = census.pool();
        for number in 0..2 {
            let (puppet, pool) = (Puppet::on(number), Arc::clone(&pool));
            puppet.run(move || drop((0..5).map(|_| pool.get()).collect::<Vec<_>>()));
            puppet.end();
        }
        assert!((5..=10).contains(&pool.idle()), "{}", pool.stats());
        without_area(|| {
            pool.collect();
            pool.collect();
        });
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

const AGAIN: &str = "STEALPOOL_TEST_AGAIN";

/// Runs a test of this program in a process that is started in a certain way.
fn again(test: &str, prepare: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(env::current_exe().expect("a path"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    prepare(command.env(AGAIN, test));
    command.output().expect("the test binary runs again")
}

fn is_again(test: &str) -> bool {
    env::var_os(AGAIN).is_some_and(|again| again == test)
}

fn assert_well(output: &Output) {
    let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(output.status.success(), "{}: {}", output.status, said.join("\n"));
    assert!(said[0].contains("1 passed"), "{}", said.join("\n"));
}

/// Threads that use two objects at a time, and a collector.
fn use_by_threads() {
    let census = Census::new();
    let pool = census.pool();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..2_000).for_each(|_| drop([pool.get(), pool.get()])));
        }
        (0..10).for_each(|_| _ = pool.collect());
    });
    let stats = pool.stats();
    assert_eq!((stats.gets, stats.puts), (24_000, 24_000), "{stats}");
    assert_eq!(stats.creates as usize, census.made(), "{stats}");
    assert_eq!(hits(&stats), 24_000 - stats.creates, "{stats}");
    assert_eq!((stats.idle, stats.live), (census.alive(), census.alive()));
    assert!(census.alive() <= 12 + MAGAZINE * processors(), "{stats}");
    pool.collect();
    pool.collect();
    assert_eq!((pool.idle(), census.alive()), (0, 0));
}

#[test]
fn a_process_that_the_kernel_refuses() {
    const TEST: &str = "a_process_that_the_kernel_refuses";
    if is_again(TEST) {
        assert_eq!(stealpool::fast_path(), FastPath::Exchange);
        return use_by_threads();
    }
    let output = again(TEST, |command| {
        let refuse = || {
            refuse_rseq();
            Ok(())
        };
        // SAFETY: only system calls between fork and exec.
        unsafe { command.pre_exec(refuse) };
    });
    assert_well(&output);
}

#[test]
fn a_process_whose_c_library_does_not_ask() {
    const TEST: &str = "a_process_whose_c_library_does_not_ask";
    if is_again(TEST) {
        assert_eq!(stealpool::fast_path(), FastPath::Exchange);
        return use_by_threads();
    }
    let output = again(TEST, |command| {
        command.env("GLIBC_TUNABLES", "glibc.pthread.rseq=0");
    });
    assert_well(&output);
}

/// Later threads are refused what the first one has. Some C libraries end the process then.
#[test]
fn threads_that_the_kernel_refuses() {
    const TEST: &str = "threads_that_the_kernel_refuses";
    if is_again(TEST) {
        if has_sequences() {
            refuse_rseq();
        }
        return use_by_threads();
    }
    let output = again(TEST, |_| ());
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.signal() == Some(libc::SIGABRT) && said.contains("rseq registration failed") {
        return println!("SKIP: the C library starts no thread without an area");
    }
    assert_well(&output);
}
