//! The asymmetric fence, which loom cannot see: every execution of the doze on processors with store buffers,
//! where the light side has no fence at all and the heavy side interrupts everybody.
//!
//! The programs are those of `src/sys/doze.rs`, one instruction a memory access. Broken variants must be
//! caught, or the explorer proves nothing.

#[path = "tso/mod.rs"]
#[expect(dead_code, reason = "the doze has no sequences")]
mod tso;

use tso::{Barrier, Cpu, Flow, Model, Of, Place, Setup, explore};

const OBJECTS: Place = 0;
const ASLEEP: Place = 1;
const WOKEN: Place = 2;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    /// Becomes 1.
    Set(Place),
    Load(Place),
    /// From 1 to 0.
    Rouse,
    Fence,
    Barrier,
    /// Unless the last load or exchange gave 1, goes to the end.
    UnlessOne,
    End,
}

/// What the last load or exchange gave.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Seen(u8);

impl tso::Registers for Seen {
    /// There are no sequences.
    fn restart(&mut self) {}
}

struct Doze;

impl Model for Doze {
    type Op = Op;
    type Registers = Seen;
    type Ghost = ();

    fn is_local(op: Op) -> bool {
        matches!(op, Op::UnlessOne | Op::End)
    }

    fn execute(cpu: &mut Cpu<'_, Self>, op: Op) -> Result<Flow<Op>, &'static str> {
        match op {
            Op::Set(place) => cpu.store(place, 1),
            Op::Load(place) => cpu.registers().0 = cpu.load(place),
            Op::Rouse => cpu.registers().0 = cpu.exchange(ASLEEP, 1, 0).into(),
            Op::Fence => cpu.fence(),
            Op::Barrier => {
                return Ok(Flow::Await(Barrier {
                    fences: true,
                    restarts: false,
                }));
            }
            Op::UnlessOne if cpu.registers().0 != 1 => return Ok(Flow::Behind(Op::End)),
            Op::UnlessOne | Op::End => {}
        }
        Ok(Flow::Next)
    }

    /// The sleeper is the first thread.
    fn end(state: &Of<Self>) -> Result<(), &'static str> {
        let saw_nothing = state.threads[0].registers.0 == 0;
        if saw_nothing && state.memory[usize::from(WOKEN)] == 0 {
            return Err("it sleeps, and nobody wakes it");
        }
        Ok(())
    }
}

/// Counts an object, then looks whether anyone sleeps.
fn creator(light: &[Op]) -> Vec<Op> {
    let look = [
        Op::Load(ASLEEP),
        Op::UnlessOne,
        Op::Rouse,
        Op::UnlessOne,
        Op::Set(WOKEN),
        Op::End,
    ];
    [&[Op::Set(OBJECTS)], light, &look].concat()
}

/// Says that it sleeps, then looks whether there is an object.
fn sleeper(heavy: &[Op]) -> Vec<Op> {
    [&[Op::Set(ASLEEP)], heavy, &[Op::Load(OBJECTS)]].concat()
}

/// Each thread on any of the processors.
fn run(processors: usize, programs: &[Vec<Op>]) -> Result<usize, &'static str> {
    explore::<Doze>(&Setup {
        processors,
        threads: programs.iter().map(|ops| (ops.clone(), 7)).collect(),
        restarts: true,
        memory: vec![0; 3],
        ghost: (),
    })
}

#[test]
fn the_first_object_is_not_slept_through() {
    for (light, heavy) in [(&[][..], Op::Barrier), (&[Op::Fence][..], Op::Fence)] {
        let (sleeper, creator) = (sleeper(&[heavy]), creator(light));
        run(2, &[sleeper.clone(), creator.clone()]).expect("right");
        let states = run(3, &[sleeper, creator.clone(), creator]);
        let states = states.expect("right, with two creators");
        assert!(states > 500, "only {states} states");
        println!("{states} states");
    }
}

#[test]
fn a_doze_without_its_fences_is_caught() {
    for heavy in [&[][..], &[Op::Fence]] {
        let programs = [sleeper(heavy), creator(&[])];
        run(2, &programs).expect_err("the count may wait in a buffer");
    }
    let programs = [sleeper(&[]), creator(&[Op::Fence])];
    run(2, &programs).expect_err("so may the sleeper's word");
    let late = [Op::Barrier, Op::Set(ASLEEP), Op::Load(OBJECTS)].to_vec();
    run(2, &[late, creator(&[])]).expect_err("a barrier before it says so is none");
}
