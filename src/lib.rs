//! A lock-free, work-stealing, self-ageing object pool.
//!
#![cfg_attr(not(loom), doc = include_str!("../docs/crate.md"))]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(loom, allow(dead_code, reason = "the models drive the core, not the whole pool"))]

// What users see; user code runs here and nowhere below.
#[cfg(not(loom))]
pub mod admission;
#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod collector;
#[cfg(not(loom))]
mod fast_path;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "takes the object out of a guard that is being dropped")]
mod guard;
#[cfg(not(loom))]
mod keyed;
#[cfg(not(loom))]
mod pass_through;
#[cfg(not(loom))]
mod policy;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "an `Arc` behind an atomic pointer; the fast path's sequences")]
mod pool;
#[cfg(not(loom))]
mod recycle;
mod stats;

// What moves objects, and knows no policy.
#[expect(
    unsafe_code,
    reason = "objects are pointers; workers behind atomic pointers; who holds one"
)]
mod engine;
#[cfg(loom)]
#[path = "../loom-tests/model/mod.rs"]
#[expect(unsafe_code, reason = "breaks contracts for the canaries")]
pub mod model;

// What knows the platform.
#[expect(
    unsafe_code,
    reason = "restartable sequences, system calls, pointers that are published once"
)]
mod sys;

#[cfg(stealpool_chaos)]
#[doc(hidden)]
pub mod chaos {
    pub use crate::sys::chaos::{POINTS, set};
}

#[cfg(not(loom))]
pub use builder::Builder;
#[cfg(all(feature = "metrics", not(loom)))]
pub use collector::export::record_metrics;
#[cfg(not(loom))]
pub use collector::idle_budget::set_idle_budget;
#[cfg(not(loom))]
pub use collector::listing::{NamedPool, registry};
#[cfg(not(loom))]
pub use collector::pressure::{PressureSource, PressureStatus, PressureSwitch, Sleep};
#[cfg(not(loom))]
pub use collector::roster::collect_all;
#[cfg(not(loom))]
pub use collector::{Collector, CollectorBuilder, CycleReport, DestructorPanic};
#[cfg(not(loom))]
pub use fast_path::{FastPath, fast_path};
#[cfg(not(loom))]
pub use guard::{Guard, OwnedGuard};
#[cfg(not(loom))]
pub use keyed::KeyedPool;
#[cfg(not(loom))]
pub use policy::{ByType, Closures, Policy, policy};
#[cfg(not(loom))]
pub use pool::Pool;
#[cfg(not(loom))]
pub use pool::drain::Drain;
#[cfg(not(loom))]
pub use recycle::Recycle;
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
            #[doc = "[design-limits]: crate::docs::design#14-known-limits"]
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
