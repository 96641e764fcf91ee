use std::cell::RefCell;
use std::hint::black_box;
use std::time::Instant;
use stealpool::Pool;
static Q: Pool<Vec<u8>> = Pool::new(Vec::new);
#[inline(never)]
fn pair_pool() {
    let mut g = Q.get();
    g.push(1);
    black_box(&mut *g);
}
thread_local! { static L: RefCell<Vec<Box<Vec<u8>>>> = const { RefCell::new(Vec::new()) }; }
#[inline(never)]
fn pair_tls() {
    let mut o = L.with(|l| l.borrow_mut().pop()).unwrap_or_default();
    o.push(1);
    black_box(&mut *o);
    o.clear();
    L.with(|l| l.borrow_mut().push(o));
}
fn bench(name: &str, n: u64, f: &mut dyn FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..9 {
        let i = Instant::now();
        f();
        best = best.min(i.elapsed().as_nanos() as f64 / n as f64);
    }
    println!("{name}: {best:.2} ns");
}
fn main() {
    let n = 10_000_000;
    for _ in 0..2 {
        bench("tls vec", n, &mut || {
            for _ in 0..n {
                pair_tls()
            }
        });
        bench("pool", n, &mut || {
            for _ in 0..n {
                pair_pool()
            }
        });
    }
    for k in [8usize, 12, 64, 100, 1000] {
        let m = 2_000_000 / k;
        let mut v = Vec::with_capacity(k);
        bench(&format!("hold {k}"), (m * k) as u64, &mut || {
            for _ in 0..m {
                for _ in 0..k {
                    v.push(Q.get())
                }
                v.clear();
            }
        });
        let mut v: Vec<Box<Vec<u8>>> = Vec::with_capacity(k);
        bench(&format!("tls hold {k}"), (m * k) as u64, &mut || {
            for _ in 0..m {
                for _ in 0..k {
                    v.push(L.with(|l| l.borrow_mut().pop()).unwrap_or_default())
                }
                for o in v.drain(..) {
                    L.with(|l| l.borrow_mut().push(o))
                }
            }
        });
    }
    let p: Pool<Vec<u8>> = Pool::new(Vec::new);
    bench("miss", 1_000_000, &mut || {
        for _ in 0..1_000_000 {
            black_box(stealpool::Guard::into_inner(p.get()));
        }
    });
    bench("box", 1_000_000, &mut || {
        for _ in 0..1_000_000 {
            black_box(Box::new(Vec::<u8>::new()));
        }
    });
    let h: Pool<Vec<u8>> = Pool::new(|| vec![0u8; 1 << 17]);
    bench("heavy pair", 1_000_000, &mut || {
        for _ in 0..1_000_000 {
            black_box(&*h.get());
        }
    });
    for t in [2, 8, 64] {
        let per = 4_000_000 / t;
        bench(&format!("{t} threads"), (per * t) as u64 / 2, &mut || {
            std::thread::scope(|s| {
                for _ in 0..t {
                    s.spawn(move || {
                        for _ in 0..per {
                            pair_pool()
                        }
                    });
                }
            })
        });
    }
    println!("{}", Q.stats());
}
