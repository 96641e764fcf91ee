//! The three restartable sequences, and whether this process has them.
//!
//! If a thread is preempted, migrated or interrupted by a signal in the middle of a sequence, the kernel restarts the
//! sequence. The last instruction is the only store that other threads can see: it *commits*. So to all other threads of
//! its processor, a sequence is one atomic step. Section 3 of `docs/design.md` explains each instruction.
//!
//! | sequence | reads | commits | fails |
//! |---|---|---|---|
//! | [`pop`] | gate, header, newest object, its weight | `header`, less both | empty, or the gate is closed |
//! | [`push`] | gate, header; writes object and weight above the newest | `header`, with both, counted | full, too heavy, or closed |
//! | [`close`] | gate | `gate = HELD` | closed already |
//!
//! **Invariant.** While the gate is open, only sequences of this processor change the magazine. A collector on another
//! processor stops the gate first, and takes objects only after its [barrier](restart) has restarted all sequences that
//! were under way. A holder may open the gate from another processor, after it has changed the header. So a sequence
//! reads the gate before the header. (x86-64 keeps loads in order. AArch64 loads the gate with acquire.)

#[cfg_attr(loom, path = "../../loom-tests/model/sequences.rs")]
#[cfg_attr(
    all(
        target_os = "linux",
        target_env = "gnu",
        target_pointer_width = "64",
        any(target_arch = "x86_64", all(target_arch = "aarch64", stealpool_rseq_aarch64)),
        not(any(loom, shuttle, miri, stealpool_no_rseq))
    ),
    path = "rseq/native.rs"
)]
mod imp;

#[cfg(loom)]
pub(crate) use imp::migrate;
pub(crate) use imp::{available, close, head, here, pop, prepare, processors, push, restart};
