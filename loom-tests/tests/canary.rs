//! Models that must fail. If one passes, the facade is off and the other models prove nothing.

mod common;

use common::{Item, core, explore_broken};
use loom::thread;
use std::sync::Arc;

/// A worker used by one that has not closed its gate: the magazine's witness must see it.
#[test]
fn two_holders_of_a_worker_are_seen() {
    explore_broken("canary: two holders of a worker", || {
        let core = core();
        let me = core.join();
        assert!(me.put(Item::new(0)).is_empty());
        let other = Arc::clone(&core);
        let impostor = thread::spawn(move || drop(other.get_unheld(0)));
        drop(me.get());
        impostor.join().unwrap();
    });
}

/// An object used by two holders must be seen.
#[test]
#[expect(clippy::arc_with_non_send_sync, reason = "two holders of one object are the point")]
fn two_holders_are_seen() {
    explore_broken("canary: two holders", || {
        let item = Arc::new(Item::new(0));
        let other = Arc::clone(&item);
        let holder = thread::spawn(move || common::touch(&other));
        common::touch(&item);
        holder.join().unwrap();
    });
}
