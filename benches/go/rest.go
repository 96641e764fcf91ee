package main

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const idle = 100_000

type latency struct {
	Contender string    `json:"contender"`
	Quiet     []float64 `json:"quiet"`
	Freeing   []float64 `json:"freeing"`
	Longest   float64   `json:"longest"`
	Pass      float64   `json:"pass"`
	Stopped   float64   `json:"stopped"`
}

// latencies of a get while a collection runs, and with none.
func latencies(rounds int) latency {
	debug.SetGCPercent(-1)
	defer debug.SetGCPercent(100)
	p := newPool[word]()
	var freeing, over atomic.Bool
	quiet, busy := make([]uint32, 0, 1<<24), make([]uint32, 0, 1<<24)
	done := make(chan struct{})
	go func() {
		for !over.Load() {
			before := freeing.Load()
			begun := time.Now()
			use[word](p)
			took := uint32(time.Since(begun).Nanoseconds())
			if !before && !freeing.Load() {
				quiet = append(quiet, took)
			} else {
				busy = append(busy, took)
			}
		}
		close(done)
	}()
	var pass time.Duration
	for i := 0; i < rounds; i++ {
		held := make([]*word, idle)
		for j := range held {
			held[j] = p.Get().(*word)
		}
		for j, t := range held {
			p.Put(t)
			held[j] = nil
		}
		freeing.Store(true)
		begun := time.Now()
		runtime.GC()
		runtime.GC()
		pause := time.Since(begun)
		freeing.Store(false)
		pass += pause
		for begun := time.Now(); time.Since(begun) < pause; {
		}
	}
	over.Store(true)
	<-done
	stats := debug.GCStats{}
	debug.ReadGCStats(&stats)
	var stopped time.Duration
	for _, pause := range stats.Pause[:min(len(stats.Pause), 2*rounds)] {
		stopped = max(stopped, pause)
	}
	return latency{
		Contender: "Go sync.Pool",
		Quiet:     percentiles(quiet),
		Longest:   float64(slices.Max(append(busy, 0))),
		Freeing:   percentiles(busy),
		Pass:      pass.Seconds() * 1e3 / float64(rounds),
		Stopped:   float64(stopped.Nanoseconds()),
	}
}

func percentiles(times []uint32) []float64 {
	slices.Sort(times)
	var at []float64
	for _, share := range []float64{0.5, 0.9, 0.99, 0.999, 0.9999} {
		i := int(float64(len(times)) * share)
		if len(times) == 0 {
			at = append(at, 0)
			continue
		}
		at = append(at, float64(times[min(i, len(times)-1)]))
	}
	return at
}

type keeps struct {
	Contender string       `json:"contender"`
	Objects   [3]int       `json:"objects"`
	KiB       *struct{}    `json:"kib"`
	OverTime  [][2]float64 `json:"over_time"`
}

// kept tells what is idle after a burst of 1,000 objects on four goroutines. Counting takes the objects
// out, so each figure has a burst of its own.
func kept() keeps {
	answer := keeps{Contender: "Go sync.Pool", OverTime: [][2]float64{}}
	for cycles := range answer.Objects {
		p := afterBurst()
		for i := 0; i < cycles; i++ {
			runtime.GC()
		}
		answer.Objects[cycles] = count(p)
	}
	// A collection each 100 ms, and one object in use now and then.
	for looked := 0; looked <= 450; looked += 50 {
		p := afterBurst()
		for now := 0; now < looked; now += 10 {
			use[buffer1](p)
			time.Sleep(10 * time.Millisecond)
			if (now+10)%100 == 0 {
				runtime.GC()
			}
		}
		answer.OverTime = append(answer.OverTime, [2]float64{float64(looked), float64(count(p))})
	}
	return answer
}

func afterBurst() *sync.Pool {
	p := newPool[buffer1]()
	var all, done sync.WaitGroup
	all.Add(4)
	done.Add(4)
	for i := 0; i < 4; i++ {
		go func() {
			held := make([]*buffer1, 250)
			for j := range held {
				held[j] = p.Get().(*buffer1)
			}
			all.Done()
			all.Wait()
			for _, t := range held {
				p.Put(t)
			}
			done.Done()
		}()
	}
	done.Wait()
	return p
}

// count takes everything out: on all processors at once, for one does not find what another has in its
// private slot.
func count(p *sync.Pool) int {
	p.New = nil
	processors := int64(runtime.GOMAXPROCS(0))
	var there, n atomic.Int64
	var done sync.WaitGroup
	for i := int64(0); i < processors; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			// Without giving its processor away.
			for there.Add(1); there.Load() < processors; {
			}
			for p.Get() != nil {
				n.Add(1)
			}
		}()
	}
	done.Wait()
	return int(n.Load())
}
