//! Barriers that cost users nothing and a collector a system call.
//!
//! | barrier | what it does to every running thread of the process | who wants it |
//! |---|---|---|
//! | [`restart`] | starts its restartable sequence again, if one is under way; and a full fence | who has stopped magazines |
//! | [`heavy`] | a full fence | the other side of [`light`] |
//!
//! A thread that does not run just then went through the scheduler, which restarts and fences likewise.
//!
//! [`light`] and [`heavy`] are asymmetric fences as in P1202R4: a `heavy` one is ordered with every `light`
//! one of the process as if both were `fence(SeqCst)`. On Linux `light` only stops the compiler. On other
//! systems, in checkers and with `--cfg stealpool_full_fence`, both are `fence(SeqCst)`.
//!
//! A process must register for each of them, which takes the kernel some 10 ms once there are several
//! threads: it waits until every processor has passed through the scheduler. So that is left to the first
//! call; a process that ends before never waits.
//!
//! A kernel may refuse (too old, or a seccomp filter). [`restarts`] says so before the first worker exists,
//! and pools then use no sequences. A later refusal makes [`restart`] answer `false`: the collector leaves
//! magazines alone, and pools made from then on use no sequences.

#[cfg(all(target_os = "linux", not(any(loom, shuttle, miri))))]
mod imp {
    use std::sync::atomic::AtomicU8;
    use std::sync::atomic::Ordering::{Relaxed, SeqCst};
    use std::sync::atomic::compiler_fence;

    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    /// The kernel has it.
    const OFFERED: u8 = 2;
    /// And this process is registered for it.
    const REGISTERED: u8 = 3;

    fn membarrier(command: libc::c_int) -> libc::c_long {
        // SAFETY: `membarrier` takes three integers, touches no memory of ours, and reports
        // failure by its result; an unknown number answers ENOSYS.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
    }

    /// A command of `membarrier`, and what is known about it.
    pub(super) struct Barrier {
        command: libc::c_int,
        register: libc::c_int,
        /// Goes up, but for a refusal.
        state: AtomicU8,
    }

    pub(super) static RESTART: Barrier = Barrier {
        command: libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
        register: libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
        state: AtomicU8::new(UNKNOWN),
    };

    pub(super) static FENCE: Barrier = Barrier {
        command: libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED,
        register: libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
        state: AtomicU8::new(UNKNOWN),
    };

    impl Barrier {
        /// Whether it is there, as far as the kernel says. Cheap.
        pub(super) fn is_offered(&self) -> bool {
            // Relaxed: asking twice is harmless, and every thread gets the same answer.
            let state = self.state.load(Relaxed);
            if state != UNKNOWN {
                return state != NO;
            }
            let both = libc::c_long::from(self.command | self.register);
            let commands = membarrier(libc::MEMBARRIER_CMD_QUERY);
            let offered = commands > 0 && commands & both == both;
            let known = if offered { OFFERED } else { NO };
            // Relaxed: as above. If another thread knows more already, that stays.
            _ = self
                .state
                .compare_exchange(UNKNOWN, known, Relaxed, Relaxed);
            offered
        }

        fn register(&self) {
            let done = membarrier(self.register) == 0;
            let known = if done { REGISTERED } else { NO };
            // Relaxed: registering twice is harmless; without it the kernel refuses, whatever we believe.
            // A refusal is not taken back.
            _ = self
                .state
                .fetch_update(Relaxed, Relaxed, |state| (state != NO).then_some(known));
        }

        pub(super) fn run(&self) -> bool {
            // Relaxed: as in `register`.
            if self.state.load(Relaxed) != REGISTERED {
                self.register();
            }
            // SeqCst: keeps the compiler from moving our own accesses across the system call.
            compiler_fence(SeqCst);
            let done = membarrier(self.command) == 0;
            compiler_fence(SeqCst);
            if !done {
                // Relaxed: as in `register`.
                self.state.store(NO, Relaxed);
            }
            done
        }
    }
}

/// Whether [`restart`] is there, as far as the system says. Cheap.
pub(crate) fn restarts() -> bool {
    #[cfg(all(target_os = "linux", not(any(loom, shuttle, miri))))]
    return imp::RESTART.is_offered();
    #[cfg(not(all(target_os = "linux", not(any(loom, shuttle, miri)))))]
    return false;
}

/// Restarts all sequences under way. `false`: nothing was restarted, and nothing may be concluded.
#[must_use]
pub(crate) fn restart() -> bool {
    #[cfg(all(target_os = "linux", not(any(loom, shuttle, miri))))]
    return imp::RESTART.run();
    #[cfg(loom)]
    {
        super::rseq::restart();
        true
    }
    #[cfg(not(any(loom, all(target_os = "linux", not(any(shuttle, miri))))))]
    false
}

/// The users' side: no instruction where the collector can fence for us.
#[inline(always)]
pub(crate) fn light() {
    #[cfg(all(
        target_os = "linux",
        not(any(loom, shuttle, miri, stealpool_full_fence))
    ))]
    // SeqCst: for the compiler; the processor's part is done by `heavy`.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(not(all(
        target_os = "linux",
        not(any(loom, shuttle, miri, stealpool_full_fence))
    )))]
    // SeqCst: pairs with the fence in `heavy`, the plain way.
    super::atomic::fence(super::atomic::Ordering::SeqCst);
}

/// The collector's side. `false`: nothing was fenced, and nothing may be concluded.
#[must_use]
pub(crate) fn heavy() -> bool {
    #[cfg(all(
        target_os = "linux",
        not(any(loom, shuttle, miri, stealpool_full_fence))
    ))]
    return imp::FENCE.run();
    #[cfg(not(all(
        target_os = "linux",
        not(any(loom, shuttle, miri, stealpool_full_fence))
    )))]
    {
        // SeqCst: pairs with the fence in `light`.
        super::atomic::fence(super::atomic::Ordering::SeqCst);
        true
    }
}
