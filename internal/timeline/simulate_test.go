package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/hlscheck"
	"consuo/internal/packed"
	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

var epoch = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// vod makes an asset of muxed MPEG-TS with two variants from the lengths of
// its segments, as decimal digits.
func vod(t testing.TB, name string, lengths ...string) *timeline.Asset {
	t.Helper()
	return newAsset(t, muxed(name, lengths...))
}

func newAsset(t testing.TB, p *hls.Presentation) *timeline.Asset {
	t.Helper()
	a, err := timeline.NewAsset(packed.New(p), timeline.AssetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func muxed(name string, lengths ...string) *hls.Presentation {
	p := &hls.Presentation{
		URL: "https://vod.example/" + name + "/master.m3u8",
		Multivariant: &hls.Multivariant{IndependentSegments: true, Variants: []hls.Variant{
			{URI: "720", Bandwidth: 3e6, Codecs: "avc1.64001f,mp4a.40.2", Width: 1280, Height: 720},
			{URI: "360", Bandwidth: 1e6, Codecs: "avc1.64001e,mp4a.40.2", Width: 640, Height: 360},
		}},
		Media: make(map[string]*hls.Media),
	}
	for _, v := range p.Multivariant.Variants {
		p.Media[v.URI] = media("https://vod.example/"+name+"/"+v.URI, ".ts", lengths...)
	}
	return p
}

// media makes a playlist from lengths; "|" stands for a discontinuity.
func media(base, ext string, lengths ...string) *hls.Media {
	m := &hls.Media{URL: base + ".m3u8"}
	tagged := false
	for _, l := range lengths {
		if l == "|" {
			tagged = true
			continue
		}
		d, err := time.ParseDuration(l + "s")
		if err != nil {
			panic(err)
		}
		m.Segments = append(m.Segments, hls.Segment{
			URI: fmt.Sprintf("%s-%d%s", base, len(m.Segments), ext), Duration: d, DurationText: l, Discontinuity: tagged,
		})
		tagged = false
	}
	return m
}

func repeat(n int, length string, last ...string) []string {
	return append(slices.Repeat([]string{length}, n), last...)
}

const base = "https://live.example/channels/one/"

// channel is a channel in simulated time: it plans and commits as an engine
// does, and has every playlist read by the checker.
type channel struct {
	testing.TB
	settings *playlog.Settings
	assets   map[string]*timeline.Feed
	missing  map[string]string // reason by URI
	filler   *timeline.Feed
	events   []timeline.Event
	window   time.Duration
	target   time.Duration

	now  time.Time
	tl   *timeline.Timeline
	log  []playlog.Cut
	seen *hlscheck.Checker
}

func newChannel(t testing.TB, filler *timeline.Asset, assets ...*timeline.Asset) *channel {
	t.Helper()
	c := &channel{
		TB: t, assets: make(map[string]*timeline.Feed), missing: make(map[string]string),
		window: 30 * time.Second, target: 6 * time.Second, now: epoch,
		seen: hlscheck.New(hlscheck.Options{StoreTime: true}),
	}
	var err error
	if c.settings, err = timeline.Settle(assets[0], assets[1:]); err != nil {
		t.Fatal(err)
	}
	for _, a := range append(slices.Clone(assets), filler) {
		feed, err := timeline.Map(c.settings, a, timeline.MapOptions{TargetDuration: c.target})
		if err != nil {
			t.Fatalf("%s: %v", a.URI, err)
		}
		c.assets[a.URI] = feed
		c.target = max(c.target, timeline.WholeTarget(feed.Longest()))
		c.filler = feed
	}
	return c
}

func (c *channel) input() timeline.Input {
	return timeline.Input{
		Now: c.now, Lead: playlog.Lead, Events: c.events, Filler: c.filler, FillerKind: playlog.Filler,
		Asset: func(uri string) timeline.AssetState {
			if why, ok := c.missing[uri]; ok {
				return timeline.AssetState{Detail: why}
			}
			return timeline.AssetState{Feed: c.assets[uri]}
		},
	}
}

func (c *channel) begin() {
	c.Helper()
	entries := timeline.Begin(timeline.Genesis{
		Input: c.input(), Settings: c.settings, TargetDuration: c.target, Window: c.window, Number: 1,
	})
	c.tl = timeline.New(entries, c.window)
	var cuts []playlog.Cut
	for _, e := range entries {
		cuts = append(cuts, e.Cut)
	}
	c.commit(cuts)
	c.seen.Multivariant(c.now, base+"master.m3u8", c.multivariant())
}

// commit holds what is planned against the rules of the store.
func (c *channel) commit(cuts []playlog.Cut) {
	c.Helper()
	added, err := playlog.Decide(c.log, cuts, c.now, playlog.Lead)
	if err != nil {
		c.Fatalf("%s: %v", c.now, err)
	}
	c.log = append(c.log, added...)
}

func (c *channel) multivariant() []byte {
	b := []byte("#EXTM3U\n#EXT-X-VERSION:6\n")
	for _, r := range c.settings.Multivariant.Renditions {
		if r.URI != "" {
			r.URI += ".m3u8"
		}
		b = hls.AppendRendition(b, &r)
	}
	for _, v := range c.settings.Multivariant.Variants {
		v.URI += ".m3u8"
		b = hls.AppendVariant(b, &v)
	}
	return b
}

// until lets time pass: plans at every instant at which something is due, and
// reads the playlists at every step.
func (c *channel) until(end time.Time, step time.Duration) {
	c.Helper()
	c.watch(end, step, len(c.settings.Tracks))
}

// watch is until, with an eye on the first n tracks only.
func (c *channel) watch(end time.Time, step time.Duration, n int) {
	c.Helper()
	for c.now.Before(end) {
		c.plan(c.now)
		c.read(n)
		next := c.now.Add(step)
		c.plan(next)
		c.now = next
	}
	c.now = end
	c.plan(end)
}

// plan commits what falls due by an instant, each cut at its time.
func (c *channel) plan(until time.Time) {
	c.Helper()
	for {
		planned, ok := c.tl.Plan(c.input())
		if !ok || planned.Commit.After(until) {
			return
		}
		if planned.Commit.After(c.now) {
			c.now = planned.Commit
			continue // planned again at its time, as an engine does
		}
		c.commit([]playlog.Cut{planned.Cut})
		c.tl = c.tl.With(c.now, planned.Entry)
	}
}

// read has the playlists of the first n tracks checked.
func (c *channel) read(n int) {
	for k, track := range c.settings.Tracks[:n] {
		c.seen.Media(c.now, base+track.ID+".m3u8", c.tl.AppendPlaylist(nil, c.settings, k, c.now))
	}
}

func (c *channel) check() {
	c.Helper()
	if err := c.seen.Err(); err != nil {
		c.Error(err)
	}
}

// playlist returns the text of a track now.
func (c *channel) playlist(k int) string {
	return string(c.tl.AppendPlaylist(nil, c.settings, k, c.now))
}

// adherence checks that every event that began by now began within half a
// segment of its time, half of what played before it, and returns how many
// were on air.
func (c *channel) adherence(longest time.Duration) int {
	c.Helper()
	aired := 0
	for _, cut := range c.log {
		if cut.Kind != playlog.Event || cut.Reason != playlog.Scheduled {
			continue
		}
		aired++
		if off := cut.Start.Sub(cut.Airing.Start).Abs(); off > longest/2 {
			c.Errorf("cut %d: event of %s began %s off", cut.Number, cut.Airing.Start, off)
		}
	}
	return aired
}

// ntsc are segments of 29.97 fps: 180 frames.
const ntsc = "6.006"

func TestFourWeeks(t *testing.T) {
	t.Parallel()
	span := 28 * 24 * time.Hour
	if testing.Short() {
		span = 24 * time.Hour
	}
	rng := rand.New(rand.NewPCG(1, 2))
	assets := []*timeline.Asset{
		vod(t, "film", repeat(563, "9.600", "3.280")...),
		vod(t, "ntsc", repeat(211, ntsc, "1.668333")...),
		vod(t, "short", repeat(30, "4.000", "0.120")...),
		vod(t, "odd", "5.76", "7.2", "9.44", "2.08", "6", "6", "6.04", "1"),
	}
	filler := vod(t, "filler", "3.2", "2", "2.56", "1.2")
	c := newChannel(t, filler, assets...)
	c.target = 10 * time.Second
	// Back to back, gaps, overruns (slots shorter than the asset), slots that
	// are longer, at odd milliseconds.
	for at := epoch.Add(-time.Minute); at.Before(epoch.Add(span)); {
		a := assets[rng.IntN(len(assets))]
		length := a.Duration()
		switch rng.IntN(4) {
		case 0:
			length = time.Duration(float64(length) * (0.3 + rng.Float64()))
		case 1:
			length += time.Duration(rng.IntN(120000)) * time.Millisecond
		}
		length = length.Truncate(time.Millisecond)
		ev := timeline.Event{ID: fmt.Sprint(len(c.events)), URI: a.URI, Start: at, End: at.Add(length)}
		c.events = append(c.events, ev)
		at = ev.End
		if rng.IntN(3) == 0 {
			at = at.Add(time.Duration(rng.IntN(90000)) * time.Millisecond)
		}
	}
	all := c.events
	c.events = all[:min(len(all), 50)]
	c.begin()
	for day := time.Duration(0); day < span; day += time.Hour {
		// What an engine knows of the schedule: the hours around now.
		from, _ := slices.BinarySearchFunc(all, c.now.Add(-4*time.Hour), func(e timeline.Event, t time.Time) int { return e.End.Compare(t) })
		to, _ := slices.BinarySearchFunc(all, c.now.Add(4*time.Hour), func(e timeline.Event, t time.Time) int { return e.Start.Compare(t) })
		c.events = all[from:to]
		switch end := epoch.Add(day + time.Hour); {
		case day == 0:
			c.until(end, 500*time.Millisecond)
		case day%(24*time.Hour) == 0:
			c.until(end, 17*time.Second)
		default: // seldom, but no segment is missed
			c.watch(end, 28*time.Second, 1)
		}
	}
	c.check()
	aired := c.adherence(9600 * time.Millisecond)
	t.Logf("%d cuts, %d of %d events on air at their time", len(c.log), aired, len(all))
	if aired < len(all)*95/100 {
		t.Errorf("%d of %d events were on air at their time", aired, len(all))
	}
}

func TestEdits(t *testing.T) {
	// The poll interval is not part of the plan: an edit is known at once here.
	const most = playlog.Lead + 2*6*time.Second
	a, b, filler := vod(t, "a", repeat(100, "6")...), vod(t, "b", repeat(100, "6")...), vod(t, "filler", "2", "2")
	at := func(min int) time.Time { return epoch.Add(time.Duration(min) * time.Minute) }
	edits := map[string]struct {
		before, after []timeline.Event
		want          string // the asset that must be on air after the edit
	}{
		"delete on air": {
			[]timeline.Event{{URI: a.URI, Start: at(0), End: at(10)}}, nil, "filler"},
		"insert": {
			nil, []timeline.Event{{URI: b.URI, Start: at(1), End: at(10)}}, "/b/"},
		"replace on air": {
			[]timeline.Event{{URI: a.URI, Start: at(0), End: at(10)}}, []timeline.Event{{URI: b.URI, Start: at(0), End: at(10)}}, "/b/"},
		"move away": {
			[]timeline.Event{{URI: a.URI, Start: at(0), End: at(10)}}, []timeline.Event{{URI: a.URI, Start: at(30), End: at(40)}}, "filler"},
		"cut short": {
			[]timeline.Event{{URI: a.URI, Start: at(0), End: at(10)}}, []timeline.Event{{URI: a.URI, Start: at(0), End: at(1)}, {URI: b.URI, Start: at(1), End: at(9)}}, "/b/"},
	}
	for name, e := range edits {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t, filler, a, b)
			c.events = e.before
			c.begin()
			c.until(at(3), time.Second)
			c.events = e.after
			edited := c.now
			for !strings.Contains(lastSegment(c.playlist(0)), e.want) {
				c.until(c.now.Add(time.Second), time.Second)
				if c.now.Sub(edited) > most+6*time.Second { // it is listed once it has been recorded
					t.Fatalf("%s after the edit on air is still %s", c.now.Sub(edited), lastSegment(c.playlist(0)))
				}
			}
			c.until(at(12), time.Second)
			c.check()
		})
	}
}

func lastSegment(playlist string) string {
	lines := strings.Split(strings.TrimSpace(playlist), "\n")
	return lines[len(lines)-1]
}
