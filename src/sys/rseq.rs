//! The three restartable sequences, and whether this process has them.
//!
//! A restartable sequence is a few instructions. If the thread is preempted, migrated or interrupted by a signal in the
//! middle of them, the kernel restarts it at the first one. The last instruction is the only store that other threads can
//! see: it *commits*. So to all other threads of its processor, a sequence is one atomic step, without a lock and without
//! a locked instruction. The C library registers an area for each thread (glibc from 2.35 on). The kernel writes the
//! processor's number there, and reads the descriptor of the sequence that is under way.
//!
//! | sequence | reads | commits | fails |
//! |---|---|---|---|
//! | [`pop`] | gate, header, newest object, its weight | `header`, less both | empty, or the gate is closed |
//! | [`push`] | gate, header; writes object and weight above the newest | `header`, with both, counted | full, too heavy, or closed |
//! | [`close`] | gate | `gate = HELD` | closed already |
//!
//! **Exclusion.** While the gate is open, only sequences of this processor change the magazine. If another one ran in
//! the middle of this one, the kernel has restarted this one. A collector on another processor stops the gate first,
//! and takes objects only after its [barrier](restart) has restarted all sequences that were under way. A sequence does
//! not dereference objects.
//!
//! **The gate is read before the header.** The holder of a gate may have moved to another processor. It opens the gate
//! there, after it has changed the header. A sequence that read the header first and then an open gate could commit a
//! header that the holder has already replaced. (x86-64 keeps loads in order. AArch64 loads the gate with acquire.)
//!
//! **The processor's number** is read inside the sequence. Where the kernel has it, it is the concurrency id of the
//! memory map (`mm_cid`): a dense number, below the number of threads and below the number of processors that the
//! process may use. Otherwise it is the number of the processor. A thread without a registered area (not started by the
//! C library, or registered without success) has a negative `cpu_id`, and every sequence fails there.
//!
//! **The descriptor's pointer** is cleared after each sequence. The kernel follows it at the next preemption, and the
//! library that contains the descriptor may be unloaded by then.

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
