//! Threads that stay alive, sleeping, until they are given something to do.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

type Job = Arc<dyn Fn(usize) + Send + Sync>;

/// So many threads.
pub struct Crew {
    threads: Vec<(Sender<Job>, JoinHandle<()>)>,
    done: Receiver<()>,
}

impl Crew {
    pub fn new(size: usize) -> Self {
        let (say, done) = channel();
        let threads = (0..size).map(|number| {
            let (sender, jobs) = channel::<Job>();
            let say = say.clone();
            let work = move || {
                for job in jobs {
                    job(number);
                    drop(job);
                    let _nobody_waits = say.send(());
                }
            };
            let thread = std::thread::Builder::new().stack_size(64 << 10);
            (sender, thread.spawn(work).expect("a thread"))
        });
        Crew {
            threads: threads.collect(),
            done,
        }
    }

    /// Does it on one thread after the other.
    pub fn in_turn(&self, job: impl Fn(usize) + Send + Sync + 'static) {
        let job: Job = Arc::new(job);
        for (thread, _) in &self.threads {
            thread.send(Arc::clone(&job)).expect("the thread lives");
            self.done.recv().expect("the thread lives");
        }
    }

    /// Does it on all threads at once.
    pub fn together(&self, job: impl Fn(usize) + Send + Sync + 'static) {
        let job: Job = Arc::new(job);
        for (thread, _) in &self.threads {
            thread.send(Arc::clone(&job)).expect("the thread lives");
        }
        for _ in &self.threads {
            self.done.recv().expect("the thread lives");
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for (jobs, thread) in self.threads.drain(..) {
            drop(jobs);
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    #[test]
    fn everybody_does_the_job_once() {
        let crew = Crew::new(3);
        let sum = Arc::new(AtomicUsize::new(0));
        let adds = Arc::clone(&sum);
        crew.in_turn(move |number| {
            adds.fetch_add(number + 1, Relaxed);
        });
        let adds = Arc::clone(&sum);
        crew.together(move |number| {
            adds.fetch_add(10 * (number + 1), Relaxed);
        });
        assert_eq!(sum.load(Relaxed), 66);
    }
}
