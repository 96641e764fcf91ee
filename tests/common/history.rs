//! What happened to each object of a stress run, and whether it may have happened.
//!
//! Threads log into vectors of their own. The times come from one counter, so the checker puts each event at
//! its time and goes through them once. A take is noted after it returned and a give before the pool has the
//! object, so what the log says is held was held: two holders in the log are two holders.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Made,
    /// Lent by the pool; noted after the call.
    Took,
    /// Comes back to the pool; noted within the call, before the pool has it.
    Gave,
    /// Leaves the pool for good, or until it is given anew.
    LetGo,
    /// Forgotten by its holder.
    Leaked,
    Dropped,
    /// Dropped by a cycle.
    AgedOut,
    /// A cycle of the only collector, which ages no object.
    CycleBegan,
    CycleEnded,
}

/// What happened to whom. When is its place in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) op: Op,
    pub(crate) id: u32,
    pub(crate) thread: u32,
}

type Log = Vec<(u64, Event)>;

/// The events of one run.
#[derive(Default)]
pub(crate) struct History {
    clock: AtomicU64,
    /// Of threads that have ended.
    logs: Mutex<Vec<Log>>,
}

/// What a thread has noted, for each history that it has a part in.
#[derive(Default)]
struct Logs(Vec<(Arc<History>, Log)>);

impl Drop for Logs {
    fn drop(&mut self) {
        for (history, log) in mem::take(&mut self.0) {
            history.hand_in(log);
        }
    }
}

thread_local! {
    static LOGS: RefCell<Logs> = RefCell::default();
    static THREAD: Cell<u32> = const { Cell::new(0) };
    static IS_IN_CYCLE: Cell<bool> = const { Cell::new(false) };
}

fn thread() -> u32 {
    static THREADS: AtomicU32 = AtomicU32::new(1);
    if THREAD.get() == 0 {
        THREAD.set(THREADS.fetch_add(1, Relaxed));
    }
    THREAD.get()
}

impl History {
    fn hand_in(&self, log: Log) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.push(log);
    }

    pub(crate) fn note(self: &Arc<Self>, op: Op, id: usize) {
        let op = match op {
            Op::Dropped if IS_IN_CYCLE.get() => Op::AgedOut,
            op => op,
        };
        let (id, thread) = (id as u32, thread());
        let event = (self.clock.fetch_add(1, AcqRel), Event { op, id, thread });
        let noted = LOGS.try_with(|logs| {
            let logs = &mut logs.borrow_mut().0;
            let mine = logs.iter().rposition(|(of, _)| Arc::ptr_eq(of, self));
            let mine = mine.unwrap_or_else(|| {
                logs.push((Arc::clone(self), Log::new()));
                logs.len() - 1
            });
            logs[mine].1.push(event);
        });
        if noted.is_err() {
            // The thread's log went before the object did.
            self.hand_in(vec![event]);
        }
    }

    /// Runs a cycle of a pool that has no other collector.
    pub(crate) fn cycle<R>(self: &Arc<Self>, cycle: impl FnOnce() -> R) -> R {
        self.note(Op::CycleBegan, 0);
        IS_IN_CYCLE.set(true);
        let result = cycle();
        IS_IN_CYCLE.set(false);
        self.note(Op::CycleEnded, 0);
        result
    }

    /// All events, of this thread and of those that have ended.
    pub(crate) fn events(self: &Arc<Self>) -> Vec<Event> {
        LOGS.with_borrow_mut(|logs| {
            let mine = logs.0.iter().position(|(of, _)| Arc::ptr_eq(of, self));
            if let Some(mine) = mine {
                self.hand_in(logs.0.swap_remove(mine).1);
            }
        });
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = vec![None; self.clock.load(Acquire) as usize];
        for (time, event) in logs.drain(..).flatten() {
            events[time as usize] = Some(event);
        }
        let all = events.into_iter().collect::<Option<Vec<_>>>();
        all.expect("all threads have ended")
    }
}

/// A rule that is broken, and the two events that break it together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) first: Option<(usize, Event)>,
    pub(crate) then: Option<(usize, Event)>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rule)?;
        for (time, event) in [self.first, self.then].into_iter().flatten() {
            let Event { op, id, thread } = event;
            write!(f, "; {op:?} of object {id} by thread {thread} at {time}")?;
        }
        Ok(())
    }
}

pub(crate) const BEFORE_IT_WAS_MADE: &str = "used before it was made";
pub(crate) const MADE_TWICE: &str = "made twice";
pub(crate) const TWO_HOLDERS: &str = "taken while another holds it";
pub(crate) const NOT_GIVEN: &str = "taken, and had not come back";
pub(crate) const GIVEN_TWICE: &str = "given by who does not hold it";
pub(crate) const DROPPED_TWICE: &str = "dropped twice";
pub(crate) const DROPPED_IN_USE: &str = "dropped while it was out";
pub(crate) const USED_AFTER_DROP: &str = "used after it was dropped";
pub(crate) const USED_AFTER_LEAK: &str = "used after it was forgotten";
pub(crate) const AGED_EARLY: &str = "dropped by the first cycle since it came back";
pub(crate) const TWO_COLLECTORS: &str = "two cycles at once; their ageing cannot be judged";
pub(crate) const LOST: &str = "made is not dropped, leaked and idle together";

/// Where an object is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    /// Made; in its maker's hands, or given by the pool to itself.
    New,
    Held,
    Idle,
    Outside,
    Forgotten,
    Dead,
}

#[derive(Clone, Copy)]
struct Object {
    place: Place,
    /// Its last event, and the last one that brought it to the pool.
    last: usize,
    came: usize,
}

/// How many objects there were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) made: usize,
    pub(crate) dropped: usize,
    pub(crate) leaked: usize,
    pub(crate) idle: usize,
}

/// Goes through a history once. `idle` is what the pools hold at its end.
pub(crate) fn judge(events: &[Event], idle: usize) -> Result<Sums, Violation> {
    let mut objects: Vec<Object> = Vec::new();
    let mut sums = Sums { idle, ..Sums::default() };
    // When the cycle began that is on, and when the one before ended.
    let (mut cycle, mut ended) = (None, None);
    for (now, event) in events.iter().enumerate() {
        let broken = |rule, first: Option<usize>| {
            let then = Some((now, *event));
            let first = first.map(|time| (time, events[time]));
            Err(Violation { rule, first, then })
        };
        match event.op {
            Op::CycleBegan if cycle.is_some() => return broken(TWO_COLLECTORS, cycle),
            Op::CycleBegan => {
                cycle = Some(now);
                continue;
            }
            Op::CycleEnded => {
                (cycle, ended) = (None, Some(now));
                continue;
            }
            _ => {}
        }
        let id = event.id as usize;
        if id >= objects.len() {
            let nothing = Object { place: Place::Nowhere, last: 0, came: 0 };
            objects.resize(id + 1, nothing);
        }
        let object = &mut objects[id];
        let last = (object.place != Place::Nowhere).then_some(object.last);
        let place = match (event.op, object.place) {
            (Op::Made, Place::Nowhere) => {
                sums.made += 1;
                object.came = now;
                Place::New
            }
            (Op::Made, _) => return broken(MADE_TWICE, last),
            (_, Place::Nowhere) => return broken(BEFORE_IT_WAS_MADE, None),
            (Op::Dropped | Op::AgedOut, Place::Dead) => return broken(DROPPED_TWICE, last),
            (_, Place::Dead) => return broken(USED_AFTER_DROP, last),
            (_, Place::Forgotten) => return broken(USED_AFTER_LEAK, last),
            (Op::Took, Place::Held) => return broken(TWO_HOLDERS, last),
            (Op::Took, Place::Outside) => return broken(NOT_GIVEN, last),
            (Op::Took, Place::New | Place::Idle) => Place::Held,
            (Op::Gave | Op::LetGo | Op::Leaked, Place::Idle) => return broken(GIVEN_TWICE, last),
            (Op::Gave, _) => {
                object.came = now;
                Place::Idle
            }
            (Op::LetGo, _) => Place::Outside,
            (Op::Leaked, _) => {
                sums.leaked += 1;
                Place::Forgotten
            }
            (Op::Dropped | Op::AgedOut, Place::Held) => return broken(DROPPED_IN_USE, last),
            (op, _) => {
                // A cycle that was on when it came may count as its first.
                if op == Op::AgedOut && ended.is_none_or(|ended| ended < object.came) {
                    return broken(AGED_EARLY, Some(object.came));
                }
                sums.dropped += 1;
                Place::Dead
            }
        };
        (object.place, object.last) = (place, now);
    }
    if sums.made == sums.dropped + sums.leaked + sums.idle {
        return Ok(sums);
    }
    // One of those that nobody has accounted for.
    let is_out = |object: &&Object| matches!(object.place, Place::Held | Place::Outside);
    let is_in = |object: &&Object| matches!(object.place, Place::New | Place::Idle);
    let lost = objects.iter().find(is_out);
    let lost = lost.or_else(|| objects.iter().find(is_in));
    let [first, then] = [lost.map(|lost| lost.came), lost.map(|lost| lost.last)]
        .map(|time| time.map(|time| (time, events[time])));
    Err(Violation { rule: LOST, first, then })
}
