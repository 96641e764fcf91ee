//! Sequences that the machine runs.

mod area;
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod machine;

pub(crate) use area::{available, head, here, processors};
pub(crate) use machine::{close, pop, push};
