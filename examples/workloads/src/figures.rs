//! What one run of a contender measured.

use crate::histogram::Histogram;
use crate::{alloc, process};
use serde::{Deserialize, Serialize};

/// Bytes that lie idle after the load: at once, after one ageing cycle, after two.
pub type Retained = [u64; 3];

/// What a contender did. What is unknown is `None`, and shown as such.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Figures {
    /// Operations completed under load.
    pub operations: u64,
    /// Seconds under load.
    pub seconds: f64,
    /// How long an operation took: of all of them, or of a regular sample.
    pub latency: Histogram,
    /// Allocations under load, and their bytes.
    pub allocated: Option<(u64, u64)>,
    /// Page faults under load.
    pub faults: Option<u64>,
    /// How many objects were asked for.
    pub gets: Option<u64>,
    /// How many had to be made.
    pub created: Option<u64>,
    /// The most memory that was resident, in bytes.
    pub peak_rss: Option<u64>,
    /// What lies idle after the load.
    pub retained: Option<Retained>,
    /// Resident memory after two cycles, without the pages that the allocator keeps free.
    pub rss_after: Option<u64>,
    /// What only this program measures.
    pub extra: Vec<Extra>,
}

/// A figure of one program alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Extra {
    /// The row's name.
    pub name: String,
    /// In bytes if the name says so.
    pub value: f64,
    /// Whether it is in bytes.
    pub bytes: bool,
}

impl Figures {
    /// Operations a second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    /// The share of gets that needed no creation.
    pub fn hit_rate(&self) -> Option<f64> {
        match (self.gets?, self.created?) {
            (0, _) => None,
            (gets, created) => Some((1.0 - created as f64 / gets as f64).max(0.0)),
        }
    }

    /// Notes what was allocated, and which page faults there were, since these were so many.
    pub fn used_since(&mut self, allocated: (u64, u64), faults: Option<u64>) {
        let (count, bytes) = alloc::allocated();
        self.allocated = Some((count - allocated.0, bytes - allocated.1));
        self.faults = process::faults().zip(faults).map(|(now, then)| now - then);
    }

    /// Adds a row of the program's own.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64, bytes: bool) -> Self {
        self.extra.push(Extra { name: name.to_owned(), value, bytes });
        self
    }

    /// Several rounds as one: counts are added up, the worst memory stays. The rate is that of all
    /// rounds together.
    pub fn merge(rounds: &[Figures]) -> Option<Figures> {
        let (first, rest) = rounds.split_first()?;
        let mut all = first.clone();
        for round in rest {
            all.operations += round.operations;
            all.seconds += round.seconds;
            all.latency.add(&round.latency);
            all.allocated = both(all.allocated, round.allocated, |a, b| (a.0 + b.0, a.1 + b.1));
            all.faults = both(all.faults, round.faults, |a, b| a + b);
            all.gets = both(all.gets, round.gets, |a, b| a + b);
            all.created = both(all.created, round.created, |a, b| a + b);
            all.peak_rss = both(all.peak_rss, round.peak_rss, u64::max);
            all.rss_after = both(all.rss_after, round.rss_after, u64::max);
            all.retained = both(all.retained, round.retained, |a, b| {
                [a[0].max(b[0]), a[1].max(b[1]), a[2].max(b[2])]
            });
            for (mine, theirs) in all.extra.iter_mut().zip(&round.extra) {
                mine.value = mine.value.max(theirs.value);
            }
        }
        // Objects are created in each round's process anew.
        all.created = all.created.map(|created| created / rounds.len() as u64);
        all.gets = all.gets.map(|gets| gets / rounds.len() as u64);
        Some(all)
    }
}

fn both<T>(a: Option<T>, b: Option<T>, join: impl FnOnce(T, T) -> T) -> Option<T> {
    Some(join(a?, b?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_add_up_and_the_worst_memory_stays() {
        let round = |operations, retained, created| Figures {
            operations,
            seconds: 2.0,
            retained: Some([retained; 3]),
            gets: Some(operations),
            created: Some(created),
            ..Figures::default()
        };
        let all = Figures::merge(&[round(100, 5, 10), round(300, 2, 10)]).unwrap();
        assert_eq!((all.operations, all.rate()), (400, 100.0));
        assert_eq!(all.retained, Some([5; 3]));
        assert_eq!((all.created, all.hit_rate()), (Some(10), Some(0.95)));
        assert_eq!(all.faults, None, "unknown stays unknown");
        assert!(Figures::merge(&[]).is_none());
    }
}
