//! Runs all cases in turn, round after round, so that a noisy moment hits everybody; in another order each round, so that
//! nobody always comes after the same one.

use serde::{Deserialize, Serialize};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// What one run of a case came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    pub time: Duration,
    /// Objects created; where it can be told.
    pub created: Option<u64>,
}

/// One contender at one work.
pub struct Case {
    pub work: String,
    pub contender: &'static str,
    /// So many objects a sample, instead of as many as fit into its time.
    pub fixed: Option<u64>,
    /// Samples of so many times the usual length.
    pub longer: u32,
    pub run: Box<dyn FnMut(u64) -> Sample>,
}

/// The cases, in the order in which they run, and those that cannot.
#[derive(Default)]
pub struct Suite {
    pub cases: Vec<Case>,
    pub absent: Vec<Row>,
}

impl Suite {
    pub fn add(&mut self, case: Case) {
        self.cases.push(case);
    }

    /// This contender cannot do this work.
    pub fn absent(&mut self, work: &str, contender: &str, why: &str) {
        self.absent.push(Row {
            work: work.to_string(),
            contender: contender.to_string(),
            time: Err(why.to_string()),
            created_percent: None,
            instructions: None,
            locked: None,
        });
    }
}

/// Nanoseconds an object: the median round, the best and the worst.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// What one contender came to at one work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub work: String,
    pub contender: String,
    /// Or why there is none.
    pub time: Result<Spread, String>,
    /// Objects created in a hundred gets; where it can be told.
    pub created_percent: Option<f64>,
    /// Instructions an object, and how many of them lock the bus; of works on one thread.
    pub instructions: Option<f64>,
    pub locked: Option<f64>,
}

impl Row {
    /// The median, or more than any.
    pub fn median(&self) -> f64 {
        self.time.as_ref().map_or(f64::MAX, |time| time.median)
    }
}

/// The middle one of some figures, the least and the largest.
pub fn spread(figures: &mut [f64]) -> Spread {
    figures.sort_by(f64::total_cmp);
    let at = |i: usize| figures.get(i).copied().unwrap_or(f64::NAN);
    Spread {
        median: at(figures.len() / 2),
        least: at(0),
        most: at(figures.len().saturating_sub(1)),
    }
}

/// Runs every case `rounds` times, each for about `sample`.
pub fn measure(suite: &mut Suite, rounds: usize, sample: Duration) -> Vec<Row> {
    let total = suite.cases.len();
    let mut sizes = Vec::new();
    for (done, case) in suite.cases.iter_mut().enumerate() {
        progress("calibrating", done, total, &case.work);
        let long = sample * case.longer;
        sizes.push(case.fixed.unwrap_or_else(|| calibrate(case, long)));
    }
    let mut samples = vec![Vec::new(); total];
    let mut created = vec![Some(0); total];
    for round in 0..rounds {
        for (done, i) in order(total, round).into_iter().enumerate() {
            let case = &mut suite.cases[i];
            progress("measuring", round * total + done, rounds * total, &case.work);
            let sample = (case.run)(sizes[i]);
            samples[i].push(sample.time.as_nanos() as f64 / sizes[i] as f64);
            created[i] = created[i].zip(sample.created).map(|(a, b)| a + b);
        }
    }
    progress("measured", total, total, "");
    let mut rows = Vec::new();
    for (i, case) in suite.cases.iter().enumerate() {
        let objects = (sizes[i] * rounds as u64) as f64;
        rows.push(Row {
            work: case.work.clone(),
            contender: case.contender.to_string(),
            time: Ok(spread(&mut samples[i])),
            created_percent: created[i].map(|created| created as f64 * 100.0 / objects),
            instructions: None,
            locked: None,
        });
    }
    rows.append(&mut suite.absent);
    rows
}

/// An order of so many cases: the same in the same round of every run.
fn order(total: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..total).collect();
    let mut state = round as u64 + 1;
    for last in (1..total).rev() {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(last, (state % (last as u64 + 1)) as usize);
    }
    order
}

/// Divides by all numbers of objects that are held, of threads and of pools.
const STEP: u64 = 64 * 1_000;

/// How many objects take about as long as a sample should.
fn calibrate(case: &mut Case, sample: Duration) -> u64 {
    let mut objects = 6_400;
    loop {
        let time = (case.run)(objects).time;
        if time * 4 >= sample || objects > 1 << 28 {
            let scale = sample.as_secs_f64() / time.as_secs_f64().max(1e-9);
            return ((objects as f64 * scale) as u64).div_ceil(STEP) * STEP;
        }
        objects *= 4;
    }
}

/// A bar, on a terminal.
pub fn progress(what: &str, done: usize, of: usize, now: &str) {
    let mut err = std::io::stderr();
    if !err.is_terminal() {
        return;
    }
    let width = 30;
    let full = done * width / of.max(1);
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(width - full));
    let end = if done == of { "\n" } else { "" };
    let _unseen = write!(err, "\r{what:12} [{bar}] {done:5}/{of} {now:32.32}{end}");
    let _unseen = err.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_middle_and_the_ends() {
        let spread = spread(&mut [3.0, 1.0, 2.0]);
        let Spread { median, least, most } = spread;
        assert_eq!((median, least, most), (2.0, 1.0, 3.0));
    }

    #[test]
    fn an_order_has_every_case_once_and_changes() {
        let mut orders: Vec<_> = (0..9).map(|round| order(20, round)).collect();
        orders.dedup();
        assert_eq!(orders.len(), 9);
        for mut order in orders {
            order.sort_unstable();
            assert!(order.into_iter().eq(0..20));
        }
        assert!(order(0, 0).is_empty());
    }

    #[test]
    fn every_case_runs_in_every_round() {
        let order = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let mut suite = Suite::default();
        for contender in ["a", "b"] {
            let order = order.clone();
            suite.add(Case {
                work: "w".into(),
                contender,
                fixed: Some(10),
                longer: 1,
                run: Box::new(move |objects| {
                    order.borrow_mut().push(contender);
                    Sample { time: Duration::from_nanos(30), created: Some(objects / 2) }
                }),
            });
        }
        suite.absent("w", "c", "cannot");
        let rows = measure(&mut suite, 2, Duration::ZERO);
        for round in order.borrow_mut().chunks_mut(2) {
            round.sort_unstable();
            assert_eq!(round, ["a", "b"]);
        }
        assert_eq!((rows[0].median(), rows[0].created_percent), (3.0, Some(50.0)));
        assert_eq!(rows[2].time, Err("cannot".into()));
    }
}
