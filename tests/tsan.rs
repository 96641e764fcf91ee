//! A workload that ThreadSanitizer understands: threads of `pthread_create`, and atomics only.
//!
//! A standard library that is not instrumented makes it report what is no race: mutexes, channels, scoped
//! threads, the test harness itself. So this target has no harness and uses none of them. Objects have plain
//! fields that each holder writes: a hand-over without a happens-before is a race on them, and under any
//! build a mix of two holders' words is a failure. `verify/tsan.sh` runs it under ThreadSanitizer.
//!
//! `STEALPOOL_TSAN_ROUNDS` says how many rounds; `STEALPOOL_TSAN_PLANT=mailbox` hands guards over without
//! ordering, which must be reported.

#[cfg(unix)]
#[path = "tsan/threads.rs"]
mod threads;
#[cfg(unix)]
#[path = "tsan/work.rs"]
mod work;

fn main() {
    // Who asks for a list of tests gets none: the rounds are one test.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    #[cfg(unix)]
    work::run();
}
