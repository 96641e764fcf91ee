//! Guards that own their pool: `.await`, `spawn`, `Bytes::from_owner`, and being the last to know.

mod common;

use common::pause::pause;
use common::{Census, Counted, CountedPool, Maker, Puppet, Random, stay_here};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use stealpool::{Builder, OwnedGuard, Pool};

const MANUAL: Builder = Builder::new().collect_manually();

#[test]
fn an_owned_guard_goes_where_it_likes() {
    fn is_send_and_static<G: Send + 'static>(_: &G) {}
    let pool: Arc<Pool<Vec<u8>>> = Arc::new(MANUAL.build(Vec::new));
    let mut buffer: OwnedGuard<Vec<u8>> = pool.get_owned();
    is_send_and_static(&buffer);
    let thread = thread::spawn(move || {
        buffer.extend_from_slice(b"made here, filled there");
        buffer
    });
    let buffer = thread.join().unwrap();
    assert_eq!(buffer.len(), 23);
    drop(buffer);
    assert_eq!((pool.idle(), Arc::strong_count(&pool)), (1, 1));
}

/// actix-web#1889: a request that outlives its worker's pool. Here the guard keeps the pool alive.
#[test]
fn an_owned_guard_may_be_the_last_to_know_the_pool() {
    let census = Census::new();
    let pool = census.pool();
    pool.put(census.object());
    pool.put(census.object());
    let (first, second) = (pool.get_owned(), pool.wrap_owned(census.object()));
    let weak = Arc::downgrade(&pool);
    drop(pool);
    assert_eq!((first.id, census.dropped()), (1, 0));
    drop(first);
    assert_eq!((weak.strong_count(), census.dropped()), (1, 0), "returned to a pool that lives");
    drop(second);
    assert_eq!((weak.strong_count(), census.alive()), (0, 0));
}

#[test]
fn the_last_guard_may_end_on_a_thread_of_its_own() {
    for end in
        [drop, OwnedGuard::discard, OwnedGuard::put, |guard| drop(OwnedGuard::into_inner(guard))]
            as [fn(OwnedGuard<Counted, Maker>); 4]
    {
        let census = Census::new();
        let pool = census.pool();
        drop([pool.get(), pool.get()]);
        let guard = pool.get_owned();
        drop(pool);
        thread::spawn(move || end(guard)).join().unwrap();
        assert_eq!((census.made(), census.alive()), (2, 0));
    }
}

#[test]
fn an_owned_guard_may_live_in_its_own_pools_object() {
    // An object that keeps a guard of another pool alive while idle.
    let census = Census::new();
    let inner = census.pool();
    let outer: Pool<Vec<OwnedGuard<Counted, Maker>>> = MANUAL.build(Vec::new);
    outer.get().push(inner.get_owned());
    assert_eq!((inner.idle(), outer.idle()), (1, 1), "cleared on return, so given back");
    drop(outer);
    drop(inner);
    assert_eq!(census.alive(), 0);
}

/// `Bytes::from_owner` needs `AsRef<[u8]> + Send + 'static`: a response body that returns to the pool
/// once the socket has taken it, on whatever worker.
#[test]
fn a_guard_may_own_bytes() {
    stay_here();
    let pool: Arc<Pool<Vec<u8>>> = Arc::new(MANUAL.build(Vec::new));
    let mut buffer = pool.get_owned();
    buffer.extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\nbody");
    let address = buffer.as_ptr();
    let response = bytes::Bytes::from_owner(buffer);
    assert_eq!(response.as_ptr(), address, "no copy");
    let body = response.slice(19..);
    drop(response);
    assert_eq!((&body[..], pool.idle()), (&b"body"[..], 0));
    thread::spawn(move || drop(body)).join().unwrap();
    assert_eq!(pool.idle(), 1);
    // The same buffer, empty, for the next thread.
    let same = Arc::clone(&pool);
    let again = thread::spawn(move || same.get_owned()).join().unwrap();
    assert_eq!((again.len(), again.as_ptr()), (0, address));
    assert_eq!(pool.stats().creates, 1);
}

#[test]
fn guards_of_both_kinds_share_one_pool() {
    let census = Census::new();
    let pool = census.pool();
    let borrowed = pool.get();
    let owned = pool.get_owned();
    drop(borrowed);
    drop(owned);
    assert_eq!((pool.get_owned().id, pool.get().id), (1, 0));
    assert_eq!(census.made(), 2);
}

/// A task that holds one guard across every await, and a second across some.
async fn task(pool: Arc<CountedPool>, yields: usize) -> usize {
    let first = pool.get_owned();
    for _ in 0..yields {
        let second = pool.get_owned();
        assert_ne!(first.id, second.id);
        pause().await;
        drop(second);
        pause().await;
    }
    first.id
}

struct Awake;

impl Wake for Awake {
    fn wake(self: Arc<Self>) {}
}

/// Futures are dropped half-way, on the thread that polled them or on another: each guard goes back
/// where its future ends, and nothing leaks.
#[test]
fn cancelled_tasks_give_back_what_they_hold() {
    let census = Census::new();
    let pool = census.pool_with(Builder::new().collect_manually().private_depth(1));
    let waker = Waker::from(Arc::new(Awake));
    let mut context = Context::from_waker(&waker);
    let executors: Vec<Puppet> = (0..2).map(|_| Puppet::new()).collect();
    let mut random = Random::new(22);
    let (mut cancelled, mut finished) = (0, 0);
    for round in 0..1000 {
        let yields = random.below(6);
        let polls = random.below(2 * yields + 2);
        let mut future = Box::pin(task(Arc::clone(&pool), yields));
        let mut done = false;
        for _ in 0..polls {
            done = future.as_mut().poll(&mut context).is_ready();
        }
        finished += usize::from(done);
        cancelled += usize::from(!done);
        match round % 3 {
            0 => drop(future),
            1 => executors[0].run(move || drop(future)),
            _ => executors[random.below(2)].run({
                let waker = waker.clone();
                move || {
                    // Goes on elsewhere for one more poll, unless it is done.
                    let mut future = future;
                    if !done {
                        let _ = future.as_mut().poll(&mut Context::from_waker(&waker));
                    }
                }
            }),
        }
        assert_eq!(pool.idle(), census.alive(), "round {round}");
    }
    assert!(cancelled > 300 && finished > 50, "{cancelled} {finished}");
    assert!(census.made() <= 2 + 3, "two held at once, one a worker: {}", census.made());
    assert_eq!((Arc::strong_count(&pool), census.dropped()), (1, 0));
    executors.into_iter().for_each(Puppet::end);
}

#[test]
fn a_borrowed_guard_may_be_held_across_an_await() {
    static POOL: Pool<Vec<u8>> = Builder::new().collect_manually().build(Vec::new);
    async fn work() -> usize {
        let mut buffer = POOL.get();
        buffer.push(1);
        pause().await;
        buffer.push(2);
        buffer.len()
    }
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    let waker = Waker::from(Arc::new(Awake));
    let mut future = pin!(is_send(work()));
    let mut context = Context::from_waker(&waker);
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!(POOL.idle(), 0);
    assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(2));
    assert_eq!(POOL.idle(), 1);
}

/// The same under tokio, where tasks wander between workers by themselves.
#[test]
fn tasks_of_a_real_runtime_share_the_pool() {
    let census = Census::new();
    let pool = census.pool();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..200)
            .map(|i| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move {
                    for _ in 0..10 {
                        let guard = pool.get_owned();
                        tokio::task::yield_now().await;
                        drop(guard);
                        if i % 7 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        for (i, task) in tasks.into_iter().enumerate() {
            if i % 5 == 0 {
                task.abort();
            }
            let _ = task.await;
        }
    });
    drop(runtime);
    assert_eq!((pool.idle(), census.dropped()), (census.made(), 0));
    assert_eq!(Arc::strong_count(&pool), 1);
}

#[test]
fn guards_travel_through_channels() {
    let census = Census::new();
    let pool = census.pool();
    let (send, receive) = mpsc::channel();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (pool, send) = (Arc::clone(&pool), send.clone());
            thread::spawn(move || (0..100).for_each(|_| send.send(pool.get_owned()).unwrap()))
        })
        .collect();
    drop(send);
    let ids: std::collections::BTreeSet<usize> = receive.iter().map(|guard| guard.id).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(ids.len(), census.made());
    assert_eq!(pool.idle(), census.alive());
    // Unread letters are given back when the channel goes.
    let (send, receive) = mpsc::channel();
    (0..5).for_each(|_| send.send(pool.get_owned()).unwrap());
    drop((send, receive));
    assert_eq!((pool.idle(), Arc::strong_count(&pool)), (census.alive(), 1));
}
