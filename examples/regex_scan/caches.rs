//! A regex whose caches come from stealpool: what an adopter would write.

use regex_automata::Input;
use regex_automata::meta::{Cache, Regex};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use stealpool::{Builder, OwnedGuard, Policy, Pool};

/// Caches made so far, by whoever asks for one.
pub(crate) static CREATED: AtomicU64 = AtomicU64::new(0);

/// Makes a cache, and counts it.
pub(crate) fn create(regex: &Regex) -> Cache {
    // Relaxed: a figure.
    CREATED.fetch_add(1, Relaxed);
    regex.create_cache()
}

/// Makes caches for one regex. A search leaves nothing in a cache that another could see, so there is
/// nothing to clean.
#[derive(Debug)]
pub(crate) struct Caches(Regex);

impl Policy<Cache> for Caches {
    fn create(&self) -> Cache {
        create(&self.0)
    }

    fn recycle(&self, _: &mut Cache) -> bool {
        true
    }

    fn footprint(&self, cache: &Cache) -> usize {
        size_of::<Cache>() + cache.memory_usage()
    }
}

/// A regex and its pool; a clone uses the same pool.
#[derive(Clone, Debug)]
pub(crate) struct PooledRegex {
    regex: Regex,
    caches: Arc<Pool<Cache, Caches>>,
}

impl PooledRegex {
    /// Compiles `pattern`.
    pub(crate) fn new(pattern: &str) -> Result<Self, Box<regex_automata::meta::BuildError>> {
        let regex = Regex::new(pattern)?;
        let caches = Builder::new().collect_manually();
        let caches = Arc::new(caches.build(Caches(regex.clone())));
        Ok(PooledRegex { regex, caches })
    }

    /// Whether `haystack` holds a match.
    pub(crate) fn is_match(&self, haystack: &str) -> bool {
        let input = Input::new(haystack).earliest(true);
        self.regex.is_match_with(&mut self.caches.get(), &input)
    }

    /// Searches with a cache that is held already.
    pub(crate) fn search(&self, cache: &mut Cache, haystack: &str) {
        self.regex.search_with(cache, &Input::new(haystack));
    }

    /// A cache, for a while.
    pub(crate) fn hold(&self) -> OwnedGuard<Cache, Caches> {
        self.caches.get_owned()
    }

    /// One ageing cycle.
    pub(crate) fn collect(&self) {
        self.caches.collect();
    }

    /// Idle caches.
    pub(crate) fn idle(&self) -> usize {
        self.caches.idle()
    }
}
