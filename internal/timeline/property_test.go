package timeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/hlscheck"
	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// FuzzChannel lets channels of random assets, schedules, edits and failures
// run for some minutes and holds them to what must be true of every channel.
// The seeds below run with the other tests; -fuzz tries more.
func FuzzChannel(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		w.begin()
		w.full()
		end := w.now.Add(time.Duration(2+w.rng.IntN(4)) * time.Minute)
		for w.now.Before(end) && !t.Failed() {
			w.pass(w.now.Add(w.span(1, 5000)))
			w.edit()
			if w.rebases && w.coin(40) {
				w.rebase()
			}
			w.observe()
		}
		w.judge()
		if t.Failed() {
			w.describe()
		}
	})
}

// world is a channel of random assets whose schedule is edited at random.
type world struct {
	*channel
	rng     *rand.Rand
	catalog []*timeline.Asset
	library []*timeline.Asset // all that was loaded, with the filler
	fillers []*timeline.Feed
	aligned bool // muxed, all videos cut alike, no inner discontinuities
	demuxed bool
	rebases bool

	all     []timeline.Entry
	samples []sample
	edits   []string
	edited  time.Time // the last time
	settled []int64   // numbers of cuts that no edit came shortly before
}

// sample is a playlist as it was served.
type sample struct {
	track int
	at    time.Time
	text  string
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 7))}
	w.demuxed = w.coin(2)
	w.aligned = !w.demuxed && w.coin(2)
	w.rebases = w.coin(4)
	shape := shape{videos: 1 + w.rng.IntN(3), audios: 1 + w.rng.IntN(2), subtitles: w.coin(4)}
	for i := range 2 + w.rng.IntN(4) {
		w.catalog = append(w.catalog, newAsset(t, w.asset(fmt.Sprintf("asset%d", i), shape)))
	}
	w.channel = &channel{
		TB: t, assets: make(map[string]*timeline.Feed), missing: make(map[string]string),
		window: w.span(0, 60_000), target: 6 * time.Second, now: epoch,
		seen: hlscheck.New(hlscheck.Options{StoreTime: true, GrowingTargetDuration: true, AbsoluteURIs: true, Rebases: w.rebases}),
	}
	var err error
	if w.settings, err = timeline.Settle(w.catalog[0], w.catalog[1:]); err != nil {
		t.Fatal(err)
	}
	if w.coin(3) { // all of the schedule is known at the start
		for _, a := range w.catalog {
			if feed, err := timeline.Map(w.settings, a, timeline.MapOptions{TargetDuration: w.target}); err == nil {
				w.target = max(w.target, timeline.WholeTarget(feed.Longest()))
			}
		}
	}
	for i := range 2 {
		a := newAsset(t, w.filler(fmt.Sprintf("filler%d", i), shape))
		feed, err := timeline.Map(w.settings, a, timeline.MapOptions{TargetDuration: w.target})
		if err != nil {
			t.Fatalf("filler: %v", err)
		}
		w.fillers, w.library = append(w.fillers, feed), append(w.library, a)
		w.target = max(w.target, timeline.WholeTarget(feed.Longest()))
	}
	w.channel.filler, w.library = w.fillers[0], append(w.library, w.catalog...)
	for _, a := range w.catalog {
		feed, err := timeline.Map(w.settings, a, timeline.MapOptions{TargetDuration: w.target})
		if err != nil {
			w.missing[a.URI] = err.Error()
			continue
		}
		w.assets[a.URI] = feed
	}
	w.events = w.schedule(epoch.Add(-w.span(0, 180_000)))
	return w
}

func (w *world) coin(n int) bool { return w.rng.IntN(n) == 0 }

// span returns a random time between two numbers of milliseconds.
func (w *world) span(from, to int) time.Duration {
	return time.Duration(from+w.rng.IntN(to-from+1)) * time.Millisecond
}

// shape is what the assets of a channel have in common.
type shape struct {
	videos, audios int
	subtitles      bool
}

// asset makes an asset that any catalogue might have.
func (w *world) asset(name string, s shape) *hls.Presentation {
	lengths := w.lengths()
	var breaks []int
	if !w.aligned && w.coin(3) {
		for range 1 + w.rng.IntN(3) {
			breaks = append(breaks, 1+w.rng.IntN(len(lengths)))
		}
	}
	return w.presentation(name, s, lengths, breaks)
}

// filler makes an asset that is fit to be repeated.
func (w *world) filler(name string, s shape) *hls.Presentation {
	var lengths []time.Duration
	for range 1 + w.rng.IntN(5) {
		lengths = append(lengths, w.span(1000, 6000))
	}
	aligned := w.aligned
	w.aligned = true
	defer func() { w.aligned = aligned }()
	return w.presentation(name, s, lengths, nil)
}

// lengths returns the segments of a video.
func (w *world) lengths() []time.Duration {
	n := 1 + w.rng.IntN(40)
	switch w.rng.IntN(5) {
	case 0:
		n = 1 + w.rng.IntN(3)
	case 1:
		n = 1
	}
	list := make([]time.Duration, n)
	even := w.span(500, 10_000)
	uneven := w.coin(2)
	for i := range list {
		if list[i] = even; uneven {
			list[i] = w.span(40, 12_000)
		}
	}
	if w.coin(2) {
		list[n-1] = w.span(40, 3000)
	}
	for range w.rng.IntN(3) { // EXTINF:0 is legal and real
		if w.coin(6) {
			list[w.rng.IntN(n)] = 0
		}
	}
	return list
}

func (w *world) presentation(name string, s shape, lengths []time.Duration, breaks []int) *hls.Presentation {
	home := "https://vod.example/" + name + "/"
	p := &hls.Presentation{
		URL: home + "master.m3u8", Multivariant: &hls.Multivariant{IndependentSegments: true}, Media: make(map[string]*hls.Media),
	}
	jitter, unrelated := 0, false
	if !w.aligned {
		switch w.rng.IntN(3) {
		case 0:
			jitter = 100
		case 1:
			jitter = 300
		}
		unrelated = w.coin(5)
	}
	for i := range s.videos {
		v := hls.Variant{
			URI: fmt.Sprintf("%sv%d", home, i), Bandwidth: int64(5-i) * 1e6, Width: 1280 >> i, Height: 720 >> i, Codecs: "avc1.64001f,mp4a.40.2",
		}
		own := slices.Clone(lengths)
		if i > 0 && unrelated {
			own = w.tile(total(lengths)+w.span(-500, 500), w.span(1000, 9000))
		} else if i > 0 && jitter > 0 {
			for j := 1; j < len(own); j++ {
				d := w.span(-jitter/2, jitter/2)
				if own[j-1]+d > 0 && own[j]-d > 0 {
					own[j-1] += d
					own[j] -= d
				}
			}
		}
		ext := ".ts"
		if w.demuxed {
			v.Audio, ext = "aac", ".m4s"
		}
		p.Multivariant.Variants = append(p.Multivariant.Variants, v)
		p.Media[v.URI] = w.media(v.URI, ext, own, w.breaksLike(lengths, breaks, own))
	}
	if !w.demuxed {
		return p
	}
	for i := range s.audios {
		r := hls.Rendition{Type: hls.Audio, URI: fmt.Sprintf("%sa%d", home, i), GroupID: "aac", Name: fmt.Sprint(i), Language: []string{"en", "sv"}[i], Default: i == 0, Autoselect: true}
		p.Multivariant.Renditions = append(p.Multivariant.Renditions, r)
		every := []time.Duration{1920, 3840, 6400, 300, 2000, 0}[w.rng.IntN(6)] * time.Millisecond
		own := slices.Clone(lengths)
		if every > 0 {
			long := max(total(lengths)+w.span(-300, 300), 40*time.Millisecond)
			if !w.aligned && w.coin(4) {
				long = max(long+w.span(-3000, 3000), 40*time.Millisecond)
			}
			own = w.tile(long, every)
		}
		p.Media[r.URI] = w.media(r.URI, ".m4s", own, w.breaksLike(lengths, breaks, own))
	}
	if s.subtitles {
		r := hls.Rendition{Type: hls.Subtitles, URI: home + "s", GroupID: "subs", Name: "English", Language: "en"}
		for i := range p.Multivariant.Variants {
			p.Multivariant.Variants[i].Subtitles = "subs"
		}
		p.Multivariant.Renditions = append(p.Multivariant.Renditions, r)
		p.Media[r.URI] = w.media(r.URI, ".vtt", w.tile(max(total(lengths)+w.span(-300, 300), 40*time.Millisecond), 6*time.Second), nil)
	}
	return p
}

func total(lengths []time.Duration) (sum time.Duration) {
	for _, d := range lengths {
		sum += d
	}
	return sum
}

// tile returns segments of one length that fill a time, with a short last one.
func (w *world) tile(long, every time.Duration) (list []time.Duration) {
	for long > every {
		list = append(list, every)
		long -= every
	}
	return append(list, max(long, 20*time.Millisecond))
}

// breaksLike returns where a playlist has the discontinuities of the primary:
// mostly near them, sometimes not at all.
func (w *world) breaksLike(primary []time.Duration, breaks []int, own []time.Duration) (at []int) {
	if w.coin(6) {
		return nil
	}
	for _, b := range breaks {
		if b >= len(primary) {
			continue
		}
		want := total(primary[:b]) + w.span(-200, 200)
		if w.coin(8) {
			want += w.span(-4000, 4000)
		}
		best := 0
		for i := range own {
			if (total(own[:i]) - want).Abs() < (total(own[:best]) - want).Abs() {
				best = i
			}
		}
		at = append(at, best)
	}
	return at
}

// media makes a playlist with the odds and ends that playlists have.
func (w *world) media(base, ext string, lengths []time.Duration, breaks []int) *hls.Media {
	m := &hls.Media{URL: base + ".m3u8", MediaSequence: int64(w.rng.IntN(3))}
	var init *hls.Map
	var keys []hls.Key
	encrypted, digits := w.coin(3), []int{3, 6, 1}[w.rng.IntN(3)]
	if ext == ".vtt" {
		encrypted = false
	}
	for i, d := range lengths {
		if digits == 1 {
			d = d.Round(100 * time.Millisecond)
		}
		if ext == ".m4s" && (init == nil || w.coin(30) && slices.Contains(breaks, i)) {
			init = &hls.Map{URI: fmt.Sprintf("%s-init%d.mp4", base, i), Keys: keys}
		}
		if encrypted && w.coin(5) {
			keys = w.keys(base, i)
		}
		m.Segments = append(m.Segments, hls.Segment{
			URI: fmt.Sprintf("%s-%d%s", base, i, ext), Duration: d, DurationText: strconv.FormatFloat(d.Seconds(), 'f', digits, 64),
			Discontinuity: slices.Contains(breaks, i), Keys: keys, Map: init,
		})
	}
	return m
}

func (w *world) keys(base string, i int) []hls.Key {
	aes := hls.Key{Method: "AES-128", URI: fmt.Sprintf("%s-key%d", base, i)}
	drm := hls.Key{Method: "SAMPLE-AES", URI: fmt.Sprintf("skd://%d", i), KeyFormat: "com.apple.streamingkeydelivery", KeyFormatVersions: "1"}
	drm2 := hls.Key{Method: "SAMPLE-AES", URI: "data:text/plain;base64,AAAA", KeyFormat: "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", KeyFormatVersions: "1"}
	switch w.rng.IntN(4) {
	case 0:
		return nil
	case 1:
		return []hls.Key{aes}
	case 2:
		return []hls.Key{drm}
	}
	return []hls.Key{drm, drm2}
}

// schedule fills the time from an instant on.
func (w *world) schedule(at time.Time) (events []timeline.Event) {
	for at.Before(w.now.Add(8 * time.Minute)) {
		a := w.catalog[w.rng.IntN(len(w.catalog))]
		length := a.Duration()
		switch w.rng.IntN(6) {
		case 0:
			length = time.Duration(float64(length) * (0.2 + w.rng.Float64()))
		case 1:
			length += w.span(0, 40_000)
		case 2:
			length = w.span(1, 3000)
		}
		length = max(length.Truncate(time.Millisecond), time.Millisecond)
		events = append(events, timeline.Event{ID: fmt.Sprint(w.rng.IntN(1e6)), URI: a.URI, Start: at, End: at.Add(length)})
		at = at.Add(length)
		if w.coin(3) {
			at = at.Add(w.span(1, 20_000))
		}
	}
	return events
}

// edit sometimes changes what is scheduled, what is there, what fills.
func (w *world) edit() {
	if !w.coin(12) {
		return
	}
	what := ""
	switch w.rng.IntN(5) {
	case 0: // all anew from some instant on
		from := w.now.Add(w.span(-5000, 30_000))
		keep := slices.IndexFunc(w.events, func(ev timeline.Event) bool { return ev.End.After(from) })
		if keep < 0 {
			keep = len(w.events)
		}
		w.events = append(slices.Clone(w.events[:keep]), w.schedule(from)...)
		what = fmt.Sprintf("new schedule from %s", from)
	case 1: // an event goes, the one on air too
		near := slices.IndexFunc(w.events, func(ev timeline.Event) bool { return ev.End.After(w.now) })
		if near >= 0 {
			i := min(near+w.rng.IntN(3), len(w.events)-1)
			what = fmt.Sprintf("event %s goes", w.events[i].ID)
			w.events = slices.Delete(slices.Clone(w.events), i, i+1)
		}
	case 2: // an event gets another asset or ends earlier
		near := slices.IndexFunc(w.events, func(ev timeline.Event) bool { return ev.End.After(w.now) })
		if near >= 0 {
			w.events = slices.Clone(w.events)
			ev := &w.events[min(near+w.rng.IntN(3), len(w.events)-1)]
			if w.coin(2) {
				ev.URI = w.catalog[w.rng.IntN(len(w.catalog))].URI
			} else if d := ev.End.Sub(ev.Start); d > 2*time.Millisecond {
				ev.End = ev.Start.Add(max(d/2, 1).Truncate(time.Millisecond))
			}
			what = fmt.Sprintf("event %s changes", ev.ID)
		}
	case 3: // an asset fails, or comes back
		a := w.catalog[w.rng.IntN(len(w.catalog))]
		if w.assets[a.URI] == nil {
			break
		}
		if _, gone := w.missing[a.URI]; gone {
			delete(w.missing, a.URI)
			what = a.URI + " is back"
		} else {
			w.missing[a.URI] = "gone"
			what = a.URI + " is gone"
		}
	case 4:
		w.channel.filler = w.fillers[w.rng.IntN(len(w.fillers))]
		what = "filler is " + w.channel.filler.Source.URI
	}
	if what != "" {
		w.edited = w.now
		w.edits = append(w.edits, fmt.Sprintf("%s %s", w.now.Format("15:04:05.000"), what))
	}
}

func (w *world) begin() {
	w.channel.begin()
	w.all = slices.Clone(w.tl.Entries())
}

// rebase begins the log anew, as after a conflict.
func (w *world) rebase() {
	w.Helper()
	w.rendersAgain() // what lies before can't be rendered from now on
	w.samples = nil
	target := w.tl.Last().TargetDuration
	w.all = timeline.Begin(timeline.Genesis{
		Input: w.input(), Settings: w.settings, TargetDuration: target, Window: w.window,
		Number: w.tl.Last().Number + 1, Floor: w.tl.Above(w.now),
	})
	var cuts []playlog.Cut
	for _, e := range w.all {
		cuts = append(cuts, e.Cut)
	}
	w.commit(cuts)
	w.tl = w.tl.With(w.now, w.all...)
	w.edits = append(w.edits, fmt.Sprintf("%s rebase", w.now.Format("15:04:05.000")))
	w.edited = w.now
	w.full()
}

// full checks that the very first playlists are: as long as asked, on all
// tracks.
func (w *world) full() {
	w.Helper()
	for k, track := range w.settings.Tracks {
		least := 3 * w.tl.OnAir(w.now).TargetDuration
		if k == 0 {
			least = max(least, w.window)
		}
		if got := listed(w.playlist(k)); got < least {
			w.Errorf("the first playlist of %s lasts %s, less than %s", track.ID, got, least)
		}
	}
	w.observe()
}

// listed returns how long the segments of a playlist are together.
func listed(playlist string) (sum time.Duration) {
	for line := range strings.Lines(playlist) {
		if digits, ok := strings.CutPrefix(line, "#EXTINF:"); ok {
			digits, _, _ = strings.Cut(digits, ",")
			d, err := time.ParseDuration(digits + "s")
			if err != nil {
				panic(err)
			}
			sum += d
		}
	}
	return sum
}

// pass lets time pass as an engine does that is late now and then: what is due
// is planned again at its time and then committed.
func (w *world) pass(until time.Time) {
	w.Helper()
	for {
		planned, ok := w.tl.Plan(w.input())
		if !ok || planned.Commit.After(until) && planned.Commit.After(w.now) {
			break
		}
		if planned.Commit.After(w.now) {
			w.now = planned.Commit
			if w.coin(3) {
				w.now = w.now.Add(w.span(0, 700))
			}
			continue
		}
		w.same(planned)
		if planned.Start.Sub(w.edited) > 2*playlog.Lead+2*planned.TargetDuration {
			w.settled = append(w.settled, planned.Number)
		}
		added, err := playlog.Decide(w.log, []playlog.Cut{planned.Cut}, w.now.Add(w.span(0, 250)), playlog.Lead)
		if err != nil {
			w.Fatalf("%s: %v", w.now, err)
		}
		w.log = append(w.log, added...)
		w.all = append(w.all, planned.Entry)
		w.tl = w.tl.With(w.now, planned.Entry)
	}
	if until.After(w.now) {
		w.now = until
	}
}

// same checks that a plan depends on the log and on nothing that an engine
// happens to remember.
func (w *world) same(planned timeline.Planned) {
	w.Helper()
	for name, tl := range map[string]*timeline.Timeline{"again": w.tl, "from the whole log": timeline.New(slices.Clone(w.all), w.window)} {
		other, ok := tl.Plan(w.input())
		if !ok || !other.Equal(planned.Cut) || !other.Commit.Equal(planned.Commit) {
			w.Errorf("%s: planned %s, another cut than before", w.now, name)
		}
	}
}

// observe reads all playlists, and holds NextChange to its word.
func (w *world) observe() {
	w.Helper()
	for k, track := range w.settings.Tracks {
		text := w.playlist(k)
		w.seen.Media(w.now, base+track.ID+".m3u8", []byte(text))
		w.samples = append(w.samples, sample{k, w.now, text})
	}
	k := w.rng.IntN(len(w.settings.Tracks))
	text := []byte(w.playlist(k))
	next := w.tl.NextChange(k, w.now)
	if !next.After(w.now) {
		w.Fatalf("%s: track %d changes at %s, which is not later", w.now, k, next)
	}
	at := func(t time.Time) []byte { return w.tl.AppendPlaylist(nil, w.settings, k, t) }
	for i := range 6 {
		t := next.Add(-1)
		if i > 0 {
			t = w.now.Add(time.Duration(w.rng.Int64N(int64(next.Sub(w.now)))))
		}
		if got := at(t); !bytes.Equal(got, text) {
			w.Fatalf("%s: track %d changes at or before %s, not at %s\n%s\n%s", w.now, k, t, next, text, got)
		}
	}
	if bytes.Equal(at(next), text) {
		w.Fatalf("%s: track %d does not change at %s\n%s", w.now, k, next, text)
	}
}

// judge checks what can only be seen at the end.
func (w *world) judge() {
	w.Helper()
	w.check()
	w.rendersAgain()
	w.countersHold()
	if w.aligned {
		w.punctual()
	}
}

// rendersAgain checks that what was served depends neither on what was
// committed later nor on what an engine has forgotten.
func (w *world) rendersAgain() {
	w.Helper()
	whole, again := timeline.New(w.all, w.window), w.restarted()
	for _, s := range w.samples {
		if got := string(whole.AppendPlaylist(nil, w.settings, s.track, s.at)); got != s.text {
			w.Errorf("%s: track %d was\n%s\nand in retrospect it is\n%s", s.at, s.track, s.text, got)
			return
		}
		if got := string(again.AppendPlaylist(nil, w.settings, s.track, s.at)); got != s.text {
			w.Errorf("%s: track %d was\n%s\nand after a restart it is\n%s", s.at, s.track, s.text, got)
			return
		}
	}
}

// restarted returns the timeline that an engine makes of the stored log, when
// it knows nothing else.
func (w *world) restarted() *timeline.Timeline {
	w.Helper()
	body, err := json.Marshal(w.log)
	if err != nil {
		w.Fatal(err)
	}
	var cuts []playlog.Cut
	if err := json.Unmarshal(body, &cuts); err != nil {
		w.Fatal(err)
	}
	feed := func(s playlog.Source) *timeline.Feed {
		if s.URI == "" {
			return nil // of a cut that repeats its asset
		}
		i := slices.IndexFunc(w.library, func(a *timeline.Asset) bool { return a.URI == s.URI })
		f, err := timeline.NewFeed(cuts[0].Settings, w.library[i], s.Feeds, timeline.MapOptions{})
		if err != nil {
			w.Fatalf("%s: %v", s.URI, err)
		}
		return f
	}
	var entries []timeline.Entry
	for _, c := range cuts {
		entries = append(entries, timeline.NewEntry(c, feed(c.Asset), feed(c.Filler)))
	}
	return timeline.New(entries, w.window)
}

// countersHold checks the counters of every cut against what was listed.
func (w *world) countersHold() {
	w.Helper()
	for k, track := range w.settings.Tracks {
		segments := w.seen.Segments(base + track.ID + ".m3u8")
		for _, e := range w.all {
			at := slices.IndexFunc(segments, func(s hlscheck.Segment) bool { return s.MediaSequence == uint64(e.Tracks[k].MediaSequence) })
			if at < 0 {
				continue // before the first window, or not listed yet
			}
			s := segments[at]
			if !s.Discontinuity || s.DiscontinuitySequence != uint64(e.DiscontinuitySequence) {
				w.Errorf("cut %d, track %s: begins with discontinuity %v, number %d; the cut says %d",
					e.Number, track.ID, s.Discontinuity, s.DiscontinuitySequence, e.DiscontinuitySequence)
			}
			if k == 0 && s.Date.Sub(e.Start).Abs() > time.Millisecond {
				w.Errorf("cut %d begins at %s, its first segment at %s", e.Number, e.Start, s.Date)
			}
			if at > 0 && segments[at-1].MediaSequence+1 == s.MediaSequence && segments[at-1].DiscontinuitySequence+1 != s.DiscontinuitySequence {
				w.Errorf("cut %d, track %s: the segment before has discontinuity number %d, its first has %d",
					e.Number, track.ID, segments[at-1].DiscontinuitySequence, s.DiscontinuitySequence)
			}
		}
	}
}

// punctual checks that events begin within half a segment of their time, half
// of what played before or of the filler that was no help.
func (w *world) punctual() {
	w.Helper()
	half := func(f *timeline.Feed) time.Duration { return f.Longest() / 2 }
	for i, e := range w.all[1:] {
		if e.Kind != playlog.Event || e.Reason != playlog.Scheduled || !slices.Contains(w.settled, e.Number) {
			continue
		}
		most := max(half(w.fillers[0]), half(w.fillers[1]))
		if before := w.all[i]; w.assets[before.Asset.URI] != nil {
			most = max(most, half(w.assets[before.Asset.URI]))
		}
		if off := e.Start.Sub(e.Airing.Start); off.Abs() > most {
			w.Errorf("cut %d: the event begins %s off, more than %s", e.Number, off, most)
		}
	}
}

// describe logs what happened.
func (w *world) describe() {
	w.Helper()
	for _, e := range w.edits {
		w.Log(e)
	}
	for _, e := range w.all {
		w.Logf("%d %s %s %s %s loop %v %v dsn %d target %s %+v", e.Number, e.Start.Format("15:04:05.000000"), e.Kind, e.Reason, e.Asset.URI, e.Loop, e.Tracks,
			e.DiscontinuitySequence, e.TargetDuration, reflect.Indirect(reflect.ValueOf(e.Airing)))
	}
}
