package playout

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"consuo/internal/playlog"
)

const (
	// headsInterval is how old heads may be for a runner: with logInterval it
	// leaves most of the lead.
	headsInterval = time.Second
	// headsTimeout is when a request for them counts as lost. A runner that
	// has waited for it still has the time to read its log by itself.
	headsTimeout = time.Second
	// headsAgain is when a store is asked again that has not answered, and
	// headsAfresh when one is that has no heads.
	headsAgain, headsAfresh = 2 * time.Second, 5 * time.Minute
	// sayInterval is how often the store is told which channels are watched.
	sayInterval = 10 * time.Second
)

// heads is how all logs end, read once for all runners: as long as no log grows,
// a thousand channels cost the store as much as one. Where the store has no
// heads, or does not answer, each runner reads its log by itself.
type heads struct {
	log playlog.Log

	mu      sync.Mutex    // guards what follows
	latest  playlog.Heads // valid if asked is less than headsInterval ago
	asked   time.Time     // when the request for latest was made
	done    chan struct{} // closed at the end of the request that is under way; nil: none is
	barren  time.Time     // there are none before
	watched map[string]string
	said    time.Time // when the store was last told who is watched
}

// get returns how all logs end, if that is known: it waits for an answer that
// is under way. The request lives in life, as it is for others too.
func (h *heads) get(ctx, life context.Context) (playlog.Heads, bool) {
	h.mu.Lock()
	if h.done == nil && time.Since(h.asked) >= headsInterval && !time.Now().Before(h.barren) {
		h.done = make(chan struct{})
		go h.read(life, h.done)
	}
	done := h.done
	h.mu.Unlock()
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return playlog.Heads{}, false
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latest, time.Since(h.asked) < headsInterval+headsTimeout
}

// read asks the store, and tells it before who is watched.
func (h *heads) read(life context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(life, headsTimeout)
	defer cancel()
	err := h.say(ctx)
	asked := time.Now()
	var latest playlog.Heads
	if err == nil {
		latest, err = h.log.Heads(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		h.latest, h.asked = latest, asked
	case errors.Is(err, playlog.ErrNoHeads):
		h.barren = time.Now().Add(headsAfresh)
		clear(h.watched) // each runner says it by itself
	default:
		h.barren = time.Now().Add(headsAgain)
	}
	h.done = nil
	close(done)
}

// watch notes that somebody watches a channel; the store will be told. If it is
// false, the store must be told without the help of heads.
func (h *heads) watch(channel, id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.barren) {
		return false
	}
	h.watched[channel] = id
	return true
}

// say tells the store what was noted.
func (h *heads) say(ctx context.Context) error {
	h.mu.Lock()
	ids := maps.Clone(h.watched)
	due := len(ids) > 0 && time.Since(h.said) >= sayInterval
	h.mu.Unlock()
	if !due {
		return nil
	}
	if err := h.log.Watch(ctx, ids); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = time.Now()
	maps.DeleteFunc(h.watched, func(channel, id string) bool { return ids[channel] == id })
	return nil
}
