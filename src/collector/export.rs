//! Metrics and events: the features `metrics` and `tracing`.
//!
//! These functions are called while the thread holds nothing of a pool. So a recorder or a subscriber may use the same
//! pool.

/// Records the statistics of all [named pools](crate::registry) with the `metrics` crate.
///
/// A running [`Collector`](crate::Collector) calls this after each cycle. Without one, call it as often as you want
/// figures. Each metric has the label `pool` with the name.
///
/// | metric | kind | what |
/// |---|---|---|
/// | `stealpool_gets_total` | counter | objects lent |
/// | `stealpool_creates_total` | counter | objects created |
/// | `stealpool_drops_total` | counter | objects dropped, with the label `reason`, as in [`Drops`](crate::Drops) |
/// | `stealpool_cycles_total` | counter | cycles |
/// | `stealpool_idle_objects` | gauge | objects idle |
/// | `stealpool_idle_bytes` | gauge | bytes they keep |
/// | `stealpool_live_objects` | gauge | objects lent and idle |
/// | `stealpool_workers` | gauge | processors on which the pool was used |
///
/// ```
/// use stealpool::{Builder, Pool};
///
/// let pool: Pool<Vec<u8>> = Builder::new().name("buffers").build(Vec::new);
/// drop(pool.get());
/// stealpool::record_metrics(); // to the recorder that the program has installed, if any
/// ```
#[cfg(feature = "metrics")]
pub fn record_metrics() {
    use metrics::{counter, gauge};
    for pool in crate::registry() {
        let (name, stats) = (pool.name(), pool.stats());
        counter!("stealpool_gets_total", "pool" => name).absolute(stats.gets);
        counter!("stealpool_creates_total", "pool" => name).absolute(stats.creates);
        counter!("stealpool_cycles_total", "pool" => name).absolute(stats.cycles);
        for (reason, count) in stats.drops.by_reason() {
            counter!("stealpool_drops_total", "pool" => name, "reason" => reason).absolute(count);
        }
        gauge!("stealpool_idle_objects", "pool" => name).set(stats.idle as f64);
        gauge!("stealpool_idle_bytes", "pool" => name).set(stats.idle_bytes as f64);
        gauge!("stealpool_live_objects", "pool" => name).set(stats.live as f64);
        gauge!("stealpool_workers", "pool" => name).set(stats.workers as f64);
    }
}

/// With the feature `tracing`, emits an event when a pool has ended a cycle: level `DEBUG`, target `stealpool`.
pub(crate) fn cycle_ended(
    pool: Option<&'static str>,
    stats: impl FnOnce() -> crate::Stats,
    dropped: usize,
) {
    #[cfg(feature = "tracing")]
    if tracing::enabled!(target: "stealpool", tracing::Level::DEBUG) {
        let stats = stats();
        tracing::debug!(
            target: "stealpool",
            pool = pool.unwrap_or("(unnamed)"),
            cycle = stats.cycles,
            dropped,
            idle = stats.idle,
            idle_bytes = stats.idle_bytes,
            live = stats.live,
            "cycle"
        );
    }
    #[cfg(not(feature = "tracing"))]
    let _unused = (pool, stats, dropped);
}
