// Go's sync.Pool at the works of benches/peers. Reads a request a line, answers with a line:
//
//	time<TAB>work<TAB>objects    ->  nanoseconds, objects created
//	latency<TAB>rounds           ->  JSON
//	kept                         ->  JSON
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
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		switch words[0] {
		case "time":
			objects, err := strconv.Atoi(words[2])
			if err != nil {
				fail(err)
			}
			before := created.Load()
			took, known := run(words[1], objects)
			if !known {
				fmt.Println("unknown")
				continue
			}
			made := created.Load() - before
			if strings.HasPrefix(words[1], "starvation") || strings.HasPrefix(words[1], "threads") {
				// What all processors create together, for each.
				made /= int64(runtime.GOMAXPROCS(0))
			}
			fmt.Println(took.Nanoseconds(), made)
		case "latency":
			rounds, err := strconv.Atoi(words[1])
			if err != nil {
				fail(err)
			}
			answer(latencies(rounds))
		case "kept":
			answer(kept())
		case "version":
			fmt.Println(runtime.Version())
		default:
			fail(fmt.Errorf("unknown request %q", words[0]))
		}
	}
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
