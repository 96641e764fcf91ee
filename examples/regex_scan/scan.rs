//! The contenders behind one face: something that tells whether a user agent matches.

use crate::caches::{self, PooledRegex};
use regex_automata::Input;
use regex_automata::meta::{self, Cache};
use regex_automata::util::pool::Pool as AutomataPool;
use std::borrow::Cow;

/// One pattern, ready to search, shared by all threads.
pub(crate) trait Scan: Clone + Send + Sync {
    /// Whether each thread gets a clone of its own.
    const CLONED: bool = false;
    /// Whether the caches that are made can be counted.
    const COUNTED: bool = true;

    /// Compiles `pattern`, which the corpus vouches for.
    fn compile(pattern: &str) -> Self;

    /// Whether `haystack` holds a match.
    fn is_match(&self, haystack: &str) -> bool;

    /// Is in the middle of a search of `haystack` while `wait` runs.
    fn hold(&self, haystack: &str, wait: impl FnOnce());

    /// One ageing cycle, of who has such a thing.
    fn collect(&self) {}

    /// Idle caches, of who tells.
    fn idle(&self) -> Option<usize> {
        None
    }

    /// What one thread searches with.
    fn for_thread(&self) -> Cow<'_, Self> {
        match Self::CLONED {
            true => Cow::Owned(self.clone()),
            false => Cow::Borrowed(self),
        }
    }
}

const VALID: &str = "every pattern of the corpus is a regex";

impl Scan for PooledRegex {
    fn compile(pattern: &str) -> Self {
        PooledRegex::new(pattern).expect(VALID)
    }

    #[inline]
    fn is_match(&self, haystack: &str) -> bool {
        PooledRegex::is_match(self, haystack)
    }

    fn hold(&self, haystack: &str, wait: impl FnOnce()) {
        let mut cache = PooledRegex::hold(self);
        self.search(&mut cache, haystack);
        wait();
    }

    fn collect(&self) {
        PooledRegex::collect(self);
    }

    fn idle(&self) -> Option<usize> {
        Some(PooledRegex::idle(self))
    }
}

/// The regex crate as most use it.
#[derive(Clone, Debug)]
pub(crate) struct Shared(regex::Regex);

impl Scan for Shared {
    const COUNTED: bool = false;

    fn compile(pattern: &str) -> Self {
        Shared(regex::Regex::new(pattern).expect(VALID))
    }

    #[inline]
    fn is_match(&self, haystack: &str) -> bool {
        self.0.is_match(haystack)
    }

    fn hold(&self, haystack: &str, wait: impl FnOnce()) {
        // The iterator has a cache as long as it lives.
        let mut matches = self.0.find_iter(haystack);
        matches.next();
        wait();
    }
}

/// What the regex crate's documentation says to do where its pool is in the way.
#[derive(Clone, Debug)]
pub(crate) struct Cloned(Shared);

impl Scan for Cloned {
    const CLONED: bool = true;
    const COUNTED: bool = false;

    fn compile(pattern: &str) -> Self {
        Cloned(Shared::compile(pattern))
    }

    #[inline]
    fn is_match(&self, haystack: &str) -> bool {
        self.0.is_match(haystack)
    }

    fn hold(&self, haystack: &str, wait: impl FnOnce()) {
        self.0.hold(haystack, wait);
    }
}

/// regex-automata's pool, which `regex::Regex` has inside, used by hand: caches can be counted.
pub(crate) type Maker = Box<dyn Fn() -> Cache + Send + Sync>;

/// A regex and that pool.
pub(crate) struct ByHand {
    regex: meta::Regex,
    /// Public for the hand-off, which needs the guard itself.
    pub(crate) pool: AutomataPool<Cache, Maker>,
}

impl Clone for ByHand {
    fn clone(&self) -> Self {
        ByHand::of(self.regex.clone())
    }
}

impl ByHand {
    /// Searches with a cache that is held already.
    pub(crate) fn search(&self, cache: &mut Cache, haystack: &str) {
        self.regex.search_with(cache, &Input::new(haystack));
    }

    fn of(regex: meta::Regex) -> Self {
        let maker = regex.clone();
        ByHand { regex, pool: AutomataPool::new(Box::new(move || caches::create(&maker))) }
    }
}

impl Scan for ByHand {
    fn compile(pattern: &str) -> Self {
        ByHand::of(meta::Regex::new(pattern).expect(VALID))
    }

    #[inline]
    fn is_match(&self, haystack: &str) -> bool {
        let input = Input::new(haystack).earliest(true);
        let mut cache = self.pool.get();
        let found = self.regex.is_match_with(&mut cache, &input);
        regex_automata::util::pool::PoolGuard::put(cache);
        found
    }

    fn hold(&self, haystack: &str, wait: impl FnOnce()) {
        let mut cache = self.pool.get();
        self.regex.search_with(&mut cache, &Input::new(haystack));
        wait();
    }
}

/// No pool.
#[derive(Clone, Debug)]
pub(crate) struct Fresh(meta::Regex);

impl Scan for Fresh {
    fn compile(pattern: &str) -> Self {
        Fresh(meta::Regex::new(pattern).expect(VALID))
    }

    #[inline]
    fn is_match(&self, haystack: &str) -> bool {
        let input = Input::new(haystack).earliest(true);
        self.0.is_match_with(&mut caches::create(&self.0), &input)
    }

    fn hold(&self, haystack: &str, wait: impl FnOnce()) {
        let mut cache = caches::create(&self.0);
        self.0.search_with(&mut cache, &Input::new(haystack));
        wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{CRAWLER, patterns, user_agents};

    #[test]
    fn all_contenders_find_the_same() {
        fn found<S: Scan>() -> Vec<bool> {
            let regexes = patterns(40).chain([CRAWLER]).map(S::compile);
            let agents = user_agents();
            let search = |regex: S| {
                agents.iter().map(move |agent| regex.is_match(agent)).collect::<Vec<_>>()
            };
            regexes.flat_map(search).collect()
        }
        let expected = found::<Shared>();
        assert!(expected.contains(&true) && expected.contains(&false));
        assert!(found::<PooledRegex>() == expected);
        assert!(found::<Cloned>() == expected);
        assert!(found::<ByHand>() == expected);
        assert!(found::<Fresh>() == expected);
    }
}
