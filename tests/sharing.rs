//! Objects that are expensive to make are shared by threads that use them in turn.

mod common;

use common::{Census, Puppet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Pool};

const THREADS: usize = 32;

/// Each of the threads uses an object, one after the other, and then sleeps with what it has.
fn in_turn(pool: &Arc<common::CountedPool>) -> Vec<Puppet> {
    let puppets: Vec<Puppet> = (0..THREADS).map(|_| Puppet::new()).collect();
    for puppet in &puppets {
        let pool = Arc::clone(pool);
        puppet.run(move || drop(pool.get()));
    }
    puppets
}

/// A pool that keeps one for each thread, or each processor, keeps 32 copies of what may be megabytes
/// (prometheus/client_golang#2126).
#[test]
fn threads_that_take_turns_share_one_expensive_object() {
    for settings in [Builder::new(), Builder::new().max_idle(64)] {
        let census = Census::new();
        let maker = census.clone();
        let expensive = move || {
            thread::sleep(Duration::from_millis(20));
            maker.object()
        };
        let settings = settings.collect_manually();
        let pool = Arc::new(settings.build(Box::new(expensive) as common::Maker));
        let puppets = in_turn(&pool);
        assert_eq!(census.made(), 1);
        let stats = pool.stats();
        assert_eq!(stats.gets, THREADS as u64);
        assert_eq!(stats.gets, stats.puts, "{stats}");
        assert_eq!(stats.idle, census.alive());
        puppets.into_iter().for_each(Puppet::end);
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    }
}

/// Nobody waits for an object that another holds.
#[test]
fn holders_at_once_each_have_one() {
    let pool: Arc<Pool<Vec<u8>>> = Arc::new(Builder::new().build(|| {
        thread::sleep(Duration::from_millis(5));
        Vec::new()
    }));
    let puppets: Vec<Puppet> = (0..4).map(|_| Puppet::new()).collect();
    for round in 0..10 {
        let guards: Vec<_> = puppets
            .iter()
            .map(|puppet| {
                let pool = Arc::clone(&pool);
                puppet.run(move || pool.get_owned())
            })
            .collect();
        for (puppet, guard) in puppets.iter().zip(guards) {
            puppet.run(move || drop(guard));
        }
        // Of those that came back, a magazine may hide some from the other processors.
        let most = 4 * common::processors();
        assert!(pool.stats().creates as usize <= most, "round {round}");
    }
    puppets.into_iter().for_each(Puppet::end);
}
