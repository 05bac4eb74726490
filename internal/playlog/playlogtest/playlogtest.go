// Package playlogtest holds every store of playout logs to the protocol of
// design §2, "Log protocol", by what an engine sees of it.
package playlogtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/playlog"
)

// Backend runs a test with an empty store whose time stands still unless
// advance lets it pass. A testing/synctest bubble with time.Sleep does that.
type Backend func(t *testing.T, test func(t *testing.T, log playlog.Log, advance func(time.Duration)))

// Run holds a backend to the protocol.
func Run(t *testing.T, backend Backend) {
	for _, c := range []struct {
		name string
		test func(*store)
	}{
		{"identity", identity},
		{"store time and lead", storeTime},
		{"read after a number", readAfter},
		{"compare and set", compareAndSet},
		{"a batch is atomic", atomicBatch},
		{"lost answer", lostAnswer},
		{"read before plan", readBeforePlan},
		{"two planners race", race},
		{"too late", tooLate},
		{"the beginning", beginning},
		{"rebase", rebase},
		{"settings in force", settingsInForce},
		{"counters of tracks", counters},
		{"history", history},
		{"implausible", implausible},
		{"round trip", roundTrip},
		{"watched", watched},
		{"heads", heads},
		{"watched together", watchedTogether},
		{"frozen", frozen},
	} {
		t.Run(c.name, func(t *testing.T) {
			backend(t, func(t *testing.T, log playlog.Log, advance func(time.Duration)) {
				c.test(&store{T: t, log: log, advance: advance})
			})
		})
	}
}

// store is a store under test, with one channel that matters.
type store struct {
	*testing.T
	log     playlog.Log
	advance func(time.Duration)
}

const channel = "one"

func (s *store) read(after int64) playlog.Page {
	s.Helper()
	page, err := s.log.Read(s.Context(), channel, after)
	if err != nil {
		s.Fatalf("read: %v", err)
	}
	return page
}

// append adds cuts that must be taken.
func (s *store) append(cuts ...playlog.Cut) playlog.Page {
	s.Helper()
	page, err := s.log.Append(s.Context(), channel, s.read(0).ID, cuts)
	if err != nil {
		s.Fatalf("append: %v", err)
	}
	return page
}

// refuse adds cuts that must be refused, for one reason, without a trace.
func (s *store) refuse(why error, cuts ...playlog.Cut) playlog.Page {
	s.Helper()
	before := s.read(0)
	page, err := s.log.Append(s.Context(), channel, before.ID, cuts)
	if !errors.Is(err, why) {
		s.Errorf("append: %v, want: %v", err, why)
	}
	s.holds(before.Cuts...)
	return page
}

// holds checks what the log has.
func (s *store) holds(cuts ...playlog.Cut) {
	s.Helper()
	s.equal(s.read(0).Cuts, cuts...)
}

func (s *store) equal(got []playlog.Cut, want ...playlog.Cut) {
	s.Helper()
	if !slices.EqualFunc(got, want, playlog.Cut.Equal) {
		s.Errorf("cuts are %s, want %s", numbers(got), numbers(want))
	}
}

func numbers(cuts []playlog.Cut) string {
	list := []string{}
	for _, c := range cuts {
		list = append(list, fmt.Sprintf("%d (%s)", c.Number, c.Detail))
	}
	return fmt.Sprint(list)
}

// first returns the beginning of a log, a minute ago.
func (s *store) first() playlog.Cut {
	start := s.read(0).Now.Add(-time.Minute)
	numbers := playlog.FirstNumbers(start)
	return playlog.Cut{
		Number: 1, Start: start, Kind: playlog.Filler, Reason: playlog.Gap, Loop: true,
		Asset:                 source("filler"),
		Tracks:                []playlog.Position{{MediaSequence: numbers.MediaSequence}, {MediaSequence: numbers.MediaSequence}},
		DiscontinuitySequence: numbers.DiscontinuitySequence,
		TargetDuration:        6 * time.Second,
		Settings: &playlog.Settings{
			Version: 7,
			Tracks: []playlog.Track{
				{ID: "v720", Media: playlog.VideoTrack, Container: playlog.FragmentMP4, Codecs: "avc1.64001f", Width: 1280, Height: 720, Bandwidth: 3e6},
				{ID: "a-en", Media: playlog.AudioTrack, Container: playlog.FragmentMP4, Codecs: "mp4a.40.2", Language: "en", Channels: "2", GroupID: "aac", Default: true},
			},
			Multivariant: hls.Multivariant{
				IndependentSegments: true,
				Variants:            []hls.Variant{{URI: "v720", Bandwidth: 3e6, Codecs: "avc1.64001f,mp4a.40.2", Width: 1280, Height: 720, Audio: "aac"}},
				Renditions:          []hls.Rendition{{Type: hls.Audio, URI: "a-en", GroupID: "aac", Name: "English", Language: "en", Default: true, Channels: "2"}},
			},
		},
	}
}

func source(name string) playlog.Source {
	return playlog.Source{URI: "https://vod.example/" + name + "/master.m3u8", Digest: name, Feeds: []int{0, -1}}
}

// next returns an event that follows a cut as early as the store takes it.
func (s *store) next(after playlog.Cut) playlog.Cut {
	page := s.read(0)
	c := after
	c.Number++
	c.Start = page.Now.Add(page.Lead)
	if !c.Start.After(after.Start) {
		c.Start = after.Start.Add(6 * time.Second)
	}
	c.Previous = ""
	c.Kind, c.Reason, c.Loop, c.Rebase, c.Settings, c.Detail = playlog.Event, playlog.Scheduled, false, false, nil, ""
	c.Airing = &playlog.Airing{EventID: "e", Title: "A film", URI: "https://vod.example/film/master.m3u8", Start: c.Start, End: c.Start.Add(time.Hour)}
	c.Asset, c.Filler = source("film"), source("filler")
	c.Tracks = slices.Clone(after.Tracks)
	for k := range c.Tracks {
		c.Tracks[k].MediaSequence += int64(10 + 3*k)
	}
	c.DiscontinuitySequence += 4
	return c
}

// rebaseOf returns a rebase after a cut, as low as the store takes it.
func (s *store) rebaseOf(after playlog.Cut) playlog.Cut {
	c := s.first()
	c.Number, c.Rebase = after.Number+1, true
	var highest int64
	for _, p := range after.Tracks {
		highest = max(highest, p.MediaSequence)
	}
	c.Tracks = slices.Clone(c.Tracks)
	for k := range c.Tracks {
		c.Tracks[k].MediaSequence = highest + playlog.RebaseStep
	}
	c.DiscontinuitySequence = after.DiscontinuitySequence + playlog.RebaseStep
	return c
}

func identity(s *store) {
	empty := s.read(0)
	if empty.ID == "" {
		s.Fatal("a log without a cut has no id")
	}
	if len(empty.Cuts) > 0 {
		s.Errorf("a new log has %d cuts", len(empty.Cuts))
	}
	if again := s.read(0).ID; again != empty.ID {
		s.Errorf("the id changes from %s to %s", empty.ID, again)
	}
	other, err := s.log.Read(s.Context(), "two", 0)
	if err != nil {
		s.Fatal(err)
	}
	if other.ID == empty.ID {
		s.Error("two channels have the same id")
	}
	first := s.first()
	page, err := s.log.Append(s.Context(), channel, other.ID, []playlog.Cut{first})
	if !errors.Is(err, playlog.ErrOtherLog) {
		s.Errorf("append with the id of another log: %v", err)
	}
	if page.ID != empty.ID {
		s.Errorf("the answer names log %q, not %q", page.ID, empty.ID)
	}
	s.holds()
	if got := s.append(first).ID; got != empty.ID {
		s.Errorf("append answers with id %s, not %s", got, empty.ID)
	}
	if other, err = s.log.Read(s.Context(), "two", 0); err != nil || len(other.Cuts) > 0 {
		s.Errorf("the cut is in the log of another channel: %v, %v", other.Cuts, err)
	}
}

func storeTime(s *store) {
	before := s.read(0)
	if before.Lead <= 0 {
		s.Fatalf("lead is %s", before.Lead)
	}
	s.advance(3 * time.Second)
	first := s.first()
	for name, page := range map[string]playlog.Page{
		"read": s.read(0), "append": s.append(first), "conflict": s.refuse(playlog.ErrConflict, changed(first)),
		"refusal": s.refuse(playlog.ErrImplausible, playlog.Cut{Number: 7}), "empty batch": s.append(),
	} {
		if passed := page.Now.Sub(before.Now); passed != 3*time.Second {
			s.Errorf("%s: %s passed on the store's clock, 3s in truth", name, passed)
		}
		if page.Lead != before.Lead || page.ID != before.ID {
			s.Errorf("%s: lead %s, id %q; it was %s, %q", name, page.Lead, page.ID, before.Lead, before.ID)
		}
	}
}

// changed returns a cut with the same number that is not equal.
func changed(c playlog.Cut) playlog.Cut {
	c.Reason = playlog.Changed
	return c
}

func readAfter(s *store) {
	one := s.first()
	two := s.next(one)
	three := s.next(two)
	s.append(one)
	s.append(two)
	s.append(three)
	for after, want := range [][]playlog.Cut{{one, two, three}, {two, three}, {three}, {}, {}} {
		s.equal(s.read(int64(after)).Cuts, want...)
	}
	for last, want := range map[int64][]playlog.Cut{-1: {three}, -2: {two, three}, -3: {one, two, three}, -9: {one, two, three}} {
		s.equal(s.read(last).Cuts, want...)
	}
}

// watched: whoever reads the log knows when anybody watched last.
func watched(s *store) {
	if p := s.read(0); !p.Watched.IsZero() {
		s.Errorf("before anybody watched: %s", p.Watched)
	}
	first := s.append().Now
	s.advance(time.Minute)
	p := s.append()
	if d := p.Watched.Sub(first).Abs(); d > time.Second || len(p.Cuts) != 0 {
		s.Errorf("an empty append: watched %s, want %s, with %d cuts", p.Watched, first, len(p.Cuts))
	}
	s.advance(time.Minute)
	appended := s.append(s.first()).Now
	s.advance(time.Minute)
	if d := s.read(0).Watched.Sub(appended).Abs(); d > time.Second {
		s.Errorf("an append of cuts counts too: %s off", d)
	}
}

// heads tell how a log ends, and up to when that is so.
func heads(s *store) {
	id := s.read(0).ID
	if h := s.heads(); len(h.Logs) != 0 {
		s.Errorf("before the first cut: %v", h.Logs)
	}
	cuts := []playlog.Cut{s.first()}
	page := s.append(cuts...)
	check := func() {
		s.Helper()
		last := cuts[len(cuts)-1]
		want := playlog.Head{ID: id, Number: last.Number, Digest: s.read(last.Number - 1).Cuts[0].Digest()}
		h := s.heads()
		if got := h.Logs[channel]; got != want || len(h.Logs) != 1 {
			s.Errorf("heads are %v, want %v", h.Logs, want)
		}
		if now := s.read(0).Now; h.Now.After(now) || now.Sub(h.Now) > time.Second || h.Lead != page.Lead {
			s.Errorf("heads of %s with lead %s, want %s and %s", h.Now, h.Lead, now, page.Lead)
		}
	}
	check()
	s.advance(time.Second)
	check() // the same a second later
	cuts = append(cuts, s.next(cuts[0]))
	cuts = append(cuts, s.next(cuts[1]))
	s.append(cuts[1:]...)
	check()
	s.refuse(playlog.ErrConflict, changed(cuts[2]))
	check()
	s.advance(playlog.Awake)
	if h := s.heads(); len(h.Logs) != 0 {
		s.Errorf("%s after somebody watched: %v", playlog.Awake, h.Logs)
	}
}

func (s *store) heads() playlog.Heads {
	s.Helper()
	h, err := s.log.Heads(s.Context())
	if err != nil {
		s.Fatalf("heads: %v", err)
	}
	return h
}

// watchedTogether: one request says of many channels that somebody watches.
func watchedTogether(s *store) {
	s.append(s.first())
	s.advance(playlog.Awake)
	watch := func(ids map[string]string) {
		s.Helper()
		if err := s.log.Watch(s.Context(), ids); err != nil {
			s.Fatalf("watch: %v", err)
		}
	}
	id, before := s.read(0).ID, s.read(0).Watched
	watch(nil)
	watch(map[string]string{channel: "another", "two": id, "nobody's": "one"})
	if p := s.read(0); !p.Watched.Equal(before) || len(s.heads().Logs) != 0 {
		s.Errorf("watched %s, want %s: heads are %v", p.Watched, before, s.heads().Logs)
	}
	watch(map[string]string{channel: id, "two": id})
	now := s.read(0).Now
	s.advance(time.Minute)
	if d := s.read(0).Watched.Sub(now).Abs(); d > time.Second || len(s.heads().Logs) != 1 {
		s.Errorf("watched %s off: heads are %v", d, s.heads().Logs)
	}
}

// frozen: what a committed cut was planned with can be had as long as the cut.
func frozen(s *store) {
	id := s.read(0).ID
	if _, err := s.log.Frozen(s.Context(), channel, id, "digest"); !errors.Is(err, playlog.ErrNotFrozen) {
		s.Errorf("nothing was frozen: %v", err)
	}
	for _, data := range []string{"old", "\x00\xff new"} {
		if err := s.log.Freeze(s.Context(), channel, id, "digest", []byte(data)); err != nil {
			s.Fatal(err)
		}
		if got, err := s.log.Frozen(s.Context(), channel, id, "digest"); err != nil || string(got) != data {
			s.Errorf("frozen %q: %q, %v", data, got, err)
		}
	}
	if err := s.log.Freeze(s.Context(), channel, "another", "digest", nil); !errors.Is(err, playlog.ErrOtherLog) {
		s.Errorf("freeze beside another log: %v", err)
	}
	if _, err := s.log.Frozen(s.Context(), channel, "another", "digest"); !errors.Is(err, playlog.ErrOtherLog) {
		s.Errorf("frozen beside another log: %v", err)
	}
}

func compareAndSet(s *store) {
	one := s.first()
	two := s.next(one)
	s.append(one)
	s.equal(s.append(two).Cuts, two)
	page := s.refuse(playlog.ErrConflict, changed(two))
	s.equal(page.Cuts, two)
	page = s.refuse(playlog.ErrConflict, changed(one))
	s.equal(page.Cuts, one, two) // from the first of the batch on
	s.refuse(playlog.ErrImplausible, s.next(s.next(two)))
	// What another engine planned is as good as what this one did.
	s.equal(s.append(two).Cuts, two)
	s.equal(s.append(one).Cuts, one, two)
	s.equal(s.append(one, two).Cuts, one, two)
	s.holds(one, two)
}

func atomicBatch(s *store) {
	one := s.first()
	two := s.next(one)
	three := s.next(two)
	bad := three
	bad.DiscontinuitySequence = two.DiscontinuitySequence
	s.refuse(playlog.ErrImplausible, one, two, bad)
	s.refuse(playlog.ErrImplausible, one, three)
	s.equal(s.append(one, two).Cuts, one, two)
	// A batch of which the log has a part is another history.
	s.equal(s.refuse(playlog.ErrConflict, two, three).Cuts, two)
	s.equal(s.refuse(playlog.ErrConflict, one, changed(two), three).Cuts, one, two)
	s.append(three)
	s.holds(one, two, three)
}

func lostAnswer(s *store) {
	one := s.first()
	two := s.next(one)
	s.append(one)
	s.append(two) // the answer is lost on the way
	three := s.next(two)
	s.append(three) // another engine goes on
	s.equal(s.append(two).Cuts, two, three)
	s.advance(time.Minute) // success does not age
	s.equal(s.append(two).Cuts, two, three)
	s.equal(s.append(one).Cuts, one, two, three)
	s.holds(one, two, three)
}

// readBeforePlan is an append whose outcome its caller doesn't know.
func readBeforePlan(s *store) {
	one := s.first()
	two := s.next(one)
	s.append(one)
	gone, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.log.Append(gone, channel, s.read(0).ID, []playlog.Cut{two})
	switch page := s.read(1); {
	case err == nil:
		s.equal(page.Cuts, two)
	case errors.Is(err, playlog.ErrConflict), errors.Is(err, playlog.ErrOtherHistory), errors.Is(err, playlog.ErrTooLate), errors.Is(err, playlog.ErrOtherLog), errors.Is(err, playlog.ErrImplausible):
		s.Errorf("a caller who went away is told %v: that is a refusal", err)
	case len(page.Cuts) > 0: // it had arrived: play it
		s.equal(page.Cuts, two)
	default: // it had not: plan again
		s.append(two)
	}
	if _, err := s.log.Read(gone, channel, 0); err == nil {
		s.Log("a read for nobody succeeds") // allowed, and a waste
	}
}

// race lets planners append different cuts for the same numbers: one wins
// each, the others take what is stored and go on from there.
func race(s *store) {
	const planners, rounds = 8, 12
	id := s.read(0).ID
	first := s.first()
	logs := make([][]playlog.Cut, planners)
	wins := make([]int, planners)
	var wait sync.WaitGroup
	for i := range planners {
		wait.Go(func() {
			for len(logs[i]) < rounds {
				mine := first
				if n := len(logs[i]); n > 0 {
					mine = s.next(logs[i][n-1])
				}
				mine.Asset.URI = fmt.Sprintf("https://vod.example/%d", i)
				page, err := s.log.Append(s.Context(), channel, id, []playlog.Cut{mine})
				switch {
				case err == nil:
					wins[i]++
				case !errors.Is(err, playlog.ErrConflict):
					s.Errorf("planner %d: %v", i, err)
					return
				}
				if len(page.Cuts) == 0 || page.Cuts[0].Number != mine.Number {
					s.Errorf("planner %d: the answer has cuts %s, not those from %d on", i, numbers(page.Cuts), mine.Number)
					return
				}
				logs[i] = append(logs[i], page.Cuts...)
			}
		})
	}
	wait.Wait()
	page := s.read(0)
	sum := 0
	for i := range planners {
		sum += wins[i]
		s.equal(logs[i], page.Cuts[:min(len(logs[i]), len(page.Cuts))]...)
	}
	if sum != len(page.Cuts) {
		s.Errorf("%d appends succeeded, the log has %d cuts", sum, len(page.Cuts))
	}
}

func tooLate(s *store) {
	one := s.first()
	s.append(one)
	two := s.next(one)
	early := two
	early.Start = two.Start.Add(-1)
	page := s.refuse(playlog.ErrTooLate, early)
	if err := page.Now.Add(page.Lead).Sub(two.Start); err != 0 {
		s.Fatalf("the cut is %s off the boundary", err)
	}
	s.append(two) // exactly at the store's now + lead
	three := s.next(two)
	three.Start = s.read(0).Now.Add(page.Lead + 10*time.Second)
	s.advance(10 * time.Second)
	late := s.next(three)
	late.Start = three.Start.Add(-1)
	late.Number = three.Number
	s.refuse(playlog.ErrTooLate, late)
	s.advance(1)
	s.refuse(playlog.ErrTooLate, three)
	// So is a batch with one cut that is late.
	on := s.next(two)
	later := s.next(on)
	s.advance(1)
	s.refuse(playlog.ErrTooLate, on, later)
}

// beginning: the first batch of a log, unlike all others, starts in the past.
func beginning(s *store) {
	now := s.read(0).Now
	one := s.first()
	two := s.next(one)
	two.Start = now.Add(-20 * time.Second)
	three := s.next(two)
	three.Start = now.Add(5 * time.Second)
	s.refuse(playlog.ErrImplausible, edit(one, func(c *playlog.Cut) { c.Start = now.Add(1) }))
	s.refuse(playlog.ErrImplausible, edit(one, func(c *playlog.Cut) { c.Settings = nil }))
	s.append(one, two, three)
	s.refuse(playlog.ErrTooLate, edit(s.next(three), func(c *playlog.Cut) { c.Start = now.Add(7 * time.Second) }))
}

// edit returns a copy of a cut with a change.
func edit(c playlog.Cut, change func(*playlog.Cut)) playlog.Cut {
	c.Tracks = slices.Clone(c.Tracks)
	c.Asset.Feeds, c.Filler.Feeds = slices.Clone(c.Asset.Feeds), slices.Clone(c.Filler.Feeds)
	if c.Airing != nil {
		airing := *c.Airing
		c.Airing = &airing
	}
	if c.Settings != nil {
		settings := *c.Settings
		settings.Tracks = slices.Clone(settings.Tracks)
		c.Settings = &settings
	}
	change(&c)
	return c
}

func rebase(s *store) {
	one := s.first()
	two := s.next(one)
	s.append(one, two)
	s.advance(time.Hour)
	now := s.read(0).Now
	good := s.rebaseOf(two)
	tail := s.next(good)
	tail.Start = now.Add(-10 * time.Second)

	faults := map[string][]playlog.Cut{
		"in the past without being a rebase": {edit(good, func(c *playlog.Cut) { c.Rebase, c.Settings = false, nil })},
		"not the head of its batch": {s.next(two), edit(good, func(c *playlog.Cut) {
			c.Number++
			c.Start = now.Add(time.Minute)
		})},
		"in the future":     {edit(good, func(c *playlog.Cut) { c.Start = now.Add(1) })},
		"long ago":          {edit(good, func(c *playlog.Cut) { c.Start = now.Add(-time.Hour) })},
		"without settings":  {edit(good, func(c *playlog.Cut) { c.Settings = nil })},
		"with another's":    {edit(good, func(c *playlog.Cut) { c.Settings.Tracks = c.Settings.Tracks[:1] })},
		"31 above, track 0": {edit(good, func(c *playlog.Cut) { c.Tracks[0].MediaSequence-- })},
		"31 above, track 1": {edit(good, func(c *playlog.Cut) { c.Tracks[1].MediaSequence-- })},
		"31 above, breaks":  {edit(good, func(c *playlog.Cut) { c.DiscontinuitySequence-- })},
		"far above":         {edit(good, func(c *playlog.Cut) { c.Tracks[0].MediaSequence += 1e12 })},
		"far above, breaks": {edit(good, func(c *playlog.Cut) { c.DiscontinuitySequence += 1e12 })},
		"a lower target":    {edit(good, func(c *playlog.Cut) { c.TargetDuration -= time.Second })},
		"another number":    {edit(good, func(c *playlog.Cut) { c.Number++ })},
	}
	for name, batch := range faults {
		page, err := s.log.Append(s.Context(), channel, s.read(0).ID, batch)
		if err == nil {
			s.Fatalf("%s: taken", name)
		}
		if !errors.Is(err, playlog.ErrImplausible) && !errors.Is(err, playlog.ErrTooLate) {
			s.Errorf("%s: %v", name, err)
		}
		if page.ID == "" {
			s.Errorf("%s: the answer is empty", name)
		}
	}
	s.holds(one, two)
	s.append(good, tail)
	s.append(good, tail) // its answer was lost
	s.refuse(playlog.ErrTooLate, edit(s.next(tail), func(c *playlog.Cut) { c.Start = now }))
	// Another number of tracks, where the first batch's could not.
	fewer := edit(s.rebaseOf(tail), func(c *playlog.Cut) {
		c.Tracks, c.Asset.Feeds, c.Settings.Tracks = c.Tracks[:1], c.Asset.Feeds[:1], c.Settings.Tracks[:1]
	})
	s.append(fewer)
	s.holds(one, two, good, tail, fewer)
}

func settingsInForce(s *store) {
	if got := s.read(0).Settings; got != nil {
		s.Errorf("a log without cuts has settings: %v", got)
	}
	one := s.first()
	two := s.next(one)
	s.append(one)
	s.append(two)
	anew := edit(s.rebaseOf(two), func(c *playlog.Cut) { c.Settings.Version = 9 })
	pages := []playlog.Page{s.read(0), s.read(1), s.read(2), s.append(two), s.append(anew), s.read(3)}
	for i, want := range []int{7, 7, 7, 7, 9, 9} {
		if got := pages[i].Settings; got == nil || got.Version != want || len(got.Tracks) != 2 {
			s.Errorf("page %d has settings %+v, not those with version %d", i, got, want)
		}
	}
}

// history: a cut that names the one before it follows no other, whatever its
// number.
func history(s *store) {
	linked := func(c, before playlog.Cut) playlog.Cut {
		c.Previous = before.Digest()
		return c
	}
	one := s.first()
	s.refuse(playlog.ErrOtherHistory, linked(one, one)) // a log that has lost all
	s.append(one)
	two := linked(s.next(one), one)
	two.Detail = "not of the essence"
	other := changed(two)
	s.append(two)
	three := s.next(two)
	s.refuse(playlog.ErrOtherHistory, linked(three, other))
	s.refuse(playlog.ErrOtherHistory, linked(s.next(three), three)) // a log that has lost some
	s.refuse(playlog.ErrOtherHistory, linked(s.rebaseOf(other), other))
	s.refuse(playlog.ErrOtherHistory, linked(three, two), linked(s.next(three), two))
	s.refuse(playlog.ErrConflict, linked(other, one))
	s.refuse(playlog.ErrConflict, linked(two, two))

	told := two
	told.Detail, told.Provisional = "", true
	three = linked(three, told)
	s.append(three)
	for i, want := range []playlog.Cut{one, two, three} {
		if got := s.read(0).Cuts[i]; got.Digest() != want.Digest() || got.Previous != want.Previous {
			s.Errorf("cut %d comes back as %s after %q, it was %s after %q", got.Number, got.Digest(), got.Previous, want.Digest(), want.Previous)
		}
	}
	older := s.next(three) // by an engine that knows nothing of it
	s.append(older)
	anew := linked(s.rebaseOf(older), older)
	s.append(anew, linked(s.next(anew), anew))
}

// counters: each track has its own, and each has to go on.
func counters(s *store) {
	one := s.first()
	s.append(one)
	two := s.next(one)
	for k := range two.Tracks {
		for _, by := range []int64{0, -1, 1e6} {
			s.refuse(playlog.ErrImplausible, edit(two, func(c *playlog.Cut) { c.Tracks[k].MediaSequence = one.Tracks[k].MediaSequence + by }))
		}
	}
	for _, by := range []int64{0, -1, 1e6} {
		s.refuse(playlog.ErrImplausible, edit(two, func(c *playlog.Cut) { c.DiscontinuitySequence = one.DiscontinuitySequence + by }))
	}
	// One segment on one track and many on the other is as it may be.
	two.Tracks[0].MediaSequence = one.Tracks[0].MediaSequence + 1
	two.Tracks[1].MediaSequence = one.Tracks[1].MediaSequence + 230
	two.DiscontinuitySequence = one.DiscontinuitySequence + 1
	s.append(two)
	if got := s.read(1).Cuts; len(got) != 1 || !slices.Equal(got[0].Tracks, two.Tracks) {
		s.Errorf("the log has %v, not the positions %v", got, two.Tracks)
	}
}

// implausible refuses one fault at a time; without it each cut is taken.
func implausible(s *store) {
	text := string(make([]byte, 5000))
	faults := []struct {
		name  string
		spoil func(c *playlog.Cut)
	}{
		{"kind", func(c *playlog.Cut) { c.Kind = "advert" }},
		{"reason", func(c *playlog.Cut) { c.Reason = "because" }},
		{"no reason", func(c *playlog.Cut) { c.Reason = "" }},
		{"long detail", func(c *playlog.Cut) { c.Detail = text }},
		{"number 0", func(c *playlog.Cut) { c.Number = 0 }},
		{"number below zero", func(c *playlog.Cut) { c.Number = -1 }},
		{"a hole in the numbers", func(c *playlog.Cut) { c.Number++ }},
		{"start at another cut's", func(c *playlog.Cut) { c.Start = c.Start.Add(-time.Hour); c.Number++ }},
		{"far ahead", func(c *playlog.Cut) { c.Start = c.Start.Add(11 * time.Minute) }},
		{"centuries ahead", func(c *playlog.Cut) { c.Start = c.Start.AddDate(200, 0, 0) }},
		{"no tracks", func(c *playlog.Cut) { c.Tracks, c.Asset.Feeds, c.Filler.Feeds = nil, nil, nil }},
		{"another number of tracks", func(c *playlog.Cut) {
			c.Tracks = append(c.Tracks, c.Tracks[1])
			c.Asset.Feeds, c.Filler.Feeds = append(c.Asset.Feeds, 1), append(c.Filler.Feeds, 1)
		}},
		{"a position below zero", func(c *playlog.Cut) { c.Tracks[1].First = -1 }},
		{"no asset", func(c *playlog.Cut) { c.Asset.URI = "" }},
		{"long asset", func(c *playlog.Cut) { c.Asset.URI = text }},
		{"long digest", func(c *playlog.Cut) { c.Asset.Digest = text }},
		{"feeds of the asset", func(c *playlog.Cut) { c.Asset.Feeds = c.Asset.Feeds[:1] }},
		{"no filler", func(c *playlog.Cut) { c.Filler = playlog.Source{} }},
		{"no uri of the filler", func(c *playlog.Cut) { c.Filler.URI = "" }},
		{"feeds of the filler", func(c *playlog.Cut) { c.Filler.Feeds = append(c.Filler.Feeds, 2) }},
		{"an event without airing", func(c *playlog.Cut) { c.Airing = nil }},
		{"airing without uri", func(c *playlog.Cut) { c.Airing.URI = "" }},
		{"airing that ends as it starts", func(c *playlog.Cut) { c.Airing.End = c.Airing.Start }},
		{"airing with a long title", func(c *playlog.Cut) { c.Airing.Title = text }},
		{"no target duration", func(c *playlog.Cut) { c.TargetDuration = 0 }},
		{"a lower target duration", func(c *playlog.Cut) { c.TargetDuration -= time.Second }},
		{"an uneven target duration", func(c *playlog.Cut) { c.TargetDuration += time.Second / 2 }},
		{"an absurd target duration", func(c *playlog.Cut) { c.TargetDuration = 1000 * time.Hour }},
		{"discontinuity sequence below zero", func(c *playlog.Cut) { c.DiscontinuitySequence = -1 << 63 }},
		{"greatest media sequence", func(c *playlog.Cut) { c.Tracks[0].MediaSequence = 1<<63 - 1 }},
		{"settings in the middle", func(c *playlog.Cut) { c.Settings = s.first().Settings }},
	}
	one := s.first()
	begins := []struct {
		name  string
		spoil func(c *playlog.Cut)
	}{
		{"number 2", func(c *playlog.Cut) { c.Number = 2 }},
		{"long ago", func(c *playlog.Cut) { c.Start = c.Start.Add(-time.Hour) }},
		{"no instant", func(c *playlog.Cut) { c.Start = time.Time{} }},
		{"media sequence not from the wall clock", func(c *playlog.Cut) { c.Tracks[1].MediaSequence = 1 }},
		{"media sequence far above the wall clock", func(c *playlog.Cut) { c.Tracks[1].MediaSequence *= 2 }},
		{"discontinuity sequence from the wall clock", func(c *playlog.Cut) { c.DiscontinuitySequence = c.Tracks[0].MediaSequence }},
		{"no settings", func(c *playlog.Cut) { c.Settings = nil }},
		{"settings for another number of tracks", func(c *playlog.Cut) { c.Settings.Tracks = c.Settings.Tracks[:1] }},
		{"settings without variants", func(c *playlog.Cut) { c.Settings.Multivariant.Variants = nil }},
		{"settings without version", func(c *playlog.Cut) { c.Settings.Version = 0 }},
		{"a track without id", func(c *playlog.Cut) { c.Settings.Tracks[0].ID = "" }},
		{"two tracks with one id", func(c *playlog.Cut) { c.Settings.Tracks[0].ID = c.Settings.Tracks[1].ID }},
	}
	for _, f := range begins {
		bad := edit(one, f.spoil)
		if _, err := s.log.Append(s.Context(), channel, s.read(0).ID, []playlog.Cut{bad}); !errors.Is(err, playlog.ErrImplausible) {
			s.Errorf("%s: %v", f.name, err)
		}
	}
	s.holds()
	s.append(one)
	two := s.next(one)
	two.Start = two.Start.Add(time.Second)
	for _, f := range faults {
		_, err := s.log.Append(s.Context(), channel, s.read(0).ID, []playlog.Cut{edit(two, f.spoil)})
		if err == nil {
			s.Fatalf("%s: taken", f.name)
		}
		if !errors.Is(err, playlog.ErrImplausible) && !errors.Is(err, playlog.ErrTooLate) && !errors.Is(err, playlog.ErrConflict) {
			s.Errorf("%s: %v", f.name, err)
		}
	}
	batch := []playlog.Cut{two}
	for len(batch) < 300 {
		batch = append(batch, edit(s.next(batch[len(batch)-1]), func(c *playlog.Cut) { c.Start = batch[len(batch)-1].Start.Add(time.Second) }))
	}
	s.refuse(playlog.ErrImplausible, batch...)
	s.append(two)
	s.append(batch[1:20]...)
}

// roundTrip: every field comes back, to the nanosecond.
func roundTrip(s *store) {
	one := s.first()
	one.Start = one.Start.Add(123456789).In(time.FixedZone("somewhere", 3600))
	one.Detail = "<é&\"\u2028"
	s.append(one)
	two := s.next(one)
	two.Start = two.Start.Add(1)
	two.Airing.Start = two.Airing.Start.Add(-987654321)
	two.Tracks[1].First = 17
	s.append(two)
	s.holds(one, two)
	got := s.read(0).Cuts
	if !got[0].Start.Equal(one.Start) || !got[1].Start.Equal(two.Start) || !got[1].Airing.Start.Equal(two.Airing.Start) {
		s.Errorf("times are %s, %s, %s", got[0].Start, got[1].Start, got[1].Airing.Start)
	}
	if got[1].Settings != nil || got[0].Airing != nil {
		s.Error("a field that was empty is not")
	}
	if d := got[0].Settings.Multivariant; len(d.Variants) != 1 || d.Variants[0] != one.Settings.Multivariant.Variants[0] ||
		len(d.Renditions) != 1 || d.Renditions[0] != one.Settings.Multivariant.Renditions[0] || !d.IndependentSegments {
		s.Errorf("multivariant is %+v", d)
	}
	if !slices.Equal(got[0].Settings.Tracks, one.Settings.Tracks) {
		s.Errorf("tracks are %+v", got[0].Settings.Tracks)
	}
}
