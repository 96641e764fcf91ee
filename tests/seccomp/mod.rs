//! A seccomp filter that makes the kernel refuse `membarrier`, `rseq`, or threads.

/// What the kernel does instead of the call.
const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

/// Makes every `membarrier` of this thread, and of those it starts from now on, fail.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn refuse_membarrier() {
    instead_of(libc::SYS_membarrier, None, REFUSE);
    // SAFETY: asks which commands there are; takes integers only.
    let refused = unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) };
    assert_eq!(refused, -1);
}

/// The same for the command that registers a process, and no other.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn refuse_to_register() {
    let command = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
    instead_of(libc::SYS_membarrier, Some(command as u32), REFUSE);
}

/// Sends this thread, and those it starts from now on, a `SIGSYS` in place of each barrier that restarts
/// sequences.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn trap_barriers() {
    let command = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
    let trap = libc::SECCOMP_RET_TRAP;
    instead_of(libc::SYS_membarrier, Some(command as u32), trap);
}

/// Makes every `rseq` of this thread, of those it starts and of programs it executes from now on, fail.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn refuse_rseq() {
    instead_of(libc::SYS_rseq, None, REFUSE);
}

/// Makes every start of a thread fail, from now on.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn refuse_threads() {
    instead_of(libc::SYS_clone, None, REFUSE);
    instead_of(libc::SYS_clone3, None, REFUSE);
}

fn instead_of(call: libc::c_long, command: Option<u32>, action: u32) {
    // The filter of seccomp(2): load the number of the system call; if it is this one, with this command
    // if one is given (the lower half of the first argument), act, else allow.
    const NUMBER: u32 = 0;
    const FIRST_ARGUMENT: u32 = 16;
    const AT_LEAST: u16 = 0x35;
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        step(LOAD_WORD, 0, 0, NUMBER),
        step(JUMP_IF_EQUAL, 0, 3, call as u32),
        step(LOAD_WORD, 0, 0, FIRST_ARGUMENT),
        match command {
            Some(command) => step(JUMP_IF_EQUAL, 0, 1, command),
            None => step(AT_LEAST, 0, 1, 0),
        },
        step(RETURN, 0, 0, action),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: takes integers only.
    let unprivileged = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(unprivileged, 0);
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: `program` and its filter live through the call, which copies them.
    let set = unsafe { libc::syscall(libc::SYS_seccomp, mode, 0, &raw const program) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}
