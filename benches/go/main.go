// Go's sync.Pool at the works of benches/peers. Reads a request a line, answers with a line:
//
//	time<TAB>work<TAB>objects    ->  nanoseconds, objects created
//	latency<TAB>rounds           ->  JSON
//	kept                         ->  JSON
//	turns<TAB>work<TAB>threads<TAB>rounds<TAB>milliseconds  ->  JSON
//	version                      ->  the version of Go
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		switch words[0] {
		case "time":
			objects := number(words[2])
			before := created.Load()
			took, known := run(words[1], objects)
			if !known {
				fmt.Println("unknown")
				continue
			}
			made := created.Load() - before
			if onAll(words[1]) {
				// What all processors create together, for each.
				made /= int64(runtime.GOMAXPROCS(0))
			}
			fmt.Println(took.Nanoseconds(), made)
		case "latency":
			answer(latencies(number(words[1])))
		case "kept":
			answer(kept())
		case "turns":
			threads, rounds, long := number(words[2]), number(words[3]), number(words[4])
			found, known := takeTurns(words[1], threads, rounds, time.Duration(long)*time.Millisecond)
			if !known {
				fail(fmt.Errorf("unknown work %q", words[1]))
			}
			answer(found)
		case "version":
			fmt.Println(runtime.Version())
		default:
			fail(fmt.Errorf("unknown request %q", words[0]))
		}
	}
}

// onAll tells of works whose figure is that of one processor of many.
func onAll(work string) bool {
	for _, family := range []string{"starvation", "threads", "owned"} {
		if strings.HasPrefix(work, family) {
			return true
		}
	}
	return strings.HasSuffix(work, "all cores") || strings.HasSuffix(work, "on 5 threads")
}

func number(text string) int {
	number, err := strconv.Atoi(text)
	if err != nil {
		fail(err)
	}
	return number
}

func answer(what any) {
	text, err := json.Marshal(what)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(text))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
