//! A busy pool that a few huge buffers have poisoned recovers, by each of the rules (golang/go#23199).

use stealpool::admission::{Calibrated, DropAbove, Elastic, QuarterUsed, ShrinkAbove, Striking};
use stealpool::{Builder, Policy, Pool};

const HUGE: usize = 1 << 20;
const USUAL: usize = 2_000;
const HOLDERS: usize = 8;

/// Eight buffers at a time; now and then a huge use, which over time makes every buffer huge. Never idle,
/// so ageing does nothing. Bytes kept in the end, and what was kept at most.
fn poison<T, P>(settings: Builder, policy: P, fill: impl Fn(&mut T, usize)) -> (usize, usize)
where
    T: Send + 'static,
    P: Policy<T>,
{
    let pool: Pool<T, P> = settings.collect_manually().build(policy);
    let mut most = 0;
    for round in 0..20_000 {
        let mut held: Vec<_> = (0..HOLDERS).map(|_| pool.get()).collect();
        for (i, buffer) in held.iter_mut().enumerate() {
            let is_huge = round < 100 && i == round % HOLDERS;
            fill(buffer, if is_huge { HUGE } else { USUAL });
        }
        drop(held);
        if round % 100 == 0 {
            most = most.max(pool.stats().idle_bytes);
            pool.collect();
        }
    }
    assert!(pool.stats().hit_rate() > 0.9, "{}", pool.stats());
    (pool.stats().idle_bytes, most)
}

fn fill(buffer: &mut Vec<u8>, size: usize) {
    static BYTES: [u8; HUGE] = [1; HUGE];
    buffer.extend_from_slice(&BYTES[..size]);
}

#[test]
fn without_a_rule_it_stays_poisoned() {
    let (kept, _) = poison(Builder::new(), Vec::new as fn() -> Vec<u8>, fill);
    assert!(kept >= 2 * HUGE, "{kept}");
}

#[test]
fn a_limit_on_objects_heals_it() {
    let settings = Builder::new().max_object_bytes(64 << 10);
    let (kept, most) = poison(settings, Vec::new as fn() -> Vec<u8>, fill);
    assert!(kept <= HOLDERS * (64 << 10) && most <= HOLDERS * (64 << 10));
}

#[test]
fn dropping_heals_it() {
    let (kept, most) = poison(Builder::new(), DropAbove::new(64 << 10, Vec::new), fill);
    assert!(kept <= HOLDERS * (64 << 10) && most <= HOLDERS * (64 << 10));
}

#[test]
fn shrinking_heals_it() {
    let (kept, most) = poison(Builder::new(), ShrinkAbove::new(64 << 10, Vec::new), fill);
    assert!(kept <= HOLDERS * (64 << 10) && most <= HOLDERS * (64 << 10));
}

#[test]
fn strikes_heal_it() {
    let fill = |buffer: &mut Striking<Vec<u8>>, size| fill(buffer, size);
    let (kept, most) = poison(Builder::new(), QuarterUsed::new(Vec::new), fill);
    assert!(most >= HUGE, "huge ones are kept for a while");
    assert!(kept <= HOLDERS * 4 * USUAL, "{kept}");
}

#[test]
fn calibration_heals_it() {
    let (kept, most) = poison(Builder::new(), Calibrated::new(Vec::with_capacity), fill);
    assert!(most >= HUGE, "huge ones are kept at first");
    assert!(kept <= HOLDERS * 2 * USUAL, "{kept}");
}

/// An object with a buffer in it: the rule sees the buffer, the whole is cleaned.
#[test]
fn an_object_that_owns_a_buffer() {
    struct Encoder {
        out: String,
        depth: usize,
    }
    impl stealpool::Recycle for Encoder {
        fn recycle(&mut self) {
            self.out.clear();
            self.depth = 0;
        }
    }
    impl Elastic for Encoder {
        fn used(&self) -> usize {
            self.out.used()
        }
        fn room(&self) -> usize {
            self.out.room()
        }
        fn shrink(&mut self, bytes: usize) {
            self.out.shrink(bytes);
        }
    }
    let new = || Encoder {
        out: String::new(),
        depth: 0,
    };
    let pool = Pool::new(ShrinkAbove::new(100, new));
    {
        let mut encoder = pool.get();
        encoder.out.push_str(&"x".repeat(1000));
        encoder.depth = 3;
    }
    let encoder = pool.get();
    assert_eq!((encoder.depth, encoder.out.as_str()), (0, ""));
    assert!(encoder.out.capacity() <= 100 && pool.stats().creates == 1);
}
