//! Threads that stay alive, sleeping, until they are given something to do.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, Thread, park};

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
        Crew { threads: threads.collect(), done }
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

    /// Does it so many times on each thread, one at a time: who has done it passes the baton to the next.
    pub fn pass_round(&self, rounds: usize, job: impl Fn(usize) + Send + Sync + 'static) {
        let threads = self.threads.iter().map(|(_, join)| join.thread().clone());
        let threads: Vec<Thread> = threads.collect();
        let turn = AtomicUsize::new(0);
        self.together(move |me| {
            for round in 0..rounds {
                let mine = round * threads.len() + me;
                // Acquire: pairs with the Release below; what was done before is seen.
                while turn.load(Acquire) != mine {
                    park();
                }
                job(me);
                // Release: pairs with the Acquire above.
                turn.store(mine + 1, Release);
                threads[(me + 1) % threads.len()].unpark();
            }
        });
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
    use std::sync::Mutex;
    use std::sync::atomic::Ordering::Relaxed;

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
    #[test]
    fn the_baton_goes_round_in_order() {
        let crew = Crew::new(3);
        let order = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&order);
        crew.pass_round(2, move |number| {
            let mut notes = notes.try_lock().expect("nobody else is at it");
            notes.push(number);
        });
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 0, 1, 2]);
    }
}
