//! The load of a day: how many requests when, and what each of them is. The same seed gives the same requests.

use std::time::Duration;

/// The hour at which a day begins. It ends 24 hours later, so that the night comes last.
pub(crate) const FIRST_HOUR: f64 = 4.0;
/// The hours of the night after the day.
pub(crate) const NIGHT: std::ops::Range<f64> = 25.0..28.0;

/// Hours of the day (25 is one o'clock in the night), and requests a second. Between them, straight lines.
const RATE: [(f64, f64); 14] = [
    (4.0, 5.0),
    (6.0, 20.0),
    (7.0, 250.0),
    (9.0, 1_100.0),
    (11.0, 1_400.0),
    (12.5, 1_700.0),
    (14.0, 1_200.0),
    (16.0, 1_000.0),
    (18.0, 1_100.0),
    (20.0, 1_500.0),
    (22.0, 700.0),
    (24.0, 100.0),
    (25.0, 10.0),
    (28.0, 5.0),
];
/// Requests with a large body, a second, for half an hour in the afternoon.
const LARGE: (std::ops::Range<f64>, f64) = (15.0..15.5, 180.0);

const KIB: f64 = 1024.0;

/// Ordinary requests a second at an hour; those of the first and of the last hour outside of the day.
pub(crate) fn rate(hour: f64) -> f64 {
    let after = RATE.iter().position(|(at, _)| *at > hour);
    let (from, to) = match after {
        Some(0) => return RATE[0].1,
        None => return RATE[RATE.len() - 1].1,
        Some(after) => (RATE[after - 1], RATE[after]),
    };
    from.1 + (to.1 - from.1) * (hour - from.0) / (to.0 - from.0)
}

/// Requests with a large body a second at an hour.
pub(crate) fn large_rate(hour: f64) -> f64 {
    if LARGE.0.contains(&hour) { LARGE.1 } else { 0.0 }
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Request {
    /// Since the beginning of the day.
    pub(crate) arrives: Duration,
    /// Bytes.
    pub(crate) body: usize,
    /// The time from the whole body to the answer.
    pub(crate) works: Duration,
    /// Bytes.
    pub(crate) answer: usize,
    /// The time that it takes to send the answer.
    pub(crate) sends: Duration,
}

/// The requests of a day, in the order of their arrival.
pub(crate) struct Requests {
    random: u64,
    seconds: f64,
    now: f64,
}

impl Requests {
    /// Of a day that takes so long. The rates are those of the clock on the wall: a shorter day has fewer requests, and
    /// as many at once.
    pub(crate) fn new(day: Duration) -> Self {
        Requests { random: 0x9e37_79b9_7f4a_7c15, seconds: day.as_secs_f64(), now: 0.0 }
    }

    /// From 0 to 1, without 0.
    fn part(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.part()
    }

    /// Half of all sizes are below the middle one, nine of ten below 3.6 times as much.
    fn size(&mut self, middle: f64) -> usize {
        // The sum of twelve is close to the normal distribution.
        let normal: f64 = (0..12).map(|_| self.part()).sum::<f64>() - 6.0;
        (middle * normal.exp()).clamp(2.0 * KIB, 512.0 * KIB) as usize
    }

    fn milliseconds(&mut self, least: f64, most: f64) -> Duration {
        Duration::from_secs_f64(self.between(least, most) / 1000.0)
    }
}

/// The hour at a part of the day.
pub(crate) fn hour(part: f64) -> f64 {
    FIRST_HOUR + 24.0 * part
}

impl Iterator for Requests {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let at = hour(self.now / self.seconds);
        let (ordinary, large) = (rate(at), large_rate(at));
        self.now -= self.part().ln() / (ordinary + large);
        if self.now >= self.seconds {
            return None;
        }
        let arrives = Duration::from_secs_f64(self.now);
        let is_large = self.part() * (ordinary + large) > ordinary;
        let is_huge = self.part() < 1.0 / 500.0;
        let (body, works) = if is_large {
            (self.between(300.0 * KIB, 1000.0 * KIB) as usize, self.milliseconds(100.0, 400.0))
        } else if is_huge {
            (self.between(2048.0 * KIB, 4096.0 * KIB) as usize, self.milliseconds(100.0, 400.0))
        } else {
            (self.size(24.0 * KIB), self.milliseconds(5.0, 55.0))
        };
        let answer = self.size(40.0 * KIB);
        Some(Request { arrives, body, works, answer, sends: self.milliseconds(2.0, 20.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_day() {
        assert_eq!((rate(0.0), rate(4.0), rate(28.0), rate(99.0)), (5.0, 5.0, 5.0, 5.0));
        assert_eq!((rate(5.0), rate(12.5)), (12.5, 1_700.0));
        let most = (0..=2400).map(|i| rate(hour(f64::from(i) / 2400.0))).fold(0.0, f64::max);
        assert_eq!(most, 1_700.0);
        assert!(NIGHT.start > FIRST_HOUR && NIGHT.end == hour(1.0));
        let night = [NIGHT.start, 26.0, NIGHT.end];
        assert!(night.iter().all(|&at| rate(at) <= 10.0));
        assert_eq!((large_rate(14.9), large_rate(15.2), large_rate(15.6)), (0.0, 180.0, 0.0));
        assert!(RATE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_day_is_the_same_each_time() {
        let day = Duration::from_secs(10);
        let requests: Vec<_> = Requests::new(day).collect();
        assert!(Requests::new(day).eq(requests.iter().copied()));
        assert!(requests.is_sorted_by_key(|request| request.arrives));
        assert!(requests.iter().all(|request| request.arrives < day));
        // 752 a second in the mean, by the table.
        assert!((6_500..8_500).contains(&requests.len()), "{}", requests.len());
    }

    #[test]
    fn sizes_are_those_of_bodies() {
        let requests: Vec<_> = Requests::new(Duration::from_secs(60)).collect();
        let mut bodies: Vec<_> = requests.iter().map(|request| request.body).collect();
        bodies.sort_unstable();
        let at = |part: f64| bodies[(bodies.len() as f64 * part) as usize] >> 10;
        assert!((20..30).contains(&at(0.5)), "{} KiB", at(0.5));
        assert!((70..130).contains(&at(0.9)), "{} KiB", at(0.9));
        assert!(bodies[0] >= 2 << 10 && *bodies.last().expect("some") <= 4 << 20);
        let huge = bodies.iter().filter(|body| **body > 1 << 20).count();
        assert!((1..bodies.len() / 100).contains(&huge), "{huge}");
    }

    #[test]
    fn a_short_day_ends() {
        assert!(Requests::new(Duration::from_millis(1)).count() < 10);
        assert_eq!(Requests::new(Duration::ZERO).count(), 0);
    }
}
