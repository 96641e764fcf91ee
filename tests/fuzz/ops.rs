//! Bytes as a script: operations on a pool by two threads in lock step, and a model that says what may
//! come of each.
//!
//! The first byte of an input says whether there are bounds, the next five which. Then an operation is two
//! bytes: what and by whom, and a number. Any bytes are a script. The model is a census: where each object
//! is. After each operation:
//!
//! * what was handed out was idle or is new, so nobody else holds it;
//! * what was dropped had been given back, and is dropped once; what was refused or discarded was dropped;
//! * what the pool says is idle is what the model says, and no bound is exceeded;
//! * a cycle dropped nothing that had not been idle through a whole one, and two cycles leave nothing;
//! * in the end, what was made was dropped or leaked on purpose.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use stealpool::{Builder, Guard, OwnedGuard, Policy, Pool};

/// What a panic on purpose carries. Raised without the hook, which in a fuzzer ends the process.
struct OnPurpose;

fn go_off() -> ! {
    resume_unwind(Box::new(OnPurpose))
}

/// Runs what may panic on purpose; `None` if it did.
fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<OnPurpose>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// What an object does when it comes back, or is dropped.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Good,
    /// `recycle` says no.
    Refused,
    /// `recycle` panics.
    Fragile,
    /// Its destructor panics.
    Explosive,
}

struct Object {
    id: usize,
    weight: usize,
    manner: Manner,
    /// `None` in one that was leaked on purpose.
    ledger: Option<Arc<Ledger>>,
}

/// Says who was made and who was dropped.
#[derive(Default)]
struct Ledger(Mutex<Records>);

#[derive(Default)]
struct Records {
    made: usize,
    dropped: Vec<usize>,
}

impl Ledger {
    fn object(self: &Arc<Self>, weight: usize) -> Object {
        let mut records = self.0.lock().expect("nobody panics in here");
        records.made += 1;
        Object {
            id: records.made - 1,
            weight,
            manner: Manner::Good,
            ledger: Some(Arc::clone(self)),
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let Some(ledger) = &self.ledger else {
            return;
        };
        let mut records = ledger.0.lock().expect("nobody panics in here");
        records.dropped.push(self.id);
        drop(records);
        if self.manner == Manner::Explosive && !thread::panicking() {
            go_off();
        }
    }
}

struct Judge {
    ledger: Arc<Ledger>,
    /// The next `create` panics.
    create_fails: AtomicBool,
}

/// What a new object weighs.
const NEW: usize = 10;

impl Policy<Object> for Judge {
    fn create(&self) -> Object {
        // Relaxed: the threads take turns.
        if self.create_fails.swap(false, Relaxed) {
            go_off();
        }
        self.ledger.object(NEW)
    }

    fn recycle(&self, object: &mut Object) -> bool {
        if object.manner == Manner::Fragile {
            go_off();
        }
        object.manner != Manner::Refused
    }

    fn footprint(&self, object: &Object) -> usize {
        object.weight
    }
}

type Judged = Pool<Object, Judge>;
type Lent = OwnedGuard<Object, Judge>;

/// The bounds of a script's pool.
struct Settings {
    max_idle: usize,
    idle_bytes: usize,
    max_object_bytes: usize,
    private_depth: usize,
    interval: Option<Duration>,
}

impl Settings {
    fn decode(script: &mut impl Iterator<Item = u8>) -> Self {
        let mut number = || usize::from(script.next().unwrap_or(0));
        let which = number();
        let mut bound = |bit: usize, step: usize| {
            let number = number();
            if which & bit == 0 { usize::MAX } else { number * step }
        };
        Settings {
            max_idle: bound(1, 1),
            idle_bytes: bound(2, 10),
            max_object_bytes: bound(4, 1),
            private_depth: bound(8, 1).min(1_000),
            interval: match bound(16, 1) {
                usize::MAX => None,
                number if number % 2 == 0 => Some(Duration::ZERO),
                _ => Some(Duration::MAX),
            },
        }
    }

    fn builder(&self) -> Builder {
        let builder = Builder::new()
            .max_idle(self.max_idle)
            .idle_bytes(self.idle_bytes)
            .max_object_bytes(self.max_object_bytes)
            .private_depth(self.private_depth);
        match self.interval {
            None => builder.collect_manually(),
            Some(interval) => builder.collect_every(interval),
        }
    }

    /// Whether cycles run only when the script says so.
    fn is_manual(&self) -> bool {
        self.interval.is_none_or(|interval| !interval.is_zero())
    }
}

/// The other thread: runs one job, then waits for the next.
struct Other {
    jobs: Sender<Box<dyn FnOnce() + Send>>,
    thread: JoinHandle<()>,
}

impl Other {
    fn new() -> Self {
        let (jobs, inbox) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let thread = thread::spawn(move || inbox.into_iter().for_each(|job| job()));
        Other { jobs, thread }
    }

    fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> R {
        let (send, receive) = mpsc::channel();
        let job = move || {
            let end: Result<R, Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(job));
            drop(send.send(end));
        };
        self.jobs.send(Box::new(job)).expect("the thread is there");
        let end = receive.recv().expect("the job ends");
        end.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn end(self) {
        drop(self.jobs);
        self.thread.join().expect("jobs' panics go to who asked");
    }
}

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// In the pool, and of what weight; since when, in cycles.
    Idle(usize, u64),
    /// A guard's, or out of the pool: ours.
    Ours,
    /// To be dropped by the operation under way.
    Doomed,
    Dropped,
    Leaked,
}

struct World {
    settings: Settings,
    pool: Arc<Judged>,
    ledger: Arc<Ledger>,
    other: Option<Other>,
    /// Whether another thread has ever used the pool.
    alone: bool,
    lent: Vec<Lent>,
    outside: Vec<Object>,
    places: Vec<Place>,
    /// Cycles that have run, and whether nothing has happened since the last.
    cycles: u64,
    untouched: bool,
}

/// Runs a script. Panics if anything is not as it must be.
pub(crate) fn run(bytes: &[u8]) {
    let mut script = bytes.iter().copied();
    let mut world = World::new(Settings::decode(&mut script));
    while let (Some(what), Some(number)) = (script.next(), script.next()) {
        world.step(what, usize::from(number));
    }
    world.end();
}

impl World {
    fn new(settings: Settings) -> Self {
        let ledger = Arc::new(Ledger::default());
        let judge = Judge { ledger: Arc::clone(&ledger), create_fails: AtomicBool::new(false) };
        World {
            pool: Arc::new(settings.builder().build(judge)),
            settings,
            ledger,
            other: None,
            alone: true,
            lent: Vec::new(),
            outside: Vec::new(),
            places: Vec::new(),
            cycles: 0,
            untouched: false,
        }
    }

    /// Runs a job here or in the other thread; `None` if it panicked on purpose.
    fn by<R: Send + 'static>(
        &mut self,
        other: bool,
        job: impl FnOnce(&Arc<Judged>) -> R + Send + 'static,
    ) -> Option<R> {
        if !other {
            return caught(|| job(&self.pool));
        }
        self.alone = false;
        let pool = Arc::clone(&self.pool);
        let thread = self.other.get_or_insert_with(Other::new);
        caught(|| thread.run(move || job(&pool)))
    }

    /// The number of the object that a guard holds, which must have been idle or be new.
    fn handed_out(&mut self, id: usize) {
        match self.places.get_mut(id) {
            Some(place @ Place::Idle(..)) => *place = Place::Ours,
            Some(place) => panic!("{id} was handed out, and was {place:?}"),
            None => {
                assert!(!self.alone || self.idle().0 == 0, "made, though one was idle");
                assert_eq!(id, self.places.len(), "numbers are given in order");
                self.places.push(Place::Ours);
            }
        }
    }

    /// An object of ours went back to the pool, which has it now unless it was dropped.
    fn gave_back(&mut self, object: &Object) {
        let id = object.id;
        assert_eq!(self.places[id], Place::Ours);
        self.places[id] = match object.manner {
            Manner::Refused | Manner::Fragile => Place::Doomed,
            _ => Place::Idle(object.weight, self.cycles),
        };
    }

    /// Objects and bytes that are idle by the model.
    fn idle(&self) -> (usize, usize) {
        let weights = self.places.iter().filter_map(|place| match place {
            Place::Idle(weight, _) => Some(*weight),
            _ => None,
        });
        weights.fold((0, 0), |(count, sum), weight| (count + 1, sum + weight))
    }

    /// Books what the pool made for itself.
    fn learn(&mut self) {
        let made = self.ledger.0.lock().expect("nobody panics in here").made;
        let new = Place::Idle(NEW, self.cycles);
        self.places.resize(made, new);
    }

    /// Books what was dropped. `by_cycle`: nothing but a cycle dropped it.
    fn settle(&mut self, by_cycle: bool) {
        let mut records = self.ledger.0.lock().expect("nobody panics in here");
        let dropped = mem::take(&mut records.dropped);
        drop(records);
        self.learn();
        for id in dropped {
            match mem::replace(&mut self.places[id], Place::Dropped) {
                Place::Idle(_, since) => {
                    assert!(!by_cycle || since < self.cycles, "{id} is too young to die");
                }
                Place::Doomed if !by_cycle => {}
                place => panic!("{id} was dropped, and was {place:?}"),
            }
        }
    }

    fn check(&self) {
        let (idle, bytes) = self.idle();
        let stats = self.pool.stats();
        assert_eq!(self.pool.idle(), idle, "{stats:?}");
        assert_eq!(stats.idle_bytes, bytes, "{stats:?}");
        assert!(idle <= self.settings.max_idle, "{idle} are idle");
        assert!(bytes <= self.settings.idle_bytes, "{bytes} bytes are idle");
        let most = self.settings.max_object_bytes;
        let heavy = |place: &Place| matches!(place, Place::Idle(weight, _) if *weight > most);
        assert!(!self.places.iter().any(heavy), "too heavy to keep");
        let doomed = self.places.iter().position(|p| *p == Place::Doomed);
        assert_eq!(doomed, None, "refused or discarded, and not dropped");
    }

    /// Takes a lent object out of the list.
    fn lent(&mut self, number: usize) -> Option<Lent> {
        let place = number.checked_rem(self.lent.len())?;
        Some(self.lent.swap_remove(place))
    }

    fn step(&mut self, what: u8, number: usize) {
        let other = what & 0x80 != 0;
        let mut cycle = false;
        match what & 0x1f {
            0..5 => {
                if let Some(guard) = self.by(other, |pool| pool.get_owned()) {
                    self.handed_out(guard.id);
                    self.lent.push(guard);
                }
            }
            5 => match self.by(other, |pool| pool.try_get_owned()).flatten() {
                Some(guard) => {
                    self.handed_out(guard.id);
                    self.lent.push(guard);
                }
                None => assert!(!self.alone || self.idle().0 == 0, "nothing, though one was idle"),
            },
            6..11 => {
                if let Some(guard) = self.lent(number) {
                    self.gave_back(&guard);
                    self.by(other, move |_| drop(guard));
                }
            }
            11..13 => self.hold(other, 1 + number % 80),
            13 => {
                if let Some(guard) = self.lent(number) {
                    self.places[guard.id] = Place::Doomed;
                    self.by(other, move |_| OwnedGuard::discard(guard));
                }
            }
            14 => {
                if let Some(guard) = self.lent(number) {
                    let taken = self.by(other, |_| OwnedGuard::into_inner(guard));
                    self.outside.extend(taken);
                }
            }
            15..17 => {
                let object = self.outside(number);
                self.gave_back(&object);
                self.by(other, move |pool| pool.put(object));
            }
            17 => {
                let object = self.outside(number);
                let wrapped = self.by(other, move |pool| pool.wrap_owned(object));
                self.lent.extend(wrapped);
            }
            18 => {
                // By a borrowing guard, or the pool would stay for ever.
                let forgotten = self.by(other, |pool| {
                    let mut guard = pool.get();
                    // What is left is the box alone.
                    let ledger = guard.ledger.take();
                    let id = guard.id;
                    leak(guard);
                    (id, ledger)
                });
                if let Some((id, _ledger)) = forgotten {
                    self.handed_out(id);
                    self.places[id] = Place::Leaked;
                }
            }
            19 => {
                cycle = self.settings.is_manual();
                self.by(other, |pool| pool.collect());
            }
            20 => {
                self.by(other, |pool| pool.clear());
                self.settle(false);
                assert_eq!(self.idle().0, 0, "cleared");
            }
            21 => self.drain(other, number % 8),
            22 => {
                self.by(other, move |pool| pool.reserve(number % 100));
            }
            23..27 => {
                let manner = match what & 0x60 {
                    0x20 => Manner::Refused,
                    0x40 => Manner::Fragile,
                    0x60 => Manner::Explosive,
                    _ => Manner::Good,
                };
                if let Some(last) = self.lent.last_mut() {
                    last.manner = manner;
                    last.weight = number;
                }
            }
            // Relaxed: the threads take turns.
            27 => self.pool.policy().create_fails.store(true, Relaxed),
            28 => {
                if let Some(other) = self.other.take() {
                    other.end();
                }
            }
            29 => self.many(other, number),
            _ => drop((self.pool.idle(), self.pool.live(), format!("{:?}", self.pool))),
        }
        self.settle(cycle);
        if cycle {
            assert!(!self.untouched || self.idle().0 == 0, "two cycles without use");
        }
        self.untouched = cycle;
        self.cycles += u64::from(what & 0x1f == 19);
        self.check();
    }

    /// Holds several at once in one thread, then gives them back, the newest first or last.
    fn hold(&mut self, other: bool, count: usize) {
        let ids = self.by(other, move |pool| {
            let held: Vec<_> = (0..count).filter_map(|_| caught(|| pool.get())).collect();
            let ids: Vec<_> = held.iter().map(|guard| (guard.id, guard.weight)).collect();
            for guard in held.into_iter().rev() {
                caught(|| drop(guard));
            }
            ids
        });
        let ids = ids.expect("each panic was caught");
        self.learn();
        // All at once: what one gave back, the next must not have taken.
        for (id, _) in &ids {
            self.handed_out(*id);
        }
        for (id, weight) in ids {
            self.places[id] = Place::Idle(weight, self.cycles);
        }
    }

    /// Takes and gives back one object many times, so that the clock is looked at.
    fn many(&mut self, other: bool, number: usize) {
        self.by(other, move |pool| {
            for _ in 0..number % 4 * 400 {
                caught(|| drop(pool.get()));
            }
        });
        // Relaxed: the threads take turns. It may have been used up.
        self.pool.policy().create_fails.store(false, Relaxed);
    }

    fn drain(&mut self, other: bool, count: usize) {
        let taken = self.by(other, move |pool| {
            let mut drain = pool.drain();
            let taken: Vec<_> = drain.by_ref().take(count).collect();
            caught(|| drop(drain));
            taken
        });
        for object in taken.into_iter().flatten() {
            assert!(matches!(self.places[object.id], Place::Idle(..)));
            self.places[object.id] = Place::Ours;
            self.outside.push(object);
        }
        self.settle(false);
        assert_eq!(self.idle().0, 0, "drained");
    }

    /// An object that was taken out before, or a new one.
    fn outside(&mut self, number: usize) -> Object {
        self.outside.pop().unwrap_or_else(|| {
            let object = self.ledger.object(number);
            assert_eq!(object.id, self.places.len());
            self.places.push(Place::Ours);
            object
        })
    }

    /// Ends the script: everything is given back, then the pool goes, in one thread or the other.
    fn end(mut self) {
        while let Some(guard) = self.lent.pop() {
            self.gave_back(&guard);
            caught(|| drop(guard));
        }
        while let Some(object) = self.outside.pop() {
            self.places[object.id] = Place::Doomed;
            caught(|| drop(object));
        }
        self.settle(false);
        self.check();
        let pool = Arc::into_inner(self.pool).expect("no guard is left");
        caught(|| drop(pool));
        if let Some(other) = self.other {
            other.end();
        }
        let records = self.ledger.0.lock().expect("nobody panics in here");
        for id in &records.dropped {
            let place = mem::replace(&mut self.places[*id], Place::Dropped);
            assert!(matches!(place, Place::Idle(..)), "{id} was {place:?}");
        }
        assert_eq!(records.made, self.places.len());
        let gone = |place: &Place| matches!(place, Place::Dropped | Place::Leaked);
        assert!(self.places.iter().all(gone), "{:?}", self.places);
    }
}

/// Leaks a guard, and keeps its object's address, so that a checker of leaks does not mind.
fn leak(guard: Guard<'_, Object, Judge>) {
    static LEAKED: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let address = (&raw const *guard).addr();
    LEAKED.lock().expect("nobody panics in here").push(address);
    mem::forget(guard);
}
