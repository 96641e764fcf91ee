//! A kernel that refuses `membarrier`, from the start or after a while, as a seccomp filter does.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

mod common;

use common::{Census, CountedPool, Puppet, in_child};
use std::sync::Arc;
use std::thread;

/// Makes every `membarrier` of this thread, and of those it starts from now on, fail.
fn refuse_membarrier() {
    // The filter of seccomp(2): load the number of the system call; if it is `membarrier`, answer
    // EPERM, else allow.
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        step(LOAD_WORD, 0, 0, 0),
        step(JUMP_IF_EQUAL, 0, 1, libc::SYS_membarrier as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: takes integers only.
    let unprivileged = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(unprivileged, 0);
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: `program` and its filter live through the call, which copies them.
    let set = unsafe { libc::syscall(libc::SYS_seccomp, mode, 0, &raw const program) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: asks which commands there are; takes integers only.
    let refused = unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) };
    assert_eq!(refused, -1);
}

/// Uses the pool from threads that end, two objects at a time.
fn use_by_threads(pool: &Arc<CountedPool>) {
    for _ in 0..4 {
        let pool = Arc::clone(pool);
        let using = move || (0..1_000).for_each(|_| drop([pool.get(), pool.get()]));
        thread::spawn(using).join().unwrap();
    }
}

#[test]
fn refused_from_the_start() {
    in_child("refused_from_the_start", || {
        refuse_membarrier();
        let census = Census::new();
        let pool = census.pool();
        drop([pool.get(), pool.get()]);
        use_by_threads(&pool);
        assert_eq!(pool.stats().private_hits, 0, "slots stay unused");
        assert!(census.made() <= 4, "objects are still used again");
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

#[test]
fn refused_after_the_first_use() {
    in_child("refused_after_the_first_use", || {
        let census = Census::new();
        let pool = census.pool();
        let idler = Puppet::new();
        let theirs = Arc::clone(&pool);
        idler.run(move || drop(theirs.get()));
        drop(pool.get());
        refuse_membarrier();
        drop([pool.get(), pool.get()]);
        use_by_threads(&pool);

        // What no living thread holds in its slot is gone, and so are the slots of ended threads.
        pool.collect();
        pool.collect();
        assert!(pool.idle() <= 2, "{}", pool.stats());
        assert_eq!(pool.idle(), census.alive());
        // A thread that ends gives its slot up.
        idler.end();
        pool.clear();
        assert!(pool.idle() <= 1, "{}", pool.stats());
        // Whoever still uses the pool finds what it left there.
        let made = census.made();
        drop(pool.get());
        assert_eq!(census.made(), made.max(1));

        // A pool made from now on fills no slots, so everything can be collected.
        let later = Census::new();
        let pool = later.pool();
        drop([pool.get(), pool.get()]);
        use_by_threads(&pool);
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), later.alive()), (0, 0));
    });
}
