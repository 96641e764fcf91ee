//! Tasks that are cancelled while they hold objects, and wander from thread to thread until then: a
//! hand-made executor, so that each poll and each drop happens where the test says.

mod common;

use common::pause::pause;
use common::{Census, Counted, CountedPool, Maker, Puppet, Random, stay_here};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use stealpool::{Builder, OwnedGuard};

/// How many tasks must end half-way.
const CANCELS: usize = 1_000;

const THREADS: usize = 4;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

fn assert_distinct<'a>(held: impl Iterator<Item = &'a OwnedGuard<Counted, Maker>>) {
    let mut ids: Vec<usize> = held.map(|guard| guard.id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
}

/// Holds one object all along, and up to three more across some of its awaits; some it discards.
async fn work(pool: Arc<CountedPool>, mut random: Random) {
    let first = pool.get_owned();
    let mut more = Vec::new();
    for _ in 0..1 + random.below(8) {
        pause().await;
        match random.below(4) {
            0 | 1 if more.len() < 3 => more.push(pool.get_owned()),
            2 => drop(more.pop()),
            _ => more.pop().into_iter().for_each(OwnedGuard::discard),
        }
        assert_distinct(more.iter().chain([&first]));
    }
}

/// Polls a task once on the thread of `puppet`; it comes back unless it has ended.
fn poll_on(puppet: &Puppet, mut task: Task) -> Option<Task> {
    puppet.run(move || {
        let mut context = Context::from_waker(Waker::noop());
        match task.as_mut().poll(&mut context) {
            Poll::Ready(()) => None,
            Poll::Pending => Some(task),
        }
    })
}

/// Up to 30 tasks live at once, each polled by any of four threads in turn, until one of these drops
/// it in the middle. Each object comes back there and then, and none is lost.
#[test]
fn a_thousand_cancels_at_random_polls() {
    for settings in
        [Builder::new().collect_manually(), Builder::new().collect_manually().max_idle(8)]
    {
        let census = Census::new();
        let pool = census.pool_with(settings);
        let puppets: Vec<_> = (0..THREADS).map(|_| Puppet::new()).collect();
        let mut random = Random::new(22);
        let mut tasks: Vec<Task> = Vec::new();
        let (mut cancelled, mut ended, mut seed) = (0, 0, 0);
        while cancelled < CANCELS {
            if tasks.len() < 30 && random.below(2) == 0 {
                seed += 1;
                tasks.push(Box::pin(work(Arc::clone(&pool), Random::new(seed))));
            }
            if tasks.is_empty() {
                continue;
            }
            let task = tasks.swap_remove(random.below(tasks.len()));
            let puppet = &puppets[random.below(THREADS)];
            if random.below(4) == 0 {
                puppet.run(move || drop(task));
                cancelled += 1;
            } else if let Some(task) = poll_on(puppet, task) {
                tasks.push(task);
            } else {
                ended += 1;
            }
            if random.below(100) == 0 {
                pool.collect();
            }
            let stats = pool.stats();
            // What is not idle is held by a task that lives.
            assert!(stats.live - stats.idle <= 4 * tasks.len(), "{stats}");
            assert_eq!(stats.live, census.alive(), "{stats}");
        }
        assert!(ended > CANCELS / 20, "only {ended} ran to their end");
        while let Some(task) = tasks.pop() {
            puppets[tasks.len() % THREADS].run(move || drop(task));
        }
        let stats = pool.stats();
        assert_eq!((stats.live, stats.idle), (stats.idle, census.alive()));
        assert_eq!(Arc::strong_count(&pool), 1);
        puppets.into_iter().for_each(Puppet::end);
        drop(pool);
        assert_eq!(census.alive(), 0);
    }
}

/// A cancelled task's object is where the cancelling thread finds it at once: at hand, and not with
/// whoever has polled the task.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the thread cannot be kept on its processor")]
fn what_a_cancelled_task_held_is_at_hand_where_it_was_dropped() {
    stay_here();
    let census = Census::new();
    let pool = census.pool();
    let puppet = Puppet::new();
    for round in 0..100 {
        let task = Box::pin(work(Arc::clone(&pool), Random::new(round)));
        let task = poll_on(&puppet, task).expect("its first await");
        assert_eq!((pool.idle(), census.alive()), (0, 1));
        drop(task);
        let before = pool.stats();
        drop(pool.get());
        let after = pool.stats();
        let stolen = after.steals - before.steals;
        assert_eq!((after.creates - before.creates, stolen), (0, 0), "{after}");
        // The next round's first poll must not find it.
        pool.clear();
    }
    puppet.end();
}
