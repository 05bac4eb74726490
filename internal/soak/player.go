package soak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"consuo/internal/hlscheck"
)

// errNoPlaylist is an answer without a playlist: what it leads to shows.
var errNoPlaylist = errors.New("no playlist")

// viewer plays a track of a channel in real time through the load balancer.
type viewer struct {
	observer *observer
	uri      string // of the media playlist
	player   *hlscheck.Player
	begun    time.Time
	requests atomic.Int64
	errors   atomic.Int64
}

func newViewer(o *observer, balancer, track string) *viewer {
	return &viewer{observer: o, uri: balancer + "/live/" + track + ".m3u8?channel=" + o.channel}
}

// run plays until ctx is done.
func (v *viewer) run(ctx context.Context) {
	v.begun = time.Now()
	v.player = hlscheck.NewPlayer(v.uri, func(_ time.Time, uri string) ([]byte, error) {
		v.requests.Add(1)
		response, body, err := fetch(ctx, uri, 10*time.Second)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%w: %s", errNoPlaylist, response.Status)
		} else if err != nil {
			err = fmt.Errorf("%w: %w", errNoPlaylist, err)
		}
		return body, err
	})
	for ctx.Err() == nil {
		v.player.Reload(time.Now())
		sleep(ctx, time.Until(v.player.Next()))
	}
}

// verdict counts what went wrong until an instant, and reports what should not
// have.
func (v *viewer) verdict(until time.Time, target time.Duration) (stalls int, longest time.Duration) {
	during := func(gaps []gap, from, to time.Time) bool {
		for _, g := range gaps {
			if from.Before(g.to.Add(2*target)) && to.After(g.from) {
				return true
			}
		}
		return false
	}
	dark, excused := v.observer.gaps()
	for _, s := range v.player.Stalls(until) {
		stalls++
		longest = max(longest, s.Length)
		if s.Length > target && !during(dark, s.Start, s.Start.Add(s.Length)) {
			v.observer.report("a player stalled at %s for %s after segment %d: %s", clock(s.Start), s.Length.Round(time.Millisecond), s.After, v.uri)
		}
	}
	for _, m := range v.player.Missed() {
		if !during(excused, m.At, m.At) {
			v.observer.report("a player missed segments %d to %d at %s: %s", m.First, m.Last, clock(m.At), v.uri)
		}
	}
	for _, f := range v.player.Failures() {
		v.errors.Add(1)
		if !errors.Is(f.Err, errNoPlaylist) && !during(excused, f.At, f.At) {
			v.observer.report("a player at %s: %v", clock(f.At), f.Err)
		}
	}
	if len(v.player.Plays()) == 0 {
		v.observer.report("a player has played nothing: %s", v.uri)
	}
	return stalls, longest
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }
