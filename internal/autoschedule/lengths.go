package autoschedule

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Lengths of assets that can be planned.
const (
	minLength = time.Second
	maxLength = 24 * time.Hour
)

// How often an asset's playlist is read.
const (
	lengthEvery   = 24 * time.Hour  // it hardly ever changes
	lengthRetry   = 5 * time.Minute // after the first failure, then twice as long
	lengthSeldom  = 6 * time.Hour
	probesAtOnce  = 4
	probesPerTurn = 100
)

// A length is what is known of an asset's.
type length struct {
	duration time.Duration // 0: not known
	err      error         // of the last attempt
	next     time.Time     // not before
	failures int
}

// probe finds out lengths that are due, the first ones first. The map is the
// caller's; nobody else may use it meanwhile.
func probe(ctx context.Context, lengths map[string]*length, uris []string, duration func(context.Context, string) (time.Duration, error)) {
	now := time.Now()
	group := errgroup.Group{}
	group.SetLimit(probesAtOnce)
	var mu sync.Mutex // guards lengths
	due := 0
	for _, uri := range uris {
		mu.Lock()
		l := lengths[uri]
		mu.Unlock()
		if l != nil && l.next.After(now) {
			continue
		}
		if due++; due > probesPerTurn || ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			d, err := safely(func() (time.Duration, error) { return duration(ctx, uri) })
			d = d.Round(time.Millisecond)
			if err == nil && (d < minLength || d > maxLength) {
				err = fmt.Errorf("it lasts %v: want %v to %v", d, minLength, maxLength)
			}
			if err != nil && ctx.Err() != nil {
				return nil // we have no more time: this says nothing of the asset
			}
			mu.Lock()
			defer mu.Unlock()
			l := lengths[uri]
			if l == nil {
				l = &length{}
				lengths[uri] = l
			}
			if l.err = err; err == nil {
				l.duration, l.failures, l.next = d, 0, time.Now().Add(lengthEvery)
				return nil
			}
			l.failures++
			if l.failures > 2 {
				l.duration = 0 // it is gone
			}
			l.next = time.Now().Add(min(lengthRetry<<min(l.failures-1, 10), lengthSeldom))
			return nil
		})
	}
	_ = group.Wait() // there are no errors
}

// safely turns a panic into an error: whatever a stranger's asset may do to us,
// the service goes on.
func safely(duration func() (time.Duration, error)) (d time.Duration, err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("a fault of the service: %v", failure)
		}
	}()
	return duration()
}
