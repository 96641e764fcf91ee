//! A busy pool that a few huge buffers have poisoned recovers, by each of the rules (golang/go#23199).

use stealpool::admission::{
    Calibrated, DropAbove, DropBelow, Elastic, QuarterUsed, ShrinkAbove, Striking,
};
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

/// One use in sixteen is counted, so about 42,000 calibrate.
#[test]
fn enough_uses_calibrate() {
    let policy = Calibrated::new(Vec::with_capacity as fn(usize) -> Vec<u8>);
    let uses = (0..1_000_000).take_while(|_| {
        let mut buffer = policy.create();
        buffer.resize(5_000, 0);
        assert!(policy.recycle(&mut buffer));
        policy.limit().is_none()
    });
    let uses = uses.count();
    assert!((20_000..80_000).contains(&uses), "{uses}");
    assert_eq!(policy.limit(), Some(8192));
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
    let new = || Encoder { out: String::new(), depth: 0 };
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

/// What a rule keeps is weighed by the buffer's footprint, and a rule shows its numbers.
#[test]
fn each_rule_weighs_what_it_keeps() {
    fn kept<T: Send + 'static, P: Policy<T> + std::fmt::Debug>(policy: P) -> (usize, String) {
        let pool: Pool<T, P> = Pool::new(policy);
        drop(pool.get());
        (pool.stats().idle_bytes, format!("{:?}", pool.policy()))
    }
    let new = || Vec::<u8>::with_capacity(100);
    for (idle, text) in [kept(DropAbove::new(4_321, new)), kept(ShrinkAbove::new(4_321, new))] {
        assert_eq!(idle, 100);
        assert!(text.contains("4321"), "{text}");
    }
    let (idle, text) = kept(QuarterUsed::new(new));
    assert!(idle == 100 && text.contains("QuarterUsed"), "{text}");
    let (idle, text) = kept(Calibrated::new(|usual| Vec::<u8>::with_capacity(usual + 100)));
    assert!(idle >= 100 && text.contains("limit: None"), "{text}");
}

/// What has room for more gives it back, down to its content.
#[test]
fn every_buffer_shrinks_to_its_content() {
    fn check<T: Elastic + PartialEq + std::fmt::Debug>(mut buffer: T, same: T, used: usize) {
        assert!(buffer.used() == used && buffer.room() >= 1_000, "{buffer:?}");
        buffer.shrink(100);
        assert!((100..200).contains(&buffer.room()), "{}", buffer.room());
        buffer.shrink(0);
        assert!((used..100).contains(&buffer.room()), "{}", buffer.room());
        assert_eq!(buffer, same);
    }
    fn filled<T: Extend<u8>>(mut buffer: T) -> T {
        buffer.extend([1, 2, 3]);
        buffer
    }
    check(filled(Vec::with_capacity(1_000)), vec![1, 2, 3], 3);
    let deque = filled(std::collections::VecDeque::with_capacity(1_000));
    check(deque, std::collections::VecDeque::from([1, 2, 3]), 3);
    let mut text = String::with_capacity(1_000);
    text.push_str("xyz");
    check(text, String::from("xyz"), 3);
    let mut words = Vec::<u32>::with_capacity(250);
    words.push(7);
    check(words, vec![7], 4);
    #[cfg(feature = "bytes")]
    check(filled(bytes::BytesMut::with_capacity(1_000)), bytes::BytesMut::from(&[1, 2, 3][..]), 3);
}

/// A buffer with its strikes is a buffer like any other.
#[test]
fn a_striking_buffer_can_be_pooled_without_the_rule() {
    let pool = Pool::new(|| Striking::new(Vec::with_capacity(64)));
    pool.get().extend_from_slice(b"text");
    assert_eq!(pool.stats().idle_bytes, 64);
    let buffer = stealpool::Guard::into_inner(pool.get()).into_inner();
    assert_eq!((buffer.len(), buffer.capacity()), (0, 64));
}

/// Room that was split off and dropped comes back.
#[cfg(feature = "bytes")]
#[test]
fn a_split_buffer_takes_its_room_back() {
    use bytes::{BufMut, BytesMut};
    let pool = Pool::new(|| BytesMut::with_capacity(1_000));
    for _ in 0..3 {
        let mut buffer = pool.get();
        buffer.put_slice(&[7; 900]);
        let part = buffer.split();
        assert!(buffer.capacity() <= 100);
        drop(part);
    }
    let buffer = pool.get();
    assert_eq!((buffer.len(), pool.stats().creates), (0, 1));
    assert!(buffer.capacity() >= 1_000, "{}", buffer.capacity());
}

#[test]
fn a_buffer_shrinks_to_what_is_asked_or_used() {
    let mut words: Vec<u64> = Vec::with_capacity(1000);
    words.push(1);
    assert_eq!((words.used(), words.room()), (8, 8000));
    words.shrink(80);
    assert!((8..=80).contains(&words.room()));
    words.shrink(0);
    assert_eq!((words.room(), words.as_slice()), (8, &[1][..]));
    let mut text = String::from("hello");
    text.reserve(1000);
    text.shrink(10);
    assert!(text.room() >= 5 && text.room() <= 100 && text == "hello");
    let mut units = vec![(); 5];
    units.shrink(0);
    assert_eq!((units.used(), units.room(), units.len()), (0, 0, 5));
}

fn comes_back(object: &mut Striking<Vec<u8>>, used: usize) -> bool {
    object.resize(used, 0);
    QuarterUsed::new(Vec::new).recycle(object)
}

#[test]
fn a_good_use_forgives_all_strikes() {
    let mut object = Striking::new(Vec::with_capacity(40_000));
    for _ in 0..3 {
        (0..4).for_each(|_| assert!(comes_back(&mut object, 9_999)));
        assert!(comes_back(&mut object, 10_000), "a quarter");
    }
    (0..4).for_each(|_| assert!(comes_back(&mut object, 0)));
    assert!(!comes_back(&mut object, 0));
}

#[test]
fn small_ones_are_always_kept() {
    let mut object = Striking::new(Vec::with_capacity(4096));
    (0..100).for_each(|_| assert!(comes_back(&mut object, 0)));
}

/// dotnet/corefx#5949: what a user put in place of a pooled buffer must not be lent as one.
#[test]
fn a_get_has_the_constructors_capacity_whatever_came_back() {
    fn check<T: Elastic + Send + 'static>(policy: impl Policy<T>, empty: impl Fn() -> T) {
        let pool = Builder::new().collect_manually().build(DropBelow::new(USUAL, policy));
        for _ in 0..100 {
            pool.put(empty());
            let mut lent = [pool.get(), pool.get()];
            assert!(lent.iter().all(|buffer| buffer.room() >= USUAL));
            *lent[0] = empty();
            lent[1].shrink(USUAL / 2);
        }
        let stats = pool.stats();
        assert_eq!((stats.drops.refused, stats.idle), (300, 0), "{stats}");
        drop(pool.get());
        drop(pool.get());
        assert_eq!(pool.stats().creates, 201, "a whole one stays");
    }
    let make = || Vec::<u8>::with_capacity(USUAL);
    check(make, Vec::new);
    check(DropAbove::new(HUGE, make), Vec::new);
    check(ShrinkAbove::new(HUGE, make), Vec::new);
    check(QuarterUsed::new(make), || Striking::new(Vec::new()));
    // A rule that shrinks below the limit leaves nothing.
    let pool = Pool::new(DropBelow::new(USUAL, ShrinkAbove::new(USUAL / 2, make)));
    drop(pool.get());
    assert_eq!(pool.idle(), 0);
}
