//! Models that must fail. If one passes, the facade is off and the other models prove nothing.

mod common;

use common::{Item, core, explore_broken};
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicUsize, fence};
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

/// Two owners of one worker: the slot's witness must see them.
#[test]
fn two_owners_are_seen() {
    explore_broken("canary: two owners", || {
        let core = core();
        let me = core.join();
        let other = Arc::clone(&core);
        let impostor = thread::spawn(move || {
            let me = other.impostor();
            let _ = me.put(Item::new(0));
        });
        let _ = me.put(Item::new(1));
        impostor.join().unwrap();
    });
}

/// An object used by two holders must be seen.
#[test]
#[expect(
    clippy::arc_with_non_send_sync,
    reason = "two holders of one object are the point"
)]
fn two_holders_are_seen() {
    explore_broken("canary: two holders", || {
        let item = Arc::new(Item::new(0));
        let other = Arc::clone(&item);
        let holder = thread::spawn(move || common::touch(&other));
        common::touch(&item);
        holder.join().unwrap();
    });
}

/// The hand-off in small, with its fences as parameters: without either of them it must fail.
#[test]
fn the_hand_off_needs_both_fences() {
    for (light, heavy) in [(false, true), (true, false), (false, false)] {
        explore_broken("canary: hand-off without a fence", move || {
            small_hand_off(light, heavy)
        });
    }
}

/// And with both it must pass, or the canary above sings for another reason.
#[test]
fn the_small_hand_off_is_right_otherwise() {
    common::explore("canary: hand-off with both fences", None, 50, || {
        small_hand_off(true, true)
    });
}

fn small_hand_off(light: bool, heavy: bool) {
    struct Slot {
        seq: AtomicUsize,
        claim: AtomicUsize,
        content: UnsafeCell<usize>,
    }
    // SAFETY: whether the protocol keeps the cell exclusive is what the model asks.
    unsafe impl Sync for Slot {}
    // SAFETY: as above.
    unsafe impl Send for Slot {}

    let slot = Arc::new(Slot {
        seq: AtomicUsize::new(0),
        claim: AtomicUsize::new(0),
        content: UnsafeCell::new(0),
    });
    let other = Arc::clone(&slot);
    let collector = thread::spawn(move || {
        other.claim.store(1, Relaxed);
        if heavy {
            fence(SeqCst);
        }
        if other.seq.load(Acquire) % 2 == 0 {
            // SAFETY: as above.
            other.content.with_mut(|content| unsafe { *content += 1 });
        }
        other.claim.store(0, Release);
    });
    for turn in 0..2 {
        slot.seq.store(2 * turn + 1, Relaxed);
        if light {
            fence(SeqCst);
        }
        if slot.claim.load(Acquire) == 0 {
            // SAFETY: as above.
            slot.content.with_mut(|content| unsafe { *content += 1 });
        }
        slot.seq.store(2 * turn + 2, Release);
    }
    collector.join().unwrap();
}
