//! Which worker is mine, and what happens when my thread ends.
//!
//! Each thread has one table for all pools (`table.rs`): from a pool's number to the thread's worker in it.
//! Numbers are never used again, so an entry cannot be taken for another pool's.
//!
//! Two thread-locals: the table has no destructor, so finding a worker is one access without a state
//! check, and works during thread teardown; the other one is only there to have a destructor, and is
//! touched when the thread takes its first seat. The same split as in `thread_local`.
//!
//! When the thread ends, its workers are given back, with what is in them. No object is dropped then,
//! unless the pool itself is being dropped and this thread is the last to let go of it.
//! From that moment on the thread has no worker, and the pool uses its shared store.

#[expect(
    unsafe_code,
    reason = "a raw slice, so that finding a worker is one load"
)]
mod table;

use crate::roster::{self, PoolId};
use crate::sync::local::{self, thread_local};
use std::ptr::NonNull;
use table::{Seat, Table};

thread_local! {
    static TABLE: Table = const {
        Table::new()
    };
    static LEAVE: Leave = const { Leave };
}

/// The thread's table; one of a thread that is ending, where it is gone.
#[inline(always)]
fn table<R>(f: impl FnOnce(&Table) -> R) -> R {
    local::first(|| _ = LEAVE.try_with(|_| ()));
    local::lasting(&TABLE, Table::of_a_thread_that_ends, f)
}

/// The thread's worker in the pool of this number, if it sits where the search starts.
#[inline(always)]
pub(crate) fn find(id: u64) -> Option<NonNull<()>> {
    table(|table| table.find(id))
}

/// The thread's worker in the pool of this number, wherever it sits.
pub(crate) fn probe(id: u64) -> Option<NonNull<()>> {
    table(|table| table.probe(id))
}

/// Takes a seat. `false`: the thread is ending.
pub(crate) fn sit(id: PoolId, worker: NonNull<()>, index: usize, tenancy: u32) -> bool {
    table(|table| {
        if table.has_ended() || LEAVE.try_with(|_| ()).is_err() {
            return false;
        }
        table.insert(Seat {
            id: id.get(),
            worker,
            index: index as u32,
            tenancy,
        });
        true
    })
}

/// Gives up the calling thread's seat in a pool that is being dropped.
pub(crate) fn forget(id: u64) {
    table(|table| table.remove(id));
}

/// Whether the calling thread can have a worker at all.
pub(crate) fn is_ending() -> bool {
    table(Table::has_ended)
}

/// Ends the thread's tenancies when the thread ends.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        let seats = table(Table::end);
        for seat in seats.iter() {
            if let Some(member) = roster::find(PoolId::from_raw(seat.id)) {
                member.leave(seat.index as usize, seat.tenancy);
            }
        }
    }
}
