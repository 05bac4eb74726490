package soak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"consuo/internal/hlscheck"
)

// segment is what a media sequence number names.
type segment struct {
	uri, date string
	broken    int64 // discontinuity sequence number
}

// listing is a media playlist as far as an observer is interested.
type listing struct {
	first    int64 // media sequence number
	target   time.Duration
	segments []segment
	end      time.Time // of the last segment
}

// parse reads a media playlist. Whether it is right in itself is hlscheck's
// affair.
func parse(body string) (listing, error) {
	var l listing
	var broken int64
	var s segment
	var length float64
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		name, value, _ := strings.Cut(line, ":")
		var err error
		switch {
		case name == "#EXT-X-MEDIA-SEQUENCE":
			l.first, err = strconv.ParseInt(value, 10, 64)
		case name == "#EXT-X-DISCONTINUITY-SEQUENCE":
			broken, err = strconv.ParseInt(value, 10, 64)
		case name == "#EXT-X-TARGETDURATION":
			var seconds int64
			seconds, err = strconv.ParseInt(value, 10, 64)
			l.target = time.Duration(seconds) * time.Second
		case line == "#EXT-X-DISCONTINUITY":
			broken++
		case name == "#EXT-X-PROGRAM-DATE-TIME":
			s.date = value
		case name == "#EXTINF":
			length, err = strconv.ParseFloat(strings.TrimSuffix(value, ","), 64)
		case line != "" && line[0] != '#':
			s.uri, s.broken = line, broken
			l.segments = append(l.segments, s)
		}
		if err != nil {
			return l, fmt.Errorf("%q: %w", line, err)
		}
	}
	if len(l.segments) == 0 {
		return l, errors.New("it lists nothing")
	}
	start, err := time.Parse(time.RFC3339, s.date)
	if err != nil {
		return l, err
	}
	l.end = start.Add(time.Duration(length * float64(time.Second)))
	return l, nil
}

// number names a segment of a track.
type number struct {
	track string
	n     int64
}

// observer watches a channel on every engine and remembers every segment for
// the whole run.
type observer struct {
	channel string
	engines []*process
	report  func(format string, args ...any)
	remade  bool // the channel is deleted and made anew: then even its tracks may be others

	requests atomic.Int64
	errors   atomic.Int64
	jumps    atomic.Int64 // of numbers, where they may
	broken   atomic.Int64 // sequences: numbers that went back, jumped or named something else
	startup  gauge        // time from listening to the first playlist

	mu      sync.Mutex
	agreed  map[number]segment // what all engines must name
	views   []*seen            // by engine
	lenient time.Time          // since when engines may differ and begin anew; zero: they may not
	dated   bool               // and the dates of tracks with them
	excused []gap              // when they could
	answers time.Time          // the latest playlist of any engine
	dark    []gap              // when no engine had one
}

// gap is a stretch of time.
type gap struct{ from, to time.Time }

// seen is what one engine has shown, through all its lives.
type seen struct {
	named   map[number]segment
	last    map[string]int64     // by track: first number of the latest playlist
	tail    map[string]int64     // by track: its last number
	at      map[string]time.Time // by track: when that was
	checker *hlscheck.Checker
	looked  time.Time    // when the latest complete look at all its playlists began; guarded by observer.mu
	judged  int          // violations of it that were reported
	of      *incarnation // the one that has served
	tracks  []string     // of that
	begun   []byte       // its multivariant playlist, with which a new checker begins
}

func newObserver(channel string, engines []*process, report func(format string, args ...any)) *observer {
	o := &observer{channel: channel, engines: engines, report: report, agreed: make(map[number]segment)}
	for range engines {
		o.views = append(o.views, &seen{
			named: make(map[number]segment), last: make(map[string]int64), tail: make(map[string]int64), at: make(map[string]time.Time),
			checker: newChecker(),
		})
	}
	return o
}

func newChecker() *hlscheck.Checker {
	return hlscheck.New(hlscheck.Options{
		MinWindow: window, Rebases: true, GrowingTargetDuration: true,
		// The observer knows when engines stand still, and asks for every playlist;
		// a checker that begins anew may have seen the last of them only.
		Ignore: []string{"stale", "playlist-missing"},
	})
}

// allow lets engines differ from each other and begin anew, or not.
func (o *observer) allow(lenient bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lenient.IsZero() != lenient {
		return
	}
	if !lenient {
		o.excused = append(o.excused, gap{o.lenient, time.Now()})
		o.lenient, o.dated = time.Time{}, false
		return
	}
	o.lenient = time.Now()
}

// allowDates lets engines begin anew at another time of day: between two
// requests, so that not even the tracks of one engine need to be alike.
func (o *observer) allowDates() {
	o.allow(true)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dated = true
}

// afresh says whether what was seen before is nothing to go by.
func (o *observer) afresh() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.lenient.IsZero() && (o.remade || o.dated)
}

// allows says whether they may.
func (o *observer) allows() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.lenient.IsZero()
}

// run watches all engines until ctx is done.
func (o *observer) run(ctx context.Context, every time.Duration) {
	var group sync.WaitGroup
	defer group.Wait()
	for i := range o.engines {
		group.Go(func() {
			for ctx.Err() == nil {
				o.look(ctx, i)
				sleep(ctx, every)
			}
		})
	}
}

// look reads every playlist of an engine. It belongs to one goroutine.
func (o *observer) look(ctx context.Context, i int) {
	begun := time.Now()
	live, view := o.engines[i].running(), o.views[i]
	if live == nil || live.stood(time.Now()) {
		return
	}
	folder := live.Base + "/channels/" + o.channel + "/"
	// The checker must not notice that engines come back at other addresses.
	const public = "http://engine/"
	if view.of != live || o.remade && o.allows() { // its tracks may be others
		sent := time.Now()
		body, ok := o.get(ctx, i, live, folder+"master.m3u8", sent)
		if !ok {
			return
		}
		view.tracks = mediaPlaylists(body)
		if len(view.tracks) > 0 && strings.HasPrefix(view.tracks[0], "slate-") {
			return // nothing is settled yet
		}
		view.begun = body
		view.checker.Multivariant(sent, public+"master.m3u8", body)
	}
	for _, track := range view.tracks {
		sent := time.Now()
		body, ok := o.get(ctx, i, live, folder+track+".m3u8", sent)
		if !ok {
			return
		}
		if view.of != live {
			o.startup.raise(time.Since(live.listening))
		}
		view.of = live
		o.judge(i, track, sent, body)
		if o.afresh() {
			view.checker, view.judged = newChecker(), 0
			view.checker.Multivariant(sent, public+"master.m3u8", view.begun) // it says which track leads
		}
		view.checker.Media(sent, public+track+".m3u8?channel="+o.channel, body)
	}
	if all := view.checker.Violations(); len(all) > view.judged {
		for _, v := range all[view.judged:] {
			o.breach("%s: %s", o.engines[i].name, v)
		}
		view.judged = len(all)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	view.looked = begun
}

// caughtUp waits until all engines have been looked at from now on.
func (o *observer) caughtUp(ctx context.Context) error {
	now := time.Now()
	behind := func(v *seen) bool { return v.looked.Before(now) }
	for {
		o.mu.Lock()
		waiting := slices.ContainsFunc(o.views, behind)
		o.mu.Unlock()
		switch {
		case !waiting || ctx.Err() != nil:
			return ctx.Err()
		case time.Since(now) > agreeWithin:
			return fmt.Errorf("not all engines serve channel %s after %s", o.channel, agreeWithin)
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

// mediaPlaylists returns the tracks that a multivariant playlist names.
func mediaPlaylists(multivariant []byte) (tracks []string) {
	for line := range strings.Lines(string(multivariant)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			track, _, _ := strings.Cut(line, ".m3u8")
			tracks = append(tracks, track)
		}
	}
	return tracks
}

// tracks asks for the tracks of a channel.
func tracks(ctx context.Context, folder, channel string) ([]string, error) {
	response, body, err := fetch(ctx, folder+"master.m3u8?channel="+channel, answerWithin)
	if err != nil {
		return nil, err
	}
	names := mediaPlaylists(body)
	if response.StatusCode != http.StatusOK || len(names) == 0 {
		return nil, fmt.Errorf("multivariant playlist of %s: %s: %s", channel, response.Status, body)
	}
	return names, nil
}

// get fetches a playlist of an engine.
func (o *observer) get(ctx context.Context, i int, live *incarnation, url string, sent time.Time) ([]byte, bool) {
	o.requests.Add(1)
	response, body, err := fetch(ctx, url, 20*time.Second)
	if err == nil && response.StatusCode == http.StatusOK {
		o.answered(time.Now())
		return body, true
	}
	if ctx.Err() != nil || live.Stopping() || live.stood(sent) {
		return nil, false
	}
	o.errors.Add(1)
	if err == nil {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	if o.views[i].of == live && !o.allows() {
		o.report("%s no longer serves %s: %v", o.engines[i].name, o.channel, err)
	}
	return nil, false
}

// answered notes that some engine has a playlist.
func (o *observer) answered(at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.answers.IsZero() && at.Sub(o.answers) > time.Second {
		o.dark = append(o.dark, gap{o.answers, at})
	}
	o.answers = at
}

// gaps returns when no engine had a playlist, and when engines were allowed to
// differ.
func (o *observer) gaps() (dark, excused []gap) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.dark), slices.Clone(o.excused)
}

// breach reports a broken sequence.
func (o *observer) breach(format string, args ...any) {
	o.broken.Add(1)
	o.report(format, args...)
}

// judge compares a playlist with all that was seen before.
func (o *observer) judge(i int, track string, sent time.Time, body []byte) {
	name := o.engines[i].name + " " + o.channel + " " + track
	l, err := parse(string(body))
	if err != nil {
		o.report("%s: %v", name, err)
		return
	}
	// While they may begin anew, the schedule's clock may have been set.
	if late := sent.Sub(l.end); late > l.target+l.target/2 && !o.allows() {
		o.report("%s: its last segment ended %s ago", name, late.Round(time.Millisecond))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	view := o.views[i]
	if before := view.last[track]; l.first < before {
		o.breach("%s: the media sequence goes back from %d to %d", name, before, l.first)
	}
	tail, known := view.tail[track]
	if known && l.first > tail+1 && sent.Sub(view.at[track]) < window/2 {
		o.jumps.Add(1)
		if o.lenient.IsZero() {
			o.breach("%s: the media sequence jumps from %d to %d", name, tail, l.first)
		}
	}
	view.last[track], view.tail[track], view.at[track] = l.first, l.first+int64(len(l.segments))-1, sent
	for k, s := range l.segments {
		n := number{track, l.first + int64(k)}
		if before, known := view.named[n]; known && before != s {
			o.breach("%s: %d is %v, was %v", name, n.n, s, before)
		}
		view.named[n] = s
		before, known := o.agreed[n]
		switch {
		case known && before != s && o.lenient.IsZero():
			o.breach("%s: %d is %v, on another engine it was %v", name, n.n, s, before)
		case !known && o.lenient.IsZero():
			o.agreed[n] = s
		}
	}
}
