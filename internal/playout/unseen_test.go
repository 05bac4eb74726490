package playout_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/scheduleclient"
)

// forgetful is a store that has lost the assets that were frozen.
type forgetful struct {
	playlog.Log

	mu     sync.Mutex
	keeps  bool  // what is frozen from now on
	answer error // of Frozen; nil: ErrNotFrozen where nothing is kept
}

func (f *forgetful) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *forgetful) Freeze(ctx context.Context, channel, id, digest string, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.keeps {
		return nil
	}
	return f.Log.Freeze(ctx, channel, id, digest, data)
}

func (f *forgetful) Frozen(ctx context.Context, channel, id, digest string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answer != nil {
		return nil, f.answer
	}
	return f.Log.Frozen(ctx, channel, id, digest)
}

// newForgetful returns a cluster on a forgetful store.
func newForgetful(t *testing.T, replicas int) (*cluster, *forgetful) {
	c := newCluster(t)
	f := &forgetful{Log: c.log}
	c.log, c.ids = f, []string{"v720", "v360"}
	for i := range replicas {
		c.replicas = append(c.replicas, nil)
		c.launch(i, 0)
	}
	return c, f
}

// TestAllAreKilledAndTheAssetIsLost: what is on air is neither frozen nor at
// its origin when all engines start anew. Until a cut comes that can be
// rendered there is slate, at once, and on all of them the same; its segments
// are shorter than those of what is lost.
func TestAllAreKilledAndTheAssetIsLost(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"in the middle": 30 * time.Second, "the next cut is there": 52 * time.Second,
		"the next cut is on air": 61 * time.Second, "and listed": 64 * time.Second,
	} {
		for _, replicas := range []int{1, 3} {
			t.Run(name, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					c, _ := newForgetful(t, replicas)
					defer c.close()
					c.set(func() {
						c.events["one"] = []scheduleclient.Event{event("c", 0, time.Minute), event("b", 2*time.Minute, time.Minute)}
					})
					c.watch(after)
					for _, r := range c.replicas {
						r.stop()
					}
					c.set(func() { c.faults[uri("c")] = errors.New("status 404") })
					for i := range c.replicas {
						c.launch(i, 0)
					}
					begun := time.Now()
					c.look()
					if took := time.Since(begun); took > time.Second {
						t.Errorf("the first playlists took %s", took)
					}
					c.watch(3 * time.Minute)
					c.same()
				})
			})
		}
	}
}

// film has a replica, the first, that can load what is on air, and another whose
// origin has nothing but asset b, which airs before.
func film(t *testing.T, test func(t *testing.T, c *cluster, f *forgetful, origin *station)) {
	inBubble(t, func(t *testing.T) {
		c, f := newForgetful(t, 2)
		defer c.close()
		c.replicas[1].stop()
		origin := newStation(t)
		origin.set(func() { origin.faults[uri("a")] = errors.New("status 404") })
		c.launchAt(1, 0, origin)
		c.set(func() {
			c.events["one"] = []scheduleclient.Event{event("b", 0, time.Minute), event("a", time.Minute, 3*time.Minute)}
		})
		c.watch(30 * time.Second)
		test(t, c, f, origin)
		c.same()
	})
}

// TestOneCannotRender: a replica that finds nothing of the asset of a cut that
// another one has made lists nothing else under its numbers. It begins anew,
// once; from then on the store has what the other one airs.
func TestOneCannotRender(t *testing.T) {
	for name, starts := range map[string]time.Duration{
		"a coming cut": 0, "what is on air when it starts": 70 * time.Second,
		"when it starts near the next cut": 232 * time.Second, "when it starts as the next cut begins": 241 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			film(t, func(t *testing.T, c *cluster, f *forgetful, origin *station) {
				if starts > 0 {
					c.replicas[1].stop()
					c.launch(1, 0)
					c.watch(starts - 30*time.Second)
					c.replicas[1].stop()
					c.launchAt(1, 0, origin)
				}
				f.set(func() { f.keeps = true })
				c.watch(5 * time.Minute)
				if n := c.rebases(); n > 1 {
					t.Errorf("%d rebases, want one at most", n)
				}
			})
		})
	}
}

// TestOneCannotRenderForAMoment: where the next cut can be rendered is soon, nobody
// has to begin anew.
func TestOneCannotRenderForAMoment(t *testing.T) {
	film(t, func(t *testing.T, c *cluster, _ *forgetful, origin *station) {
		c.set(func() {
			for _, name := range []string{"brief", "next"} {
				p := muxed(name, slices.Repeat([]string{"1"}, 60)...)
				c.assets[p.URL] = p
				if name == "next" {
					origin.set(func() { origin.assets[p.URL] = p })
				}
			}
			c.events["one"] = []scheduleclient.Event{event("brief", 20*time.Second, 2*time.Second), event("next", 22*time.Second, time.Minute)}
		})
		c.watch(40 * time.Second)
		if n := c.rebases(); n != 0 {
			t.Errorf("%d rebases, want none", n)
		}
		status, err := c.replicas[1].Status(t.Context(), "one")
		if err != nil || !slices.ContainsFunc(status.Problems, func(p playout.Problem) bool {
			return p.URI == playout.Redacted(uri("brief")) && strings.Contains(string(p.Text), "can't be rendered")
		}) {
			t.Errorf("nothing was put to the test: %v, %v", status.Problems, err)
		}
	})
}

// TestOneCanNeverRender: where the store can't keep the asset, the replica that
// can't load it does not take it off the other one's air again and again. It
// refuses requests, until nobody else is there.
func TestOneCanNeverRender(t *testing.T) {
	film(t, func(t *testing.T, c *cluster, _ *forgetful, _ *station) {
		c.refuses = c.replicas[1]
		c.watch(90 * time.Second)
		if n := c.rebases(); n != 1 || c.refused == 0 {
			t.Errorf("%d rebases, want 1; refused for %s", n, c.refused)
		}
		if d, err := c.replicas[0].Playlist(t.Context(), "one", "v720"); err != nil || !strings.Contains(lastLine(d.Body), "/a/") {
			t.Errorf("the other replica has %s on air, %v", lastLine(d.Body), err)
		}
		c.replicas[0].stop()
		other := *c
		other.replicas, other.refused, other.last = c.replicas[1:], 0, make(map[string]int64)
		other.watch(3 * time.Minute)
		if n := c.rebases(); n != 2 || other.refused > 80*time.Second {
			t.Errorf("%d rebases, want 2; refused for %s after the other one has gone", n, other.refused)
		}
	})
}

// TestCannotRenderWithTheStoreAway: a replica that is left with a cut which it
// can't render, and without a log to say so in, goes on above it.
func TestCannotRenderWithTheStoreAway(t *testing.T) {
	film(t, func(t *testing.T, c *cluster, f *forgetful, _ *station) {
		c.watch(24 * time.Second) // the cut is there, and not on air
		c.replicas[0].stop()
		c.replicas[1].wire.set(true)
		left := *c
		left.replicas, left.refuses = c.replicas[1:], c.replicas[1]
		left.last = make(map[string]int64)
		left.watch(time.Minute)
		if left.refused > 3*time.Second {
			t.Errorf("refused for %s", left.refused)
		}
		c.replicas[1].wire.set(false)
		left.watch(time.Minute)
		f.set(func() { f.keeps = true })
		c.launch(0, 0)
		clear(c.last)
		c.watch(time.Minute)
	})
}

// TestStartsWithTheStoreFull: nothing that is on air can be rendered, and no
// beginning can be written.
func TestStartsWithTheStoreFull(t *testing.T) {
	film(t, func(t *testing.T, c *cluster, _ *forgetful, origin *station) {
		c.watch(40 * time.Second)
		for i, r := range c.replicas {
			r.stop()
			c.launchAt(i, 0, origin)
			c.replicas[i].wire.fill(true)
		}
		c.agree = false // each has a beginning of its own
		begun := time.Now()
		c.look()
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("the first playlists took %s", took)
		}
		c.watch(20 * time.Second)
		for _, r := range c.replicas {
			r.wire.fill(false)
		}
		c.watch(10 * time.Second)
		c.agree, c.named = true, make(map[string]string)
		c.watch(time.Minute)
	})
}

// TestStoreDoesNotAnswerWhatIsFrozen for a moment: that is no reason to begin anew.
func TestStoreDoesNotAnswerWhatIsFrozen(t *testing.T) {
	for name, starts := range map[string]bool{"while it starts": true, "while it runs": false} {
		t.Run(name, func(t *testing.T) {
			film(t, func(t *testing.T, c *cluster, f *forgetful, origin *station) {
				f.set(func() { f.keeps = true })
				silent := func(d time.Duration) {
					f.set(func() { f.answer = errCut })
					time.AfterFunc(d, func() { f.set(func() { f.answer = nil }) })
				}
				if starts {
					c.watch(40 * time.Second)
					c.replicas[1].stop()
					silent(3 * time.Second)
					c.launchAt(1, 0, origin)
				} else {
					c.watch(20 * time.Second)
					silent(13 * time.Second)
				}
				c.watch(time.Minute)
				if n := c.rebases(); n != 0 {
					t.Errorf("%d rebases, want none", n)
				}
			})
		})
	}
}
