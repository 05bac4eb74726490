package timeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// TestNothingEarly: a segment is listed at its end and not before, also where
// several cuts follow each other within a fraction of a second.
func TestNothingEarly(t *testing.T) {
	tiny, filler := vod(t, "tiny", "0.120"), vod(t, "filler", "2", "2")
	c := newChannel(t, filler, tiny)
	at := epoch.Add(10 * time.Second)
	for range 6 {
		end := at.Add(120 * time.Millisecond)
		c.events = append(c.events, timeline.Event{URI: tiny.URI, Start: at, End: end})
		at = end
	}
	c.begin()
	c.until(epoch.Add(8*time.Second), time.Second)
	for c.now.Before(epoch.Add(30 * time.Second)) {
		text, next := c.playlist(0), c.tl.NextChange(0, c.now)
		c.plan(next.Add(-1))
		c.now = next.Add(-1)
		if c.playlist(0) != text {
			t.Fatalf("the playlist changes before %s:\n%s\n%s", next, text, c.playlist(0))
		}
		c.now = next
		c.read(len(c.settings.Tracks))
	}
	c.check()
}

// demuxed is a film with sound of its own.
func demuxed(t testing.TB, name string, video, audio []string) *timeline.Asset {
	p := muxed(name, video...)
	for i := range p.Multivariant.Variants {
		p.Multivariant.Variants[i].Audio = "aac"
	}
	p.Multivariant.Renditions = []hls.Rendition{{Type: hls.Audio, URI: "a", GroupID: "aac", Name: "English", Language: "en", Default: true, Autoselect: true}}
	p.Media["a"] = media("https://vod.example/"+name+"/a", ".aac", audio...)
	return newAsset(t, p)
}

// TestHeadsTogether: a track with holes has fewer seconds of the same time. All
// tracks then begin earlier; none does so alone.
func TestHeadsTogether(t *testing.T) {
	// Audio ends 2 s before video wherever the event is cut off.
	film := demuxed(t, "film", repeat(20, "6"), repeat(30, "4"))
	filler := demuxed(t, "filler", repeat(2, "3"), repeat(3, "2"))
	c := newChannel(t, filler, film)
	c.window = time.Second // three target durations count
	for at := epoch.Add(-time.Minute); at.Before(epoch.Add(3 * time.Minute)); at = at.Add(6 * time.Second) {
		c.events = append(c.events, timeline.Event{URI: film.URI, Start: at, End: at.Add(6 * time.Second)})
	}
	c.begin()
	c.until(epoch.Add(2*time.Minute), 500*time.Millisecond)
	c.check()
	video, audio := c.tl.Window(0, c.now), c.tl.Window(1, c.now)
	if n := audio.Last - audio.First + 1; n < 5 {
		t.Errorf("%d segments of 4 s are listed, three target durations are 18 s", n)
	}
	if n := video.Last - video.First + 1; n < 5 {
		t.Errorf("%d segments of video are listed while audio begins earlier", n)
	}
}

// TestBeginsFull: where the event in progress can be entered rarely, the log
// begins where it can; where that is long ago, filler airs until then.
func TestBeginsFull(t *testing.T) {
	// Videos that agree once a minute.
	minutes := func(name string, n int) *timeline.Asset {
		p := muxed(name, repeat(10*n, "6")...)
		var lengths []string
		for range n {
			lengths = append(lengths, "8", "8", "8", "8", "8", "8", "8", "4")
		}
		p.Media["360"] = media("https://vod.example/"+name+"/360", ".ts", lengths...)
		return newAsset(t, p)
	}
	film, filler := minutes("film", 30), vod(t, "filler", "2", "2")
	for _, ago := range []time.Duration{20 * time.Second, 80 * time.Second, 100 * time.Second, 7 * time.Minute} {
		c := newChannel(t, filler, film)
		c.events = []timeline.Event{{URI: film.URI, Start: epoch.Add(-ago), End: epoch.Add(time.Hour)}}
		c.begin()
		if got := listed(c.playlist(0)); got < c.window {
			t.Errorf("%s after the event began the first playlist lasts %s", ago, got)
		}
		c.until(epoch.Add(2*time.Minute), time.Second)
		c.check()
	}
}

// TestNoLength: segments of no length are legal; no cut lasts as little.
func TestNoLength(t *testing.T) {
	film, filler := vod(t, "film", "0", "0", "4", "0", "4", "0"), vod(t, "filler", "2", "0", "2")
	c := newChannel(t, filler, film)
	for at := epoch.Add(-time.Minute); at.Before(epoch.Add(time.Minute)); at = at.Add(7 * time.Second) {
		c.events = append(c.events, timeline.Event{URI: film.URI, Start: at, End: at.Add(50 * time.Millisecond)})
		c.events = append(c.events, timeline.Event{URI: film.URI, Start: at.Add(50 * time.Millisecond), End: at.Add(4 * time.Second)})
	}
	c.begin()
	c.until(epoch.Add(time.Minute), 500*time.Millisecond)
	c.check()
	if _, err := timeline.Map(c.settings, vod(t, "nothing", "0", "0"), timeline.MapOptions{TargetDuration: c.target}); err == nil {
		t.Error("an asset of no length is taken")
	}
}

// TestBreaksOfOtherTracks: a track's own discontinuity is the one that goes
// with the primary's; one without counterpart can't be tagged.
func TestBreaksOfOtherTracks(t *testing.T) {
	for _, test := range []struct {
		name  string
		audio []string // of a film with a discontinuity at 8 s of 16
		at    int      // segment of the audio that shows the tag; -1: refused
	}{
		{"none of its own: the nearest", repeat(8, "2"), 4},
		{"its own, a little later", append(repeat(5, "2"), "|", "2", "2", "2"), 5},
		{"its own, far away", append(repeat(7, "2"), "|", "2"), -1},
		{"two for one", append(repeat(4, "2"), "|", "2", "|", "2", "2", "2"), -1},
		{"one more near the start", append([]string{"2", "|"}, repeat(7, "2")...), -1},
		{"one more after the end", append(repeat(8, "2"), "|", "2"), 4},
	} {
		p := muxed("film", "4", "4", "|", "4", "4")
		for i := range p.Multivariant.Variants {
			p.Multivariant.Variants[i].Audio = "aac"
		}
		p.Multivariant.Renditions = []hls.Rendition{{Type: hls.Audio, URI: "a", GroupID: "aac", Name: "English", Default: true, Autoselect: true}}
		p.Media["a"] = media("https://vod.example/film/a", ".aac", test.audio...)
		film := newAsset(t, p)
		settings, err := timeline.Settle(film, nil)
		if err != nil {
			t.Fatal(err)
		}
		feed, err := timeline.Map(settings, film, timeline.MapOptions{TargetDuration: 6 * time.Second})
		if err != nil {
			if test.at >= 0 {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if test.at < 0 {
			t.Errorf("%s: not refused", test.name)
			continue
		}
		c := newChannel(t, film, film)
		c.assets[film.URI], c.filler = feed, feed
		c.begin()
		for at := c.now; c.now.Before(at.Add(16 * time.Second)); c.now = c.now.Add(time.Second) {
			c.read(len(c.settings.Tracks))
		}
		c.check()
		for _, s := range c.seen.Segments(base + "a.m3u8") {
			if i := strings.Index(s.URI, "a-"); s.Discontinuity != (s.URI[i:] == "a-0.aac" || s.URI[i:] == fmt.Sprintf("a-%d.aac", test.at)) {
				t.Errorf("%s: %s has discontinuity %v", test.name, s.URI, s.Discontinuity)
			}
		}
	}
}

// TestShortTrack: where audio ends long before video its playlist goes on with
// gaps, and a hole of less than a segment stays one.
func TestShortTrack(t *testing.T) {
	for _, test := range []struct {
		audio []string
		gaps  int
	}{
		{repeat(20, "2"), 0},
		{repeat(19, "2"), 0},
		{repeat(15, "2"), 2}, // 10 s, like the video's 6 s and 4 s
		{[]string{"0"}, 7},
	} {
		p := muxed("film", repeat(6, "6", "4")...)
		for i := range p.Multivariant.Variants {
			p.Multivariant.Variants[i].Audio = "aac"
		}
		p.Multivariant.Renditions = []hls.Rendition{{Type: hls.Audio, URI: "a", GroupID: "aac", Name: "English", Default: true}}
		p.Media["a"] = media("https://vod.example/film/a", ".aac", test.audio...)
		film := newAsset(t, p)
		c := newChannel(t, film, film)
		c.window = 80 * time.Second
		c.begin()
		for at := c.now; c.now.Before(at.Add(time.Minute)); c.now = c.now.Add(time.Second) {
			c.read(len(c.settings.Tracks))
		}
		c.check()
		gaps := make(map[time.Time]bool)
		for _, s := range c.seen.Segments(base + "a.m3u8") {
			if s.Gap && s.URI != "https://vod.example/film/gap" {
				t.Errorf("the URI of a gap is %s", s.URI)
			}
			if loop := c.log[0].Start.Add(40 * time.Second); s.Gap && !s.Date.Before(loop) && s.Date.Before(loop.Add(40*time.Second)) {
				gaps[s.Date] = true
			}
		}
		if len(gaps) != test.gaps {
			t.Errorf("%d segments of audio: %d gaps, want %d", len(test.audio), len(gaps), test.gaps)
		}
	}
}

// TestBadPosition: a cut that begins beyond its asset's end, which only a
// faulty writer makes, takes nothing down.
func TestBadPosition(t *testing.T) {
	film := vod(t, "film", "4", "4")
	c := newChannel(t, film, film)
	c.begin()
	cut := c.log[0]
	cut.Tracks = []playlog.Position{{First: 1 << 40, MediaSequence: 1}, {First: 2, MediaSequence: 1}}
	tl := timeline.New([]timeline.Entry{timeline.NewEntry(cut, c.filler, c.filler)}, c.window)
	for k := range cut.Tracks {
		if text := string(tl.AppendPlaylist(nil, c.settings, k, c.now)); !strings.Contains(text, "film") {
			t.Errorf("track %d lists nothing:\n%s", k, text)
		}
	}
	if cut.Tracks[0].First != 1<<40 {
		t.Error("the cut of the log is changed")
	}
}

// TestStandsStill: from the instant on up to which a timeline is known, all
// tracks list what they listed then, and their next change is never far away.
func TestStandsStill(t *testing.T) {
	film := demuxed(t, "film", repeat(20, "6"), repeat(30, "4"))
	filler := demuxed(t, "filler", repeat(2, "3"), repeat(3, "2"))
	c := newChannel(t, filler, film)
	c.events = []timeline.Event{{URI: film.URI, Start: epoch.Add(30 * time.Second), End: epoch.Add(90 * time.Second)}}
	c.begin()
	c.until(epoch.Add(28*time.Second), time.Second)
	whole, event := c.tl, c.tl.Last()
	c.tl = timeline.New(whole.Entries()[:len(whole.Entries())-1], c.window).Until(event.Start)
	was := c.tl.Above(c.now)
	for ; c.now.Before(epoch.Add(time.Minute)); c.now = c.now.Add(time.Second) {
		for k := range c.settings.Tracks {
			if w := c.tl.Window(k, c.now); w.Last >= event.Tracks[k].MediaSequence {
				t.Fatalf("%s: track %d lists %d, the event begins with %d", c.now, k, w.Last, event.Tracks[k].MediaSequence)
			}
			if next := c.tl.NextChange(k, c.now); next.After(c.now.Add(filler.Duration())) {
				t.Errorf("%s: track %d changes at %s", c.now, k, next)
			}
		}
		if stands := max(c.now.Sub(event.Start), 0); c.tl.Stands(c.now) != stands || !c.tl.Lists(c.now) {
			t.Errorf("%s: it stands for %s, want %s", c.now, c.tl.Stands(c.now), stands)
		}
		if c.tl.Contradicts(&event.Cut, c.now) {
			t.Fatalf("%s: the event contradicts what was listed", c.now)
		}
	}
	if above := c.tl.Above(c.now); above.MediaSequence > was.MediaSequence+2 {
		t.Errorf("numbers are %v after standing still, were %v", above, was)
	}
	if whole.Stands(c.now) != 0 || c.tl.With(c.now).Stands(c.now) != 0 {
		t.Error("what goes on stands still")
	}
}

// TestListsNothing before its beginning, and writes no playlist then.
func TestListsNothing(t *testing.T) {
	c := newChannel(t, vod(t, "filler", "2", "2"), vod(t, "film", "6"))
	c.begin()
	start := c.tl.Entries()[0].Start
	for after, lists := range map[time.Duration]bool{-time.Minute: false, 0: false, 2*time.Second - 1: false, 2 * time.Second: true} {
		body := c.tl.AppendPlaylist(nil, c.settings, 0, start.Add(after))
		if c.tl.Lists(start.Add(after)) != lists || (len(body) > 0) != lists {
			t.Errorf("%s after its beginning: %q", after, body)
		}
	}
}
