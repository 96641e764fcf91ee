//! A lock-free, work-stealing, self-ageing object pool.
//!
#![cfg_attr(not(loom), doc = include_str!("../docs/crate.md"))]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    loom,
    allow(dead_code, reason = "the models drive the core, not the whole pool")
)]

#[cfg(not(loom))]
pub mod admission;
#[cfg(not(loom))]
mod background;
#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod collector;
#[cfg(not(loom))]
mod current;
#[cfg(not(loom))]
mod drain;
#[cfg(not(loom))]
mod export;
#[cfg(not(loom))]
#[expect(
    unsafe_code,
    reason = "takes the object out of a guard that is being dropped"
)]
mod guard;
#[cfg(not(loom))]
mod idle_budget;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "ends the tenancies of a thread that ends")]
mod interior;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "maps are reclaimed through crossbeam-epoch")]
mod keyed;
#[cfg(not(loom))]
#[expect(
    unsafe_code,
    reason = "an `Arc` behind an atomic pointer; the one place that makes owners"
)]
mod link;
#[cfg(not(loom))]
mod listing;
#[cfg(not(loom))]
mod loan;
#[cfg(not(loom))]
mod pass_through;
#[cfg(not(loom))]
mod policy;
#[cfg(not(loom))]
mod pool;
#[cfg(not(loom))]
#[cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "the system call `poll`")
)]
mod pressure;
#[cfg(not(loom))]
mod recycle;
mod rental;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "who settles in a berth, and leaves it once")]
mod roster;
#[cfg(not(loom))]
mod upkeep;

mod allowance;
#[expect(unsafe_code, reason = "a stack that hangs on its objects' links")]
mod batch;
mod budget;
#[expect(unsafe_code, reason = "the collector's side of the hand-off")]
mod cycle;
mod engine;
mod generation;
#[expect(unsafe_code, reason = "a stack of boxes behind an atomic pointer")]
mod grave;
#[cfg(loom)]
#[expect(unsafe_code, reason = "makes owners for the models' logical threads")]
pub mod model;
mod moved;
#[expect(unsafe_code, reason = "box to pointer and back")]
mod object;
#[expect(unsafe_code, reason = "the hand-off itself")]
mod private;
mod registry;
#[cfg(not(loom))]
mod remains;
#[expect(unsafe_code, reason = "queues behind atomic pointers")]
mod shared;
mod stats;
#[expect(
    unsafe_code,
    reason = "system calls, append-only buckets, the owner's end of a deque"
)]
mod sync;
mod tally;
#[expect(
    unsafe_code,
    reason = "the owner's token; deques behind atomic pointers"
)]
mod worker;

#[cfg(stealpool_chaos)]
#[doc(hidden)]
pub mod chaos {
    pub use crate::sync::chaos::{POINTS, set};
}

#[cfg(not(loom))]
pub use builder::Builder;
#[cfg(not(loom))]
pub use collector::{Collector, CollectorBuilder, CycleReport, DestructorPanic};
#[cfg(not(loom))]
pub use drain::Drain;
#[cfg(all(feature = "metrics", not(loom)))]
pub use export::record_metrics;
#[cfg(not(loom))]
pub use guard::{Guard, OwnedGuard};
#[cfg(not(loom))]
pub use idle_budget::set_idle_budget;
#[cfg(not(loom))]
pub use keyed::KeyedPool;
#[cfg(not(loom))]
pub use listing::{NamedPool, registry};
#[cfg(not(loom))]
pub use policy::{ByType, Closures, Policy, policy};
#[cfg(not(loom))]
pub use pool::Pool;
#[cfg(not(loom))]
pub use pressure::{PressureSource, PressureStatus, PressureSwitch, Sleep};
#[cfg(not(loom))]
pub use recycle::Recycle;
#[cfg(not(loom))]
pub use roster::collect_all;
#[cfg(not(loom))]
pub use stats::{Collected, Drops, Stats};

/// The manual: each page is compiled with the crate, so that its examples run and its links hold.
///
/// Pages name each other by labels. What a label means here comes before the page, and the first
/// definition counts; at a page's end it is defined for those who read the file.
#[cfg(all(any(doc, doctest), not(loom)))]
pub mod docs {
    macro_rules! pages {
        ($($name:ident $file:literal)*) => {$(
            #[doc = "[ageing]: crate::docs::ageing"]
            #[doc = "[apache]: https://github.com/stealpool/stealpool/blob/HEAD/LICENSE-APACHE"]
            #[doc = "[benchmarks]: crate::docs::benchmarks"]
            #[doc = "[design]: crate::docs::design"]
            #[doc = "[design-limits]: crate::docs::design#15-known-limits"]
            #[doc = "[faq]: crate::docs::faq"]
            #[doc = "[faults]: crate::docs::faults"]
            #[doc = "[from-go]: crate::docs::from_go"]
            #[doc = "[guide]: crate::docs::guide"]
            #[doc = "[guide-bounds]: crate::docs::guide#bounds"]
            #[doc = "[guide-statistics]: crate::docs::guide#statistics"]
            #[doc = "[guide-threads]: crate::docs::guide#threads-fork-signals"]
            #[doc = "[guide-types]: crate::docs::guide#recycle-policy-or-policy"]
            #[doc = "[idioms]: crate::docs::from_go_idioms"]
            #[doc = "[mit]: https://github.com/stealpool/stealpool/blob/HEAD/LICENSE-MIT"]
            #[doc = "[recipe-levels]: crate::docs::recipes#compression-contexts-by-level"]
            #[doc = "[recipes]: crate::docs::recipes"]
            #[doc = "[ecosystem]: crate::docs::ecosystem"]
            #[doc = "[policy]: crate::docs::policy"]
            #[doc = "[contributing]: https://github.com/stealpool/stealpool/blob/HEAD/CONTRIBUTING.md"]
            #[doc = "[security]: https://github.com/stealpool/stealpool/blob/HEAD/SECURITY.md"]
            #[doc = "[verification]: crate::docs::verification"]
            #[doc = "[workloads]: crate::docs::workloads"]
            #[doc = "[when-not]: crate::docs::when_not_to_pool"]
            #[doc = ""]
            #[doc = include_str!($file)]
            pub mod $name {}
        )*};
    }

    pages! {
        readme "../README.md"
        guide "../docs/guide.md"
        recipes "../docs/recipes.md"
        from_go "../docs/from-go.md"
        from_go_idioms "../docs/from-go-idioms.md"
        when_not_to_pool "../docs/when-not-to-pool.md"
        workloads "../docs/workloads.md"
        faq "../docs/faq.md"
        design "../docs/design.md"
        verification "../docs/verification.md"
        faults "../docs/faults.md"
        ageing "../docs/ageing.md"
        benchmarks "../docs/benchmarks.md"
        policy "../docs/policy.md"
    }

    // Its examples need those crates: they are run as those of `examples/workloads`.
    #[cfg_attr(not(doctest), doc = include_str!("../docs/ecosystem.md"))]
    pub mod ecosystem {}
}
