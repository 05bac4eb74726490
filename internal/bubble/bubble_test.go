package bubble_test

import (
	"sync"
	"testing"
	"time"

	"consuo/internal/bubble"
)

// With synctest.Test itself, on two cores, the race detector died in this test in
// ten runs of ten.
func TestExpiredTimersSideBySide(t *testing.T) {
	for range 3 {
		bubble.Test(t, func(*testing.T) {
			var all sync.WaitGroup
			for range 200 {
				all.Go(func() {
					for range 300 {
						timer := time.NewTimer(time.Millisecond)
						time.Sleep(2 * time.Millisecond)
						for range 10 {
							select {
							case <-timer.C:
							default:
							}
							timer.Reset(-1)
						}
					}
				})
			}
			all.Wait()
		})
	}
}
