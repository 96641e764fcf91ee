//! The barrier that restarts sequences: it costs users nothing, and a collector a system call.
//!
//! [`restart`] makes every running thread of the process begin its restartable sequence again, if one is under
//! way, and is a full fence for it. A thread that does not run just then went through the scheduler, which does
//! the same.
//!
//! A process must register for it, which takes the kernel some 10 ms once there are several threads: it waits
//! until every processor has passed through the scheduler. So that is left to the first call; a process that ends
//! before never waits.
//!
//! A kernel may refuse (too old, or a seccomp filter). [`is_offered`] says so before the first worker exists,
//! and pools then use no sequences. A later refusal makes [`restart`] answer `false`: the collector leaves
//! magazines alone, and pools made from then on use no sequences.

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::compiler_fence;

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
/// The kernel has it.
const OFFERED: u8 = 2;
/// And this process is registered for it.
const REGISTERED: u8 = 3;

const COMMAND: libc::c_int = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
const REGISTER: libc::c_int = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;

/// What is known. Goes up, but for a refusal.
static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

fn membarrier(command: libc::c_int) -> libc::c_long {
    // SAFETY: `membarrier` takes three integers, touches no memory of ours, and reports
    // failure by its result; an unknown number answers ENOSYS.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
}

/// Whether it is there, as far as the kernel says. Cheap.
pub(super) fn is_offered() -> bool {
    // Relaxed: asking twice is harmless, and every thread gets the same answer.
    let state = STATE.load(Relaxed);
    if state != UNKNOWN {
        return state != NO;
    }
    let both = libc::c_long::from(COMMAND | REGISTER);
    let commands = membarrier(libc::MEMBARRIER_CMD_QUERY);
    let offered = commands > 0 && commands & both == both;
    let known = if offered { OFFERED } else { NO };
    // Relaxed: as above. If another thread knows more already, that stays.
    _ = STATE.compare_exchange(UNKNOWN, known, Relaxed, Relaxed);
    offered
}

fn register() {
    let done = membarrier(REGISTER) == 0;
    let known = if done { REGISTERED } else { NO };
    // Relaxed: registering twice is harmless; without it the kernel refuses, whatever we believe.
    // A refusal is not taken back.
    _ = STATE.fetch_update(Relaxed, Relaxed, |state| (state != NO).then_some(known));
}

/// Does what takes long the first time, so that nothing need be stopped meanwhile.
pub(crate) fn prepare() {
    // Relaxed: as in `register`.
    if STATE.load(Relaxed) != REGISTERED {
        register();
    }
}

/// Restarts all sequences under way. `false`: nothing was restarted, and nothing may be concluded.
#[must_use]
pub(crate) fn restart() -> bool {
    prepare();
    // SeqCst: keeps the compiler from moving our own accesses across the system call.
    compiler_fence(SeqCst);
    let done = membarrier(COMMAND) == 0;
    compiler_fence(SeqCst);
    if !done {
        // Relaxed: as in `register`.
        STATE.store(NO, Relaxed);
    }
    done
}
