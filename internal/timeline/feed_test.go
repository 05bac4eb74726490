package timeline_test

import (
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// TestCounters holds the formulas of design §2, "Counters and dates", on real
// assets whose tracks differ in segment count, length and discontinuities. The
// numbers were worked out by hand from the playlists.
func TestCounters(t *testing.T) {
	type step struct {
		at    string // length of the slot: where the first event ends and the same asset begins anew
		start string // what that is in the end, a boundary of the primary
		audio int64  // segments of the audio track in the first event
		video int64
		dsn   int64 // how much the discontinuity sequence moves
	}
	vectors := map[string][]step{
		// Video 3 s; audio 3.008, 3.008, 2.9866 s.
		"hls4": {
			{"3s", "3s", 1, 1, 1},   // audio ends at 3.008: 8 ms into the next cut
			{"10s", "9s", 3, 3, 1},  // 9 s is nearer than 12 s; audio ends at 9.0026
			{"11s", "12s", 4, 4, 1}, // audio ends at 12.0106
		},
		// Ads of 2 × 4 s, a discontinuity, then 4 s; audio 4.011 and 3.989 s.
		"hls5": {
			{"8s", "8s", 2, 2, 1},   // on the discontinuity, which is the cut's
			{"12s", "8s", 2, 2, 1},  // one segment after it: moves onto it
			{"5s", "8s", 2, 2, 1},   // one segment before it: moves onto it
			{"16s", "16s", 4, 4, 2}, // past it: one more; audio ends at 16.000
			{"20s", "20s", 5, 5, 2}, // audio ends at 20.011
		},
		// Video 3 s; audio 1.92 s.
		"hls_cmaf_1": {
			{"3s", "3s", 1, 1, 1},     // 3.84 would be 0.84 s over: leaves at 1.92
			{"6s", "6s", 3, 2, 1},     // 7.68 would be 1.68 s over: leaves at 5.76
			{"15s", "15s", 8, 5, 1},   // 15.36 is 0.36 s over
			{"48s", "48s", 25, 16, 1}, // both have a boundary
		},
		// 13 segments of 4 s, a discontinuity before each.
		"hls_repeat": {
			{"4s", "4s", 0, 1, 1},
			{"12s", "12s", 0, 3, 3},
			{"25s", "24s", 0, 6, 6},
		},
	}
	for folder, steps := range vectors {
		t.Run(folder, func(t *testing.T) {
			a := vector(t, folder)
			for _, s := range steps {
				c := newChannel(t, a, a)
				c.window = time.Second
				slot, want := duration(t, s.at), duration(t, s.start)
				c.begin()
				begin := c.log[0].Start.Add(2 * a.Duration()) // a boundary of the filler: no rounding before the first event
				c.events = []timeline.Event{
					{ID: "1", URI: a.URI, Start: begin, End: begin.Add(slot)},
					{ID: "2", URI: a.URI, Start: begin.Add(slot), End: begin.Add(slot + 30*time.Second)},
				}
				c.until(begin.Add(slot+time.Minute), time.Second)
				c.check()
				first, second := cutOf(c.log, "1"), cutOf(c.log, "2")
				if first == nil || second == nil {
					t.Fatalf("%s: the events are not in the log", s.at)
				}
				if got := second.Start.Sub(first.Start); got != want {
					t.Errorf("slot of %s: the asset plays %s, want %s", s.at, got, want)
				}
				if got := second.DiscontinuitySequence - first.DiscontinuitySequence; got != s.dsn {
					t.Errorf("slot of %s: the discontinuity sequence moves by %d, want %d", s.at, got, s.dsn)
				}
				for k, track := range c.settings.Tracks {
					want := s.video
					if track.Media == playlog.AudioTrack {
						want = s.audio
					}
					if got := second.Tracks[k].MediaSequence - first.Tracks[k].MediaSequence; got != want {
						t.Errorf("slot of %s: track %s plays %d segments, want %d", s.at, track.ID, got, want)
					}
				}
			}
		})
	}
}

func duration(t testing.TB, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func cutOf(log []playlog.Cut, event string) *playlog.Cut {
	for i := range log {
		if c := &log[i]; c.Kind == playlog.Event && c.Airing.EventID == event {
			return c
		}
	}
	return nil
}

// TestSeams: a hole or an overlap at a cut is known, bounded by a segment, and
// does not add up.
func TestSeams(t *testing.T) {
	a := vector(t, "hls_cmaf_1") // video 3 s, audio 1.92 s
	c := newChannel(t, a, a)
	at := c.now.Add(time.Minute)
	for i := range 60 {
		length := time.Duration(9+i%7) * time.Second
		c.events = append(c.events, timeline.Event{URI: a.URI, Start: at, End: at.Add(length)})
		at = at.Add(length)
	}
	c.begin()
	seen := 0
	for c.now.Before(at) {
		c.until(c.now.Add(time.Second), time.Second)
		for i := range c.tl.Entries() {
			for k, track := range c.settings.Tracks {
				seam := c.tl.Seam(i, k)
				switch {
				case track.Media == playlog.VideoTrack && seam != 0:
					t.Fatalf("%s: video has a seam of %s", c.now, seam)
				case seam > 2*1920*time.Millisecond || seam < -time.Second:
					t.Fatalf("%s: %s has a seam of %s", c.now, track.ID, seam)
				case seam != 0:
					seen++
				}
			}
		}
	}
	if seen == 0 {
		t.Error("there was no seam to see")
	}
}
