package timeline_test

import (
	"fmt"
	"testing"
	"time"

	"consuo/internal/timeline"
	"consuo/internal/vodtest"
)

// film is an asset of five videos and two audios of about this many segments.
func film(b *testing.B, segments int) *timeline.Asset {
	b.Helper()
	p, err := vodtest.New(time.Duration(segments) * vodtest.Segment).Presentation("film")
	if err != nil {
		b.Fatal(err)
	}
	return newAsset(b, p)
}

// station is a channel whose log has this many cuts, of half a minute each, of
// a film with this many segments. The last one has been on air for 40 % of it.
func station(b *testing.B, segments, cuts int, window time.Duration) *channel {
	b.Helper()
	a := film(b, segments)
	c := newChannel(b, a, a)
	c.window = window
	lasts := time.Duration(segments) * vodtest.Segment
	at := epoch.Add(-lasts * 4 / 10)
	c.events = []timeline.Event{{URI: a.URI, Start: at, End: at.Add(lasts)}, {URI: a.URI, Start: at.Add(lasts), End: at.Add(2 * lasts)}}
	for len(c.events) <= cuts {
		c.events = append([]timeline.Event{{URI: a.URI, Start: at.Add(-30 * time.Second), End: at}}, c.events...)
		at = at.Add(-30 * time.Second)
	}
	c.now = at.Add(20 * time.Second)
	c.begin()
	c.plan(epoch)
	c.now = epoch
	var entries []timeline.Entry
	for _, cut := range c.log {
		entries = append(entries, timeline.NewEntry(cut, c.assets[cut.Asset.URI], c.filler))
	}
	c.tl = timeline.New(entries, window)
	c.events = c.events[len(c.events)-3:] // an engine knows an hour back
	return c
}

// What an engine does when a playlist has changed and somebody asks for it. The
// cost grows with the window, and with nothing else.
func BenchmarkRender(b *testing.B) {
	for _, window := range []time.Duration{30 * time.Second, 5 * time.Minute} {
		for _, segments := range []int{100, 1800, 20_000} {
			for _, cuts := range []int{10, 1000} {
				b.Run(fmt.Sprintf("window=%s/segments=%d/cuts=%d", window, segments, cuts), func(b *testing.B) {
					c := station(b, segments, cuts, window)
					var dst []byte
					b.ReportAllocs()
					for b.Loop() {
						dst = c.tl.AppendPlaylist(dst[:0], c.settings, 1, c.now)
						c.tl.NextChange(1, c.now)
					}
					b.ReportMetric(float64(len(dst)), "B/playlist")
				})
			}
		}
	}
}

// What an engine asks after everything that may have changed the plan.
func BenchmarkPlan(b *testing.B) {
	for _, segments := range []int{100, 1800, 20_000} {
		for _, cuts := range []int{10, 1000} {
			b.Run(fmt.Sprintf("segments=%d/cuts=%d", segments, cuts), func(b *testing.B) {
				c := station(b, segments, cuts, 30*time.Second)
				b.ReportAllocs()
				for b.Loop() {
					if _, ok := c.tl.Plan(c.input()); !ok {
						b.Fatal("there is nothing to plan")
					}
				}
			})
		}
	}
}

// What it takes for a channel to know how to play an asset, once.
func BenchmarkMap(b *testing.B) {
	a := film(b, 1800)
	c := newChannel(b, a, a)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := timeline.Map(c.settings, a, timeline.MapOptions{TargetDuration: c.target}); err != nil {
			b.Fatal(err)
		}
	}
}
