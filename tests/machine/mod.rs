//! A pool, the threads that use it, and a model of both that is a bag of numbers.

pub(crate) mod object;

use crate::common::{MAGAZINE, Puppet, hits};
use object::{Callback, Judge, Ledger, NEW, Object, UNLOVED, WentOff, caught};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use stealpool::{Builder, Collected, Guard, OwnedGuard, Pool, Stats};

type JudgedPool = Pool<Object, Judge>;
type Lent = OwnedGuard<Object, Judge>;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) max_idle: Option<usize>,
    pub(crate) idle_bytes: Option<usize>,
    pub(crate) max_object_bytes: Option<usize>,
    pub(crate) interval: Option<Duration>,
    /// The most objects in a magazine, out of other processors' reach.
    pub(crate) depth: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_idle: None,
            idle_bytes: None,
            max_object_bytes: None,
            interval: None,
            depth: 1,
        }
    }
}

impl Settings {
    fn builder(&self) -> Builder {
        let mut builder = Builder::new().collect_manually().private_depth(self.depth);
        if let Some(count) = self.max_idle {
            builder = builder.max_idle(count);
        }
        if let Some(bytes) = self.idle_bytes {
            builder = builder.idle_bytes(bytes);
        }
        if let Some(bytes) = self.max_object_bytes {
            builder = builder.max_object_bytes(bytes);
        }
        if let Some(interval) = self.interval {
            builder = builder.collect_every(interval);
        }
        builder
    }
}

/// What one of the threads does. Each step may be any thread's, so a guard is taken by one and dropped by
/// another. A thread that has ended is replaced by a new one at its next step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Get,
    TryGet,
    GetWith(usize),
    TryGetWith(Result<usize, ()>),
    /// Changes what a lent object weighs.
    Grow(usize, usize),
    /// Makes the destructor of a lent object panic.
    Arm(usize),
    Return(usize),
    Discard(usize),
    IntoInner(usize),
    /// Takes an object and forgets the guard.
    Forget,
    /// Puts an object from outside, one that was taken out before if there is one.
    Put(usize),
    Wrap(usize),
    Swap(usize, usize),
    Reserve(usize),
    Collect,
    CollectTwice,
    Clear,
    Drain(usize),
    /// The thread ends.
    Exit,
    /// The thread ends, and one of its thread-local destructors drops a guard.
    ExitHolding(usize),
    /// The pool is dropped, whoever holds objects of it, and there is a new one.
    Replace(Box<Settings>),
}

/// What the counts should be.
#[derive(Debug, Default)]
struct Counts {
    gets: u64,
    reserved: u64,
    puts: u64,
    discarded: u64,
    overflowed: u64,
    aged_out: u64,
    cycles: u64,
}

/// One pool's part of the model.
#[derive(Default)]
struct Site {
    settings: Settings,
    /// Who is idle: the weight, and the number of cycles there had been when it came.
    idle: BTreeMap<usize, (usize, u64)>,
    /// How many objects guards hold, and how many were forgotten.
    lent: usize,
    leaked: usize,
    counts: Counts,
    /// Nobody has used the pool since the last cycle.
    untouched: bool,
}

thread_local! {
    /// What a thread takes to its end.
    static LUGGAGE: RefCell<Option<Lent>> = const { RefCell::new(None) };
}

pub(crate) struct World {
    pool: Arc<JudgedPool>,
    ledger: Arc<Ledger>,
    /// The first thread is the test's own.
    threads: Vec<Option<Puppet>>,
    /// The last is that of the pool; those before are kept alive by guards alone, if at all.
    sites: Vec<Site>,
    /// Guards, each with its site.
    lent: Vec<(Lent, usize)>,
    outside: Vec<Object>,
}

impl World {
    pub(crate) fn new(settings: Settings, threads: usize) -> Self {
        #[cfg(target_os = "linux")]
        crate::common::run_on(0);
        let ledger = Arc::new(Ledger::default());
        let pool = Arc::new(settings.builder().build(Judge(Arc::clone(&ledger))));
        let site = Site { settings, ..Site::default() };
        World {
            pool,
            ledger,
            threads: (0..threads).map(|_| None).collect(),
            sites: vec![site],
            lent: Vec::new(),
            outside: Vec::new(),
        }
    }

    fn alone(&self) -> bool {
        self.threads.len() == 1
    }

    fn now(&self) -> usize {
        self.sites.len() - 1
    }

    fn site(&mut self) -> &mut Site {
        self.sites.last_mut().expect("there is always a pool")
    }

    /// Runs a job in one of the threads.
    fn run<R: Send + 'static>(
        &mut self,
        who: usize,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, WentOff> {
        let result = if who == 0 {
            caught(job)
        } else {
            let thread = self.threads[who].get_or_insert_with(|| Puppet::on(who));
            thread.run(move || caught(job))
        };
        // The rest of the step is the model's.
        self.ledger.set(None);
        result
    }

    fn by<R: Send + 'static>(
        &mut self,
        who: usize,
        job: impl FnOnce(&Arc<JudgedPool>) -> R + Send + 'static,
    ) -> Result<R, WentOff> {
        let pool = Arc::clone(&self.pool);
        self.run(who, move || job(&pool))
    }

    /// An object was handed out: it was idle, or it is new and there was a reason.
    fn handed_out(&mut self, id: usize, made_before: usize) {
        self.site().counts.gets += 1;
        if id >= made_before {
            self.assert_miss();
        } else {
            let was = self.site().idle.remove(&id);
            assert!(was.is_some(), "{id} was not idle");
        }
    }

    /// A get found nothing.
    fn assert_miss(&mut self) {
        let hidden = if self.alone() {
            0
        } else {
            self.pool.stats().workers * self.site().settings.depth.min(MAGAZINE)
        };
        let idle = self.site().idle.len();
        assert!(idle <= hidden, "a miss, though {idle} were idle, {hidden} out of reach");
    }

    /// One guard fewer. `true`: it was the last thing that kept an old pool, whose objects are dropped.
    fn ended(&mut self, site: usize) -> bool {
        let is_old = site < self.now();
        self.sites[site].lent -= 1;
        is_old && self.sites[site].lent == 0
    }

    /// An old pool went, and with it what was idle, and these.
    fn buried(&mut self, site: usize, mut also: Vec<usize>) {
        also.extend(mem::take(&mut self.sites[site].idle).into_keys());
        also.sort_unstable();
        let mut dropped = self.ledger.dropped();
        dropped.sort_unstable();
        assert_eq!(dropped, also, "what was left of a pool");
    }

    /// A guard was dropped.
    fn returned(&mut self, site: usize, id: usize, weight: usize, end: &Result<(), WentOff>) {
        if self.ended(site) {
            // Kept or not, it is gone.
            let fired = self.ledger.fired().is_some();
            let blew = self.ledger.blew();
            assert_eq!(end.is_err(), fired || blew);
            self.buried(site, vec![id]);
        } else {
            self.came_back(site, id, weight, end);
        }
    }

    /// An object came back. Says what became of it, and of whom it displaced.
    fn came_back(&mut self, site: usize, id: usize, weight: usize, end: &Result<(), WentOff>) {
        let alone = self.alone();
        let (dropped, fired) = (self.ledger.dropped(), self.ledger.fired());
        assert_eq!(end.is_err(), fired.is_some() | self.ledger.blew());
        let site = &mut self.sites[site];
        let settings = &site.settings;
        let off = settings.max_idle == Some(0);
        let too_big = settings.max_object_bytes.is_some_and(|most| weight > most);
        if off || too_big || weight == UNLOVED || fired.is_some() {
            assert_eq!(dropped, [id], "refused");
            site.counts.discarded += 1;
            return;
        }
        let cycle = site.counts.cycles;
        site.idle.insert(id, (weight, cycle));
        // A heavy object may take the place of several light ones that were in line in the slot.
        let most = match settings.idle_bytes {
            Some(_) => settings.depth.max(1),
            None => 1,
        };
        assert!(dropped.len() <= most, "{dropped:?} went for one");
        for gone in &dropped {
            let fits = settings.max_idle.is_none_or(|most| site.idle.len() <= most);
            let room = fits && settings.idle_bytes.is_none();
            assert!(!(room && alone), "{gone} found no room, though there was");
            assert!(site.idle.remove(gone).is_some(), "{gone} was not idle");
        }
        site.counts.overflowed += dropped.len() as u64;
        site.counts.puts = site.counts.puts + 1 - dropped.len() as u64;
    }

    /// A cycle went by.
    fn aged(&mut self, end: &Result<Collected, WentOff>) {
        let gone = self.ledger.dropped();
        assert_eq!(end.is_err(), self.ledger.blew());
        let is_used = self.pool.stats() != Stats::default();
        let site = self.site();
        if let Ok(collected) = end {
            assert_eq!(gone.len(), collected.dropped);
        }
        for id in &gone {
            let (_, since) = site.idle.remove(id).expect("it was idle");
            let cycles = site.counts.cycles;
            assert!(since < cycles, "{id} came {since}, went {cycles}");
        }
        if let Ok(collected) = end {
            assert_eq!(collected.aged, site.idle.len());
        }
        if !is_used {
            // Nothing to age.
            return;
        }
        site.counts.aged_out += gone.len() as u64;
        site.counts.cycles += 1;
        if site.untouched {
            assert!(site.idle.is_empty(), "two cycles left {:?}", site.idle);
        }
        site.untouched = true;
    }

    /// One step of a thread, in which a callback panics if the fuse says so and it comes to that.
    pub(crate) fn step(&mut self, who: usize, step: &Step, fuse: Option<(Callback, usize)>) {
        let ages = matches!(step, Step::Collect | Step::CollectTwice | Step::Exit);
        self.site().untouched &= ages;
        self.ledger.set(fuse);
        self.take_step(who, step);
        self.ledger.set(None);
        assert_eq!(self.ledger.fired(), None, "a panic was swallowed");
        assert!(!self.ledger.blew(), "a destructor's panic was swallowed");
        self.check();
    }

    fn take_step(&mut self, who: usize, step: &Step) {
        let made = self.ledger.made();
        let now = self.now();
        match *step {
            Step::Get => match self.by(who, |pool| pool.get_owned()) {
                Ok(guard) => {
                    self.handed_out(guard.id, made);
                    self.lend(guard);
                }
                Err(WentOff) => self.nothing_was_made(made),
            },
            Step::TryGet => {
                let job = |pool: &Arc<JudgedPool>| pool.try_get().map(Guard::into_inner);
                match self.by(who, job).expect("no callback") {
                    Some(object) => {
                        self.handed_out(object.id, made);
                        self.outside.push(object);
                    }
                    None => self.assert_miss(),
                }
            }
            Step::GetWith(weight) => {
                let ledger = Arc::clone(&self.ledger);
                let job = move |pool: &Arc<JudgedPool>| {
                    let guard = pool.get_with(|| ledger.object(weight));
                    (guard.id, guard.weight, caught(|| drop(guard)))
                };
                let (id, weight, end) = self.by(who, job).expect("its own constructor");
                self.handed_out(id, made);
                self.came_back(now, id, weight, &end);
            }
            Step::TryGetWith(result) => {
                let ledger = Arc::clone(&self.ledger);
                let job = move |pool: &Arc<JudgedPool>| {
                    let guard = pool.try_get_with(|| result.map(|weight| ledger.object(weight)));
                    guard.map(|guard| (guard.id, guard.weight, caught(|| drop(guard))))
                };
                match self.by(who, job).expect("its own constructor") {
                    Ok((id, weight, end)) => {
                        self.handed_out(id, made);
                        self.came_back(now, id, weight, &end);
                    }
                    Err(()) => {
                        assert_eq!(result, Err(()));
                        self.assert_miss();
                    }
                }
            }
            Step::Grow(at, weight) => {
                if let Some((guard, _)) = self.lent.get_mut(at) {
                    guard.weight = weight;
                }
            }
            Step::Arm(at) => {
                if let Some((guard, _)) = self.lent.get_mut(at) {
                    guard.is_bomb = true;
                }
            }
            Step::Return(at) if at < self.lent.len() => {
                let (guard, site) = self.lent.swap_remove(at);
                let (id, weight) = (guard.id, guard.weight);
                let end = self.run(who, move || drop(guard));
                self.returned(site, id, weight, &end);
            }
            Step::Discard(at) if at < self.lent.len() => {
                let (guard, site) = self.lent.swap_remove(at);
                let id = guard.id;
                let end = self.run(who, move || OwnedGuard::discard(guard));
                assert_eq!(end.is_err(), self.ledger.blew());
                if self.ended(site) {
                    self.buried(site, vec![id]);
                } else {
                    assert_eq!(self.ledger.dropped(), [id]);
                    self.sites[site].counts.discarded += 1;
                }
            }
            Step::IntoInner(at) if at < self.lent.len() => {
                let (guard, site) = self.lent.swap_remove(at);
                let id = guard.id;
                let end = self.run(who, move || OwnedGuard::into_inner(guard));
                assert_eq!(end.is_err(), self.ledger.blew());
                if self.ended(site) {
                    // A destructor's panic, when the pool goes, takes the object along.
                    self.buried(site, end.is_err().then_some(id).into_iter().collect());
                }
                self.outside.extend(end);
            }
            Step::Forget => {
                let job = |pool: &Arc<JudgedPool>| {
                    let guard = pool.get();
                    let id = guard.id;
                    mem::forget(guard);
                    id
                };
                match self.by(who, job) {
                    Ok(id) => {
                        self.handed_out(id, made);
                        self.site().leaked += 1;
                    }
                    Err(WentOff) => self.nothing_was_made(made),
                }
            }
            Step::Put(weight) => {
                let object = self.outside.pop();
                let object = object.unwrap_or_else(|| self.ledger.object(weight));
                let (id, weight) = (object.id, object.weight);
                let end = self.by(who, move |pool| pool.put(object));
                self.came_back(now, id, weight, &end);
            }
            Step::Wrap(weight) => {
                let object = self.ledger.object(weight);
                let guard = self.by(who, move |pool| pool.wrap_owned(object));
                self.lend(guard.expect("no callback"));
            }
            Step::Swap(a, b) if a < self.lent.len() && b < self.lent.len() => self.lent.swap(a, b),
            Step::Reserve(count) => self.reserve(who, count),
            Step::Collect => {
                let end = self.by(who, |pool| pool.collect());
                self.aged(&end);
            }
            Step::CollectTwice => {
                for _ in 0..2 {
                    self.take_step(who, &Step::Collect);
                }
                assert!(self.site().idle.is_empty());
            }
            Step::Clear => {
                let end = self.by(who, |pool| pool.clear());
                let dropped = self.ledger.dropped();
                assert_eq!(end.is_err(), self.ledger.blew());
                assert_eq!(end.unwrap_or(dropped.len()), dropped.len());
                self.taken_out(&dropped);
            }
            Step::Drain(kept) => {
                let job = move |pool: &Arc<JudgedPool>| {
                    let mut drain = pool.drain();
                    let objects: Vec<Object> = drain.by_ref().take(kept).collect();
                    (objects, caught(|| drop(drain)))
                };
                let (objects, end) = self.by(who, job).expect("nothing is dropped");
                assert_eq!(end.is_err(), self.ledger.blew());
                assert_eq!(objects.len(), kept.min(self.site().idle.len()));
                let mut taken = self.ledger.dropped();
                taken.extend(objects.iter().map(|object| object.id));
                self.taken_out(&taken);
                self.outside.extend(objects);
            }
            Step::Exit => {
                if let Some(thread) = self.threads[who].take() {
                    thread.end();
                }
            }
            Step::ExitHolding(at) if at < self.lent.len() && who > 0 => {
                self.exit_holding(who, at);
            }
            Step::Replace(ref settings) => {
                let pool = Judge(Arc::clone(&self.ledger));
                let pool = Arc::new(settings.builder().build(pool));
                let old = mem::replace(&mut self.pool, pool);
                let end = self.run(who, move || drop(old));
                assert_eq!(end.is_err(), self.ledger.blew());
                self.sites.push(Site { settings: Settings::clone(settings), ..Site::default() });
                if self.sites[now].lent == 0 {
                    self.buried(now, Vec::new());
                }
            }
            _ => {}
        }
    }

    fn lend(&mut self, guard: Lent) {
        let now = self.now();
        self.lent.push((guard, now));
        self.site().lent += 1;
    }

    /// A constructor panicked.
    fn nothing_was_made(&mut self, made_before: usize) {
        assert_eq!(self.ledger.fired(), Some(Callback::Create));
        assert_eq!(self.ledger.made(), made_before);
        self.assert_miss();
    }

    /// All that was idle left the pool.
    fn taken_out(&mut self, taken: &[usize]) {
        assert_eq!(taken.len(), self.site().idle.len());
        for id in taken {
            let was = self.site().idle.remove(id);
            assert!(was.is_some(), "{id} was not idle");
        }
    }

    /// A panic of a thread-local destructor aborts, so there are no bombs in it.
    fn exit_holding(&mut self, who: usize, at: usize) {
        self.ledger.set(None);
        let (mut guard, site) = self.lent.swap_remove(at);
        let is_last = site < self.now() && self.sites[site].lent == 1;
        let is_bounded =
            |settings: &Settings| settings.max_idle.is_some() || settings.idle_bytes.is_some();
        if is_last || is_bounded(&self.sites[site].settings) {
            // Others' bombs could be dropped.
            return self.lent.push((guard, site));
        }
        guard.is_bomb = false;
        let (id, weight) = (guard.id, guard.weight);
        self.run(who, move || LUGGAGE.set(Some(guard))).expect("no callback");
        self.take_step(who, &Step::Exit);
        self.returned(site, id, weight, &Ok(()));
    }

    fn reserve(&mut self, who: usize, count: usize) {
        let before = self.ledger.made();
        let end = self.by(who, move |pool| pool.reserve(count));
        let gone = self.ledger.dropped();
        let fired = self.ledger.fired();
        assert_eq!(end.is_err(), fired.is_some() | self.ledger.blew());
        let mut made: Vec<usize> = (before..self.ledger.made()).collect();
        let site = self.site();
        if site.settings.max_idle == Some(0) {
            assert!(made.is_empty(), "pooling is off");
            return;
        }
        if fired == Some(Callback::Footprint) {
            // That one was never the pool's.
            assert_eq!(made.pop().as_slice(), gone);
        }
        let cycle = site.counts.cycles;
        let most = site.settings.max_object_bytes;
        if most.is_some_and(|most| NEW > most) {
            assert!(made.len() <= 1);
            assert!(fired.is_some() || gone.len() == made.len());
            site.counts.reserved += made.len() as u64;
            site.counts.discarded += made.len() as u64;
            return;
        }
        let gone = if fired.is_some() { vec![] } else { gone };
        site.counts.reserved += made.len() as u64;
        site.counts.puts += (made.len() - gone.len()) as u64;
        site.counts.overflowed += gone.len() as u64;
        assert!(gone.len() <= 1, "stops at the first that finds no room");
        site.idle.extend(made.into_iter().map(|id| (id, (NEW, cycle))));
        for id in gone {
            assert!(site.idle.remove(&id).is_some(), "{id} was not idle");
        }
        let bounded = site.settings.max_idle.is_some() || site.settings.idle_bytes.is_some();
        assert!(bounded || fired.is_some() || site.idle.len() >= count);
    }

    fn check(&mut self) {
        assert_eq!(self.ledger.dropped(), [] as [usize; 0], "dropped by nobody");
        let stats = self.pool.stats();
        let site = self.site();
        assert_eq!(stats.idle, site.idle.len(), "{stats}");
        assert_eq!(stats.live, site.idle.len() + site.lent + site.leaked, "{stats}");
        let weight: usize = site.idle.values().map(|(weight, _)| weight).sum();
        assert_eq!(stats.idle_bytes, weight, "{stats}");
        let settings = &site.settings;
        assert!(settings.max_idle.is_none_or(|most| stats.idle <= most), "{stats}");
        assert!(settings.idle_bytes.is_none_or(|most| weight <= most), "{stats}");
        let counts = &site.counts;
        assert_eq!(stats.gets, counts.gets, "{stats}");
        assert_eq!(stats.creates + hits(&stats), counts.gets + counts.reserved, "{stats}");
        assert_eq!(stats.puts, counts.puts, "{stats}");
        assert_eq!(stats.discarded, counts.discarded, "{stats}");
        assert_eq!(stats.overflowed, counts.overflowed, "{stats}");
        assert_eq!(stats.aged_out, counts.aged_out, "{stats}");
        assert_eq!(stats.cycles, counts.cycles, "{stats}");
        assert!(stats.workers <= crate::common::processors(), "{stats}");
    }

    /// Everybody goes home.
    pub(crate) fn end(mut self) {
        while !self.lent.is_empty() {
            self.step(0, &Step::Discard(0), None);
        }
        let outside = self.outside.len();
        for object in mem::take(&mut self.outside) {
            // A bomb's panic, or none.
            let _ = caught(|| drop(object));
        }
        assert_eq!(self.ledger.dropped().len(), outside);
        self.ledger.blew();
        self.step(0, &Step::Replace(Box::default()), None);
        let leaked: usize = self.sites.iter().map(|site| site.leaked).sum();
        assert!(self.sites.iter().all(|site| site.idle.is_empty()));
        let World { pool, ledger, threads, .. } = self;
        drop(pool);
        threads.into_iter().flatten().for_each(Puppet::end);
        assert_eq!(ledger.dropped(), [] as [usize; 0], "no thread had any left");
        // The ledger, and each object that is left, is a holder.
        assert_eq!(Arc::strong_count(&ledger), 1 + leaked, "made = dropped + leaked");
    }
}
