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
    const YES: u8 = 1;
    const NO: u8 = 2;

    /// Whether this process is registered for expedited barriers. Decided once.
    static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: `membarrier` takes three integers, touches no memory of ours, and reports
        // failure by its result; an unknown number answers ENOSYS.
        let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
        result == 0
    }

    pub(crate) fn available() -> bool {
        // Relaxed: registering twice is harmless, and every thread comes to the same answer.
        match STATE.load(Relaxed) {
            UNKNOWN => {
                let yes = membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
                // Relaxed: as above.
                STATE.store(if yes { YES } else { NO }, Relaxed);
                yes
            }
            state => state == YES,
        }
    }

    #[inline(always)]
    pub(crate) fn light() {
        // SeqCst: for the compiler; the processor's part is done by `heavy`.
        compiler_fence(SeqCst);
    }

    pub(crate) fn heavy() -> bool {
        // Relaxed: as above. The kernel refuses who has not registered, and that would be for good.
        if STATE.load(Relaxed) == UNKNOWN {
            available();
        }
        // SeqCst: keeps the compiler from moving our own accesses across the system call.
        compiler_fence(SeqCst);
        let done = membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        compiler_fence(SeqCst);
        if !done {
            // Relaxed: a refusal is not taken back; engines made from now on fill no slot.
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

/// Whether [`heavy`] works here. Registers the process with the kernel on the first call.
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
