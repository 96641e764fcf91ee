//! The end of a pool: whoever lets go of it last, nothing is lost and nothing is dropped twice.
//!
//! A pool ends when its last reference does. Objects here count their drops and hold a token that loom watches for leaks.

mod common;

use common::{explore, explore_broken};
use loom::alloc::Track;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use stealpool::model::{Core, Held};

/// An object that counts its drop.
struct Mortal {
    dropped: Arc<AtomicUsize>,
    _leaks_are_seen: Track<()>,
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // Relaxed: read after a join.
        self.dropped.fetch_add(1, Relaxed);
    }
}

/// A pool of mortals, and how many of them were dropped.
fn pool(core: Core<Mortal>) -> (Arc<Core<Mortal>>, Arc<AtomicUsize>) {
    (Arc::new(core), Arc::new(AtomicUsize::new(0)))
}

fn mortal(dropped: &Arc<AtomicUsize>) -> Held<Mortal> {
    let mortal = Mortal { dropped: Arc::clone(dropped), _leaks_are_seen: Track::new(()) };
    Held::new(mortal, 1)
}

/// *Threads*: two that put and let go of the pool.
/// *Proves*: the last one frees it with everything in it, and sees what the other has put (7).
/// *Fails if*: a magazine or a slot is freed without what it holds.
#[test]
fn the_last_of_two_frees_the_pool() {
    explore("lifetime: put put, let go || the same", Some(2), 10, || {
        let (core, dropped) = pool(Core::new(1, u64::MAX));
        let (other, theirs) = (Arc::clone(&core), Arc::clone(&dropped));
        let user = |core: Arc<Core<Mortal>>, dropped: &Arc<AtomicUsize>| {
            let me = core.join();
            (0..2).for_each(|_| assert!(me.put(mortal(dropped)).is_empty()));
        };
        let one = thread::spawn(move || user(other, &theirs));
        user(core, &dropped);
        one.join().unwrap();
        assert_eq!(dropped.load(Relaxed), 4);
    });
}

/// *Threads*: one that holds an object longer than it holds the pool; one that takes and lets go.
/// *Proves*: an object that is out belongs to its holder, whatever becomes of the pool (7).
/// *Fails if*: the pool's end reaches for what is out.
#[test]
fn an_object_outlives_its_pool() {
    explore("lifetime: get, let go, drop || get, put, let go", Some(3), 20, || {
        let (core, dropped) = pool(Core::new(1, u64::MAX));
        let me = core.join();
        (0..2).for_each(|_| assert!(me.put(mortal(&dropped)).is_empty()));
        let mine = me.get();
        let other = Arc::clone(&core);
        let user = thread::spawn(move || {
            let me = other.join();
            if let Some(held) = me.get() {
                assert!(me.put(held).is_empty());
            }
        });
        drop(core);
        let early = dropped.load(Relaxed);
        assert!(mine.is_some() && early <= 1, "what is out is not dropped");
        drop(mine);
        user.join().unwrap();
        assert_eq!(dropped.load(Relaxed), 2);
    });
}

/// *Threads*: one that closes the pool and empties it; one that is in the middle of a step; both let go.
/// *Proves*: everything is dropped once, by one of the two or with the pool (7).
/// *Fails if*: a batch is dropped by both, or by nobody.
#[test]
fn closing_against_a_step() {
    explore("lifetime: close, take all, let go || cycle, let go", Some(3), 100, || {
        let (core, dropped) = pool(Core::new(1, u64::MAX));
        let me = core.join();
        (0..3).for_each(|_| assert!(me.put(mortal(&dropped)).is_empty()));
        assert!(core.cycle().is_empty());
        let other = Arc::clone(&core);
        let collector = thread::spawn(move || drop(other.cycle()));
        core.close();
        drop(core.take_all());
        drop(core);
        collector.join().unwrap();
        assert_eq!(dropped.load(Relaxed), 3);
    });
}

/// *Threads*: a thread whose objects are refused by a full pool; another one; both let go.
/// *Proves*: what is refused is dropped by who gave it, once (6, 7).
/// *Fails if*: a refused object stays in the pool as well.
#[test]
fn what_is_refused_is_dropped_once() {
    explore("lifetime: put put, let go || put, let go, at most 1", Some(2), 50, || {
        let (core, dropped) = pool(Core::new(1, 1));
        let (other, theirs) = (Arc::clone(&core), Arc::clone(&dropped));
        let user = thread::spawn(move || {
            let me = other.join();
            drop(me.put(mortal(&theirs)));
        });
        let me = core.join();
        (0..2).for_each(|_| drop(me.put(mortal(&dropped))));
        drop(core);
        user.join().unwrap();
        assert_eq!(dropped.load(Relaxed), 3);
    });
}

/// An object that is forgotten must be seen.
#[test]
fn a_leak_is_seen() {
    explore_broken("lifetime: put, forget the pool", || {
        let (core, dropped) = pool(Core::new(1, u64::MAX));
        let me = core.join();
        assert!(me.put(mortal(&dropped)).is_empty());
        std::mem::forget(me_too(core));
    });
}

/// What `forget` gets must not be an `Arc` of loom's alone, whose leak loom would report by itself.
fn me_too(core: Arc<Core<Mortal>>) -> Core<Mortal> {
    Arc::try_unwrap(core).ok().expect("nobody else has it")
}
