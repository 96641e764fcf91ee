//! A fence that costs an owner nothing and a collector a system call.
//!
//! Both sides of the hand-off in [`private`](crate::private) need a store to become visible before
//! a later load (Dekker's pattern). Owners pass here on every operation, collectors once a cycle,
//! so the price is moved: [`light`] only stops the compiler, and [`heavy`] makes every processor
//! that runs a thread of this process execute a full fence.
//!
//! | build | `light` | `heavy` |
//! |---|---|---|
//! | Linux | `compiler_fence(SeqCst)` | `membarrier(PRIVATE_EXPEDITED)`, 0.4 to 1 µs |
//! | other systems, loom, shuttle, Miri, `--cfg stealpool_full_fence` | `fence(SeqCst)` | `fence(SeqCst)` |
//!
//! The semantics are those of asymmetric fences in P1202R4: a `heavy` fence is ordered with every
//! `light` fence of the process as if both were `fence(SeqCst)`. The full-fence build is that
//! model, which is why what loom explores there carries over.
//!
//! A process must register for `membarrier`, which takes the kernel some 10 ms once there are several
//! threads: it waits until every processor has passed through the scheduler. So that is left to the first
//! heavy fence; a process that ends before never waits. Only `heavy` needs it. What owners have done
//! behind light fences before is ordered too: a thread that does not run just then went through the
//! scheduler, and one that does is interrupted.
//!
//! A kernel may refuse `membarrier` (too old, or a seccomp filter). [`available`] says so before
//! the first worker exists; private slots are then never filled, and every object goes through
//! the deques, which a collector can empty without any fence of ours. A later refusal makes
//! [`heavy`] answer `false`: the collector leaves the slots of living threads alone, and pools made
//! from then on fill none.

#[cfg(all(
    target_os = "linux",
    not(any(loom, shuttle, miri, stealpool_full_fence))
))]
mod imp {
    use std::sync::atomic::Ordering::{Relaxed, SeqCst};
    use std::sync::atomic::{AtomicU8, compiler_fence};

    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    /// The kernel has expedited barriers.
    const OFFERED: u8 = 2;
    /// And this process is registered for them.
    const REGISTERED: u8 = 3;

    /// What is known about expedited barriers. Goes up, but for a refusal.
    static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

    fn membarrier(command: libc::c_int) -> libc::c_long {
        // SAFETY: `membarrier` takes three integers, touches no memory of ours, and reports
        // failure by its result; an unknown number answers ENOSYS.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
    }

    pub(crate) fn available() -> bool {
        // Relaxed: asking twice is harmless, and every thread gets the same answer.
        let state = STATE.load(Relaxed);
        if state != UNKNOWN {
            return state != NO;
        }
        let both = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED
            | libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
        let both = libc::c_long::from(both);
        let commands = membarrier(libc::MEMBARRIER_CMD_QUERY);
        let offered = commands > 0 && commands & both == both;
        let known = if offered { OFFERED } else { NO };
        // Relaxed: as above. If another thread knows more already, that stays.
        _ = STATE.compare_exchange(UNKNOWN, known, Relaxed, Relaxed);
        offered
    }

    fn register() {
        let done = membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
        let known = if done { REGISTERED } else { NO };
        // Relaxed: registering twice is harmless; without it the kernel refuses, whatever we believe. A refusal
        // is not taken back; engines made from now on fill no slot.
        _ = STATE.fetch_update(Relaxed, Relaxed, |state| (state != NO).then_some(known));
    }

    #[inline(always)]
    pub(crate) fn light() {
        // SeqCst: for the compiler; the processor's part is done by `heavy`.
        compiler_fence(SeqCst);
    }

    pub(crate) fn heavy() -> bool {
        // Relaxed: as in `register`.
        if STATE.load(Relaxed) != REGISTERED {
            register();
        }
        // SeqCst: keeps the compiler from moving our own accesses across the system call.
        compiler_fence(SeqCst);
        let done = membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
        compiler_fence(SeqCst);
        if !done {
            // Relaxed: as in `register`.
            STATE.store(NO, Relaxed);
        }
        done
    }
}

#[cfg(not(all(
    target_os = "linux",
    not(any(loom, shuttle, miri, stealpool_full_fence))
)))]
mod imp {
    use crate::sync::atomic::Ordering::SeqCst;
    use crate::sync::atomic::fence;

    pub(crate) fn available() -> bool {
        true
    }

    #[inline(always)]
    pub(crate) fn light() {
        // SeqCst: pairs with the fence in `heavy`, the plain way.
        fence(SeqCst);
    }

    pub(crate) fn heavy() -> bool {
        // SeqCst: pairs with the fence in `light`.
        fence(SeqCst);
        true
    }
}

/// Whether [`heavy`] is there, as far as the system says. Cheap.
pub(crate) fn available() -> bool {
    imp::available()
}

/// The owners' side: no instruction where the collector can fence for us.
#[inline(always)]
pub(crate) fn light() {
    imp::light();
}

/// The collector's side. `false`: nothing was fenced, and nothing may be concluded.
#[must_use]
pub(crate) fn heavy() -> bool {
    imp::heavy()
}
