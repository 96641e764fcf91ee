//! Demand over time: how many objects are in use in each tenth of a second.

/// Steps a second.
pub const STEPS: usize = 10;

pub struct Trace {
    pub name: &'static str,
    /// What it stands for.
    pub what: &'static str,
    pub demand: Vec<usize>,
    /// Each thread lives for so many steps; 0: one thread for all.
    pub lives: usize,
}

impl Trace {
    /// The name as part of a file's.
    pub fn file(&self) -> String {
        self.name.replace([' ', '/'], "-")
    }

    pub fn peak(&self) -> usize {
        self.demand.iter().copied().max().unwrap_or(0)
    }
}

/// Ten minutes each, the last of which without demand.
const SECONDS: usize = 600;

/// Marsaglia's xorshift: the same traces each time.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn made(
    name: &'static str,
    what: &'static str,
    lives: usize,
    mut demand: impl FnMut(f64, &mut Random) -> f64,
) -> Trace {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let active = (SECONDS - 60) * STEPS;
    let at = |step: usize| {
        let time = step as f64 / STEPS as f64;
        if step < active { demand(time, &mut random).max(0.0).round() as usize } else { 0 }
    };
    Trace { name, what, demand: (0..SECONDS * STEPS).map(at).collect(), lives }
}

/// Recorded from `examples/json_service` under its own load; `data/README.md` says how.
const RECORDED: &str = include_str!("../data/json_service.txt");

fn recorded() -> Trace {
    let lines = RECORDED.lines().filter(|line| !line.starts_with('#'));
    Trace {
        name: "json_service",
        what: "buffers in use in `json_service` under changing load, recorded",
        demand: lines.map(|line| line.trim().parse().expect("a number")).collect(),
        lives: 0,
    }
}

pub fn all() -> Vec<Trace> {
    use std::f64::consts::TAU;
    vec![
        made("steady", "100 in use, 10 more or less", 0, |_, random| 90.0 + 20.0 * random.unit()),
        made("on and off", "1,000 for 5 s each minute, 10 otherwise", 0, |t, _| {
            if t % 60.0 < 5.0 { 1000.0 } else { 10.0 }
        }),
        made("fast bursts", "500 for a second each 5 s, 10 otherwise", 0, |t, _| {
            if t % 5.0 < 1.0 { 500.0 } else { 10.0 }
        }),
        made("day and night", "10 to 500 in a slow wave", 0, |t, random| {
            255.0 - 245.0 * (t / 540.0 * TAU).cos() + 20.0 * random.unit()
        }),
        made("ramp", "up to 1,000 over four minutes, then at once to 10", 0, |t, _| {
            if t < 240.0 { t / 240.0 * 1000.0 } else { 10.0 }
        }),
        made("thread churn", "200 in use on threads that live for 2 s", 2 * STEPS, |_, random| {
            190.0 + 20.0 * random.unit()
        }),
        recorded(),
    ]
}
