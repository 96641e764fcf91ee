//! What the threads do with the pools, and what must be true of the objects.

use crate::threads::Thread;
use std::cell::Cell;
use std::env;
use std::hint::black_box;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicUsize};
use std::time::Duration;
use stealpool::{Builder, Guard, OwnedGuard, Policy, Pool};

/// Plain words that a holder writes and the next one reads.
const WORDS: usize = 6;

static MADE: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// An object without any synchronisation of its own.
struct Plain {
    words: [usize; WORDS],
}

impl Plain {
    fn new(seed: usize) -> Self {
        // Relaxed: read after all threads were joined.
        MADE.fetch_add(1, Relaxed);
        Plain { words: [seed; WORDS] }
    }

    /// What every holder does: reads all that the last one wrote, and writes all.
    fn write(&mut self, seed: usize) {
        self.check();
        black_box(&mut self.words).fill(seed);
    }

    fn check(&self) {
        let words = black_box(&self.words);
        assert!(words.iter().all(|word| *word == words[0]), "torn: {words:?}");
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.check();
        // Relaxed: as in `new`.
        DROPPED.fetch_add(1, Relaxed);
    }
}

/// Touches the object in every call.
struct Touching;

impl Policy<Plain> for Touching {
    fn create(&self) -> Plain {
        Plain::new(number())
    }

    fn recycle(&self, plain: &mut Plain) -> bool {
        plain.write(number());
        plain.words[0] % 64 != 0
    }

    fn footprint(&self, plain: &Plain) -> usize {
        plain.words[0] % 100
    }
}

type PlainPool = Pool<Plain, Touching>;
type Lent = OwnedGuard<Plain, Touching>;

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(1) };
}

/// A number (Marsaglia's xorshift), from a state of each thread's own.
fn number() -> usize {
    STATE.with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        (x >> 11) as usize
    })
}

/// Where one thread leaves a guard for another.
struct Mailbox {
    letter: AtomicPtr<Lent>,
    /// Whether the ordering is left out, so that there is a race to find.
    planted: bool,
}

impl Mailbox {
    fn swap(&self, letter: *mut Lent) -> Option<Box<Lent>> {
        // AcqRel: what the sender wrote comes with the guard.
        let ordering = if self.planted { Relaxed } else { AcqRel };
        let found = self.letter.swap(letter, ordering);
        // SAFETY: a non-null letter came from `Box::into_raw`, and the swap took the only copy.
        (!found.is_null()).then(|| unsafe { Box::from_raw(found) })
    }
}

/// What all threads of a round share.
struct World {
    pools: Vec<Arc<PlainPool>>,
    mailboxes: [Mailbox; 4],
}

impl World {
    fn new(planted: bool) -> Self {
        let settings = [
            Builder::new().collect_every(Duration::ZERO),
            Builder::new().collect_manually(),
            Builder::new().max_idle(12).collect_manually(),
            Builder::new().idle_bytes(900).max_object_bytes(90),
            Builder::new().private_depth(1).collect_manually(),
            Builder::new().private_depth(500).collect_manually(),
        ];
        World {
            pools: settings.map(|made| Arc::new(made.build(Touching))).into(),
            mailboxes: [(); 4]
                .map(|()| Mailbox { letter: AtomicPtr::new(ptr::null_mut()), planted }),
        }
    }
}

/// One thread's life.
fn live(world: &World, seed: u64, steps: usize) {
    STATE.set(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let favourite = number();
    for _ in 0..steps {
        // Mostly the same pool, so that threads meet.
        let which = if number() % 4 == 0 { number() } else { favourite };
        step(world, &world.pools[which % world.pools.len()]);
    }
}

fn step(world: &World, pool: &Arc<PlainPool>) {
    match number() % 100 {
        0..35 => hold(pool, 1),
        35..65 => hold(pool, 2 + number() % 12),
        65..68 => hold(pool, number() % 150),
        68..83 => {
            let mut mine = pool.get_owned();
            mine.write(number());
            let letter = Box::into_raw(Box::new(mine));
            let found = world.mailboxes[number() % 4].swap(letter);
            if let Some(mut theirs) = found {
                theirs.write(number());
            }
        }
        83..86 => {
            if let Some(guard) = pool.try_get() {
                Guard::discard(guard);
            }
        }
        86..89 => {
            let mut value = Guard::into_inner(pool.get());
            value.write(number());
            pool.put(value);
        }
        89..91 => drop(pool.wrap(Plain::new(number()))),
        91..96 => drop(pool.collect()),
        96..97 => drop(pool.clear()),
        97..98 => {
            for mut plain in pool.drain().take(number() % 8) {
                plain.write(number());
            }
        }
        98..99 => pool.reserve(number() % 8),
        _ => drop((pool.stats(), pool.idle())),
    }
}

/// Takes several, writes them, gives them back in some order.
fn hold(pool: &PlainPool, count: usize) {
    let mut held: Vec<_> = (0..count).map(|_| pool.get()).collect();
    for plain in &mut held {
        plain.write(number());
    }
    while !held.is_empty() {
        let place = number() % held.len();
        held.swap_remove(place);
    }
}

pub(crate) fn run() {
    let rounds = env::var("STEALPOOL_TSAN_ROUNDS")
        .map_or(2, |rounds| rounds.parse().expect("STEALPOOL_TSAN_ROUNDS is a number"));
    let planted = env::var_os("STEALPOOL_TSAN_PLANT").is_some_and(|what| what == "mailbox");
    for round in 0..rounds {
        one_round(round, planted);
    }
    println!("{rounds} rounds: {} objects", MADE.load(Acquire));
}

/// Waves of threads, so that some begin where others have ended; then nothing is left.
fn one_round(round: u64, planted: bool) {
    let world = Arc::new(World::new(planted));
    let spawn = |number: u64, steps| {
        let world = Arc::clone(&world);
        Thread::start(move || live(&world, round * 1_000 + number, steps))
    };
    for wave in 0..6 {
        let long = [0, 1].map(|lane| spawn(wave * 10 + lane, 1_500));
        // Two that stay, and others that come and go beside them.
        for short in 2..8 {
            spawn(wave * 10 + short, 100).join();
        }
        long.into_iter().for_each(Thread::join);
    }
    for mailbox in &world.mailboxes {
        drop(mailbox.swap(ptr::null_mut()));
    }
    for pool in &world.pools {
        pool.collect();
        pool.collect();
        assert_eq!(pool.idle(), 0, "two cycles without use: {:?}", pool.stats());
    }
    drop(Arc::into_inner(world).expect("all threads were joined"));
    let (made, dropped) = (MADE.load(Acquire), DROPPED.load(Acquire));
    assert_eq!(made, dropped, "each object is dropped once");
}
