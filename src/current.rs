//! Which worker is mine, and what happens when my thread ends.
//!
//! Each thread has one table for all pools: a hash table from a pool's number to the thread's worker
//! in it. Numbers are never used again, so an entry cannot be taken for another pool's. Entries of
//! dropped pools are swept when the table would have to grow, so what they leave behind is bounded
//! by what is alive.
//!
//! Two thread-locals: the table has no destructor, so finding a worker is one access without a state
//! check, and works during thread teardown; the other one is only there to have a destructor, and is
//! touched when the thread takes its first seat. The same split as in `thread_local`.
//!
//! When the thread ends, its workers are given back, with what is in them. No object is dropped then,
//! unless the pool itself is being dropped and this thread is the last to let go of it.
//! From that moment on the thread has no worker, and the pool uses its shared store.

use crate::roster::{self, PoolId};
use crate::sync::local::{self, thread_local};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// A thread's place in one pool.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Seat {
    id: u64,
    worker: NonNull<()>,
    index: u32,
    tenancy: u32,
}

impl Seat {
    /// No pool has this number (an unused pool's is 0); the pointer is never followed.
    const VACANT: Seat = Seat {
        id: u64::MAX,
        worker: NonNull::dangling(),
        index: 0,
        tenancy: 0,
    };

    fn is_vacant(&self) -> bool {
        self.id == u64::MAX
    }
}

/// A seat that nobody takes, so that a lookup needs no test for an empty table.
struct Lobby(Seat);

// SAFETY: the seat is never written, and its pointer is never followed.
unsafe impl Sync for Lobby {}

static LOBBY: Lobby = Lobby(Seat::VACANT);

/// The lobby as a table of one; [`Table::set`] never writes there.
const LOBBY_SEATS: *mut Seat = (&raw const LOBBY.0).cast_mut();

/// The size of a seat; the low bits of a pool's number make a multiple of it.
const SEAT: usize = 1 << PoolId::SHIFT;
const _: () = assert!(size_of::<Seat>() == SEAT);

/// An open-addressing table; its size is a power of two.
struct Table {
    /// The seat found last. Every pool's number is looked up twice in a row, for a get and for its put.
    last_id: Cell<u64>,
    last_worker: Cell<NonNull<()>>,
    seats: Cell<*mut Seat>,
    /// The offset of the last seat, in bytes.
    mask: Cell<usize>,
    taken: Cell<usize>,
    ended: Cell<bool>,
}

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
    table(|table| {
        if table.last_id.get() == id {
            return Some(table.last_worker.get());
        }
        let first = table.seat(table.home(id));
        if first.id != id {
            return None;
        }
        table.last_id.set(id);
        table.last_worker.set(first.worker);
        Some(first.worker)
    })
}

/// The thread's worker in the pool of this number, wherever it sits.
pub(crate) fn probe(id: u64) -> Option<NonNull<()>> {
    table(|table| {
        let seat = table.seat(table.position(id)?);
        table.last_id.set(id);
        table.last_worker.set(seat.worker);
        Some(seat.worker)
    })
}

/// Takes a seat. `false`: the thread is ending.
pub(crate) fn sit(id: PoolId, worker: NonNull<()>, index: usize, tenancy: u32) -> bool {
    table(|table| {
        if table.ended.get() || LEAVE.try_with(|_| ()).is_err() {
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
    table(|table| table.ended.get())
}

impl Table {
    const fn new() -> Self {
        Table {
            last_id: Cell::new(u64::MAX),
            last_worker: Cell::new(NonNull::dangling()),
            seats: Cell::new(LOBBY_SEATS),
            mask: Cell::new(0),
            taken: Cell::new(0),
            ended: Cell::new(false),
        }
    }

    fn of_a_thread_that_ends() -> Self {
        let table = Table::new();
        table.ended.set(true);
        table
    }

    /// Where the search for a number starts, as an offset in bytes.
    #[inline(always)]
    fn home(&self, id: u64) -> usize {
        id as usize & self.mask.get()
    }

    /// The offset after this one.
    fn after(&self, at: usize) -> usize {
        (at + SEAT) & self.mask.get()
    }

    #[inline(always)]
    fn seat(&self, at: usize) -> &Seat {
        let seats = self.seats.get();
        // SAFETY: `at` is a multiple of a seat's size up to `mask`, the offset of the last seat (the
        // lobby has one seat, and its mask is 0).
        let seat = unsafe { seats.byte_add(at) };
        // SAFETY: in bounds, as above. The table is this thread's alone, and no method writes to it
        // while it holds such a reference.
        unsafe { &*seat }
    }

    fn set(&self, at: usize, seat: Seat) {
        debug_assert!(!self.is_lobby() && at <= self.mask.get());
        // SAFETY: as in `seat`; callers made sure that the table is not the lobby.
        let place = unsafe { self.seats.get().byte_add(at) };
        // SAFETY: in bounds, as above; the table is this thread's alone.
        unsafe { *place = seat };
    }

    /// How many seats there are.
    fn capacity(&self) -> usize {
        if self.is_lobby() {
            0
        } else {
            self.mask.get() / SEAT + 1
        }
    }

    fn position(&self, id: u64) -> Option<usize> {
        let mut at = self.home(id);
        loop {
            let seat = self.seat(at);
            if seat.id == id {
                return Some(at);
            }
            // At least a quarter is vacant, so this ends.
            if seat.is_vacant() {
                return None;
            }
            at = self.after(at);
        }
    }

    fn insert(&self, seat: Seat) {
        if (self.taken.get() + 1) * 4 > self.capacity() * 3 {
            self.rebuild();
        }
        self.place(seat);
    }

    fn place(&self, seat: Seat) {
        let mut at = self.home(seat.id);
        while !self.seat(at).is_vacant() {
            at = self.after(at);
        }
        self.set(at, seat);
        self.taken.set(self.taken.get() + 1);
    }

    /// Removes a seat and closes the gap, so that no lookup stops short.
    fn remove(&self, id: u64) {
        if self.last_id.get() == id {
            self.last_id.set(u64::MAX);
        }
        let Some(mut gap) = self.position(id) else {
            return;
        };
        let mask = self.mask.get();
        let mut at = gap;
        loop {
            at = self.after(at);
            let seat = *self.seat(at);
            if seat.is_vacant() {
                break;
            }
            let home = self.home(seat.id);
            // A seat may move into the gap unless its home lies behind the gap.
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.set(gap, seat);
                gap = at;
            }
        }
        self.set(gap, Seat::VACANT);
        self.taken.set(self.taken.get() - 1);
    }

    /// A new table of the right size for the pools that are alive and one more.
    fn rebuild(&self) {
        let old = self.take_all();
        let live = || {
            old.iter()
                .filter(|seat| roster::is_live(PoolId::from_raw(seat.id)))
        };
        let capacity = ((live().count() + 1) * 2).next_power_of_two().max(4);
        let seats = vec![Seat::VACANT; capacity].into_boxed_slice();
        self.seats.set(Box::into_raw(seats).cast::<Seat>());
        self.mask.set((capacity - 1) * SEAT);
        live().for_each(|seat| self.place(*seat));
    }

    /// Whether the table is the one that nobody sits in.
    fn is_lobby(&self) -> bool {
        ptr::eq(self.seats.get(), LOBBY_SEATS)
    }

    /// Takes all seats and leaves the lobby.
    fn take_all(&self) -> Vec<Seat> {
        if self.is_lobby() {
            return Vec::new();
        }
        self.last_id.set(u64::MAX);
        let capacity = self.capacity();
        let seats = self.seats.replace(LOBBY_SEATS);
        self.mask.set(0);
        self.taken.set(0);
        let seats = ptr::slice_from_raw_parts_mut(seats, capacity);
        // SAFETY: `rebuild` made the table from a boxed slice of this length; it was just let go.
        let seats = unsafe { Box::from_raw(seats) };
        seats
            .into_vec()
            .into_iter()
            .filter(|seat| !seat.is_vacant())
            .collect()
    }
}

/// Ends the thread's tenancies when the thread ends.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        let seats = table(|table| {
            table.ended.set(true);
            table.take_all()
        });
        for seat in seats {
            if let Some(member) = roster::find(PoolId::from_raw(seat.id)) {
                member.leave(seat.index as usize, seat.tenancy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(serial: u64) -> Seat {
        Seat {
            id: serial << PoolId::SHIFT,
            worker: NonNull::dangling(),
            index: 0,
            tenancy: 1,
        }
    }

    /// Fills a table by hand, past the sweep, which would find none of these pools alive.
    fn filled(serials: &[u64]) -> Table {
        let table = Table::new();
        let seats = vec![Seat::VACANT; 8].into_boxed_slice();
        table.seats.set(Box::into_raw(seats).cast::<Seat>());
        table.mask.set(7 * SEAT);
        serials.iter().for_each(|serial| table.place(seat(*serial)));
        table
    }

    #[test]
    fn colliding_seats_survive_each_removal() {
        let serials = [7, 15, 23, 8, 16, 6];
        for gone in serials {
            let table = filled(&serials);
            table.remove(gone << PoolId::SHIFT);
            for serial in serials {
                let found = table.position(serial << PoolId::SHIFT).is_some();
                assert_eq!(found, serial != gone, "{serial} after removing {gone}");
            }
            assert_eq!(table.take_all().len(), serials.len() - 1);
        }
    }

    #[test]
    fn a_full_table_sweeps_dropped_pools_before_it_grows() {
        let table = Table::new();
        for serial in 1..=10_000 {
            table.insert(seat((1 << 34) + serial));
        }
        assert!(table.capacity() <= 8, "none of these pools is alive");
        table.take_all();
    }

    #[test]
    fn an_empty_table_has_nobody() {
        assert!(Table::new().position(1 << PoolId::SHIFT).is_none());
        assert!(find(0).is_none());
    }
}
