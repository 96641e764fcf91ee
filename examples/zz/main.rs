use std::cell::Cell;
use std::sync::{Arc, Weak};
use std::time::*;
use stealpool::*;
thread_local! { static N: Cell<(usize,usize,usize)> = const { Cell::new((0,0,0)) }; }
struct H {
    heads: bool,
    pool: Weak<Pool<H, Box<dyn Fn() -> H + Send + Sync>>>,
}
impl Recycle for H {
    fn recycle(&mut self) {}
}
impl Drop for H {
    fn drop(&mut self) {
        let (n, m, a) = N.get();
        N.set((n + 1, m.max(n + 1), a + 1));
        if let (true, Some(p)) = (self.heads, self.pool.upgrade()) {
            for _ in 0..2 {
                p.put(H {
                    heads: false,
                    pool: Weak::clone(&self.pool),
                })
            }
        }
        let (n, m, a) = N.get();
        N.set((n - 1, m, a));
    }
}
fn main() {
    let pool: Arc<Pool<H, Box<dyn Fn() -> H + Send + Sync>>> = Arc::new_cyclic(|w| {
        let w = Weak::clone(w);
        let mk: Box<dyn Fn() -> H + Send + Sync> = Box::new(move || H {
            heads: true,
            pool: Weak::clone(&w),
        });
        Builder::new()
            .collect_every(Duration::from_millis(200))
            .build(mk)
    });
    drop((0..3000).map(|_| pool.get()).collect::<Vec<_>>());
    let t = Instant::now();
    let mut last = 0;
    while t.elapsed() < Duration::from_secs(2) {
        drop(pool.get());
        let (_, m, a) = N.get();
        if a != last {
            println!(
                "{:?}: {} (+{}) depth {m}; {}",
                t.elapsed(),
                a,
                a - last,
                pool.stats()
            );
            last = a;
            if a > 20000 {
                break;
            }
        }
    }
}
