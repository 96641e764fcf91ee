//! What the programs in `examples/` have in common.
//!
//! Each compares a few *contenders* (stealpool, no pool, the pool that its users have today) in a few
//! *scenarios*. A contender runs in a process of its own, so that its memory is its own; contenders take
//! turns, so that what disturbs the machine disturbs all; every run gives the same [`Figures`], and a
//! scenario ends with one [table](table::render).

pub mod alloc;
mod args;
mod child;
mod figures;
mod histogram;
mod load;
pub mod process;
mod program;
pub mod show;
pub mod table;

pub use figures::{Extra, Figures, Retained};
pub use histogram::Histogram;
pub use load::{Load, settle};
pub use program::{Job, Program, Scenario};

/// The page about other crates: here, because its examples need them.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/ecosystem.md")]
pub mod ecosystem {}

/// The page for users of other pools: here, because it compares with those crates.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/from-rust-pools.md")]
pub mod from_rust_pools {}
