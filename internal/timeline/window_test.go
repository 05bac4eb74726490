package timeline_test

import (
	"testing"
	"time"

	"consuo/internal/hls"
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
		c.read()
	}
	c.check()
}

// TestHeadsTogether: a track with holes has fewer seconds of the same time. All
// tracks then begin earlier; none does so alone.
func TestHeadsTogether(t *testing.T) {
	demuxed := func(name string, video, audio []string) *timeline.Asset {
		p := muxed(name, video...)
		for i := range p.Multivariant.Variants {
			p.Multivariant.Variants[i].Audio = "aac"
		}
		p.Multivariant.Renditions = []hls.Rendition{{Type: hls.Audio, URI: "a", GroupID: "aac", Name: "English", Language: "en", Default: true, Autoselect: true}}
		p.Media["a"] = media("https://vod.example/"+name+"/a", ".aac", audio...)
		return newAsset(t, p)
	}
	// Audio ends 2 s before video wherever the event is cut off.
	film := demuxed("film", repeat(20, "6"), repeat(30, "4"))
	filler := demuxed("filler", repeat(2, "3"), repeat(3, "2"))
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
