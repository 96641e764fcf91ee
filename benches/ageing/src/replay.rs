//! One trace under one rule.

use crate::rules::{self, Rule, Start};
use crate::trace::{STEPS, Trace};

/// What a rule came to.
pub struct Outcome {
    pub rule: String,
    pub gets: usize,
    pub misses: usize,
    /// Idle objects, summed over seconds.
    pub object_seconds: f64,
    pub most_idle: usize,
    /// Idle when the trace ends.
    pub left: usize,
    /// Idle in each step.
    pub idle: Vec<usize>,
}

impl Outcome {
    pub fn hit_rate(&self) -> f64 {
        1.0 - self.misses as f64 / self.gets.max(1) as f64
    }
}

/// Seconds between cycles in all tables.
pub const INTERVAL: usize = 10;

pub fn every_rule(trace: &Trace) -> Vec<Outcome> {
    let rules = rules::names(INTERVAL);
    let one = |(name, start): (String, Start)| replay(trace, name, start());
    rules.into_iter().map(one).collect()
}

fn replay(trace: &Trace, name: String, mut rule: Box<dyn Rule>) -> Outcome {
    let mut outcome = Outcome {
        rule: name,
        gets: 0,
        misses: 0,
        object_seconds: 0.0,
        most_idle: 0,
        left: 0,
        idle: Vec::with_capacity(trace.demand.len()),
    };
    for (step, demand) in trace.demand.iter().copied().enumerate() {
        outcome.gets += demand;
        outcome.misses += rule.take(demand);
        // Seen when most is in use: what lies idle then is what memory is spent on.
        let idle = rule.idle();
        outcome.idle.push(idle);
        outcome.object_seconds += idle as f64 / STEPS as f64;
        outcome.most_idle = outcome.most_idle.max(idle);
        if trace.lives > 0 && step % trace.lives == 0 {
            rule.renew_threads();
        }
        rule.give();
        rule.tick(step + 1);
    }
    outcome.left = rule.idle();
    outcome
}
