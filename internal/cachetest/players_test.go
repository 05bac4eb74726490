package cachetest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	players = 2000
	watched = 36 * time.Second
	// rounding is how late a playlist may be: max-age is in whole seconds, and one
	// at least, so that what was kept in the last second before a change may
	// outlive it by less than one.
	rounding = time.Second
	// scheduling is what a busy machine may add for the worst of all.
	scheduling = time.Second
)

// playlist is a media playlist as far as it matters here.
type playlist struct {
	newest int // media sequence number of the last segment
	target time.Duration
}

func parse(text string) (p playlist, err error) {
	segments := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if value, ok := strings.CutPrefix(line, "#EXT-X-MEDIA-SEQUENCE:"); ok {
			p.newest, err = strconv.Atoi(value)
		} else if value, ok := strings.CutPrefix(line, "#EXT-X-TARGETDURATION:"); ok {
			var seconds int
			seconds, err = strconv.Atoi(value)
			p.target = time.Duration(seconds) * time.Second
		} else if line != "" && line[0] != '#' {
			segments++
		}
		if err != nil {
			return p, err
		}
	}
	if segments == 0 || p.target == 0 {
		return p, fmt.Errorf("not a playlist with segments: %q", text)
	}
	p.newest += segments - 1
	return p, nil
}

// variants are the URLs of a channel's media playlists, behind a base URL.
func variants(ctx context.Context, base string, header http.Header, query string) ([]string, error) {
	at := base + "/live/master.m3u8?channel=" + channel + query
	a, err := get(ctx, at, header)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("GET %s: status %d: %s", at, a.status, a.body)
	}
	from, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(a.body) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			to, err := from.Parse(line)
			if err != nil {
				return nil, err
			}
			all = append(all, to.String())
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("GET %s: no variant in %q", at, a.body)
	}
	return all, nil
}

// truth is when each segment was first seen in the engine's own playlists.
type truth struct {
	mu     sync.Mutex
	listed map[string]map[int]time.Time // by path of the playlist
}

// watch asks the engine for a playlist, again and again.
func (u *truth) watch(ctx context.Context, at string) {
	for ctx.Err() == nil {
		a, err := get(ctx, at, nil)
		if p, err2 := parse(a.body); err == nil && err2 == nil {
			path := pathOf(at)
			u.mu.Lock()
			if u.listed[path] == nil {
				u.listed[path] = make(map[int]time.Time)
			}
			if _, known := u.listed[path][p.newest]; !known {
				u.listed[path][p.newest] = time.Now()
			}
			u.mu.Unlock()
		}
		sleep(ctx, 20*time.Millisecond)
	}
}

// late says for how long, when a player asked, the engine had listed more.
func (u *truth) late(path string, newest int, asked time.Time) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	next, known := u.listed[path][newest+1]
	if !known {
		return 0
	}
	return max(asked.Sub(next), 0)
}

// tally is what happened to all players.
type tally struct {
	mu       sync.Mutex
	answers  int
	toEngine map[string]int // answers that came from the engine, by playlist and encoding
	late     []time.Duration
	stale    int
	faults   []string
}

func (c *tally) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) < 20 {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

func (c *tally) count(path string, a answer, late time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers++
	c.late = append(c.late, late)
	if a.header.Get("X-Cache-Status") == "STALE" {
		c.stale++
	}
	if !a.cached() {
		c.toEngine[path+" "+a.header.Get("Content-Encoding")]++
	}
}

// play is one player, as RFC 8216 6.3.4 has it: a playlist is read again after
// a target duration, or half of one if it had not changed.
func play(ctx context.Context, number int, base string, seen *truth, c *tally) {
	// What real players add for themselves must not matter.
	query := fmt.Sprintf("&session=%d&t=%d", number, rand.Int())
	header := http.Header{"User-Agent": {fmt.Sprintf("player/%d", number)}, "Cookie": {fmt.Sprintf("id=%d", number)}}
	if encodings := []string{"gzip, deflate, br, zstd", "gzip", "deflate, gzip;q=0.8", "br;q=1, gzip;q=0.5, *;q=0.1"}; number%10 > 0 {
		header.Set("Accept-Encoding", encodings[number%len(encodings)])
	}
	all, err := variants(ctx, base, header, query)
	if err != nil {
		if ctx.Err() == nil {
			c.fault("player %d: %v", number, err)
		}
		return
	}
	at := all[number%len(all)]
	path, last := pathOf(at), -1
	for ctx.Err() == nil {
		asked := time.Now()
		a, err := get(ctx, at+query, header)
		if ctx.Err() != nil {
			return
		}
		var p playlist
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("status %d", a.status)
		}
		if err == nil {
			p, err = parse(a.body)
		}
		if err != nil {
			c.fault("player %d: GET %s: %v", number, at, err)
			return
		}
		if p.newest < last {
			c.fault("player %d: GET %s: ends at %d after %d", number, at, p.newest, last)
		}
		c.count(path, a, seen.late(path, p.newest, asked))
		wait := p.target
		if p.newest == last {
			wait /= 2
		}
		last = p.newest
		sleep(ctx, time.Until(asked.Add(wait)))
	}
}

func pathOf(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	return u.Path
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// crowd has the players watch for a time. They come within a target duration.
func (s *station) crowd(ctx context.Context, length time.Duration, seen *truth) *tally {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	c := &tally{toEngine: make(map[string]int)}
	var all sync.WaitGroup
	for number := range players {
		all.Go(func() {
			sleep(ctx, rand.N(4*time.Second))
			play(ctx, number, s.cache, seen, c)
		})
	}
	all.Wait()
	return c
}

// TestPlayers has 2,000 players of one channel cost the engine about one
// request per playlist and change, and none of them late. Then the engine is
// killed, and nobody notices.
func TestPlayers(t *testing.T) {
	s := newStation(t)
	media, err := variants(t.Context(), s.engine, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	seen := &truth{listed: make(map[string]map[int]time.Time)}
	observing, stop := context.WithCancel(t.Context())
	var observers sync.WaitGroup
	for _, at := range media {
		observers.Go(func() { seen.watch(observing, at) })
	}
	c := s.crowd(t.Context(), watched, seen)
	stop()
	observers.Wait()

	changes, engine := 0, 0
	for _, listed := range seen.listed {
		changes += len(listed)
	}
	for _, n := range c.toEngine {
		engine += n
	}
	slices.Sort(c.late)
	if len(c.late) == 0 || changes == 0 {
		t.Fatalf("nothing was played: %v", c.faults)
	}
	late := func(share float64) time.Duration {
		return c.late[int(share*float64(len(c.late)-1))].Round(time.Millisecond)
	}
	t.Logf("%d players of %d playlists (gzip and not), %s: %d playlists answered, %d of them by the engine (hit ratio %.2f%%); %d changes, so %.1f requests per playlist, encoding and change",
		players, len(media), watched, c.answers, engine, 100*(1-float64(engine)/float64(c.answers)), changes, float64(engine)/float64(2*changes))
	t.Logf("later than the engine's own: median %s, 90%% %s, 99%% %s, all %s", late(.5), late(.9), late(.99), late(1))
	for _, key := range slices.Sorted(maps.Keys(c.toEngine)) {
		t.Logf("asked of the engine: %s: %d", key, c.toEngine[key])
	}
	for _, fault := range c.faults {
		t.Error(fault)
	}
	if late(.99) > rounding || late(1) > rounding+scheduling {
		t.Errorf("playlists were late by %s (99%%) and %s (all), and may be by %s", late(.99), late(1), rounding)
	}
	// One for the change and at times one for the second before it, in each encoding.
	if limit := 6 * changes; engine > limit {
		t.Errorf("the engine got %d requests for %d changes in two encodings, and should get %d at most", engine, changes, limit)
	}

	t.Run("engine killed", func(t *testing.T) {
		var c *tally
		done := make(chan struct{})
		go func() {
			defer close(done)
			c = s.crowd(t.Context(), 14*time.Second, seen)
		}()
		sleep(t.Context(), 6*time.Second)
		s.engineProcess.Kill()
		sleep(t.Context(), 3*time.Second)
		s.startEngine()
		<-done
		t.Logf("engine away for 3 s: %d playlists answered, %d of them stale", c.answers, c.stale)
		for _, fault := range c.faults {
			t.Error(fault)
		}
		if c.stale == 0 {
			t.Error("no playlist was stale: was the engine away?")
		}
	})
}
