//! The barrier that restarts sequences. It costs a collector one system call, and users nothing.
//!
//! [`restart`] restarts the sequence of every running thread of the process, and is a full fence for each. A thread that
//! does not run at that moment has gone through the scheduler, which does the same.
//!
//! A process must register for the barrier. If it has several threads, that takes the kernel some 10 ms. So the first
//! call registers, and a process without a call never waits.
//!
//! A kernel may refuse: it is too old, or a seccomp filter is active. [`is_offered`] tells before the first worker
//! exists, and then pools use no sequences. If the kernel refuses later, [`restart`] returns `false`. Then the
//! collector leaves magazines alone, and pools first used from then on use no sequences.

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::compiler_fence;

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
/// The kernel has the barrier.
const OFFERED: u8 = 2;
/// This process is registered for it.
const REGISTERED: u8 = 3;

const COMMAND: libc::c_int = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
const REGISTER: libc::c_int = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;

/// What is known. It only increases, except after a refusal.
static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

fn membarrier(command: libc::c_int) -> libc::c_long {
    // SAFETY: `membarrier` takes three integers and uses no memory of this process. It reports failure by its result; an
    // unknown number gives ENOSYS.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
}

/// Whether the kernel says that it has the barrier.
pub(super) fn is_offered() -> bool {
    // Relaxed: a second query is harmless, and gives the same answer.
    let state = STATE.load(Relaxed);
    if state != UNKNOWN {
        return state != NO;
    }
    let both = libc::c_long::from(COMMAND | REGISTER);
    let commands = membarrier(libc::MEMBARRIER_CMD_QUERY);
    let offered = commands > 0 && commands & both == both;
    let known = if offered { OFFERED } else { NO };
    // Relaxed: as above. A higher state that another thread has stored stays.
    _ = STATE.compare_exchange(UNKNOWN, known, Relaxed, Relaxed);
    offered
}

fn register() {
    let done = membarrier(REGISTER) == 0;
    let known = if done { REGISTERED } else { NO };
    // Relaxed: registering twice is harmless. If the state is wrong, the kernel refuses. A refusal stays.
    _ = STATE.fetch_update(Relaxed, Relaxed, |state| (state != NO).then_some(known));
}

/// Registers the process if needed. It takes long, so this comes before any magazine is stopped.
pub(crate) fn prepare() {
    // Relaxed: as in `register`.
    if STATE.load(Relaxed) != REGISTERED {
        register();
    }
}

/// Restarts all sequences that are under way. `false`: the kernel refused, and restarted nothing.
#[must_use]
pub(crate) fn restart() -> bool {
    prepare();
    // SeqCst: the compiler must not move accesses across the system call.
    compiler_fence(SeqCst);
    let done = membarrier(COMMAND) == 0;
    compiler_fence(SeqCst);
    if !done {
        // Relaxed: as in `register`.
        STATE.store(NO, Relaxed);
    }
    done
}
