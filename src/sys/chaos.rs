//! Failpoints: named points between the steps of the protocol, where a test may stop or delay a thread.
//!
//! They are nothing in an ordinary build. With `--cfg stealpool_chaos`, each point calls the hook given to `set`. A test
//! parks a thread there and checks that all others go on. A soak test yields there at random.

/// The names of all points.
#[cfg(stealpool_chaos)]
pub const POINTS: [&str; 17] = [
    "worker: held",
    "worker: claimed",
    "worker: stopped",
    "worker: reclaiming",
    "worker: opening",
    "worker: unclaimed",
    "workers: making",
    "cycle: noted",
    "cycle: turning",
    "cycle: turned",
    "cycle: emptying",
    "engine: refilling",
    "engine: going down",
    "slots: claimed",
    "registry: entered",
    "registry: looking",
    "registry: leaving",
];

#[cfg(stealpool_chaos)]
static HOOK: std::sync::OnceLock<fn(&'static str)> = std::sync::OnceLock::new();

/// Sets the hook that every point calls with its name. `false`: there is one already.
#[cfg(stealpool_chaos)]
pub fn set(hook: fn(&'static str)) -> bool {
    HOOK.set(hook).is_ok()
}

/// A point.
#[inline(always)]
pub(crate) fn point(name: &'static str) {
    #[cfg(stealpool_chaos)]
    {
        debug_assert!(POINTS.contains(&name), "{name} is not listed");
        if let Some(hook) = HOOK.get() {
            hook(name);
        }
    }
    // SeqCst, as shuttle has no other: it runs another task where an atomic is used.
    #[cfg(shuttle)]
    super::atomic::fence(super::atomic::Ordering::SeqCst);
    #[cfg(not(stealpool_chaos))]
    let _nothing_happens_at = name;
}
