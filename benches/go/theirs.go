package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Objects that are held at once, as in benches/peers.
const many = 2048

// theirs does the benchmark programs that the Rust pools publish.
func theirs(work string, objects int) (time.Duration, bool) {
	var n, m int
	switch {
	case work == "theirs, opool: 1 GiB":
		return pair[vast](lasting(work, newPool[vast]), objects), true
	case work == "theirs, opool: 1 GiB, all cores":
		p := lasting(work, newPool[vast])
		return together(runtime.GOMAXPROCS(0), objects, func(n int) { pair[vast](p, n) }), true
	// All pointers of Go keep what they point to: one work.
	case work == "theirs, object-pool: ()", work == "theirs, object-pool: (), owned":
		return pair[unit](lasting(work, newPool[unit]), objects), true
	case work == "theirs, object-pool: (), out and in":
		p := lasting(work, newPool[unit])
		begun := time.Now()
		for i := 0; i < objects; i++ {
			p.Put(p.Get())
		}
		return time.Since(begun), true
	case work == "theirs, lockfree-object-pool: allocation":
		return getMany(objects, false, false), true
	case work == "theirs, lockfree-object-pool: free":
		return getMany(objects, false, true), true
	case work == "theirs, lockfree-object-pool: reuse":
		return getMany(objects, true, false), true
	case work == "theirs, lockfree-object-pool: allocation on 5 threads":
		return getManyOn(5, objects, false), true
	case work == "theirs, lockfree-object-pool: free on 5 threads":
		return getManyOn(5, objects, true), true
	case scan2(work, "theirs, lockfree-object-pool: forward %d to %d", &n, &m):
		return forward(n, m, objects), true
	case scan(work, "theirs, sharded-slab: %d numbers", &n):
		return fill(lasting(fmt.Sprint("numbers", n), newPool[numbers]), n, objects), true
	}
	return 0, false
}

// getMany times gets that are kept, or the puts after that; of a new pool, or of one to which twice as many came back.
func getMany(objects int, reuse, puts bool) time.Duration {
	var took time.Duration
	for i := 0; i < objects/many; i++ {
		p := newPool[buffer16]()
		if reuse {
			putAll(p, getAll(p, make([]*buffer16, 2*many)))
		}
		held := make([]*buffer16, many)
		begun := time.Now()
		getAll(p, held)
		got := time.Now()
		putAll(p, held)
		if puts {
			took += time.Since(got)
		} else {
			took += got.Sub(begun)
		}
	}
	return took
}

func getAll(p *sync.Pool, held []*buffer16) []*buffer16 {
	for i := range held {
		held[i] = p.Get().(*buffer16)
	}
	return held
}

func putAll(p *sync.Pool, held []*buffer16) {
	for i, t := range held {
		t.reset()
		p.Put(t)
		held[i] = nil
	}
}

// getManyOn does so on n goroutines, from when the first one begins to when the last one is done.
func getManyOn(n, objects int, puts bool) time.Duration {
	p := newPool[buffer16]()
	each := objects * min(n, runtime.GOMAXPROCS(0)) / n
	start, drop := make(chan struct{}), make(chan struct{})
	begun, ended := make([]time.Time, n), make([]time.Time, n)
	var ready, have, done sync.WaitGroup
	ready.Add(n)
	have.Add(n)
	done.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			held := make([]*buffer16, each)
			ready.Done()
			<-start
			begun[i] = time.Now()
			getAll(p, held)
			ended[i] = time.Now()
			have.Done()
			<-drop
			if puts {
				begun[i] = time.Now()
				putAll(p, held)
				ended[i] = time.Now()
			}
			done.Done()
		}(i)
	}
	ready.Wait()
	close(start)
	have.Wait()
	close(drop)
	done.Wait()
	return fromFirstToLast(begun, ended)
}

// queue is what lockfree-object-pool's program has between its threads.
type queue struct {
	lock    sync.Mutex
	changed *sync.Cond
	sent    []*buffer16
	over    bool
}

func (q *queue) push(t *buffer16) {
	q.lock.Lock()
	q.sent = append(q.sent, t)
	if len(q.sent) == 1 {
		q.changed.Broadcast()
	}
	q.lock.Unlock()
}

func (q *queue) end() {
	q.lock.Lock()
	q.over = true
	q.changed.Broadcast()
	q.lock.Unlock()
}

func (q *queue) pop() *buffer16 {
	q.lock.Lock()
	defer q.lock.Unlock()
	for len(q.sent) == 0 && !q.over {
		q.changed.Wait()
	}
	if len(q.sent) == 0 {
		return nil
	}
	t := q.sent[0]
	q.sent[0] = nil
	q.sent = q.sent[1:]
	return t
}

func forward(from, to, objects int) time.Duration {
	p := newPool[buffer16]()
	q := &queue{}
	q.changed = sync.NewCond(&q.lock)
	start := make(chan struct{})
	var senders, receivers sync.WaitGroup
	senders.Add(from)
	receivers.Add(to)
	for i := 0; i < to; i++ {
		go func() {
			<-start
			for t := q.pop(); t != nil; t = q.pop() {
				t.reset()
				p.Put(t)
			}
			receivers.Done()
		}()
	}
	for i := 0; i < from; i++ {
		go func() {
			<-start
			for j := 0; j < objects/from; j++ {
				q.push(p.Get().(*buffer16))
			}
			senders.Done()
		}()
	}
	begun := time.Now()
	close(start)
	senders.Wait()
	q.end()
	receivers.Wait()
	return time.Since(begun)
}

func fill(p *sync.Pool, n, objects int) time.Duration {
	begun := time.Now()
	for i := 0; i < objects; i++ {
		t := p.Get().(*numbers)
		t.fill(n)
		t.touch()
		t.reset()
		p.Put(t)
	}
	return time.Since(begun)
}
