//! Objects and a policy that go off when told to, and a ledger of who was dropped.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use stealpool::Policy;

/// A panic that was wanted.
#[derive(Debug)]
pub(crate) struct WentOff;

/// Panics without a word on stderr.
pub(crate) fn go_off() -> ! {
    resume_unwind(Box::new(WentOff))
}

/// The result of `f`, or a panic that was wanted; others go on.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, WentOff> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| match payload.downcast() {
        Ok(wanted) => *wanted,
        Err(payload) => resume_unwind(payload),
    })
}

/// A call of the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    Create,
    Recycle,
    Footprint,
}

/// Says who was dropped, and which callback is to panic.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Records>);

#[derive(Default)]
struct Records {
    made: usize,
    dropped: Vec<usize>,
    /// Which callback panics, after so many calls.
    fuse: Option<(Callback, usize)>,
    fired: Option<Callback>,
    /// A destructor has panicked.
    blew: bool,
}

impl Ledger {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().expect("nobody panics in here")
    }

    pub(crate) fn object(self: &Arc<Self>, weight: usize) -> Object {
        let mut records = self.records();
        records.made += 1;
        Object { id: records.made - 1, weight, is_bomb: false, ledger: Arc::clone(self) }
    }

    pub(crate) fn made(&self) -> usize {
        self.records().made
    }

    /// Who was dropped since the last time.
    pub(crate) fn dropped(&self) -> Vec<usize> {
        mem::take(&mut self.records().dropped)
    }

    pub(crate) fn set(&self, fuse: Option<(Callback, usize)>) {
        self.records().fuse = fuse;
    }

    /// Which callback has panicked since the last time.
    pub(crate) fn fired(&self) -> Option<Callback> {
        self.records().fired.take()
    }

    /// Whether a destructor has panicked since the last time.
    pub(crate) fn blew(&self) -> bool {
        mem::take(&mut self.records().blew)
    }

    fn called(&self, callback: Callback) {
        let mut records = self.records();
        match records.fuse {
            Some((which, 0)) if which == callback => {
                (records.fuse, records.fired) = (None, Some(callback));
                drop(records);
                go_off();
            }
            Some((which, calls)) if which == callback => records.fuse = Some((which, calls - 1)),
            _ => {}
        }
    }
}

pub(crate) struct Object {
    pub(crate) id: usize,
    pub(crate) weight: usize,
    /// Whether the destructor panics.
    pub(crate) is_bomb: bool,
    ledger: Arc<Ledger>,
}

impl Drop for Object {
    fn drop(&mut self) {
        let mut records = self.ledger.records();
        records.dropped.push(self.id);
        if self.is_bomb && !thread::panicking() {
            records.blew = true;
            drop(records);
            go_off();
        }
    }
}

/// Refuses objects that weigh `UNLOVED`.
pub(crate) struct Judge(pub(crate) Arc<Ledger>);

pub(crate) const UNLOVED: usize = 13;
pub(crate) const NEW: usize = 10;

impl Policy<Object> for Judge {
    fn create(&self) -> Object {
        self.0.called(Callback::Create);
        self.0.object(NEW)
    }
    fn recycle(&self, object: &mut Object) -> bool {
        self.0.called(Callback::Recycle);
        object.weight != UNLOVED
    }
    fn footprint(&self, object: &Object) -> usize {
        self.0.called(Callback::Footprint);
        object.weight
    }
}
