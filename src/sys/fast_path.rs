//! The fast path that the pools of this process use.

use super::rseq;
use std::fmt;

/// How a get or a put moves an object in or out of its processor's magazine; see [`fast_path`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FastPath {
    /// By a restartable sequence, without a locked instruction: on Linux with glibc 2.35 or later, on x86-64.
    Sequence,
    /// By a compare-exchange and a store: everywhere else, and where the system refuses `rseq` or
    /// `membarrier`.
    Exchange,
}

impl fmt::Display for FastPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FastPath::Sequence => "restartable sequences",
            FastPath::Exchange => "compare-exchange",
        })
    }
}

/// The fast path of pools that are first used from now on.
///
/// It is chosen when the program runs. Each pool keeps the one that it was first used with.
///
/// ```
/// println!("stealpool's fast path: {}", stealpool::fast_path());
/// ```
pub fn fast_path() -> FastPath {
    if rseq::available() { FastPath::Sequence } else { FastPath::Exchange }
}
