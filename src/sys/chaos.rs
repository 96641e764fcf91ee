//! Named points between the steps of the protocol, at which a test may stop or delay a thread.
//!
//! Nothing in an ordinary build. With `--cfg stealpool_chaos`, each point calls what [`set`] was given:
//! a test parks a thread there and sees that all others go on, a soak yields there at random.

/// Every point, so that a test can visit each of them.
#[cfg(stealpool_chaos)]
pub const POINTS: [&str; 16] = [
    "worker: held",
    "worker: claimed",
    "worker: stopped",
    "worker: seized",
    "worker: opening",
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

/// What every point calls from now on, with its name. `false`: something was set before.
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
