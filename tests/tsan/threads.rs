//! Threads by the C library's own calls, which ThreadSanitizer intercepts.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that must be joined.
#[must_use]
pub(crate) struct Thread(libc::pthread_t);

extern "C" fn run(job: *mut c_void) -> *mut c_void {
    // SAFETY: `start` gave this thread the one pointer to a boxed job.
    let job = unsafe { Box::from_raw(job.cast::<Job>()) };
    // A panic aborts here, at the border to C.
    job();
    ptr::null_mut()
}

impl Thread {
    pub(crate) fn start(job: impl FnOnce() + Send + 'static) -> Self {
        let job: *mut Job = Box::into_raw(Box::new(Box::new(job)));
        let mut id = MaybeUninit::uninit();
        // SAFETY: `id` is a place for the thread's name, and `run` takes what `job` is.
        let failed = unsafe { libc::pthread_create(id.as_mut_ptr(), ptr::null(), run, job.cast()) };
        assert_eq!(failed, 0, "pthread_create");
        // SAFETY: the call succeeded, so it has written the name.
        Thread(unsafe { id.assume_init() })
    }

    /// Waits for the end of the thread, its thread-local destructors included.
    pub(crate) fn join(self) {
        // SAFETY: `start` made this thread, and nobody else joins it.
        let failed = unsafe { libc::pthread_join(self.0, ptr::null_mut()) };
        assert_eq!(failed, 0, "pthread_join");
    }
}
