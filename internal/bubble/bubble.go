// Package bubble runs tests in virtual time: testing/synctest, with the race
// detector kept from crashing in it.
//
// In Go 1.26 all timers of a bubble share one race context, and goroutines
// that find a timer of theirs expired run it in that context without a lock
// (runtime.(*timer).maybeRunChan). Two at once corrupt the detector, which then
// dies by SIGSEGV or "CHECK failed", now and then and in any test
// (https://go.dev/issue/78156). On one P there are no two at once.
package bubble

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

var (
	mu     sync.Mutex
	open   int // bubbles that run
	before int // GOMAXPROCS before the first of them
)

// Test is [synctest.Test]. Under the race detector the process has one P until
// the last of its bubbles ends.
func Test(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if raceDetector {
		narrow()
		defer widen()
	}
	synctest.Test(t, f)
}

// Wait is [synctest.Wait].
func Wait() { synctest.Wait() }

func narrow() {
	mu.Lock()
	defer mu.Unlock()
	if open++; open == 1 {
		before = runtime.GOMAXPROCS(1)
	}
}

func widen() {
	mu.Lock()
	defer mu.Unlock()
	if open--; open == 0 {
		runtime.GOMAXPROCS(before)
	}
}
