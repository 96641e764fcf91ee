package main

import (
	"sync/atomic"
	"time"
)

// Objects made so far.
var created atomic.Int64

// thing is what is pooled: used and reset as the Rust contenders do it. The works are generic over
// the element, so that its methods are called directly.
type thing[E any] interface {
	*E
	touch()
	reset()
	init()
}

// Eight bytes.
type word struct{ n uint64 }

func (w *word) init()  { created.Add(1) }
func (w *word) touch() { w.n = 1; seen(w) }
func (w *word) reset() { w.n = 0 }

// A slice with room for 1 KiB, and one for 64.
type buffer1 struct{ b []byte }

func (w *buffer1) init()  { created.Add(1); w.b = make([]byte, 0, 1<<10) }
func (w *buffer1) touch() { pages(w.b[:cap(w.b)]) }
func (w *buffer1) reset() { w.b = w.b[:0] }

type buffer64 struct{ b []byte }

func (w *buffer64) init()  { created.Add(1); w.b = make([]byte, 0, 64<<10) }
func (w *buffer64) touch() { pages(w.b[:cap(w.b)]) }
func (w *buffer64) reset() { w.b = w.b[:0] }

// The same for 16 KiB, and for 1 MiB.
type buffer16 struct{ b []byte }

func (w *buffer16) init()  { created.Add(1); w.b = make([]byte, 0, 16<<10) }
func (w *buffer16) touch() { pages(w.b[:cap(w.b)]) }
func (w *buffer16) reset() { w.b = w.b[:0] }

type buffer1024 struct{ b []byte }

func (w *buffer1024) init()  { created.Add(1); w.b = make([]byte, 0, 1<<20) }
func (w *buffer1024) touch() { pages(w.b[:cap(w.b)]) }
func (w *buffer1024) reset() { w.b = w.b[:0] }

// Slices that must be zero before each use.
type zeros64 struct{ b []byte }

func (w *zeros64) init()  { created.Add(1); w.b = make([]byte, 64<<10) }
func (w *zeros64) touch() { pages(w.b) }
func (w *zeros64) reset() { clear(w.b) }

type zeros1024 struct{ b []byte }

func (w *zeros1024) init()  { created.Add(1); w.b = make([]byte, 1<<20) }
func (w *zeros1024) touch() { pages(w.b) }
func (w *zeros1024) reset() { clear(w.b) }

// A slice with room for 1 GiB, to which nobody writes.
type vast struct{ b []byte }

func (w *vast) init()  { created.Add(1); w.b = make([]byte, 0, 1<<30) }
func (w *vast) touch() { seen(w) }
func (w *vast) reset() { w.b = w.b[:0] }

// Nothing at all.
type unit struct{}

func (w *unit) init()  { created.Add(1) }
func (w *unit) touch() { seen(w) }
func (w *unit) reset() {}

// A slice that a use fills with numbers, one after the other.
type numbers struct{ n []int }

func (w *numbers) init()  { created.Add(1) }
func (w *numbers) touch() { seen(w) }
func (w *numbers) reset() { w.n = w.n[:0] }

func (w *numbers) fill(count int) {
	for i := 0; i < count; i++ {
		w.n = append(w.n, i)
	}
}

// 64 KiB in one piece.
type inline struct{ b [64 << 10]byte }

func (w *inline) init()  { created.Add(1) }
func (w *inline) touch() { pages(w.b[:]) }
func (w *inline) reset() { w.b[0] = 0 }

// Takes a millisecond to make.
type dear struct{ n uint64 }

func (w *dear) init() {
	created.Add(1)
	for begun := time.Now(); time.Since(begun) < time.Millisecond; {
	}
}
func (w *dear) touch() { w.n = 1; seen(w) }
func (w *dear) reset() { w.n = 0 }

// seen is not inlined, so what was written before is needed.
//
//go:noinline
func seen(any) {}

// One byte a page.
func pages(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}
