//! A hash table from a pool's number to the thread's worker in it.
//!
//! Open addressing; a pool's number is the place where the search starts, but for a mask. The first few entries
//! are in the table itself: a thread that uses three pools or fewer allocates nothing for them. Entries of
//! dropped pools are swept when the table would have to grow, so what they leave behind is bounded by
//! what is alive.

use crate::roster::{self, PoolId};
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};

/// A thread's place in one pool.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(super) struct Seat {
    pub(super) id: u64,
    pub(super) worker: NonNull<()>,
    pub(super) index: u32,
    pub(super) tenancy: u32,
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

/// How many seats a table has in itself.
const FEW: usize = 4;

/// The table; its size is a power of two. Must not move while it uses the seats in itself.
#[repr(C, align(64))]
pub(super) struct Table {
    /// The seat found last. Every pool's number is looked up twice in a row, for a get and for its put.
    last_id: Cell<u64>,
    last_worker: Cell<NonNull<()>>,
    seats: Cell<*mut Seat>,
    /// The offset of the last seat, in bytes.
    mask: Cell<usize>,
    taken: Cell<usize>,
    ended: Cell<bool>,
    /// Where `seats` points while there are few; otherwise unused.
    few: UnsafeCell<[Seat; FEW]>,
}

impl Table {
    pub(super) const fn new() -> Self {
        Table {
            last_id: Cell::new(u64::MAX),
            last_worker: Cell::new(NonNull::dangling()),
            seats: Cell::new(LOBBY_SEATS),
            mask: Cell::new(0),
            taken: Cell::new(0),
            ended: Cell::new(false),
            few: UnsafeCell::new([Seat::VACANT; FEW]),
        }
    }

    /// One that nobody may sit down at.
    pub(super) fn of_a_thread_that_ends() -> Self {
        let table = Table::new();
        table.ended.set(true);
        table
    }

    /// Takes all seats, the last ones of this thread.
    pub(super) fn end(&self) -> Taken {
        self.ended.set(true);
        self.take_all()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// The worker in the pool of this number, if it sits where the search starts.
    #[inline(always)]
    pub(super) fn find(&self, id: u64) -> Option<NonNull<()>> {
        if self.last_id.get() == id {
            return Some(self.last_worker.get());
        }
        let first = self.seat(self.home(id));
        (first.id == id).then(|| self.found(first))
    }

    /// The worker in the pool of this number, wherever it sits.
    pub(super) fn probe(&self, id: u64) -> Option<NonNull<()>> {
        let seat = self.seat(self.position(id)?);
        Some(self.found(seat))
    }

    #[inline(always)]
    fn found(&self, seat: &Seat) -> NonNull<()> {
        self.last_id.set(seat.id);
        self.last_worker.set(seat.worker);
        seat.worker
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

    pub(super) fn insert(&self, seat: Seat) {
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
    pub(super) fn remove(&self, id: u64) {
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
        let capacity = ((live().count() + 1) * 2).next_power_of_two().max(FEW);
        let seats = if capacity == FEW {
            // The seats in the table are vacant, from the start or since `take_all`.
            self.few.get().cast::<Seat>()
        } else {
            Box::into_raw(vec![Seat::VACANT; capacity].into_boxed_slice()).cast::<Seat>()
        };
        self.seats.set(seats);
        self.mask.set((capacity - 1) * SEAT);
        live().for_each(|seat| self.place(*seat));
    }

    /// Whether the table is the one that nobody sits in.
    fn is_lobby(&self) -> bool {
        ptr::eq(self.seats.get(), LOBBY_SEATS)
    }

    /// Takes all seats and leaves the lobby.
    fn take_all(&self) -> Taken {
        if self.is_lobby() {
            return Taken::Few([Seat::VACANT; FEW]);
        }
        self.last_id.set(u64::MAX);
        let capacity = self.capacity();
        let seats = self.seats.replace(LOBBY_SEATS);
        self.mask.set(0);
        self.taken.set(0);
        if capacity == FEW {
            // SAFETY: the table is this thread's alone, and no reference to its seats is ever kept.
            return Taken::Few(unsafe { self.few.get().replace([Seat::VACANT; FEW]) });
        }
        let seats = ptr::slice_from_raw_parts_mut(seats, capacity);
        // SAFETY: `rebuild` made a table of more than a few seats from a boxed slice of this length; it
        // was just let go.
        Taken::Many(unsafe { Box::from_raw(seats) })
    }
}

/// The seats of a table that was cleared.
pub(super) enum Taken {
    Few([Seat; FEW]),
    Many(Box<[Seat]>),
}

impl Taken {
    /// Those that somebody sat in.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Seat> {
        let seats = match self {
            Taken::Few(seats) => &seats[..],
            Taken::Many(seats) => seats,
        };
        seats.iter().filter(|seat| !seat.is_vacant())
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
            assert_eq!(table.take_all().iter().count(), serials.len() - 1);
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
    fn few_seats_are_in_the_table_itself() {
        let table = Table::new();
        for round in 1..4 {
            for serial in 1..FEW as u64 {
                table.insert(seat(round * 8 + serial));
                assert!(ptr::eq(table.seats.get(), table.few.get().cast::<Seat>()));
            }
            let mut taken: Vec<u64> = table.take_all().iter().map(|seat| seat.id).collect();
            taken.sort_unstable();
            let expected: Vec<u64> = (1..FEW as u64).map(|i| seat(round * 8 + i).id).collect();
            assert_eq!(taken, expected);
            assert!(table.is_lobby() && table.take_all().iter().next().is_none());
        }
    }

    #[test]
    fn an_empty_table_has_nobody() {
        assert!(Table::new().position(1 << PoolId::SHIFT).is_none());
        assert!(Table::new().find(0).is_none());
    }
}
