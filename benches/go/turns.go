package main

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type turns struct {
	Work      string  `json:"work"`
	Contender string  `json:"contender"`
	Threads   int     `json:"threads"`
	Made      int64   `json:"made"`
	Users     int64   `json:"users"`
	Idle      int     `json:"idle"`
	KiB       float64 `json:"kib"`
}

// takeTurns tells what so many goroutines make and leave, in turn or all at once. Collections run when
// Go thinks fit. Kept are the idle objects; what the pool itself takes cannot be told.
func takeTurns(work string, threads, rounds int, long time.Duration) (turns, bool) {
	rhythm, what, _ := strings.Cut(work, ", ")
	var found turns
	switch what {
	case "Vec of 16 KiB":
		found = turnsOf[buffer16](rhythm, threads, rounds, long, 16)
	case "Vec of 1 MiB":
		found = turnsOf[buffer1024](rhythm, threads, rounds, long, 1024)
	case "a constructor of 1 ms":
		found = turnsOf[dear](rhythm, threads, rounds, long, 0)
	default:
		return found, false
	}
	found.Work, found.Contender, found.Threads = work, "Go sync.Pool", threads
	return found, true
}

func turnsOf[E any, T thing[E]](rhythm string, threads, rounds int, long time.Duration, kib float64) turns {
	runtime.GC()
	before := created.Load()
	u := &users{pool: newPool[E, T]()}
	if rhythm == "in turn" {
		passRound(threads, rounds, func() { useBy[E, T](u) })
	} else {
		allAtOnce(threads, long, func() { useBy[E, T](u) })
	}
	made := created.Load() - before
	idle := count(u.pool)
	return turns{Made: made, Users: u.most.Load(), Idle: idle, KiB: float64(idle) * kib}
}

// users of a pool: how many are between the begin of a get and the end of a put, and were at most.
type users struct {
	pool      *sync.Pool
	now, most atomic.Int64
}

func useBy[E any, T thing[E]](u *users) {
	now := u.now.Add(1)
	for most := u.most.Load(); now > most; most = u.most.Load() {
		if u.most.CompareAndSwap(most, now) {
			break
		}
	}
	use[E, T](u.pool)
	u.now.Add(-1)
}

// passRound does it so many times on each goroutine, one at a time: who has done it passes the baton to
// the next.
func passRound(threads, rounds int, job func()) {
	batons := make([]chan struct{}, threads)
	for i := range batons {
		batons[i] = make(chan struct{}, 1)
	}
	var done sync.WaitGroup
	done.Add(threads)
	for i := range batons {
		go func(i int) {
			for r := 0; r < rounds; r++ {
				<-batons[i]
				job()
				batons[(i+1)%threads] <- struct{}{}
			}
			done.Done()
		}(i)
	}
	batons[0] <- struct{}{}
	done.Wait()
}

// allAtOnce does it on all goroutines until all have begun, and so long from then on.
func allAtOnce(threads int, long time.Duration, job func()) {
	var begun atomic.Int64
	var allThere atomic.Pointer[time.Time]
	var done sync.WaitGroup
	done.Add(threads)
	for i := 0; i < threads; i++ {
		go func() {
			defer done.Done()
			if begun.Add(1) == int64(threads) {
				now := time.Now()
				allThere.Store(&now)
			}
			for {
				job()
				if since := allThere.Load(); since != nil && time.Since(*since) >= long {
					return
				}
			}
		}()
	}
	done.Wait()
}
