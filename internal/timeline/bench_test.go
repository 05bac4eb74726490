package timeline_test

import (
	"testing"
	"time"

	"consuo/internal/timeline"
)

// hour is a channel that plays an asset of 1,800 segments, an hour long, with
// audio apart.
func hour(b *testing.B) *channel {
	film, filler := vod(b, "film", repeat(1800, "2")...), vod(b, "filler", "2", "2")
	c := newChannel(b, filler, film)
	c.events = []timeline.Event{
		{URI: film.URI, Start: epoch.Add(-30 * time.Minute), End: epoch.Add(29 * time.Minute)},
		{URI: film.URI, Start: epoch.Add(29 * time.Minute), End: epoch.Add(89 * time.Minute)},
	}
	c.begin()
	return c
}

func BenchmarkAppendPlaylist(b *testing.B) {
	c := hour(b)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = c.tl.AppendPlaylist(dst[:0], c.settings, 0, c.now)
	}
}

func BenchmarkNextChange(b *testing.B) {
	c := hour(b)
	b.ReportAllocs()
	for b.Loop() {
		c.tl.NextChange(1, c.now)
	}
}

// The next cut is half an hour away: what an engine asks after every poll.
func BenchmarkPlan(b *testing.B) {
	c := hour(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.tl.Plan(c.input()); !ok {
			b.Fatal("there is nothing to plan")
		}
	}
}

func BenchmarkMap(b *testing.B) {
	film := vod(b, "film", repeat(1800, "2")...)
	c := newChannel(b, film, film)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := timeline.Map(c.settings, film, timeline.MapOptions{TargetDuration: c.target}); err != nil {
			b.Fatal(err)
		}
	}
}
