//! Metrics and events: the features `metrics` and `tracing`.
//!
//! These functions are called while the thread holds nothing of a pool. So a recorder or a subscriber may use the same
//! pool. A subscriber that does gets the event of a cycle on use inside its own call: `collect_manually` avoids that.

/// Records the statistics of all [named pools](crate::registry) with the `metrics` crate.
///
/// A running [`Collector`](crate::Collector) calls this after each cycle. Without one, call it as often as you want
/// figures. Each metric has the label `pool` with the name.
///
/// | metric | kind | what |
/// |---|---|---|
/// | `stealpool_gets_total` | counter | objects lent |
/// | `stealpool_hits_total` | counter | gets that found an object, with the label `from`: `private`, `local`, `steal` or `victim`, as in [`Stats`](crate::Stats) |
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
    describe();
    for pool in crate::registry() {
        let (name, stats) = (pool.name(), pool.stats());
        counter!("stealpool_gets_total", "pool" => name).absolute(stats.gets);
        let hits = [
            ("private", stats.private_hits),
            ("local", stats.local_hits),
            ("steal", stats.steals),
            ("victim", stats.victim_hits),
        ];
        for (from, count) in hits {
            counter!("stealpool_hits_total", "pool" => name, "from" => from).absolute(count);
        }
        counter!("stealpool_creates_total", "pool" => name).absolute(stats.creates);
        for (reason, count) in stats.drops.by_reason() {
            counter!("stealpool_drops_total", "pool" => name, "reason" => reason).absolute(count);
        }
        counter!("stealpool_cycles_total", "pool" => name).absolute(stats.cycles);
        gauge!("stealpool_idle_objects", "pool" => name).set(stats.idle as f64);
        gauge!("stealpool_idle_bytes", "pool" => name).set(stats.idle_bytes as f64);
        gauge!("stealpool_live_objects", "pool" => name).set(stats.live as f64);
        gauge!("stealpool_workers", "pool" => name).set(stats.workers as f64);
    }
}

/// Each time, since a recorder may be installed at any time.
#[cfg(feature = "metrics")]
fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge};
    describe_counter!("stealpool_gets_total", Unit::Count, "Objects lent");
    describe_counter!("stealpool_hits_total", Unit::Count, "Gets that found an object");
    describe_counter!("stealpool_creates_total", Unit::Count, "Objects created");
    describe_counter!("stealpool_drops_total", Unit::Count, "Objects dropped");
    describe_counter!("stealpool_cycles_total", Unit::Count, "Cycles");
    describe_gauge!("stealpool_idle_objects", Unit::Count, "Objects idle");
    describe_gauge!("stealpool_idle_bytes", Unit::Bytes, "Bytes that idle objects keep");
    describe_gauge!("stealpool_live_objects", Unit::Count, "Objects lent and idle");
    describe_gauge!("stealpool_workers", Unit::Count, "Processors on which the pool was used");
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
