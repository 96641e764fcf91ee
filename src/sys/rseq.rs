//! The three restartable sequences, and whether this process has them.
//!
//! A restartable sequence is a few instructions that the kernel starts again if the thread is preempted,
//! migrated or interrupted by a signal in the middle of them. The last one is the only store that others
//! can see: it *commits*. So a sequence is one atomic step with regard to all other threads of its
//! processor, without a lock and without a locked instruction. The C library registers an area for each
//! thread (glibc from 2.35 on), in which the kernel writes the processor's number and reads the
//! descriptor of the sequence that is under way.
//!
//! | sequence | reads | commits | fails |
//! |---|---|---|---|
//! | [`pop`] | gate, header, newest object, its weight | `header`, less both | empty, or the gate is closed |
//! | [`push`] | gate, header; writes object and weight above the newest | `header`, with both, counted | full, too heavy, or closed |
//! | [`close`] | gate | `gate = HELD` | closed already |
//!
//! **Who else moves objects.** While the gate is open, only sequences of this processor. If one ran in the middle of
//! this one, the kernel starts this one again. A collector on another processor takes them only after its
//! [barrier](restart) has restarted whatever was under way. A sequence looks at no object.
//!
//! **The gate is read before the header.** Who holds the gate may be on another processor by now, and opens it
//! there after it has changed the header. A sequence that reads an open gate after an older header would
//! commit what the holder has overtaken. (x86-64 keeps loads in order; AArch64 loads the gate with acquire.)
//!
//! **The processor's number** is read inside the sequence. It is the kernel's concurrency id of the memory
//! map (`mm_cid`) where the kernel has it: dense, below the number of threads and of processors that the
//! process may use. Else it is the number of the processor. A thread without an area of its own (started
//! past the C library, or registered in vain) has a negative `cpu_id`, and every sequence fails there.
//!
//! **The descriptor** is cleared after each sequence: the kernel follows the pointer at the next
//! preemption, and the library that it is in may be unloaded by then.

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
