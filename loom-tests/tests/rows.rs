//! Storage that grows while it is read: an entry that is found is built, and there is one of each.

mod common;

use common::{Bound, explore};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use stealpool::model::Rows;

/// Written when it is made, read by whoever finds it.
struct Entry {
    built: UnsafeCell<bool>,
}

// SAFETY: loom checks that no write overlaps a read.
unsafe impl Sync for Entry {}
// SAFETY: as above.
unsafe impl Send for Entry {}

impl Entry {
    fn build() -> Self {
        let entry = Entry { built: UnsafeCell::new(false) };
        // SAFETY: as above.
        entry.built.with_mut(|built| unsafe { *built = true });
        entry
    }

    fn is_built(&self) -> bool {
        // SAFETY: as above.
        self.built.with(|built| unsafe { *built })
    }
}

fn grow(rows: &Rows<Entry>, i: usize) -> *const Entry {
    let entry = rows.get_or_grow(i, Entry::build);
    assert!(entry.is_built());
    entry
}

/// *Threads*: two that need the same entry; one that looks for it.
/// *Proves*: they find one entry, and find it built.
/// *Fails if*: what a bucket's box points to is not published.
#[test]
fn two_need_an_entry_and_one_looks() {
    let name = "rows: grow || the same || look";
    explore(name, Bound::of(Some(3), None), 100, || {
        let rows = Arc::new(Rows::new());
        let other = Arc::clone(&rows);
        let racer = thread::spawn(move || grow(&other, 2).addr());
        let other = Arc::clone(&rows);
        let onlooker = thread::spawn(move || other.get(2).is_none_or(Entry::is_built));
        let mine = grow(&rows, 2).addr();
        assert_eq!(mine, racer.join().unwrap());
        assert!(onlooker.join().unwrap());
    });
}
