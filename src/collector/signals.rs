//! Signals to a sleeping collector: stop, or wake up.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::Thread;

#[cfg(unix)]
use std::{io::Read, io::Write, os::unix::net::UnixStream};

/// A collector's signals. The collector sleeps in `park` or in `poll`, so a signal ends both.
#[derive(Debug)]
pub(crate) struct Signals {
    roused: AtomicBool,
    stop: AtomicBool,
    thread: OnceLock<Thread>,
    /// A signal writes to the pipe, and the collector reads from it. Neither end blocks.
    #[cfg(unix)]
    bell: (UnixStream, UnixStream),
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Signals {
            roused: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            thread: OnceLock::new(),
            #[cfg(unix)]
            bell: {
                let (rings, hears) = UnixStream::pair()?;
                rings.set_nonblocking(true)?;
                hears.set_nonblocking(true)?;
                (rings, hears)
            },
        })
    }

    /// Sets the thread that sleeps. It reads the signals before its first sleep, so an earlier signal is not lost.
    pub(crate) fn belong_to(&self, thread: Thread) {
        // `spawn` sets it once. The thread may be asleep already, and a signal may have come in between.
        let set = self.thread.set(thread);
        debug_assert!(set.is_ok(), "a collector has one thread");
        self.ring();
    }

    /// Ends a sleep early.
    pub(crate) fn wake(&self) {
        // Release: pairs with the Acquire in `is_roused`.
        self.roused.store(true, Release);
        self.ring();
    }

    /// Ends the collector.
    pub(crate) fn stop(&self) {
        // Release: pairs with the Acquire in `is_stopped`.
        self.stop.store(true, Release);
        self.ring();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        // Acquire: pairs with the Release in `stop`.
        self.stop.load(Acquire)
    }

    /// Whether a sleep must end.
    pub(crate) fn is_roused(&self) -> bool {
        // Acquire: pairs with the Release in `wake`; what the caller did before is seen.
        self.is_stopped() || self.roused.load(Acquire)
    }

    /// Clears the wake-up signal.
    pub(crate) fn calm(&self) {
        // Acquire and Release by exchange: a signal right before this is not lost, because the collector checks
        // everything after it.
        self.roused.swap(false, std::sync::atomic::Ordering::AcqRel);
        self.hush();
    }

    fn ring(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
        #[cfg(unix)]
        // A full pipe is readable anyway.
        drop((&self.bell.0).write(&[1]));
    }

    /// The end of the pipe that a signal makes readable.
    #[cfg(target_os = "linux")]
    pub(crate) fn bell(&self) -> &UnixStream {
        &self.bell.1
    }

    pub(crate) fn hush(&self) {
        #[cfg(unix)]
        while (&self.bell.1).read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    }
}
