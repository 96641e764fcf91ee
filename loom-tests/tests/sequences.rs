//! Restartable sequences against collectors: the whole core, entered as on Linux.
//!
//! Two processors; a thread is on one of them, and may wake up on the other. See `loom-tests/model/sequences.rs` for
//! what a sequence is here. What weakens the protocol is in `weak_sequences.rs`.

mod common;

use common::{Bound, Item, assert_conserved, explore, touch, touched, two_cycles};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Core, Cpu, Held};

fn core(capacity: usize) -> Arc<Core<Item>> {
    Arc::new(Core::by_sequences(capacity, u64::MAX))
}

fn put(cpu: &Cpu<'_, Item>, id: usize) {
    let item = Item::new(id);
    touch(&item);
    assert!(cpu.put(item).is_empty());
}

fn get(cpu: &Cpu<'_, Item>) -> Vec<Held<Item>> {
    touched(cpu.get())
}

/// A thread on this processor that takes objects out of the core.
fn on(
    processor: usize,
    core: &Arc<Core<Item>>,
    work: impl Fn(&Core<Item>) -> Vec<Held<Item>> + Send + 'static,
) -> thread::JoinHandle<Vec<Held<Item>>> {
    let core = Arc::clone(core);
    thread::spawn(move || {
        let _cpu = core.on(processor);
        touched(work(&core))
    })
}

/// *Threads*: two of one processor that put and get.
/// *Proves*: an object has one holder, though no sequence locks anything (1); a put happens-before the get (2).
/// *Fails if*: a sequence that was interrupted commits.
#[test]
fn two_threads_of_one_processor() {
    explore("sequences: put get || put get, one cpu", Some(3), 144, || {
        let core = core(2);
        let other = Arc::clone(&core);
        let neighbour = thread::spawn(move || {
            let cpu = other.on(0);
            put(&cpu, 1);
            get(&cpu)
        });
        let cpu = core.on(0);
        put(&cpu, 0);
        let mut held = get(&cpu);
        held.extend(neighbour.join().unwrap());
        assert_eq!(core.puts_and_hits(), (2, held.len() as u64));
        assert_conserved(&core, held, 2);
    });
}

/// A user on processor 0, whose objects a collector on `processor` takes.
fn a_user_against_a_taker(name: &str, processor: usize) {
    explore(name, Some(3), 500, move || {
        let core = core(2);
        let taker = on(processor, &core, |core| core.take_all());
        let cpu = core.on(0);
        put(&cpu, 0);
        let mut held = get(&cpu);
        put(&cpu, 1);
        held.extend(taker.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a user; a collector that takes everything, from the other processor.
/// *Proves*: a collector that has stopped a magazine and let its barrier pass is alone in it (1, 2).
/// *Fails if*: the barrier is left out, or does not restart sequences.
#[test]
fn a_user_against_a_collector() {
    a_user_against_a_taker("sequences: put get put || take all", 1);
}

/// *Threads*: a user; a collector on the same processor.
/// *Proves*: the same when the collector runs where the user was interrupted (1, 2).
/// *Fails if*: the barrier leaves out the collector's own processor.
#[test]
fn a_user_against_a_collector_of_its_processor() {
    a_user_against_a_taker("sequences: put get put || take all, one cpu", 0);
}

/// *Threads*: a user whose magazine overflows, so that it closes the gate; a collector.
/// *Proves*: a gate closed over a stop is the user's, and the collector turns away (1).
/// *Fails if*: the collector does not look at the gate after its barrier.
#[test]
fn a_user_that_closes_against_a_collector() {
    explore("sequences: put put get || take all", Some(2), 300, || {
        let core = core(1);
        let taker = on(1, &core, |core| core.take_all());
        let cpu = core.on(0);
        put(&cpu, 0);
        put(&cpu, 1);
        let mut held = get(&cpu);
        held.extend(taker.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a user that closes the gate; two collectors.
/// *Proves*: a collector does not take another one's stop for its own (1).
/// *Fails if*: there is no claim.
#[test]
fn a_user_against_two_collectors() {
    explore("sequences: put put || take all || take all", Bound::of(Some(1), Some(2)), 300, || {
        let core = core(1);
        let takers = [0, 1].map(|processor| on(processor, &core, |core| core.take_all()));
        let cpu = core.on(0);
        put(&cpu, 0);
        put(&cpu, 1);
        let mut held = Vec::new();
        for taker in takers {
            held.extend(taker.join().unwrap());
        }
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: one that wakes up on the other processor between its operations; one that stays there.
/// *Proves*: an object goes with the processor, not with the thread (1, 2).
/// *Fails if*: a sequence goes by the processor that its thread was on before.
#[test]
fn a_thread_that_moves() {
    explore("sequences: put, move, put get || put get", Some(3), 144, || {
        let core = core(2);
        let other = Arc::clone(&core);
        let neighbour = thread::spawn(move || {
            let cpu = other.on(1);
            put(&cpu, 2);
            get(&cpu)
        });
        let cpu = core.on(0);
        put(&cpu, 0);
        cpu.migrate(1);
        put(&cpu, 1);
        let mut held = get(&cpu);
        held.extend(neighbour.join().unwrap());
        assert_conserved(&core, held, 3);
    });
}

/// *Threads*: one that overflows its magazine on one processor; a thief on the other.
/// *Proves*: what goes below is found from another processor (3).
/// *Fails if*: a line of slots is passed over.
#[test]
fn a_thief_on_another_processor() {
    explore("sequences: put put put || get get", Some(2), 15, || {
        let core = core(1);
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let cpu = other.on(1);
            let mut held = get(&cpu);
            held.extend(get(&cpu));
            held
        });
        let cpu = core.on(0);
        (0..3).for_each(|id| put(&cpu, id));
        let mut held = thief.join().unwrap();
        while held.len() < 2 {
            cpu.migrate(1);
            let found = get(&cpu);
            assert_eq!(found.len(), 1, "within reach");
            held.extend(found);
        }
        assert_conserved(&core, held, 3);
    });
}

/// *Threads*: a user; a collector that runs two cycles.
/// *Proves*: what is put after a cycle has begun survives it; what is idle through two is gone (4).
/// *Fails if*: a magazine is taken though something has come since the look.
#[test]
fn a_user_against_two_cycles() {
    explore("sequences: put get put || cycle cycle", Some(2), 300, || {
        let core = core(1);
        let collector = on(1, &core, two_cycles);
        let cpu = core.on(0);
        put(&cpu, 0);
        let mut held = get(&cpu);
        put(&cpu, 1);
        held.extend(collector.join().unwrap());
        held.extend(core.cycle());
        held.extend(core.cycle());
        assert_eq!(core.idle(), 0);
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: two of one processor, in a pool that may keep two objects.
/// *Proves*: the bound holds at every moment, and everything is refunded (6).
/// *Fails if*: a magazine's share is reserved twice, or not given back.
#[test]
fn a_bound_by_sequences() {
    explore("sequences: put put || put get, bounded", Bound::of(Some(1), Some(2)), 300, || {
        let core: Arc<Core<Item>> = Arc::new(Core::by_sequences(1, 4));
        let other = Arc::clone(&core);
        let neighbour = thread::spawn(move || {
            let cpu = other.on(0);
            let mut held = cpu.put(Item::new(2));
            held.extend(cpu.get());
            held
        });
        let cpu = core.on(0);
        let mut held = cpu.put(Item::new(0));
        held.extend(cpu.put(Item::new(1)));
        assert!(core.charged().0 <= 4);
        held.extend(neighbour.join().unwrap());
        held.extend(core.take_all());
        assert_eq!(core.charged(), (0, 0));
        assert_conserved(&core, held, 3);
    });
}

/// *Threads*: a user; one that finds out that objects are expensive, on the other processor.
/// *Proves*: what was in a magazine moves down once, and what comes later goes down by itself: a get on the
/// other processor finds it (1, 3).
/// *Fails if*: a magazine that was in hand, or opened anew, keeps what it has.
#[test]
fn objects_turn_out_to_be_expensive() {
    explore("sequences: put get put || turn expensive", Some(2), 500, || {
        let core = core(2);
        let other = Arc::clone(&core);
        let finder = thread::spawn(move || {
            let _cpu = other.on(1);
            other.turn_expensive();
        });
        let cpu = core.on(0);
        put(&cpu, 0);
        let mut held = get(&cpu);
        put(&cpu, 1);
        finder.join().unwrap();
        held.into_iter().for_each(|held| assert!(cpu.put(held).is_empty()));
        cpu.migrate(1);
        held = get(&cpu);
        held.extend(get(&cpu));
        assert_eq!(held.len(), 2, "on whatever processor");
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a user; one that wants some bytes, on the other processor.
/// *Proves*: what is taken is taken once, and what is put back is found and booked again (1).
/// *Fails if*: what was reclaimed is put back twice, or not.
#[test]
fn a_user_against_one_who_wants_bytes() {
    explore("sequences: put put get || take bytes", Some(2), 200, || {
        let core = core(2);
        let taker = on(1, &core, |core| core.take_bytes(1));
        let cpu = core.on(0);
        put(&cpu, 0);
        put(&cpu, 1);
        let mut held = get(&cpu);
        held.extend(taker.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a user of a bounded pool; a collector, on the other processor.
/// *Proves*: a magazine's share is reserved and given back once (1); the bound is never exceeded.
/// *Fails if*: a share is given back that a sequence still fills.
#[test]
fn a_share_against_a_collector() {
    explore(
        "sequences: put get put || cycle cycle, bounded",
        Bound::of(Some(1), Some(2)),
        500,
        || {
            let core = Arc::new(Core::by_sequences(2, 4));
            let collector = on(1, &core, two_cycles);
            let cpu = core.on(0);
            put(&cpu, 0);
            let mut held = get(&cpu);
            put(&cpu, 1);
            held.extend(collector.join().unwrap());
            assert!(core.charged().0 <= 4);
            held.extend(touched(core.take_all()));
            assert_eq!(core.charged().0, 0);
            assert_conserved(&core, held, 2);
        },
    );
}

/// *Threads*: a collector's cycle; the last user, who leaves and takes all.
/// *Proves*: nothing is taken twice, without a barrier for who knows that nobody uses the pool; who lets go of it last
/// finds the rest (7).
/// *Fails if*: the collector keeps what it had stopped.
#[test]
fn closing_during_a_cycle() {
    explore("sequences: cycle || close, take all", Some(2), 30, || {
        let core = core(2);
        let cpu = core.on(0);
        put(&cpu, 0);
        put(&cpu, 1);
        let collector = on(1, &core, |core| core.cycle());
        core.close();
        let mut held = touched(core.take_all());
        held.extend(collector.join().unwrap());
        // Who lets go of the pool last takes all once more.
        held.extend(touched(core.take_all()));
        assert_eq!(held.len(), 2);
        assert_conserved(&core, held, 2);
    });
}
