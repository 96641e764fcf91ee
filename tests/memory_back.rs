//! What a burst has taken from the system, the system has back when the pool has dropped it.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;

use common::{in_child, patiently};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use stealpool::{Collector, Pool};

/// Buffers of threads that live on, each thread's in an arena of its own.
#[test]
fn the_memory_of_a_burst_comes_back_to_the_system() {
    const BYTES: usize = 64 << 10;
    // More than glibc keeps in one piece, which is 64 MiB.
    const EACH: usize = 1_100;
    in_child("the_memory_of_a_burst_comes_back_to_the_system", || {
        let pool: Pool<Vec<u8>> = Pool::new(|| Vec::with_capacity(BYTES));
        let before = common::resident();
        let (given_back, looked) = (Barrier::new(9), Barrier::new(9));
        let burst = || {
            let mut buffers: Vec<_> = (0..EACH).map(|_| pool.get()).collect();
            buffers.iter_mut().for_each(|buffer| buffer.resize(BYTES, 1));
            drop(buffers);
            given_back.wait();
            looked.wait();
        };
        thread::scope(|scope| {
            (0..8).for_each(|_| drop(scope.spawn(burst)));
            given_back.wait();
            let peak = common::resident();
            assert!(peak > before + EACH * BYTES, "one thread's at least: {before} {peak}");
            let collector =
                Collector::builder().every(Duration::from_millis(20)).spawn().expect("none runs");
            let is_empty = patiently(|| pool.idle() == 0);
            // Ends the cycle that is under way.
            drop(collector);
            let after = common::resident();
            looked.wait();
            assert!(
                is_empty && after < before + (8 << 20),
                "{before} before, {peak}, {after} after"
            );
        });
    });
}

/// Each thread's arena has a free end. glibc lets it be twice as large as a buffer that was freed before.
#[test]
fn the_free_ends_of_arenas_come_back_too() {
    const BYTES: usize = 200 << 10;
    const EACH: usize = 30;
    in_child("the_free_ends_of_arenas_come_back_too", || {
        let pool: Pool<Vec<u8>> = Pool::new(|| Vec::with_capacity(BYTES));
        let before = common::resident();
        let (given_back, looked) = (Barrier::new(9), Barrier::new(9));
        let burst = || {
            drop(vec![1u8; 8 << 20]);
            let mut buffers: Vec<_> = (0..EACH).map(|_| pool.get()).collect();
            buffers.iter_mut().for_each(|buffer| buffer.resize(BYTES, 1));
            given_back.wait();
            drop(buffers);
            given_back.wait();
            looked.wait();
        };
        thread::scope(|scope| {
            (0..8).for_each(|_| drop(scope.spawn(burst)));
            given_back.wait();
            let peak = common::resident();
            assert!(peak > before + 8 * EACH * BYTES, "{before} {peak}");
            given_back.wait();
            let collector = Collector::builder()
                .every(Duration::from_millis(20))
                .trim_threshold(128 << 10)
                .spawn()
                .expect("none runs");
            let is_empty = patiently(|| pool.idle() == 0);
            drop(collector);
            let after = common::resident();
            looked.wait();
            assert!(
                is_empty && after < before + (8 << 20),
                "{before} before, {peak}, {after} after"
            );
        });
    });
}
