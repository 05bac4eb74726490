package playout_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/scheduleclient"
)

// counted counts the requests to a log, by operation.
type counted struct {
	playlog.Log
	headless bool // it has no heads

	mu sync.Mutex
	n  map[string]int
}

func (c *counted) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[what]++
}

// taken returns the counts, and begins anew.
func (c *counted) taken() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = make(map[string]int)
	return n
}

func (c *counted) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	c.count("read")
	return c.Log.Read(ctx, channel, after)
}

func (c *counted) Append(ctx context.Context, channel, id string, cuts []playlog.Cut) (playlog.Page, error) {
	c.count(map[bool]string{true: "watch one", false: "append"}[len(cuts) == 0])
	return c.Log.Append(ctx, channel, id, cuts)
}

func (c *counted) Heads(ctx context.Context) (playlog.Heads, error) {
	c.count("heads")
	if c.headless {
		return playlog.Heads{}, playlog.ErrNoHeads
	}
	return c.Log.Heads(ctx)
}

func (c *counted) Watch(ctx context.Context, ids map[string]string) error {
	c.count("watch")
	return c.Log.Watch(ctx, ids)
}

// A hundred channels on which nothing happens ask a store for what one does.
func TestRequestsToTheLog(t *testing.T) {
	for name, headless := range map[string]bool{"heads": false, "no heads": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				const channels = 100
				log := &counted{headless: headless}
				s := newStation(t, func(o *playout.Options) { log.Log, o.Log = o.Log, log })
				s.channels = nil
				for i := range channels {
					id := fmt.Sprint("c", i)
					s.channels = append(s.channels, scheduleclient.Channel{ID: id, Name: id, Revision: "1"})
				}
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error, 1)
				go func() { done <- s.Run(ctx) }()
				defer func() { cancel(); <-done }()
				time.Sleep(time.Second)
				var wait sync.WaitGroup
				for _, ch := range s.channels {
					wait.Go(func() {
						if _, err := s.Multivariant(t.Context(), ch.ID); err != nil {
							t.Error(err)
						}
					})
				}
				wait.Wait()
				time.Sleep(time.Minute)
				log.taken()
				time.Sleep(time.Minute)
				n := log.taken()
				if headless && (n["read"] < 25*channels || n["watch one"] == 0 || n["heads"] > 1) ||
					!headless && (n["read"] > 0 || n["watch one"] > 0 || n["heads"] < 25 || n["heads"] > 61 || n["watch"] > 6) {
					t.Errorf("in a minute: %v", n)
				}
				for _, ch := range s.channels {
					if page, err := log.Log.Read(t.Context(), ch.ID, 0); err != nil || page.Now.Sub(page.Watched) > 75*time.Second {
						t.Fatalf("%s: watched %s before, %v", ch.ID, page.Now.Sub(page.Watched), err)
					}
				}
			})
		})
	}
}
