//! The works that are timed: what is done, and how long it takes for so many objects.

mod many;
mod rare;
mod single;
mod theirs;

use crate::measure::{Case, Sample, Suite};
use crate::thing::created;
use std::time::Duration;

/// What most works pool.
const KIB: usize = 1024;

/// Works by name, and what one of them is.
pub const WORKS: [(&str, &str); 11] = [
    ("pair", "get, touch, drop, on one thread; seven kinds of object"),
    ("burst", "hold so many, then give all back, on one thread; an object"),
    ("starvation", "hold 100, give 67 back and drop 33 for good, on each core; an object"),
    (
        "expensive",
        "a constructor of 1 ms: hold 100, four times, with a cycle in between; an object",
    ),
    ("transfer", "get on one thread, drop on another, 64 objects a message; an object"),
    ("threads", "the pair on several threads at once; a pair of one core"),
    ("owned", "the same with guards that hold an `Arc` of the pool; a pair of one core"),
    ("pools", "several pools used in turn by one thread; a pair"),
    ("miss", "get from a pool without idle objects that so many threads use; an object"),
    ("cycle", "the first gets after one step of ageing, of 1,000 pools; an object"),
    ("theirs", "the benchmark programs that the peers publish; an object"),
];

/// Adds the cases of one work.
pub fn add(suite: &mut Suite, work: &str) {
    match work {
        "pair" => single::pair(suite),
        "burst" => single::burst(suite),
        "pools" => single::pools(suite),
        "starvation" => many::starvation(suite),
        "transfer" => many::transfer(suite),
        "threads" => many::threads(suite),
        "owned" => many::owned(suite),
        "expensive" => rare::expensive(suite),
        "miss" => rare::miss(suite),
        "cycle" => rare::cycle(suite),
        "theirs" => theirs::all_of_them(suite),
        _ => {}
    }
}

/// A case whose run says how long it took; what it creates is counted.
fn case(
    work: &str,
    contender: &'static str,
    mut run: impl FnMut(u64) -> Duration + 'static,
) -> Case {
    // Memory of the allocators, zeropool's vectors and those of `BytesMut` are not counted one by one.
    let tells = !contender.starts_with("no pool")
        && contender != "zeropool"
        && !contender.starts_with("BytesMut");
    Case {
        work: work.to_string(),
        contender,
        fixed: None,
        longer: 1,
        run: Box::new(move |objects| {
            let before = created();
            let time = run(objects);
            let created = tells.then(|| created() - before);
            Sample { time, created }
        }),
    }
}
