//! What others tell a sleeping collector: that it must stop, or look again.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::Thread;

#[cfg(unix)]
use std::{io::Read, io::Write, os::unix::net::UnixStream};

/// A collector's signals. It sleeps in `park`, or in `poll`, so both are woken.
#[derive(Debug)]
pub(crate) struct Signals {
    roused: AtomicBool,
    stop: AtomicBool,
    thread: OnceLock<Thread>,
    /// Written to when a signal is given, read by the collector; neither end waits.
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

    /// Names the thread that sleeps. One that is woken before finds the signal when it looks first.
    pub(crate) fn belong_to(&self, thread: Thread) {
        // Set once, by `spawn`. The thread may sleep already, if a signal came in between.
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

    /// The collector has heard.
    pub(crate) fn calm(&self) {
        // Acquire and Release by exchange: a signal between a look and this is not lost, for the
        // collector looks at everything after it.
        self.roused.swap(false, std::sync::atomic::Ordering::AcqRel);
        self.hush();
    }

    fn ring(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
        #[cfg(unix)]
        // A full pipe rings anyway.
        drop((&self.bell.0).write(&[1]));
    }

    /// What becomes readable when a signal is given.
    #[cfg(target_os = "linux")]
    pub(crate) fn bell(&self) -> &UnixStream {
        &self.bell.1
    }

    pub(crate) fn hush(&self) {
        #[cfg(unix)]
        while (&self.bell.1).read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    }
}
