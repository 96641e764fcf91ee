package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

const batch, waiting = 64, 4

func newPool[E any, T thing[E]]() *sync.Pool {
	return &sync.Pool{New: func() any {
		t := T(new(E))
		t.init()
		return t
	}}
}

// Pools that live through the whole run, as those of the other contenders do.
var pools = map[string]any{}

func lasting[V any](name string, make func() V) V {
	if v, ok := pools[name]; ok {
		return v.(V)
	}
	v := make()
	pools[name] = v
	return v
}

// run does one work for so many objects.
func run(work string, objects int) (time.Duration, bool) {
	var n, m int
	one := func() *sync.Pool { return lasting(work, newPool[buffer1]) }
	switch {
	case work == "pair, Vec of 1 KiB":
		return pair[buffer1](one(), objects), true
	case work == "pair, Vec of 64 KiB":
		return pair[buffer64](lasting(work, newPool[buffer64]), objects), true
	case work == "pair, Vec of 1 MiB":
		return pair[buffer1024](lasting(work, newPool[buffer1024]), objects), true
	case work == "pair, 64 KiB of zeros":
		return pair[zeros64](lasting(work, newPool[zeros64]), objects), true
	case work == "pair, 1 MiB of zeros":
		return pair[zeros1024](lasting(work, newPool[zeros1024]), objects), true
	case work == "pair, 8 bytes":
		return pair[word](lasting(work, newPool[word]), objects), true
	case work == "pair, 64 KiB in line":
		return pair[inline](lasting(work, newPool[inline]), objects), true
	case scan(work, "burst, hold %d", &n):
		return hold[buffer1](one(), n, objects), true
	case work == "starvation":
		p := one()
		return together(runtime.GOMAXPROCS(0), objects, func(n int) { starve(p, n) }), true
	case work == "expensive, hold 100":
		return expensive(objects), true
	case work == "expensive, 32 threads in turn":
		return inTurn(objects), true
	case scan2(work, "transfer, %d to %d", &n, &m):
		return transfer(one(), n, m, objects), true
	// All pointers of Go keep what they point to, so both are the same work.
	case scan(work, "threads, %d", &n), scan(work, "owned, %d", &n):
		p := one()
		return together(n, objects, func(n int) { pair[buffer1](p, n) }), true
	case scan(work, "pools, %d in turn", &n):
		all := lasting(work, func() []*sync.Pool { return several[buffer1](n) })
		begun := time.Now()
		for i := 0; i < objects/n; i++ {
			for _, p := range all {
				use[buffer1](p)
			}
		}
		return time.Since(begun), true
	case scan(work, "miss, %d threads", &n):
		return miss(n, objects), true
	case scan(work, "cycle, then hold %d", &n):
		return afterCycle(objects/n, n), true
	}
	return theirs(work, objects)
}

func scan(text, format string, n *int) bool {
	_, err := fmt.Sscanf(text, format, n)
	return err == nil
}

func scan2(text, format string, n, m *int) bool {
	_, err := fmt.Sscanf(text, format, n, m)
	return err == nil
}

func several[E any, T thing[E]](n int) []*sync.Pool {
	all := make([]*sync.Pool, n)
	for i := range all {
		all[i] = newPool[E, T]()
	}
	return all
}

func use[E any, T thing[E]](p *sync.Pool) {
	t := p.Get().(T)
	t.touch()
	t.reset()
	p.Put(t)
}

func pair[E any, T thing[E]](p *sync.Pool, objects int) time.Duration {
	begun := time.Now()
	for i := 0; i < objects; i++ {
		use[E, T](p)
	}
	return time.Since(begun)
}

func hold[E any, T thing[E]](p *sync.Pool, n, objects int) time.Duration {
	held := make([]T, n)
	begun := time.Now()
	for i := 0; i < objects/n; i++ {
		for j := range held {
			held[j] = p.Get().(T)
			held[j].touch()
		}
		for j, t := range held {
			t.reset()
			p.Put(t)
			held[j] = nil
		}
	}
	return time.Since(begun)
}

// Of 100, 33 do not come back.
func starve(p *sync.Pool, objects int) {
	held := make([]*buffer1, 100)
	for i := 0; i < (objects+99)/100; i++ {
		for j := range held {
			held[j] = p.Get().(*buffer1)
			held[j].touch()
		}
		for j, t := range held {
			if j < 67 {
				t.reset()
				p.Put(t)
			}
			held[j] = nil
		}
	}
}

// together does the work on so many goroutines at once; each processor does so many objects in all.
func together(n, objects int, work func(int)) time.Duration {
	each := objects * min(n, runtime.GOMAXPROCS(0)) / n
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	begun, ended := make([]time.Time, n), make([]time.Time, n)
	ready.Add(n)
	done.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			work(100)
			ready.Done()
			<-start
			begun[i] = time.Now()
			work(each)
			ended[i] = time.Now()
			done.Done()
		}(i)
	}
	ready.Wait()
	close(start)
	done.Wait()
	return fromFirstToLast(begun, ended)
}

// fromFirstToLast tells how long it took from when the first began to when the last one was done.
func fromFirstToLast(begun, ended []time.Time) time.Duration {
	first, last := begun[0], ended[0]
	for i := range begun {
		if begun[i].Before(first) {
			first = begun[i]
		}
		if ended[i].After(last) {
			last = ended[i]
		}
	}
	return last.Sub(first)
}

// A collection after each burst is Go's step of ageing; its own time is not the pool's.
func expensive(objects int) time.Duration {
	begun := time.Now()
	var collecting time.Duration
	p := newPool[dear]()
	for i := 0; i < objects/100; i++ {
		hold[dear](p, 100, 100)
		before := time.Now()
		runtime.GC()
		collecting += time.Since(before)
	}
	return time.Since(begun) - collecting
}

func inTurn(workers int) time.Duration {
	p := newPool[dear]()
	begun := time.Now()
	for i := 0; i < workers; i++ {
		done := make(chan struct{})
		go func() { use[dear](p); close(done) }()
		<-done
	}
	return time.Since(begun)
}

func transfer(p *sync.Pool, from, to, objects int) time.Duration {
	full, empty := make([]chan []*buffer1, to), make([]chan []*buffer1, to)
	for i := range full {
		full[i] = make(chan []*buffer1, waiting)
		empty[i] = make(chan []*buffer1, waiting+from)
	}
	messages := (objects/from + batch - 1) / batch
	var senders, receivers sync.WaitGroup
	senders.Add(from)
	receivers.Add(to)
	start := make(chan struct{})
	for s := 0; s < from; s++ {
		go func(s int) {
			<-start
			for m := 0; m < messages; m++ {
				at := (s + m) % to
				var held []*buffer1
				select {
				case held = <-empty[at]:
				default:
					held = make([]*buffer1, 0, batch)
				}
				for i := 0; i < batch; i++ {
					t := p.Get().(*buffer1)
					t.touch()
					held = append(held, t)
				}
				full[at] <- held
			}
			senders.Done()
		}(s)
	}
	for r := 0; r < to; r++ {
		go func(r int) {
			for held := range full[r] {
				for i, t := range held {
					t.reset()
					p.Put(t)
					held[i] = nil
				}
				select {
				case empty[r] <- held[:0]:
				default:
				}
			}
			receivers.Done()
		}(r)
	}
	begun := time.Now()
	close(start)
	senders.Wait()
	for _, c := range full {
		close(c)
	}
	receivers.Wait()
	return time.Since(begun)
}

func miss(workers, objects int) time.Duration {
	p := newPool[word]()
	for i := 0; i < workers; i++ {
		done := make(chan struct{})
		go func() { use[word](p); close(done) }()
		<-done
	}
	left := make([]*word, workers)
	for i := range left {
		left[i] = p.Get().(*word)
	}
	held := make([]*word, objects)
	begun := time.Now()
	for i := range held {
		held[i] = p.Get().(*word)
	}
	took := time.Since(begun)
	runtime.KeepAlive(left)
	runtime.KeepAlive(held)
	return took
}

func afterCycle(count, n int) time.Duration {
	all := lasting(fmt.Sprint("cycle", n), func() []*sync.Pool { return several[word](count) })
	for _, p := range all {
		hold[word](p, n, n)
	}
	runtime.GC()
	if n == 1 {
		begun := time.Now()
		for _, p := range all {
			use[word](p)
		}
		return time.Since(begun)
	}
	var took time.Duration
	for _, p := range all {
		took += hold[word](p, n, n)
	}
	return took
}
