//! A lock-free, work-stealing, self-ageing object pool.
//!
#![cfg_attr(not(loom), doc = include_str!("../docs/crate.md"))]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(loom, allow(dead_code, reason = "the models drive the core, not the whole pool"))]

#[cfg(not(target_has_atomic = "64"))]
compile_error!("stealpool needs 64-bit atomics, which this target does not have");
#[cfg(not(any(target_pointer_width = "32", target_pointer_width = "64")))]
compile_error!("stealpool needs pointers of 32 or 64 bits");
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
compile_error!("stealpool needs a clock, which this target does not have; wasm32-wasip1 has one");

// What users see; user code runs here and nowhere below.
#[cfg(not(loom))]
pub mod admission;
#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod collector;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "takes the object out of a guard that is being dropped")]
mod guard;
#[cfg(not(loom))]
mod keyed;
#[cfg(not(loom))]
mod policy;
#[cfg(not(loom))]
#[expect(
    unsafe_code,
    reason = "an `Arc` behind an atomic pointer; the fast path's sequences; types of objects"
)]
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

#[cfg(all(feature = "metrics", not(loom)))]
pub use collector::export::record_metrics;
#[cfg(all(feature = "loans", not(loom)))]
pub use pool::loans::Loan;
#[cfg(not(loom))]
pub use {
    builder::Builder,
    collector::idle_budget::set_idle_budget,
    collector::pressure::{PressureSource, PressureStatus, PressureSwitch, Sleep},
    collector::registry::{NamedPool, collect_all, registry},
    collector::{Collector, CollectorBuilder, CycleReport, DestructorPanic},
    guard::{Guard, OwnedGuard},
    keyed::KeyedPool,
    policy::{ByType, Closures, Policy, policy},
    pool::Pool,
    pool::drain::Drain,
    recycle::Recycle,
    stats::{Collected, Drops, Stats},
    sys::fast_path::{FastPath, fast_path},
};

/// The manual: each page is compiled with the crate, so that its examples run and its links hold.
///
/// Pages name each other by labels. What a label means here comes before the page, and the first
/// definition counts; at a page's end it is defined for those who read the file.
#[cfg(all(any(doc, doctest), not(loom)))]
pub mod docs {
    macro_rules! pages {
        ($($name:ident $file:literal)*) => {$(
            #[doc = include_str!("../docs/labels.txt")]
            #[doc = include_str!($file)]
            pub mod $name {}
        )*};
    }

    pages! {
        readme "../README.md"
        guide "../docs/guide.md"
        recipes "../docs/recipes.md"
        running "../docs/running.md"
        from_go "../docs/from-go.md"
        from_go_idioms "../docs/from-go-idioms.md"
        when_not_to_pool "../docs/when-not-to-pool.md"
        compared "../docs/compared.md"
        workloads "../docs/workloads.md"
        adoption "../docs/adoption.md"
        faq "../docs/faq.md"
        design "../docs/design.md"
        verification "../docs/verification.md"
        faults "../docs/faults.md"
        ageing "../docs/ageing.md"
        benchmarks "../docs/benchmarks.md"
        policy "../docs/policy.md"
    }

    // Their examples need those crates: they are run as those of `examples/workloads`.
    #[cfg_attr(not(doctest), doc = include_str!("../docs/ecosystem.md"))]
    pub mod ecosystem {}
    #[cfg_attr(not(doctest), doc = include_str!("../docs/labels.txt"))]
    #[cfg_attr(not(doctest), doc = include_str!("../docs/from-rust-pools.md"))]
    pub mod from_rust_pools {}
}
