//! A child process under ptrace(2): breakpoints, single steps, and where its restartable sequences are.
//!
//! The child is forked, so that code and thread-independent addresses are the same in both.

use std::arch::asm;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::{io, mem, ptr};

/// `int3`.
const BREAKPOINT: u8 = 0xcc;

/// How a child exits that may not be traced.
const REFUSED: i32 = 77;

/// A restartable sequence: instructions from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sequence {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Where the kernel sends who is interrupted in it.
    pub(crate) abort: u64,
}

/// The sequences in this program: all copies of all of them, by their descriptors in section `__rseq_cs`.
pub(crate) fn sequences() -> Vec<Sequence> {
    let (from, to): (*const [u64; 4], *const [u64; 4]);
    // SAFETY: loads two addresses that the linker knows; null where there is no such section.
    unsafe {
        asm!(
            ".weak __start___rseq_cs",
            ".weak __stop___rseq_cs",
            "mov {from}, qword ptr [rip + __start___rseq_cs@GOTPCREL]",
            "mov {to}, qword ptr [rip + __stop___rseq_cs@GOTPCREL]",
            from = out(reg) from,
            to = out(reg) to,
            options(nostack, preserves_flags, pure, nomem),
        );
    }
    let descriptors = (from.addr()..to.addr()).step_by(size_of::<[u64; 4]>());
    let read = |at: usize| {
        // SAFETY: aligned, within the section, and relocated when the program was loaded.
        let [version, start, length, abort] = unsafe { from.with_addr(at).read() };
        assert_eq!(version, 0, "version and flags");
        let end = start + length;
        Sequence { start, end, abort }
    };
    descriptors.map(read).collect()
}

/// From a thread's thread pointer to the descriptor's place in its area.
fn announced() -> u64 {
    // SAFETY: a name with a zero at its end.
    let offset = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
    assert!(!offset.is_null(), "no area");
    // SAFETY: the C library's `const ptrdiff_t`.
    let offset = unsafe { offset.cast::<i64>().read() };
    (offset + 8) as u64
}

/// Why a child has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It asked for it, by [`stop`].
    Asked,
    /// At a breakpoint, which is gone now; the instruction comes next.
    Break(u64),
    /// One instruction further.
    Step(u64),
    /// By a signal that it has not got yet, at an address.
    Signal(i32, u64),
    /// It has ended: by itself or by a signal.
    Exit(i32),
    Killed(i32),
}

/// Stops the calling thread, for its tracer.
pub(crate) fn stop() {
    // SAFETY: takes a number.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// A child whose first thread is traced. Killed with its tracer.
pub(crate) struct Tracee {
    id: libc::pid_t,
    memory: File,
    /// What is in the places of breakpoints.
    planted: BTreeMap<u64, u8>,
    announced: u64,
    ended: bool,
}

impl Tracee {
    /// Forks. `None`: the system refuses to have it traced. The first stop is the child's to ask for.
    pub(crate) fn start(child: impl FnOnce()) -> Option<Self> {
        // SAFETY: the child uses what only this thread uses, and exits without the parent's destructors.
        let id = unsafe { libc::fork() };
        assert!(id >= 0, "fork: {}", io::Error::last_os_error());
        if id == 0 {
            // SAFETY: concerns this process only.
            let traced = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } == 0;
            if traced {
                stop();
                child();
            }
            // SAFETY: ends this process.
            unsafe { libc::_exit(if traced { 0 } else { REFUSED }) };
        }
        match wait(id) {
            (Stop::Exit(REFUSED), _) => return None,
            (first, _) => assert_eq!(first, Stop::Asked),
        }
        let options = libc::PTRACE_O_EXITKILL as libc::c_long;
        // SAFETY: `id` is a child of ours, and stopped.
        let set = unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, id, 0, options) };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
        let mut memory = OpenOptions::new();
        let memory = memory.read(true).write(true);
        let memory = memory.open(format!("/proc/{id}/mem")).ok()?;
        Some(Tracee { id, memory, planted: BTreeMap::new(), announced: announced(), ended: false })
    }

    /// Goes on to the next stop, with a signal or with none (0).
    pub(crate) fn go(&mut self, signal: i32) -> Stop {
        self.resume(libc::PTRACE_CONT, signal)
    }

    /// Executes one instruction.
    pub(crate) fn step(&mut self) -> Stop {
        self.resume(libc::PTRACE_SINGLESTEP, 0)
    }

    fn resume(&mut self, request: libc::c_uint, signal: i32) -> Stop {
        // SAFETY: a stopped child of ours; takes numbers.
        let resumed = unsafe { libc::ptrace(request, self.id, 0, libc::c_long::from(signal)) };
        assert_eq!(resumed, 0, "{}", io::Error::last_os_error());
        let (stop, at) = wait(self.id);
        match stop {
            Stop::Signal(libc::SIGTRAP, _) if self.planted.contains_key(&(at.wrapping_sub(1))) => {
                self.unplant(at - 1);
                let mut registers = registers(self.id);
                registers.rip = at - 1;
                set_registers(self.id, &registers);
                Stop::Break(at - 1)
            }
            Stop::Signal(libc::SIGTRAP, at) if request == libc::PTRACE_SINGLESTEP => Stop::Step(at),
            Stop::Exit(_) | Stop::Killed(_) => {
                self.ended = true;
                stop
            }
            other => other,
        }
    }

    /// Sets a breakpoint, for one time.
    pub(crate) fn plant(&mut self, at: u64) {
        let mut instruction = [0];
        self.memory.read_exact_at(&mut instruction, at).expect("code");
        if self.planted.insert(at, instruction[0]).is_none() {
            self.memory.write_all_at(&[BREAKPOINT], at).expect("code");
        }
    }

    pub(crate) fn unplant(&mut self, at: u64) {
        if let Some(instruction) = self.planted.remove(&at) {
            self.memory.write_all_at(&[instruction], at).expect("code");
        }
    }

    pub(crate) fn unplant_all(&mut self) {
        while let Some((&at, _)) = self.planted.first_key_value() {
            self.unplant(at);
        }
    }

    /// Makes the kernel forget the sequence that is under way: an interruption will not restart it.
    pub(crate) fn forget_sequence(&self) {
        let at = registers(self.id).fs_base.wrapping_add(self.announced);
        self.memory.write_all_at(&[0; 8], at).expect("the area");
    }

    /// Moves the traced thread to a processor.
    pub(crate) fn move_to(&self, processor: usize) {
        // SAFETY: a set of processors is plain data, and all zeros is the empty one.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: from a set of processors, so below its size.
        unsafe { libc::CPU_SET(processor, &mut set) };
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: reads the set.
        let moved = unsafe { libc::sched_setaffinity(self.id, size, &raw const set) };
        assert_eq!(moved, 0, "{}", io::Error::last_os_error());
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: a child of ours that was not waited for.
            unsafe { libc::kill(self.id, libc::SIGKILL) };
            // SAFETY: likewise; nothing is written.
            unsafe { libc::waitpid(self.id, ptr::null_mut(), libc::__WALL) };
        }
    }
}

/// Waits for a child to stop or to end. Where it stopped.
fn wait(id: libc::pid_t) -> (Stop, u64) {
    let mut status = 0;
    // SAFETY: a child of ours, and a place for its status.
    let waited = unsafe { libc::waitpid(id, &raw mut status, libc::__WALL) };
    assert_eq!(waited, id, "{}", io::Error::last_os_error());
    if libc::WIFEXITED(status) {
        return (Stop::Exit(libc::WEXITSTATUS(status)), 0);
    }
    if libc::WIFSIGNALED(status) {
        return (Stop::Killed(libc::WTERMSIG(status)), 0);
    }
    let at = registers(id).rip;
    match libc::WSTOPSIG(status) {
        libc::SIGSTOP => (Stop::Asked, at),
        signal => (Stop::Signal(signal, at), at),
    }
}

fn registers(id: libc::pid_t) -> libc::user_regs_struct {
    // SAFETY: plain data.
    let mut registers: libc::user_regs_struct = unsafe { mem::zeroed() };
    let to = &raw mut registers;
    // SAFETY: a stopped child of ours, and a place for its registers.
    let got = unsafe { libc::ptrace(libc::PTRACE_GETREGS, id, 0, to) };
    assert_eq!(got, 0, "{}", io::Error::last_os_error());
    registers
}

fn set_registers(id: libc::pid_t, registers: &libc::user_regs_struct) {
    let from = ptr::from_ref(registers);
    // SAFETY: a stopped child of ours, and its registers.
    let set = unsafe { libc::ptrace(libc::PTRACE_SETREGS, id, 0, from) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}
